//! The documents: every link leads somewhere, and the guide's table of contents names every page.

use std::fs;
use std::path::{Path, PathBuf};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn pages() -> Vec<PathBuf> {
    let docs = fs::read_dir(root().join("docs")).unwrap();
    let mut pages: Vec<_> = docs
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|kind| kind == "md"))
        .collect();
    pages.extend(["README.md", "ARCHITECTURE.md", "SECURITY.md"].map(|name| root().join(name)));
    pages.sort();
    pages
}

/// Returns the text without its blocks of code.
fn prose(text: &str) -> String {
    let mut code = false;
    let outside = |line: &&str| {
        let fence = line.starts_with("```");
        code ^= fence;
        !code && !fence
    };
    text.lines().filter(outside).collect::<Vec<_>>().join("\n")
}

/// Returns what the inline links of a text lead to, those to other hosts left out.
fn links(text: &str) -> Vec<String> {
    let starts = text.match_indices("](").map(|(at, _)| &text[at + 2..]);
    let targets = starts.filter_map(|rest| rest.split_once(')').map(|(target, _)| target));
    targets
        .filter(|target| !target.contains("://") && !target.contains(char::is_whitespace))
        .map(str::to_owned)
        .collect()
}

/// Returns the anchors of a page's headings, as GitHub and mdBook make them.
fn anchors(text: &str) -> Vec<String> {
    let headings = prose(text);
    let titles = headings.lines().filter(|line| line.starts_with('#'));
    titles
        .map(|line| {
            let title = line.trim_start_matches('#').trim().to_lowercase();
            let kept = title.chars().filter_map(|symbol| match symbol {
                ' ' => Some('-'),
                '-' | '_' => Some(symbol),
                _ => symbol.is_alphanumeric().then_some(symbol),
            });
            kept.collect()
        })
        .collect()
}

/// Returns what is wrong with a link on a page, if anything is.
fn fault(page: &Path, text: &str, link: &str) -> Option<String> {
    let (file, anchor) = link.split_once('#').unwrap_or((link, ""));
    let target = page.parent()?.join(file);
    if !file.is_empty() && !target.exists() {
        return Some("no such file".to_owned());
    }
    if anchor.is_empty() {
        return None;
    }
    let read = (!file.is_empty()).then(|| fs::read_to_string(&target).unwrap());
    let found = anchors(read.as_deref().unwrap_or(text));
    (!found.iter().any(|name| name == anchor)).then(|| "no such heading".to_owned())
}

#[test]
fn every_link_leads_to_a_file_and_a_heading() {
    let mut count = 0;
    for page in pages() {
        let text = fs::read_to_string(&page).unwrap();
        for link in links(&prose(&text)) {
            count += 1;
            assert_eq!(
                fault(&page, &text, &link),
                None,
                "{}: {link}",
                page.display()
            );
        }
    }
    assert!(count > 50, "only {count} links");
}

#[test]
fn the_guide_links_to_no_file_outside_of_its_book() {
    let folder = root().join("docs");
    for page in pages().iter().filter(|page| page.starts_with(&folder)) {
        for link in links(&prose(&fs::read_to_string(page).unwrap())) {
            assert!(!link.starts_with(".."), "{}: {link}", page.display());
        }
    }
}

#[test]
fn a_dead_link_is_noticed() {
    let page = root().join("README.md");
    let faults = |link: &str| fault(&page, "# A heading, twice", link);
    assert_eq!(faults("docs/concepts.md"), None);
    assert_eq!(faults("#a-heading-twice"), None);
    assert!(faults("docs/no-such-page.md").is_some());
    assert!(faults("docs/concepts.md#no-such-heading").is_some());
    assert!(faults("#a-heading").is_some());
}

#[test]
fn the_table_of_contents_names_every_page_of_the_guide() {
    let folder = root().join("docs");
    let summary = fs::read_to_string(folder.join("SUMMARY.md")).unwrap();
    let listed = links(&summary);
    for page in pages().iter().filter(|page| page.starts_with(&folder)) {
        let name = page.file_name().unwrap().to_str().unwrap();
        let is_there = name == "SUMMARY.md" || listed.iter().any(|link| link == name);
        assert!(is_there, "SUMMARY.md does not name {name}");
    }
}

#[test]
fn the_readme_has_at_most_700_words() {
    let text = fs::read_to_string(root().join("README.md")).unwrap();
    let words = text.split_whitespace().count();
    assert!(words <= 700, "{words} words");
}

/// Returns the versions of Rust that a page asks for: "Rust 1.88 or later".
fn rust_versions(text: &str) -> Vec<&str> {
    let starts = text
        .match_indices("Rust ")
        .map(|(at, found)| &text[at + found.len()..]);
    starts
        .filter_map(|rest| rest.split_once(" or later").map(|(version, _)| version))
        .filter(|version| version.len() < 6)
        .collect()
}

#[test]
fn the_pages_ask_for_the_rust_version_of_the_manifest() {
    assert_eq!(
        rust_versions("With Rust 1.2 or later, or Rust alone"),
        ["1.2"]
    );
    let mut count = 0;
    for page in pages() {
        let text = fs::read_to_string(&page).unwrap();
        for version in rust_versions(&text) {
            count += 1;
            assert_eq!(
                version,
                env!("CARGO_PKG_RUST_VERSION"),
                "{}",
                page.display()
            );
        }
    }
    assert!(count >= 2, "only {count} pages name a version of Rust");
}

//! docs/formats.md is the register of all numbers that outlive a process: the code is held against it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

/// A number and what it is called in the code.
type Numbers = BTreeMap<u64, String>;

fn text(path: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Returns the cells of each row of the table under the one head that begins so.
fn table(document: &str, head: &str) -> Vec<Vec<String>> {
    let mut lines = document.lines().skip_while(|line| !line.starts_with(head));
    assert!(lines.next().is_some(), "no table begins with {head:?}");
    let rows = lines.skip(1).take_while(|line| line.starts_with('|'));
    let cells = |row: &str| {
        let row = row.trim_matches('|').split('|');
        row.map(|cell| cell.trim().replace('`', "")).collect()
    };
    rows.map(cells).collect()
}

/// Returns what a table says is in the code: its first column by its last, less what is reserved.
fn taken(document: &str, head: &str, radix: u32) -> Numbers {
    let rows = table(document, head);
    let mut seen = BTreeMap::new();
    for row in &rows {
        let number = u64::from_str_radix(&row[0], radix).unwrap();
        let before = seen.insert(number, row.last().unwrap().clone());
        assert_eq!(before, None, "{number} is given out twice");
    }
    seen.retain(|_, name| name != "reserved");
    assert!(!seen.is_empty());
    seen
}

/// Returns the variants of an enumeration in a source, with their numbers.
fn variants(source: &str, name: &str) -> Numbers {
    let body = source.split(&format!("enum {name} {{")).nth(1);
    let body = body.unwrap_or_else(|| panic!("no enum {name}"));
    let body = body.split("\n}").next().unwrap();
    let lines = body.lines().map(str::trim);
    let variant = |line: &str| {
        let (name, number) = line.strip_suffix(',')?.split_once(" = ")?;
        let number = match number.strip_prefix("0x") {
            Some(digits) => u64::from_str_radix(digits, 16),
            None => number.parse(),
        };
        Some((number.unwrap(), name.to_owned()))
    };
    let plain = lines
        .clone()
        .filter(|line| !line.is_empty() && !line.starts_with("//") && !line.starts_with('#'));
    let found: Numbers = lines.filter_map(variant).collect();
    assert_eq!(
        found.len(),
        plain.count(),
        "a variant of {name} without a number"
    );
    found
}

/// Returns the number of a constant of a source.
fn constant(source: &str, name: &str) -> u64 {
    let mut found = source
        .lines()
        .filter_map(|line| line.split_once(&format!("const {name}: u8 = ")));
    let (_, number) = found.next().unwrap_or_else(|| panic!("no constant {name}"));
    assert!(found.next().is_none(), "two constants {name}");
    number.trim_end_matches(';').parse().unwrap()
}

/// Returns the sources that have a format, in order.
fn sources_with_a_format() -> Vec<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let (mut folders, mut found) = (
        ["src", "crates"].map(|folder| root.join(folder)).to_vec(),
        Vec::new(),
    );
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if fs::read_to_string(&path).is_ok_and(|text| text.contains("const FORMAT: u8"))
            {
                found.push(path.strip_prefix(root).unwrap().display().to_string());
            }
        }
    }
    found.sort();
    found
}

/// Returns the names of members that records.md lists: of `ref.model` both.
fn names_listed(records: &str) -> BTreeSet<String> {
    let format = records.split("new member raises `v`").nth(1).unwrap();
    let tables = ["| member | value |", "| member | `hotp` |"].map(|head| table(format, head));
    let rows = tables.iter().flatten();
    let names = rows.flat_map(|row| row[0].split([' ', ',', '?', '.']));
    names
        .filter(|name| !name.is_empty())
        .map(String::from)
        .collect()
}

/// Returns the names of members that a source sets.
fn names_set(source: &str) -> BTreeSet<String> {
    let source: String = source.split_whitespace().collect();
    let some = source.split("set_some(").skip(1);
    let some = some.filter_map(|rest| Some(rest.split_once(",\"")?.1));
    let set = source.split(".set(\"").skip(1).chain(some);
    set.map(|rest| rest.split('"').next().unwrap().to_owned())
        .collect()
}

/// Says where the code and the register differ; nothing where they agree.
fn differences(
    document: &str,
    keys: &str,
    kinds: &str,
    formats: &dyn Fn(&str) -> String,
) -> Vec<String> {
    let mut found = Vec::new();
    let mut compare = |what: &str, said: Numbers, is: Numbers| {
        if said != is {
            found.push(format!(
                "{what}: the register says {said:?}, the code {is:?}"
            ));
        }
    };
    compare(
        "first bytes",
        taken(document, "| byte | names |", 16),
        variants(keys, "CellKind"),
    );
    compare(
        "kinds",
        taken(document, "| number | kind |", 10),
        variants(kinds, "otp_cell_kind"),
    );
    for row in table(document, "| cell | before |") {
        let [cell, before, now, file] = &row[..] else {
            panic!("{row:?}");
        };
        let (now, is): (u64, _) = (now.parse().unwrap(), constant(&formats(file), "FORMAT"));
        if now != is {
            found.push(format!(
                "format of a {cell}: the register says {now}, the code {is}"
            ));
        }
        let before = before.parse().unwrap_or(now);
        if before != now
            && !document.contains(&format!("### {cell}: format {before} and format {now}"))
        {
            found.push(format!(
                "Upgrading lacks what becomes of a {cell} of format {now}"
            ));
        }
    }
    let records = table(document, "| `v` | adds |");
    assert!(!records.is_empty(), "no records");
    for (version, row) in (1..).zip(&records) {
        let written = format!("=> {version},");
        let is_it = |line: &str| line.contains(&written) && line.contains("// the `v`");
        if row[0] != version.to_string() || !formats(&row[2]).lines().any(is_it) {
            found.push(format!("records: the code has no {written:?}"));
        }
    }
    let source = formats(&records[0][2]);
    let arms = source.matches("// the `v` of docs/formats.md").count();
    if arms != records.len() {
        let rows = records.len();
        found.push(format!(
            "records: the code has {arms} of `v`, the register {rows}"
        ));
    }
    let listed = names_listed(&formats("docs/records.md"));
    let set = names_set(&source);
    let apart: Vec<_> = listed.symmetric_difference(&set).collect();
    if !apart.is_empty() {
        found.push(format!("members of a record: {apart:?} in one of both"));
    }
    found
}

#[test]
fn case_207_the_register_is_what_the_code_has() {
    let (document, keys) = (text("docs/formats.md"), text("src/keys.rs"));
    let kinds = text("bindings/c/src/host.rs");
    let found = differences(&document, &keys, &kinds, &text);
    assert!(found.is_empty(), "{found:#?}");
    // Every format of the sources has its row.
    let rows = table(&document, "| cell | before |");
    let mut told: Vec<_> = rows.iter().map(|row| row[3].clone()).collect();
    told.sort();
    assert_eq!(sources_with_a_format(), told);
    // The kinds of Rust are those of C, in the same order.
    let store = text("src/store.rs");
    let body = store.split("pub enum Kind {").nth(1).unwrap();
    let rust: Vec<_> = body
        .split('}')
        .next()
        .unwrap()
        .lines()
        .filter_map(|line| line.trim().strip_suffix(','))
        .collect();
    let c: Vec<_> = variants(&kinds, "otp_cell_kind")
        .into_values()
        .skip(1)
        .collect();
    assert_eq!(rust, c);
}

/// Each planted difference must be seen, or the test above shows nothing.
#[test]
fn case_207_a_number_that_the_register_lacks_is_seen() {
    let (document, keys) = (text("docs/formats.md"), text("src/keys.rs"));
    let kinds = text("bindings/c/src/host.rs");
    let planted = |from: &str, to: &str, text: &str| {
        assert!(text.contains(from), "{from:?}");
        text.replacen(from, to, 1)
    };
    let moved = planted("    Canary = 0x0F,", "    Canary = 0x10,", &keys);
    let added = planted(
        "    Canary = 0x0F,",
        "    Canary = 0x0F,\n    Lane = 9,",
        &keys,
    );
    for keys in [moved, added] {
        let found = differences(&document, &keys, &kinds, &text);
        assert!(
            found.len() == 1 && found[0].contains("first bytes"),
            "{found:?}"
        );
    }
    let kinds_moved = planted("    Canary = 6,", "    Canary = 7,", &kinds);
    let found = differences(&document, &keys, &kinds_moved, &text);
    assert!(found.len() == 1 && found[0].contains("kinds"), "{found:?}");
    let format = |path: &str| match path {
        "src/chain_head.rs" => planted(
            "const FORMAT: u8 = 1;",
            "const FORMAT: u8 = 2;",
            &text(path),
        ),
        _ => text(path),
    };
    let found = differences(&document, &keys, &kinds, &format);
    assert_eq!(
        found,
        ["format of a chain head: the register says 1, the code 2"]
    );
    let told = planted(
        "| chain head | 1 | 1 |",
        "| chain head | 1 | 2 |",
        &document,
    );
    let found = differences(&told, &keys, &kinds, &format);
    assert_eq!(
        found,
        ["Upgrading lacks what becomes of a chain head of format 2"]
    );
    let given = planted(
        "| `09` | log: lane tail | reserved |",
        "| `09` | log: lane tail | `Tail` |",
        &document,
    );
    let found = differences(&given, &keys, &kinds, &text);
    assert!(found.len() == 1 && found[0].contains("Tail"), "{found:?}");
    let later = planted("| 2 | `otp.chan`", "| 3 | `otp.chan`", &document);
    let found = differences(&later, &keys, &kinds, &text);
    assert_eq!(found, ["records: the code has no \"=> 2,\""]);
    let twice = planted("| `0A` |", "| `09` |", &document);
    let refused = std::panic::catch_unwind(|| taken(&twice, "| byte | names |", 16));
    assert!(refused.is_err(), "a number given out twice was not seen");
}

/// A member or a `v` more or less, in the code or in the list, must be seen.
#[test]
fn case_661_a_member_of_a_record_that_is_not_listed_is_seen() {
    const FACTS: &str = "crates/otp-record/src/record/facts.rs";
    const LIST: &str = "docs/records.md";
    let (document, keys) = (text("docs/formats.md"), text("src/keys.rs"));
    let kinds = text("bindings/c/src/host.rs");
    for (file, from, to, seen) in [
        (LIST, "| `txt`? |", "| `txt`?, `more` |", "[\"more\"]"),
        (LIST, "| `otp.per` |", "| `otp.cred` |", "[\"per\"]"),
        (FACTS, "top.set(\"n\",", "top.set(\"m\",", "[\"m\", \"n\"]"),
        (FACTS, "\"rev\",", "\"r\",", "[\"r\", \"rev\"]"),
        (FACTS, "\"ctr\",", "\"c\",", "[\"c\", \"ctr\"]"),
        (
            FACTS,
            "Maker::Device(_) => 2,",
            "_ => 3, // the `v` of docs/formats.md\n_ => 2,",
            "3 of `v`",
        ),
    ] {
        assert!(text(file).contains(from), "{from:?}");
        let planted = |path: &str| {
            let times = usize::from(path == file);
            text(path).replacen(from, to, times)
        };
        let found = differences(&document, &keys, &kinds, &planted);
        assert!(
            found.len() == 1 && found[0].contains(seen),
            "{found:?}, not {seen}"
        );
    }
}

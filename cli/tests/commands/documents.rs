//! docs/command.md: each of its examples runs, and prints what it says.

use std::fs;
use std::path::Path;
use std::process::Command;

use otp_engine_testkit::Folder;

use crate::{OTP, run};

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");

/// A command of an example, and what it prints; `..` stands for any lines.
struct Example<'a> {
    command: &'a str,
    printed: Vec<&'a str>,
}

fn examples(page: &str) -> Vec<Example<'_>> {
    let mut found: Vec<Example<'_>> = Vec::new();
    let mut inside = false;
    for line in page.lines() {
        if line.starts_with("```") {
            inside = line == "```console";
        } else if let Some(command) = line.strip_prefix("$ ").filter(|_| inside) {
            found.push(Example {
                command,
                printed: Vec::new(),
            });
        } else if inside {
            found.last_mut().unwrap().printed.push(line);
        }
    }
    found
}

fn is_as_printed(said: &[&str], printed: &[&str]) -> bool {
    match printed.split_first() {
        None => said.is_empty(),
        Some((&"..", rest)) => (0..=said.len()).any(|at| is_as_printed(&said[at..], rest)),
        Some((first, rest)) => {
            let same = |line: &str| match first.split_once("..") {
                Some((front, back)) => line.starts_with(front) && line.ends_with(back),
                None => line == *first,
            };
            said.split_first()
                .is_some_and(|(line, left)| same(line) && is_as_printed(left, rest))
        }
    }
}

#[test]
fn every_example_of_the_page_runs_and_prints_what_the_page_says() {
    let page = fs::read_to_string(format!("{ROOT}/docs/command.md")).unwrap();
    let folder = Folder::new();
    for name in ["first.sd-jwt", "first.jwks"] {
        fs::copy(
            format!("{ROOT}/tests/vectors/records/{name}"),
            folder.path().join(name),
        )
        .unwrap();
    }
    let bin = Path::new(OTP).parent().unwrap().display();
    let path = format!("{bin}:{}", std::env::var("PATH").unwrap());
    let examples = examples(&page);
    for Example { command, printed } in &examples {
        let mut shell = Command::new("sh");
        shell
            .arg("-c")
            .arg(format!("umask 077; {{ {command}\n}} 2>&1"));
        let ran = run(
            shell
                .current_dir(folder.path())
                .env("PATH", &path)
                .env_remove("OTP_DATABASE"),
            "",
        );
        let said: Vec<_> = ran.stdout.lines().collect();
        assert!(
            is_as_printed(&said, printed),
            "$ {command}\n{}\nand not\n{}",
            said.join("\n"),
            printed.join("\n")
        );
    }
    // One of each command at least.
    for name in [
        "totp",
        "hotp",
        "ocra",
        "uri make",
        "uri read",
        "record verify",
        "record show",
        "record chain",
        "keys new",
        "keys rotate",
        "keys retire",
        "keys check",
        "policy check",
        "store migrate",
        "store check",
        "store purge",
        "store status",
        "store unlock",
        "store reset user",
        "store erase",
        "bench",
        "completions",
        "man",
    ] {
        let name = format!("otp {name}");
        assert!(
            examples
                .iter()
                .any(|example| example.command.contains(&name)),
            "{name}"
        );
    }
}

#[test]
fn an_example_that_prints_something_else_is_noticed() {
    assert!(is_as_printed(&["a", "b", "c"], &["a", "..", "c"]));
    assert!(is_as_printed(&["key abc of 2"], &["key .. of 2"]));
    assert!(!is_as_printed(&["a", "b"], &["a"]));
    assert!(!is_as_printed(&["a"], &["a", "b"]));
    assert!(!is_as_printed(&["a"], &["b"]));
}

//! What each command says of itself.

use crate::otp;

/// Every command with a help of its own.
fn commands() -> Vec<Vec<String>> {
    let mut open: Vec<Vec<String>> = vec![vec![]];
    let mut all = Vec::new();
    while let Some(command) = open.pop() {
        let help = help(&command);
        let listed = help.lines().skip_while(|line| *line != "Commands:").skip(1);
        for line in listed.take_while(|line| !line.is_empty()) {
            let name = line.split_whitespace().next().unwrap().to_owned();
            open.push([&*command, &[name]].concat());
        }
        all.push(command);
    }
    all
}

fn help(command: &[String]) -> String {
    let arguments: Vec<_> = command
        .iter()
        .map(String::as_str)
        .chain(["--help"])
        .collect();
    let ran = otp(&arguments, "");
    assert_eq!((ran.code, &*ran.stderr), (0, ""), "{command:?}");
    ran.stdout
}

#[test]
fn case_503_every_help_fits_a_screen_of_80_by_24() {
    let commands = commands();
    for name in [
        "totp",
        "hotp",
        "ocra",
        "uri",
        "record",
        "keys",
        "policy",
        "store",
        "bench",
        "completions",
        "man",
    ] {
        assert!(commands.iter().any(|command| command == &[name]), "{name}");
    }
    let mut faults = Vec::new();
    for command in &commands {
        let help = help(command);
        let (lines, width) = (
            help.lines().count(),
            help.lines().map(|line| line.chars().count()).max(),
        );
        if lines > 24 || width > Some(80) {
            faults.push(format!(
                "otp {}: {lines} lines of at most {width:?}",
                command.join(" ")
            ));
        }
        // -h and --help are the same: nobody has to look twice.
        let short: Vec<_> = command.iter().map(String::as_str).chain(["-h"]).collect();
        assert_eq!(otp(&short, "").stdout, help, "{command:?}");
    }
    assert_eq!(faults, [""; 0]);
    assert!(commands.len() > 25, "{commands:?}");
}

/// Each argument that takes a value says what it is, in words.
#[test]
fn every_argument_is_explained() {
    for command in commands() {
        let help = help(&command);
        let is_argument = |line: &&str| {
            let indent = line.len() - line.trim_start().len();
            [2, 6].contains(&indent) && line.trim_start().starts_with(['-', '<', '['])
        };
        for line in help.lines().filter(is_argument) {
            let words = line.trim().split_once("  ").map(|(_, words)| words.trim());
            assert!(
                words.is_some_and(|words| !words.is_empty()),
                "{command:?}: {line:?}"
            );
        }
    }
}

#[test]
fn usage_errors_end_with_2_and_say_where_to_look() {
    for arguments in [
        &["record"][..],
        &["record", "verify"],
        &["no-such-command"],
        &["keys", "rotate", "one"],
    ] {
        let ran = otp(arguments, "");
        assert_eq!(ran.code, 2, "{ran:?}");
        assert!(
            ran.stderr.contains("--help") || ran.stderr.contains("Usage"),
            "{ran:?}"
        );
    }
    assert_eq!(
        otp(&["--version"], "").stdout,
        concat!("otp ", env!("CARGO_PKG_VERSION"), "\n")
    );
}

#[test]
fn case_509_completions_and_manual_pages_know_every_command() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = otp(&["completions", shell], "").stdout;
        for name in ["totp", "verify", "migrate", "confirm-clock"] {
            assert!(script.contains(name), "{shell}: {name}");
        }
    }
    // bash takes it.
    let script = otp(&["completions", "bash"], "").stdout;
    let checked = crate::run(std::process::Command::new("bash").arg("-n"), &script);
    assert_eq!((checked.code, &*checked.stderr), (0, ""));

    let page = otp(&["man"], "").stdout;
    assert!(
        page.contains(".TH otp 1") && page.contains("never from arguments"),
        "{page}"
    );
    let folder = otp_engine_testkit::Folder::new();
    assert_eq!(
        otp(&["man", "--folder", folder.path().to_str().unwrap()], "").code,
        0
    );
    for name in [
        "otp.1",
        "otp-totp.1",
        "otp-record-verify.1",
        "otp-store-reset-slot.1",
    ] {
        let page = std::fs::read_to_string(folder.path().join(name)).unwrap();
        assert!(page.contains(".SH NAME"), "{name}");
    }
    let ran = otp(&["man", "--folder", "no/such/folder"], "");
    crate::told(&ran, 2, &["no/such/folder", "cannot be written"]);
}

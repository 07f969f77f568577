//! `otp totp` and `otp hotp`, beside oathtool.

use std::process::Command;

use otp_engine_testkit::Folder;
use serde_json::json;

use crate::{Ran, Random, json, otp, private, run, told};

/// The secret of RFC 4226, appendix D.
const BASE32: &str = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";
const HEX: &str = "3132333435363738393031323334353637383930";

fn oathtool(arguments: &[&str], stdin: &str) -> Ran {
    let ran = Command::new("oathtool").arg("--version").output();
    ran.expect("oathtool runs: apt-get install oathtool");
    run(
        Command::new("oathtool").args(arguments).env("LC_ALL", "C"),
        stdin,
    )
}

/// A device at random, as each of the two commands is told of it.
struct Device {
    secret: String,
    ours: Vec<String>,
    theirs: Vec<String>,
}

impl Device {
    fn new(random: &mut Random) -> Self {
        let (mut ours, mut theirs) = (Vec::new(), Vec::new());
        let mut both = |our: &str, their: &str, value: String| {
            ours.extend([our.to_owned(), value.clone()]);
            theirs.extend([their.to_owned(), value]);
        };
        both("--digits", "-d", (6 + random.below(3)).to_string());
        let is_totp = random.below(2) == 0;
        if is_totp {
            both("--now", "-N", format!("@{}", random.below(1 << 33)));
            both("--step", "-s", format!("{}", 1 + random.below(3600)));
        } else {
            let bits = 1 + random.below(62);
            both("--counter", "-c", random.below(1 << bits).to_string());
        }
        let algorithm = random.one_of(&["sha1", "sha256", "sha512"]);
        if is_totp {
            theirs.push(format!("--totp={algorithm}"));
            ours.insert(0, "totp".into());
            ours.extend(["--algorithm".into(), algorithm.into()]);
        } else {
            ours.insert(0, "hotp".into());
        }
        let bytes: Vec<u8> = (0..10 + random.below(60))
            .map(|_| random.next() as u8)
            .collect();
        let secret = if random.below(2) == 0 {
            ours.push("--hex".into());
            bytes.iter().map(|byte| format!("{byte:02x}")).collect()
        } else {
            theirs.push("-b".into());
            base32(&bytes)
        };
        Self {
            secret,
            ours,
            theirs,
        }
    }

    /// Runs both with more arguments; oathtool takes the key first.
    fn run(&self, window: &str, code: Option<&str>) -> [Ran; 2] {
        fn all<'a>(own: &'a [String], more: &[&'a str]) -> Vec<&'a str> {
            own.iter()
                .map(String::as_str)
                .chain(more.iter().copied())
                .collect()
        }
        let code: Vec<_> = code.into_iter().collect();
        let ours = all(&self.ours, &[&["--window", window], &*code].concat());
        let theirs = all(&self.theirs, &[&["-w", window, "-"], &*code].concat());
        [otp(&ours, &self.secret), oathtool(&theirs, &self.secret)]
    }
}

fn base32(bytes: &[u8]) -> String {
    let bits: String = bytes.iter().map(|byte| format!("{byte:08b}")).collect();
    let symbols = bits.as_bytes().chunks(5).map(|five| {
        let five = format!("{:0<5}", core::str::from_utf8(five).unwrap());
        char::from(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"[usize::from_str_radix(&five, 2).unwrap()])
    });
    symbols.collect()
}

/// 200 devices, 50 codes of each; of each device one of its codes is then checked, and one that is wrong.
#[test]
fn case_500_ten_thousand_codes_are_those_of_oathtool_and_so_are_the_verdicts() {
    let mut random = Random::new();
    let mut cases = 0;
    for _ in 0..200 {
        let device = Device::new(&mut random);
        let [ours, theirs] = device.run("49", None);
        assert_eq!(
            (ours.code, &ours.stdout),
            (0, &theirs.stdout),
            "{:?}",
            device.ours
        );
        let codes: Vec<_> = ours.stdout.lines().collect();
        cases += codes.len();

        let right = random.one_of(&codes);
        let [ours, theirs] = device.run("49", Some(right));
        assert_eq!(
            (ours.code, theirs.code),
            (0, 0),
            "{:?} {right}: {ours:?} {theirs:?}",
            device.ours
        );
        if device.ours[0] == "hotp" {
            assert_eq!(ours.stdout, theirs.stdout, "{:?} {right}", device.ours);
        }
        let other = if codes[0].starts_with('0') { "1" } else { "0" };
        let wrong = format!("{other}{}", &codes[0][1..]);
        let [ours, theirs] = device.run("0", Some(&wrong));
        assert_eq!(
            (ours.code, theirs.code),
            (2, 2),
            "{:?} {wrong}: {ours:?} {theirs:?}",
            device.ours
        );
    }
    assert_eq!(cases, 10_000);
}

#[test]
fn case_500_an_error_has_the_exit_code_that_oathtool_has_for_it() {
    for (ours, theirs, stdin) in [
        (&["hotp", "--hex"][..], &["-"][..], "no hexadecimal digits"),
        (&["hotp"], &["-b", "-"], "no base32!"),
        (&["totp", "--no-such-option"], &["--no-such-option"], ""),
        (&["hotp", "--digits", "5"], &["-d", "5", HEX], BASE32),
    ] {
        let (ours, theirs) = (otp(ours, stdin), oathtool(theirs, stdin));
        assert_eq!((ours.code, theirs.code), (1, 1), "{ours:?} {theirs:?}");
    }
}

#[test]
fn the_codes_of_the_rfcs_are_made_and_checked() {
    told(&otp(&["hotp"], BASE32), 0, &["755224\n"]);
    told(
        &otp(&["hotp", "--hex", "--counter", "2"], HEX),
        0,
        &["359152\n"],
    );
    told(
        &otp(&["totp", "--digits", "8", "--now", "@59"], BASE32),
        0,
        &["94287082\n"],
    );
    let sha512 = "3132333435363738393031323334353637383930".repeat(3) + "31323334";
    let arguments = [
        "totp",
        "--hex",
        "-a",
        "sha512",
        "-d",
        "8",
        "--now",
        "2005-03-18T01:58:29Z",
    ];
    told(&otp(&arguments, &sha512), 0, &["25091201\n"]);
    // Behind and ahead of the clock by a step, and by two.
    for (now, code, text) in [
        ("@89", 0, "-1\n"),
        ("@29", 0, "1\n"),
        ("@90", 2, "not valid"),
    ] {
        let ran = otp(&["totp", "--now", now, "--window", "1", "287082"], BASE32);
        told(&ran, code, &[text]);
    }
}

#[test]
fn answers_in_json_say_what_matched() {
    let ran = otp(
        &["hotp", "--json", "--counter", "1", "--window", "1"],
        BASE32,
    );
    assert_eq!(
        json(&ran),
        json!({"codes": ["287082", "359152"], "counter": 1})
    );
    let ran = otp(&["hotp", "--json", "--window", "5", "359152"], BASE32);
    assert_eq!(json(&ran), json!({"ahead": 2, "counter": 2, "valid": true}));
    let ran = otp(&["totp", "--json", "--now", "@359", "287082"], BASE32);
    let nothing = json!({"ahead": null, "step": null, "valid": false});
    assert_eq!((ran.code, json(&ran)), (2, nothing));
}

#[test]
fn case_501_a_secret_is_read_from_a_private_file_or_stdin_and_never_an_argument() {
    let folder = Folder::new();
    let path = folder.path().join("secret");
    private(&path, &format!("{BASE32}\n"));
    let path = path.to_str().unwrap();
    told(&otp(&["hotp", "--secret", path], ""), 0, &["755224"]);
    // Both the secret and the code on standard input, a line each.
    told(
        &otp(&["hotp", "-"], &format!("{BASE32}\n755224\n")),
        0,
        &["0\n"],
    );
    told(
        &otp(&["hotp", "-"], &format!("{BASE32}\n755225\n")),
        2,
        &["not valid"],
    );

    let ran = otp(&["hotp", BASE32], "");
    told(&ran, 1, &["a secret is never an argument", "--secret FILE"]);
    std::fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(0o640)).unwrap();
    told(
        &otp(&["hotp", "--secret", path], ""),
        1,
        &[path, "mode 0640", "0600", "chmod 600"],
    );
    told(
        &otp(&["hotp", "--secret", "no-such-file"], ""),
        1,
        &["no-such-file: is not there"],
    );
}

#[test]
fn case_502_an_error_names_the_argument_its_bound_and_what_to_do() {
    for (arguments, stdin, texts) in [
        (
            &["hotp", "--digits", "5"][..],
            BASE32,
            &["--digits", "6..=10", "--help"][..],
        ),
        (
            &["hotp", "--window", "256"],
            BASE32,
            &["--window", "0..=255"],
        ),
        (&["totp", "--step", "0"], BASE32, &["--step", "1..=86400"]),
        (
            &["totp", "--now", "noon"],
            BASE32,
            &["--now", "2026-11-30T12:00:00Z"],
        ),
        (
            &["totp", "--now", "-1"],
            BASE32,
            &["--now lies before 1970"],
        ),
        (
            &["totp"],
            "GEZDGNBV",
            &["the secret is 5 bytes", "10 to 1024"],
        ),
        (&["totp"], HEX, &["base32", "need --hex"]),
        (
            &["totp", "--hex"],
            BASE32,
            &["hexadecimal digits", "without --hex"],
        ),
        (
            &["totp", "--algorithm", "md5"],
            BASE32,
            &["--algorithm", "sha1, sha256, sha512"],
        ),
        (&["totp", "--windw", "1"], BASE32, &["--windw", "--window"]),
    ] {
        let ran = otp(arguments, stdin);
        told(&ran, 1, texts);
        assert!(
            !ran.stderr.contains(stdin) && ran.stdout.is_empty(),
            "{ran:?}"
        );
    }
}

//! `otp policy check`

use crate::{otp, told};

fn check(more: &[&str], file: &str) -> crate::Ran {
    otp(&[&["policy", "check"], more, &["-"]].concat(), file)
}

#[test]
fn the_odds_and_findings_of_limits_are_told() {
    let ran = check(&[], "");
    told(
        &ran,
        0,
        &[
            "chance of guessing: at most 0.0005 % per code",
            "art. 4(3)(b)",
            "2 findings",
        ],
    );
    let strict =
        "[policy]\ndigits = 8\ncontent = \"required\"\n[rate_limits]\nuser_failures_per_day = 5\n";
    told(&check(&["--strict"], strict), 0, &["0 findings"]);
    told(&check(&["--strict"], ""), 1, &["2 findings"]);
    let sms = check(&["--sms", "--json"], strict).stdout;
    let sms: serde_json::Value = serde_json::from_str(&sms).unwrap();
    assert!(!sms["findings"].as_array().unwrap().is_empty());
    assert_eq!(sms["odds"]["per_code"], 5e-8);
    told(&check(&["--email", "--strict"], strict), 1, &["finding: "]);
}

#[test]
fn every_member_is_read() {
    let all = "[policy]\nletters = 8\nvalidity = 300\nmax_attempts = 3\nlockout = 3600\ncooldown = 30\n\
               resend = \"rotate\"\nmax_sends = 2\ncontent = \"required\"\n\
               require = [\"consent\", \"document\", \"image\", \"signer_name\"]\n\
               [rate_limits]\nuser_failures_per_day = 4\nconsecutive_failures = 20\nlock_ends_after = 86400\n\
               recipient_failures_per_day = 5\ndevice_failures_per_day = 6\n\
               recipient_sends_per_ten_minutes = 7\nrecipient_sends_per_day = 8\nuser_sends_per_hour = 9\n";
    told(&check(&[], all), 0, &["chance of guessing"]);
    // Each is bounded: the error names it, so each has arrived where it belongs.
    for line in all
        .lines()
        .filter(|line| line.ends_with(|c: char| c.is_ascii_digit()))
    {
        let (name, _) = line.split_once(" = ").unwrap();
        let table = if all.find(line) < all.find("[rate_limits]") {
            "policy"
        } else {
            "rate_limits"
        };
        let most = if ["validity", "lockout", "cooldown", "lock_ends_after"].contains(&name) {
            90_000_000
        } else {
            255
        };
        let ran = check(&[], &format!("[{table}]\n{name} = {most}\n"));
        told(&ran, 2, &[table, name, "it must be"]);
    }
    told(
        &check(&[], "[policy]\ntoken = true\nvalidity = 604800\n"),
        0,
        &[],
    );
}

#[test]
fn errors_of_a_file_name_the_member() {
    for (file, texts) in [
        (
            "[policy]\ndigit = 6\n",
            &["standard input", "digit", "digits"][..],
        ),
        ("[policies]\n", &["policies", "rate_limits"]),
        (
            "[policy]\ndigits = 5\n",
            &["digits is 5; it must be 6 to 10"],
        ),
        (
            "[policy]\ndigits = 6\ntoken = true\n",
            &["one of digits, letters and token"],
        ),
        ("[policy]\nresend = \"new\"\n", &["same", "rotate"]),
        ("[policy\n", &["standard input"]),
    ] {
        told(&check(&[], file), 2, texts);
    }
    told(
        &otp(&["policy", "check", "no-such-file"], ""),
        2,
        &["no-such-file: is not there"],
    );
}

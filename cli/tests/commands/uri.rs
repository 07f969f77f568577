//! `otp uri`

use crate::{otp, told};

const SECRET: &str = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";
const MADE: &str = "otpauth://totp/ACME%20Bank:ann%40example.com?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ\
                    &issuer=ACME%20Bank&algorithm=SHA1&digits=6&period=30";
const MAKE: [&str; 6] = [
    "uri",
    "make",
    "--account",
    "ann@example.com",
    "--issuer",
    "ACME Bank",
];

#[test]
fn a_uri_is_made_and_read_again() {
    let made = otp(&MAKE, SECRET);
    told(&made, 0, &[MADE]);
    let read = otp(&["uri", "read"], MADE);
    told(
        &read,
        0,
        &[
            "totp",
            "\"ACME Bank\"",
            "\"ann@example.com\"",
            "SHA1",
            "160 bits",
            "--show-secret",
        ],
    );
    assert!(!read.stdout.contains(SECRET));
    told(&otp(&["uri", "read", "--show-secret"], MADE), 0, &[SECRET]);
    let json = otp(&["uri", "read", "--json"], MADE).stdout;
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(
        (&json["step"], &json["secret"]),
        (&30.into(), &serde_json::Value::Null)
    );

    let hotp = otp(
        &[
            &MAKE[..],
            &["--counter", "7", "--digits", "8", "--algorithm", "sha256"],
        ]
        .concat(),
        SECRET,
    );
    told(
        &hotp,
        0,
        &[
            "otpauth://hotp/",
            "counter=7",
            "digits=8",
            "algorithm=SHA256",
        ],
    );
    told(
        &otp(&["uri", "read"], &hotp.stdout),
        0,
        &["hotp", "counter    7"],
    );
}

#[test]
fn a_new_secret_is_drawn_each_time_and_makes_codes() {
    let make = || otp(&[&MAKE[..], &["--new"]].concat(), "").stdout;
    let (one, other) = (make(), make());
    assert_ne!(one, other);
    let shown = otp(&["uri", "read", "--json", "--show-secret"], &one).stdout;
    let shown: serde_json::Value = serde_json::from_str(&shown).unwrap();
    let secret = shown["secret"].as_str().unwrap();
    assert_eq!(secret.len(), 32);
    assert_eq!(otp(&["totp"], secret).stdout.trim().len(), 6);
}

/// A reader of QR codes reads the URI from the half blocks.
#[test]
fn case_505_the_qr_code_in_the_terminal_holds_the_uri() {
    for stdin in [SECRET.to_owned(), "GEZDGNBVGY3TQOJQ".repeat(25)] {
        let text = otp(&MAKE, &stdin).stdout;
        let drawn = otp(&[&MAKE[..], &["--qr"]].concat(), &stdin).stdout;
        assert_eq!(otp(&["uri", "read", "--qr"], &text).stdout, drawn);
        // Dark is where no block is, as on a dark terminal.
        let rows: Vec<Vec<bool>> = drawn
            .lines()
            .flat_map(|line| {
                let half = |lights: [char; 2]| line.chars().map(|c| !lights.contains(&c)).collect();
                [half(['█', '▀']), half(['█', '▄'])]
            })
            .collect();
        let (width, scale) = (rows[0].len(), 4);
        assert!(
            rows[..4].iter().flatten().all(|dark| !dark),
            "no quiet zone"
        );
        let dark = |x: usize, y: usize| if rows[y / scale][x / scale] { 0 } else { 255 };
        let mut image =
            rqrr::PreparedImage::prepare_from_greyscale(width * scale, width * scale, dark);
        let found = image.detect_grids();
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].decode().unwrap().1, text.trim_end());
    }
    let width = otp(&[&MAKE[..], &["--qr"]].concat(), SECRET).stdout;
    assert!(
        width.lines().all(|line| line.chars().count() <= 80),
        "{width}"
    );
}

#[test]
fn errors_of_uris_name_what_is_wrong() {
    told(
        &otp(&["uri", "read"], "https://example.org"),
        2,
        &["is no otpauth uri"],
    );
    told(
        &otp(&["uri", "read"], "otpauth://totp/a?digits=6"),
        2,
        &["has no secret"],
    );
    told(
        &otp(&["uri", "make", "--account", "a:b"], SECRET),
        2,
        &["--account", "colon"],
    );
    let ran = otp(
        &[&MAKE[..], &["--counter", "1", "--step", "60"]].concat(),
        SECRET,
    );
    told(&ran, 2, &["--counter", "--step"]);
    let ran = otp(
        &[&MAKE[..], &["--qr"]].concat(),
        &"GEZDGNBVGY3TQOJQ".repeat(95),
    );
    told(&ran, 0, &[]);
}

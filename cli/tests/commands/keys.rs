//! `otp keys`

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use otp_engine_testkit::Folder;
use serde_json::Value;

use crate::{otp, told};

/// A folder of keys, and paths in it.
struct Keys(Folder);

impl Keys {
    fn new() -> Self {
        let keys = Self(Folder::new());
        let made = otp(&["keys", "new", &keys.file("k"), "--kid", "2026a"], "");
        told(&made, 0, &["keys.json", "signing.pem", "signing.jwks"]);
        keys
    }

    fn file(&self, name: &str) -> String {
        self.0.path().join(name).to_str().unwrap().into()
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.file(name)).unwrap()
    }

    fn json(&self, name: &str) -> Value {
        serde_json::from_str(&self.read(name)).unwrap()
    }
}

fn mode(path: &str) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn case_508_new_keys_are_private_sound_and_never_overwritten() {
    let keys = Keys::new();
    let files = ["k/keys.json", "k/signing.pem", "k/signing.jwks"].map(|name| keys.file(name));
    for file in &files {
        assert_eq!(mode(file), 0o600, "{file}");
    }
    assert_eq!(mode(&keys.file("k")), 0o700);
    let check = otp(&["keys", "check", &files[0], &files[1], &files[2]], "");
    told(
        &check,
        0,
        &[
            "epoch 0",
            "2026a        current",
            "signing key",
            "public keys",
        ],
    );
    let json = keys.json("k/keys.json");
    assert_eq!(
        (&json["current"], &json["epoch"]),
        (&"2026a".into(), &0.into())
    );
    // The signing key is the one whose public key stands in the set.
    let id = check.stdout.split_once("signing key ").unwrap().1[..43].to_owned();
    assert!(keys.read("k/signing.jwks").contains(&id));

    let before = files.clone().map(|file| fs::read(file).unwrap());
    told(
        &otp(&["keys", "new", &keys.file("k")], ""),
        2,
        &["keys.json: is there already"],
    );
    for name in ["keys.json", "signing.pem", "signing.jwks"] {
        let other = keys.file("other");
        fs::create_dir(&other).unwrap();
        fs::write(Path::new(&other).join(name), "kept").unwrap();
        told(
            &otp(&["keys", "new", &other], ""),
            2,
            &[name, "is there already"],
        );
        assert_eq!(fs::read_dir(&other).unwrap().count(), 1, "{name}");
        fs::remove_dir_all(&other).unwrap();
    }
    assert_eq!(files.map(|file| fs::read(file).unwrap()), before);
    // Two rings are of two secrets.
    let other = Keys::new();
    assert_ne!(other.json("k/keys.json")["index"], json["index"]);
}

#[test]
fn case_508_a_code_secret_is_rotated_retired_and_removed() {
    let keys = Keys::new();
    let (first, second, third) = (
        keys.file("k/keys.json"),
        keys.file("two.json"),
        keys.file("three.json"),
    );
    told(
        &otp(&["keys", "rotate", &first, &second, "--kid", "2026b"], ""),
        0,
        &["two.json"],
    );
    let (one, two) = (keys.json("k/keys.json"), keys.json("two.json"));
    assert_eq!(two["index"], one["index"]);
    assert_eq!(two["codes"]["2026a"], one["codes"]["2026a"]);
    assert_ne!(two["codes"]["2026b"], one["codes"]["2026a"]);
    assert_eq!(
        (&two["current"], &two["epoch"]),
        (&"2026b".into(), &0.into())
    );
    assert!(two["retired"]["2026a"].as_i64() > Some(1_700_000_000));
    assert_eq!(mode(&second), 0o600);
    told(
        &otp(&["keys", "check", &second], ""),
        0,
        &["2026a        retired at 20", "2026b        current"],
    );

    // Removed once it is retired; the current one never.
    told(
        &otp(
            &[
                "keys", "retire", &second, &third, "--kid", "2026a", "--remove",
            ],
            "",
        ),
        0,
        &["three.json"],
    );
    assert_eq!(
        keys.json("three.json")["codes"].as_object().unwrap().len(),
        1
    );
    assert_eq!(keys.json("three.json").get("retired"), None);
    let other = keys.file("other.json");
    for (arguments, texts) in [
        (
            &["retire", &second, &other, "--kid", "2026b"][..],
            &["--kid 2026b", "current", "rotate"][..],
        ),
        (
            &["retire", &second, &other, "--kid", "2026a"],
            &["retired already", "--remove"],
        ),
        (
            &["retire", &second, &other, "--kid", "x"],
            &["no such secret", "2026a, 2026b"],
        ),
        (
            &["retire", &second, &third, "--kid", "2026a", "--remove"],
            &["three.json: is there already"],
        ),
        (
            &["rotate", &second, &third],
            &["three.json: is there already"],
        ),
        (
            &["rotate", &second, &other, "--kid", "2026a"],
            &["2026a already", "--kid"],
        ),
        (
            &["rotate", &second, &other, "--kid", "not a kid"],
            &["a kid must be 1 to 12"],
        ),
        (
            &["rotate", &keys.file("none"), &other],
            &["none: is not there"],
        ),
    ] {
        told(&otp(&[&["keys"], arguments].concat(), ""), 2, texts);
    }
    assert!(!Path::new(&other).exists());

    told(
        &otp(
            &[
                "keys",
                "rotate",
                &second,
                &other,
                "--kid",
                "2027a",
                "--raise-epoch",
            ],
            "",
        ),
        0,
        &[],
    );
    assert_eq!(keys.json("other.json")["epoch"], 1);
    // One that verifies and is neither current nor retired is retired.
    let mut plain = keys.json("two.json");
    plain.as_object_mut().unwrap().remove("retired");
    crate::private(Path::new(&keys.file("plain.json")), &plain.to_string());
    let arguments = [
        "keys",
        "retire",
        &keys.file("plain.json"),
        &keys.file("retired.json"),
        "--kid",
        "2026a",
    ];
    told(&otp(&arguments, ""), 0, &[]);
    assert!(keys.json("retired.json")["retired"]["2026a"].is_i64());
    let unwritten = keys.file("x.json");
    let removed = [&arguments[..3], &[&unwritten, "--kid", "2026a", "--remove"]].concat();
    told(&otp(&removed, ""), 2, &["not retired"]);
}

#[test]
fn a_signing_key_is_rotated_and_the_public_keys_of_both_are_kept() {
    let keys = Keys::new();
    let (old, new, newest) = (
        keys.file("k/signing.pem"),
        keys.file("k/2027.pem"),
        keys.file("k/2028.pem"),
    );
    told(
        &otp(&["keys", "rotate", &old, &new], ""),
        0,
        &["2027.pem", "2027.jwks"],
    );
    told(
        &otp(&["keys", "rotate", &new, &newest], ""),
        0,
        &["2028.jwks"],
    );
    assert_eq!(mode(&newest), 0o600);
    let set = otp(&["keys", "check", &keys.file("k/2028.jwks")], "").stdout;
    for pem in [&old, &new, &newest] {
        let told = otp(&["keys", "check", pem], "").stdout;
        assert!(
            set.contains(&told.split_once("signing key ").unwrap().1[..43]),
            "{set}"
        );
    }
    told(
        &otp(
            &["keys", "rotate", &old, &keys.file("x.pem"), "--raise-epoch"],
            "",
        ),
        2,
        &["no epoch"],
    );
    told(
        &otp(&["keys", "rotate", &old, &keys.file("k/2027.x")], ""),
        2,
        &["2027.jwks: is there already"],
    );
}

#[test]
fn what_is_wrong_with_a_file_is_named_and_no_secret_is() {
    let keys = Keys::new();
    let ring = keys.file("k/keys.json");
    let json = keys.json("k/keys.json");
    let secret = json["index"].as_str().unwrap();
    let bad = keys.file("bad.json");
    let planted = |change: &dyn Fn(&mut Value)| {
        let mut json = json.clone();
        change(&mut json);
        crate::private(Path::new(&bad), &json.to_string());
        let ran = otp(&["keys", "check", &ring, &bad], "");
        assert_eq!(ran.code, 1, "{ran:?}");
        assert!(ran.stdout.contains("key ring of epoch 0"), "{ran:?}");
        assert!(
            !ran.stdout.contains(secret) && !ran.stderr.contains(secret),
            "{ran:?}"
        );
        let told = ran.stdout.split_once("NOT SOUND: ").unwrap().1;
        assert!(told.contains("bad.json"), "{told}");
        told.to_owned()
    };
    assert!(
        planted(&|json| json["codes"]["2026a"] = "c2hvcnQ=".into()).contains("2026a is 5 bytes")
    );
    assert!(
        planted(&|json| json["codes"]["2026a"] = secret.into())
            .contains("the same as the index secret")
    );
    assert!(
        planted(&|json| json["codes"]["2026a"] = "no base64!".into()).contains("must be base64")
    );
    assert!(planted(&|json| json["current"] = "x".into()).contains("kid x has no code secret"));
    assert!(planted(&|json| json["retired"] = serde_json::json!({"2026a": 1})).contains("retired"));
    assert!(planted(&|json| json["indx"] = secret.into()).contains("is no key file: line 1"));
    let by_position = |json: &mut Value| *json = serde_json::json!([{}, null, secret]);
    assert!(planted(&by_position).contains("must be a JSON object"));
    fs::set_permissions(&ring, fs::Permissions::from_mode(0o644)).unwrap();
    told(
        &otp(&["keys", "check", &ring], ""),
        1,
        &["mode 0644", "0600"],
    );
    told(
        &otp(&["keys", "check", "no-such-file"], ""),
        1,
        &["no-such-file: is not there"],
    );
}

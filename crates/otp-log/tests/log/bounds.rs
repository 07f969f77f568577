//! What is too long, too many or in another spelling is refused, with its member and its bound.

use base64ct::{Base64, Encoding as _};
use otp_log::{
    AddCheckpoint, BundleId, Checkpoint, CosignerKey, EntryBundle, FieldTag, Frontier, Hash, Leaf,
    LogKey, Note, Policy, Resource, SignatureLine, Tile, TileId, Timestamp, TlogProof, TreeHead,
    VerifierKey, VerifyError, timestamp,
};

use crate::support::*;

fn told<T: core::fmt::Debug>(read: Result<T, otp_log::ParseError>) -> String {
    read.unwrap_err().to_string()
}

#[test]
fn case_652_a_seed_of_zeros_makes_no_key() {
    for said in [
        told(LogKey::from_seed("log", &[0; 32])),
        told(CosignerKey::from_seed("w", &[0; 32])),
    ] {
        assert_eq!(said, "seed: expected 32 random bytes, not all zero");
    }
}

#[test]
fn case_575_origins_names_and_keys_have_bounds() {
    let long = "o".repeat(256);
    for origin in [
        "",
        "a b",
        "a+b",
        "a\u{a0}b",
        "a\nb",
        "cosignature/v1",
        &long,
    ] {
        let error = told(LogKey::from_seed(origin, &[1; 32]));
        assert!(error.contains("origin: expected 1 to 255 bytes"), "{error}");
    }
    assert!(LogKey::from_seed(&long[..255], &[1; 32]).is_ok());
    let error = told(CosignerKey::from_seed("a+b", &[1; 32]));
    assert!(
        error.contains("key name: expected 1 to 255 bytes"),
        "{error}"
    );
    let vkey = text("/keys/log/vkey");
    for (spoilt, member) in [
        (vkey.replace("+", "-"), "verifier key"),
        (vkey.replace("+0b1031ae+", "+0B1031AE+"), "key id"),
        (vkey.replace("log.", "lag."), "key id"),
        (format!("{vkey}A"), "public key"),
        (format!("a+00000000+{}", "A".repeat(4000)), "public key"),
        // Type 2, and a point of small order.
        ("a+00000000+AgAA".into(), "public key"),
        (format!("a+00000000+AQEA{}", "A".repeat(40)), "public key"),
    ] {
        let error = spoilt.parse::<VerifierKey>().unwrap_err();
        assert_eq!(error.member(), member, "{spoilt}");
    }
}

#[test]
fn case_575_notes_and_checkpoints_have_bounds() {
    let note: Note = text("/checkpoint_70").parse().unwrap();
    let line = note.signatures()[0].to_string();
    let many = |count: usize, text: &str| format!("{text}\n{}", format!("{line}\n").repeat(count));
    assert!(Note::parse(many(32, note.text()).as_bytes()).is_ok());
    let error = told(Note::parse(many(33, note.text()).as_bytes()));
    assert_eq!(error, "signature lines: expected 1 to 32");
    let error = told(Note::parse(many(1, &"x".repeat(65_536)).as_bytes()));
    assert_eq!(error, "note: expected at most 65,536 bytes");
    let error = told(Note::parse(b"\xff\n\n"));
    assert_eq!(error, "note: expected UTF-8");

    for control in (0..b' ').filter(|byte| *byte != b'\n') {
        let text = format!("a{}b\n", char::from(control));
        let error = told(Note::parse(many(1, &text).as_bytes()));
        assert!(
            error.contains("no control characters"),
            "{control}: {error}"
        );
    }

    // Another empty line belongs to the text; no checkpoint has one.
    let two: Note = many(1, "a\n\nb\n").parse().unwrap();
    assert_eq!(two.text(), "a\n\nb\n");
    assert!(two.checkpoint().is_err());

    let mut full = note.clone();
    let key = CosignerKey::from_seed("w", &[9; 32]).unwrap();
    for second in 1..=31 {
        let line = key.cosign(&note.checkpoint().unwrap(), Timestamp::from_unix(second));
        full.push(line.unwrap()).unwrap();
    }
    full.push(full.signatures()[5].clone()).unwrap(); // it is there already
    assert_eq!(full.signatures().len(), 32);
    let line = key.cosign(&note.checkpoint().unwrap(), Timestamp::from_unix(99));
    let error = told(full.push(line.unwrap()));
    assert_eq!(error, "signature lines: expected 1 to 32");
    let mut wide = note.clone();
    let line: SignatureLine = format!("— w {}", "AAAA".repeat(16_000)).parse().unwrap();
    wide.push(line.clone()).unwrap();
    assert_eq!(Note::parse(wide.to_string().as_bytes()), Ok(wide.clone()));
    let line: SignatureLine = format!("— v {}", "AAAA".repeat(1000)).parse().unwrap();
    assert_eq!(told(wide.push(line)), "note: expected at most 65,536 bytes");
    let error = told(key.cosign(&note.checkpoint().unwrap(), Timestamp::from_unix(0)));
    assert!(error.contains("time: expected 1 to 2^63 - 1"), "{error}");

    let root = Hash::of_leaf(b"");
    for (text, member) in [
        (format!("o\n1\n{root}"), "checkpoint"),
        (format!("o\n1\n{root}\n\n"), "checkpoint"),
        (format!("\n1\n{root}\n"), "checkpoint"),
        (format!("o\n+1\n{root}\n"), "checkpoint size"),
        (format!("o\n-1\n{root}\n"), "checkpoint size"),
        (format!("o\n 1\n{root}\n"), "checkpoint size"),
        (format!("o\n{}\n{root}\n", 1_u64 << 63), "checkpoint size"),
        (format!("o\n0\n{root}\n"), "root of size 0"),
        // Bits left over in the last character, and no padding.
        (
            format!("o\n1\n{}\n", Hash::EMPTY.to_string().replace("U=", "V=")),
            "checkpoint root",
        ),
        (
            format!("o\n1\n{}\n", root.to_string().trim_end_matches('=')),
            "checkpoint root",
        ),
    ] {
        assert_eq!(
            Checkpoint::parse(&text).unwrap_err().member(),
            member,
            "{text}"
        );
    }
    let others = Checkpoint::parse(&format!(
        "a b\n{}\n{root}\nmore\nlines\n",
        (1_u64 << 63) - 1
    ));
    let others = others.unwrap();
    assert_eq!(others.origin(), "a b");
    assert_eq!(
        others.extension_lines().collect::<Vec<_>>(),
        ["more", "lines"]
    );
    assert!(Checkpoint::parse(&format!("o\n0\n{}\n", Hash::EMPTY)).is_ok());
}

#[test]
fn case_575_trees_proofs_and_tiles_have_bounds() {
    assert!(told(TreeHead::new(1 << 63, Hash::EMPTY)).contains("at most 2^63 - 1"));
    let error = told(Frontier::from_hashes(3, &[Hash::EMPTY]));
    assert_eq!(
        error,
        "frontier: expected one hash for each set bit of the size"
    );
    assert!(Frontier::from_hashes(1 << 63, &[Hash::EMPTY]).is_err());
    let mut last = Sparse::new([]).frontier((1 << 63) - 1);
    let before = last.clone();
    let error = last.push(Hash::EMPTY).unwrap_err();
    assert_eq!(
        error.to_string(),
        "tree of 9223372036854775808 leaves; at most 2^63 - 1"
    );
    assert_eq!(last, before);

    for (level, index, width, member) in [
        (8, 0, 1, "tile level"),
        (0, 0, 0, "tile width"),
        (0, 0, 257, "tile width"),
        (0, 1 << 55, 1, "tile index"),
        (0, u64::MAX, 1, "tile index"),
        (7, 0, 128, "tile index"),
    ] {
        assert_eq!(
            TileId::new(level, index, width).unwrap_err().member(),
            member
        );
    }
    assert!(TileId::new(7, 0, 127).is_ok() && BundleId::new((1 << 55) - 1, 255).is_ok());
    assert!(BundleId::new((1 << 55) - 1, 256).is_err());
    for path in [
        "",
        "/checkpoint",
        "checkpoint/",
        "tile",
        "tile/0",
        "tile/0/",
        "tile/0/0",
        "tile/0/0000",
        "tile/0/x000/001",
        "tile/0/x001",
        "tile/0/001/001",
        "tile/0/X001/001",
        "tile/00/001",
        "tile/8/001",
        "tile/64/000",
        "tile/0/001.p/0",
        "tile/0/001.p/256",
        "tile/0/001.p/01",
        "tile/0/001.p/",
        "tile/0/001.p/1/",
        "tile/data/001",
        "tile/entries/../../etc",
        "tile/-1/000",
        "tile/0/x999/x999/x999/x999/x999/x999/x999/x999/x999/x999/x999/x999/999",
    ] {
        assert!(path.parse::<Resource>().is_err(), "{path}");
    }
    assert!(told(Tile::from_bytes(&[0; 31], 1)).contains("32 bytes for each hash"));
    assert!(Tile::from_bytes(&[], 0).is_err() && Tile::from_hashes(vec![]).is_err());
    assert!(EntryBundle::from_bytes(&[0, 1, 7, 0], 2).is_err());
    assert!(EntryBundle::from_bytes(&[0, 1, 7, 0, 0, 9], 2).is_err());
    assert!(EntryBundle::from_bytes(&[0, 1, 7, 0, 0], 2).is_ok());
    assert!(EntryBundle::from_entries(vec![&[]; 257]).is_err());
    let error = told(EntryBundle::from_entries(vec![&[0; 65_536]]));
    assert_eq!(error, "entry: expected at most 65,535 bytes");

    let note: Note = text("/cosigned_70").parse().unwrap();
    let long = vec![Hash::EMPTY; 64];
    assert_eq!(
        told(TlogProof::new(0, long.clone(), note.clone())),
        "proof: expected at most 63 lines"
    );
    assert_eq!(
        told(TlogProof::new(1 << 63, vec![], note.clone())),
        "index: expected at most 2^63 - 1"
    );
    let proof = TlogProof::new(0, vec![], note.clone()).unwrap();
    let error = told(proof.clone().with_extra(&[0; 1025]));
    assert_eq!(error, "extra: expected 1 to 1,024 bytes");
    assert!(proof.clone().with_extra(&[]).is_err());
    let told_of = |text: String| text.parse::<TlogProof>().unwrap_err().to_string();
    let whole = proof.to_string();
    for (text, begins) in [
        (
            whole.replace("@v1", "@v2"),
            "first line: expected c2sp.org/tlog-proof@v1",
        ),
        (
            whole.replace("index 0", "index 00"),
            "index: expected a decimal",
        ),
        (
            whole.replace("index 0", "extra \nindex 0"),
            "extra: expected 1 to 1,024 bytes",
        ),
        (
            whole.replace("index 0\n", "index 0\nAAAA\n"),
            "line of the proof: expected 32 bytes",
        ),
        (
            whole.replace("index 0\n\n", "index 0\n"),
            "line of the proof",
        ),
        (
            format!("{whole}{}", "x".repeat(80_000)),
            "proof: expected at most 70,656 bytes",
        ),
        (whole.replace('\n', "\r\n"), "first line"),
    ] {
        let error = told_of(text);
        assert!(error.starts_with(begins), "{error}");
    }

    let error = told(AddCheckpoint::new(71, vec![], note.clone()));
    assert_eq!(error, "old size: expected at most the checkpoint's");
    assert!(AddCheckpoint::new(3, long, note.clone()).is_err());
    for old in [0, 70] {
        let error = told(AddCheckpoint::new(old, vec![Hash::EMPTY], note.clone()));
        assert!(error.contains("no lines from size 0"), "{error}");
    }
    let error = "x".repeat(70_000).parse::<AddCheckpoint>().unwrap_err();
    assert_eq!(error.to_string(), "request: expected at most 68,403 bytes");
}

#[test]
fn case_576_policies_are_read_strictly_and_errors_name_the_line() {
    let key = |seed: u8| {
        let key = CosignerKey::from_seed("w", &[seed; 32]).unwrap();
        key.verifier_key()
    };
    let log = LogKey::from_seed("log", &[1; 32]).unwrap().verifier_key();
    // The same point under another kind.
    let twice = CosignerKey::from_seed("w", &[1; 32])
        .unwrap()
        .verifier_key();
    let w = |name: &str, seed| format!("witness {name} {}\n", key(seed));
    let base = format!("# trust\n\n\tlog  {log} https://log.example\n{}", w("a", 2));
    let told = |rest: &str| format!("{base}{rest}").parse::<Policy>().unwrap_err();
    for (rest, line, member) in [
        ("", None, "quorum line"),
        ("quorum a\nquorum a\n", Some(6), "quorum line"),
        ("quorum b\n", Some(5), "quorum"),
        ("quorum a b\n", Some(5), "policy"),
        ("Quorum a\n", Some(5), "policy"),
        ("quorum a\r\n", Some(5), "policy"),
        (&format!("log {}\n", key(3)), Some(5), "kind of key"),
        (&format!("log {log}\n"), Some(5), "key"),
        (&format!("witness b {log}\n"), Some(5), "kind of key"),
        (&format!("witness b {twice}\n"), Some(5), "key"),
        (&w("b", 2), Some(5), "key"),
        (&w("a", 3), Some(5), "name"),
        (&w("none", 3), Some(5), "name"),
        ("witness b\n", Some(5), "witness line"),
        ("log\n", Some(5), "log line"),
        ("group g any\n", Some(5), "threshold of a group"),
        ("group g 0 a\n", Some(5), "threshold of a group"),
        ("group g 2 a\n", Some(5), "threshold of a group"),
        ("group g 01 a\n", Some(5), "threshold of a group"),
        ("group g any a a\n", Some(5), "member of a group"),
        ("group g any b\n", Some(5), "member of a group"),
        ("group g any none\n", Some(5), "member of a group"),
        ("group g any g\n", Some(5), "member of a group"),
        (
            "group g any a\ngroup h any a\n",
            Some(6),
            "member of a group",
        ),
        ("group a any a\n", Some(5), "name"),
    ] {
        let error = told(rest);
        assert_eq!((error.line(), error.member()), (line, member), "{rest}");
    }
    let many: String = (0..33)
        .map(|seed| w(&format!("w{seed}"), 100 + seed))
        .collect();
    let error = format!("{many}quorum none\n")
        .parse::<Policy>()
        .unwrap_err();
    assert_eq!(error.to_string(), "line 33: witnesses: expected at most 32");
    let policy: Policy = format!("{base}quorum none").parse().unwrap();
    let known: Vec<_> = policy.logs().collect();
    assert_eq!(known, [&log]);
    assert_eq!(policy.log_url(&log), Some("https://log.example"));
    assert_eq!(
        (policy.witnesses()[0].name(), policy.witnesses()[0].url()),
        ("a", None)
    );
    let error = " ".repeat(262_145).parse::<Policy>().unwrap_err();
    assert_eq!(error.to_string(), "policy: expected at most 262,144 bytes");
}

/// The example of tlog-policy: two of three, and one of three others.
#[test]
fn case_576_a_quorum_is_reached_by_groups_and_holds_since_its_kth_latest_time() {
    let log = LogKey::from_seed("log", &[1; 32]).unwrap();
    let keys: Vec<_> = (1..=6_u8)
        .map(|seed| CosignerKey::from_seed("w", &[seed + 1; 32]).unwrap())
        .collect();
    let mut lines = format!("log {}\n", log.verifier_key());
    for (name, key) in ["X1", "X2", "X3", "Y1", "Y2", "Y3"].iter().zip(&keys) {
        lines += &format!("witness {name} {}\n", key.verifier_key());
    }
    lines +=
        "group X 2 X1 X2 X3\ngroup Y any Y1 Y2 Y3\ngroup all-of-them all X Y\nquorum all-of-them\n";
    let policy: Policy = lines.parse().unwrap();
    let checkpoint = log.sign(TreeHead::EMPTY).checkpoint().unwrap();
    // The witnesses sign at 10, 20, .. 60.
    let judge = |who: &[usize]| {
        let mut note = log.sign(TreeHead::EMPTY);
        for at in who {
            let time = Timestamp::from_unix(10 * (*at as i64 + 1));
            note.push(keys[*at].cosign(&checkpoint, time).unwrap())
                .unwrap();
        }
        policy
            .verify(&note)
            .map(|by| by.quorum_time().unwrap().unix())
    };
    assert_eq!(judge(&[0, 1, 3]), Ok(10));
    assert_eq!(judge(&[0, 1, 2, 3]), Ok(20));
    assert_eq!(judge(&[2, 1, 5, 4]), Ok(20));
    for few in [&[][..], &[0, 1], &[0, 3, 4, 5], &[3], &[0, 0, 3]] {
        assert_eq!(judge(few), Err(VerifyError::Quorum), "{few:?}");
    }
    // One witness twice, at two times, is one witness.
    let mut note = log.sign(TreeHead::EMPTY);
    for (at, second) in [(0, 10), (0, 11), (3, 40)] {
        let line = keys[at].cosign(&checkpoint, Timestamp::from_unix(second));
        note.push(line.unwrap()).unwrap();
    }
    assert_eq!(policy.verify(&note), Err(VerifyError::Quorum));
    let [x1, y1] = [0, 3].map(|at| keys[at].verifier_key());
    let known = [x1, y1, log.verifier_key()];
    assert_eq!(note.verify(&known).unwrap().len(), 3);
    // A cosignature of another checkpoint, and one with no time.
    let other = LogKey::from_seed("log", &[77; 32]).unwrap();
    let other = other.sign(Tree::of(["x"]).head()).checkpoint().unwrap();
    let mut note = log.sign(TreeHead::EMPTY);
    note.push(keys[0].cosign(&other, Timestamp::from_unix(5)).unwrap())
        .unwrap();
    let id = keys[0].verifier_key().id();
    assert_eq!(policy.verify(&note), Err(VerifyError::Signature(id)));
    let line = note.signatures()[1].to_string();
    let (_, base64) = line.rsplit_once(' ').unwrap();
    let without_time = format!("{}{}{}", &base64[..6], "A".repeat(10), &base64[16..]);
    let text = format!("{}— w {without_time}\n", log.sign(TreeHead::EMPTY));
    assert_eq!(
        policy.verify(&text.parse().unwrap()),
        Err(VerifyError::Time(id))
    );
}

/// A policy with two logs: each signs its own checkpoints alone.
#[test]
fn case_576_a_log_vouches_for_no_other_origin() {
    let [a, b] = [("log.a", 1), ("log.b", 2)].map(|(name, seed)| {
        let key = LogKey::from_seed(name, &[seed; 32]).unwrap();
        (key.verifier_key(), key.sign(TreeHead::EMPTY))
    });
    let policy = format!("log {}\nlog {}\nquorum none\n", a.0, b.0);
    let policy: Policy = policy.parse().unwrap();
    assert!(policy.verify(&a.1).is_ok() && policy.verify(&b.1).is_ok());
    // The key of the second over the text of the first, under its own name.
    let by_other = LogKey::from_seed("log.a", &[2; 32])
        .unwrap()
        .sign(TreeHead::EMPTY);
    let signature = by_other.signatures()[0].signature();
    let bytes = [&b.0.id().as_bytes()[..], signature].concat();
    let line = format!("— log.b {}", Base64::encode_string(&bytes));
    let note: Note = format!("{}\n{line}\n", a.1.text()).parse().unwrap();
    assert!(note.verify([&b.0]).is_ok());
    assert_eq!(policy.verify(&note), Err(VerifyError::Unsigned));
}

#[test]
fn case_577_leaves_have_bounds() {
    let tag = FieldTag::from_bytes([7; 16]);
    let at = Timestamp::from_unix;
    for (number, seconds, begins) in [
        (0, 1, "number in a leaf: expected 1 to 2^48 - 1"),
        (1 << 48, 1, "number in a leaf: expected 1 to 2^48 - 1"),
        (1, -1, "time of a leaf: expected 0 to 2^48 - 1"),
        (1, 1 << 48, "time of a leaf: expected 0 to 2^48 - 1"),
    ] {
        let error = told(Leaf::record(tag, number, at(seconds), [0; 32]));
        assert!(error.starts_with(begins), "{error}");
    }
    let last = (1 << 48) - 1;
    let checkpoint = log_key().sign(TreeHead::EMPTY).checkpoint().unwrap();
    for leaf in [
        Leaf::record(tag, last, at(i64::try_from(last).unwrap()), [1; 32]),
        Leaf::chain_head(tag, 1, at(0), [2; 32]),
        Leaf::signing_key(at(5), [3; 32]),
        Leaf::predecessor(&checkpoint, at(6)),
    ] {
        let leaf = leaf.unwrap();
        assert_eq!(Leaf::parse(&leaf.to_bytes()), Ok(leaf));
        for (place, value) in [(0, 2), (1, 0), (1, 5)] {
            let mut bytes = leaf.to_bytes();
            bytes[place] = value;
            assert!(Leaf::parse(&bytes).is_err());
        }
        assert!(Leaf::parse(&leaf.to_bytes()[1..]).is_err());
    }
    // What a leaf without a field says in the field's place is zero.
    let mut bytes = Leaf::signing_key(at(5), [3; 32]).unwrap().to_bytes();
    bytes[9] = 1;
    assert!(
        Leaf::parse(&bytes)
            .unwrap_err()
            .to_string()
            .contains("zeros")
    );
    let long = "x".repeat(65_536);
    let field = otp_log::FieldName::of_tenant(&long);
    assert!(FieldTag::new(&[0; 16], &field).is_err());
}

/// What is no answer of an authority, cut and changed at each byte; whole ones are made by OpenSSL in `interop`.
#[test]
fn case_577_a_time_stamp_answer_that_is_none_is_refused() {
    let checkpoint = log_key().sign(TreeHead::EMPTY).checkpoint().unwrap();
    let check = |answer: &[u8]| timestamp::check_answer(&checkpoint, None, answer);
    let rejected = [0x30, 0x05, 0x30, 0x03, 0x02, 0x01, 0x02];
    assert!(told(check(&rejected)).starts_with("status of the time-stamp: expected 0"));
    let without_token = [0x30, 0x05, 0x30, 0x03, 0x02, 0x01, 0x00];
    assert!(told(check(&without_token)).contains("TimeStampResp in DER"));
    assert!(told(check(&[0; 16_385])).contains("at most 16,384 bytes"));
    for len in 0..rejected.len() {
        assert!(check(&rejected[..len]).is_err());
    }
}

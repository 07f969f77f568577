//! What stock tools judge: OpenSSL here, Go's `x/mod/sumdb` in the part `interop` of `cargo xtask test`, which
//! sets `OTP_LOG_DIR` (where to write what Go reads) and `OTP_LOG_WITNESS` (a witness in Go).

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use otp_log::{
    AddCheckpoint, CosignerKey, Hash, LogKey, Note, Policy, ProofPlan, Resource, Timestamp,
    TlogProof, TreeHead, VerifierKey, WitnessAnswer, timestamp,
};
use serde_json::{Value, json};

use crate::support::*;

const ORIGIN: &str = "log.example/otp/interop";

/// How many proofs of either kind are judged in large trees, beside those of the small one.
const LARGE: u64 = 500;

/// The first proofs of the tree that is made anew.
const SIZE: usize = 300;

fn folder() -> PathBuf {
    let folder = std::env::var_os("OTP_LOG_DIR");
    folder.map_or_else(|| env!("CARGO_TARGET_TMPDIR").into(), PathBuf::from)
}

fn number(name: &str, otherwise: u64) -> u64 {
    let number = std::env::var(name).ok();
    number.map_or(otherwise, |number| number.parse().unwrap())
}

fn seed_of(numbers: &mut Numbers) -> [u8; 32] {
    let parts = [(); 4].map(|()| numbers.next().to_be_bytes());
    parts.concat().try_into().unwrap()
}

fn proof_json(mut proof: Value, head: TreeHead, path: &[Hash]) -> Value {
    proof["size"] = head.size().into();
    proof["root"] = to_hex(head.root().as_bytes()).into();
    let hashes = path.iter().map(|hash| to_hex(hash.as_bytes()));
    proof["proof"] = hashes.collect::<Vec<_>>().into();
    proof
}

/// Writes `fresh.json`: a tree of 300 entries with all tiles, proofs in it and in trees of up to 2^62 leaves (half of
/// them at most 2^40), cosigned checkpoints, and a proof in a file. With `OTP_LOG_PROOFS` it holds so many more.
#[test]
fn what_go_judges_is_written() {
    let mut numbers = Numbers(number("OTP_SEED", 17));
    let entries: Vec<Vec<u8>> = (0..SIZE)
        .map(|_| numbers.next().to_be_bytes()[..numbers.place(9)].to_vec())
        .collect();
    let mut tree = Tree::default();
    let mut heads = Vec::new();
    for entry in &entries {
        tree.push(Hash::of_leaf(entry));
        heads.push(tree.head());
    }
    let head = tree.head();

    let (mut inclusion, mut consistency) = (Vec::new(), Vec::new());
    for index in 0..SIZE as u64 {
        let path = tree.prove(&ProofPlan::inclusion(index, head.size()).unwrap());
        let leaf = tree.leaves[usize::try_from(index).unwrap()];
        let about = json!({"index": index, "leaf": to_hex(leaf.as_bytes())});
        inclusion.push(proof_json(about, head, &path));
        let older = heads[usize::try_from(index).unwrap()];
        let path = tree.prove(&ProofPlan::consistency(older.size(), head.size()).unwrap());
        let about = json!({"old": older.size(), "oldroot": to_hex(older.root().as_bytes())});
        consistency.push(proof_json(about, head, &path));
    }
    for round in 0..number("OTP_LOG_PROOFS", LARGE) {
        let bound = if round % 2 == 0 { 1 << 40 } else { 1 << 62 };
        let size = numbers.below(bound) + 1;
        let (index, old) = (numbers.below(size), numbers.below(size) + 1);
        let large = Sparse::new([index, old - 1, size - 1]);
        let path = large.prove(&ProofPlan::inclusion(index, size).unwrap());
        let leaf = to_hex(large.leaf(index).as_bytes());
        let about = json!({"index": index, "leaf": leaf});
        inclusion.push(proof_json(about, large.head(size), &path));
        let path = large.prove(&ProofPlan::consistency(old, size).unwrap());
        let root = to_hex(large.head(old).root().as_bytes());
        let about = json!({"old": old, "oldroot": root});
        consistency.push(proof_json(about, large.head(size), &path));
    }

    let log = LogKey::from_seed(ORIGIN, &seed_of(&mut numbers)).unwrap();
    let witnesses: Vec<_> = ["witness.example/a", "witness.example/b"]
        .map(|name| CosignerKey::from_seed(name, &seed_of(&mut numbers)).unwrap())
        .into();
    let cosigned = |head: TreeHead| {
        let mut note = log.sign(head);
        let checkpoint = note.checkpoint().unwrap();
        for witness in &witnesses {
            let line = witness.cosign(&checkpoint, Timestamp::from_unix(1_790_000_000));
            note.push(line.unwrap()).unwrap();
        }
        note
    };
    let checkpoints: Vec<_> = heads
        .iter()
        .step_by(7)
        .map(|head| cosigned(*head).to_string())
        .collect();
    let index = numbers.below(head.size());
    let path = tree.prove(&ProofPlan::inclusion(index, head.size()).unwrap());
    let proof = TlogProof::new(index, path, cosigned(head))
        .unwrap()
        .to_string();
    let level = |level: u8| {
        let of_level = tree
            .nodes
            .iter()
            .filter(move |(node, _)| node.level() == 8 * level);
        of_level
            .map(|(_, hash)| to_hex(hash.as_bytes()))
            .collect::<Vec<_>>()
    };
    let levels = [level(0), level(1)];
    let tiles = Resource::of_tree(head.size()).filter_map(|one| match one {
        Resource::Tile(id) => {
            let first = usize::try_from(id.index() * 256).unwrap();
            let hashes = &levels[usize::from(id.level())][first..first + usize::from(id.width())];
            Some((one.to_string(), hashes.concat().into()))
        }
        _ => None,
    });
    let fresh = json!({
        "entries": entries.iter().map(to_hex).collect::<Vec<_>>(),
        "roots": heads.iter().map(|head| to_hex(head.root().as_bytes())).collect::<Vec<_>>(),
        "inclusion": inclusion,
        "consistency": consistency,
        "log": log.verifier_key().to_string(),
        "witnesses": witnesses.iter().map(|key| key.verifier_key().to_string()).collect::<Vec<_>>(),
        "checkpoints": checkpoints,
        "proof": proof,
        "proven": to_hex(&entries[usize::try_from(index).unwrap()]),
        "tiles": tiles.collect::<serde_json::Map<_, _>>(),
    });
    fs::write(folder().join("fresh.json"), fresh.to_string()).unwrap();
}

/// A witness as tlog-witness has it: the one in Go where the environment names it, else the one below.
struct Witness {
    key: CosignerKey,
    seed: [u8; 32],
    log: VerifierKey,
    seen: TreeHead,
}

const NAME: &str = "witness.example/go";
const TIME: i64 = 1_790_000_000;

impl Witness {
    fn new(log: VerifierKey) -> Self {
        let _ = fs::remove_file(folder().join("witness.state"));
        let seed = [0x5a; 32];
        let key = CosignerKey::from_seed(NAME, &seed).unwrap();
        let seen = TreeHead::EMPTY;
        Self {
            key,
            seed,
            log,
            seen,
        }
    }

    fn ask(&mut self, body: &str) -> (u16, String, String) {
        let Some(program) = std::env::var_os("OTP_LOG_WITNESS") else {
            return self.answer(body);
        };
        let mut witness = Command::new(program)
            .arg(folder().join("witness.state"))
            .args([
                &self.log.to_string(),
                NAME,
                &to_hex(self.seed),
                &TIME.to_string(),
            ])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        witness
            .stdin
            .take()
            .unwrap()
            .write_all(body.as_bytes())
            .unwrap();
        let output = witness.wait_with_output().unwrap();
        assert!(output.status.success());
        let output = String::from_utf8(output.stdout).unwrap();
        let mut parts = output.splitn(3, '\n');
        let mut part = || parts.next().unwrap().to_owned();
        (part().parse().unwrap(), part(), part())
    }

    fn answer(&mut self, body: &str) -> (u16, String, String) {
        let plain = |status| (status, "text/plain".into(), String::new());
        let Ok(request) = body.parse::<AddCheckpoint>() else {
            return plain(400);
        };
        let checkpoint = request.note().checkpoint().unwrap();
        if checkpoint.origin() != self.log.name() {
            return plain(404);
        }
        let policy: Policy = format!("log {}\nquorum none", self.log).parse().unwrap();
        let Ok(verified) = policy.verify(request.note()) else {
            return plain(403);
        };
        if request.old_size() != self.seen.size() {
            let size = format!("{}\n", self.seen.size());
            return (409, "text/x.tlog.size".into(), size);
        }
        let head = verified.head();
        if head
            .verify_consistency(&self.seen, request.proof())
            .is_err()
        {
            return plain(422);
        }
        self.seen = head;
        let line = self.key.cosign(&checkpoint, Timestamp::from_unix(TIME));
        (200, "text/plain".into(), format!("{}\n", line.unwrap()))
    }
}

/// A log grows and asks its witness each time; then a store that was restored, a fork, a stranger.
#[test]
fn case_578_a_witness_follows_a_log_that_grows_and_refuses_all_else() {
    let log = LogKey::from_seed(ORIGIN, &[0x17; 32]).unwrap();
    let mut witness = Witness::new(log.verifier_key());
    let keys = [witness.key.verifier_key()];
    let now = Timestamp::from_unix(TIME);
    let policy = format!(
        "log {}\nwitness w {}\nquorum w\n",
        log.verifier_key(),
        keys[0]
    );
    let policy: Policy = policy.parse().unwrap();
    let mut tree = Tree::default();
    let mut last = TreeHead::EMPTY;
    let request = |tree: &Tree, old: u64, log: &LogKey| {
        let plan = ProofPlan::consistency(old, tree.head().size()).unwrap();
        AddCheckpoint::new(old, tree.prove(&plan), log.sign(tree.head())).unwrap()
    };
    for round in 0..12_u8 {
        for leaf in 0..=round * round {
            tree.push(Hash::of_leaf(&[round, leaf]));
        }
        let request = request(&tree, last.size(), &log);
        let (status, kind, body) = witness.ask(&request.to_string());
        let answer = request
            .judge(&keys, now, status, &kind, body.as_bytes())
            .unwrap();
        let WitnessAnswer::Cosigned(lines) = answer else {
            panic!("{answer:?}")
        };
        let mut note: Note = request.note().clone();
        note.push(lines[0].line().clone()).unwrap();
        assert_eq!(policy.verify(&note).unwrap().quorum_time(), Some(now));
        last = tree.head();
    }
    // Asked from another size, it says its own; then the same checkpoint is cosigned again.
    let stale = request(&tree, 3, &log);
    let (status, kind, body) = witness.ask(&stale.to_string());
    let answer = stale.judge(&keys, now, status, &kind, body.as_bytes());
    assert_eq!(answer, Ok(WitnessAnswer::Conflict { size: last.size() }));
    let again = request(&tree, last.size(), &log);
    assert_eq!(witness.ask(&again.to_string()).0, 200);

    let mut refused = |request: &AddCheckpoint| witness.ask(&request.to_string()).0;
    let mut forked = Tree::default();
    (0..600_u16).for_each(|leaf| forked.push(Hash::of_leaf(&leaf.to_be_bytes())));
    assert_eq!(refused(&request(&forked, last.size(), &log)), 422);
    let stranger = LogKey::from_seed(ORIGIN, &[0x18; 32]).unwrap();
    assert_eq!(refused(&request(&tree, last.size(), &stranger)), 403);
    let other = LogKey::from_seed("log.example/another", &[0x17; 32]).unwrap();
    assert_eq!(refused(&request(&tree, last.size(), &other)), 404);
    assert_eq!(witness.ask("old 1\n").0, 400);

    // Restored from a backup: the witness names a size that the log has not reached.
    let mut restored = Tree::default();
    tree.leaves[..20]
        .iter()
        .for_each(|leaf| restored.push(*leaf));
    let behind = request(&restored, 15, &log);
    let (status, kind, body) = witness.ask(&behind.to_string());
    let answer = behind.judge(&keys, now, status, &kind, body.as_bytes());
    let size = last.size();
    assert_eq!(answer, Err(otp_log::AnswerError::Behind { size }));
}

/// Runs a script, which finds its files in the folder; returns whether it ended well, and what it said.
fn script(folder: &Path, script: &str) -> (bool, String) {
    let output = Command::new("sh")
        .args(["-e", "-c", script])
        .current_dir(folder)
        .output()
        .unwrap();
    let told = [output.stdout, output.stderr].concat();
    (
        output.status.success(),
        String::from_utf8_lossy(&told).into_owned(),
    )
}

fn own_folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).unwrap();
    folder
}

/// Takes the key of `vkey` and its signature out of `checkpoint`, and lets OpenSSL judge it.
const VERIFY: &str = r#"
{ printf '\060\052\060\005\006\003\053\145\160\003\041\000'; cut -d+ -f3- vkey | base64 -d | tail -c 32; } |
    openssl pkey -pubin -inform DER -out key.pem
grep -F -- $(printf '\342\200\224') checkpoint | grep -F -- " $(cut -d+ -f1 vkey) " | cut -d' ' -f3 | base64 -d | tail -c 64 > sig
openssl pkeyutl -verify -rawin -pubin -inkey key.pem -in text -sigfile sig
"#;

#[test]
fn openssl_verifies_the_signature_of_a_log_and_of_a_witness() {
    let folder = own_folder("openssl-note");
    let note: Note = text("/cosigned_70").parse().unwrap();
    fs::write(folder.join("checkpoint"), note.to_string()).unwrap();
    let cosigned = format!("cosignature/v1\ntime 1790000005\n{}", note.text());
    for (key, text) in [("log", note.text()), ("w2", &*cosigned)] {
        fs::write(folder.join("vkey"), vkey(key).to_string()).unwrap();
        fs::write(folder.join("text"), text).unwrap();
        let (good, told) = script(&folder, VERIFY);
        assert!(good, "{told}");
        fs::write(folder.join("text"), text.replacen("70", "71", 1)).unwrap();
        let (good, told) = script(&folder, VERIFY);
        assert!(!good, "{told}");
    }
}

/// An authority of our own, on this machine.
const AUTHORITY: &str = r"
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout tsa.key -out tsa.pem -days 2 \
    -subj /CN=tsa -addext extendedKeyUsage=critical,timeStamping
echo 01 > serial
cat > tsa.cnf <<'END'
[tsa]
default_tsa = here
[here]
serial = serial
signer_cert = tsa.pem
signer_key = tsa.key
signer_digest = sha256
default_policy = 1.2.3.4.1
digests = sha256
accuracy = secs:1
ess_cert_id_alg = sha256
END
";

const STAMP: &str = r"
openssl ts -reply -config tsa.cnf -queryfile request -out answer
openssl ts -verify -data text -in answer -CAfile tsa.pem
openssl ts -query -data text -sha256 -cert -no_nonce -out theirs
";

#[test]
fn openssl_stamps_a_checkpoint_and_what_it_answers_is_taken_for_that_one_alone() {
    let folder = own_folder("openssl-ts");
    let (good, told) = script(&folder, AUTHORITY);
    assert!(good, "{told}");
    let checkpoint = text("/checkpoint_70")
        .parse::<Note>()
        .unwrap()
        .checkpoint()
        .unwrap();
    let other = text("/checkpoint_48")
        .parse::<Note>()
        .unwrap()
        .checkpoint()
        .unwrap();
    fs::write(folder.join("text"), checkpoint.text()).unwrap();
    let read = |name| fs::read(folder.join(name)).unwrap();
    for nonce in [
        None,
        Some(0),
        Some(127),
        Some(128),
        Some(0x0102_0304_0506_0708),
        Some(u64::MAX),
    ] {
        fs::write(
            folder.join("request"),
            timestamp::request(&checkpoint, nonce),
        )
        .unwrap();
        let (good, told) = script(&folder, STAMP);
        assert!(good, "{nonce:?}: {told}");
        if nonce.is_none() {
            assert_eq!(read("theirs"), read("request"));
        }
        let answer = read("answer");
        let time = timestamp::check_answer(&checkpoint, nonce, &answer).unwrap();
        let (_, shown) = script(&folder, "date -u +%s; openssl ts -reply -in answer -text");
        let now: i64 = shown.lines().next().unwrap().parse().unwrap();
        assert!((now - 60..=now).contains(&time.unix()), "{time}: {shown}");
        let of = |name: &str| {
            shown
                .split_once(name)
                .unwrap()
                .1
                .lines()
                .next()
                .unwrap()
                .to_owned()
        };
        let clock = &time.to_string()[11..];
        assert!(of("Time stamp: ").contains(clock), "{time}: {shown}");

        // Of another checkpoint, with another nonce, and with any byte changed outside of the signature.
        let check =
            |checkpoint, nonce, answer: &[u8]| timestamp::check_answer(checkpoint, nonce, answer);
        assert_eq!(
            check(&other, nonce, &answer).unwrap_err().member(),
            "imprint of the time-stamp"
        );
        let wrong = if nonce.is_none() { Some(1) } else { None };
        assert_eq!(
            check(&checkpoint, wrong, &answer).unwrap_err().member(),
            "nonce of the time-stamp"
        );
        assert!(check(&checkpoint, nonce, &[&answer[..], &[0]].concat()).is_err());
        for len in 0..answer.len() {
            assert!(check(&checkpoint, nonce, &answer[..len]).is_err(), "{len}");
        }
    }
    // A request that the authority refuses gets an answer without a token.
    fs::write(folder.join("request"), b"no request").unwrap();
    let (good, told) = script(
        &folder,
        "openssl ts -reply -config tsa.cnf -queryfile request -out answer",
    );
    assert!(good, "{told}");
    let error = timestamp::check_answer(&checkpoint, None, &read("answer")).unwrap_err();
    assert_eq!(error.member(), "status of the time-stamp");
}

//! What one with write access to the store can do to records, and how it is found.

use std::sync::LazyLock;

use otp_engine::store::{self, Cell, Class, Commit, Key, Kind, MAX_BODY, Store, Write};
use otp_engine::{
    Binding, Error, Evidence, SignatureRecord, Submission, Timestamp,
    operation::EraseRequest,
    record::{RecordCheck, RecordError, RecordFault, verify_chain, verify_record},
};
use proptest::prelude::*;
use proptest::sample::Index;

use super::shelf::Shelf;
use super::{ALL_DETAILS, Signing, accepted, evidence_of, expected, field, keys};
use crate::support::fixture::{self, binding, parts, record};

/// A field of five records, the third one partly erased, and a record of another field.
struct Field {
    signing: Signing,
    cells: Vec<Key>,
    bodies: Vec<Vec<u8>>,
    stray: Vec<u8>,
}

impl Field {
    fn new() -> Self {
        let signing = Signing::new();
        signing.sign_often(5);
        let other = parts().target(record("16")).build().unwrap();
        signing.sign(&other, evidence_of("Stray"));
        for details in [&ALL_DETAILS[..2], &ALL_DETAILS[2..3]] {
            let engine = &signing.host.engine;
            engine
                .erase(
                    &signing.store,
                    &EraseRequest {
                        tenant: "acme",
                        target: field(),
                        sequence: 3,
                        details,
                    },
                )
                .unwrap();
        }
        let mut cells = signing.store.keys_of(Kind::Record);
        let mut bodies: Vec<_> = cells.iter().map(|key| signing.store.body(*key)).collect();
        cells.truncate(5);
        let stray = bodies.pop().unwrap();
        let field = Self {
            signing,
            cells,
            bodies,
            stray,
        };
        assert!(!field.is_found_changed(), "an untouched field is whole");
        field
    }

    /// Says whether the engine finds the field changed: without any key, or not at all.
    fn is_found_changed(&self) -> bool {
        match self.signing.signatures(10) {
            Err(Error::Tampered) => true,
            Err(error) => panic!("{error}"),
            Ok(records) => {
                assert!(
                    self.signing.judge(&records).all_good(),
                    "missed without the keys"
                );
                false
            }
        }
    }

    /// Says whether a field with these cells, from the first on, is found to be wrong; and leaves
    /// it whole.
    fn finds(&self, cells: &[Option<&[u8]>]) -> bool {
        for (key, body) in self.cells.iter().zip(cells) {
            match body {
                Some(body) => self.signing.store.forge(*key, body),
                None => self.signing.store.remove(*key),
            }
        }
        let found = self.is_found_changed();
        for (key, body) in self.cells.iter().zip(&self.bodies) {
            self.signing.store.forge(*key, body);
        }
        found
    }

    fn whole(&self) -> Vec<Option<&[u8]>> {
        self.bodies.iter().map(|body| Some(&body[..])).collect()
    }
}

/// One field serves all the properties; each leaves it as it was.
static FIELD: LazyLock<std::sync::Mutex<Field>> = LazyLock::new(|| Field::new().into());

fn with_field<T>(judge: impl FnOnce(&Field) -> T) -> T {
    judge(
        &FIELD
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner),
    )
}

/// Verifies the JWS and the disclosures that stand in a cell's bytes, however they stand there.
fn verify_cell(body: &[u8]) -> Result<(), RecordError> {
    let text = String::from_utf8_lossy(body.get(1..).unwrap_or_default());
    let line = text.lines().next().unwrap_or_default();
    let mut parts = line.strip_suffix('~').unwrap_or(line).split('~');
    let jws = parts.next().unwrap_or_default();
    let disclosures: Vec<&str> = parts.collect();
    verify_record(jws, &disclosures, &keys(), None).map(drop)
}

#[test]
fn case_84_every_flipped_bit_of_a_stored_record_is_found() {
    let field = Field::new();
    for which in [1, 2] {
        let (key, body) = (field.cells[which], &field.bodies[which]);
        for byte in 0..body.len() {
            for bit in 0..8 {
                let mut flipped = body.clone();
                flipped[byte] ^= 1 << bit;
                field.signing.store.forge(key, &flipped);
                let found = matches!(field.signing.signatures(5), Err(Error::Tampered));
                assert!(found, "bit {bit} of byte {byte} of record {}", which + 1);
            }
        }
        field.signing.store.forge(key, body);
    }
    assert!(!field.is_found_changed());
}

#[test]
fn case_84_a_flipped_bit_is_found_and_the_record_named_by_whoever_has_the_keys_alone() {
    let field = Field::new();
    let body = &field.bodies[1];
    let jws = body.iter().position(|byte| *byte == b'~').unwrap();
    let dots: Vec<_> = (1..jws).filter(|at| body[*at] == b'.').collect();
    let (mut named, mut judged) = (0, 0);
    for byte in 1..body.len() - 1 {
        for bit in 0..8 {
            let mut flipped = body.clone();
            flipped[byte] ^= 1 << bit;
            let error = verify_cell(&flipped).expect_err("one bit is another");
            let in_payload = (dots[0]..=dots[1]).contains(&byte);
            if !in_payload && byte < jws && flipped[byte] != b'~' && flipped[byte] != b'\n' {
                judged += 1;
                named += u32::from(error.sequence() == Some(2));
            }
        }
    }
    assert!(judged > 1_000);
    // A line that a control character cuts in two, or a dot more, is no longer the second record.
    let unnamed = judged - named;
    assert!(unnamed * 20 < judged, "{unnamed} of {judged} are not named");
}

#[test]
fn case_85_each_deletion_swap_and_copy_within_a_field_is_found() {
    let field = Field::new();
    for a in 0..5 {
        let mut cells = field.whole();
        cells[a] = None;
        assert!(field.finds(&cells), "{a} deleted");
        cells[a] = Some(&field.stray);
        assert!(field.finds(&cells), "{a} replaced by another field's");
        for b in 0..5 {
            let mut swapped = field.whole();
            swapped.swap(a, b);
            assert_eq!(field.finds(&swapped), a != b, "{a} and {b} swapped");
            let mut copied = field.whole();
            copied[a] = copied[b];
            assert_eq!(field.finds(&copied), a != b, "{b} copied over {a}");
        }
    }
}

#[test]
fn case_85_what_is_missing_is_an_error_where_it_is_asked_for_and_not_before() {
    let field = Field::new();
    field.signing.store.remove(field.cells[1]);
    for limit in 0..=3 {
        assert_eq!(field.signing.signatures(limit).unwrap().len(), limit);
    }
    for limit in 4..=6 {
        assert!(matches!(
            field.signing.signatures(limit),
            Err(Error::Tampered)
        ));
    }
}

#[test]
fn a_record_that_is_put_behind_the_newest_is_not_read() {
    let field = Field::new();
    let before = field.signing.signatures(10).unwrap();
    // The next place of the field, found by signing once more on a copy of the store.
    let copy = field.signing.store.copy();
    field.signing.sign(&binding(), Evidence::new());
    let next = *field.signing.store.keys_of(Kind::Record).last().unwrap();
    field.signing.store.restore(copy);
    field.signing.store.forge(next, &field.stray);
    assert_eq!(field.signing.signatures(10).unwrap(), before);
    assert!(!field.is_found_changed());
    // It is in the way of the next signature, which then is an error, and leaves the code good.
    field.signing.host.at(600);
    let issued = field.signing.issue(&binding());
    let binding = binding();
    let submission = Submission::new(&binding, issued.code.as_str()).challenge(issued.id);
    let engine = &field.signing.host.engine;
    let blocked = engine.verify(&field.signing.store, submission);
    assert!(matches!(blocked, Err(Error::Tampered)));
    field.signing.store.remove(next);
    assert!(
        engine
            .verify(&field.signing.store, submission)
            .unwrap()
            .is_accepted()
    );
}

#[test]
fn case_660_a_changed_page_is_found_by_its_seal() {
    let field = Field::new();
    let chain_heads = field.signing.store.keys_of(Kind::ChainHead);
    let (chain_head, other) = (chain_heads[0], chain_heads[1]);
    let body = field.signing.store.body(chain_head);
    assert_eq!(body.len(), 41 + 16, "format, count, digest; seal");
    let changed = (0..body.len()).map(|byte| {
        let mut changed = body.clone();
        changed[byte] ^= 1;
        changed
    });
    // The chain head of another field does not fit either.
    let forged: Vec<_> = changed.chain([field.signing.store.body(other)]).collect();
    let (engine, binding) = (&field.signing.host.engine, binding());
    for (now, forged) in (1_000..).step_by(60).zip(&forged) {
        field.signing.store.forge(chain_head, forged);
        assert!(matches!(field.signing.signatures(1), Err(Error::Tampered)));
        let counted = engine.chain_head(&field.signing.store, "acme", &super::field());
        assert!(matches!(counted, Err(Error::Tampered)), "{counted:?}");
        field.signing.host.at(now);
        let issued = field.signing.issue(&binding);
        for entered in [issued.code.as_str(), &fixture::wrong(&issued)] {
            let submission = Submission::new(&binding, entered);
            let verdict = engine.verify(&field.signing.store, submission);
            assert!(
                matches!(verdict, Err(Error::Tampered)),
                "no record on a forged page: {verdict:?}"
            );
        }
    }
    field.signing.store.forge(chain_head, &body);
    assert!(!field.is_found_changed());
}

/// Where nobody seals, the chain head could be anybody's: it must still agree with the records.
#[test]
fn a_page_that_counts_more_or_fewer_records_than_lead_back_to_the_first_is_found() {
    let field = Field::new();
    let chain_head = field.signing.store.keys_of(Kind::ChainHead)[0];
    // A chain head that counts `count` records, of which the last cell holds the `nth` of the field.
    let judge = |count: u8, nth: usize, limit| {
        let open = Shelf::of(Class::Process);
        let last = usize::from(count) - 1;
        for (key, body) in field.cells.iter().zip(&field.bodies) {
            open.put(*key, 1, body);
        }
        open.put(field.cells[last], 1, &field.bodies[nth - 1]);
        let head = SignatureRecord::from_bytes(&field.bodies[nth - 1]).unwrap();
        let body = [&[1, 0, 0, 0, 0, 0, 0, 0, count], &head.digest()[..]].concat();
        open.put(chain_head, 1, &body);
        let engine = &field.signing.host.engine;
        let records = engine.signatures(&open, "acme", &super::field(), limit);
        records.map(|records| records.len())
    };
    for limit in [1, 2, 10] {
        assert_eq!(judge(5, 5, limit).unwrap(), limit.min(5));
        assert_eq!(judge(1, 1, limit).unwrap(), 1);
        for (count, nth) in [(3, 1), (1, 3), (2, 1), (1, 2)] {
            let found = judge(count, nth, limit);
            assert!(
                matches!(found, Err(Error::Tampered)),
                "{nth} in place {count}"
            );
        }
    }
}

/// Deletes the row of a chain head, or makes it expire and lets a purge delete it.
fn is_left(store: &Shelf, chain_head: Key, how: &str) {
    if how == "deleted" {
        store.remove(chain_head);
    } else {
        store.expire(chain_head, super::later(-1));
        assert_eq!(store.purge(super::later(0), 9).unwrap(), 1);
    }
}

#[test]
fn case_170_a_page_that_is_gone_is_found_before_anything_is_compared() {
    for (records, how) in [(1, "deleted"), (3, "deleted"), (1, "expired")] {
        let signing = Signing::new();
        signing.sign_often(records);
        let chain_head = signing.store.keys_of(Kind::ChainHead)[0];
        signing.host.at(600);
        let (binding, stranger) = (binding(), parts().user("stranger").build().unwrap());
        let issued = signing.issue(&binding);
        let before = signing.store.copy();
        is_left(&signing.store, chain_head, how);
        let commits = signing.store.asked().1;
        let verify = |binding, entered: &str| {
            let submission = Submission::new(binding, entered);
            signing
                .host
                .engine
                .verify(&signing.store, submission)
                .map(drop)
        };
        let wrong = fixture::wrong(&issued);
        let loads: Vec<usize> = [issued.code.as_str(), &wrong, "no code"]
            .into_iter()
            .map(|entered| {
                let loads = signing.store.asked().0;
                let answer = verify(&binding, entered);
                assert!(matches!(answer, Err(Error::Tampered)), "{answer:?}");
                signing.store.asked().0 - loads
            })
            .collect();
        assert_eq!(loads, [2; 3], "right and wrong take the same way");
        assert!(matches!(verify(&stranger, &wrong), Err(Error::Tampered)));
        assert_eq!(signing.store.asked().1, commits, "and nothing is written");
        // Nobody is told that the field has no signature.
        let engine = &signing.host.engine;
        let latest = engine.latest_signature(&signing.store, "acme", &field());
        assert!(matches!(latest, Err(Error::Tampered)));
        assert!(matches!(signing.signatures(0), Err(Error::Tampered)));
        let counted = engine.chain_head(&signing.store, "acme", &field());
        assert!(matches!(counted, Err(Error::Tampered)));
        // Put back, all goes on; and the code was not used up.
        signing.store.put_back(&before, chain_head);
        assert!(verify(&binding, issued.code.as_str()).is_ok());
        assert!(signing.judge(&signing.signatures(10).unwrap()).all_good());
    }
}

#[test]
fn case_171_a_record_in_the_way_of_a_new_one_is_found_after_one_lost_commit() {
    let signing = Signing::new();
    signing.sign_often(2);
    let copy = signing.store.copy();
    signing.sign(&binding(), Evidence::new());
    let chain_head = signing.store.keys_of(Kind::ChainHead)[0];
    signing.store.put_back(&copy, chain_head);
    signing.host.at(600);
    let (binding, issued) = (binding(), signing.issue(&binding()));
    let submission = Submission::new(&binding, issued.code.as_str());
    let (loads, commits) = signing.store.asked();
    let verdict = signing.host.engine.verify(&signing.store, submission);
    assert!(matches!(verdict, Err(Error::Tampered)), "{verdict:?}");
    // The lost round; then chain head and record twice, as somebody could have signed in between.
    assert_eq!(signing.store.asked(), (loads + 5, commits));
}

/// Signs as somebody else between two loads, once: when the chain head was seen and its first record not.
struct Between<'a> {
    signing: &'a Signing,
    left: std::sync::Mutex<Option<(Binding, String)>>,
}

impl Store for Between<'_> {
    fn load(&self, keys: &[Key], cells: &mut Vec<Option<Cell>>) -> Result<(), store::Error> {
        self.signing.store.load(keys, cells)?;
        if let Some((binding, code)) = self.left.lock().unwrap().take() {
            accepted(self.signing.answer(&binding, &code, Evidence::new()));
        }
        Ok(())
    }

    fn commit(&self, writes: &[Write<'_>], now: Timestamp) -> Result<Commit, store::Error> {
        self.signing.store.commit(writes, now)
    }

    fn purge(&self, now: Timestamp, limit: usize) -> Result<usize, store::Error> {
        self.signing.store.purge(now, limit)
    }

    fn class(&self) -> Class {
        Class::Permanent
    }
}

#[test]
fn a_first_signature_in_between_is_no_tampering() {
    for right in [true, false] {
        let signing = Signing::new();
        let other = parts().user("8").build().unwrap();
        let (mine, theirs) = (signing.issue(&binding()), signing.issue(&other));
        let store = Between {
            signing: &signing,
            left: Some((other, theirs.code.as_str().to_owned())).into(),
        };
        let wrong = fixture::wrong(&mine);
        let (binding, entered) = (binding(), if right { mine.code.as_str() } else { &wrong });
        let verdict = signing
            .host
            .engine
            .verify(&store, Submission::new(&binding, entered));
        assert_eq!(verdict.unwrap().is_accepted(), right);
        let all = signing.signatures(10).unwrap();
        assert_eq!(all.len(), 1 + usize::from(right));
        assert!(signing.judge(&all).all_good());
        // A reader who meets the first signature reads it.
        let signing = Signing::new();
        let other = parts().user("8").build().unwrap();
        let theirs = signing.issue(&other).code.as_str().to_owned();
        let store = Between {
            signing: &signing,
            left: Some((other, theirs)).into(),
        };
        let engine = &signing.host.engine;
        let read = engine.signatures(&store, "acme", &field(), 5).unwrap();
        assert_eq!(read.len(), 1);
    }
}

/// The documented residue: no seal sees a whole row put back. It hides records, until
/// somebody else kept the count; but no new record can take the place of a hidden one.
#[test]
fn residue_a_page_put_back_hides_the_newest_records_and_blocks_new_ones() {
    let signing = Signing::new();
    signing.sign_often(2);
    let copy = signing.store.copy();
    signing.sign(&binding(), evidence_of("Siti"));
    let head = signing.chain_head();
    let chain_head = signing.store.keys_of(Kind::ChainHead)[0];
    let last = signing.store.keys_of(Kind::Record)[2];
    let next = |second| {
        signing.host.at(second);
        let issued = signing.issue(&binding());
        let binding = binding();
        let submission = Submission::new(&binding, issued.code.as_str());
        signing
            .host
            .engine
            .verify(&signing.store, submission)
            .map(drop)
    };

    signing.store.put_back(&copy, chain_head);
    let shown = signing.signatures(10).unwrap();
    assert_eq!(shown.len(), 2, "the third is hidden");
    let verdict = verify_chain(&shown, &keys(), &expected().chain_head(head));
    assert!(
        matches!(verdict.head, RecordCheck::Bad(_)),
        "but not from who kept the count"
    );
    assert!(matches!(next(600), Err(Error::Tampered)));

    // With the third record gone too, the field goes on from the second: only a kept head tells.
    signing.store.remove(last);
    assert!(next(1_800).is_ok());
    let shown = signing.signatures(10).unwrap();
    assert!(signing.judge(&shown).all_good());
    let verdict = verify_chain(&shown, &keys(), &expected().chain_head(head));
    let RecordCheck::Bad(error) = verdict.head else {
        panic!("another third record");
    };
    assert_eq!(error.reason(), RecordFault::Head);

    // And a field whose chain head and first record are gone has none: only who kept them tells.
    signing.store.remove(chain_head);
    signing.store.remove(signing.store.keys_of(Kind::Record)[0]);
    assert_eq!(signing.signatures(10).unwrap(), []);
}

#[test]
fn a_disclosure_taken_from_a_stored_record_shows_as_withheld() {
    let field = Field::new();
    let whole = SignatureRecord::from_bytes(&field.bodies[0]).unwrap();
    let fewer = whole.disclosures()[1..].to_vec();
    let cut = SignatureRecord::new(whole.jws().to_string(), fewer).unwrap();
    field.signing.store.forge(field.cells[0], &cut.to_bytes());
    let shown = field.signing.signatures(5).unwrap().pop().unwrap();
    let said = super::verify(&shown);
    assert_eq!(
        (said.withheld(), shown.erasures().len()),
        (1, 0),
        "without a note"
    );
}

#[test]
fn a_cell_of_any_size_is_read_or_refused() {
    let field = Field::new();
    for size in [0, 1, 2, MAX_BODY, MAX_BODY + 1, 70_000] {
        let mut body = field.bodies[0].clone();
        body.resize(size, b'~');
        field.signing.store.forge(field.cells[0], &body);
        assert!(
            matches!(field.signing.signatures(5), Err(Error::Tampered)),
            "{size}"
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    /// No byte of any stored record can be another one.
    #[test]
    fn case_84_any_other_byte_of_any_stored_record_is_found(
        which in 0..5_usize, place in any::<Index>(), byte in any::<u8>(),
    ) {
        with_field(|field| {
            let mut body = field.bodies[which].clone();
            let at = place.index(body.len());
            prop_assume!(body[at] != byte);
            body[at] = byte;
            let mut cells = field.whole();
            cells[which] = Some(&body);
            prop_assert!(field.finds(&cells), "byte {at} of record {} = {byte}", which + 1);
            // What reads as a record and has its keys is judged without the store too.
            if let Ok(read) = SignatureRecord::from_bytes(&body) {
                let judged = verify_record(read.jws(), read.disclosures(), &keys(), None);
                prop_assert!(judged.is_err());
            }
            Ok(())
        })?;
    }

    /// No byte more, and none less.
    #[test]
    fn case_84_a_longer_or_shorter_record_is_found(
        which in 0..5_usize, place in any::<Index>(), byte in any::<Option<u8>>(),
    ) {
        with_field(|field| {
            let mut body = field.bodies[which].clone();
            match byte {
                Some(byte) => body.insert(place.index(body.len() + 1), byte),
                None => drop(body.remove(place.index(body.len()))),
            }
            let mut cells = field.whole();
            cells[which] = Some(&body);
            prop_assert!(field.finds(&cells));
            Ok(())
        })?;
    }

    /// No arrangement of a field's cells but the one that was written reads as that field; nor do
    /// records that were exported in any other number or order.
    #[test]
    fn case_85_any_deletion_swap_or_insertion_is_found(
        order in prop::collection::vec(prop::option::weighted(0.9, 0..6_usize), 5),
        exported in prop::collection::vec(0..6_usize, 0..8),
    ) {
        with_field(|field| {
            let mut all = field.whole();
            all.push(Some(&field.stray));
            let cells: Vec<_> = order.iter().map(|from| all[(*from)?]).collect();
            let same = order == [0, 1, 2, 3, 4].map(Some);
            prop_assert_eq!(field.finds(&cells), !same);

            let read = |from: &usize| SignatureRecord::from_bytes(all[*from].unwrap()).unwrap();
            let records: Vec<_> = exported.iter().map(read).collect();
            let same = exported == [4, 3, 2, 1, 0];
            prop_assert_eq!(field.signing.judge(&records).all_good(), same);
            prop_assert!(same || !field.signing.judge(&records).none_bad());
            Ok(())
        })?;
    }

    /// One cell deleted, swapped with another, or written over: the smallest changes of a field.
    #[test]
    fn case_85_the_smallest_changes_of_a_field_are_found(
        kind in 0..3_u8, a in 0..5_usize, b in 0..5_usize,
    ) {
        with_field(|field| {
            let mut cells = field.whole();
            match kind {
                0 => cells[a] = None,
                1 => cells.swap(a, b),
                _ => cells[a] = cells[b],
            }
            prop_assert_eq!(field.finds(&cells), kind == 0 || a != b);
            Ok(())
        })?;
    }
}

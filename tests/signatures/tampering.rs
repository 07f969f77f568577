//! What one with write access to the store can do to records, and how it is found.

use std::sync::LazyLock;

use otp_engine::store::{self, Cell, Class, Commit, Key, Kind, MAX_BODY, Store, Write};
use otp_engine::{
    Binding, Checked, Error, Evidence, RecordError, RecordFault, SignatureRecord, Submission,
    Timestamp, verify_chain, verify_record,
};
use proptest::prelude::*;
use proptest::sample::Index;

use crate::fixture::{binding, parts, record};
use crate::shelf::Shelf;
use crate::{ALL_DETAILS, Desk, accepted, evidence_of, expected, field, keys};

/// A field of five records, the third one partly erased, and a record of another field.
struct Field {
    desk: Desk,
    cells: Vec<Key>,
    bodies: Vec<Vec<u8>>,
    stray: Vec<u8>,
}

impl Field {
    fn new() -> Self {
        let desk = Desk::new();
        desk.sign_often(5);
        let other = parts().record_field(record("16")).build().unwrap();
        desk.sign(&other, evidence_of("Stray"));
        for details in [&ALL_DETAILS[..2], &ALL_DETAILS[2..3]] {
            let engine = &desk.host.engine;
            engine
                .erase(&desk.store, "acme", &field(), 3, details)
                .unwrap();
        }
        let mut cells = desk.store.keys_of(Kind::Record);
        let mut bodies: Vec<_> = cells.iter().map(|key| desk.store.body(*key)).collect();
        cells.truncate(5);
        let stray = bodies.pop().unwrap();
        let field = Self {
            desk,
            cells,
            bodies,
            stray,
        };
        assert!(!field.is_found_changed(), "an untouched field is whole");
        field
    }

    /// Says whether the engine finds the field changed: without any key, or not at all.
    fn is_found_changed(&self) -> bool {
        match self.desk.signatures(10) {
            Err(Error::Tampered) => true,
            Err(error) => panic!("{error}"),
            Ok(records) => {
                assert!(
                    self.desk.judge(&records).all_good(),
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
                Some(body) => self.desk.store.forge(*key, body),
                None => self.desk.store.remove(*key),
            }
        }
        let found = self.is_found_changed();
        for (key, body) in self.cells.iter().zip(&self.bodies) {
            self.desk.store.forge(*key, body);
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
                field.desk.store.forge(key, &flipped);
                let found = matches!(field.desk.signatures(5), Err(Error::Tampered));
                assert!(found, "bit {bit} of byte {byte} of record {}", which + 1);
            }
        }
        field.desk.store.forge(key, body);
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
                named += u32::from(error.n() == Some(2));
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
    field.desk.store.remove(field.cells[1]);
    for limit in 0..=3 {
        assert_eq!(field.desk.signatures(limit).unwrap().len(), limit);
    }
    for limit in 4..=6 {
        assert!(matches!(field.desk.signatures(limit), Err(Error::Tampered)));
    }
}

#[test]
fn a_record_that_is_put_behind_the_newest_is_not_read() {
    let field = Field::new();
    let before = field.desk.signatures(10).unwrap();
    // The next place of the field, found by signing once more on a copy of the store.
    let copy = field.desk.store.copy();
    field.desk.sign(&binding(), Evidence::new());
    let next = *field.desk.store.keys_of(Kind::Record).last().unwrap();
    field.desk.store.restore(copy);
    field.desk.store.forge(next, &field.stray);
    assert_eq!(field.desk.signatures(10).unwrap(), before);
    assert!(!field.is_found_changed());
    // It is in the way of the next signature, which then is an error, and leaves the code good.
    field.desk.host.at(600);
    let issued = field.desk.issue(&binding());
    let binding = binding();
    let submission = Submission::new(&binding, issued.code.as_str()).challenge(issued.id);
    let engine = &field.desk.host.engine;
    let blocked = engine.verify(&field.desk.store, submission);
    assert!(matches!(blocked, Err(Error::Tampered)));
    field.desk.store.remove(next);
    assert!(
        engine
            .verify(&field.desk.store, submission)
            .unwrap()
            .is_accepted()
    );
}

#[test]
fn a_changed_page_is_found_by_its_seal() {
    let field = Field::new();
    let page = field.desk.store.keys_of(Kind::Page)[0];
    let body = field.desk.store.body(page);
    assert_eq!(body.len(), 41 + 16, "format, count, digest; seal");
    for byte in 0..body.len() {
        let mut changed = body.clone();
        changed[byte] ^= 1;
        field.desk.store.forge(page, &changed);
        assert!(matches!(field.desk.signatures(1), Err(Error::Tampered)));
        let issued = {
            field
                .desk
                .host
                .at(1_000 + i64::try_from(byte).unwrap() * 60);
            field.desk.issue(&binding())
        };
        let binding = binding();
        let submission = Submission::new(&binding, issued.code.as_str());
        let verdict = field.desk.host.engine.verify(&field.desk.store, submission);
        assert!(
            matches!(verdict, Err(Error::Tampered)),
            "no record on a forged page"
        );
    }
    // The page of another field does not fit either.
    let other = field.desk.store.keys_of(Kind::Page)[1];
    field.desk.store.forge(page, &field.desk.store.body(other));
    assert!(matches!(field.desk.signatures(1), Err(Error::Tampered)));
}

/// Where nobody seals, the page could be anybody's: it must still agree with the records.
#[test]
fn a_page_that_counts_more_or_fewer_records_than_lead_back_to_the_first_is_found() {
    let field = Field::new();
    let page = field.desk.store.keys_of(Kind::Page)[0];
    // A page that counts `count` records, of which the last cell holds the `nth` of the field.
    let judge = |count: u8, nth: usize, limit| {
        let open = Shelf::of(Class::Process);
        let last = usize::from(count) - 1;
        for (key, body) in field.cells.iter().zip(&field.bodies) {
            open.put(*key, 1, body);
        }
        open.put(field.cells[last], 1, &field.bodies[nth - 1]);
        let head = SignatureRecord::from_bytes(&field.bodies[nth - 1]).unwrap();
        let body = [&[1, 0, 0, 0, 0, 0, 0, 0, count], &head.digest()[..]].concat();
        open.put(page, 1, &body);
        let engine = &field.desk.host.engine;
        let records = engine.signatures(&open, "acme", &crate::field(), limit);
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

/// Deletes the row of a page, or makes it expire and lets a purge delete it.
fn is_left(store: &Shelf, page: Key, how: &str) {
    if how == "deleted" {
        store.remove(page);
    } else {
        store.expire(page, crate::later(-1));
        assert_eq!(store.purge(crate::later(0), 9).unwrap(), 1);
    }
}

#[test]
fn case_170_a_page_that_is_gone_is_found_before_anything_is_compared() {
    for (records, how) in [(1, "deleted"), (3, "deleted"), (1, "expired")] {
        let desk = Desk::new();
        desk.sign_often(records);
        let page = desk.store.keys_of(Kind::Page)[0];
        desk.host.at(600);
        let (binding, stranger) = (binding(), parts().user("stranger").build().unwrap());
        let issued = desk.issue(&binding);
        let before = desk.store.copy();
        is_left(&desk.store, page, how);
        let commits = desk.store.asked().1;
        let verify = |binding, typed: &str| {
            let submission = Submission::new(binding, typed);
            desk.host.engine.verify(&desk.store, submission).map(drop)
        };
        let wrong = crate::fixture::wrong(&issued);
        let loads: Vec<usize> = [issued.code.as_str(), &wrong, "no code"]
            .into_iter()
            .map(|typed| {
                let loads = desk.store.asked().0;
                let answer = verify(&binding, typed);
                assert!(matches!(answer, Err(Error::Tampered)), "{answer:?}");
                desk.store.asked().0 - loads
            })
            .collect();
        assert_eq!(loads, [4; 3], "right and wrong take the same way");
        assert!(matches!(verify(&stranger, &wrong), Err(Error::Tampered)));
        assert_eq!(desk.store.asked().1, commits, "and nothing is written");
        // Nobody is told that the field has no signature.
        let engine = &desk.host.engine;
        let latest = engine.latest_signature(&desk.store, "acme", &field());
        assert!(matches!(latest, Err(Error::Tampered)));
        assert!(matches!(desk.signatures(0), Err(Error::Tampered)));
        let counted = engine.page(&desk.store, "acme", &field());
        assert!(matches!(counted, Err(Error::Tampered)));
        // Put back, all goes on; and the code was not used up.
        desk.store.put_back(&before, page);
        assert!(verify(&binding, issued.code.as_str()).is_ok());
        assert!(desk.judge(&desk.signatures(10).unwrap()).all_good());
    }
}

#[test]
fn case_171_a_record_in_the_way_of_a_new_one_is_found_after_one_lost_commit() {
    let desk = Desk::new();
    desk.sign_often(2);
    let copy = desk.store.copy();
    desk.sign(&binding(), Evidence::new());
    let page = desk.store.keys_of(Kind::Page)[0];
    desk.store.put_back(&copy, page);
    desk.host.at(600);
    let (binding, issued) = (binding(), desk.issue(&binding()));
    let submission = Submission::new(&binding, issued.code.as_str());
    let (loads, commits) = desk.store.asked();
    let verdict = desk.host.engine.verify(&desk.store, submission);
    assert!(matches!(verdict, Err(Error::Tampered)), "{verdict:?}");
    // The lost round; then page and record twice, as somebody could have signed in between.
    assert_eq!(desk.store.asked(), (loads + 5, commits));
}

/// Signs as somebody else between two loads, once: when the page was seen and its first record not.
struct Between<'a> {
    desk: &'a Desk,
    left: std::sync::Mutex<Option<(Binding, String)>>,
}

impl Store for Between<'_> {
    fn load(&self, keys: &[Key], cells: &mut Vec<Option<Cell>>) -> Result<(), store::Error> {
        self.desk.store.load(keys, cells)?;
        if let Some((binding, code)) = self.left.lock().unwrap().take() {
            accepted(self.desk.answer(&binding, &code, Evidence::new()));
        }
        Ok(())
    }

    fn commit(&self, writes: &[Write<'_>], now: Timestamp) -> Result<Commit, store::Error> {
        self.desk.store.commit(writes, now)
    }

    fn purge(&self, now: Timestamp, limit: usize) -> Result<usize, store::Error> {
        self.desk.store.purge(now, limit)
    }

    fn class(&self) -> Class {
        Class::Permanent
    }
}

#[test]
fn a_first_signature_in_between_is_no_tampering() {
    for right in [true, false] {
        let desk = Desk::new();
        let other = parts().user("8").build().unwrap();
        let (mine, theirs) = (desk.issue(&binding()), desk.issue(&other));
        let store = Between {
            desk: &desk,
            left: Some((other, theirs.code.as_str().to_owned())).into(),
        };
        let wrong = crate::fixture::wrong(&mine);
        let (binding, typed) = (binding(), if right { mine.code.as_str() } else { &wrong });
        let verdict = desk
            .host
            .engine
            .verify(&store, Submission::new(&binding, typed));
        assert_eq!(verdict.unwrap().is_accepted(), right);
        let all = desk.signatures(10).unwrap();
        assert_eq!(all.len(), 1 + usize::from(right));
        assert!(desk.judge(&all).all_good());
        // A reader who meets the first signature reads it.
        let desk = Desk::new();
        let other = parts().user("8").build().unwrap();
        let theirs = desk.issue(&other).code.as_str().to_owned();
        let store = Between {
            desk: &desk,
            left: Some((other, theirs)).into(),
        };
        let engine = &desk.host.engine;
        let read = engine.signatures(&store, "acme", &field(), 5).unwrap();
        assert_eq!(read.len(), 1);
    }
}

/// The documented residue: no seal sees a whole row put back. It hides records, until
/// somebody else kept the count; but no new record can take the place of a hidden one.
#[test]
fn residue_a_page_put_back_hides_the_newest_records_and_blocks_new_ones() {
    let desk = Desk::new();
    desk.sign_often(2);
    let copy = desk.store.copy();
    desk.sign(&binding(), evidence_of("Siti"));
    let (count, head) = desk.page();
    let page = desk.store.keys_of(Kind::Page)[0];
    let last = desk.store.keys_of(Kind::Record)[2];
    let next = |second| {
        desk.host.at(second);
        let issued = desk.issue(&binding());
        let binding = binding();
        let submission = Submission::new(&binding, issued.code.as_str());
        desk.host.engine.verify(&desk.store, submission).map(drop)
    };

    desk.store.put_back(&copy, page);
    let shown = desk.signatures(10).unwrap();
    assert_eq!(shown.len(), 2, "the third is hidden");
    let verdict = verify_chain(&shown, &keys(), &expected().page(count, head));
    assert!(
        matches!(verdict.head, Checked::Bad(_)),
        "but not from who kept the count"
    );
    assert!(matches!(next(600), Err(Error::Tampered)));

    // With the third record gone too, the field goes on from the second: only a kept head tells.
    desk.store.remove(last);
    assert!(next(1_800).is_ok());
    let shown = desk.signatures(10).unwrap();
    assert!(desk.judge(&shown).all_good());
    let verdict = verify_chain(&shown, &keys(), &expected().page(count, head));
    let Checked::Bad(error) = verdict.head else {
        panic!("another third record");
    };
    assert_eq!(error.reason(), RecordFault::Head);

    // And a field whose page and first record are gone has none: only who kept them tells.
    desk.store.remove(page);
    desk.store.remove(desk.store.keys_of(Kind::Record)[0]);
    assert_eq!(desk.signatures(10).unwrap(), []);
}

#[test]
fn a_disclosure_taken_from_a_stored_record_shows_as_withheld() {
    let field = Field::new();
    let whole = SignatureRecord::from_bytes(&field.bodies[0]).unwrap();
    let fewer = whole.disclosures()[1..].to_vec();
    let cut = SignatureRecord::new(whole.jws().to_string(), fewer).unwrap();
    field.desk.store.forge(field.cells[0], &cut.to_bytes());
    let shown = field.desk.signatures(5).unwrap().pop().unwrap();
    let said = crate::verify(&shown);
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
        field.desk.store.forge(field.cells[0], &body);
        assert!(
            matches!(field.desk.signatures(5), Err(Error::Tampered)),
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
            prop_assert_eq!(field.desk.judge(&records).all_good(), same);
            prop_assert!(same || !field.desk.judge(&records).none_bad());
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

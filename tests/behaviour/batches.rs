//! Batches: many operations in one call, each as if it were alone.

use core::sync::atomic::Ordering;
use std::sync::Mutex;

use otp_engine::binding::BindingRef;
use otp_engine::store::{Cell, Class, Commit, Error as StoreError, Key, Kind, Version, Write};
use otp_engine::{
    Binding, Engine, Error, Evidence, Issuance, RateLimits, SigningKey, Store, Submission,
    Timestamp, Verdict,
};

use crate::support::fixture::{Harness, binding_of};
use crate::support::vault::{Rows, Vault};

fn bindings(count: usize) -> Vec<Binding> {
    // Each fifth is a slot that came before: its second send is refused, its second guess another attempt.
    (0..count)
        .map(|at| binding_of(1, at - usize::from(at % 5 == 4), 1))
        .collect()
}

fn harness(is_limited: bool, signs: bool) -> Harness {
    Harness::with(|builder| {
        let builder = if is_limited {
            builder
        } else {
            builder.rate_limits(RateLimits::unlimited())
        };
        if signs {
            builder.signing_key(SigningKey::from_seed(&[7; 32]).unwrap())
        } else {
            builder
        }
    })
}

/// Issues and verifies one by one or many at a time; says all answers, and what the store then holds.
fn play(host: &Harness, count: usize, many: bool) -> (Vec<String>, Rows) {
    let (engine, store, all) = (&host.engine, Vault::of(Class::Permanent), bindings(count));
    let (mut codes, mut told) = (vec![None; count], Vec::new());
    let mut issued = |at: usize, issuance: Result<Issuance, Error>| {
        let issued = issuance.unwrap().issued();
        // Ids are drawn in another order; all else is the same.
        told.push(format!(
            "{at}: {:?}",
            issued.as_ref().map(|it| it.expires_at)
        ));
        codes[at] = issued.map(|it| it.code.as_str().to_owned());
    };
    let refs: Vec<BindingRef<'_>> = all.iter().map(BindingRef::from).collect();
    if many {
        engine.issue_many(&store, &refs, &mut issued);
    } else {
        for (at, binding) in all.iter().enumerate() {
            issued(at, engine.issue(&store, binding));
        }
    }
    let submission = |at: usize| {
        let code = codes[at].as_deref().unwrap_or("000000");
        let long = Evidence::new().user_name(if at % 7 == 6 { LONG } else { "Siti" });
        Submission::new(&all[at], code).evidence(long)
    };
    let submissions: Vec<_> = (0..count).map(submission).collect();
    let mut judged = |at: usize, verdict: Result<Verdict, Error>| {
        let verdict = verdict.unwrap();
        told.push(format!("{at}: {:?}", verdict.rejection()));
    };
    if many {
        engine.verify_many(&store, &submissions, &mut judged);
    } else {
        for (at, submission) in submissions.iter().enumerate() {
            judged(at, engine.verify(&store, *submission));
        }
    }
    (told, store.rows())
}

/// More than a record takes.
const LONG: &str = match core::str::from_utf8(&[b'x'; 300]) {
    Ok(long) => long,
    Err(_) => "",
};

#[test]
fn case_451_a_batch_answers_as_its_items_would_alone_in_their_order() {
    for (is_limited, signs) in [(false, false), (true, false), (false, true), (true, true)] {
        for count in [0, 1, 7, 8, 9, 300] {
            let alone = play(&harness(is_limited, signs), count, false);
            let batch = play(&harness(is_limited, signs), count, true);
            assert_eq!(batch.0, alone.0, "{count}");
            let kinds = |rows: &Rows| {
                rows.iter()
                    .map(|(key, (kind, _))| (*key, *kind))
                    .collect::<Vec<_>>()
            };
            if !signs {
                // Names of records hold no id, but records hold one each.
                assert_eq!(kinds(&batch.1), kinds(&alone.1));
            }
            assert_eq!(batch.1.len(), alone.1.len());
        }
    }
}

#[test]
fn case_451_a_batch_draws_once_for_256_and_each_item_for_itself_where_that_fails() {
    let host = harness(true, false);
    let (all, store) = (bindings(300), Vault::of(Class::Permanent));
    let refs: Vec<BindingRef<'_>> = all.iter().map(BindingRef::from).collect();
    host.engine
        .issue_many(&store, &refs, |_, issuance| drop(issuance.unwrap()));
    assert_eq!(host.draws.load(Ordering::SeqCst), 2);

    let failing = Harness::with_randomness(|bytes| {
        if bytes.len() > 16 {
            return Err("no more than an id at once".into());
        }
        bytes.fill(7);
        Ok(())
    });
    let mut answered = 0;
    failing
        .engine
        .issue_many(&store, &refs[..20], |at, issuance| {
            assert_eq!(at, answered);
            answered += 1;
            drop(issuance.unwrap());
        });
    assert_eq!(answered, 20);
    let broken = Harness::with_randomness(|_| Err("no entropy".into()));
    let mut failed = 0;
    broken.engine.issue_many(&store, &refs, |_, issuance| {
        failed += usize::from(matches!(issuance, Err(Error::Randomness(_))));
    });
    assert_eq!(failed, refs.len());
}

#[test]
fn case_451_a_failure_of_one_undoes_no_other() {
    let host = harness(true, false);
    let (all, store) = (bindings(20), Picky::default());
    let refs: Vec<BindingRef<'_>> = all.iter().map(BindingRef::from).collect();
    let mut answers = Vec::new();
    host.engine
        .issue_many(&store, &refs, |_, issuance| answers.push(issuance.is_ok()));
    let expected: Vec<_> = (0..20).map(|at| at % 3 != 2).collect();
    assert_eq!(answers, expected);
}

/// A store that refuses each third commit.
#[derive(Default)]
struct Picky {
    commits: Mutex<usize>,
}

impl Store for Picky {
    fn load(&self, keys: &[Key], cells: &mut Vec<Option<Cell>>) -> Result<(), StoreError> {
        cells.extend(keys.iter().map(|_| None));
        Ok(())
    }

    fn commit(&self, _: &[Write<'_>], _: Timestamp) -> Result<Commit, StoreError> {
        let mut commits = self.commits.lock().unwrap();
        *commits += 1;
        if commits.is_multiple_of(3) {
            return Err(StoreError::Full);
        }
        Ok(Commit::Done)
    }

    fn purge(&self, _: Timestamp, _: usize) -> Result<usize, StoreError> {
        Ok(0)
    }

    fn class(&self) -> Class {
        Class::Process
    }
}

#[test]
fn case_452_every_cell_that_is_written_was_loaded_in_the_version_that_is_expected() {
    for (is_limited, signs) in [(false, false), (true, false), (false, true), (true, true)] {
        let host = harness(is_limited, signs);
        let store = Watched {
            vault: Vault::of(Class::Permanent),
            loaded: Mutex::default(),
            writes: Mutex::default(),
        };
        let binding = binding_of(1, 1, 1);
        let engine: &Engine = &host.engine;
        let issued = engine.issue(&store, &binding).unwrap().issued().unwrap();
        for entered in [
            "000000",
            "no code",
            issued.code.as_str(),
            issued.code.as_str(),
        ] {
            let _ = engine
                .verify(&store, Submission::new(&binding, entered))
                .unwrap();
        }
        host.at(86_400);
        engine.issue(&store, &binding).unwrap().issued().unwrap();
        engine.cancel(&store, &binding).unwrap();
        engine.reset_slot(&store, &binding, "by test").unwrap();
        engine
            .unlock(&store, binding.tenant(), binding.user())
            .unwrap();
        assert!(*store.writes.lock().unwrap() >= 6);
    }
}

/// Remembers what the last load gave, and compares each commit with it.
struct Watched {
    vault: Vault,
    loaded: Mutex<Vec<(Key, Version)>>,
    writes: Mutex<usize>,
}

impl Store for Watched {
    fn load(&self, keys: &[Key], cells: &mut Vec<Option<Cell>>) -> Result<(), StoreError> {
        self.vault.load(keys, cells)?;
        let version = |cell: &Option<Cell>| cell.as_ref().map_or(Version::ABSENT, Cell::version);
        let found = keys.iter().copied().zip(cells.iter().map(version));
        self.loaded.lock().unwrap().extend(found);
        Ok(())
    }

    fn commit(&self, writes: &[Write<'_>], now: Timestamp) -> Result<Commit, StoreError> {
        let loaded = core::mem::take(&mut *self.loaded.lock().unwrap());
        for write in writes {
            // A record is new: its name was never another's.
            let is_new = write.kind == Kind::Record && write.expected == Version::ABSENT;
            assert!(
                is_new || loaded.contains(&(write.key, write.expected)),
                "{write:?}"
            );
            *self.writes.lock().unwrap() += 1;
        }
        self.vault.commit(writes, now)
    }

    fn purge(&self, now: Timestamp, limit: usize) -> Result<usize, StoreError> {
        self.vault.purge(now, limit)
    }

    fn class(&self) -> Class {
        self.vault.class()
    }
}

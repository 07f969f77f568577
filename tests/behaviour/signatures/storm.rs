//! Many threads at once: the chain is whole, everybody who was accepted stands in it, in one order.

use std::sync::Barrier;

use otp_engine::{
    Binding, Evidence, MemoryStore, RateLimits, Rejection, SignatureRecord, Store, Submission,
    Target, Verdict,
    record::{ExpectedChain, verify_chain},
};

use super::{key, keys, verify};
use crate::support::fixture::{Harness, parts, record};

const THREADS: usize = 32;

fn host(rate_limits: RateLimits) -> Harness {
    Harness::with(|builder| builder.signing_key(key()).rate_limits(rate_limits))
}

fn issue(host: &Harness, store: &dyn Store, binding: &Binding) -> String {
    let issued = host.engine.issue(store, binding).unwrap().issued();
    issued
        .expect("a send within all limits")
        .code
        .as_str()
        .into()
}

/// Judges the field named `name`: all of it, against its chain head. Returns its records, newest first.
fn whole_field(host: &Harness, store: &dyn Store, name: &str) -> Vec<SignatureRecord> {
    let field = record(name);
    let engine = &host.engine;
    let records = engine
        .signatures(store, "acme", &field, usize::MAX)
        .unwrap();
    let head = engine.chain_head(store, "acme", &field).unwrap();
    let Target {
        model,
        field,
        id: record,
    } = field;
    let expected = ExpectedChain::new()
        .tenant("acme")
        .model(model)
        .field(field)
        .target_id(record)
        .chain_head(head);
    let verdict = verify_chain(&records, &keys(), &expected);
    assert!(verdict.all_good(), "{verdict:?}");
    records
}

#[test]
fn case_92_storm_of_two_signers_on_one_field() {
    let (host, store) = (
        host(RateLimits::unlimited()),
        MemoryStore::keeping_records_until_exit(),
    );
    let signers = ["7", "8"].map(|user| parts().user(user).build().unwrap());
    let rounds = 25;
    let (mut accepted, mut used) = (0, 0);
    for round in 0..rounds {
        host.at(round * 60);
        let codes = signers
            .each_ref()
            .map(|signer| issue(&host, &store, signer));
        let barrier = Barrier::new(THREADS);
        let verdicts: Vec<Verdict> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..THREADS)
                .map(|thread| {
                    let (signer, code) = (&signers[thread % 2], &codes[thread % 2]);
                    let (host, store, barrier) = (&host, &store, &barrier);
                    scope.spawn(move || {
                        let submission = Submission::new(signer, code.as_str());
                        barrier.wait();
                        host.engine.verify(store, submission).unwrap()
                    })
                })
                .collect();
            threads
                .into_iter()
                .map(|thread| thread.join().unwrap())
                .collect()
        });
        for verdict in verdicts {
            match verdict {
                Verdict::Accepted(acceptance) => {
                    assert!(acceptance.record.is_some());
                    accepted += 1;
                }
                Verdict::Rejected(rejection) => {
                    assert_eq!(rejection, Rejection::AlreadyUsed);
                    used += 1;
                }
            }
        }
    }
    let rounds = usize::try_from(rounds).unwrap();
    assert_eq!((accepted, used), (2 * rounds, (THREADS - 2) * rounds));
    let records = whole_field(&host, &store, "15");
    assert_eq!(records.len(), 2 * rounds);
    for both in records.chunks(2) {
        let mut users = [&both[0], &both[1]].map(|record| verify(record).user().to_string());
        users.sort();
        assert_eq!(
            users,
            ["7", "8"],
            "both signers of each round, one after the other"
        );
    }
}

#[test]
fn storm_of_thirty_two_signers_of_one_field() {
    let (host, store) = (
        host(RateLimits::unlimited()),
        MemoryStore::keeping_records_until_exit(),
    );
    let signers: Vec<_> = (0..THREADS)
        .map(|user| parts().user(&user.to_string()).build().unwrap())
        .collect();
    for round in 0..5 {
        host.at(round * 60);
        let codes: Vec<_> = signers
            .iter()
            .map(|signer| issue(&host, &store, signer))
            .collect();
        all_at_once(&host, &store, &signers, &codes);
    }
    let records = whole_field(&host, &store, "15");
    assert_eq!(records.len(), 5 * THREADS);
    for round in records.chunks(THREADS) {
        let users = round.iter().map(|record| verify(record).user().to_string());
        let users: std::collections::BTreeSet<_> = users.collect();
        assert_eq!(users.len(), THREADS);
    }
}

#[test]
fn storm_of_one_user_who_signs_many_fields() {
    let rate_limits = RateLimits::builder()
        .user_sends_per_hour(32)
        .recipient_sends_per_ten_minutes(32)
        .recipient_sends_per_day(32)
        .build()
        .unwrap();
    // Metered: every acceptance writes the one meter of this user, too.
    let (host, store) = (host(rate_limits), MemoryStore::keeping_records_until_exit());
    let names: Vec<_> = (0..THREADS).map(|name| name.to_string()).collect();
    let fields: Vec<_> = names
        .iter()
        .map(|name| parts().target(record(name)).build().unwrap())
        .collect();
    let codes: Vec<_> = fields
        .iter()
        .map(|field| issue(&host, &store, field))
        .collect();
    all_at_once(&host, &store, &fields, &codes);
    for name in &names {
        let records = whole_field(&host, &store, name);
        assert_eq!(records.len(), 1);
        assert_eq!(verify(&records[0]).target_id(), name);
    }
}

/// Answers each code, all in one moment; all must be accepted.
fn all_at_once(host: &Harness, store: &dyn Store, bindings: &[Binding], codes: &[String]) {
    let barrier = Barrier::new(bindings.len());
    std::thread::scope(|scope| {
        for (binding, code) in bindings.iter().zip(codes) {
            let barrier = &barrier;
            scope.spawn(move || {
                let submission = Submission::new(binding, code.as_str()).evidence(Evidence::new());
                barrier.wait();
                let verdict = host.engine.verify(store, submission).unwrap();
                assert!(verdict.is_accepted());
            });
        }
    });
}

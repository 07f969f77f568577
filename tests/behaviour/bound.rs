//! A bound binding: the same cells and answers as the binding's, for the engines of one key ring.

use otp_engine::binding::BindingRef;
use otp_engine::oath::{Device, HashFunction, Hotp, Secret};
use otp_engine::operation::{Delivery, DeliveryReport};
use otp_engine::store::Class;
use otp_engine::{
    ChallengeId, Error, Evidence, KeyRing, RateLimits, SigningKey, Submission, Target,
};

use crate::support::fixture::{Harness, binding, keys};
use crate::support::vault::{Rows, Vault};

fn harness(ring: &KeyRing, rate_limits: RateLimits, signs: bool) -> Harness {
    Harness::on(ring.clone(), |builder| {
        let builder = builder.rate_limits(rate_limits);
        if signs {
            builder.signing_key(SigningKey::from_seed(&[7; 32]).unwrap())
        } else {
            builder
        }
    })
}

/// Asks everything that takes a binding, and returns each answer and all rows.
fn play<'b>(
    host: &Harness,
    binding: impl Into<BindingRef<'b>>,
    target: &Target<'_>,
) -> (Vec<String>, Rows) {
    let (engine, binding, store) = (&host.engine, binding.into(), Vault::of(Class::Permanent));
    let mut told = Vec::new();
    macro_rules! tell {
        ($answer:expr) => {
            told.push(format!("{:?}", $answer))
        };
    }
    let issued = engine.issue(&store, binding).unwrap().issued().unwrap();
    let (id, send) = (issued.id, issued.send);
    let delivery = Delivery::Sent;
    let report = DeliveryReport { id, send, delivery };
    tell!(
        engine
            .claim_send(&store, binding, id, send)
            .unwrap()
            .refused()
    );
    tell!(engine.report_delivery(&store, binding, report));
    tell!(engine.verify(&store, Submission::new(binding, "000000")));
    tell!(engine.status(&store, binding));
    tell!(engine.verify(&store, Submission::new(binding, issued.code.as_str())));
    tell!(engine.chain_head(&store, "acme", target));
    host.at(600);
    let issued = engine.issue(&store, binding).unwrap().issued().unwrap();
    tell!(issued.code.as_str());
    tell!(engine.cancel(&store, binding));
    tell!(engine.reset_slot(&store, binding, "by test"));
    let token = Hotp::new(
        &Secret::new(b"12345678901234567890").unwrap(),
        HashFunction::Sha1,
        6,
    )
    .unwrap();
    let devices = [Device::hotp(&token, 5)];
    tell!(engine.verify_devices(
        &store,
        binding,
        &devices,
        token.at(0).as_str(),
        Evidence::new()
    ));
    (told, store.rows())
}

#[test]
fn case_450_a_bound_binding_reads_and_writes_the_cells_of_its_binding() {
    let (plain, ring) = (binding(), keys());
    let target = plain.target();
    for limits in [RateLimits::unlimited(), RateLimits::default()] {
        for signs in [false, true] {
            let expected = play(&harness(&ring, limits, signs), &plain, &target);
            // One of the same key ring is as good, whatever its own limits.
            for others in [RateLimits::unlimited(), RateLimits::default()] {
                let bound = harness(&ring, others, false).engine.bind(plain.clone());
                let host = harness(&ring, limits, signs);
                assert!(bound.is_of(&host.engine) && *bound.binding() == plain);
                let found = play(&host, &bound, &target);
                assert_eq!(found.0, expected.0);
                assert!(found.1 == expected.1, "rows differ");
            }
        }
    }
}

#[test]
fn case_450_a_binding_that_another_key_ring_bound_is_refused_and_nothing_is_written() {
    let (host, other) = (Harness::new(), Harness::new());
    let foreign = &other.engine.bind(binding());
    assert!(!foreign.is_of(&host.engine));
    let (engine, store) = (&host.engine, &Vault::of(Class::Permanent));
    let report = DeliveryReport {
        id: ChallengeId::from_bytes([7; 16]),
        send: 1,
        delivery: Delivery::Sent,
    };
    let token = Hotp::new(
        &Secret::new(b"12345678901234567890").unwrap(),
        HashFunction::Sha1,
        6,
    )
    .unwrap();
    let devices = [Device::hotp(&token, 5)];
    let code = token.at(0);
    let refused: [Result<(), Error>; 8] = [
        engine.issue(store, foreign).map(drop),
        engine
            .verify(store, Submission::new(foreign, "123456"))
            .map(drop),
        engine.status(store, foreign).map(drop),
        engine.cancel(store, foreign).map(drop),
        engine.reset_slot(store, foreign, "by test").map(drop),
        engine.report_delivery(store, foreign, report).map(drop),
        engine.claim_send(store, foreign, report.id, 1).map(drop),
        engine
            .verify_devices(store, foreign, &devices, code.as_str(), Evidence::new())
            .map(drop),
    ];
    for answer in refused {
        assert!(matches!(answer, Err(Error::ForeignBinding)), "{answer:?}");
    }
    assert!(store.rows().is_empty());
}

#[test]
fn case_450_a_bound_binding_shows_no_more_than_its_binding() {
    let bound = Harness::new().engine.bind(binding());
    assert_eq!(format!("{bound:?}"), format!("Bound({:?})", binding()));
}

//! What a client or a gateway wrote is an answer, whatever it is: never an error.

use otp_engine::{
    Binding, ChallengeId, Engine, Issuance, KeyRing, MemoryStore, Mobile, Submission, Target,
    Verdict,
    challenge::{DeliveryStatus, GatewayStatus},
    operation::{Delivery, DeliveryReport, ReportOutcome},
    verdict::PublicRejection,
};

fn engine() -> Engine {
    let keys = KeyRing::builder()
        .code("2026a", b"a code secret of thirty-two bytes")
        .index(b"an index secret of thirty-two b.")
        .build();
    Engine::builder(keys.unwrap()).build()
}

fn binding() -> Binding {
    Binding::builder()
        .tenant("acme")
        .purpose("sign")
        .target(Target {
            model: "loan",
            field: "signature",
            id: "15",
        })
        .user("7")
        .recipient(Mobile::parse("60123456789").unwrap())
        .build()
        .unwrap()
}

#[test]
fn case_292_an_id_that_is_none_is_a_rejection_and_its_report_is_ignored() {
    let (engine, store, binding) = (engine(), MemoryStore::new(), binding());
    let Issuance::Issued(issued) = engine.issue(&store, &binding).unwrap() else {
        panic!("refused");
    };
    for text in [
        "gen_839210",
        "",
        "\u{fffd}",
        &"Z".repeat(26),
        &"0".repeat(26),
    ] {
        let id = ChallengeId::from_client(text);
        let submission = Submission::new(&binding, issued.code.as_str()).challenge(id);
        let Verdict::Rejected(rejection) = engine.verify(&store, submission).unwrap() else {
            panic!("{text:?} was taken for the challenge");
        };
        assert_eq!(rejection.public(), PublicRejection::Invalid);
        let reported = engine.report_delivery(
            &store,
            &binding,
            DeliveryReport {
                id,
                send: 1,
                delivery: Delivery::Sent,
            },
        );
        assert_eq!(reported.unwrap(), ReportOutcome::Ignored, "{text:?}");
    }
    let named = ChallengeId::from_client(issued.id.to_string());
    let submission = Submission::new(&binding, issued.code.as_str()).challenge(named);
    assert!(engine.verify(&store, submission).unwrap().is_accepted());
}

#[test]
fn case_293_a_status_of_any_length_is_recorded() {
    let (engine, store, binding) = (engine(), MemoryStore::new(), binding());
    let Issuance::Issued(issued) = engine.issue(&store, &binding).unwrap() else {
        panic!("refused");
    };
    let said = Delivery::Failed(GatewayStatus::shortened("INVALID_NUMBER"));
    let reported = engine.report_delivery(
        &store,
        &binding,
        DeliveryReport {
            id: issued.id,
            send: issued.send,
            delivery: said,
        },
    );
    assert_eq!(reported.unwrap(), ReportOutcome::Refunded);
    let status = engine.status(&store, &binding).unwrap().unwrap();
    let DeliveryStatus::Failed(kept) = status.delivery else {
        panic!("{:?}", status.delivery);
    };
    assert_eq!(kept.as_str(), "INVAL");
}

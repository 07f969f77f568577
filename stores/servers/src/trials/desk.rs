//! The engine that all processes of a trial have, and what its codes are for.

use otp_engine::{Binding, Engine, KeyRing, Mobile, RecordField};

/// Makes an engine with keys that are no secret.
#[must_use]
pub fn engine() -> Engine {
    let keys = KeyRing::builder().code("2026a", &[1; 32]).index(&[2; 32]);
    Engine::new(keys.build().unwrap())
}

/// Returns what the code with this number is for.
///
/// Each code has a user and a recipient of its own: shared ones would be locked by the failures.
#[must_use]
pub fn binding(slot: u32) -> Binding {
    Binding::builder()
        .tenant("acme")
        .purpose("sign")
        .record_field(RecordField {
            model: "loan.application",
            field: "client_signature",
            record: &slot.to_string(),
        })
        .user(&format!("user-{slot}"))
        .recipient(Mobile::parse(&format!("6012345{slot:04}")).unwrap())
        .build()
        .unwrap()
}

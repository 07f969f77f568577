use otp_engine::{
    Rejection, Timestamp,
    evidence::{EvidenceFault, EvidenceKind},
};
use serde_json::json;

use super::*;

const NOW: Timestamp = Timestamp::from_unix(1_715_767_200);

#[test]
fn all_that_a_guesser_must_not_tell_apart_reads_the_same() {
    let invalid = json!({"status": 400, "message": "Invalid or expired OTP"});
    for rejection in [
        Rejection::Expired,
        Rejection::AlreadyUsed,
        Rejection::Superseded,
        Rejection::Cancelled,
        Rejection::Mismatch,
        Rejection::Unknown,
    ] {
        assert_eq!(rejected(rejection, NOW), invalid, "{rejection:?}");
    }
}

#[test]
fn a_lock_says_how_long_and_null_where_only_an_unlock_helps() {
    let locked = |retry_at| rejected(Rejection::Locked { retry_at }, NOW)["retry_after"].clone();
    assert_eq!(locked(Some(Timestamp::from_unix(1_715_767_230))), 30);
    assert_eq!(
        locked(Some(NOW)),
        1,
        "who waits for nothing would ask at once"
    );
    assert_eq!(locked(None), json!(null));
}

#[test]
fn evidence_is_named_as_in_the_request() {
    let said = |fault| rejected(Rejection::Evidence(fault), NOW)["message"].clone();
    assert_eq!(
        said(EvidenceFault::Missing(EvidenceKind::Image)),
        "signature is required"
    );
    assert_eq!(
        said(EvidenceFault::TooLarge(EvidenceKind::Image)),
        "signature is too large"
    );
    assert_eq!(
        said(EvidenceFault::Unfit(EvidenceKind::SignerName)),
        "signer_name is not usable"
    );
}

#[test]
fn instants_and_numbers_read_as_the_contract_writes_them() {
    assert_eq!(NOW.to_string(), "2024-05-15 10:00:00");
    assert_eq!(shown("60123456789", Numbers::Masked), "*******6789");
    assert_eq!(shown("1234567", Numbers::Masked), "*******");
    assert_eq!(shown("60123456789", Numbers::Whole), "60123456789");
}

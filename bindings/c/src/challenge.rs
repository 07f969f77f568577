//! What came of an issue or a verify, as numbers and short texts.

use otp_core::{
    Issuance, Issued, Rejection, Timestamp, Verdict,
    challenge::{ChallengeState, DeliveryStatus},
    evidence::{EvidenceFault, EvidenceKind},
    operation::{Claim, ClaimRefusal, Lock, Status},
    verdict::{PublicRejection, RefusalReason},
};

use crate::status::Fault;
use crate::view::{Sized_, SizedOut, otp_bytes, put, show};

/// Room for a code and its NUL.
pub const OTP_CODE_CAPACITY: usize = 27;
/// Room for a challenge id and its NUL.
pub const OTP_CHALLENGE_ID_CAPACITY: usize = 27;
/// Room for a recipient and its NUL.
pub const OTP_RECIPIENT_CAPACITY: usize = 255;

/// Returns `OTP_CODE_CAPACITY`, for bindings that cannot read the macro.
#[unsafe(no_mangle)]
pub extern "C" fn otp_code_capacity() -> usize {
    OTP_CODE_CAPACITY
}

/// Returns `OTP_CHALLENGE_ID_CAPACITY`.
#[unsafe(no_mangle)]
pub extern "C" fn otp_challenge_id_capacity() -> usize {
    OTP_CHALLENGE_ID_CAPACITY
}

/// Returns `OTP_RECIPIENT_CAPACITY`.
#[unsafe(no_mangle)]
pub extern "C" fn otp_recipient_capacity() -> usize {
    OTP_RECIPIENT_CAPACITY
}

/// What an engine decided. 0 is never an acceptance.
#[repr(i32)]
#[derive(Clone, Copy, Debug)]
pub enum otp_outcome {
    /// Nothing: the call failed, or never was.
    None = 0,
    /// The code was right, for the first and only time.
    Accepted = 1,
    /// The code was not accepted; `rejection` says why.
    Rejected = 2,
    /// There is a code to send.
    Issued = 3,
    /// There is none; `refusal_reason` says why.
    Refused = 4,
}

/// Why no code is issued, or handed out by `otp_engine_claim_send`: an issue gives the first four, a
/// claim all but the first two. Of those of a claim only a lock passes: drop the message.
#[repr(i32)]
#[derive(Clone, Copy, Debug)]
pub enum otp_refusal_reason {
    /// It was not refused.
    None = 0,
    /// A code was sent a moment ago.
    Cooldown = 1,
    /// This code, recipient or user has had its sends.
    SendLimit = 2,
    /// All attempts are used up.
    Exhausted = 3,
    /// The user or recipient has too many wrong guesses behind it; for a claim, the user alone.
    Locked = 4,
    /// The send was claimed before: whoever did that has the code, or died with it.
    Claimed = 5,
    /// The gateway's answer to this send was reported.
    Reported = 6,
    /// The code's time is over.
    Expired = 7,
    /// The right code was given before.
    AlreadyUsed = 8,
    /// A newer challenge took its place, or a later send of the same code.
    Superseded = 9,
    /// It was called off.
    Cancelled = 10,
    /// The challenge is for another recipient or content.
    Mismatch = 11,
    /// Nothing was issued for this, a raised epoch voided it, or there was no such send.
    Unknown = 12,
}

/// Why a code was not accepted; for the trusted caller.
#[repr(i32)]
#[derive(Clone, Copy, Debug)]
pub enum otp_rejection {
    /// It was accepted, or nothing was decided.
    None = 0,
    /// Another code; this used up an attempt.
    Wrong = 1,
    /// Its time is over.
    Expired = 2,
    /// All attempts are used up.
    Exhausted = 3,
    /// The right code was given before.
    AlreadyUsed = 4,
    /// A newer challenge took its place.
    Superseded = 5,
    /// It was called off.
    Cancelled = 6,
    /// It is for another recipient or content.
    Mismatch = 7,
    /// Nothing was issued for this.
    Unknown = 8,
    /// No code of this kind; no attempt was used.
    Malformed = 9,
    /// The user is locked.
    Locked = 10,
    /// Evidence is missing or does not fit; no attempt was used.
    Evidence = 11,
    /// A reason that this version of the header does not know.
    Other = 12,
    /// A device's counter is not known since the epoch was raised: ask for two codes in a row. Nothing
    /// was compared.
    Resynchronise = 13,
}

/// What an untrusted caller may be told of a rejection.
#[repr(i32)]
#[derive(Clone, Copy, Debug)]
pub enum otp_public_rejection {
    /// It was accepted, or nothing was decided.
    None = 0,
    /// Invalid or expired; which one is not said.
    Invalid = 1,
    /// Not the form of a code.
    Malformed = 2,
    /// Evidence is missing or does not fit.
    Evidence = 3,
}

/// What is wrong with evidence.
#[repr(i32)]
#[derive(Clone, Copy, Debug)]
pub enum otp_evidence_fault {
    /// Nothing.
    None = 0,
    /// It is required but missing.
    Missing = 1,
    /// It is too large.
    TooLarge = 2,
    /// It does not fit.
    Unfit = 3,
}

/// The kinds of evidence.
#[repr(i32)]
#[derive(Clone, Copy, Debug)]
pub enum otp_evidence_kind {
    /// None.
    None = 0,
    /// The name that the signer entered.
    SignerName = 1,
    /// The document.
    Document = 2,
    /// The captured signature.
    Image = 3,
    /// The consent.
    Consent = 4,
    /// What the user is called.
    UserName = 5,
    /// The revision of the record.
    Revision = 6,
    /// The address.
    Ip = 7,
    /// The program.
    Agent = 8,
}

/// A code to send, or a refusal. Wipe it by `otp_wipe` once the message is on its way.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct otp_issued {
    /// `sizeof(otp_issued)`.
    pub struct_size: usize,
    /// The item's own status in a batch; else as returned.
    pub status: i32,
    /// `OTP_OUTCOME_ISSUED`, also of a claim, or `OTP_OUTCOME_REFUSED`.
    pub outcome: i32,
    /// One of `otp_refusal_reason`.
    pub refusal_reason: i32,
    /// Which send of this code it is, from 1 on.
    pub send: u32,
    /// Unix seconds; of a code that is sent again, the first time.
    pub issued_at: i64,
    /// Unix seconds from which on the code is no longer accepted.
    pub expires_at: i64,
    /// Unix seconds at which the same call is admitted; read if `has_retry_at` is 1.
    pub retry_at: i64,
    /// 0 where only an unlock helps.
    pub has_retry_at: i32,
    /// 26 characters and a NUL; empty in a refusal that names no live challenge.
    pub challenge_id: [u8; 27],
    /// The code and a NUL.
    pub code: [u8; 27],
    /// Digits without plus, or the address, and a NUL.
    pub recipient: [u8; 255],
    /// Seconds for which the code is still accepted: less for a code that is sent again.
    pub valid_for: i64,
    /// The minutes that a message may name: what is left, rounded down, and 1 at least.
    pub minutes: u32,
}

// SAFETY: plain data behind its size, of which all zeros is a value.
unsafe impl Sized_ for otp_issued {
    const LEAST: usize = core::mem::offset_of!(Self, valid_for);
}

impl otp_issued {
    /// Makes the item of a batch that failed.
    pub(crate) fn failed(fault: &Fault) -> Self {
        Self {
            status: fault.status as i32,
            ..Self::zeroed()
        }
    }

    /// Writes an issuance. The code goes to the caller directly: a structure on the way would be
    /// copied, and nobody wipes the copies.
    pub(crate) fn write(issuance: &Issuance, out: SizedOut<Self>) {
        match issuance {
            Issuance::Issued(issued) => Self::write_issued(issued, out),
            Issuance::Refused(refusal) => {
                let reason = reason_number(refusal.reason);
                out.write(&Self {
                    challenge_id: refusal.id.map_or([0; 27], show),
                    ..Self::refused(reason, refusal.retry_at)
                });
            }
        }
    }

    /// Writes a claim, in the same way.
    pub(crate) fn write_claim(claim: &Claim, out: SizedOut<Self>) {
        match claim {
            Claim::Claimed(issued) => Self::write_issued(issued, out),
            Claim::Refused(refusal) => {
                let (reason, retry_at) = claim_numbers(*refusal);
                out.write(&Self::refused(reason as i32, retry_at));
            }
        }
    }

    fn write_issued(issued: &Issued, out: SizedOut<Self>) {
        let out = out.write(&Self {
            outcome: otp_outcome::Issued as i32,
            send: issued.send.into(),
            issued_at: issued.issued_at.unix(),
            expires_at: issued.expires_at.unix(),
            challenge_id: show(issued.id),
            recipient: put(issued.recipient.as_str()),
            valid_for: i64::try_from(issued.valid_for.as_secs()).unwrap_or(i64::MAX),
            minutes: issued.minutes(),
            ..Self::zeroed()
        });
        let code = issued.code.as_str();
        // SAFETY: the code lies within the first published size, and is shorter than its field,
        // which holds zeros by now.
        unsafe {
            let field = (&raw mut (*out).code).cast::<u8>();
            core::ptr::copy_nonoverlapping(code.as_ptr(), field, code.len().min(26));
        }
    }

    fn refused(reason: i32, retry_at: Option<Timestamp>) -> Self {
        Self {
            outcome: otp_outcome::Refused as i32,
            refusal_reason: reason,
            retry_at: retry_at.map_or(0, Timestamp::unix),
            has_retry_at: i32::from(retry_at.is_some()),
            ..Self::zeroed()
        }
    }
}

/// Whether a code was accepted.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct otp_verdict {
    /// `sizeof(otp_verdict)`.
    pub struct_size: usize,
    /// The item's own status in a batch; else as returned.
    pub status: i32,
    /// `OTP_OUTCOME_ACCEPTED` or `OTP_OUTCOME_REJECTED`; nothing else is an acceptance.
    pub outcome: i32,
    /// One of `otp_rejection`.
    pub rejection: i32,
    /// One of `otp_public_rejection`: what an untrusted caller may be told.
    pub public_rejection: i32,
    /// Guesses left after a wrong one.
    pub attempts_left: u32,
    /// 1 if `retry_at` says when a lock or an exhausted slot opens; 0 where only an unlock helps.
    pub has_retry_at: i32,
    /// Unix seconds.
    pub retry_at: i64,
    /// Unix seconds of an acceptance.
    pub verified_at: i64,
    /// One of `otp_evidence_fault`.
    pub evidence_fault: i32,
    /// One of `otp_evidence_kind`.
    pub evidence_kind: i32,
    /// The signature record as `<JWS>~<disclosure>~…`, or NULL; free it by `otp_bytes_free` before the
    /// structure is used again.
    pub record: *mut otp_bytes,
    /// The record's place among those of its target, from 1; 0 if there is none.
    pub record_sequence: u64,
    /// 22 characters and a NUL; empty if there is no record.
    pub record_id: [u8; 23],
    /// The accepted challenge: 26 characters and a NUL.
    pub challenge_id: [u8; 27],
}

// SAFETY: plain data behind its size, of which all zeros is a value.
unsafe impl Sized_ for otp_verdict {
    // Without the record that it owns, a structure would lose it.
    const LEAST: usize = core::mem::offset_of!(Self, record_id);
}

impl otp_verdict {
    /// Writes a verdict down; the record, if any, is the caller's from here on.
    pub(crate) fn of(verdict: &Verdict) -> Self {
        match verdict {
            Verdict::Accepted(acceptance) => {
                let record = acceptance.record.as_ref();
                Self {
                    outcome: otp_outcome::Accepted as i32,
                    verified_at: acceptance.verified_at.unix(),
                    challenge_id: show(acceptance.id),
                    record_sequence: record.map_or(0, |record| record.sequence()),
                    record_id: record.map_or([0; 23], |record| show(record.id())),
                    record: record.map_or(core::ptr::null_mut(), |record| {
                        otp_bytes::give(record.to_sd_jwt())
                    }),
                    ..Self::zeroed()
                }
            }
            Verdict::Rejected(rejection) => rejection_numbers(*rejection),
        }
    }
}

/// Writes a rejection as numbers.
pub(crate) fn rejection_numbers(rejection: Rejection) -> otp_verdict {
    let public = match rejection.public() {
        PublicRejection::Malformed => otp_public_rejection::Malformed,
        PublicRejection::Evidence(_) => otp_public_rejection::Evidence,
        _ => otp_public_rejection::Invalid,
    };
    let mut verdict = otp_verdict {
        outcome: otp_outcome::Rejected as i32,
        public_rejection: public as i32,
        ..otp_verdict::zeroed()
    };
    let mut retry_at = None;
    let number = match rejection {
        Rejection::Wrong { attempts_left } => {
            verdict.attempts_left = attempts_left.into();
            otp_rejection::Wrong
        }
        Rejection::Expired => otp_rejection::Expired,
        Rejection::Exhausted { retry_at: at } => {
            retry_at = Some(at);
            otp_rejection::Exhausted
        }
        Rejection::AlreadyUsed => otp_rejection::AlreadyUsed,
        Rejection::Superseded => otp_rejection::Superseded,
        Rejection::Cancelled => otp_rejection::Cancelled,
        Rejection::Mismatch => otp_rejection::Mismatch,
        Rejection::Unknown => otp_rejection::Unknown,
        Rejection::Malformed => otp_rejection::Malformed,
        Rejection::Locked { retry_at: at } => {
            retry_at = at;
            otp_rejection::Locked
        }
        Rejection::Evidence(fault) => {
            (verdict.evidence_fault, verdict.evidence_kind) = evidence_numbers(fault);
            otp_rejection::Evidence
        }
        Rejection::Resynchronise => otp_rejection::Resynchronise,
        _ => otp_rejection::Other,
    };
    verdict.rejection = number as i32;
    verdict.has_retry_at = retry_at.is_some().into();
    verdict.retry_at = retry_at.map_or(0, Timestamp::unix);
    verdict
}

fn evidence_numbers(fault: EvidenceFault) -> (i32, i32) {
    let (number, kind) = match fault {
        EvidenceFault::Missing(kind) => (otp_evidence_fault::Missing, kind),
        EvidenceFault::TooLarge(kind) => (otp_evidence_fault::TooLarge, kind),
        EvidenceFault::Unfit(kind) => (otp_evidence_fault::Unfit, kind),
        _ => {
            return (
                otp_evidence_fault::Unfit as i32,
                otp_evidence_kind::None as i32,
            );
        }
    };
    let kind = match kind {
        EvidenceKind::SignerName => otp_evidence_kind::SignerName,
        EvidenceKind::Document => otp_evidence_kind::Document,
        EvidenceKind::Image => otp_evidence_kind::Image,
        EvidenceKind::Consent => otp_evidence_kind::Consent,
        EvidenceKind::UserName => otp_evidence_kind::UserName,
        EvidenceKind::Revision => otp_evidence_kind::Revision,
        EvidenceKind::Ip => otp_evidence_kind::Ip,
        EvidenceKind::Agent => otp_evidence_kind::Agent,
        _ => otp_evidence_kind::None,
    };
    (number as i32, kind as i32)
}

pub(crate) const fn reason_number(reason: RefusalReason) -> i32 {
    let reason = match reason {
        RefusalReason::Cooldown => otp_refusal_reason::Cooldown,
        RefusalReason::SendLimit => otp_refusal_reason::SendLimit,
        RefusalReason::Exhausted => otp_refusal_reason::Exhausted,
        RefusalReason::Locked => otp_refusal_reason::Locked,
        // One that a later core adds holds up sends, as they all do.
        _ => otp_refusal_reason::SendLimit,
    };
    reason as i32
}

const fn claim_numbers(refusal: ClaimRefusal) -> (otp_refusal_reason, Option<Timestamp>) {
    let reason = match refusal {
        ClaimRefusal::Claimed => otp_refusal_reason::Claimed,
        ClaimRefusal::Reported => otp_refusal_reason::Reported,
        ClaimRefusal::Rejected(rejection) => match rejection {
            Rejection::Expired => otp_refusal_reason::Expired,
            Rejection::Exhausted { retry_at } => {
                return (otp_refusal_reason::Exhausted, Some(retry_at));
            }
            Rejection::AlreadyUsed => otp_refusal_reason::AlreadyUsed,
            Rejection::Superseded => otp_refusal_reason::Superseded,
            Rejection::Cancelled => otp_refusal_reason::Cancelled,
            Rejection::Mismatch => otp_refusal_reason::Mismatch,
            Rejection::Locked { retry_at } => return (otp_refusal_reason::Locked, retry_at),
            _ => otp_refusal_reason::Unknown,
        },
        // One that a later core adds withholds the code, as they all do.
        _ => otp_refusal_reason::Unknown,
    };
    (reason, None)
}

/// The state of a challenge.
#[repr(i32)]
#[derive(Clone, Copy, Debug)]
pub enum otp_challenge_state {
    /// There is no challenge for this binding.
    None = 0,
    /// It awaits its answer.
    Pending = 1,
    /// The right code was given.
    Verified = 2,
    /// Its time is over.
    Expired = 3,
    /// All attempts are used up.
    Exhausted = 4,
    /// It was called off.
    Cancelled = 5,
}

/// What became of a report of delivery.
#[repr(i32)]
#[derive(Clone, Copy, Debug)]
pub enum otp_report_outcome {
    /// It was recorded.
    Recorded = 1,
    /// It was recorded, and the send no longer counts.
    Refunded = 2,
    /// It was late, a second one, or of no send of this binding: nothing was changed.
    Ignored = 3,
}

/// Whether a user is locked.
#[repr(i32)]
#[derive(Clone, Copy, Debug)]
pub enum otp_lock {
    /// The user is not locked.
    None = 0,
    /// Until an instant.
    Until = 1,
    /// Until an administrator unlocks them.
    UntilUnlocked = 2,
}

/// What is known of the latest send.
#[repr(i32)]
#[derive(Clone, Copy, Debug)]
pub enum otp_delivery {
    /// Nothing.
    Unreported = 0,
    /// The gateway took it.
    Sent = 1,
    /// The gateway refused it.
    Failed = 2,
    /// Nothing, and somebody claimed it.
    Claimed = 3,
}

/// A challenge, as it is now.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct otp_challenge {
    /// `sizeof(otp_challenge)`.
    pub struct_size: usize,
    /// One of `otp_challenge_state`; `OTP_CHALLENGE_STATE_NONE` leaves all else 0.
    pub state: i32,
    /// One of `otp_delivery`.
    pub delivery: i32,
    /// Guesses left.
    pub attempts_left: u32,
    /// Sends so far.
    pub sends: u32,
    /// Unix seconds.
    pub issued_at: i64,
    /// Unix seconds.
    pub expires_at: i64,
    /// Unix seconds at which the cooldown ends.
    pub next_send_at: i64,
    /// One of `otp_lock`.
    pub lock: i32,
    /// Unix seconds; read if `lock` is `OTP_LOCK_UNTIL`.
    pub locked_until: i64,
    /// 26 characters and a NUL.
    pub challenge_id: [u8; 27],
    /// The gateway's status of a failed send, and a NUL.
    pub gateway_status: [u8; 8],
}

// SAFETY: plain data behind its size, of which all zeros is a value.
unsafe impl Sized_ for otp_challenge {}

impl otp_challenge {
    pub(crate) fn of(status: Option<&Status>) -> Self {
        let Some(status) = status else {
            return Self::zeroed();
        };
        let state = match status.state {
            ChallengeState::Verified => otp_challenge_state::Verified,
            ChallengeState::Expired => otp_challenge_state::Expired,
            ChallengeState::Exhausted => otp_challenge_state::Exhausted,
            ChallengeState::Cancelled => otp_challenge_state::Cancelled,
            _ => otp_challenge_state::Pending,
        };
        let (delivery, gateway_status) = match status.delivery {
            DeliveryStatus::Sent => (otp_delivery::Sent, [0; 8]),
            DeliveryStatus::Failed(gateway) => (otp_delivery::Failed, put(gateway.as_str())),
            DeliveryStatus::Claimed => (otp_delivery::Claimed, [0; 8]),
            _ => (otp_delivery::Unreported, [0; 8]),
        };
        let (lock, locked_until) = match status.lock {
            Lock::Free => (otp_lock::None, 0),
            Lock::Until(at) => (otp_lock::Until, at.unix()),
            Lock::UntilUnlocked => (otp_lock::UntilUnlocked, 0),
        };
        Self {
            state: state as i32,
            delivery: delivery as i32,
            attempts_left: status.attempts_left.into(),
            sends: status.sends.into(),
            issued_at: status.issued_at.unix(),
            expires_at: status.expires_at.unix(),
            next_send_at: status.next_send_at.unix(),
            lock: lock as i32,
            locked_until,
            challenge_id: show(status.id),
            gateway_status,
            ..Self::zeroed()
        }
    }
}

//! What an engine does with a store, beside verifying: issue, claim, report, cancel, reset, purge.

use otp_core::{
    ChallengeId, Engine, Error, Store,
    challenge::GatewayStatus,
    operation::{
        CancelOutcome, Delivery, DeliveryReport, ReportOutcome, ResetOutcome, UnlockOutcome,
    },
};

use crate::binding::{otp_binding, use_binding, use_bound};
use crate::challenge::{otp_challenge, otp_issued, otp_report_outcome};
use crate::engine::{otp_engine, use_engine};
use crate::guard::{
    DEPTH_DEEP, FailedItems, flag, guard_code, guard_out, guard_secret, guard_sized_out,
};
use crate::status::{Fault, otp_status};
use crate::store::{otp_store, use_store};
use crate::view::{Items, Sized_, SizedOut, check_count, otp_view, read_sized, until_nul};

/// Issues a code for a binding, or hands out the live one once more.
///
/// The status is OK for a refusal too: `outcome` tells. Send the message after this returns, then
/// report by `otp_engine_report_delivery`. On any other status `issued_out` is as it was.
///
/// # Safety
///
/// Every pointer is NULL or valid during the call; the `struct_size` of `issued_out` is set.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn otp_engine_issue(
    engine: *const otp_engine,
    store: *const otp_store,
    binding: *const otp_binding,
    issued_out: *mut otp_issued,
) -> otp_status {
    // SAFETY: by this function's contract.
    guard_code(|| unsafe {
        let out = SizedOut::at(issued_out, "issued_out")?;
        let (engine, store, binding) = use_bound(engine, store, binding)?;
        otp_issued::write(&engine.issue(store, binding)?, out);
        Ok(())
    })
}

/// Issues a code for each of `count` bindings, at most 65,536; where it is 0, arrays may be NULL.
///
/// Each is an operation of its own: a failure of one undoes no other, and is in the `status` of its
/// item; its text is that of `otp_item_detail`. On a store that is slow or away each item waits for
/// itself: take small batches there. The items of `issued_out` lie `issued_size` bytes apart, which is `sizeof(otp_issued)`: a
/// shorter one is filled as far as it goes, what the library does not know of a longer one is zero.
/// The `struct_size` of each is set by the library.
///
/// # Safety
///
/// Every pointer is NULL or valid during the call, and so is each of the `count` bindings;
/// `issued_out` has room for `count` items.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn otp_engine_issue_many(
    engine: *const otp_engine,
    store: *const otp_store,
    bindings: *const *const otp_binding,
    count: usize,
    issued_out: *mut otp_issued,
    issued_size: usize,
) -> otp_status {
    // SAFETY: by this function's contract; there are as many items as bindings.
    guard_secret::<DEPTH_DEEP>(|| unsafe {
        let (engine, store) = (use_engine(engine)?, use_store(store)?);
        check_count(bindings, count, "bindings")?;
        if count == 0 {
            FailedItems::default().keep();
            return Ok(());
        }
        let items = Items::lend(issued_out, issued_size, ["issued_out", "issued_size"])?;
        let mut failed = FailedItems::default();
        let (mut places, mut lent) = (Vec::with_capacity(count), Vec::with_capacity(count));
        for at in 0..count {
            match use_binding(bindings.add(at).read(), engine) {
                Ok(binding) => {
                    places.push(at);
                    lent.push(binding.into());
                }
                Err(fault) => {
                    items.cleared(at).write(&otp_issued::failed(&fault));
                    failed.put(at, fault.detail);
                }
            }
        }
        engine.issue_many(store, &lent, |at, issuance| {
            let item = items.cleared(places[at]);
            match issuance {
                Ok(issuance) => otp_issued::write(&issuance, item),
                Err(error) => {
                    let fault = Fault::from(error);
                    item.write(&otp_issued::failed(&fault));
                    failed.put(places[at], fault.detail);
                }
            }
        });
        failed.keep();
        Ok(())
    })
}

/// Claims a send whose message waited in a queue, and hands its code out: once, for the host that
/// does not send what `otp_engine_issue` gave. What waits is the challenge id and the send's number.
///
/// The claim is committed before this returns. `outcome` is `OTP_OUTCOME_ISSUED`, with the code as an
/// issue gives it, or `OTP_OUTCOME_REFUSED`, and `refusal_reason` says why: claimed or reported
/// before, or a code that `otp_engine_verify` would not take now. Whoever dies after the claim leaves
/// a send that nobody repeats. A `challenge_id` that is none is that of no send; `send` is 1 to 255.
/// On any other status than OK no code left, but the send may be claimed.
///
/// # Safety
///
/// As `otp_engine_issue`.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn otp_engine_claim_send(
    engine: *const otp_engine,
    store: *const otp_store,
    binding: *const otp_binding,
    challenge_id: otp_view,
    send: u32,
    issued_out: *mut otp_issued,
) -> otp_status {
    // SAFETY: by this function's contract.
    guard_code(|| unsafe {
        let out = SizedOut::at(issued_out, "issued_out")?;
        let (engine, store, binding) = use_bound(engine, store, binding)?;
        let id = ChallengeId::from_client(challenge_id.bytes("challenge_id")?);
        let claim = engine.claim_send(store, binding, id, send_number(send)?)?;
        otp_issued::write_claim(&claim, out);
        Ok(())
    })
}

/// Reads the number of a send.
fn send_number(send: u32) -> Result<u8, Fault> {
    match u8::try_from(send) {
        Ok(send @ 1..) => Ok(send),
        _ => Err(Fault::argument(format!(
            "send is {send}; it must be 1 to 255"
        ))),
    }
}

/// What a gateway said of a send.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct otp_delivery_report {
    /// `sizeof(otp_delivery_report)`.
    pub struct_size: usize,
    /// As `otp_issued` has it; what is no id is that of no send.
    pub challenge_id: [u8; 27],
    /// The gateway's own status of a refusal. Its first 5 printable ASCII characters are kept: the
    /// message is out, and no status may undo its report.
    pub gateway_status: [u8; 8],
    /// As `otp_issued` has it.
    pub send: u32,
    /// 1: the gateway took the message. 0: it surely refused it. After a time-out report nothing.
    pub delivered: i32,
}

// SAFETY: plain data behind its size, of which all zeros is a value.
unsafe impl Sized_ for otp_delivery_report {}

impl otp_delivery_report {
    fn read(&self) -> Result<DeliveryReport, Fault> {
        let delivery = if flag(self.delivered, "delivered")? {
            Delivery::Sent
        } else {
            Delivery::Failed(GatewayStatus::shortened(until_nul(&self.gateway_status)))
        };
        let send = send_number(self.send)?;
        let id = ChallengeId::from_client(until_nul(&self.challenge_id));
        Ok(DeliveryReport { id, send, delivery })
    }
}

/// Records what the gateway said of the latest send; a refused one is refunded, once.
///
/// `outcome_out` is one of `otp_report_outcome`.
///
/// # Safety
///
/// As `otp_engine_issue`.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn otp_engine_report_delivery(
    engine: *const otp_engine,
    store: *const otp_store,
    binding: *const otp_binding,
    report: *const otp_delivery_report,
    outcome_out: *mut i32,
) -> otp_status {
    // SAFETY: by this function's contract.
    unsafe {
        guard_out(outcome_out, "outcome_out", || {
            let (engine, store, binding) = use_bound(engine, store, binding)?;
            let report = read_sized(report, "report")?.read()?;
            let outcome = match engine.report_delivery(store, binding, report)? {
                ReportOutcome::Recorded => otp_report_outcome::Recorded,
                ReportOutcome::Refunded => otp_report_outcome::Refunded,
                _ => otp_report_outcome::Ignored,
            };
            Ok(outcome as i32)
        })
    }
}

/// Calls off the live challenge; `cancelled_out` is 1, or 0 if there was none for this binding.
///
/// # Safety
///
/// As `otp_engine_issue`.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn otp_engine_cancel(
    engine: *const otp_engine,
    store: *const otp_store,
    binding: *const otp_binding,
    cancelled_out: *mut i32,
) -> otp_status {
    // SAFETY: by this function's contract.
    unsafe {
        guard_out(cancelled_out, "cancelled_out", || {
            let (engine, store, binding) = use_bound(engine, store, binding)?;
            Ok(i32::from(
                engine.cancel(store, binding)? == CancelOutcome::Cancelled,
            ))
        })
    }
}

/// Returns the state of a binding's challenge; changes nothing.
///
/// # Safety
///
/// As `otp_engine_issue`.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn otp_engine_status(
    engine: *const otp_engine,
    store: *const otp_store,
    binding: *const otp_binding,
    challenge_out: *mut otp_challenge,
) -> otp_status {
    // SAFETY: by this function's contract.
    unsafe {
        guard_sized_out(challenge_out, "challenge_out", || {
            let (engine, store, binding) = use_bound(engine, store, binding)?;
            Ok(otp_challenge::of(engine.status(store, binding)?.as_ref()))
        })
    }
}

/// Lifts what wrong guesses put on a user; `unlocked_out` is 1, or 0 if there was nothing to lift.
/// Tenant and user are 1 to 128 bytes each.
///
/// # Safety
///
/// Every pointer is NULL or valid during the call, texts with as many bytes as said.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn otp_engine_unlock(
    engine: *const otp_engine,
    store: *const otp_store,
    tenant: otp_view,
    user: otp_view,
    unlocked_out: *mut i32,
) -> otp_status {
    // SAFETY: by this function's contract.
    unsafe {
        guard_out(unlocked_out, "unlocked_out", || {
            let (engine, store) = (use_engine(engine)?, use_store(store)?);
            let (tenant, user) = (tenant.member("tenant")?, user.member("user")?);
            let unlocked = engine.unlock(store, tenant, user)? == UnlockOutcome::Unlocked;
            Ok(i32::from(unlocked))
        })
    }
}

/// Lifts what holds the slot of a binding up: used-up attempts, the lockout,
/// cooldown, and what a clock that was far ahead left. A code that is out is called off; one that was
/// used stays used. `reset_out` is 1, or 0 if there was nothing to lift.
///
/// For an administrator: `reason`, 1 to 256 bytes of visible text, goes to the observer.
///
/// # Safety
///
/// As `otp_engine_issue`; `reason` has as many bytes as it says.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn otp_engine_reset_slot(
    engine: *const otp_engine,
    store: *const otp_store,
    binding: *const otp_binding,
    reason: otp_view,
    reset_out: *mut i32,
) -> otp_status {
    // SAFETY: by this function's contract.
    unsafe {
        guard_out(reset_out, "reset_out", || {
            let (engine, store, binding) = use_bound(engine, store, binding)?;
            let reset = engine.reset_slot(store, binding, reason.text("reason")?)?;
            Ok(i32::from(reset == ResetOutcome::Reset))
        })
    }
}

/// Forgets what was sent to the recipient of a binding, and failed against it, over
/// all users and records of its tenant. `reset_out` and `reason` as for `otp_engine_reset_slot`.
///
/// # Safety
///
/// As `otp_engine_reset_slot`.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn otp_engine_reset_recipient(
    engine: *const otp_engine,
    store: *const otp_store,
    binding: *const otp_binding,
    reason: otp_view,
    reset_out: *mut i32,
) -> otp_status {
    // SAFETY: by this function's contract.
    unsafe {
        guard_out(reset_out, "reset_out", || {
            let (engine, store, binding) = use_bound(engine, store, binding)?;
            let binding = binding.binding();
            let (tenant, recipient) = (binding.tenant(), binding.recipient());
            let reset = engine.reset_recipient(store, tenant, recipient, reason.text("reason")?)?;
            Ok(i32::from(reset == ResetOutcome::Reset))
        })
    }
}

/// Lifts a user's locks as `otp_engine_unlock` does, and the limit of sends with them. `reset_out`
/// and `reason` as for `otp_engine_reset_slot`.
///
/// # Safety
///
/// Every pointer is NULL or valid during the call, each text with as many bytes as its length says.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn otp_engine_reset_user(
    engine: *const otp_engine,
    store: *const otp_store,
    tenant: otp_view,
    user: otp_view,
    reason: otp_view,
    reset_out: *mut i32,
) -> otp_status {
    // SAFETY: by this function's contract.
    unsafe {
        guard_out(reset_out, "reset_out", || {
            let (engine, store) = (use_engine(engine)?, use_store(store)?);
            let (tenant, user) = (tenant.member("tenant")?, user.member("user")?);
            let reset = engine.reset_user(store, tenant, user, reason.text("reason")?)?;
            Ok(i32::from(reset == ResetOutcome::Reset))
        })
    }
}

/// Drops at most `limit` cells whose time is over; `dropped_out` is how many. Call it once a day at
/// least.
///
/// Errors: `OTP_STATUS_CLOCK_AHEAD` where the clock lies more than a day past the newest time that is
/// known of the store: nothing was dropped.
///
/// # Safety
///
/// Every pointer is NULL or valid during the call.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn otp_engine_purge(
    engine: *const otp_engine,
    store: *const otp_store,
    limit: u64,
    dropped_out: *mut u64,
) -> otp_status {
    // SAFETY: by this function's contract.
    unsafe { purge(engine, store, limit, dropped_out, Engine::purge) }
}

/// Purges though the clock lies far ahead of what is known of the store: for an administrator who
/// looked at the clock. Later purges go on from there.
///
/// # Safety
///
/// As `otp_engine_purge`.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn otp_engine_purge_confirmed(
    engine: *const otp_engine,
    store: *const otp_store,
    limit: u64,
    dropped_out: *mut u64,
) -> otp_status {
    // SAFETY: by this function's contract.
    unsafe { purge(engine, store, limit, dropped_out, Engine::purge_confirmed) }
}

/// # Safety
///
/// As `otp_engine_purge`.
unsafe fn purge(
    engine: *const otp_engine,
    store: *const otp_store,
    limit: u64,
    dropped_out: *mut u64,
    purge: impl FnOnce(&Engine, &dyn Store, usize) -> Result<usize, Error>,
) -> otp_status {
    // SAFETY: by this function's contract.
    unsafe {
        guard_out(dropped_out, "dropped_out", || {
            let limit = usize::try_from(limit).unwrap_or(usize::MAX);
            let dropped = purge(use_engine(engine)?, use_store(store)?, limit)?;
            Ok(u64::try_from(dropped).unwrap_or(u64::MAX))
        })
    }
}

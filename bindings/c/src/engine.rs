//! The engine: made of keys, policy, rate limits, clock, observer and signing key; and what it does
//! beside verifying.

use core::ffi::{CStr, c_char};

use otp_core::{
    ChallengeId, Engine, Issuance,
    challenge::GatewayStatus,
    findings::{Finding, of_emails, of_mobiles},
    operation::{
        CancelOutcome, Delivery, DeliveryReport, ReportOutcome, ResetOutcome, UnlockOutcome,
    },
};

use crate::binding::{RingNumber, otp_binding, use_binding};
use crate::challenge::{otp_challenge, otp_issued, otp_report_outcome};
use crate::fork::Generation;
use crate::guard::{flag, guard, guard_code, guard_drop, outside_callbacks};
use crate::key::{drop_handle, otp_key_ring, otp_signing_key};
use crate::observer::{HostClock, HostObserver, UserData, otp_clock, otp_observer};
use crate::policy::{otp_policy, otp_rate_limits, read_policy, read_rate_limits};
use crate::status::{Fault, otp_status};
use crate::store::otp_store;
use crate::view::{
    Items, Sized_, bytes, checked_size, hand_out, lend, otp_bytes, read_sized, text, until_nul,
    writable, write_sized,
};

/// The number of the ABI. It changes with an incompatible change alone: compare it with
/// `OTP_ABI_VERSION` before any other call.
pub const OTP_ABI_VERSION: u32 = 1;

/// Returns `OTP_ABI_VERSION` as the library was built.
#[unsafe(no_mangle)]
pub extern "C" fn otp_abi_version() -> u32 {
    OTP_ABI_VERSION
}

/// Returns the version of the library, such as "0.1.0"; never NULL, never freed.
#[unsafe(no_mangle)]
pub extern "C" fn otp_version() -> *const c_char {
    const VERSION: &CStr =
        match CStr::from_bytes_with_nul(concat!(env!("CARGO_PKG_VERSION"), "\0").as_bytes()) {
            Ok(version) => version,
            Err(_) => c"",
        };
    VERSION.as_ptr()
}

/// Issues codes and judges what is entered; any number of threads may use it at once.
#[derive(Debug)]
pub struct otp_engine {
    engine: Engine,
    /// That of the keys, which the bindings have too.
    pub(crate) ring: RingNumber,
    generation: Generation,
}

impl core::ops::Deref for otp_engine {
    type Target = Engine;

    fn deref(&self) -> &Engine {
        &self.engine
    }
}

/// What an engine is made of beside its keys. All zeros but `struct_size` is a good engine.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct otp_engine_options {
    /// `sizeof(otp_engine_options)`.
    pub struct_size: usize,
    /// NULL: the default policy.
    pub policy: *const otp_policy,
    /// NULL: the default rate limits.
    pub rate_limits: *const otp_rate_limits,
    /// NULL: no signature records. A copy is taken.
    pub signing_key: *const otp_signing_key,
    /// All zeros: the system's clock.
    pub clock: otp_clock,
    /// All zeros: no observer.
    pub observer: otp_observer,
    /// 1 if clock or observer may give their thread to another fiber that calls the library; see
    /// "Re-entrancy" in the header. Else 0.
    pub fibers: i32,
}

// SAFETY: plain data behind its size, of which all zeros is a value.
unsafe impl Sized_ for otp_engine_options {}

/// Makes an engine. The `user_data` of clock and observer pass to it only if this succeeds.
///
/// Errors: `OTP_STATUS_POLICY` for a policy or rate limit out of its bounds.
///
/// # Safety
///
/// Every pointer is NULL or valid during the call, structures with their `struct_size` set;
/// callbacks take calls from any thread for as long as the engine or a sibling lives.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn otp_engine_new(
    ring: *const otp_key_ring,
    options: *const otp_engine_options,
    engine_out: *mut *mut otp_engine,
) -> otp_status {
    guard(|| {
        writable(engine_out, "engine_out")?;
        outside_callbacks()?;
        // SAFETY: by this function's contract, here and below.
        let ring = unsafe { lend(ring, "ring")? };
        ring.generation.check("ring")?;
        let options = if options.is_null() {
            otp_engine_options::zeroed()
        } else {
            // SAFETY: as above.
            unsafe { read_sized(options, "options")? }
        };
        let fibers = flag(options.fibers, "fibers")?;
        // SAFETY: as above.
        let (policy, rate_limits) = unsafe {
            (
                read_policy(options.policy)?,
                read_rate_limits(options.rate_limits)?,
            )
        };
        // SAFETY: as above.
        let signing_key = unsafe { options.signing_key.as_ref() };
        let mut builder = Engine::builder(ring.keys.clone())
            .policy(policy)
            .rate_limits(rate_limits);
        if let Some(key) = signing_key {
            key.generation.check("signing_key")?;
            builder = builder.signing_key(key.key.clone());
        }
        let otp_clock {
            now,
            user_data,
            drop_user_data,
        } = options.clock;
        if let Some(now) = now {
            builder = builder.clock(HostClock {
                now,
                fibers,
                user_data: UserData::new(user_data, drop_user_data),
            });
        }
        let otp_observer {
            observe,
            user_data,
            drop_user_data,
        } = options.observer;
        if let Some(observe) = observe {
            let user_data = UserData::new(user_data, drop_user_data);
            builder = builder.observer(HostObserver {
                observe,
                fibers,
                user_data,
            });
        }
        let engine = Box::new(otp_engine {
            engine: builder.build(),
            ring: ring.number,
            generation: Generation::current(),
        });
        // SAFETY: asked above.
        unsafe { hand_out(engine_out, Box::into_raw(engine)) };
        Ok(())
    })
}

/// Makes a sibling with another policy: same keys, rate limits, clock, observer and signing key, and
/// the same slots. It is cheap, and freed like any engine.
///
/// # Safety
///
/// As `otp_engine_new`.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn otp_engine_with_policy(
    engine: *const otp_engine,
    policy: *const otp_policy,
    engine_out: *mut *mut otp_engine,
) -> otp_status {
    guard(|| {
        writable(engine_out, "engine_out")?;
        // SAFETY: by this function's contract.
        let engine = unsafe { use_engine(engine)? };
        // SAFETY: as above.
        let policy = unsafe { read_policy(policy)? };
        let sibling = otp_engine {
            engine: engine.with_policy(policy),
            ring: engine.ring,
            generation: Generation::current(),
        };
        // SAFETY: asked above.
        unsafe { hand_out(engine_out, Box::into_raw(Box::new(sibling))) };
        Ok(())
    })
}

/// Frees an engine and wipes its keys with the last sibling; NULL is harmless, and so is an engine
/// made before a fork.
///
/// # Safety
///
/// `engine` is NULL or was made by this library, no call uses it any more, and none will.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn otp_engine_free(engine: *mut otp_engine) {
    // SAFETY: by this function's contract.
    guard_drop(|| unsafe { drop_handle(engine, |engine| engine.generation) });
}

/// Borrows an engine for a call that may run callbacks.
///
/// # Safety
///
/// `engine` is NULL or valid for as long as the result is used.
pub(crate) unsafe fn use_engine<'a>(engine: *const otp_engine) -> Result<&'a otp_engine, Fault> {
    outside_callbacks()?;
    // SAFETY: by this function's contract.
    let engine = unsafe { lend(engine, "engine")? };
    engine.generation.check("engine")?;
    Ok(engine)
}

/// Borrows a store.
///
/// # Safety
///
/// `store` is NULL or valid for as long as the result is used.
pub(crate) unsafe fn use_store<'a>(store: *const otp_store) -> Result<&'a otp_store, Fault> {
    // SAFETY: by this function's contract.
    let store = unsafe { lend(store, "store")? };
    store.generation.check("store")?;
    Ok(store)
}

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
    guard_code(|| {
        // SAFETY: by this function's contract, here and below.
        let (engine, store) = unsafe { (use_engine(engine)?, use_store(store)?) };
        // SAFETY: as above; reads `struct_size` alone.
        let size = unsafe { checked_size(issued_out, "issued_out")? };
        // SAFETY: as above.
        let binding = unsafe { use_binding(binding, engine)? };
        let issuance = engine.issue(&*store.store, binding)?;
        // SAFETY: as above; writes no more than `size` bytes.
        unsafe { otp_issued::hand_over(&issuance, issued_out, size) };
        Ok(())
    })
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
    guard(|| {
        writable(outcome_out, "outcome_out")?;
        // SAFETY: by this function's contract, here and below.
        let (engine, store) = unsafe { (use_engine(engine)?, use_store(store)?) };
        // SAFETY: as above.
        let report = unsafe { read_sized(report, "report")? };
        // SAFETY: as above.
        let binding = unsafe { use_binding(binding, engine)? };
        let id = ChallengeId::from_client(until_nul(&report.challenge_id));
        let delivery = if flag(report.delivered, "delivered")? {
            Delivery::Sent
        } else {
            Delivery::Failed(GatewayStatus::shortened(until_nul(&report.gateway_status)))
        };
        let Ok(send @ 1..) = u8::try_from(report.send) else {
            return Err(Fault::argument(format!(
                "send is {}; it must be 1 to 255",
                report.send
            )));
        };
        let reported = engine.report_delivery(
            &*store.store,
            binding,
            DeliveryReport { id, send, delivery },
        )?;
        let outcome = match reported {
            ReportOutcome::Recorded => otp_report_outcome::Recorded,
            ReportOutcome::Refunded => otp_report_outcome::Refunded,
            _ => otp_report_outcome::Ignored,
        };
        // SAFETY: asked above.
        unsafe { hand_out(outcome_out, outcome as i32) };
        Ok(())
    })
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
    guard(|| {
        writable(cancelled_out, "cancelled_out")?;
        // SAFETY: by this function's contract, here and below.
        let (engine, store) = unsafe { (use_engine(engine)?, use_store(store)?) };
        // SAFETY: as above.
        let binding = unsafe { use_binding(binding, engine)? };
        let cancelled = engine.cancel(&*store.store, binding)? == CancelOutcome::Cancelled;
        // SAFETY: asked above.
        unsafe { hand_out(cancelled_out, i32::from(cancelled)) };
        Ok(())
    })
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
    guard(|| {
        // SAFETY: by this function's contract, here and below.
        let (engine, store) = unsafe { (use_engine(engine)?, use_store(store)?) };
        // SAFETY: as above.
        let size = unsafe { checked_size(challenge_out, "challenge_out")? };
        // SAFETY: as above.
        let binding = unsafe { use_binding(binding, engine)? };
        let status = engine.status(&*store.store, binding)?;
        // SAFETY: as above.
        unsafe { write_sized(&otp_challenge::of(status.as_ref()), challenge_out, size) };
        Ok(())
    })
}

/// Lifts what wrong guesses put on a user; `unlocked_out` is 1, or 0 if there was nothing to lift.
///
/// # Safety
///
/// Every pointer is NULL or valid during the call, texts with as many bytes as said.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn otp_engine_unlock(
    engine: *const otp_engine,
    store: *const otp_store,
    tenant: *const u8,
    tenant_len: usize,
    user: *const u8,
    user_len: usize,
    unlocked_out: *mut i32,
) -> otp_status {
    guard(|| {
        writable(unlocked_out, "unlocked_out")?;
        // SAFETY: by this function's contract, here and below.
        let (engine, store) = unsafe { (use_engine(engine)?, use_store(store)?) };
        // SAFETY: as above.
        let tenant = text(unsafe { bytes(tenant, tenant_len, "tenant")? }, "tenant")?;
        // SAFETY: as above.
        let user = text(unsafe { bytes(user, user_len, "user")? }, "user")?;
        let unlocked = engine.unlock(&*store.store, tenant, user)? == UnlockOutcome::Unlocked;
        // SAFETY: asked above.
        unsafe { hand_out(unlocked_out, i32::from(unlocked)) };
        Ok(())
    })
}

/// Lifts what holds the slot of a binding up: used-up attempts, closing time,
/// cooldown, and what a clock that was far ahead left. A code that is out is called off; one that was
/// used stays used. `reset_out` is 1, or 0 if there was nothing to lift.
///
/// For an administrator: `reason`, 1 to 256 bytes of visible text, goes to the observer.
///
/// # Safety
///
/// As `otp_engine_issue`; `reason` has `reason_len` bytes.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn otp_engine_reset_slot(
    engine: *const otp_engine,
    store: *const otp_store,
    binding: *const otp_binding,
    reason: *const u8,
    reason_len: usize,
    reset_out: *mut i32,
) -> otp_status {
    guard(|| {
        writable(reset_out, "reset_out")?;
        // SAFETY: by this function's contract, here and below.
        let (engine, store) = unsafe { (use_engine(engine)?, use_store(store)?) };
        // SAFETY: as above.
        let binding = unsafe { use_binding(binding, engine)? };
        // SAFETY: as above.
        let reason = text(unsafe { bytes(reason, reason_len, "reason")? }, "reason")?;
        let reset = engine.reset_slot(&*store.store, binding, reason)?;
        // SAFETY: asked above.
        unsafe { hand_out(reset_out, i32::from(reset == ResetOutcome::Reset)) };
        Ok(())
    })
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
    reason: *const u8,
    reason_len: usize,
    reset_out: *mut i32,
) -> otp_status {
    guard(|| {
        writable(reset_out, "reset_out")?;
        // SAFETY: by this function's contract, here and below.
        let (engine, store) = unsafe { (use_engine(engine)?, use_store(store)?) };
        // SAFETY: as above.
        let binding = unsafe { use_binding(binding, engine)? };
        // SAFETY: as above.
        let reason = text(unsafe { bytes(reason, reason_len, "reason")? }, "reason")?;
        let reset =
            engine.reset_recipient(&*store.store, binding.tenant(), binding.recipient(), reason)?;
        // SAFETY: asked above.
        unsafe { hand_out(reset_out, i32::from(reset == ResetOutcome::Reset)) };
        Ok(())
    })
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
    tenant: *const u8,
    tenant_len: usize,
    user: *const u8,
    user_len: usize,
    reason: *const u8,
    reason_len: usize,
    reset_out: *mut i32,
) -> otp_status {
    guard(|| {
        writable(reset_out, "reset_out")?;
        // SAFETY: by this function's contract, here and below.
        let (engine, store) = unsafe { (use_engine(engine)?, use_store(store)?) };
        // SAFETY: as above.
        let tenant = text(unsafe { bytes(tenant, tenant_len, "tenant")? }, "tenant")?;
        // SAFETY: as above.
        let user = text(unsafe { bytes(user, user_len, "user")? }, "user")?;
        // SAFETY: as above.
        let reason = text(unsafe { bytes(reason, reason_len, "reason")? }, "reason")?;
        let reset = engine.reset_user(&*store.store, tenant, user, reason)?;
        // SAFETY: asked above.
        unsafe { hand_out(reset_out, i32::from(reset == ResetOutcome::Reset)) };
        Ok(())
    })
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
    guard(|| {
        writable(dropped_out, "dropped_out")?;
        // SAFETY: by this function's contract.
        let (engine, store) = unsafe { (use_engine(engine)?, use_store(store)?) };
        let dropped = engine.purge(&*store.store, usize::try_from(limit).unwrap_or(usize::MAX))?;
        // SAFETY: asked above.
        unsafe { hand_out(dropped_out, u64::try_from(dropped).unwrap_or(u64::MAX)) };
        Ok(())
    })
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
    guard(|| {
        writable(dropped_out, "dropped_out")?;
        // SAFETY: by this function's contract.
        let (engine, store) = unsafe { (use_engine(engine)?, use_store(store)?) };
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let dropped = engine.purge_confirmed(&*store.store, limit)?;
        // SAFETY: asked above.
        unsafe { hand_out(dropped_out, u64::try_from(dropped).unwrap_or(u64::MAX)) };
        Ok(())
    })
}

/// The chance of guessing, at most; each between 0 and 1.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct otp_odds {
    /// `sizeof(otp_odds)`.
    pub struct_size: usize,
    /// Within one code's attempts.
    pub per_code: f64,
    /// In a day of guessing at one user.
    pub per_day: f64,
    /// In a year of it.
    pub per_year: f64,
}

// SAFETY: plain data behind its size, of which all zeros is a value.
unsafe impl Sized_ for otp_odds {}

impl otp_odds {
    pub(crate) const fn of(odds: otp_core::policy::Odds) -> Self {
        Self {
            struct_size: size_of::<Self>(),
            per_code: odds.per_code,
            per_day: odds.per_day,
            per_year: odds.per_year,
        }
    }
}

/// Tells the chance of guessing under the engine's policy and rate limits.
///
/// # Safety
///
/// Every pointer is NULL or valid during the call; the `struct_size` of `odds_out` is set.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn otp_engine_odds(
    engine: *const otp_engine,
    odds_out: *mut otp_odds,
) -> otp_status {
    guard(|| {
        // SAFETY: by this function's contract, here and below.
        let engine = unsafe { use_engine(engine)? };
        // SAFETY: as above.
        let size = unsafe { checked_size(odds_out, "odds_out")? };
        // SAFETY: as above.
        unsafe { write_sized(&otp_odds::of(engine.odds()), odds_out, size) };
        Ok(())
    })
}

/// Tells where policy and rate limits deviate from ASVS 5.0, NIST SP 800-63B-4 and PSD2: UTF-8 text, a
/// line for each as `standard<TAB>clause<TAB>text`.
///
/// # Safety
///
/// Every pointer is NULL or valid during the call. Free the text by `otp_bytes_free`.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn otp_engine_findings(
    engine: *const otp_engine,
    text_out: *mut *mut otp_bytes,
) -> otp_status {
    guard(|| {
        writable(text_out, "text_out")?;
        // SAFETY: by this function's contract.
        let engine = unsafe { use_engine(engine)? };
        let text = finding_lines(engine.findings());
        // SAFETY: asked above.
        unsafe { hand_out(text_out, otp_bytes::give(text)) };
        Ok(())
    })
}

/// Tells where a code that is sent to a recipient of this kind deviates from ASVS 5.0 and
/// NIST SP 800-63B-4, whatever the limits; text as of `otp_engine_findings`. `kind` is that of a
/// request: 1 for a mobile number, 2 for an e-mail address.
///
/// # Safety
///
/// `text_out` is NULL or valid. Free the text by `otp_bytes_free`.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn otp_recipient_findings(
    kind: u32,
    text_out: *mut *mut otp_bytes,
) -> otp_status {
    guard(|| {
        writable(text_out, "text_out")?;
        let text = match kind {
            1 => finding_lines(of_mobiles()),
            2 => finding_lines(of_emails()),
            _ => {
                return Err(Fault::argument(format!(
                    "kind is {kind}; it must be 1 (mobile) or 2 (email)"
                )));
            }
        };
        // SAFETY: asked above.
        unsafe { hand_out(text_out, otp_bytes::give(text)) };
        Ok(())
    })
}

/// Writes findings, a line for each.
pub(crate) fn finding_lines(findings: impl Iterator<Item = Finding>) -> String {
    let line = |finding: Finding| [finding.standard, finding.clause, finding.text].join("\t");
    findings.map(line).collect::<Vec<_>>().join("\n")
}

/// Issues a code for each of `count` bindings, at most 65,536.
///
/// Each is an operation of its own: a failure of one undoes no other, and is in the `status` of its
/// item. The items of `issued_out` lie `issued_size` bytes apart, which is `sizeof(otp_issued)`: a
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
    guard_code(|| {
        let items = Items::lend(issued_out, issued_size, ["issued_out", "issued_size"])?;
        // SAFETY: by this function's contract, here and below.
        let (engine, store) = unsafe { (use_engine(engine)?, use_store(store)?) };
        check_count(bindings, count, "bindings")?;
        for at in 0..count {
            let issue = || -> Result<Issuance, Fault> {
                // SAFETY: as above.
                let binding = unsafe { use_binding(bindings.add(at).read(), engine)? };
                Ok(engine.issue(&*store.store, binding)?)
            };
            let issued = issue();
            // SAFETY: as above; there are as many items as bindings, each of `issued_size` bytes.
            unsafe {
                let item = items.cleared(at);
                match issued {
                    Ok(issuance) => otp_issued::hand_over(&issuance, item, issued_size),
                    Err(fault) => write_sized(&otp_issued::failed(&fault), item, issued_size),
                }
            }
        }
        Ok(())
    })
}

/// Refuses a batch whose items are NULL or too many.
pub(crate) fn check_count<T>(items: *const T, count: usize, name: &str) -> Result<(), Fault> {
    if count > MAX_BATCH {
        return Err(Fault::argument(format!(
            "count is {count}; it must be at most {MAX_BATCH}"
        )));
    }
    if items.is_null() && count > 0 {
        return Err(Fault::argument(format!("{name} is NULL")));
    }
    Ok(())
}

/// The most items of a batch.
const MAX_BATCH: usize = 65_536;

//! The engine: made of keys, policy, rate limits, clock, observer and signing key; and what is known of
//! its limits.

use core::ffi::{CStr, c_char};

use otp_core::{
    Engine,
    findings::{Finding, of_emails, of_mobiles},
};

use crate::guard::{flag, guard_out, guard_secret_out, guard_sized_out, outside_callbacks};
use crate::handle::{self, Handle};
use crate::key::{otp_key_ring, otp_signing_key};
use crate::observer::{HostClock, HostObserver, UserData, otp_clock, otp_observer};
use crate::policy::{otp_policy, otp_rate_limits, read_policy, read_rate_limits};
use crate::status::{Fault, otp_status};
use crate::target::{OTP_RECIPIENT_EMAIL, OTP_RECIPIENT_MOBILE, unknown_recipient_kind};
use crate::view::{Sized_, otp_bytes, read_sized};

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
    /// Whether it signs records.
    pub(crate) signs: bool,
}

impl Handle for otp_engine {}

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
    /// section 5 of the header, "Threads and callbacks". Else 0.
    pub fibers: i32,
}

// SAFETY: plain data behind its size, of which all zeros is a value.
unsafe impl Sized_ for otp_engine_options {}

/// Makes an engine; with NULL for `options` all is default. The `user_data` of clock and observer pass to it only if this succeeds.
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
    // SAFETY: by this function's contract.
    unsafe {
        guard_secret_out(engine_out, "engine_out", || {
            outside_callbacks()?;
            let ring = handle::lend(ring, "ring")?;
            let options = if options.is_null() {
                otp_engine_options::zeroed()
            } else {
                read_sized(options, "options")?
            };
            let fibers = flag(options.fibers, "fibers")?;
            let mut builder = Engine::builder(ring.keys.clone())
                .policy(read_policy(options.policy)?)
                .rate_limits(read_rate_limits(options.rate_limits)?);
            if !options.signing_key.is_null() {
                let key = handle::lend(options.signing_key, "signing_key")?;
                builder = builder.signing_key(key.0.clone());
            }
            // Nothing is refused from here on: `user_data` passes to the engine.
            let (clock, observer) = (options.clock, options.observer);
            if let Some(now) = clock.now {
                let user_data = UserData::new(clock.user_data, clock.drop_user_data);
                builder = builder.clock(HostClock {
                    now,
                    fibers,
                    user_data,
                });
            }
            if let Some(observe) = observer.observe {
                let user_data = UserData::new(observer.user_data, observer.drop_user_data);
                builder = builder.observer(HostObserver {
                    observe,
                    fibers,
                    user_data,
                });
            }
            Ok(handle::give(otp_engine {
                engine: builder.build(),
                signs: !options.signing_key.is_null(),
            }))
        })
    }
}

/// Makes a sibling with another policy: same keys, rate limits, clock, observer and signing key, and
/// the same slots. It is cheap, and freed like any engine. NULL is the default policy.
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
    // SAFETY: by this function's contract.
    unsafe {
        guard_secret_out(engine_out, "engine_out", || {
            let engine = use_engine(engine)?;
            Ok(handle::give(otp_engine {
                engine: engine.with_policy(read_policy(policy)?),
                signs: engine.signs,
            }))
        })
    }
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
    unsafe { handle::free(engine) };
}

/// Borrows an engine for a call that may run callbacks.
///
/// # Safety
///
/// `engine` is NULL or valid for as long as the result is used.
pub(crate) unsafe fn use_engine<'a>(engine: *const otp_engine) -> Result<&'a otp_engine, Fault> {
    outside_callbacks()?;
    // SAFETY: by this function's contract.
    unsafe { handle::lend(engine, "engine") }
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
    // SAFETY: by this function's contract.
    unsafe {
        guard_sized_out(odds_out, "odds_out", || {
            Ok(otp_odds::of(use_engine(engine)?.odds()))
        })
    }
}

/// Tells where policy and rate limits deviate from ASVS 5.0, NIST SP 800-63B-4 and PSD2: UTF-8 text, a
/// line for each as `standard<TAB>clause<TAB>text`, and none where they do not.
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
    // SAFETY: by this function's contract.
    unsafe {
        guard_out(text_out, "text_out", || {
            Ok(finding_lines(use_engine(engine)?.findings()))
        })
    }
}

/// Tells where a code that is sent to a recipient of this kind deviates from ASVS 5.0 and
/// NIST SP 800-63B-4, whatever the limits; text as of `otp_engine_findings`. `kind` is
/// `OTP_RECIPIENT_MOBILE` or `OTP_RECIPIENT_EMAIL`.
///
/// # Safety
///
/// `text_out` is NULL or valid. Free the text by `otp_bytes_free`.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn otp_recipient_findings(
    kind: i32,
    text_out: *mut *mut otp_bytes,
) -> otp_status {
    let findings = || match kind {
        OTP_RECIPIENT_MOBILE => Ok(finding_lines(of_mobiles())),
        OTP_RECIPIENT_EMAIL => Ok(finding_lines(of_emails())),
        other => Err(unknown_recipient_kind(other)),
    };
    // SAFETY: by this function's contract.
    unsafe { guard_out(text_out, "text_out", findings) }
}

/// Writes findings, a line for each.
pub(crate) fn finding_lines(findings: impl Iterator<Item = Finding>) -> *mut otp_bytes {
    let line = |finding: Finding| [finding.standard, finding.clause, finding.text].join("\t");
    otp_bytes::give(findings.map(line).collect::<Vec<_>>().join("\n"))
}

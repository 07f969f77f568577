//! Policies and rate limits, as structures of plain numbers.

use core::time::Duration;

use otp_core::{
    CodeKind, Policy, RateLimits,
    evidence::EvidenceKind,
    policy::{ContentRule, OutOfBounds, Resend},
};

use crate::guard::{flag, guard, guard_sized_out};
use crate::status::{Fault, otp_status};
use crate::view::{Sized_, read_sized_over};

/// A code of decimal digits.
pub const OTP_CODE_DIGITS: i32 = 1;
/// A code of a 32-symbol alphabet without look-alikes.
pub const OTP_CODE_LETTERS: i32 = 2;
/// A link token of 26 symbols and 128 bits.
pub const OTP_CODE_TOKEN: i32 = 3;
/// A second request sends the live code again.
pub const OTP_RESEND_SAME: i32 = 1;
/// A second request makes a new code.
pub const OTP_RESEND_ROTATE: i32 = 2;
/// Required evidence: the name that the signer entered.
pub const OTP_REQUIRE_SIGNER_NAME: u32 = 1;
/// Required evidence: the document, which must be the bound content.
pub const OTP_REQUIRE_DOCUMENT: u32 = 2;
/// Required evidence: the captured signature.
pub const OTP_REQUIRE_IMAGE: u32 = 4;
/// Required evidence: the sentence of consent.
pub const OTP_REQUIRE_CONSENT: u32 = 8;

/// The limits of one kind of code. Fill it by `otp_policy_default`, then change what you like: no
/// member has a default of 0 but `content_required` and `evidence`.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct otp_policy {
    /// `sizeof(otp_policy)`.
    pub struct_size: usize,
    /// `OTP_CODE_DIGITS` (the default), `OTP_CODE_LETTERS` or `OTP_CODE_TOKEN`.
    pub code: i32,
    /// How many symbols: digits 6 to 10 (default 6), letters 4 to 26; of a token, any.
    pub symbols: u32,
    /// Seconds for which a code is accepted: 60 to 600, default 180; a token to 604800.
    pub validity: i64,
    /// Seconds for which no code is issued after all attempts: 600 to 86400, default 900.
    pub lockout: i64,
    /// Least seconds between two sends: 15 to 600, default 60.
    pub cooldown: i64,
    /// Compared guesses, over resends and re-issues: 1 to 10, default 5.
    pub max_attempts: u32,
    /// Sends of one code: 1 to 10, default 3.
    pub max_sends: u32,
    /// `OTP_RESEND_SAME` (the default) or `OTP_RESEND_ROTATE`.
    pub resend: i32,
    /// 1 if a binding must hold a content digest, else 0 (the default).
    pub content_required: i32,
    /// The sum of the `OTP_REQUIRE_*` that must be given with a code; default 0.
    pub evidence: u32,
}

// SAFETY: plain data behind its size, of which all zeros is a value.
unsafe impl Sized_ for otp_policy {}

impl otp_policy {
    fn of(policy: &Policy) -> Self {
        let code = match policy.code() {
            CodeKind::Digits(_) => OTP_CODE_DIGITS,
            CodeKind::Letters(_) => OTP_CODE_LETTERS,
            CodeKind::Token => OTP_CODE_TOKEN,
        };
        let seconds = |duration: Duration| i64::try_from(duration.as_secs()).unwrap_or(i64::MAX);
        Self {
            struct_size: size_of::<Self>(),
            code,
            symbols: u32::try_from(policy.code().len()).unwrap_or(0),
            validity: seconds(policy.validity()),
            lockout: seconds(policy.lockout()),
            cooldown: seconds(policy.cooldown()),
            max_attempts: policy.max_attempts().into(),
            max_sends: policy.max_sends().into(),
            resend: if policy.resend() == Resend::Same {
                OTP_RESEND_SAME
            } else {
                OTP_RESEND_ROTATE
            },
            content_required: i32::from(policy.content() == ContentRule::Required),
            evidence: EVIDENCE
                .into_iter()
                .filter(|(_, kind)| policy.evidence().contains(*kind))
                .map(|(bit, _)| bit)
                .sum(),
        }
    }

    pub(crate) fn build(&self) -> Result<Policy, Fault> {
        let mut builder = Policy::builder()
            .validity(seconds("validity", self.validity)?)
            .lockout(seconds("lockout", self.lockout)?)
            .cooldown(seconds("cooldown", self.cooldown)?)
            .max_attempts(byte(self.max_attempts))
            .max_sends(byte(self.max_sends));
        builder = match self.code {
            OTP_CODE_DIGITS => builder.digits(byte(self.symbols)),
            OTP_CODE_LETTERS => builder.letters(byte(self.symbols)),
            OTP_CODE_TOKEN => builder.token(),
            other => {
                return Err(Fault::argument(format!(
                    "policy.code is {other}; it must be OTP_CODE_DIGITS (1), OTP_CODE_LETTERS (2) \
                     or OTP_CODE_TOKEN (3); otp_policy_default fills all members"
                )));
            }
        };
        builder = builder.resend(match self.resend {
            OTP_RESEND_SAME => Resend::Same,
            OTP_RESEND_ROTATE => Resend::Rotate,
            other => {
                return Err(Fault::argument(format!(
                    "policy.resend is {other}; it must be OTP_RESEND_SAME (1) or OTP_RESEND_ROTATE \
                     (2); otp_policy_default fills all members"
                )));
            }
        });
        builder = builder.content(if flag(self.content_required, "content_required")? {
            ContentRule::Required
        } else {
            ContentRule::Optional
        });
        if self.evidence > 15 {
            return Err(Fault::argument(format!(
                "evidence is {}; it must be at most 15",
                self.evidence
            )));
        }
        for (bit, kind) in EVIDENCE {
            if self.evidence & bit != 0 {
                builder = builder.require(kind);
            }
        }
        let given = [
            ("digits", self.symbols),
            ("letters", self.symbols),
            ("max_attempts", self.max_attempts),
            ("max_sends", self.max_sends),
        ];
        let built = builder.build();
        built.map_err(|error| out_of_bounds(error, &given))
    }
}

const EVIDENCE: [(u32, EvidenceKind); 4] = [
    (OTP_REQUIRE_SIGNER_NAME, EvidenceKind::SignerName),
    (OTP_REQUIRE_DOCUMENT, EvidenceKind::Document),
    (OTP_REQUIRE_IMAGE, EvidenceKind::Image),
    (OTP_REQUIRE_CONSENT, EvidenceKind::Consent),
];

/// The limits of users and recipients. Fill it by `otp_rate_limits_default`.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct otp_rate_limits {
    /// `sizeof(otp_rate_limits)`.
    pub struct_size: usize,
    /// 1 limits neither users nor recipients, at your own risk; default 0.
    pub unlimited: i32,
    /// Wrong guesses of a user in 24 h, over all records: 1 to 32, default 15.
    pub user_failures_per_day: u32,
    /// Wrong guesses of a user in a row that lock them: 10 to 100, default 100.
    pub consecutive_failures: u32,
    /// Wrong guesses against a recipient in 24 h: 1 to 32, default 15.
    pub recipient_failures_per_day: u32,
    /// Sends for a user in 1 h: 1 to 32, default 10.
    pub user_sends_per_hour: u32,
    /// Sends to a recipient in 10 minutes: 1 to 32, default 5.
    pub recipient_sends_per_ten_minutes: u32,
    /// Sends to a recipient in 24 h: 1 to 32, default 20.
    pub recipient_sends_per_day: u32,
    /// Wrong guesses at one device in 24 h, also where `unlimited` is 1: 1 to 32, default 30.
    pub device_failures_per_day: u32,
    /// 1 if `consecutive_failures` guesses in a row stop a device until it is reset, also where
    /// `unlimited` is 1; 0 (the default): they lock it for a time alone.
    pub device_hard_stop: i32,
    /// Seconds after the last wrong guess at which the lock of wrong guesses in a row ends by itself:
    /// 86,400 to 34,560,000. 0, the default, is never: then only an unlock helps, and an expiring
    /// store issues nothing, as it cannot keep that.
    pub lock_ends_after: i64,
}

// SAFETY: plain data behind its size, of which all zeros is a value.
unsafe impl Sized_ for otp_rate_limits {
    const LEAST: usize = 40;
}

impl otp_rate_limits {
    fn of(limits: &RateLimits) -> Self {
        Self {
            struct_size: size_of::<Self>(),
            unlimited: i32::from(!limits.is_limited()),
            user_failures_per_day: limits.user_failures().count().into(),
            consecutive_failures: limits.consecutive_failures().into(),
            recipient_failures_per_day: limits.recipient_failures().count().into(),
            user_sends_per_hour: limits.user_sends().count().into(),
            recipient_sends_per_ten_minutes: limits
                .recipient_sends_per_ten_minutes()
                .count()
                .into(),
            recipient_sends_per_day: limits.recipient_sends_per_day().count().into(),
            device_failures_per_day: limits.device_failures().count().into(),
            device_hard_stop: i32::from(limits.device_hard_stop().is_some()),
            lock_ends_after: limits
                .lock_ends_after()
                .map_or(0, |time| i64::try_from(time.as_secs()).unwrap_or(i64::MAX)),
        }
    }

    pub(crate) fn build(&self) -> Result<RateLimits, Fault> {
        let stops = flag(self.device_hard_stop, "device_hard_stop")?;
        let devices = RateLimits::builder()
            .consecutive_failures(byte(self.consecutive_failures))
            .device_failures_per_day(byte(self.device_failures_per_day))
            .device_hard_stop(stops);
        let given = [
            ("user_failures_per_day", self.user_failures_per_day),
            ("consecutive_failures", self.consecutive_failures),
            (
                "recipient_failures_per_day",
                self.recipient_failures_per_day,
            ),
            ("user_sends_per_hour", self.user_sends_per_hour),
            (
                "recipient_sends_per_ten_minutes",
                self.recipient_sends_per_ten_minutes,
            ),
            ("recipient_sends_per_day", self.recipient_sends_per_day),
            ("device_failures_per_day", self.device_failures_per_day),
        ];
        let fault = |error| out_of_bounds(error, &given);
        if flag(self.unlimited, "unlimited")? {
            return devices.unlimited().build().map_err(fault);
        }
        let mut builder = devices;
        if self.lock_ends_after != 0 {
            let time = seconds("lock_ends_after", self.lock_ends_after)?;
            builder = builder.lock_ends_after(time);
        }
        builder
            .user_failures_per_day(byte(self.user_failures_per_day))
            .recipient_failures_per_day(byte(self.recipient_failures_per_day))
            .user_sends_per_hour(byte(self.user_sends_per_hour))
            .recipient_sends_per_ten_minutes(byte(self.recipient_sends_per_ten_minutes))
            .recipient_sends_per_day(byte(self.recipient_sends_per_day))
            .build()
            .map_err(fault)
    }
}

/// Says which setting is out of its bounds, with the value that the caller gave: [`byte`] may have
/// changed it.
fn out_of_bounds(mut error: OutOfBounds, given: &[(&str, u32)]) -> Fault {
    let setting = given.iter().find(|(name, _)| *name == error.field);
    if let Some((_, value)) = setting {
        error.value = u64::from(*value);
    }
    Fault::new(otp_status::Policy, error.to_string())
}

/// Takes a count; one that does not fit the type is as far out of bounds as any.
fn byte(value: u32) -> u8 {
    u8::try_from(value).unwrap_or(u8::MAX)
}

fn seconds(field: &str, value: i64) -> Result<Duration, Fault> {
    let seconds = u64::try_from(value);
    seconds.map(Duration::from_secs).map_err(|_| {
        Fault::new(
            otp_status::Policy,
            format!("{field} is {value} s; it must not be negative"),
        )
    })
}

/// Fills a policy with the defaults.
///
/// # Safety
///
/// `policy_out` is NULL or valid; its `struct_size` is set.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn otp_policy_default(policy_out: *mut otp_policy) -> otp_status {
    let default = || Ok(otp_policy::of(&Policy::default()));
    // SAFETY: by this function's contract.
    unsafe { guard_sized_out(policy_out, "policy_out", default) }
}

/// Fills rate limits with the defaults.
///
/// # Safety
///
/// `rate_limits_out` is NULL or valid; its `struct_size` is set.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn otp_rate_limits_default(
    rate_limits_out: *mut otp_rate_limits,
) -> otp_status {
    let default = || Ok(otp_rate_limits::of(&RateLimits::default()));
    // SAFETY: by this function's contract.
    unsafe { guard_sized_out(rate_limits_out, "rate_limits_out", default) }
}

/// Checks a policy without an engine; the detail names setting, value and bounds.
///
/// # Safety
///
/// `policy` is NULL or valid; its `struct_size` is set.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn otp_policy_check(policy: *const otp_policy) -> otp_status {
    guard(|| {
        let default = otp_policy::of(&Policy::default());
        // SAFETY: by this function's contract.
        unsafe { read_sized_over(policy, default, "policy")? }
            .build()
            .map(drop)
    })
}

/// Returns the policy of the caller, or the default for NULL.
///
/// # Safety
///
/// `policy` is NULL or valid; its `struct_size` is set.
pub(crate) unsafe fn read_policy(policy: *const otp_policy) -> Result<Policy, Fault> {
    if policy.is_null() {
        return Ok(Policy::default());
    }
    let default = otp_policy::of(&Policy::default());
    // SAFETY: by this function's contract.
    unsafe { read_sized_over(policy, default, "policy")? }.build()
}

/// Returns the rate limits of the caller, or the default for NULL.
///
/// # Safety
///
/// `limits` is NULL or valid; its `struct_size` is set.
pub(crate) unsafe fn read_rate_limits(limits: *const otp_rate_limits) -> Result<RateLimits, Fault> {
    if limits.is_null() {
        return Ok(RateLimits::default());
    }
    let default = otp_rate_limits::of(&RateLimits::default());
    // SAFETY: by this function's contract.
    unsafe { read_sized_over(limits, default, "rate_limits")? }.build()
}

//! The limits of one kind of code, and the chance that they leave to a guesser.

use core::fmt;
use core::time::Duration;

use crate::{
    CodeKind, RateLimits,
    evidence::{EvidenceKind, EvidenceSet},
};

/// The limits of one kind of code.
///
/// Every setting has a default that can be shipped as it is, and bounds outside of which a policy
/// cannot be built. `Policy` is `Copy` and needs no engine.
///
/// ```
/// use std::time::Duration;
/// use otp_engine::{Policy, policy::Resend};
///
/// let policy = Policy::builder()
///     .digits(8)
///     .validity(Duration::from_secs(5 * 60))
///     .resend(Resend::Rotate)
///     .build()?;
/// assert_eq!(policy.max_attempts(), 5);
///
/// let error = Policy::builder().max_attempts(0).build().unwrap_err();
/// assert_eq!(error.to_string(), "max_attempts is 0; it must be 1 to 10");
/// # Ok::<(), otp_engine::policy::OutOfBounds>(())
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Policy {
    code: CodeKind,
    validity: Duration,
    max_attempts: u8,
    lockout: Duration,
    cooldown: Duration,
    resend: Resend,
    max_sends: u8,
    content: ContentRule,
    evidence: EvidenceSet,
}

/// What a second request does while the first code lives.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "the same code, or another one")]
pub enum Resend {
    /// The same code goes out again: the message that comes late is still good. The default.
    Same,
    /// A new code takes its place: of two messages only the later one is good.
    Rotate,
}

/// Whether a code must be bound to the digest of what is approved.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "required or not")]
pub enum ContentRule {
    /// A binding may come without a content digest. The default.
    Optional,
    /// A binding must hold one (PSD2 RTS, article 5: payee and amount).
    Required,
}

impl Default for Policy {
    /// Six digits for three minutes, five attempts, closed for 15 minutes, 60 s between sends, the
    /// same code up to three times.
    fn default() -> Self {
        Self {
            code: CodeKind::Digits(6),
            validity: Duration::from_secs(3 * 60),
            max_attempts: 5,
            lockout: Duration::from_secs(15 * 60),
            cooldown: Duration::from_secs(60),
            resend: Resend::Same,
            max_sends: 3,
            content: ContentRule::Optional,
            evidence: EvidenceSet::NONE,
        }
    }
}

impl Policy {
    /// Starts from the default policy.
    pub fn builder() -> PolicyBuilder {
        PolicyBuilder {
            policy: Self::default(),
        }
    }

    /// Returns what a code is made of, and how long it is.
    #[must_use]
    pub const fn code(&self) -> CodeKind {
        self.code
    }

    /// Returns how long a code is accepted: `issued_at <= now < issued_at + validity`.
    #[must_use]
    pub const fn validity(&self) -> Duration {
        self.validity
    }

    /// Returns how many guesses are compared, over resends and re-issues.
    #[must_use]
    pub const fn max_attempts(&self) -> u8 {
        self.max_attempts
    }

    /// Returns how long no code is issued after all attempts are used up.
    #[must_use]
    pub const fn lockout(&self) -> Duration {
        self.lockout
    }

    /// Returns the least time between two sends.
    #[must_use]
    pub const fn cooldown(&self) -> Duration {
        self.cooldown
    }

    /// Returns what a second request does while the first code lives.
    #[must_use]
    pub const fn resend(&self) -> Resend {
        self.resend
    }

    /// Returns how often one code is sent.
    #[must_use]
    pub const fn max_sends(&self) -> u8 {
        self.max_sends
    }

    /// Returns whether a binding must hold a content digest.
    #[must_use]
    pub const fn content(&self) -> ContentRule {
        self.content
    }

    /// Returns the pieces of evidence that must be given with an entered code.
    #[must_use]
    pub const fn evidence(&self) -> EvidenceSet {
        self.evidence
    }

    /// Returns the chance of guessing, at most, an upper bound for a persistent attacker.
    ///
    /// Each is a sum over guesses (the union bound), so it is never too low. With meters a user has
    /// no more compared wrong guesses in a day than the rate limit for failures; without, a slot opens
    /// again after each lockout.
    #[must_use]
    pub fn odds(&self, rate_limits: &RateLimits) -> Odds {
        let space = self.code.space();
        let attempts = f64::from(self.max_attempts);
        let daily = if rate_limits.is_limited() {
            f64::from(rate_limits.user_failures().count())
        } else {
            attempts * (DAY / self.lockout.as_secs_f64())
        };
        let chance = |guesses: f64| (guesses / space).min(1.0);
        Odds {
            per_code: chance(attempts),
            per_day: chance(daily),
            per_year: chance(365.0 * daily),
        }
    }
}

impl Odds {
    /// Returns the chance of guessing a code of any of a user's devices, by calls that name them all.
    ///
    /// A wrong text is compared with each of them: the chances add up. Without meters, each is compared
    /// with as many texts a day as its own limit lets through, in calls of its own.
    pub(crate) fn of_devices(
        devices: &[crate::oath::Device<'_>],
        rate_limits: &RateLimits,
    ) -> Self {
        let each: f64 = devices.iter().map(crate::oath::Device::chance).sum();
        let own = rate_limits.device_failures().count();
        let daily = if rate_limits.is_limited() {
            own.min(rate_limits.user_failures().count())
        } else {
            own
        };
        let chance = |guesses: f64| (guesses * each).min(1.0);
        Self {
            per_code: chance(1.0),
            per_day: chance(daily.into()),
            per_year: chance(365.0 * f64::from(daily)),
        }
    }
}

/// The chance of guessing a code, at most; each between 0 and 1.
///
/// ```
/// use otp_engine::{RateLimits, Policy};
///
/// let odds = Policy::default().odds(&RateLimits::default());
/// assert_eq!(odds.per_code, 5.0 / 1_000_000.0);
/// assert!((odds.per_year - 0.0055).abs() < 0.0001);
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct Odds {
    /// Within one code's attempts.
    pub per_code: f64,
    /// In a day of guessing at one user, over all records.
    pub per_day: f64,
    /// In a year of it.
    pub per_year: f64,
}

impl fmt::Display for Odds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            per_code,
            per_day,
            per_year,
        } = self;
        let percent = |chance: &f64| chance * 100.0;
        let (code, day, year) = (percent(per_code), percent(per_day), percent(per_year));
        write!(
            f,
            "at most {code:.4} % per code, {day:.4} % per day, {year:.4} % per year"
        )
    }
}

/// Makes a [`Policy`]; see there.
#[derive(Clone, Copy, Debug)]
#[must_use]
pub struct PolicyBuilder {
    policy: Policy,
}

impl PolicyBuilder {
    /// Sets codes of so many decimal digits: 6 to 10, default 6.
    pub const fn digits(mut self, digits: u8) -> Self {
        self.policy.code = CodeKind::Digits(digits);
        self
    }

    /// Sets codes of so many symbols of a 32-symbol alphabet without look-alikes: 4 to 26.
    pub const fn letters(mut self, symbols: u8) -> Self {
        self.policy.code = CodeKind::Letters(symbols);
        self
    }

    /// Sets link tokens of 128 bits, which alone may live up to seven days.
    pub const fn token(mut self) -> Self {
        self.policy.code = CodeKind::Token;
        self
    }

    /// Sets how long a code is accepted: whole seconds, 1 to 10 minutes (a token: to 7 days),
    /// default 3 minutes (NIST SP 800-63B-4 and ASVS 5.0, 6.5.5, cap it at ten).
    pub const fn validity(mut self, validity: Duration) -> Self {
        self.policy.validity = validity;
        self
    }

    /// Sets how many guesses are compared: 1 to 10, default 5 (PSD2 RTS, article 4(3)(b)).
    pub const fn max_attempts(mut self, max_attempts: u8) -> Self {
        self.policy.max_attempts = max_attempts;
        self
    }

    /// Sets how long no code is issued after all attempts are used up: whole seconds, 10 minutes
    /// to 24 hours, default 15 minutes.
    pub const fn lockout(mut self, lockout: Duration) -> Self {
        self.policy.lockout = lockout;
        self
    }

    /// Sets the least time between two sends: whole seconds, 15 s to 10 minutes, default 60 s.
    pub const fn cooldown(mut self, cooldown: Duration) -> Self {
        self.policy.cooldown = cooldown;
        self
    }

    /// Sets what a second request does while the first code lives; default [`Resend::Same`].
    pub const fn resend(mut self, resend: Resend) -> Self {
        self.policy.resend = resend;
        self
    }

    /// Sets how often one code is sent: 1 to 10, default 3.
    pub const fn max_sends(mut self, max_sends: u8) -> Self {
        self.policy.max_sends = max_sends;
        self
    }

    /// Sets whether a binding must hold a content digest; default [`ContentRule::Optional`].
    pub const fn content(mut self, content: ContentRule) -> Self {
        self.policy.content = content;
        self
    }

    /// Requires a piece of evidence with each entered code: the name that the signer entered, the
    /// document (which then must be the bound content), the captured signature, the consent.
    /// The other pieces cannot be required.
    pub const fn require(mut self, kind: EvidenceKind) -> Self {
        self.policy.evidence = self.policy.evidence.with(kind);
        self
    }

    /// Makes the policy.
    ///
    /// # Errors
    ///
    /// [`OutOfBounds`] names the setting, its value and its bounds.
    pub fn build(self) -> Result<Policy, OutOfBounds> {
        let policy = self.policy;
        match policy.code {
            CodeKind::Digits(digits) => OutOfBounds::check("digits", digits.into(), 6, 10)?,
            CodeKind::Letters(symbols) => OutOfBounds::check("letters", symbols.into(), 4, 26)?,
            CodeKind::Token => {}
        }
        let longest = if policy.code == CodeKind::Token {
            7 * 86_400
        } else {
            600
        };
        OutOfBounds::check_seconds("validity", policy.validity, 60, longest)?;
        OutOfBounds::check("max_attempts", policy.max_attempts.into(), 1, 10)?;
        OutOfBounds::check_seconds("lockout", policy.lockout, 600, 86_400)?;
        OutOfBounds::check_seconds("cooldown", policy.cooldown, 15, 600)?;
        OutOfBounds::check("max_sends", policy.max_sends.into(), 1, 10)?;
        Ok(policy)
    }
}

/// A setting that is out of its bounds: its name, its value and the bounds.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct OutOfBounds {
    /// The name of the setting, as its setter has it.
    pub field: &'static str,
    /// The value that it was given, in whole units.
    pub value: u64,
    /// The least that it may be.
    pub min: u64,
    /// The most that it may be.
    pub max: u64,
    /// What it is counted in: ` s` or nothing.
    unit: &'static str,
    /// Whether the value has a part of a second, which no setting takes.
    has_part: bool,
}

impl OutOfBounds {
    pub(crate) const fn check(
        field: &'static str,
        value: u64,
        min: u64,
        max: u64,
    ) -> Result<(), Self> {
        if min <= value && value <= max {
            return Ok(());
        }
        Err(Self {
            field,
            value,
            min,
            max,
            unit: "",
            has_part: false,
        })
    }

    pub(crate) fn check_seconds(
        field: &'static str,
        value: Duration,
        min: u64,
        max: u64,
    ) -> Result<(), Self> {
        let has_part = value.subsec_nanos() != 0;
        if !has_part && (min..=max).contains(&value.as_secs()) {
            return Ok(());
        }
        Err(Self {
            field,
            value: value.as_secs(),
            min,
            max,
            unit: " s",
            has_part,
        })
    }
}

impl fmt::Display for OutOfBounds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            field,
            value,
            min,
            max,
            unit,
            has_part,
        } = self;
        if *has_part {
            return write!(f, "{field} must be whole seconds, {min} to {max}{unit}");
        }
        write!(
            f,
            "{field} is {value}{unit}; it must be {min} to {max}{unit}"
        )
    }
}

impl core::error::Error for OutOfBounds {}

/// How many entered texts that are no code close a slot.
pub(crate) const MAX_MALFORMED: u8 = 20;

/// A day in seconds.
const DAY: f64 = 86_400.0;

#[cfg(test)]
mod tests {
    use alloc::string::ToString;

    use super::*;

    fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn every_knob_builds_at_its_bounds_and_not_past_them() {
        type Set = fn(PolicyBuilder, u64) -> PolicyBuilder;
        let settings: [(&str, u64, u64, Set); 8] = [
            ("digits", 6, 10, |policy, value| {
                policy.digits(u8::try_from(value).unwrap())
            }),
            ("letters", 4, 26, |policy, value| {
                policy.letters(u8::try_from(value).unwrap())
            }),
            ("validity", 60, 600, |policy, value| {
                policy.validity(seconds(value))
            }),
            ("validity", 60, 604_800, |policy, value| {
                policy.token().validity(seconds(value))
            }),
            ("max_attempts", 1, 10, |policy, value| {
                policy.max_attempts(u8::try_from(value).unwrap())
            }),
            ("lockout", 600, 86_400, |policy, value| {
                policy.lockout(seconds(value))
            }),
            ("cooldown", 15, 600, |policy, value| {
                policy.cooldown(seconds(value))
            }),
            ("max_sends", 1, 10, |policy, value| {
                policy.max_sends(u8::try_from(value).unwrap())
            }),
        ];
        for (name, min, max, set) in settings {
            for value in [min, min + 1, max - 1, max] {
                assert!(
                    set(Policy::builder(), value).build().is_ok(),
                    "{name} {value}"
                );
            }
            for value in [min - 1, max + 1] {
                let error = set(Policy::builder(), value).build().unwrap_err();
                assert_eq!(
                    (error.field, error.value, error.min, error.max),
                    (name, value, min, max)
                );
            }
        }
    }

    #[test]
    fn a_part_of_a_second_is_refused_and_said() {
        let error = Policy::builder()
            .validity(Duration::from_millis(180_500))
            .build()
            .unwrap_err();
        let said = "validity must be whole seconds, 60 to 600 s";
        assert_eq!(error.to_string(), said);
        let error = Policy::builder()
            .validity(seconds(601))
            .build()
            .unwrap_err();
        assert_eq!(
            error.to_string(),
            "validity is 601 s; it must be 60 to 600 s"
        );
    }

    #[test]
    fn the_default_policy_is_within_its_own_bounds() {
        assert_eq!(Policy::builder().build(), Ok(Policy::default()));
    }

    #[test]
    fn case_26_fifteen_guesses_a_day_for_a_year_are_half_a_percent() {
        let odds = Policy::default().odds(&RateLimits::default());
        let said = "at most 0.0005 % per code, 0.0015 % per day, 0.5475 % per year";
        assert_eq!(odds.to_string(), said);
        // Without meters a slot opens every quarter of an hour: 480 guesses a day.
        let bare = Policy::default().odds(&RateLimits::unlimited());
        assert_eq!((bare.per_day * 1e6).round(), 480.0);
        assert_eq!(
            Policy::builder()
                .letters(4)
                .build()
                .unwrap()
                .odds(&RateLimits::default())
                .per_code,
            5.0 / 1_048_576.0
        );
    }
}

//! Where limits fall short of what published standards ask for.

use core::time::Duration;

use arrayvec::ArrayVec;

use crate::oath::Device;
use crate::policy::ContentRule;
use crate::{CodeKind, Policy, RateLimits};

#[doc(inline)]
pub use otp_base::Finding;

/// The longest life of a time-based code in ASVS v5.0.0-6.5.5.
const LONGEST_STEP: Duration = Duration::from_secs(30);
/// The longest life of an out-of-band code in ASVS v5.0.0-6.5.5 and NIST SP 800-63B-4 3.1.3.2, and
/// of a recovery code by text or voice in 4.2.1.2.
const LONGEST_LIFE: Duration = Duration::from_secs(10 * 60);
/// The longest life of a recovery code by e-mail in NIST SP 800-63B-4 4.2.1.2.
const LONGEST_RECOVERY: Duration = Duration::from_secs(24 * 3_600);
/// The entropy from which on NIST SP 800-63B-4 3.1.3.2 does without rate limiting.
const UNGUESSABLE_BITS: f64 = 64.0;
/// The most failures in a row before a block in PSD2 RTS art. 4(3)(b).
const MOST_ATTEMPTS: u8 = 5;

impl Policy {
    /// Lists where these limits deviate from OWASP ASVS 5.0, NIST SP 800-63B-4 and the PSD2 RTS
    /// (Delegated Regulation (EU) 2018/389), and from what phones fill in by themselves.
    ///
    /// What no policy can get wrong is not looked for: at least six digits or as much
    /// (v5.0.0-6.5.4, NIST 3.1.3.2), a code that is good once (v5.0.0-6.5.1, NIST 3.1.3.2). Nor is
    /// what limits do not decide: whether the way of delivery is fit say
    /// [`of_mobiles`] and [`of_emails`]. An empty list is no certificate.
    ///
    /// The 100 failed attempts of NIST 3.2.2 are counted for a user over all numbers: a success with
    /// any of them sets the count back, and [`unlock`](crate::Engine::unlock) binds no number anew,
    /// which the clause asks for: whoever unlocks has to.
    ///
    /// ```
    /// use otp_engine::{RateLimits, Policy};
    ///
    /// let policy = Policy::default();
    /// let clauses: Vec<_> = policy.findings(&RateLimits::default()).map(|found| found.clause).collect();
    /// // By default a user may fail at several records, and a code need not be bound to a payment.
    /// assert_eq!(clauses, ["art. 4(3)(b)", "art. 5(1)(b)"]);
    /// ```
    pub fn findings(&self, rate_limits: &RateLimits) -> impl Iterator<Item = Finding> + use<> {
        let long_lived = self.validity() > LONGEST_LIFE;
        // A token travels in a link: it is a recovery code, not an out-of-band authentication.
        let is_link = matches!(self.code(), CodeKind::Token);
        let unlimited = !rate_limits.is_limited();
        let guessable = self.code().entropy_bits() < UNGUESSABLE_BITS;
        let across = unlimited || rate_limits.user_failures().count() > MOST_ATTEMPTS;
        [
            (long_lived && !is_link, ASVS_LIFETIME),
            (unlimited, ASVS_BRUTE_FORCE),
            (long_lived && !is_link, NIST_LIFETIME),
            (unlimited && guessable, NIST_RATE_LIMITING),
            (long_lived && is_link, NIST_RECOVERY_BY_TEXT),
            (
                is_link && self.validity() > LONGEST_RECOVERY,
                NIST_RECOVERY_BY_EMAIL,
            ),
            (self.max_attempts() > MOST_ATTEMPTS, PSD2_ATTEMPTS),
            (across, PSD2_ACROSS_RECORDS),
            (
                self.content() == ContentRule::Optional,
                PSD2_DYNAMIC_LINKING,
            ),
            (may_lack_a_digit(self.code()), AUTOFILL),
        ]
        .into_iter()
        .filter_map(|(deviates, finding)| deviates.then_some(finding))
    }
}

/// Lists where devices deviate, and the rate limits that hold for them.
pub(crate) fn of_devices(
    devices: &[Device<'_>],
    rate_limits: &RateLimits,
) -> impl Iterator<Item = Finding> + use<> {
    let any = |deviates: fn(&Device<'_>) -> bool| devices.iter().any(deviates);
    let has_clock = |device: &Device<'_>| !device.has_counter() && device.period().is_some();
    let digits = |wanted| devices.iter().any(|device| device.digits() == wanted);
    let nine = otp_oath::engine::findings(9).filter(|_| digits(9));
    let long_lived = devices
        .iter()
        .filter(|device| has_clock(device))
        .any(|device| {
            let steps = device
                .window()
                .map_or(1, |window| 2 * u64::from(window) + 1);
            steps * u64::from(device.period().unwrap_or(0)) > LONGEST_STEP.as_secs()
        });
    let found: ArrayVec<Finding, 8> = nine
        .chain(otp_oath::engine::findings(10).filter(|_| digits(10)))
        .chain(
            [
                (any(|device| device.window() > Some(1)), RFC_6238_WINDOW),
                (long_lived, ASVS_STEP),
                (!rate_limits.is_limited(), ASVS_DEVICES),
                (rate_limits.device_hard_stop().is_none(), NIST_HARD_STOP),
            ]
            .into_iter()
            .filter_map(|(deviates, finding)| deviates.then_some(finding)),
        )
        .collect();
    found.into_iter()
}

/// Lists where codes by SMS deviate from OWASP ASVS 5.0 and NIST SP 800-63B-4, whatever the
/// limits: the telephone network is a restricted way.
pub fn of_mobiles() -> impl Iterator<Item = Finding> {
    [ASVS_PSTN, NIST_PSTN].into_iter()
}

/// Lists where codes by e-mail deviate from OWASP ASVS 5.0 and NIST SP 800-63B-4, whatever the
/// limits: e-mail is no way of authentication.
///
/// ```
/// let found = otp_engine::findings::of_emails();
/// assert_eq!(found.map(|found| found.clause).collect::<Vec<_>>(), ["v5.0.0-6.3.6", "3.1.3.1"]);
/// ```
pub fn of_emails() -> impl Iterator<Item = Finding> {
    [ASVS_EMAIL, NIST_EMAIL].into_iter()
}

/// Says whether a code that people type may consist of letters alone.
const fn may_lack_a_digit(kind: CodeKind) -> bool {
    matches!(kind, CodeKind::Letters(_))
}

const ASVS: &str = "OWASP ASVS";
const NIST: &str = "NIST SP 800-63B-4";
const PSD2: &str = "PSD2 RTS (EU) 2018/389";

const ASVS_LIFETIME: Finding = Finding::new(
    ASVS,
    "v5.0.0-6.5.5",
    "asks that an out-of-band code live 10 minutes at most; this one lives longer",
);
const ASVS_BRUTE_FORCE: Finding = Finding::new(
    ASVS,
    "v5.0.0-6.6.3",
    "asks for rate limiting; without meters, guesses at many records of one user are not \
           limited (codes of 64 bits are asked for besides, not instead)",
);
const NIST_LIFETIME: Finding = Finding::new(
    NIST,
    "3.1.3.2",
    "asks that an out-of-band authentication be complete within 10 minutes; this code \
           lives longer",
);
const NIST_RATE_LIMITING: Finding = Finding::new(
    NIST,
    "3.1.3.2",
    "asks that failed attempts with secrets under 64 bits be limited as in 3.2.2, to 100 in a \
           row at most, and that a new code not set the count back; without meters a record starts \
           again once it was closed for a while",
);
const NIST_RECOVERY_BY_TEXT: Finding = Finding::new(
    NIST,
    "4.2.1.2",
    "asks that a recovery code sent by text or voice live 10 minutes at most; this link lives \
           longer",
);
const NIST_RECOVERY_BY_EMAIL: Finding = Finding::new(
    NIST,
    "4.2.1.2",
    "asks that a recovery code sent by e-mail live 24 hours at most; this link lives longer",
);
const ASVS_PSTN: Finding = Finding::new(
    ASVS,
    "v5.0.0-6.6.1",
    "asks that codes by SMS or voice go to validated numbers, with stronger ways offered and \
           the risk told, and rules them out at level 3",
);
const NIST_PSTN: Finding = Finding::new(
    NIST,
    "3.1.3.3",
    "makes the telephone network a restricted way (3.2.9): another way has to be offered, the \
           risk told and a plan kept; a change of the number is a binding anew",
);
const ASVS_EMAIL: Finding = Finding::new(
    ASVS,
    "v5.0.0-6.3.6",
    "rules e-mail out as an authentication factor at level 3",
);
const NIST_EMAIL: Finding = Finding::new(
    NIST,
    "3.1.3.1",
    "rules e-mail out for out-of-band authentication",
);
const RFC_6238_WINDOW: Finding = Finding::new(
    "RFC 6238",
    "5.2",
    "recommends one step of delay at most; this window is wider, and each step makes a guess as \
           much likelier to be right",
);
const ASVS_STEP: Finding = Finding::new(
    ASVS,
    "v5.0.0-6.5.5",
    "asks that a time-based code live 30 seconds at most; with its window one of these is taken \
           for longer",
);
const ASVS_DEVICES: Finding = Finding::new(
    ASVS,
    "v5.0.0-6.6.3",
    "asks for rate limiting; without meters each device is limited by itself, and guesses at \
           several devices of one user are not limited together",
);
const NIST_HARD_STOP: Finding = Finding::new(
    NIST,
    "3.2.2",
    "asks that an authenticator be disabled after 100 failed attempts in a row at most; here \
           they lock a device for a day at a time (set device_hard_stop)",
);
const PSD2_ATTEMPTS: Finding = Finding::new(
    PSD2,
    "art. 4(3)(b)",
    "asks for a block after five failed attempts in a row at most; this policy allows more",
);
const PSD2_ACROSS_RECORDS: Finding = Finding::new(
    PSD2,
    "art. 4(3)(b)",
    "asks for a block after five failed attempts in a row at most; a user is blocked later than \
           that where the attempts are spread over several records (user_failures_per_day)",
);
const PSD2_DYNAMIC_LINKING: Finding = Finding::new(
    PSD2,
    "art. 5(1)(b)",
    "asks that the code of a payment be specific to its amount and payee; this policy does \
           not require content to be bound",
);
/// Source: the message formats of Chrome's WebOTP and of Android's SMS User Consent API.
const AUTOFILL: Finding = Finding::new(
    "WebOTP, SMS User Consent",
    "message format",
    "ask for a code of 4 to 10 letters and digits with a digit among them; a code of letters \
           and digits at random may have none, and is then not filled in by itself",
);

#[cfg(test)]
mod tests {
    use alloc::{string::ToString, vec::Vec};

    use super::*;
    use crate::policy::PolicyBuilder;

    /// Meters that deviate nowhere.
    fn strict() -> RateLimits {
        RateLimits::builder()
            .user_failures_per_day(5)
            .build()
            .unwrap()
    }

    /// The findings on a policy that requires content, so that there are none with strict meters.
    fn findings(policy: PolicyBuilder, rate_limits: &RateLimits) -> Vec<Finding> {
        policy
            .content(ContentRule::Required)
            .build()
            .unwrap()
            .findings(rate_limits)
            .collect()
    }

    #[test]
    fn the_default_policy_with_content_and_five_failures_a_day_deviates_nowhere() {
        assert_eq!(findings(Policy::builder(), &strict()), []);
    }

    #[test]
    fn content_not_required_is_found() {
        let found: Vec<_> = Policy::default().findings(&strict()).collect();
        assert_eq!(found, [PSD2_DYNAMIC_LINKING]);
    }

    #[test]
    fn a_life_of_ten_minutes_is_within_the_bounds_of_a_link_by_text_and_a_day_of_one_by_email() {
        let lives = |seconds| {
            let token = Policy::builder()
                .token()
                .validity(Duration::from_secs(seconds));
            findings(token, &strict())
        };
        assert_eq!(lives(600), []);
        assert_eq!(lives(601), [NIST_RECOVERY_BY_TEXT]);
        assert_eq!(lives(86_400), [NIST_RECOVERY_BY_TEXT]);
        let both = [NIST_RECOVERY_BY_TEXT, NIST_RECOVERY_BY_EMAIL];
        assert_eq!(lives(86_401), both);
    }

    #[test]
    fn case_367_five_attempts_are_within_psd2_six_are_not_nor_six_over_several_records() {
        let allows = |attempts| findings(Policy::builder().max_attempts(attempts), &strict());
        assert_eq!(allows(5), []);
        assert_eq!(allows(6), [PSD2_ATTEMPTS]);
        let six = RateLimits::builder()
            .user_failures_per_day(6)
            .build()
            .unwrap();
        for rate_limits in [six, RateLimits::default()] {
            assert_eq!(
                findings(Policy::builder(), &rate_limits),
                [PSD2_ACROSS_RECORDS]
            );
        }
    }

    /// ASVS asks for rate limiting whatever the code; NIST's 64 bits stand in 3.1.3.2.
    #[test]
    fn case_368_every_code_needs_meters_for_asvs_and_one_under_64_bits_for_nist() {
        let unlimited = RateLimits::unlimited();
        let guessable = [ASVS_BRUTE_FORCE, NIST_RATE_LIMITING, PSD2_ACROSS_RECORDS];
        let long = [ASVS_BRUTE_FORCE, PSD2_ACROSS_RECORDS];
        let sixty_bits = || Policy::builder().letters(12);
        let sixty_five_bits = || Policy::builder().letters(13);
        let and_autofill = |found: &[Finding]| [found, &[AUTOFILL]].concat();
        assert_eq!(findings(sixty_bits(), &unlimited), and_autofill(&guessable));
        assert_eq!(findings(sixty_bits(), &strict()), [AUTOFILL]);
        assert_eq!(findings(sixty_five_bits(), &unlimited), and_autofill(&long));
        assert_eq!(
            findings(Policy::builder().digits(10), &unlimited),
            guessable
        );
        assert_eq!(findings(Policy::builder().token(), &unlimited), long);
    }

    #[test]
    fn case_369_sms_and_email_are_found_whatever_the_limits() {
        let clauses = |found: &mut dyn Iterator<Item = Finding>| -> Vec<_> {
            found.map(|finding| finding.clause).collect()
        };
        let mobile = clauses(&mut of_mobiles());
        assert_eq!(mobile, ["v5.0.0-6.6.1", "3.1.3.3"]);
        assert_eq!(clauses(&mut of_emails()), ["v5.0.0-6.3.6", "3.1.3.1"]);
    }

    #[test]
    fn case_180_codes_that_may_lack_a_digit_are_not_filled_in_by_themselves() {
        let of = |policy| findings(policy, &strict());
        for length in [4, 8, 13] {
            assert_eq!(of(Policy::builder().letters(length)), [AUTOFILL]);
        }
        assert_eq!(of(Policy::builder().digits(6)), []);
        assert_eq!(of(Policy::builder().token()), []); // nobody types it, nor does a phone
    }

    #[test]
    fn no_policy_can_be_built_below_six_digits_or_as_much() {
        for policy in [Policy::builder().digits(5), Policy::builder().letters(3)] {
            assert!(policy.build().is_err());
        }
        for smallest in [CodeKind::Digits(6), CodeKind::Letters(4), CodeKind::Token] {
            assert!(
                smallest.is_in_bounds() && smallest.space() >= 1e6,
                "{smallest:?}"
            );
        }
    }

    #[test]
    fn case_119_devices_are_found_with_their_windows_and_the_budgets_that_hold_for_them() {
        use crate::oath::{HashFunction, Hotp, Secret, Totp};
        let secret = Secret::new(b"abcdefghijklmnopqrst").unwrap();
        let totp = |digits, period| Totp::new(&secret, HashFunction::Sha1, digits, period).unwrap();
        let hotp = Hotp::new(&secret, HashFunction::Sha1, 10).unwrap();
        let stopping = RateLimits::builder()
            .device_hard_stop(true)
            .build()
            .unwrap();
        let list = |devices: &[Device<'_>], rate_limits: &RateLimits| -> Vec<Finding> {
            of_devices(devices, rate_limits).collect()
        };
        let usual = totp(6, 30);
        assert_eq!(list(&[Device::totp(&usual, 0)], &stopping), []);
        let wide = [ASVS_STEP, NIST_HARD_STOP];
        assert_eq!(
            list(&[Device::totp(&usual, 1)], &RateLimits::default()),
            wide
        );
        assert_eq!(
            list(&[Device::totp(&totp(6, 31), 0)], &stopping),
            [ASVS_STEP]
        );
        let all = list(
            &[Device::totp(&totp(9, 30), 2), Device::hotp(&hotp, 5)],
            &RateLimits::unlimited(),
        );
        let clauses: Vec<_> = all.iter().map(|found| found.clause).collect();
        assert_eq!(
            clauses,
            ["5.3", "5.3", "5.2", "v5.0.0-6.5.5", "v5.0.0-6.6.3", "3.2.2"]
        );
    }

    #[test]
    fn a_finding_prints_its_standard_and_clause() {
        assert!(
            PSD2_ATTEMPTS
                .to_string()
                .starts_with("PSD2 RTS (EU) 2018/389 art. 4(3)(b): asks")
        );
    }
}

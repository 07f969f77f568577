//! The devices of a user, as one call takes them.

use core::fmt;

use otp_oath::engine::step;

use super::{Hotp, Ocra, OcraOptions, Totp};
use crate::Timestamp;
use crate::keys::CredentialName;
use crate::record::facts::DeviceKind;

/// One device of a user, and how far its codes are looked for.
///
/// ```
/// use otp_engine::oath::{HashFunction, Device, Hotp, Secret, Totp};
///
/// let phone = Totp::new(&Secret::new(b"12345678901234567890")?, HashFunction::Sha1, 6, 30)?;
/// let token = Hotp::new(&Secret::new(b"abcdefghijklmnopqrst")?, HashFunction::Sha1, 6)?;
/// let devices = [Device::totp(&phone, 1), Device::hotp(&token, 5)];
/// # let _ = devices;
/// # Ok::<(), otp_engine::oath::Error>(())
/// ```
#[derive(Clone, Copy)]
#[must_use]
pub struct Device<'a> {
    pub(super) kind: Kind<'a>,
}

/// Two codes in a row of one device, and how far they are looked for.
#[derive(Clone, Copy)]
#[expect(
    clippy::exhaustive_structs,
    reason = "two codes in a row and a reach are all that resynchronises (RFC 4226, section 7.4)"
)]
pub struct CodePair<'a> {
    /// The codes as they were entered, in the order in which the device made them.
    pub codes: [&'a str; 2],
    /// For HOTP so many counters more than the one expected, for TOTP so many steps on either side of
    /// our time: in place of the device's own look-ahead or window.
    pub reach: u16,
}

impl fmt::Debug for CodePair<'_> {
    /// Shows nothing that was entered.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CodePair")
            .field("reach", &self.reach)
            .finish_non_exhaustive()
    }
}

/// What kind of device it is.
#[derive(Clone, Copy)]
pub(super) enum Kind<'a> {
    Hotp(&'a Hotp, u8),
    Totp(&'a Totp, u8),
    Ocra(&'a Ocra, OcraOptions<'a>),
}

impl<'a> Device<'a> {
    /// A device with a counter, whose codes are looked for over `look_ahead` counters more than the
    /// one expected.
    pub const fn hotp(hotp: &'a Hotp, look_ahead: u8) -> Self {
        Self {
            kind: Kind::Hotp(hotp, look_ahead),
        }
    }

    /// A device with a clock, whose codes are looked for `window` steps around our time, and around
    /// its own where it is known to differ.
    pub const fn totp(totp: &'a Totp, window: u8) -> Self {
        Self {
            kind: Kind::Totp(totp, window),
        }
    }

    /// A device that answers the [question](crate::Engine::ocra_question) of a binding.
    pub const fn ocra(ocra: &'a Ocra, options: OcraOptions<'a>) -> Self {
        Self {
            kind: Kind::Ocra(ocra, options),
        }
    }

    /// Returns how many digits a code has.
    #[must_use]
    pub const fn digits(&self) -> u8 {
        match self.kind {
            Kind::Hotp(hotp, _) => hotp.digits(),
            Kind::Totp(totp, _) => totp.digits(),
            Kind::Ocra(ocra, _) => ocra.suite().digits(),
        }
    }

    /// Returns how a record tells of the device, which was asked `question` if it is one of OCRA.
    pub(crate) fn facts(&self, question: &'a str) -> DeviceKind<'a> {
        match self.kind {
            Kind::Hotp(hotp, _) => DeviceKind::Hotp {
                algorithm: hotp.algorithm().name(),
            },
            Kind::Totp(totp, _) => DeviceKind::Totp {
                algorithm: totp.algorithm().name(),
                period: totp.period(),
            },
            Kind::Ocra(ocra, _) => DeviceKind::Ocra {
                suite: ocra.suite().as_str(),
                question,
            },
        }
    }

    pub(crate) const fn name(&self) -> &'a CredentialName {
        match self.kind {
            Kind::Hotp(hotp, _) => hotp.name(),
            Kind::Totp(totp, _) => totp.name(),
            Kind::Ocra(ocra, _) => ocra.name(),
        }
    }

    /// Returns the length of a step in seconds, where the time enters the codes.
    pub(crate) const fn period(&self) -> Option<u32> {
        match self.kind {
            Kind::Hotp(..) => None,
            Kind::Totp(totp, _) => Some(totp.period()),
            Kind::Ocra(ocra, _) => ocra.suite().step(),
        }
    }

    /// Returns the last step that a code may have now, where steps are what makes it good once.
    pub(crate) fn latest_step(&self, now: Timestamp) -> Option<u64> {
        let period = self.period().filter(|_| !self.has_counter())?;
        let window = i64::from(self.window().unwrap_or(0));
        let latest = step(now, period).saturating_add(window);
        Some(u64::try_from(latest).unwrap_or(0))
    }

    pub(crate) const fn has_counter(&self) -> bool {
        match self.kind {
            Kind::Hotp(..) => true,
            Kind::Totp(..) => false,
            Kind::Ocra(ocra, _) => ocra.suite().counter(),
        }
    }

    /// Says whether nothing moves from answer to answer but the question.
    pub(crate) const fn has_mark(&self) -> bool {
        !self.has_counter() && self.period().is_none()
    }

    /// Returns the device's OCRA key, if it is one.
    pub(crate) const fn as_ocra(&self) -> Option<&'a Ocra> {
        match self.kind {
            Kind::Ocra(ocra, _) => Some(ocra),
            _ => None,
        }
    }

    /// Returns how many steps are looked at on either side, where the time enters the codes.
    pub(crate) const fn window(&self) -> Option<u8> {
        match self.kind {
            Kind::Hotp(..) => None,
            Kind::Totp(_, window) => Some(window),
            Kind::Ocra(ocra, options) => {
                if ocra.suite().step().is_some() {
                    Some(options.reach.window)
                } else {
                    None
                }
            }
        }
    }

    /// Returns how many counters are looked at beyond the one expected.
    pub(crate) const fn look_ahead(&self) -> u8 {
        match self.kind {
            Kind::Hotp(_, look_ahead) => look_ahead,
            Kind::Totp(..) => 0,
            Kind::Ocra(ocra, options) => {
                if ocra.suite().counter() {
                    options.reach.look_ahead
                } else {
                    0
                }
            }
        }
    }
}

impl Device<'_> {
    /// Returns the chance, at most, that one guess is a code of this device: of all that are looked at,
    /// each as likely as the likeliest that 31 bits give.
    pub(crate) fn chance(&self) -> f64 {
        const TRUNCATED: u64 = 1 << 31;
        let codes = 10_u64.saturating_pow(self.digits().into());
        let likeliest = TRUNCATED.div_ceil(codes);
        let counters = u32::from(self.look_ahead()) + 1;
        let steps = self.window().map_or(1, |window| 2 * u32::from(window) + 1);
        // Around our time, and around the device's where it drifted as far as that.
        let windows = if self.window().is_some() && !self.has_counter() {
            2
        } else {
            1
        };
        let one = (likeliest as f64) / (TRUNCATED as f64);
        (one * f64::from(counters) * f64::from(steps) * f64::from(windows)).min(1.0)
    }
}

impl fmt::Debug for Device<'_> {
    /// Shows the kind of code, nothing of the key and nothing that the user knows.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind {
            Kind::Hotp(hotp, _) => hotp.fmt(f),
            Kind::Totp(totp, _) => totp.fmt(f),
            Kind::Ocra(ocra, _) => ocra.fmt(f),
        }
    }
}

//! The engine's side of OATH: a code of the user's own device is good once, on any store.

use alloc::string::String;

use super::Engine;
use crate::oath::{Acceptance, Answer, Device, Hotp, Ocra, Totp};
use crate::operation::oath::{VerifyOath, question};
use crate::operation::reset::ResetOutcome;
use crate::operation::reset_device::ResetDevice;
use crate::store::Class;
use crate::{Binding, Error, Store, Verdict, findings, findings::Finding, policy::Odds};

/// Codes that the user's own device makes.
///
/// What was used is kept for each credential (a secret with its kind, in one tenant), not for each
/// binding: a code that was accepted for one record is used up for all. Replays and malformed text
/// cost nothing. No signature record is made.
///
/// Wrong guesses are counted twice. For the credential, without meters too, and whoever is named
/// with it: `device_failures_per_day` lock it until enough of them are a day old, and a hard stop
/// ([`device_hard_stop`](crate::rate_limits::RateLimitsBuilder::device_hard_stop)) until a
/// [reset](Self::reset_device). For the user: a device's code is compared only while wrong guesses at
/// codes that were sent and at devices, together, are below `user_failures_per_day`, and the user
/// is not locked. A guess at a device counts against no code that was sent and against no recipient:
/// whoever merely names a user locks that user's devices, and nothing else.
///
/// # After a restored backup
///
/// The store then has forgotten what was used since. Raise the key ring's
/// [`epoch`](crate::keys::KeyRingBuilder::epoch): a device with a counter is
/// [`Resynchronise`](crate::Rejection::Resynchronise) until two codes in a row told where it is, and
/// so is one that the store does not know; a time step that could have been accepted before this
/// engine began is [`AlreadyUsed`](crate::Rejection::AlreadyUsed); OCRA asks other questions. A new
/// index secret is an empty store: raise the epoch with it.
impl Engine {
    /// Judges an entered HOTP code, from the counter that is expected over `look_ahead` more.
    ///
    /// ```
    /// use otp_engine::oath::{HashFunction, Hotp, Secret};
    /// # use otp_engine::{Binding, Engine, KeyRing, MemoryStore, Mobile, Target, Rejection};
    /// # let keys = KeyRing::builder().code("a", &[1; 32]).index(&[2; 32]).build()?;
    /// # let (engine, store) = (Engine::new(keys), MemoryStore::keeping_records_until_exit());
    /// # let binding = Binding::builder().tenant("acme").purpose("sign").user("7")
    /// #     .target(Target { model: "m", field: "f", id: "1" })
    /// #     .recipient(Mobile::parse("60123456789")?).build()?;
    /// let hotp = Hotp::new(&Secret::new(b"12345678901234567890")?, HashFunction::Sha1, 6)?;
    /// let verdict = engine.verify_hotp(&store, &binding, &hotp, "359152", 5)?;
    /// assert!(verdict.is_accepted()); // counter 2
    /// let again = engine.verify_hotp(&store, &binding, &hotp, "359152", 5)?;
    /// assert_eq!(again.rejection(), Some(Rejection::AlreadyUsed));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error`]: nothing was accepted. Only a [`Permanent`](Class::Permanent) store is taken:
    /// a counter that is forgotten makes every code good again.
    pub fn verify_hotp(
        &self,
        store: &dyn Store,
        binding: &Binding,
        hotp: &Hotp,
        entered: &(impl AsRef<[u8]> + ?Sized),
        look_ahead: u8,
    ) -> Result<Verdict<Acceptance>, Error> {
        let devices = [Device::hotp(hotp, look_ahead)];
        self.verify_devices(store, binding, &devices, entered)
    }

    /// Judges two HOTP codes in a row, of a device that is further ahead than a window: the counter
    /// of the first is looked for over `look_ahead` more than the one expected.
    ///
    /// # Errors
    ///
    /// As [`verify_hotp`](Self::verify_hotp).
    pub fn resynchronise_hotp(
        &self,
        store: &dyn Store,
        binding: &Binding,
        hotp: &Hotp,
        [first, second]: [&str; 2],
        look_ahead: u16,
    ) -> Result<Verdict<Acceptance>, Error> {
        let (device, pair) = (Device::hotp(hotp, 0), [first, second]);
        let verify = VerifyOath::pair(
            &self.context(store.class()),
            binding,
            device,
            pair,
            look_ahead,
            self.shared.began,
        )?;
        self.run(store, &verify)
    }

    /// Judges an entered TOTP code, `window` steps around our time, and around that of the user's device
    /// where it is known to drift: the drift is followed by a step a day at most, up to ten, once
    /// three codes in a row were ahead of it or behind. A code that was entered late moves nothing.
    ///
    /// # Errors
    ///
    /// [`Error`]: nothing was accepted. [`Error::Oath`] for a window of more than 100 days.
    pub fn verify_totp(
        &self,
        store: &dyn Store,
        binding: &Binding,
        totp: &Totp,
        entered: &(impl AsRef<[u8]> + ?Sized),
        window: u8,
    ) -> Result<Verdict<Acceptance>, Error> {
        let devices = [Device::totp(totp, window)];
        self.verify_devices(store, binding, &devices, entered)
    }

    /// Judges two TOTP codes in a row, of a device whose clock is off by more than a window, and
    /// remembers by how much.
    ///
    /// # Errors
    ///
    /// [`Error`]: nothing was accepted.
    pub fn resynchronise_totp(
        &self,
        store: &dyn Store,
        binding: &Binding,
        totp: &Totp,
        [first, second]: [&str; 2],
        window: u16,
    ) -> Result<Verdict<Acceptance>, Error> {
        let (device, pair) = (Device::totp(totp, 0), [first, second]);
        let verify = VerifyOath::pair(
            &self.context(store.class()),
            binding,
            device,
            pair,
            window,
            self.shared.began,
        )?;
        self.run(store, &verify)
    }

    /// Returns the question that the user's device is asked for this binding: as many hexadecimal
    /// digits of the binding's keyed digest as the suite takes.
    ///
    /// Another record, number, document or amount is another question: what the device answers
    /// approves this and nothing else. So is another epoch. It is no secret.
    ///
    /// # Errors
    ///
    /// [`Error::Oath`] where the suite asks fewer than 16 hexadecimal digits (`QH16`): with less than
    /// 64 bits, an attacker can find another binding with the same question.
    pub fn ocra_question(&self, binding: &Binding, ocra: &Ocra) -> Result<String, Error> {
        // Which store is asked makes no difference to a question.
        question(&self.context(Class::Permanent), binding, ocra)
    }

    /// Judges what the user's device answered to the [question](Self::ocra_question) of this
    /// binding.
    ///
    /// The answer is good once: by the counter where the suite has one, else by the time step, else
    /// for this binding for ever. Counter and time are the engine's.
    ///
    /// ```
    /// use otp_engine::oath::{Answer, Inputs, Ocra, Secret, Suite};
    /// # use otp_engine::{Binding, Engine, KeyRing, MemoryStore, Mobile, Target, Rejection};
    /// # let keys = KeyRing::builder().code("a", &[1; 32]).index(&[2; 32]).build()?;
    /// # let (engine, store) = (Engine::new(keys), MemoryStore::keeping_records_until_exit());
    /// # let binding = Binding::builder().tenant("acme").purpose("sign").user("7")
    /// #     .target(Target { model: "m", field: "f", id: "1" })
    /// #     .recipient(Mobile::parse("60123456789")?).build()?;
    /// let suite = Suite::parse("OCRA-1:HOTP-SHA256-8:C-QH16")?;
    /// let ocra = Ocra::new(&Secret::new(b"12345678901234567890123456789012")?, suite);
    /// let question = engine.ocra_question(&binding, &ocra)?; // shown to the user
    /// let entered = ocra.generate(&Inputs::new(&question).counter(0))?; // by the user's device
    /// let verdict = engine.verify_ocra(&store, &binding, &ocra, Answer::new(entered.as_str()))?;
    /// assert!(verdict.is_accepted());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error`]: nothing was accepted. [`Error::Oath`] as for
    /// [`ocra_question`](Self::ocra_question), and for a PIN or session that the suite lacks or does
    /// not ask for. Only a [`Permanent`](Class::Permanent) store is taken, but for a suite
    /// whose answers are good once by their time step alone.
    pub fn verify_ocra(
        &self,
        store: &dyn Store,
        binding: &Binding,
        ocra: &Ocra,
        answer: Answer<'_>,
    ) -> Result<Verdict<Acceptance>, Error> {
        let devices = [Device::ocra(ocra, answer)];
        self.verify_devices(store, binding, &devices, answer.entered)
    }

    /// Judges an entered text that may be a code of any of a user's devices, at most
    /// [`MAX_DEVICES`](crate::oath::MAX_DEVICES): one attempt, whichever of them made it.
    /// [`device`](Acceptance::device) of the acceptance says which one did; where several could have,
    /// it is the first.
    ///
    /// A wrong text is charged once to the user, and to each device that it was compared with.
    ///
    /// ```
    /// use otp_engine::oath::{HashFunction, Device, Hotp, Secret, Totp};
    /// # use otp_engine::{Binding, Engine, KeyRing, MemoryStore, Mobile, Target, Verdict};
    /// # let keys = KeyRing::builder().code("a", &[1; 32]).index(&[2; 32]).build()?;
    /// # let (engine, store) = (Engine::new(keys), MemoryStore::keeping_records_until_exit());
    /// # let binding = Binding::builder().tenant("acme").purpose("sign").user("7")
    /// #     .target(Target { model: "m", field: "f", id: "1" })
    /// #     .recipient(Mobile::parse("60123456789")?).build()?;
    /// let phone = Totp::new(&Secret::new(b"abcdefghijklmnopqrst")?, HashFunction::Sha1, 6, 30)?;
    /// let token = Hotp::new(&Secret::new(b"12345678901234567890")?, HashFunction::Sha1, 6)?;
    /// let devices = [Device::totp(&phone, 1), Device::hotp(&token, 5)];
    /// let verdict = engine.verify_devices(&store, &binding, &devices, "755224")?;
    /// assert!(matches!(verdict, Verdict::Accepted(accepted) if accepted.device == 1));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error`]: nothing was accepted. [`Error::Oath`] for no device, too many or one twice, and as
    /// for the calls that take one device.
    pub fn verify_devices(
        &self,
        store: &dyn Store,
        binding: &Binding,
        devices: &[Device<'_>],
        entered: &(impl AsRef<[u8]> + ?Sized),
    ) -> Result<Verdict<Acceptance>, Error> {
        let verify = VerifyOath::one(
            &self.context(store.class()),
            binding,
            devices,
            entered.as_ref(),
            self.shared.began,
        )?;
        self.run(store, &verify)
    }

    /// Sets a device right, for an administrator: its lock and its guesses are forgotten, and what was
    /// learnt of its clock. `reason` is for the event.
    ///
    /// What was used stays used: a counter, an answered question and the epoch do not fall. A time
    /// step falls to that of now and the device's window at most: a device whose clock was hours ahead
    /// and was put right makes codes again that are taken, and codes of its hours ahead that were used
    /// and seen could be given once more when their time comes. Lifts nothing that is the user's:
    /// [`unlock`](Self::unlock) does.
    ///
    /// # Errors
    ///
    /// [`Error`]: nothing is known to be lifted.
    pub fn reset_device(
        &self,
        store: &dyn Store,
        tenant: &str,
        user: &str,
        device: &Device<'_>,
        reason: &str,
    ) -> Result<ResetOutcome, Error> {
        let reset = ResetDevice::new(&self.context(store.class()), tenant, user, device, reason)?;
        self.run(store, &reset)
    }

    /// Returns the chance of guessing a code of these devices, all of them one user's:
    /// [`per_code`](Odds::per_code) is that of one guess. It knows window and look-ahead, the drift that
    /// a clock may have, and how many are asked at once.
    ///
    /// ```
    /// use otp_engine::oath::{HashFunction, Device, Secret, Totp};
    /// # use otp_engine::{Engine, KeyRing};
    /// # let keys = KeyRing::builder().code("a", &[1; 32]).index(&[2; 32]).build()?;
    /// # let engine = Engine::new(keys);
    /// let totp = Totp::new(&Secret::new(b"abcdefghijklmnopqrst")?, HashFunction::Sha1, 6, 30)?;
    /// let odds = engine.device_odds(&[Device::totp(&totp, 1)]);
    /// // Three steps around our time, three around the device's; fifteen guesses a day.
    /// assert!((odds.per_day - 15.0 * 6.0 / 1e6).abs() < 1e-7);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn device_odds(&self, devices: &[Device<'_>]) -> Odds {
        Odds::of_devices(devices, self.rate_limits())
    }

    /// Returns where these devices, and the rate limits that hold for them, deviate from RFC 4226 and 6238,
    /// ASVS 5.0 and NIST SP 800-63B-4.
    pub fn device_findings(&self, devices: &[Device<'_>]) -> impl Iterator<Item = Finding> + use<> {
        findings::of_devices(devices, self.rate_limits())
    }
}

//! The engine's side of OATH: a code of the user's own device is good once, on any store.

use alloc::string::String;

use super::Engine;
use crate::binding::BindingRef;
use crate::evidence::EvidenceFault;
use crate::oath::{Acceptance, CodePair, Device, Ocra};
use crate::operation::oath::{VerifyOath, question};
use crate::operation::reset_device::ResetDevice;
use crate::operation::{DeviceReset, ResetOutcome};
use crate::store::Class;
use crate::{Error, Evidence, Store, Verdict, findings, findings::Finding, policy::Odds};

/// Codes that the user's own device makes.
///
/// What was used is kept for each credential (a secret with its kind, in one tenant), not for each
/// binding: a code that was accepted for one record is used up for all. Replays and malformed text
/// cost nothing. Where the engine signs, an accepted code leaves a signature record in the commit that moves its
/// counter or step, a resynchronisation too; the store must then be [`Permanent`](Class::Permanent).
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
    pub fn ocra_question<'b>(
        &self,
        binding: impl Into<BindingRef<'b>>,
        ocra: &Ocra,
    ) -> Result<String, Error> {
        // Which store is asked makes no difference to a question.
        question(&self.context(Class::Permanent), binding.into(), ocra)
    }

    /// Judges an entered text that may be a code of any of a user's devices, 1 to
    /// [`MAX_DEVICES`](crate::oath::MAX_DEVICES): one attempt, whichever of them made it.
    /// [`device`](Acceptance::device) of the acceptance says which one did; where several could have,
    /// it is the first. A wrong text is charged once to the user, and to each device that it was
    /// compared with. What makes a code good once:
    ///
    /// * HOTP: its counter. It is looked for from the one that is expected over `look_ahead` more.
    /// * TOTP: its time step. It is looked for `window` steps around our time, and around that of the
    ///   device where it is known to drift: the drift is followed by a step a day at most, up to ten,
    ///   once three codes in a row were ahead of it or behind. A code that was entered late moves nothing.
    /// * OCRA, for the [question](Self::ocra_question) of this binding: the counter where the suite has
    ///   one, else the time step, else this binding for ever. Counter and time are the engine's.
    ///
    /// `evidence` is what the signature record is to hold, and what the policy requires: as
    /// [`Submission::evidence`](crate::Submission::evidence). Without a signing key it is only checked.
    ///
    /// ```
    /// use otp_engine::oath::{Device, HashFunction, Hotp, Inputs, Ocra, OcraOptions, Secret, Suite, Totp};
    /// # use otp_engine::{Binding, Engine, Evidence, KeyRing, MemoryStore, Mobile, Rejection, Target, Verdict};
    /// # let keys = KeyRing::builder().code("a", &[1; 32]).index(&[2; 32]).build()?;
    /// # let (engine, store) = (Engine::new(keys), MemoryStore::keeping_records_until_exit());
    /// # let binding = Binding::builder().tenant("acme").purpose("sign").user("7")
    /// #     .target(Target { model: "m", field: "f", id: "1" })
    /// #     .recipient(Mobile::parse("60123456789")?).build()?;
    /// let phone = Totp::new(&Secret::new(b"abcdefghijklmnopqrst")?, HashFunction::Sha1, 6, 30)?;
    /// let token = Hotp::new(&Secret::new(b"12345678901234567890")?, HashFunction::Sha1, 6)?;
    /// let devices = [Device::totp(&phone, 1), Device::hotp(&token, 5)];
    /// let verdict = engine.verify_devices(&store, &binding, &devices, "359152", Evidence::new())?; // counter 2
    /// assert!(matches!(verdict, Verdict::Accepted(accepted) if accepted.device == 1));
    /// let again = engine.verify_devices(&store, &binding, &devices, "359152", Evidence::new())?;
    /// assert_eq!(again.rejection(), Some(Rejection::AlreadyUsed));
    ///
    /// let suite = Suite::parse("OCRA-1:HOTP-SHA256-8:C-QH16")?;
    /// let signer = Ocra::new(&Secret::new(b"12345678901234567890123456789012")?, suite);
    /// let question = engine.ocra_question(&binding, &signer)?; // shown to the user
    /// let answer = signer.generate(&Inputs::new(&question).counter(0))?; // by the user's device
    /// let devices = [Device::ocra(&signer, OcraOptions::new())];
    /// let verdict = engine.verify_devices(&store, &binding, &devices, answer.as_str(), Evidence::new())?;
    /// assert!(verdict.is_accepted());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error`]: nothing was accepted. [`Error::Oath`] for no device, too many or one twice, for a
    /// window of more than 100 days, and for a PIN or session that a suite lacks or does not ask for; of a
    /// suite also as [`ocra_question`](Self::ocra_question). Only a [`Permanent`](Class::Permanent) store
    /// is taken, but for codes that are good once by their time step alone: a counter that is forgotten
    /// makes every code good again. An engine that signs takes no other store at all, and fails with
    /// [`Error::SigningKey`] and [`Error::Clock`] as [`issue`](Self::issue) does, before anything is compared.
    pub fn verify_devices<'b>(
        &self,
        store: &dyn Store,
        binding: impl Into<BindingRef<'b>>,
        devices: &[Device<'_>],
        entered: &(impl AsRef<[u8]> + ?Sized),
        evidence: Evidence<'_>,
    ) -> Result<Verdict<Acceptance>, Error> {
        let context = &self.context(store.class());
        let operation = VerifyOath::one(context, binding.into(), devices, entered.as_ref())?;
        self.judge(store, operation, evidence)
    }

    /// Judges two codes in a row of a device that is further off than a window: of HOTP, whose counter is
    /// looked for over `reach` more than the one expected (RFC 4226, section 7.4), or of TOTP, and
    /// remembers by how much its clock is off.
    ///
    /// ```
    /// use otp_engine::oath::{CodePair, Device, HashFunction, Hotp, Secret};
    /// # use otp_engine::{Binding, Engine, Evidence, KeyRing, MemoryStore, Mobile, Target};
    /// # let keys = KeyRing::builder().code("a", &[1; 32]).index(&[2; 32]).build()?;
    /// # let (engine, store) = (Engine::new(keys), MemoryStore::keeping_records_until_exit());
    /// # let binding = Binding::builder().tenant("acme").purpose("sign").user("7")
    /// #     .target(Target { model: "m", field: "f", id: "1" })
    /// #     .recipient(Mobile::parse("60123456789")?).build()?;
    /// let token = Hotp::new(&Secret::new(b"12345678901234567890")?, HashFunction::Sha1, 6)?;
    /// let pair = CodePair { codes: ["399871", "520489"], reach: 100 }; // counters 8 and 9
    /// let device = Device::hotp(&token, 5);
    /// let verdict = engine.resynchronise(&store, &binding, device, pair, Evidence::new())?;
    /// assert!(verdict.is_accepted());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As [`verify_devices`](Self::verify_devices), and [`Error::Oath`] for a device of OCRA.
    pub fn resynchronise<'b>(
        &self,
        store: &dyn Store,
        binding: impl Into<BindingRef<'b>>,
        device: Device<'_>,
        pair: CodePair<'_>,
        evidence: Evidence<'_>,
    ) -> Result<Verdict<Acceptance>, Error> {
        let context = &self.context(store.class());
        let operation = VerifyOath::pair(context, binding.into(), device, pair)?;
        self.judge(store, operation, evidence)
    }

    fn judge<'a>(
        &'a self,
        store: &dyn Store,
        mut operation: VerifyOath<'a>,
        evidence: Evidence<'a>,
    ) -> Result<Verdict<Acceptance>, Error> {
        match self.signing(store.class(), &mut operation, evidence)? {
            Ok(()) => self.repeat(store, &operation),
            Err(fault) => self.reject_evidence(operation.binding(), fault),
        }
    }

    /// Adds what a record needs; the inner `Err` is evidence that is not fit.
    pub(super) fn signing<'a>(
        &'a self,
        class: Class,
        operation: &mut VerifyOath<'a>,
        evidence: Evidence<'a>,
    ) -> Result<Result<(), EvidenceFault>, Error> {
        let draw = |bytes: &mut [u8]| self.draw(bytes);
        operation.sign(&self.context(class), evidence, draw, || self.now())
    }

    /// Sets a device right, for an administrator: its lock and its guesses are forgotten, and what was
    /// learnt of its clock.
    ///
    /// What was used stays used: a counter, an answered question and the epoch do not fall. A time
    /// step falls to that of now and the device's window at most: a device whose clock was hours ahead
    /// and was put right makes codes that are taken again one step more than the window later, and codes of
    /// its hours ahead that were used and seen could be given once more when their time comes. Put the
    /// host's own clock right before: with one that is behind, the step falls to that clock's now, and
    /// codes that were used since then are good again for a moment. Lifts nothing that is the user's:
    /// [`unlock`](Self::unlock) does.
    ///
    /// # Errors
    ///
    /// [`Error`]: nothing is known to be lifted.
    pub fn reset_device(
        &self,
        store: &dyn Store,
        request: &DeviceReset<'_>,
    ) -> Result<ResetOutcome, Error> {
        self.run(store, |context| ResetDevice::new(context, request))
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

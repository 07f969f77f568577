//! The engine's side of OATH: a code of the user's own device is good once, on any store.

use alloc::string::String;

use super::Engine;
use crate::oath::credential::{Attempt, HotpAttempt, OcraAttempt, TotpAttempt};
use crate::oath::{Acceptance, Answer, Error as OathError, Hotp, Ocra, QuestionKind, Totp};
use crate::operation::oath::VerifyOath;
use crate::{Binding, Content, Error, Store, Verdict, store};

/// Codes that the user's own device makes.
///
/// What was used is kept for each credential (a secret with its kind, in one tenant), not for each
/// binding: a code that was accepted for one record is used up for all. Wrong guesses are counted as
/// those at codes that were sent: `user_failures_per_day`, `consecutive_failures`, and against the
/// recipient's; a locked user is not compared. Replays and malformed text cost nothing. No signature record is made.
impl Engine {
    /// Judges a typed HOTP code, from the counter that is expected over `look_ahead` more.
    ///
    /// ```
    /// use otp_engine::oath::{Algorithm, Hotp, Secret};
    /// # use otp_engine::{Binding, Engine, KeyRing, MemoryStore, Mobile, RecordField, Rejection};
    /// # let keys = KeyRing::builder().code("a", &[1; 32]).index(&[2; 32]).build()?;
    /// # let (engine, store) = (Engine::new(keys), MemoryStore::keeping_records_until_exit());
    /// # let binding = Binding::builder().tenant("acme").purpose("sign").user("7")
    /// #     .record_field(RecordField { model: "m", field: "f", record: "1" })
    /// #     .recipient(Mobile::parse("60123456789")?).build()?;
    /// let hotp = Hotp::new(&Secret::new(b"12345678901234567890")?, Algorithm::Sha1, 6)?;
    /// let verdict = engine.verify_hotp(&store, &binding, &hotp, "359152", 5)?;
    /// assert!(verdict.is_accepted()); // counter 2
    /// let again = engine.verify_hotp(&store, &binding, &hotp, "359152", 5)?;
    /// assert_eq!(again.rejection(), Some(Rejection::AlreadyUsed));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error`]: nothing was accepted. Only a [`Permanent`](store::Class::Permanent) store is taken:
    /// a counter that is forgotten makes every code good again.
    pub fn verify_hotp(
        &self,
        store: &dyn Store,
        binding: &Binding,
        hotp: &Hotp,
        typed: &(impl AsRef<[u8]> + ?Sized),
        look_ahead: u8,
    ) -> Result<Verdict<Acceptance>, Error> {
        let attempt = HotpAttempt {
            hotp,
            typed: typed.as_ref(),
            second: None,
            look_ahead: look_ahead.into(),
        };
        self.verify_oath(store, binding, attempt)
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
        let attempt = HotpAttempt {
            hotp,
            typed: first.as_bytes(),
            second: Some(second.as_bytes()),
            look_ahead,
        };
        self.verify_oath(store, binding, attempt)
    }

    /// Judges a typed TOTP code, `window` steps around the time of the user's device: the drift of
    /// its clock is remembered from code to code, up to ten steps.
    ///
    /// # Errors
    ///
    /// [`Error`]: nothing was accepted.
    pub fn verify_totp(
        &self,
        store: &dyn Store,
        binding: &Binding,
        totp: &Totp,
        typed: &(impl AsRef<[u8]> + ?Sized),
        window: u8,
    ) -> Result<Verdict<Acceptance>, Error> {
        let attempt = TotpAttempt {
            totp,
            typed: typed.as_ref(),
            second: None,
            window: window.into(),
        };
        self.verify_oath(store, binding, attempt)
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
        let attempt = TotpAttempt {
            totp,
            typed: first.as_bytes(),
            second: Some(second.as_bytes()),
            window,
        };
        self.verify_oath(store, binding, attempt)
    }

    /// Returns the question that the user's device is asked for this binding: as many hexadecimal
    /// digits of the binding's keyed digest as the suite takes.
    ///
    /// Another record, number, document or amount is another question: what the device answers
    /// approves this and nothing else. It is no secret.
    ///
    /// # Errors
    ///
    /// [`Error::Oath`] where the suite asks fewer than 16 hexadecimal digits (`QH16`): with less than
    /// 64 bits, somebody finds another binding with the same question.
    pub fn ocra_question(&self, binding: &Binding, ocra: &Ocra) -> Result<String, Error> {
        self.admits_oath(binding)?;
        let (kind, length) = ocra.suite().question();
        if kind != QuestionKind::Hexadecimal || length < 16 {
            return Err(Error::Oath(OathError::Suite(
                "must ask QH16 or longer for the digest of a binding",
            )));
        }
        let digest = self.shared.keys.binding_digest(binding);
        Ok(digest.question(length.into()))
    }

    /// Judges what the user's device answered to the [question](Self::ocra_question) of this
    /// binding.
    ///
    /// The answer is good once: by the counter where the suite has one, else by the time step, else
    /// for this binding for ever. Counter and time are the engine's.
    ///
    /// ```
    /// use otp_engine::oath::{Answer, Inputs, Ocra, Secret, Suite};
    /// # use otp_engine::{Binding, Engine, KeyRing, MemoryStore, Mobile, RecordField, Rejection};
    /// # let keys = KeyRing::builder().code("a", &[1; 32]).index(&[2; 32]).build()?;
    /// # let (engine, store) = (Engine::new(keys), MemoryStore::keeping_records_until_exit());
    /// # let binding = Binding::builder().tenant("acme").purpose("sign").user("7")
    /// #     .record_field(RecordField { model: "m", field: "f", record: "1" })
    /// #     .recipient(Mobile::parse("60123456789")?).build()?;
    /// let suite = Suite::parse("OCRA-1:HOTP-SHA256-8:C-QH16")?;
    /// let ocra = Ocra::new(&Secret::new(b"12345678901234567890123456789012")?, suite);
    /// let question = engine.ocra_question(&binding, &ocra)?; // shown to the user
    /// let typed = ocra.generate(&Inputs::new(&question).counter(0))?; // by the user's device
    /// let verdict = engine.verify_ocra(&store, &binding, &ocra, Answer::new(typed.as_str()))?;
    /// assert!(verdict.is_accepted());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error`]: nothing was accepted. [`Error::Oath`] as for
    /// [`ocra_question`](Self::ocra_question), and for a PIN or session that the suite lacks or does
    /// not ask for. Only a [`Permanent`](store::Class::Permanent) store is taken, but for a suite
    /// whose answers are good once by their time step alone.
    pub fn verify_ocra(
        &self,
        store: &dyn Store,
        binding: &Binding,
        ocra: &Ocra,
        answer: Answer<'_>,
    ) -> Result<Verdict<Acceptance>, Error> {
        let question = self.ocra_question(binding, ocra)?;
        let attempt = OcraAttempt::new(ocra, &question, answer).map_err(Error::Oath)?;
        can_keep(store, &attempt)?;
        let once = attempt.is_good_once_for_its_question();
        let question = once.then(|| self.shared.keys.binding_digest(binding).tag());
        let operation = VerifyOath::new(&self.ground(), binding, attempt, question.as_ref());
        self.run(store, &operation)
    }

    fn verify_oath(
        &self,
        store: &dyn Store,
        binding: &Binding,
        attempt: impl Attempt,
    ) -> Result<Verdict<Acceptance>, Error> {
        self.admits_oath(binding)?;
        can_keep(store, &attempt)?;
        let operation = VerifyOath::new(&self.ground(), binding, attempt, None);
        self.run(store, &operation)
    }

    /// Fails where the policy wants to know what is approved.
    fn admits_oath(&self, binding: &Binding) -> Result<(), Error> {
        if self.policy.content() == Content::Required && binding.content().is_none() {
            return Err(Error::ContentRequired);
        }
        Ok(())
    }
}

/// Fails where what was used would be forgotten.
fn can_keep(store: &dyn Store, attempt: &impl Attempt) -> Result<(), Error> {
    if attempt.can_be_kept_in(store.class()) {
        Ok(())
    } else {
        Err(store::Error::Unsupported.into())
    }
}

//! The engine's side of OATH: a code of the user's own device is good once, on any store.

use alloc::string::String;

use super::Engine;
use crate::keys::Question;
use crate::oath::credential::{Attempt, HotpAttempt, OcraAttempt, TotpAttempt};
use crate::oath::{Acceptance, Answer, Error as OathError, Hotp, Ocra, QuestionKind, Totp};
use crate::operation::oath::VerifyOath;
use crate::store::{self, Class};
use crate::{Binding, Error, Store, Verdict};

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
        let class = store.class();
        let typed = typed.as_ref();
        let verify = self.prepare_hotp(class, binding, hotp, (typed, None), look_ahead.into())?;
        self.run(store, &verify)
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
        let typed = (first.as_bytes(), Some(second.as_bytes()));
        let verify = self.prepare_hotp(store.class(), binding, hotp, typed, look_ahead)?;
        self.run(store, &verify)
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
        let class = store.class();
        let typed = typed.as_ref();
        let verify = self.prepare_totp(class, binding, totp, (typed, None), window.into())?;
        self.run(store, &verify)
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
        let typed = (first.as_bytes(), Some(second.as_bytes()));
        let verify = self.prepare_totp(store.class(), binding, totp, typed, window)?;
        self.run(store, &verify)
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
        self.admits(binding)?;
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
        let verify = self.prepare_ocra(store.class(), binding, ocra, &question, answer)?;
        self.run(store, &verify)
    }

    pub(super) fn prepare_hotp<'a>(
        &self,
        class: Class,
        binding: &'a Binding,
        hotp: &'a Hotp,
        (typed, second): (&'a [u8], Option<&'a [u8]>),
        look_ahead: u16,
    ) -> Result<VerifyOath<'a, HotpAttempt<'a>>, Error> {
        let attempt = HotpAttempt {
            hotp,
            typed,
            second,
            look_ahead,
        };
        self.prepare_oath(class, binding, attempt, None)
    }

    pub(super) fn prepare_totp<'a>(
        &self,
        class: Class,
        binding: &'a Binding,
        totp: &'a Totp,
        (typed, second): (&'a [u8], Option<&'a [u8]>),
        window: u16,
    ) -> Result<VerifyOath<'a, TotpAttempt<'a>>, Error> {
        let attempt = TotpAttempt {
            totp,
            typed,
            second,
            window,
        };
        self.prepare_oath(class, binding, attempt, None)
    }

    /// `question` is that of this binding.
    pub(super) fn prepare_ocra<'a>(
        &self,
        class: Class,
        binding: &'a Binding,
        ocra: &'a Ocra,
        question: &'a str,
        answer: Answer<'a>,
    ) -> Result<VerifyOath<'a, OcraAttempt<'a>>, Error> {
        let attempt = OcraAttempt::new(ocra, question, answer).map_err(Error::Oath)?;
        let once = attempt.is_good_once_for_its_question();
        let question = once.then(|| self.shared.keys.binding_digest(binding).tag());
        self.prepare_oath(class, binding, attempt, question.as_ref())
    }

    /// Fails where what was used would be forgotten.
    fn prepare_oath<'a, A: Attempt>(
        &self,
        class: Class,
        binding: &'a Binding,
        attempt: A,
        question: Option<&Question>,
    ) -> Result<VerifyOath<'a, A>, Error> {
        self.admits(binding)?;
        if !attempt.can_be_kept_in(class) {
            return Err(store::Error::Unsupported.into());
        }
        Ok(VerifyOath::new(&self.ground(), binding, attempt, question))
    }
}

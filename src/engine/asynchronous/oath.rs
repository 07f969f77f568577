//! OATH, awaited: codes that the user's own device makes.

use super::AsyncEngine;
use crate::oath::{Acceptance, Answer, Hotp, Ocra, Totp};
use crate::{AsyncStore, Binding, Error, Verdict};

/// Codes that the user's own device makes; the question of an OCRA suite is
/// [`Engine::ocra_question`](crate::Engine::ocra_question)'s.
impl AsyncEngine {
    /// Judges a typed HOTP code: [`Engine::verify_hotp`](crate::Engine::verify_hotp).
    ///
    /// # Errors
    ///
    /// As [`Engine::verify_hotp`](crate::Engine::verify_hotp).
    pub async fn verify_hotp(
        &self,
        store: &impl AsyncStore,
        binding: &Binding,
        hotp: &Hotp,
        typed: &(impl AsRef<[u8]> + ?Sized),
        look_ahead: u8,
    ) -> Result<Verdict<Acceptance>, Error> {
        let (class, typed) = (store.class(), (typed.as_ref(), None));
        let verify = self
            .engine
            .prepare_hotp(class, binding, hotp, typed, look_ahead.into())?;
        self.run(store, &verify).await
    }

    /// Judges two HOTP codes in a row:
    /// [`Engine::resynchronise_hotp`](crate::Engine::resynchronise_hotp).
    ///
    /// # Errors
    ///
    /// As [`Engine::resynchronise_hotp`](crate::Engine::resynchronise_hotp).
    pub async fn resynchronise_hotp(
        &self,
        store: &impl AsyncStore,
        binding: &Binding,
        hotp: &Hotp,
        [first, second]: [&str; 2],
        look_ahead: u16,
    ) -> Result<Verdict<Acceptance>, Error> {
        let typed = (first.as_bytes(), Some(second.as_bytes()));
        let verify = self
            .engine
            .prepare_hotp(store.class(), binding, hotp, typed, look_ahead)?;
        self.run(store, &verify).await
    }

    /// Judges a typed TOTP code: [`Engine::verify_totp`](crate::Engine::verify_totp).
    ///
    /// # Errors
    ///
    /// As [`Engine::verify_totp`](crate::Engine::verify_totp).
    pub async fn verify_totp(
        &self,
        store: &impl AsyncStore,
        binding: &Binding,
        totp: &Totp,
        typed: &(impl AsRef<[u8]> + ?Sized),
        window: u8,
    ) -> Result<Verdict<Acceptance>, Error> {
        let (class, typed) = (store.class(), (typed.as_ref(), None));
        let verify = self
            .engine
            .prepare_totp(class, binding, totp, typed, window.into())?;
        self.run(store, &verify).await
    }

    /// Judges two TOTP codes in a row:
    /// [`Engine::resynchronise_totp`](crate::Engine::resynchronise_totp).
    ///
    /// # Errors
    ///
    /// As [`Engine::resynchronise_totp`](crate::Engine::resynchronise_totp).
    pub async fn resynchronise_totp(
        &self,
        store: &impl AsyncStore,
        binding: &Binding,
        totp: &Totp,
        [first, second]: [&str; 2],
        window: u16,
    ) -> Result<Verdict<Acceptance>, Error> {
        let typed = (first.as_bytes(), Some(second.as_bytes()));
        let verify = self
            .engine
            .prepare_totp(store.class(), binding, totp, typed, window)?;
        self.run(store, &verify).await
    }

    /// Judges what the user's device answered to the question of this binding:
    /// [`Engine::verify_ocra`](crate::Engine::verify_ocra).
    ///
    /// # Errors
    ///
    /// As [`Engine::verify_ocra`](crate::Engine::verify_ocra).
    pub async fn verify_ocra(
        &self,
        store: &impl AsyncStore,
        binding: &Binding,
        ocra: &Ocra,
        answer: Answer<'_>,
    ) -> Result<Verdict<Acceptance>, Error> {
        let question = self.engine.ocra_question(binding, ocra)?;
        let verify = self
            .engine
            .prepare_ocra(store.class(), binding, ocra, &question, answer)?;
        self.run(store, &verify).await
    }
}

//! OATH, awaited: codes that the user's own device makes.

use super::AsyncEngine;
use crate::oath::{Acceptance, Answer, Device, Hotp, Ocra, Totp};
use crate::operation::oath::VerifyOath;
use crate::operation::reset_device::ResetDevice;
use crate::{AsyncStore, Binding, Error, Verdict, operation::ResetOutcome};

/// Codes that the user's own device makes; the question of an OCRA suite is
/// [`Engine::ocra_question`](crate::Engine::ocra_question)'s.
impl AsyncEngine {
    /// Judges an entered HOTP code: [`Engine::verify_hotp`](crate::Engine::verify_hotp).
    ///
    /// # Errors
    ///
    /// As [`Engine::verify_hotp`](crate::Engine::verify_hotp).
    pub async fn verify_hotp(
        &self,
        store: &impl AsyncStore,
        binding: &Binding,
        hotp: &Hotp,
        entered: &(impl AsRef<[u8]> + ?Sized),
        look_ahead: u8,
    ) -> Result<Verdict<Acceptance>, Error> {
        let devices = [Device::hotp(hotp, look_ahead)];
        self.verify_devices(store, binding, &devices, entered).await
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
        let (device, pair) = (Device::hotp(hotp, 0), [first, second]);
        let class = store.class();
        let verify = VerifyOath::pair(
            &self.engine.context(class),
            binding,
            device,
            pair,
            look_ahead,
            self.engine.shared.began,
        )?;
        self.run(store, &verify).await
    }

    /// Judges an entered TOTP code: [`Engine::verify_totp`](crate::Engine::verify_totp).
    ///
    /// # Errors
    ///
    /// As [`Engine::verify_totp`](crate::Engine::verify_totp).
    pub async fn verify_totp(
        &self,
        store: &impl AsyncStore,
        binding: &Binding,
        totp: &Totp,
        entered: &(impl AsRef<[u8]> + ?Sized),
        window: u8,
    ) -> Result<Verdict<Acceptance>, Error> {
        let devices = [Device::totp(totp, window)];
        self.verify_devices(store, binding, &devices, entered).await
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
        let (device, pair) = (Device::totp(totp, 0), [first, second]);
        let class = store.class();
        let verify = VerifyOath::pair(
            &self.engine.context(class),
            binding,
            device,
            pair,
            window,
            self.engine.shared.began,
        )?;
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
        let devices = [Device::ocra(ocra, answer)];
        self.verify_devices(store, binding, &devices, answer.entered)
            .await
    }

    /// Judges an entered text that may be a code of any of a user's devices:
    /// [`Engine::verify_devices`](crate::Engine::verify_devices).
    ///
    /// # Errors
    ///
    /// As [`Engine::verify_devices`](crate::Engine::verify_devices).
    pub async fn verify_devices(
        &self,
        store: &impl AsyncStore,
        binding: &Binding,
        devices: &[Device<'_>],
        entered: &(impl AsRef<[u8]> + ?Sized),
    ) -> Result<Verdict<Acceptance>, Error> {
        let (class, entered) = (store.class(), entered.as_ref());
        let verify = VerifyOath::one(
            &self.engine.context(class),
            binding,
            devices,
            entered,
            self.engine.shared.began,
        )?;
        self.run(store, &verify).await
    }

    /// Sets a device right: [`Engine::reset_device`](crate::Engine::reset_device).
    ///
    /// # Errors
    ///
    /// As [`Engine::reset_device`](crate::Engine::reset_device).
    pub async fn reset_device(
        &self,
        store: &impl AsyncStore,
        tenant: &str,
        user: &str,
        device: &Device<'_>,
        reason: &str,
    ) -> Result<ResetOutcome, Error> {
        let reset = ResetDevice::new(
            &self.engine.context(store.class()),
            tenant,
            user,
            device,
            reason,
        )?;
        self.run(store, &reset).await
    }
}

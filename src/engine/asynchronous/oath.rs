//! OATH, awaited: codes that the user's own device makes.

use super::AsyncEngine;
use crate::binding::BindingRef;
use crate::oath::{Acceptance, CodePair, Device};
use crate::operation::oath::VerifyOath;
use crate::operation::reset_device::ResetDevice;
use crate::{
    AsyncStore, Error, Evidence, Verdict,
    operation::{DeviceReset, ResetOutcome},
};

/// Codes that the user's own device makes; the question of an OCRA suite is
/// [`Engine::ocra_question`](crate::Engine::ocra_question)'s.
impl AsyncEngine {
    /// Judges an entered text that may be a code of any of a user's devices.
    ///
    /// # Errors
    ///
    /// As [`Engine::verify_devices`](crate::Engine::verify_devices), which says all.
    pub async fn verify_devices<'b>(
        &self,
        store: &impl AsyncStore,
        binding: impl Into<BindingRef<'b>>,
        devices: &[Device<'_>],
        entered: &(impl AsRef<[u8]> + ?Sized),
        evidence: Evidence<'_>,
    ) -> Result<Verdict<Acceptance>, Error> {
        let operation = {
            let context = &self.engine.context(store.class());
            VerifyOath::one(context, binding.into(), devices, entered.as_ref())
        };
        self.judge(store, operation?, evidence).await
    }

    /// Judges two codes in a row of one device.
    ///
    /// # Errors
    ///
    /// As [`Engine::resynchronise`](crate::Engine::resynchronise), which says all.
    pub async fn resynchronise<'b>(
        &self,
        store: &impl AsyncStore,
        binding: impl Into<BindingRef<'b>>,
        device: Device<'_>,
        pair: CodePair<'_>,
        evidence: Evidence<'_>,
    ) -> Result<Verdict<Acceptance>, Error> {
        let operation = {
            let context = &self.engine.context(store.class());
            VerifyOath::pair(context, binding.into(), device, pair)
        };
        self.judge(store, operation?, evidence).await
    }

    async fn judge<'a>(
        &'a self,
        store: &impl AsyncStore,
        mut operation: VerifyOath<'a>,
        evidence: Evidence<'a>,
    ) -> Result<Verdict<Acceptance>, Error> {
        match self
            .engine
            .signing(store.class(), &mut operation, evidence)?
        {
            Ok(()) => self.repeat(store, &operation).await,
            Err(fault) => self.engine.reject_evidence(operation.binding(), fault),
        }
    }

    awaited! {
        /// Sets a device right.
        reset_device(request: &DeviceReset<'_>) -> ResetOutcome =
            |context| ResetDevice::new(context, request);
    }
}

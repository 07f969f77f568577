//! OATH, awaited: codes that the user's own device makes.

use super::AsyncEngine;
use crate::binding::BindingRef;
use crate::oath::{Acceptance, CodePair, Device};
use crate::operation::oath::VerifyOath;
use crate::operation::reset_device::ResetDevice;
use crate::{
    Error, Verdict,
    operation::{DeviceReset, ResetOutcome},
};

/// Codes that the user's own device makes; the question of an OCRA suite is
/// [`Engine::ocra_question`](crate::Engine::ocra_question)'s.
impl AsyncEngine {
    awaited! {
        /// Judges an entered text that may be a code of any of a user's devices.
        verify_devices<'b>(
            binding: impl Into<BindingRef<'b>>,
            devices: &[Device<'_>],
            entered: &(impl AsRef<[u8]> + ?Sized)
        ) -> Verdict<Acceptance> = |context| {
            VerifyOath::one(context, binding.into(), devices, entered.as_ref())
        };

        /// Judges two codes in a row of one device.
        resynchronise<'b>(
            binding: impl Into<BindingRef<'b>>,
            device: Device<'_>,
            pair: CodePair<'_>
        ) -> Verdict<Acceptance> = |context| {
            VerifyOath::pair(context, binding.into(), device, pair)
        };

        /// Sets a device right.
        reset_device(request: &DeviceReset<'_>) -> ResetOutcome =
            |context| ResetDevice::new(context, request);
    }
}

//! What is approved, and the kinds of recipient that a code goes to.

use otp_core::Target;

use crate::status::Fault;
use crate::view::otp_view;

/// The recipient is a mobile number.
pub const OTP_RECIPIENT_MOBILE: i32 = 1;
/// The recipient is an e-mail address.
pub const OTP_RECIPIENT_EMAIL: i32 = 2;

pub(crate) fn unknown_recipient_kind(kind: i32) -> Fault {
    Fault::argument(format!(
        "recipient_kind is {kind}; it must be 1 (mobile) or 2 (email)"
    ))
}

/// What is approved: one field of one record. It has no `struct_size` and never changes.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct otp_target {
    /// The kind of record, such as `loan.application`: 1 to 128 bytes.
    pub model: otp_view,
    /// The field of it that holds the approval: 1 to 128 bytes.
    pub field: otp_view,
    /// Which record: its id in the host's database, 1 to 128 bytes.
    pub id: otp_view,
}

impl otp_target {
    /// Reads the texts.
    ///
    /// # Safety
    ///
    /// The views have as many bytes as they say, for as long as the result is used.
    pub(crate) unsafe fn read<'a>(&self) -> Result<Target<'a>, Fault> {
        // SAFETY: by this function's contract.
        unsafe {
            Ok(Target {
                model: self.model.member("target.model")?,
                field: self.field.member("target.field")?,
                id: self.id.member("target.id")?,
            })
        }
    }
}

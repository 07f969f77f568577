//! Messages that carry a code.

use otp_core::message::{Encoding, Message, MessageTemplate};

use crate::guard::{guard, guard_sized_out};
use crate::status::{Fault, otp_status};
use crate::view::{Sized_, otp_bytes, otp_view, read_sized};

/// The message travels in the GSM 7-bit alphabet: 160 units, or 153 a segment.
pub const OTP_ENCODING_GSM7: i32 = 1;
/// The message travels as UTF-16: 70 units, or 67 a segment.
pub const OTP_ENCODING_UCS2: i32 = 2;

/// What a message is composed from.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct otp_message_options {
    /// `sizeof(otp_message_options)`.
    pub struct_size: usize,
    /// The text: `#otp#` once, `#duration#` for the minutes, `#subject#` for what is approved.
    pub template_text: otp_view,
    /// What each message must begin with, such as `RM0.00 `; or empty.
    pub prefix: otp_view,
    /// The site for which a browser may fill the code in, lower-case ASCII; or empty.
    pub domain: otp_view,
    /// The 11 symbols by which Android knows the app; or empty.
    pub app_hash: otp_view,
    /// What is approved; empty exactly if the template has no `#subject#`.
    pub subject: otp_view,
    /// The code, 4 to 26 ASCII letters and digits.
    pub code: otp_view,
    /// The validity in minutes, at least 1.
    pub minutes: u32,
}

// SAFETY: plain data behind its size, of which all zeros is a value.
unsafe impl Sized_ for otp_message_options {}

/// A composed message.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct otp_message {
    /// `sizeof(otp_message)`.
    pub struct_size: usize,
    /// The text to send, UTF-8; end it with `otp_bytes_free`, which wipes it.
    pub text: *mut otp_bytes,
    /// `OTP_ENCODING_GSM7` or `OTP_ENCODING_UCS2`.
    pub encoding: i32,
    /// The length in septets or UTF-16 units.
    pub units: u32,
    /// How many SMS it takes: 1 to 10.
    pub segments: u32,
}

// SAFETY: plain data behind its size, of which all zeros is a value.
unsafe impl Sized_ for otp_message {}

/// Checks the template of a message: all but subject, code and minutes. The detail names the
/// argument and what it must be.
///
/// # Safety
///
/// `options` is NULL or valid with its `struct_size` set.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn otp_message_check(options: *const otp_message_options) -> otp_status {
    // SAFETY: by this function's contract.
    guard(|| unsafe { template(&read_sized(options, "options")?) }.map(drop))
}

/// Composes the message for a code, and counts its SMS segments.
///
/// Errors: `OTP_STATUS_ARGUMENT`; the detail names the argument and its bound. Also for a template
/// or subject in which autofill could take another run of symbols than the code for the code.
///
/// # Safety
///
/// `options` is NULL or valid with its `struct_size` set; `message_out` likewise.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn otp_message_compose(
    options: *const otp_message_options,
    message_out: *mut otp_message,
) -> otp_status {
    // SAFETY: by this function's contract.
    unsafe {
        guard_sized_out(message_out, "message_out", || {
            let options = read_sized(options, "options")?;
            let (code, subject) = (options.code.text("code")?, options.subject.text("subject")?);
            let message = template(&options)?
                .compose(code, options.minutes, subject)
                .map_err(|error| Fault::argument(error.to_string()))?;
            Ok(otp_message::of(&message))
        })
    }
}

impl otp_message {
    fn of(message: &Message) -> Self {
        let count = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        Self {
            struct_size: size_of::<Self>(),
            text: otp_bytes::give(message.text().as_bytes()),
            encoding: match message.encoding() {
                Encoding::Gsm7 => OTP_ENCODING_GSM7,
                Encoding::Ucs2 => OTP_ENCODING_UCS2,
            },
            units: count(message.units()),
            segments: count(message.segments()),
        }
    }
}

/// Makes the template.
///
/// # Safety
///
/// The views are valid during the call.
unsafe fn template(options: &otp_message_options) -> Result<MessageTemplate, Fault> {
    // SAFETY: by this function's contract.
    let (text, prefix, domain, hash) = unsafe {
        (
            options.template_text.text("template")?,
            options.prefix.text("prefix")?,
            options.domain.text("domain")?,
            options.app_hash.text("app_hash")?,
        )
    };
    let mut builder = MessageTemplate::builder(text).prefix(prefix);
    if !domain.is_empty() {
        builder = builder.domain(domain);
    }
    if !hash.is_empty() {
        builder = builder.app_hash(hash);
    }
    builder
        .build()
        .map_err(|error| Fault::argument(error.to_string()))
}

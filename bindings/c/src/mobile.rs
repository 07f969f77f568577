//! Mobile numbers, as people write them.

use otp_core::{Mobile, recipient::CountryCode};

use crate::guard::guard;
use crate::status::{Fault, otp_status};
use crate::view::{fill, otp_view, writable};

/// The most digits of a mobile number with its country code (E.164).
pub const OTP_MOBILE_MAX: u32 = 15;

/// Reads a mobile number and writes its digits, country code first, without plus or NUL: what
/// requests take, and what is the same for one telephone however it was written.
///
/// `country_code`, 1 to 999, is that of the country within which the text was written, such as 60; with 0
/// the text, of at most 64 bytes, must hold its country code. At most `OTP_MOBILE_MAX` bytes are written.
///
/// Errors: `OTP_STATUS_ARGUMENT` for what is no mobile number, could be two, or has a trunk 0 behind
/// its country code; the detail says which, and never holds the number.
///
/// # Safety
///
/// `text` has as many bytes as it says, `buffer` is NULL or has room for `capacity` bytes;
/// `needed_out` is NULL or valid.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn otp_mobile_parse(
    text: otp_view,
    country_code: u32,
    buffer: *mut u8,
    capacity: usize,
    needed_out: *mut usize,
) -> otp_status {
    // SAFETY: by this function's contract.
    guard(|| unsafe {
        writable(needed_out, "needed_out")?;
        let text = text.text("text")?;
        let mobile = match country_code {
            0 => Mobile::parse(text),
            code => {
                let code = u16::try_from(code).map_err(|_| {
                    Fault::argument(format!("country code must be from 1 to 999, not {code}"))
                })?;
                CountryCode::new(code).and_then(|country| Mobile::parse_national(text, country))
            }
        };
        let mobile = mobile.map_err(|error| Fault::argument(error.to_string()))?;
        fill(mobile.as_str().as_bytes(), buffer, capacity, needed_out)
    })
}

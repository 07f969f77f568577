//! The fuzz targets that call the C library, which is unsafe; the others are in `fuzz/targets`.

mod binding;
mod host;

pub use binding::binding;
pub use host::host;

/// Requires that a call ended as one of `known`; a panic of the library is never known.
#[track_caller]
pub(crate) fn ends(status: abi::status::otp_status, known: &[i32]) {
    let status = status as i32;
    assert!(known.contains(&status), "status {status}");
}

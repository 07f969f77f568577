//! Bindings: what a code is good for, read and checked once for all calls about it.

use otp_core::binding::Bound;
use otp_core::{Binding, ContentDigest, Email, Engine, Mobile, Store};

use crate::engine::{otp_engine, use_engine};
use crate::guard::{flag, guard, guard_secret_out};
use crate::handle::{self, Handle};
use crate::status::{Fault, otp_status};
use crate::store::{otp_store, use_store};
use crate::target::{
    OTP_RECIPIENT_EMAIL, OTP_RECIPIENT_MOBILE, otp_target, unknown_recipient_kind,
};
use crate::view::{Sized_, otp_view, read_sized};

/// What a binding is made of: everything that a code is good for. Texts are UTF-8.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct otp_binding_options {
    /// `sizeof(otp_binding_options)`.
    pub struct_size: usize,
    /// Whose data this is: 1 to 128 bytes.
    pub tenant: otp_view,
    /// What the code is for, such as `sign`: 1 to 128 bytes.
    pub purpose: otp_view,
    /// What is approved.
    pub target: otp_target,
    /// The user who approves: 1 to 128 bytes.
    pub user: otp_view,
    /// The number in international form, or the e-mail address.
    pub recipient: otp_view,
    /// `OTP_RECIPIENT_MOBILE` or `OTP_RECIPIENT_EMAIL`.
    pub recipient_kind: i32,
    /// 1 if the content could be found by trying, such as an amount; else 0, and without content.
    pub content_guessable: i32,
    /// SHA-256 of what is approved: 32 bytes, or empty.
    pub content: otp_view,
}

// SAFETY: plain data, of which all zeros is a value.
unsafe impl Sized_ for otp_binding_options {}

impl otp_binding_options {
    /// # Safety
    ///
    /// The views have as many bytes as they say.
    unsafe fn build(&self) -> Result<Binding, Fault> {
        // SAFETY: by this function's contract, here and below.
        let (tenant, purpose, target, user, recipient, content) = unsafe {
            (
                self.tenant.text("tenant")?,
                self.purpose.text("purpose")?,
                self.target.read()?,
                self.user.text("user")?,
                self.recipient.text("recipient")?,
                self.content.bytes("content")?,
            )
        };
        let mut binding = Binding::builder()
            .tenant(tenant)
            .purpose(purpose)
            .target(target)
            .user(user);
        let unfit = |error: otp_core::recipient::RecipientError| Fault::argument(error.to_string());
        binding = match self.recipient_kind {
            OTP_RECIPIENT_MOBILE => binding.recipient(Mobile::parse(recipient).map_err(unfit)?),
            OTP_RECIPIENT_EMAIL => binding.recipient(Email::parse(recipient).map_err(unfit)?),
            other => return Err(unknown_recipient_kind(other)),
        };
        let guessable = flag(self.content_guessable, "content_guessable")?;
        if content.is_empty() && guessable {
            return Err(Fault::argument(
                "content_guessable is 1 and content is empty; give the digest too",
            ));
        }
        if !content.is_empty() {
            let digest = <[u8; 32]>::try_from(content).map_err(|_| {
                Fault::argument(format!(
                    "content is {} bytes; it must be 32 bytes or none",
                    content.len()
                ))
            })?;
            let digest = ContentDigest::from_bytes(digest);
            binding = binding.content(if guessable {
                digest.guessable()
            } else {
                digest
            });
        }
        binding
            .build()
            .map_err(|error| Fault::argument(error.to_string()))
    }
}

/// Checks what a binding is to be made of, without an engine; the detail names the member, a recipient
/// as mobile or email, and its bound.
///
/// # Safety
///
/// `options` is NULL or valid with its `struct_size` set, its views with as many bytes as they say.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn otp_binding_check(options: *const otp_binding_options) -> otp_status {
    // SAFETY: by this function's contract.
    guard(|| unsafe { read_sized(options, "options")?.build() }.map(drop))
}

/// What a code is good for, prepared for the engines of one key ring. It cannot be changed, and any
/// number of threads may use it at once.
#[derive(Debug)]
pub struct otp_binding {
    bound: Bound,
}

impl Handle for otp_binding {}

/// Makes a binding: for this engine, its siblings and all engines of the same key ring. The options
/// are copied. It is good for any number of calls: issue and verify take the same one, for as long as
/// nothing of what it is made of has changed.
///
/// Errors: `OTP_STATUS_ARGUMENT` and `OTP_STATUS_UTF8`; the detail names the member and its bound.
///
/// # Safety
///
/// Every pointer is NULL or valid during the call, `options` with its `struct_size` set and its views
/// with as many bytes as they say.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn otp_binding_new(
    engine: *const otp_engine,
    options: *const otp_binding_options,
    binding_out: *mut *mut otp_binding,
) -> otp_status {
    // SAFETY: by this function's contract.
    unsafe {
        guard_secret_out(binding_out, "binding_out", || {
            let engine = use_engine(engine)?;
            let bound = engine.bind(read_sized(options, "options")?.build()?);
            Ok(handle::give(otp_binding { bound }))
        })
    }
}

/// Frees a binding, before or after its engine; NULL is harmless, and so is a binding made before a
/// fork.
///
/// # Safety
///
/// `binding` is NULL or was made by `otp_binding_new`, no call uses it any more, and none will.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn otp_binding_free(binding: *mut otp_binding) {
    // SAFETY: by this function's contract.
    unsafe { handle::free(binding) };
}

/// Borrows a binding for a call on `engine`.
///
/// # Safety
///
/// `binding` is NULL or valid for as long as the result is used.
pub(crate) unsafe fn use_binding<'a>(
    binding: *const otp_binding,
    engine: &otp_engine,
) -> Result<&'a Bound, Fault> {
    // SAFETY: by this function's contract.
    let otp_binding { bound } = unsafe { handle::lend(binding, "binding")? };
    if !bound.is_of(engine) {
        return Err(Fault::argument(
            "binding was made for an engine of another key ring; make one for this engine",
        ));
    }
    Ok(bound)
}

/// Borrows what a call about a binding works with.
///
/// # Safety
///
/// Every pointer is NULL or valid for as long as the result is used.
pub(crate) unsafe fn use_bound<'a>(
    engine: *const otp_engine,
    store: *const otp_store,
    binding: *const otp_binding,
) -> Result<(&'a Engine, &'a dyn Store, &'a Bound), Fault> {
    // SAFETY: by this function's contract.
    unsafe {
        let engine = use_engine(engine)?;
        Ok((engine, use_store(store)?, use_binding(binding, engine)?))
    }
}

//! Bindings: what a code is good for, read and checked once for all calls about it.

use core::sync::atomic::{AtomicU64, Ordering};

use otp_core::{Binding, ContentDigest, Email, Mobile, Target};

use crate::engine::{otp_engine, use_engine};
use crate::fork::Generation;
use crate::guard::{flag, guard, guard_drop};
use crate::key::drop_handle;
use crate::status::{Fault, otp_status};
use crate::view::{Sized_, hand_out, lend, otp_view, read_sized, writable};

/// The recipient is a mobile number.
pub const OTP_RECIPIENT_MOBILE: i32 = 1;
/// The recipient is an e-mail address.
pub const OTP_RECIPIENT_EMAIL: i32 = 2;

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
                model: self.model.text("target.model")?,
                field: self.field.text("target.field")?,
                id: self.id.text("target.id")?,
            })
        }
    }
}

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
    /// 1 if the content could be found by trying, such as an amount; else 0.
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
        let unfit = |error: otp_core::recipient::RecipientError| {
            Fault::argument(format!("recipient: {error}"))
        };
        binding = match self.recipient_kind {
            OTP_RECIPIENT_MOBILE => binding.recipient(Mobile::parse(recipient).map_err(unfit)?),
            OTP_RECIPIENT_EMAIL => binding.recipient(Email::parse(recipient).map_err(unfit)?),
            other => {
                return Err(Fault::argument(format!(
                    "recipient_kind is {other}; it must be 1 or 2"
                )));
            }
        };
        let guessable = flag(self.content_guessable, "content_guessable")?;
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

/// Checks what a binding is to be made of, without an engine; the detail names the member and its
/// bound.
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

/// The number of a key ring: handles that belong to one another have the same.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct RingNumber(u64);

impl RingNumber {
    /// Returns a number that no other ring of this process has.
    pub(crate) fn next() -> Self {
        static LAST: AtomicU64 = AtomicU64::new(0);
        Self(LAST.fetch_add(1, Ordering::Relaxed))
    }
}

/// What a code is good for, prepared for the engines of one key ring. It cannot be changed, and any
/// number of threads may use it at once.
#[derive(Debug)]
pub struct otp_binding {
    pub(crate) binding: Binding,
    ring: RingNumber,
    generation: Generation,
}

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
    guard(|| {
        writable(binding_out, "binding_out")?;
        // SAFETY: by this function's contract, here and below.
        let engine = unsafe { use_engine(engine)? };
        // SAFETY: as above.
        let binding = unsafe { read_sized(options, "options")?.build()? };
        let binding = Box::new(otp_binding {
            binding,
            ring: engine.ring,
            generation: Generation::current(),
        });
        // SAFETY: asked above.
        unsafe { hand_out(binding_out, Box::into_raw(binding)) };
        Ok(())
    })
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
    guard_drop(|| unsafe { drop_handle(binding, |binding| binding.generation) });
}

/// Borrows a binding for a call on `engine`.
///
/// # Safety
///
/// `binding` is NULL or valid for as long as the result is used.
pub(crate) unsafe fn use_binding<'a>(
    binding: *const otp_binding,
    engine: &otp_engine,
) -> Result<&'a Binding, Fault> {
    // SAFETY: by this function's contract.
    let binding = unsafe { lend(binding, "binding")? };
    binding.generation.check("binding")?;
    if binding.ring != engine.ring {
        return Err(Fault::argument(
            "binding was made for an engine of another key ring; make one for this engine",
        ));
    }
    Ok(&binding.binding)
}

//! Requests: a binding, and what was typed for it, in one packed run of bytes.
//!
//! One pointer and one length instead of ten arguments: crossing from Python costs by the argument.

use otp_core::{Binding, ChallengeId, ContentDigest, Email, Mobile, Submission, Target};

use zeroize::Zeroizing;

use crate::guard::guard;
use crate::status::{Fault, otp_status};
use crate::view::{Sized_, bytes, fill, not_utf8, otp_view, read_sized, text, writable};

/// The recipient is a mobile number.
pub const OTP_RECIPIENT_MOBILE: i32 = 1;
/// The recipient is an e-mail address.
pub const OTP_RECIPIENT_EMAIL: i32 = 2;

/// What a code is good for, and for a verify what was typed.
///
/// Tenant, purpose, model, field, record and user are 1 to 128 bytes of UTF-8 each.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct otp_binding {
    /// `sizeof(otp_binding)`.
    pub struct_size: usize,
    /// Whose data this is.
    pub tenant: otp_view,
    /// What the code is for, such as `sign`.
    pub purpose: otp_view,
    /// The kind of record.
    pub model: otp_view,
    /// The field of it.
    pub field: otp_view,
    /// Which record.
    pub record: otp_view,
    /// The user who approves.
    pub user: otp_view,
    /// The number in international form, or the e-mail address.
    pub recipient: otp_view,
    /// `OTP_RECIPIENT_MOBILE` or `OTP_RECIPIENT_EMAIL`.
    pub recipient_kind: i32,
    /// 1 if the content could be found by trying, such as an amount; else 0.
    pub content_guessable: i32,
    /// SHA-256 of what is approved: 32 bytes, or empty.
    pub content: otp_view,
    /// For a verify: what the person typed, any bytes; else empty.
    pub typed: otp_view,
    /// For a verify: the challenge's 26 characters, or empty. The client sent them: what is no id is
    /// that of no challenge, which rejects.
    pub challenge_id: otp_view,
}

impl Sized_ for otp_binding {
    const FIRST: usize = size_of::<Self>();
}

/// Packs a binding into a request, as the other functions take it; see "Requests" in the header.
///
/// Errors: `OTP_STATUS_BUFFER_TOO_SMALL` with `needed_out` set; 2048 bytes hold any request.
///
/// # Safety
///
/// `binding` is NULL or valid with its `struct_size` set; `buffer` is NULL or has `capacity` bytes;
/// `needed_out` is NULL or valid.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn otp_binding_pack(
    binding: *const otp_binding,
    buffer: *mut u8,
    capacity: usize,
    needed_out: *mut usize,
) -> otp_status {
    guard(|| {
        writable(needed_out, "needed_out")?;
        const EMPTY: otp_view = otp_view {
            data: core::ptr::null(),
            len: 0,
        };
        let default = otp_binding {
            struct_size: size_of::<otp_binding>(),
            tenant: EMPTY,
            purpose: EMPTY,
            model: EMPTY,
            field: EMPTY,
            record: EMPTY,
            user: EMPTY,
            recipient: EMPTY,
            recipient_kind: 0,
            content_guessable: 0,
            content: EMPTY,
            typed: EMPTY,
            challenge_id: EMPTY,
        };
        // SAFETY: by this function's contract, here and below.
        let binding = unsafe { read_sized(binding, default, "binding")? };
        let kind = match binding.recipient_kind {
            OTP_RECIPIENT_MOBILE => 1,
            OTP_RECIPIENT_EMAIL => 2,
            other => {
                return Err(Fault::argument(format!(
                    "recipient_kind is {other}; it must be 1 or 2"
                )));
            }
        };
        // SAFETY: as above.
        let content = unsafe { binding.content.bytes("content")? };
        let content_kind = match (content.len(), binding.content_guessable) {
            (0, _) => 0,
            (32, 0) => 1,
            (32, 1) => 2,
            (32, other) => {
                return Err(Fault::argument(format!(
                    "content_guessable is {other}; it must be 0 or 1"
                )));
            }
            (other, _) => {
                return Err(Fault::argument(format!(
                    "content is {other} bytes; it must be 32 bytes or none"
                )));
            }
        };
        // SAFETY: as above.
        let id = match unsafe { binding.challenge_id.bytes("challenge_id")? } {
            id if id.is_empty() || id.len() == ID => id,
            _ => &[b'-'; ID][..],
        };
        let id_kind = u8::from(!id.is_empty());
        let mut texts = [&b""[..]; 8];
        let views = [
            ("tenant", binding.tenant),
            ("purpose", binding.purpose),
            ("model", binding.model),
            ("field", binding.field),
            ("record", binding.record),
            ("user", binding.user),
            ("recipient", binding.recipient),
            ("typed", binding.typed),
        ];
        for (text, (name, view)) in texts.iter_mut().zip(views) {
            // SAFETY: as above. What is too long for any member stays too long for it, cut here.
            let bytes = unsafe { view.bytes(name)? };
            *text = &bytes[..bytes.len().min(LONGEST)];
        }
        // What was typed is a code: the room is exact, as a growing vector leaves copies behind.
        let room = 20 + texts.iter().map(|text| text.len()).sum::<usize>();
        let mut packed = Zeroizing::new(Vec::with_capacity(room + content.len() + id.len()));
        packed.extend([FORMAT, kind, content_kind, id_kind]);
        for text in texts {
            packed.extend(u16::try_from(text.len()).unwrap_or(u16::MAX).to_be_bytes());
        }
        for part in texts.iter().chain([&content, &id]) {
            packed.extend_from_slice(part);
        }
        // SAFETY: by this function's contract.
        unsafe { fill(&packed, buffer, capacity, needed_out) }
    })
}

/// Checks a packed request without an engine; the detail names the member and its bound.
///
/// # Safety
///
/// `request` is NULL or has `request_len` bytes.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn otp_request_check(request: *const u8, request_len: usize) -> otp_status {
    // SAFETY: by this function's contract.
    guard(|| unsafe { Request::lend(request, request_len) }.map(drop))
}

/// A request as it was read.
pub(crate) struct Request<'a> {
    pub(crate) binding: Binding,
    pub(crate) typed: &'a [u8],
    pub(crate) id: Option<ChallengeId>,
}

impl<'a> Request<'a> {
    /// Reads a request of the caller.
    ///
    /// # Safety
    ///
    /// `request` is NULL or has `len` bytes that are valid for as long as the result is used.
    pub(crate) unsafe fn lend(request: *const u8, len: usize) -> Result<Self, Fault> {
        // SAFETY: by this function's contract.
        Self::read(unsafe { bytes(request, len, "request")? })
    }

    pub(crate) fn read(request: &'a [u8]) -> Result<Self, Fault> {
        let malformed = || Fault::argument("request is not what otp_binding_pack writes");
        if request.len() > MAX_REQUEST {
            return Err(Fault::argument(format!(
                "request is {} bytes; it must be at most {MAX_REQUEST}",
                request.len()
            )));
        }
        let (head, mut rest) = request.split_first_chunk::<20>().ok_or_else(malformed)?;
        let [FORMAT, kind, content_kind, id_kind, lengths @ ..] = *head else {
            return Err(malformed());
        };
        let mut sizes = [0; 8];
        for (size, length) in sizes.iter_mut().zip(lengths.chunks_exact(2)) {
            *size = usize::from(u16::from_be_bytes([length[0], length[1]]));
        }
        let [names @ .., typed] = sizes;
        let (run, after) = rest
            .split_at_checked(names.iter().sum())
            .ok_or_else(malformed)?;
        let (typed, after) = after.split_at_checked(typed).ok_or_else(malformed)?;
        rest = after;
        let [tenant, purpose, model, field, record, user, recipient] = texts(run, names)?;
        let mut binding = Binding::builder()
            .tenant(tenant)
            .purpose(purpose)
            .target(Target {
                model,
                field,
                id: record,
            })
            .user(user);
        let unfit =
            |error: otp_core::RecipientError| Fault::argument(format!("recipient: {error}"));
        binding = match kind {
            1 => binding.recipient(Mobile::parse(recipient).map_err(unfit)?),
            2 => binding.recipient(Email::parse(recipient).map_err(unfit)?),
            _ => return Err(malformed()),
        };
        if content_kind > 2 || id_kind > 1 {
            return Err(malformed());
        }
        if content_kind > 0 {
            let (digest, after) = rest.split_first_chunk::<32>().ok_or_else(malformed)?;
            rest = after;
            let content = ContentDigest::from_bytes(*digest);
            binding = binding.content(if content_kind == 2 {
                content.guessable()
            } else {
                content
            });
        }
        let mut id = None;
        if id_kind == 1 {
            let (named, after) = rest.split_first_chunk::<ID>().ok_or_else(malformed)?;
            rest = after;
            id = Some(ChallengeId::from_client(named));
        }
        if !rest.is_empty() {
            return Err(malformed());
        }
        let binding = binding
            .build()
            .map_err(|error| Fault::argument(error.to_string()))?;
        Ok(Self { binding, typed, id })
    }

    /// Returns what was typed, and for what.
    pub(crate) fn submission(&self) -> Submission<'_> {
        let submission = Submission::new(&self.binding, self.typed);
        self.id.map_or(submission, |id| submission.challenge(id))
    }
}

/// Splits texts that lie one behind the other: one look at all of their bytes for UTF-8 costs less
/// than one at each.
fn texts<const N: usize>(run: &[u8], sizes: [usize; N]) -> Result<[&str; N], Fault> {
    let mut rest = match str::from_utf8(run) {
        Ok(all) => all,
        Err(error) => text(&run[..error.valid_up_to()], "request")?,
    };
    let mut texts = [""; N];
    for ((text, size), name) in texts.iter_mut().zip(sizes).zip(NAMES) {
        // Beyond what is text, or in the middle of a character.
        let split = rest.split_at_checked(size).ok_or_else(|| not_utf8(name))?;
        (*text, rest) = split;
    }
    Ok(texts)
}

/// The texts of a request in their order.
const NAMES: [&str; 7] = [
    "tenant",
    "purpose",
    "model",
    "field",
    "record",
    "user",
    "recipient",
];

/// The length of a challenge's name.
const ID: usize = 26;

/// The version of the packed form.
const FORMAT: u8 = 1;

/// The longest text that is packed: longer ones are cut, and still too long for every member.
const LONGEST: usize = 300;

/// The longest request in bytes.
const MAX_REQUEST: usize = 8 * 1024;

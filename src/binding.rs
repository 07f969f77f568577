//! What a code is good for: the exact thing that is approved, by whom, through which recipient.

use alloc::vec::Vec;
use core::{fmt, ops::Range, str};

use sha2::{Digest, Sha256};

use crate::{Error, Recipient, shown};

mod bound;

pub use bound::{BindingRef, Bound};

/// The longest text of one member of a [`Binding`], in bytes of UTF-8.
pub const MAX_MEMBER_LEN: usize = 128;

/// What a code approves: one field of one record of the host.
///
/// ```
/// use otp_engine::Target;
///
/// let target = Target { model: "loan.application", field: "client_signature", id: "15" };
/// # assert_eq!(target.id, "15");
/// ```
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[expect(
    clippy::exhaustive_structs,
    reason = "three names, checked where a binding is built"
)]
pub struct Target<'a> {
    /// The kind of record, for example `loan.application`.
    pub model: &'a str,
    /// The field of that record.
    pub field: &'a str,
    /// The record, by the id that the host gives it.
    pub id: &'a str,
}

/// The SHA-256 digest of the exact thing that is approved: a document, or payee and amount.
///
/// ```
/// use otp_engine::ContentDigest;
///
/// let one = ContentDigest::of_fields(&["ACME Sdn Bhd", "1500.00"]);
/// let other = ContentDigest::of_fields(&["ACME Sdn Bhd", "1500.01"]);
/// assert_ne!(one, other);
/// ```
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct ContentDigest {
    digest: [u8; 32],
    guessable: bool,
}

impl ContentDigest {
    /// Digests the bytes of a document.
    #[must_use]
    pub fn of(document: &[u8]) -> Self {
        Self::from_bytes(Sha256::digest(document).into())
    }

    /// Digests a list of fields, each behind its length: `ab|c` and `a|bc` differ.
    ///
    /// The result is [`guessable`](Self::guessable).
    #[must_use]
    pub fn of_fields(fields: &[&str]) -> Self {
        let mut hash = Sha256::new();
        for field in fields {
            hash.update((field.len() as u64).to_be_bytes());
            hash.update(field);
        }
        Self::from_bytes(hash.finalize().into()).guessable()
    }

    /// Takes a SHA-256 digest that the host computed.
    #[must_use]
    pub const fn from_bytes(digest: [u8; 32]) -> Self {
        Self {
            digest,
            guessable: false,
        }
    }

    /// Marks content that could be found by trying, such as an amount (under 64 bits of entropy):
    /// a signature record then commits to the digest under a salt, and it can be erased.
    #[must_use]
    pub const fn guessable(mut self) -> Self {
        self.guessable = true;
        self
    }

    pub(crate) const fn is_guessable(&self) -> bool {
        self.guessable
    }

    /// Returns the 32 bytes of the digest.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.digest
    }
}

/// Everything that a code is bound to. Whoever verifies passes the whole binding again.
///
/// Tenant, purpose, record field and user name the *slot*: at most one code lives in it. Recipient
/// and content are bound to the code in the slot: a changed number or document makes the code
/// worthless, and issuing for the changed binding supersedes it.
///
/// ```
/// use otp_engine::{Binding, Mobile, Target};
///
/// let binding = Binding::builder()
///     .tenant("acme")
///     .purpose("sign")
///     .target(Target { model: "loan.application", field: "client_signature", id: "15" })
///     .user("7")
///     .recipient(Mobile::parse("+60 12-345 6789")?)
///     .build()?;
/// assert_eq!(binding.user(), "7");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Eq, PartialEq)]
pub struct Binding {
    /// The format, each of the six texts behind its length, then recipient and content: what is digested.
    canonical: Vec<u8>,
    /// Where each text ends.
    ends: [u16; MEMBERS],
    recipient: Recipient,
    content: Option<ContentDigest>,
}

impl Binding {
    /// Starts a binding; every member but the content must be given.
    pub const fn builder<'a>() -> BindingBuilder<'a> {
        BindingBuilder {
            members: [None; MEMBERS],
            recipient: None,
            content: None,
        }
    }

    /// Returns whose data this is: the keys of two tenants never coincide.
    #[must_use]
    pub fn tenant(&self) -> &str {
        self.member(0)
    }

    /// Returns what the code is for, such as `sign`.
    #[must_use]
    pub fn purpose(&self) -> &str {
        self.member(1)
    }

    /// Returns the field of the record that is approved.
    #[must_use]
    pub fn target(&self) -> Target<'_> {
        Target {
            model: self.member(2),
            field: self.member(3),
            id: self.member(4),
        }
    }

    /// Returns the user who approves, by the host's own id.
    #[must_use]
    pub fn user(&self) -> &str {
        self.member(5)
    }

    /// Returns where the code is sent.
    #[must_use]
    pub const fn recipient(&self) -> &Recipient {
        &self.recipient
    }

    /// Returns the digest of what exactly is approved, if the host binds one.
    #[must_use]
    pub const fn content(&self) -> Option<ContentDigest> {
        self.content
    }

    fn member(&self, at: usize) -> &str {
        let text = &self.fed(at..at + 1)[LENGTH..];
        // It was a text: the empty one is never taken.
        str::from_utf8(text).unwrap_or_default()
    }

    /// Returns members that follow each other, each as [`feed_text`] feeds it.
    fn fed(&self, members: Range<usize>) -> &[u8] {
        let start = members.start.checked_sub(1).map_or(1, |at| self.ends[at]);
        &self.canonical[start.into()..self.ends[members.end - 1].into()]
    }

    /// Returns the tenant as [`feed_text`] feeds it.
    pub(crate) fn fed_tenant(&self) -> &[u8] {
        self.fed(0..1)
    }

    /// Returns the target, its three texts as [`feed_text`] feeds them.
    pub(crate) fn fed_target(&self) -> &[u8] {
        self.fed(2..5)
    }

    /// Returns the user as [`feed_text`] feeds it.
    pub(crate) fn fed_user(&self) -> &[u8] {
        self.fed(5..6)
    }

    /// Returns the recipient as [`feed_recipient`] feeds it.
    pub(crate) fn fed_recipient(&self) -> &[u8] {
        let length = 1 + LENGTH + self.recipient.canonical().len();
        &self.canonical[self.slot().len()..][..length]
    }

    /// Returns the format and the members that name the slot, each behind its length in two bytes.
    pub(crate) fn slot(&self) -> &[u8] {
        &self.canonical[..self.ends[MEMBERS - 1].into()]
    }

    /// Returns the canonical form: format and the slot's members, then recipient and content.
    pub(crate) fn canonical(&self) -> &[u8] {
        &self.canonical
    }
}

impl fmt::Debug for Binding {
    /// Shows the recipient masked.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Binding")
            .field("tenant", &self.tenant())
            .field("purpose", &self.purpose())
            .field("target", &self.target())
            .field("user", &self.user())
            .field("recipient", &self.recipient)
            .field("content", &self.content)
            .finish()
    }
}

/// Feeds a text behind its length in two bytes, high byte first.
pub(crate) fn feed_text(text: &str, feed: &mut impl FnMut(&[u8])) {
    // Members are at most 128 bytes, recipients 254: two bytes hold every length.
    let length: [u8; LENGTH] = u16::try_from(text.len()).unwrap_or(u16::MAX).to_be_bytes();
    feed(&length);
    feed(text.as_bytes());
}

/// Feeds the kind of a recipient and its canonical text.
pub(crate) fn feed_recipient(recipient: &Recipient, feed: &mut impl FnMut(&[u8])) {
    let kind = match recipient {
        Recipient::Mobile(_) => 1,
        Recipient::Email(_) => 2,
    };
    feed(&[kind]);
    feed_text(recipient.canonical(), feed);
}

/// Makes a [`Binding`]; see there.
#[derive(Clone, Debug)]
#[must_use]
pub struct BindingBuilder<'a> {
    members: [Option<&'a str>; MEMBERS],
    recipient: Option<Recipient>,
    content: Option<ContentDigest>,
}

impl<'a> BindingBuilder<'a> {
    /// Sets whose data this is.
    pub const fn tenant(mut self, tenant: &'a str) -> Self {
        self.members[0] = Some(tenant);
        self
    }

    /// Sets what the code is for, such as `sign` or `reset-password`.
    pub const fn purpose(mut self, purpose: &'a str) -> Self {
        self.members[1] = Some(purpose);
        self
    }

    /// Sets the field of the record that is approved.
    pub const fn target(mut self, target: Target<'a>) -> Self {
        self.members[2] = Some(target.model);
        self.members[3] = Some(target.field);
        self.members[4] = Some(target.id);
        self
    }

    /// Sets the user who approves, by the host's own id.
    pub const fn user(mut self, user: &'a str) -> Self {
        self.members[5] = Some(user);
        self
    }

    /// Sets where the code is sent.
    pub fn recipient(mut self, recipient: impl Into<Recipient>) -> Self {
        self.recipient = Some(recipient.into());
        self
    }

    /// Sets the digest of what exactly is approved.
    pub const fn content(mut self, content: ContentDigest) -> Self {
        self.content = Some(content);
        self
    }

    /// Makes the binding.
    ///
    /// # Errors
    ///
    /// [`BindingError`] names the member that is missing, empty, longer than [`MAX_MEMBER_LEN`] bytes,
    /// shows nothing, or holds a control character or another that is not shown or turns the
    /// direction of writing.
    pub fn build(self) -> Result<Binding, BindingError> {
        let error = |member, problem| Err(BindingError { member, problem });
        let members: usize = self.members.iter().flatten().map(|text| text.len()).sum();
        let mut canonical = Vec::with_capacity(members + ROOM);
        let mut append = |part: &[u8]| canonical.extend_from_slice(part);
        append(&[BINDING_FORMAT]);
        let (mut ends, mut length) = ([0; MEMBERS], 1);
        for ((member, name), end) in self.members.into_iter().zip(NAMES).zip(&mut ends) {
            let Some(given) = member else {
                return error(name, Problem::Missing);
            };
            check_member(name, given)?;
            feed_text(given, &mut append);
            length += LENGTH + given.len();
            // Six members of at most 128 bytes: the sum fits.
            *end = u16::try_from(length).unwrap_or(u16::MAX);
        }
        let Some(recipient) = self.recipient else {
            return error("recipient", Problem::Missing);
        };
        feed_recipient(&recipient, &mut append);
        match &self.content {
            None => append(&[0]),
            Some(digest) => {
                append(&[1]);
                append(digest.as_bytes());
            }
        }
        Ok(Binding {
            canonical,
            ends,
            recipient,
            content: self.content,
        })
    }
}

/// Checks one text of a binding, wherever it is given.
fn check_member(member: &'static str, text: &str) -> Result<(), BindingError> {
    let problem = match (text, shown::first_hidden(text)) {
        ("", _) => Problem::Empty,
        _ if text.len() > MAX_MEMBER_LEN => Problem::TooLong(text.len()),
        (_, Some(symbol)) if symbol.is_control() => Problem::Control,
        (_, Some(symbol)) => Problem::Hidden(symbol),
        _ if !shown::shows(text) => Problem::Blank,
        _ => return Ok(()),
    };
    Err(BindingError { member, problem })
}

/// Checks the tenant and the user of an operation that has no binding: a name that none can have is a
/// mistake of the caller's, and not somebody of whom nothing is known.
///
/// # Errors
///
/// [`Error::Binding`].
pub(crate) fn check_user(tenant: &str, user: &str) -> Result<(), Error> {
    check_member("user", user).map_err(Error::Binding)?;
    check_tenant(tenant)
}

/// As [`check_user`], of the tenant alone.
pub(crate) fn check_tenant(tenant: &str) -> Result<(), Error> {
    check_member("tenant", tenant).map_err(Error::Binding)
}

/// As [`check_user`], of a tenant and a target.
pub(crate) fn check_target(tenant: &str, target: &Target<'_>) -> Result<(), Error> {
    for (member, text) in [
        ("target.model", target.model),
        ("target.field", target.field),
        ("target.id", target.id),
    ] {
        check_member(member, text).map_err(Error::Binding)?;
    }
    check_tenant(tenant)
}

/// The member of a binding that is out of bounds, and how.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct BindingError {
    member: &'static str,
    problem: Problem,
}

impl BindingError {
    /// Returns the name of the member, such as `tenant` or `target.id`.
    #[must_use]
    pub const fn member(&self) -> &'static str {
        self.member
    }
}

impl fmt::Display for BindingError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let member = self.member;
        match self.problem {
            Problem::Missing => write!(f, "{member} is missing"),
            Problem::Empty => write!(
                f,
                "{member} is empty; it must be 1 to {MAX_MEMBER_LEN} bytes"
            ),
            Problem::TooLong(length) => {
                write!(
                    f,
                    "{member} is {length} bytes; it must be 1 to {MAX_MEMBER_LEN} bytes"
                )
            }
            Problem::Control => write!(f, "{member} holds a control character"),
            Problem::Hidden(symbol) => write!(
                f,
                "{member} holds U+{:04X}, which is invisible or changes the writing direction",
                u32::from(symbol)
            ),
            Problem::Blank => write!(f, "{member} has no visible character"),
        }
    }
}

impl core::error::Error for BindingError {}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Problem {
    Missing,
    Empty,
    TooLong(usize),
    Control,
    Hidden(char),
    Blank,
}

/// The version of the canonical form. The hash of a slot's name begins with the same number, for its kind.
pub(crate) const BINDING_FORMAT: u8 = 1;

/// The bytes of a length.
pub(crate) const LENGTH: usize = 2;

/// The bytes of the lengths, a mobile number and a content digest: one allocation for most.
const ROOM: usize = 1 + LENGTH * MEMBERS + 64;

const MEMBERS: usize = 6;
const NAMES: [&str; MEMBERS] = [
    "tenant",
    "purpose",
    "target.model",
    "target.field",
    "target.id",
    "user",
];

#[cfg(test)]
mod tests {
    use alloc::{string::ToString, vec::Vec};

    use super::*;
    use crate::{Email, Mobile};

    fn parts<'a>(tenant: &'a str, purpose: &'a str) -> BindingBuilder<'a> {
        Binding::builder()
            .tenant(tenant)
            .purpose(purpose)
            .target(Target {
                model: "loan.application",
                field: "signature",
                id: "15",
            })
            .user("7")
            .recipient(Mobile::parse("60123456789").unwrap())
    }

    fn canonical(binding: &Binding) -> Vec<u8> {
        assert_eq!(binding.canonical()[0], 1);
        binding.canonical()[1..].to_vec()
    }

    #[test]
    fn case_60_members_cannot_slide_into_each_other() {
        let one = parts("ab", "c").build().unwrap();
        let other = parts("a", "bc").build().unwrap();
        assert_ne!(canonical(&one), canonical(&other));
        assert_ne!(
            ContentDigest::of_fields(&["ab", "c"]),
            ContentDigest::of_fields(&["a", "bc"])
        );
    }

    #[test]
    fn the_canonical_form_is_each_member_behind_its_length() {
        let binding = parts("ab", "c")
            .content(ContentDigest::from_bytes([9; 32]))
            .build()
            .unwrap();
        let mut expected = Vec::new();
        for member in ["ab", "c", "loan.application", "signature", "15", "7"] {
            expected.extend([0, u8::try_from(member.len()).unwrap()]);
            expected.extend(member.bytes());
        }
        expected.extend([1, 0, 11]);
        expected.extend(b"60123456789");
        expected.push(1);
        expected.extend([9; 32]);
        assert_eq!(canonical(&binding), expected);
        let to_email = parts("ab", "c").recipient(Email::parse("A.B@C.my").unwrap());
        let to_email = canonical(&to_email.build().unwrap());
        assert!(to_email.ends_with(b"\x02\0\x08a.b@c.my\0"));
    }

    #[test]
    fn case_59_one_unit_or_a_look_alike_makes_another_digest() {
        let digest = |payee, amount| ContentDigest::of_fields(&[payee, amount]);
        assert_ne!(digest("ACME", "1500.00"), digest("ACME", "1500.01"));
        assert_ne!(digest("ACME", "1500.00"), digest("\u{410}CME", "1500.00")); // Cyrillic A
    }

    #[test]
    fn a_member_out_of_bounds_is_refused_by_name() {
        let long = "x".repeat(MAX_MEMBER_LEN + 1);
        let message = |builder: BindingBuilder<'_>| builder.build().unwrap_err().to_string();
        assert!(parts(&long[1..], "sign").build().is_ok());
        assert_eq!(
            message(parts(&long, "sign")),
            "tenant is 129 bytes; it must be 1 to 128 bytes"
        );
        assert_eq!(
            message(parts("a", "")),
            "purpose is empty; it must be 1 to 128 bytes"
        );
        assert_eq!(
            message(parts("a", "b\0c")),
            "purpose holds a control character"
        );
        assert_eq!(
            message(parts("a", "b").user("\n")),
            "user holds a control character"
        );
        assert_eq!(
            message(Binding::builder().tenant("a")),
            "purpose is missing"
        );
    }

    #[test]
    fn case_174_a_member_reads_as_it_is_stored() {
        let message = |text| parts("a", "b").user(text).build().unwrap_err().to_string();
        for text in ["7\u{202e}1", "\u{200b}7", "7\u{2066}", "7\u{feff}"] {
            let symbol = text.chars().find(|symbol| *symbol > '\u{7f}').unwrap();
            let why = "which is invisible or changes the writing direction";
            let holds = alloc::format!("user holds U+{:04X}, {why}", u32::from(symbol));
            assert_eq!(message(text), holds);
        }
        for blank in [" ", "\u{2800}", "\u{a0}"] {
            assert_eq!(message(blank), "user has no visible character");
        }
        assert!(parts("شرکت علی\u{200c}رضا", "b").build().is_ok());
    }

    #[test]
    fn case_75_a_binding_shows_its_recipient_masked() {
        let shown = alloc::format!("{:?}", parts("a", "b").build().unwrap());
        assert!(
            !shown.contains("60123456789") && shown.contains("6789"),
            "{shown}"
        );
    }
}

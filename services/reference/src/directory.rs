//! Who asks, and what they may sign: the port behind which a host keeps its users and records.

pub mod demo;

use core::fmt;

use axum::http::HeaderMap;
use otp_engine::{ContentDigest, Mobile, Policy, Target, message::MessageTemplate};

/// Knows the users and records of a host.
///
/// # Contract
///
/// * It is asked on a thread that may block, once for each request, and nothing it answers is kept:
///   a changed number or document counts at once.
/// * The user comes from what the client cannot choose, such as a session; the number comes from the
///   user and never from the request.
/// * What is not visible to a user is [`Denial::NoRecord`], also where it exists.
pub trait Directory: Send + Sync {
    /// Returns who sent these headers; `None` where nobody is logged in.
    ///
    /// # Errors
    ///
    /// The [`Fault`] where that could not be found out.
    fn authenticate(&self, headers: &HeaderMap) -> Result<Option<User>, Fault>;

    /// Returns what stands behind a record field for this user, who wants to sign or to read it.
    ///
    /// # Errors
    ///
    /// The [`Denial`]: why not, or that it could not be found out.
    fn look_up(&self, user: &User, field: &Target<'_>, to: Access) -> Result<Terms, Denial>;
}

const _: Option<&dyn Directory> = None; // the trait stays usable as an object

/// Someone who is logged in.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct User {
    /// The host's own id: 1 to 128 bytes.
    pub id: String,
    /// What they are called: at most 256 bytes of it enter a record.
    pub name: String,
    /// Whose data they work on: 1 to 128 bytes. No data is shared between two tenants.
    pub tenant: String,
    /// Their registered number, with its country code; `None` where there is no usable one.
    pub mobile: Option<Mobile>,
}

impl User {
    /// Makes a user.
    #[must_use]
    pub fn new(id: &str, name: &str, tenant: &str, mobile: Option<Mobile>) -> Self {
        Self {
            id: id.into(),
            name: name.into(),
            tenant: tenant.into(),
            mobile,
        }
    }
}

/// What a user wants to do with a record field.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "the contract has these two")]
pub enum Access {
    /// Sign it: ask for a code, or answer one.
    Sign,
    /// See who signed it.
    Read,
}

/// The terms on which a record field is signed.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Terms {
    /// The limits of its codes, and the evidence that it asks for.
    pub policy: Policy,
    /// What the message says.
    pub template: MessageTemplate,
    /// What is approved, for the message: empty exactly if the template has no place for it.
    pub subject: String,
    /// What exactly is approved, as it is now; a code is void as soon as it changes.
    pub content: Option<ContentDigest>,
}

impl Terms {
    /// Makes terms under the default policy, whose message names no subject; nothing but the record
    /// field itself is approved.
    #[must_use]
    pub fn new(template: MessageTemplate) -> Self {
        Self {
            policy: Policy::default(),
            template,
            subject: String::new(),
            content: None,
        }
    }

    /// Sets the limits of the codes.
    #[must_use]
    pub fn policy(mut self, policy: Policy) -> Self {
        self.policy = policy;
        self
    }

    /// Sets what the message names as approved.
    #[must_use]
    pub fn subject(mut self, subject: impl Into<String>) -> Self {
        self.subject = subject.into();
        self
    }

    /// Sets what exactly is approved.
    #[must_use]
    pub const fn content(mut self, content: ContentDigest) -> Self {
        self.content = Some(content);
        self
    }
}

/// Why a record field is not open to a user.
#[derive(Debug)]
#[non_exhaustive]
pub enum Denial {
    /// There is no such model.
    NoModel,
    /// The model has no such field.
    NoField,
    /// There is no such record that this user could see.
    NoRecord,
    /// Nothing allows codes on this field.
    NoPolicy,
    /// The user may see the record, but not do this with the field.
    NotTheirs,
    /// It could not be found out.
    Fault(Fault),
}

/// A failure of the host's own: its cause goes to the log, never to a client.
pub type Fault = Box<dyn core::error::Error + Send + Sync>;

impl fmt::Display for Denial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoModel => "No such model",
            Self::NoField => "No such field",
            Self::NoRecord => "No such record",
            Self::NoPolicy => "OTP is not allowed on this field",
            Self::NotTheirs => "You may not sign this field",
            Self::Fault(_) => "Internal error",
        })
    }
}

impl core::error::Error for Denial {}

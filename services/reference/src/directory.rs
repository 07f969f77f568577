//! Who asks, and what they may sign: the port behind which a host keeps its users and records.

pub mod configured;
pub mod demo;

use core::fmt;
use core::net::IpAddr;

use axum::http::HeaderMap;
use otp_engine::{ContentDigest, Mobile, Policy, Target, message::MessageTemplate};

/// Knows the users and records of a host.
///
/// # Contract
///
/// * It is asked on a thread that may block, once for each request, and nothing it answers is kept:
///   a changed number or document counts at once.
/// * The user comes from what the client cannot choose, such as a session; the number comes from the
///   user or the record, and never from the request.
/// * What is not visible to a user is [`Denial::NoRecord`], also where it exists.
pub trait Directory: Send + Sync {
    /// Returns who makes a request.
    ///
    /// # Errors
    ///
    /// [`NoUser`]: nobody is logged in, or that could not be found out.
    fn authenticate(&self, caller: &Caller<'_>) -> Result<User, NoUser>;

    /// Returns what stands behind a record field for this user, who wants to sign or to read it.
    ///
    /// # Errors
    ///
    /// The [`Denial`]: why not, or that it could not be found out.
    fn look_up(&self, user: &User, field: &Target<'_>, to: Access) -> Result<Terms, Denial>;

    /// Says whether it asks another service. It is then called on threads of its own, 32 at one
    /// time, so that a slow answer takes no place from operations on the store.
    fn is_remote(&self) -> bool {
        false
    }

    /// Reads its files anew, at SIGHUP.
    ///
    /// # Errors
    ///
    /// The [`Fault`]: it then goes on as before.
    fn reload(&self) -> Result<(), Fault> {
        Ok(())
    }

    /// Returns how clients log in, for the OpenAPI document.
    fn login(&self) -> Login {
        Login::Other
    }
}

const _: Option<&dyn Directory> = None; // the trait stays usable as an object

/// What a request says of who makes it.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Caller<'a> {
    /// The headers of the request.
    pub headers: &'a HeaderMap,
    /// The address at the other end of the connection, be it a proxy's: no header changes it.
    pub address: Option<IpAddr>,
}

impl<'a> Caller<'a> {
    /// Takes what a request says.
    #[must_use]
    pub const fn new(headers: &'a HeaderMap, address: Option<IpAddr>) -> Self {
        Self { headers, address }
    }
}

/// Why a request has no user.
#[derive(Debug)]
#[non_exhaustive]
pub enum NoUser {
    /// Nobody is logged in; the client is told these words.
    LoggedOut(&'static str),
    /// It could not be found out.
    Fault(Fault),
}

impl NoUser {
    /// Nobody is logged in, and nothing more is known.
    pub const ANONYMOUS: Self = Self::LoggedOut("Session expired");
}

impl<E: Into<Fault>> From<E> for NoUser {
    fn from(fault: E) -> Self {
        Self::Fault(fault.into())
    }
}

/// How clients log in.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Login {
    /// By the header of the demonstration.
    Demo,
    /// By a token in the header `Authorization`.
    Bearer,
    /// By a header that a proxy in front of the service sets.
    Proxy {
        /// The header that names the user.
        header: String,
    },
    /// In a way that the document does not describe.
    Other,
}

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
    /// The number that codes on this field go to, in place of the user's own.
    pub mobile: Option<Mobile>,
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
            mobile: None,
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

    /// Sets the number that codes go to, in place of the user's own.
    #[must_use]
    pub const fn mobile(mut self, mobile: Mobile) -> Self {
        self.mobile = Some(mobile);
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
    /// The host says no, in its own words: one line of at most 256 bytes.
    Refused(String),
    /// It could not be found out.
    Fault(Fault),
}

/// A failure of the host's own: its cause goes to the log, never to a client. One that is or wraps an
/// [`Outage`] is answered with its status, any other with 500.
pub type Fault = Box<dyn core::error::Error + Send + Sync>;

/// Another service, which knows users or records, could not be asked or was not understood.
#[derive(Debug)]
#[non_exhaustive]
pub enum Outage {
    /// It gave no answer: the client is told 503, and to try again.
    Unavailable(String),
    /// Its answer is not one that can be used: the client is told 502.
    Invalid(String),
}

impl fmt::Display for Outage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Self::Unavailable(cause) | Self::Invalid(cause)) = self;
        f.write_str(cause)
    }
}

impl core::error::Error for Outage {}

impl fmt::Display for Denial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Refused(words) => words,
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

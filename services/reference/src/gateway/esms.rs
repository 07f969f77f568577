//! The HTTP API of eSMS Malaysia: one POST, judged by the status in its body.

use core::fmt;
use core::time::Duration;
use std::io;

use serde_json::Value;
use ureq::{Agent, Error, Timeout};

use super::{Gateway, Reply, Unanswered};
use crate::outgoing;
pub use crate::outgoing::NotSecure;

/// Where the gateway listens.
pub const URL: &str = "https://api.esms.com.my/sms/send";

/// The longest reply that is read, in bytes.
const MAX_REPLY: u64 = 16 * 1024;

/// Sends messages through eSMS Malaysia.
pub struct EsmsGateway {
    agent: Agent,
    url: String,
    user: String,
    password: String,
}

impl EsmsGateway {
    /// Makes a gateway; `timeout` bounds each call as a whole.
    ///
    /// # Errors
    ///
    /// [`NotSecure`] unless the URL begins with `https://`, or names this machine.
    pub fn new(
        url: &str,
        user: &str,
        password: &str,
        timeout: Duration,
    ) -> Result<Self, NotSecure> {
        let agent = outgoing::agent(url, timeout)?;
        Ok(Self {
            agent,
            url: url.into(),
            user: user.into(),
            password: password.into(),
        })
    }

    fn post(&self, to: &str, text: &str) -> Result<(u16, String), Error> {
        // In the body: a query stands in the logs of every proxy.
        let mut reply = self.agent.post(&self.url).send_form([
            ("user", &*self.user),
            ("pass", &*self.password),
            ("to", to),
            ("msg", text),
        ])?;
        let http = reply.status().as_u16();
        let body = reply.body_mut().with_config().limit(MAX_REPLY);
        Ok((http, body.lossy_utf8(true).read_to_string()?))
    }
}

impl Gateway for EsmsGateway {
    fn send(&self, to: &str, text: &str) -> Result<Reply, Unanswered> {
        match self.post(to, text) {
            Ok((http, body)) => judge(http, &body),
            Err(error) => unsent(&error).ok_or(Unanswered::new("the gateway did not answer")),
        }
    }
}

impl fmt::Debug for EsmsGateway {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EsmsGateway")
            .field("url", &self.url)
            .finish_non_exhaustive()
    }
}

/// Judges a reply by its body: the HTTP status says nothing where that has a status.
fn judge(http: u16, body: &str) -> Result<Reply, Unanswered> {
    let said: Value = serde_json::from_str(body).unwrap_or_default();
    match status(&said["status"]) {
        Some(status) => Ok(Reply::new(status.to_string(), meaning(status))),
        None if (300..500).contains(&http) => {
            Ok(Reply::new(format!("h{http}"), "refused by its http status"))
        }
        None => Err(Unanswered::new("the gateway's reply has no status")),
    }
}

/// Reads a status, which comes as a number or as its digits.
fn status(said: &Value) -> Option<u64> {
    let number = match said {
        Value::String(text) if !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit()) => {
            text.parse().ok()
        }
        other => other.as_u64(),
    };
    number.filter(|status| *status <= 99_999)
}

const fn meaning(status: u64) -> &'static str {
    match status {
        0 => "ok",
        1 => "a parameter is missing",
        2 => "the calling ip address is not allowed",
        3 => "bad credentials",
        4 => "bad country code",
        5 => "no credit",
        6 => "internal error of the gateway",
        7 => "bad message type",
        8 => "the message is too long",
        9 => "bad recipient",
        10 => "the message must begin with RM0.00",
        16 => "invalid otp",
        _ => "refused",
    }
}

/// Tells whether the form never left: no connection was made.
fn unsent(error: &Error) -> Option<Reply> {
    match error {
        Error::HostNotFound
        | Error::ConnectionFailed
        | Error::ConnectProxyFailed(_)
        | Error::Timeout(Timeout::Resolve | Timeout::Connect) => {
            Some(Reply::new("conn", "no connection"))
        }
        Error::Io(cause) if cause.kind() == io::ErrorKind::ConnectionRefused => {
            Some(Reply::new("conn", "no connection"))
        }
        _ => None,
    }
}

//! The service that knows the records: it is asked by HTTP what a user may sign, and only a clean
//! yes opens a field.

use std::path::Path;

use otp_engine::evidence::EvidenceKind;
use otp_engine::message::MessageTemplate;
use otp_engine::{ContentDigest, Mobile, Policy, Target};
use serde::{Deserialize, Serialize};
use ureq::{Agent, Error as Failed};

use super::settings::{Callback as Written, Message};
use super::{said, seconds};
use crate::directory::{Access, Denial, Outage, Terms, User};
use crate::{json, outgoing, secrets};

/// The largest answer that is read, in bytes.
const MAX_ANSWER: u64 = 16 * 1024;
/// The longest reason of a refusal, in bytes.
pub(crate) const MAX_WORDS: usize = 256;
/// The most texts that say what is approved.
pub(crate) const MAX_CONTENT: usize = 64;
/// The longest text of a message, in characters.
pub(crate) const MAX_TEXT: usize = 1000;

/// Asks what may be signed.
pub(super) struct Callback {
    agent: Agent,
    url: String,
    /// The value of the header `Authorization`.
    authorization: Option<String>,
    text: String,
    prefix: String,
}

/// The question.
#[derive(Serialize)]
struct Question<'a> {
    action: &'static str,
    user: &'a str,
    tenant: &'a str,
    model: &'a str,
    record: &'a str,
    field: &'a str,
}

/// The answer: a member that is not known could be one that was meant to bind the code.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Answer {
    allow: bool,
    // Of a no.
    status: Option<u16>,
    reason: Option<String>,
    // Of a yes.
    mobile: Option<String>,
    content: Option<Vec<String>>,
    document_sha256: Option<String>,
    text: Option<String>,
    subject: Option<String>,
    #[serde(default)]
    require_image: bool,
}

impl Callback {
    pub(super) fn new(
        settings: &Written,
        message: &Message,
        folder: &Path,
    ) -> Result<Self, String> {
        let timeout = seconds("callback.timeout", settings.timeout, 1..=30)?;
        let agent = outgoing::agent(&settings.url, timeout)
            .map_err(|error| format!("has callback.url = {:?}; it {error}", settings.url))?;
        let token = settings.token_file.as_ref().map(|name| {
            let token = secrets::password("callback.token_file", &folder.join(name));
            let token =
                token.map_err(|error| format!("names a file that cannot be used: {error}"))?;
            let is_token = |text: &String| {
                (1..=4096).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic())
            };
            Some(token).filter(is_token).ok_or_else(|| {
                "names a callback.token_file that must hold 1 to 4096 visible characters".to_owned()
            })
        });
        let callback = Self {
            agent,
            url: settings.url.clone(),
            authorization: token.transpose()?.map(|token| format!("Bearer {token}")),
            text: message.text.clone(),
            prefix: message.prefix.clone(),
        };
        let template = callback.template(&callback.text);
        template.map_err(|error| format!("has a message that cannot be used: {error}"))?;
        Ok(callback)
    }

    /// Returns the terms on which a user may do something with a field.
    pub(super) fn ask(&self, user: &User, field: &Target<'_>, to: Access) -> Result<Terms, Denial> {
        let question = Question {
            action: match to {
                Access::Sign => "sign",
                Access::Read => "read",
            },
            user: &user.id,
            tenant: &user.tenant,
            model: field.model,
            record: field.id,
            field: field.field,
        };
        let answer = self.post(&question).map_err(fault)?;
        if !answer.allow {
            return Err(refusal(answer).unwrap_or_else(|why| fault(invalid(why))));
        }
        self.terms(answer).map_err(|why| fault(invalid(why)))
    }

    fn post(&self, question: &Question<'_>) -> Result<Answer, Outage> {
        let question = serde_json::to_vec(question).map_err(invalid)?;
        let mut request = self.agent.post(&self.url);
        request = request.header("content-type", "application/json");
        if let Some(authorization) = &self.authorization {
            request = request.header("authorization", authorization);
        }
        let mut reply = request.send(&question).map_err(|error| {
            Outage::Unavailable(format!("the callback gave no answer: {}", said(&error)))
        })?;
        let status = reply.status();
        if status.is_server_error() {
            let why = format!("the callback answered with HTTP status {status}");
            return Err(Outage::Unavailable(why));
        }
        if status != 200 {
            return Err(invalid(format!("it has HTTP status {status}")));
        }
        let body = reply.body_mut().with_config().limit(MAX_ANSWER);
        let body = body.read_to_vec().map_err(|error| match error {
            Failed::BodyExceedsLimit(_) => invalid(format!("it has more than {MAX_ANSWER} bytes")),
            error => Outage::Unavailable(format!(
                "the callback did not end its answer: {}",
                said(&error)
            )),
        })?;
        if !json::is_object(&body) {
            return Err(invalid("it is no JSON object".to_owned()));
        }
        // The text of the error could quote the answer, with the number in it.
        serde_json::from_slice(&body).map_err(|error| {
            invalid(format!(
                "it is not JSON of the documented form, at line {} column {}",
                error.line(),
                error.column()
            ))
        })
    }

    fn terms(&self, answer: Answer) -> Result<Terms, String> {
        if answer.status.is_some() || answer.reason.is_some() {
            return Err("it allows, and has a status or a reason of a refusal".into());
        }
        let text = answer.text.as_ref().unwrap_or(&self.text);
        if text.chars().count() > MAX_TEXT {
            return Err(format!("its text has more than {MAX_TEXT} characters"));
        }
        // Their errors name the text or the subject and what is wrong with it.
        let template = self.template(text)?;
        let subject = answer.subject.unwrap_or_default();
        let digits = "0".repeat(Policy::default().code().len());
        let composed = template.compose(&digits, 1, &subject);
        composed.map_err(|error| error.to_string())?;
        let mut terms = Terms::new(template).subject(subject);
        if let Some(number) = answer.mobile {
            let number = Mobile::parse(&number);
            terms = terms.mobile(number.map_err(|error| format!("its mobile is none: {error}"))?);
        }
        terms = match (answer.content, answer.document_sha256) {
            (None, None) => terms,
            (Some(content), None) => terms.content(fields(&content)?),
            (None, Some(digest)) => terms.content(ContentDigest::from_bytes(bytes(&digest)?)),
            (Some(_), Some(_)) => return Err("it has both content and document_sha256".into()),
        };
        if answer.require_image {
            let policy = Policy::builder().require(EvidenceKind::Image).build();
            terms = terms.policy(policy.map_err(|error| error.to_string())?);
        }
        Ok(terms)
    }

    fn template(&self, text: &str) -> Result<MessageTemplate, String> {
        let template = MessageTemplate::builder(text).prefix(&self.prefix).build();
        template.map_err(|error| error.to_string())
    }
}

/// Reads a no.
fn refusal(answer: Answer) -> Result<Denial, String> {
    let words = answer.reason;
    let is_line = |words: &String| {
        (1..=MAX_WORDS).contains(&words.len()) && !words.contains(char::is_control)
    };
    if !words.as_ref().is_none_or(is_line) {
        return Err(format!(
            "its reason is not one line of 1 to {MAX_WORDS} bytes"
        ));
    }
    match (answer.status.unwrap_or(403), words) {
        (403, None) => Ok(Denial::NotTheirs),
        (403, Some(words)) => Ok(Denial::Refused(words)),
        (404, None) => Ok(Denial::NoRecord),
        (404, Some(_)) => Err("its status is 404, which has no reason".into()),
        _ => Err("its status is neither 403 nor 404".into()),
    }
}

fn fields(content: &[String]) -> Result<ContentDigest, String> {
    if !(1..=MAX_CONTENT).contains(&content.len()) {
        return Err(format!("its content must be 1 to {MAX_CONTENT} texts"));
    }
    let fields: Vec<_> = content.iter().map(String::as_str).collect();
    Ok(ContentDigest::of_fields(&fields))
}

/// Reads a digest in hexadecimal.
fn bytes(hex: &str) -> Result<[u8; 32], String> {
    let mut bytes = [0; 32];
    let is_hex = hex.len() == 64 && hex.bytes().all(|byte| byte.is_ascii_hexdigit());
    for (index, byte) in bytes.iter_mut().enumerate() {
        let read = is_hex.then(|| u8::from_str_radix(&hex[2 * index..2 * index + 2], 16));
        *byte = read
            .and_then(Result::ok)
            .ok_or("its document_sha256 is not 64 hexadecimal digits")?;
    }
    Ok(bytes)
}

fn invalid(why: impl core::fmt::Display) -> Outage {
    Outage::Invalid(format!("the answer of the callback cannot be used: {why}"))
}

fn fault(outage: Outage) -> Denial {
    Denial::Fault(outage.into())
}

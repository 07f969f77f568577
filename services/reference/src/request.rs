//! What the three routes are asked: the body's `params` and the URL's query become a request.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use otp_engine::ChallengeId;
use serde_json::{Map, Value};

use crate::json::{self, MAX_IDENTIFIER, is_identifier};

/// The largest captured signature, in bytes: the engine's own bound.
pub(crate) const MAX_IMAGE: usize = 1 << 20;
/// The longest base64 of one, without line breaks.
pub(crate) const MAX_BASE64: usize = MAX_IMAGE.div_ceil(3) * 4;
/// The longest name that a signer types, in bytes: the engine's own bound.
pub(crate) const MAX_NAME: usize = 256;
/// The longest path to go on at, in characters.
pub(crate) const MAX_URL: usize = 2048;
/// The largest id of a record.
pub(crate) const MAX_ID: u64 = (1 << 31) - 1;

/// What stands before the id of a challenge where the contract names it.
pub(crate) const GENERATION: &str = "gen_";

/// A parameter is missing, malformed or contradictory; the text names it and never its value.
#[derive(Debug, Eq, PartialEq)]
pub(crate) struct Bad(pub(crate) String);

type Read<T> = Result<T, Bad>;

/// The parameters of the URL, in order, repeated ones too.
pub(crate) type Query = Vec<(String, String)>;

/// The field of a record that a request is about.
#[derive(Debug, Eq, PartialEq)]
pub(crate) struct RequestTarget {
    pub(crate) model: String,
    pub(crate) field: String,
    pub(crate) id: u64,
}

/// What Send asks for; the number is never part of it.
#[derive(Debug, Eq, PartialEq)]
pub(crate) struct Send {
    pub(crate) place: RequestTarget,
    pub(crate) redirect_url: Option<String>,
}

/// What Verify brings. It has no `Debug`: code, image and name belong in no log.
pub(crate) struct Verify {
    pub(crate) place: RequestTarget,
    pub(crate) otp: String,
    pub(crate) challenge: Option<ChallengeId>,
    pub(crate) image: Option<Vec<u8>>,
    pub(crate) signer_name: Option<String>,
}

impl Send {
    pub(crate) fn read(params: &Value, query: &Query) -> Read<Self> {
        let body = object(params)?;
        once(query)?;
        let redirect_url = agreed("redirect_url", body, query, local_path)?;
        let place = RequestTarget::read(body, query)?;
        Ok(Self {
            place,
            redirect_url,
        })
    }
}

impl Verify {
    pub(crate) fn read(params: &Value, query: &Query) -> Read<Self> {
        let body = object(params)?;
        once(query)?;
        if query.iter().any(|(name, _)| name == "otp") {
            // The URL stands in access logs.
            return bad("otp must stand in the body, never in the query");
        }
        let place = RequestTarget::read(body, query)?;
        let otp = match body.get("otp") {
            None | Some(Value::Null) => return bad("otp is missing"),
            Some(Value::String(otp)) if otp.is_empty() => return bad("otp is missing"),
            Some(Value::String(otp)) => otp.clone(),
            Some(_) => return bad("otp must be a string"), // a number has lost its leading zeros
        };
        let challenge = optional("esms_otp_generation_id", body, generation)?;
        let image = optional("signature", body, image)?;
        let signer_name = optional("signer_name", body, name)?;
        Ok(Self {
            place,
            otp,
            challenge,
            image,
            signer_name: signer_name.filter(|name| !name.is_empty()),
        })
    }
}

impl RequestTarget {
    /// Reads the field whose newest signature is asked for: all that Get signature takes.
    pub(crate) fn of_get(params: &Value, query: &Query) -> Read<Self> {
        let body = object(params)?;
        once(query)?;
        Self::read(body, query)
    }

    fn read(body: &Map<String, Value>, query: &Query) -> Read<Self> {
        Ok(Self {
            model: needed("model", body, query, identifier)?,
            field: needed("field", body, query, identifier)?,
            id: needed("id", body, query, record_id)?,
        })
    }
}

/// Refuses a query that says a name twice: one value of the two would be left out without a word.
fn once(query: &Query) -> Read<()> {
    let mut names = std::collections::BTreeSet::new();
    match query.iter().find(|(name, _)| !names.insert(name)) {
        Some((name, _)) => bad(format!("{} stands twice in the query", json::name(name))),
        None => Ok(()),
    }
}

/// Says that a member stands twice in the body.
pub(crate) fn twice(member: &str) -> Bad {
    Bad(format!("{member} stands twice in the body"))
}

fn bad<T>(text: impl Into<String>) -> Read<T> {
    Err(Bad(text.into()))
}

fn object(params: &Value) -> Read<&Map<String, Value>> {
    params
        .as_object()
        .ok_or_else(|| Bad("params must be an object".into()))
}

fn needed<T: PartialEq>(
    name: &str,
    body: &Map<String, Value>,
    query: &Query,
    cast: impl Fn(&str, &Value) -> Read<T>,
) -> Read<T> {
    agreed(name, body, query, cast)?.ok_or_else(|| Bad(format!("{name} is missing")))
}

/// Returns what body and query say of a name, which must be one thing.
fn agreed<T: PartialEq>(
    name: &str,
    body: &Map<String, Value>,
    query: &Query,
    cast: impl Fn(&str, &Value) -> Read<T>,
) -> Read<Option<T>> {
    let mut known = None;
    let in_query = query.iter().find(|(said, _)| said == name);
    let in_query = in_query.map(|(_, said)| Value::from(&**said));
    for value in body.get(name).into_iter().chain(&in_query) {
        if is_absent(value) {
            continue;
        }
        let value = cast(name, value)?;
        if known.as_ref().is_some_and(|known| *known != value) {
            return bad(format!("{name} differs between body and query"));
        }
        known = Some(value);
    }
    Ok(known)
}

fn optional<T>(
    name: &str,
    body: &Map<String, Value>,
    cast: impl Fn(&str, &Value) -> Read<T>,
) -> Read<Option<T>> {
    let given = body.get(name).filter(|value| !is_absent(value));
    given.map(|value| cast(name, value)).transpose()
}

/// The clients of the existing back end write `false` for what is not there.
fn is_absent(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => true,
        Value::String(text) => text.is_empty(),
        _ => false,
    }
}

fn text<'a>(name: &str, value: &'a Value) -> Read<&'a str> {
    value
        .as_str()
        .ok_or_else(|| Bad(format!("{name} must be a string")))
}

fn identifier(name: &str, value: &Value) -> Read<String> {
    let text = text(name, value)?;
    if !is_identifier(text) {
        return bad(format!(
            "{name} must be at most {MAX_IDENTIFIER} letters, digits, underscores and dots"
        ));
    }
    Ok(text.into())
}

fn record_id(name: &str, value: &Value) -> Read<u64> {
    let digits = |text: &&str| text.len() <= 10 && text.bytes().all(|byte| byte.is_ascii_digit());
    let number = match value {
        Value::String(text) => Some(&**text)
            .filter(digits)
            .and_then(|text| text.parse().ok()),
        other => other.as_u64(),
    };
    number
        .filter(|id| (1..=MAX_ID).contains(id))
        .ok_or_else(|| Bad(format!("{name} must be a whole number from 1 to {MAX_ID}")))
}

/// Refuses what a browser would read as another host: it takes a backslash for a slash, and leaves
/// out tabs and line breaks before it reads.
fn local_path(name: &str, value: &Value) -> Read<String> {
    let text = text(name, value)?;
    let length = text.chars().count();
    if length > MAX_URL {
        return bad(format!(
            "{name} is {length} characters; it must be at most {MAX_URL}"
        ));
    }
    let plain = text.bytes().all(|b| b.is_ascii_graphic() && b != b'\\');
    if !plain || !text.starts_with('/') || text.starts_with("//") {
        return bad(format!(
            "{name} must be a local path in ascii such as /my/home"
        ));
    }
    Ok(text.into())
}

fn generation(name: &str, value: &Value) -> Read<ChallengeId> {
    let text = text(name, value)?;
    let id = text.strip_prefix(GENERATION).filter(|id| id.len() == 26);
    let id = id.map(str::to_ascii_uppercase);
    // The engine also reads look-alikes; the contract's ids have one spelling.
    let known = |id: &String| id.bytes().all(|byte| SYMBOLS.contains(&byte));
    id.filter(known)
        .and_then(|id| ChallengeId::parse(&id).ok())
        .ok_or_else(|| Bad(format!("{name} must be gen_ and 26 base32 characters")))
}

const SYMBOLS: &[u8] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

fn name(name: &str, value: &Value) -> Read<String> {
    let text = text(name, value)?.trim();
    if text.len() > MAX_NAME {
        return bad(format!(
            "{name} is {} bytes; it must be at most {MAX_NAME}",
            text.len()
        ));
    }
    if text.contains(|symbol: char| symbol.is_control()) {
        return bad(format!("{name} holds a control character"));
    }
    Ok(text.into())
}

fn image(name: &str, value: &Value) -> Read<Vec<u8>> {
    let text = text(name, value)?;
    let too_large = || {
        bad(format!(
            "{name} is too large; it must be at most {MAX_IMAGE} bytes decoded"
        ))
    };
    // MIME encoders break lines.
    let plain: String = without_data_url(text)
        .chars()
        .filter(|symbol| !matches!(symbol, '\r' | '\n'))
        .collect();
    if plain.len() > MAX_BASE64 {
        return too_large();
    }
    let Ok(image) = STANDARD.decode(plain) else {
        return bad(format!("{name} must be base64"));
    };
    if image.len() > MAX_IMAGE {
        return too_large();
    }
    if !MAGIC.iter().any(|magic| image.starts_with(magic)) {
        return bad(format!("{name} must be a PNG or JPEG image"));
    }
    Ok(image)
}

fn without_data_url(text: &str) -> &str {
    for kind in ["png", "jpeg", "jpg"] {
        let prefix = format!("data:image/{kind};base64,");
        let begins = text.get(..prefix.len());
        if begins.is_some_and(|begins| begins.eq_ignore_ascii_case(&prefix)) {
            return &text[prefix.len()..];
        }
    }
    text
}

const MAGIC: [&[u8]; 2] = [b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff"];

#[cfg(test)]
mod tests;

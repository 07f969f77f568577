//! What "send" is asked: JSON becomes a request, or the text of a 400.

use core::fmt;

use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

/// What the client asks: the members of `params`.
#[derive(Debug, Eq, PartialEq)]
pub(crate) struct Request {
    pub(crate) model: String,
    pub(crate) field: String,
    pub(crate) id: u64,
    pub(crate) redirect_url: Option<String>,
}

impl Request {
    /// Reads a request; the error names the member that is wrong, never its value.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let Once(json) = serde_json::from_str(text).map_err(|error| match error.to_string() {
            // The parser adds where it stands.
            text if text.contains(TWICE) => format!("{}{TWICE}", before(&text, TWICE)),
            text => format!("the body must be json: {text}"),
        })?;
        let nothing = Value::Object(Map::new());
        let params = json.get("params").unwrap_or(&nothing);
        let params = params.as_object().ok_or("params must be an object")?;
        let redirect_url = said(params, "redirect_url").map(local_path).transpose()?;
        Ok(Self {
            model: identifier("model", params)?,
            field: identifier("field", params)?,
            id: id(params)?,
            redirect_url,
        })
    }
}

/// The clients of the existing back end write `false` for what is not there.
fn said<'a>(params: &'a Map<String, Value>, name: &str) -> Option<&'a Value> {
    let absent = |value: &Value| matches!(value, Value::Null | Value::Bool(false)) || value == "";
    params.get(name).filter(|value| !absent(value))
}

fn identifier(name: &str, params: &Map<String, Value>) -> Result<String, String> {
    let value = said(params, name).ok_or_else(|| format!("{name} is missing"))?;
    let text = value
        .as_str()
        .ok_or_else(|| format!("{name} must be a string"))?;
    if !is_identifier(text) {
        return Err(format!(
            "{name} must be at most 128 letters, digits, underscores and dots"
        ));
    }
    Ok(text.into())
}

fn is_identifier(text: &str) -> bool {
    let known = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'.';
    (1..=128).contains(&text.len()) && text.bytes().all(known)
}

fn id(params: &Map<String, Value>) -> Result<u64, String> {
    let digits = |text: &str| text.len() <= 10 && text.bytes().all(|byte| byte.is_ascii_digit());
    let number = match said(params, "id").ok_or("id is missing")? {
        Value::String(text) if digits(text) => text.parse().ok(),
        other => other.as_u64(),
    };
    let number = number.filter(|id| (1..=2_147_483_647).contains(id));
    number.ok_or_else(|| "id must be a whole number from 1 to 2147483647".into())
}

/// Refuses what a browser would read as another host.
fn local_path(value: &Value) -> Result<String, String> {
    let text = value.as_str().ok_or("redirect_url must be a string")?;
    let length = text.chars().count();
    if length > 2048 {
        return Err(format!(
            "redirect_url is {length} characters; it must be at most 2048"
        ));
    }
    let plain = text.bytes().all(|b| b.is_ascii_graphic() && b != b'\\');
    if !plain || !text.starts_with('/') || text.starts_with("//") {
        return Err("redirect_url must be a local path in ascii such as /my/home".into());
    }
    Ok(text.into())
}

/// JSON in which no object names a member twice: a body that says two things asks for neither.
struct Once(Value);

const TWICE: &str = " stands twice in the body";

fn before<'a>(text: &'a str, mark: &str) -> &'a str {
    text.split(mark).next().unwrap_or_default()
}

impl<'de> Deserialize<'de> for Once {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(Any).map(Self)
    }
}

struct Any;

impl<'de> Visitor<'de> for Any {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut all = Vec::new();
        while let Some(Once(item)) = items.next_element()? {
            all.push(item);
        }
        Ok(Value::Array(all))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let mut all = Map::new();
        while let Some((name, Once(value))) = members.next_entry::<String, Once>()? {
            if all.contains_key(&name) {
                let name = if is_identifier(&name) {
                    &*name
                } else {
                    "a member"
                };
                return Err(A::Error::custom(format_args!("{name}{TWICE}")));
            }
            all.insert(name, value);
        }
        Ok(Value::Object(all))
    }
}

//! JSON whose objects name each member once: of two values a reader takes the first and the next
//! reader the last, so a body that says both is about two things.

use core::cell::RefCell;
use core::fmt;

use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

/// What a text of JSON says.
#[derive(Debug, PartialEq)]
pub(crate) struct Said {
    /// The last of the values where a member stands twice.
    pub(crate) value: Value,
    /// The first member that stands twice in its object, at any depth.
    pub(crate) twice: Option<String>,
}

/// Reads JSON; `None` where it is none, or nested deeper than 128 times.
pub(crate) fn read(bytes: &[u8]) -> Option<Said> {
    let twice = RefCell::new(None);
    let mut deserializer = serde_json::Deserializer::from_slice(bytes);
    let value = Any(&twice).deserialize(&mut deserializer).ok()?;
    deserializer.end().ok()?;
    Some(Said {
        value,
        twice: twice.into_inner(),
    })
}

/// Says whether a text of JSON is an object: of an array serde would take the members by position.
pub(crate) fn is_object(text: &[u8]) -> bool {
    text.trim_ascii_start().starts_with(b"{")
}

/// Returns how a member's name is told: it comes from outside.
pub(crate) fn name(name: &str) -> &str {
    if is_identifier(name) {
        name
    } else {
        "a member"
    }
}

/// Says whether a text could name a model, a field or a parameter.
pub(crate) fn is_identifier(text: &str) -> bool {
    let known = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'.';
    (1..=MAX_IDENTIFIER).contains(&text.len()) && text.bytes().all(known)
}

/// The longest name of a model or field.
pub(crate) const MAX_IDENTIFIER: usize = 128;

/// Reads any value, and notes what stands twice.
#[derive(Clone, Copy)]
struct Any<'a>(&'a RefCell<Option<String>>);

impl<'de> DeserializeSeed<'de> for Any<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<Value, D::Error> {
        from.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Any<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(Number::from_f64(value).map_or(Value::Null, Value::Number))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(Value::String(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut all = Vec::new();
        while let Some(item) = items.next_element_seed(self)? {
            all.push(item);
        }
        Ok(Value::Array(all))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let mut all = Map::new();
        while let Some(member) = members.next_key::<String>()? {
            let value = members.next_value_seed(self)?;
            if all.contains_key(&member) {
                let mut twice = self.0.borrow_mut();
                twice.get_or_insert_with(|| name(&member).into());
            }
            all.insert(member, value);
        }
        Ok(Value::Object(all))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn twice(text: &str) -> Option<String> {
        read(text.as_bytes()).unwrap().twice
    }

    #[test]
    fn case_252_a_member_that_stands_twice_is_found_at_any_depth() {
        assert_eq!(twice(r#"{"id": 1010, "id": 15}"#).as_deref(), Some("id"));
        assert_eq!(twice(r#"{"id": 15, "id": 15}"#).as_deref(), Some("id"));
        assert_eq!(
            twice(r#"{"a": [{"b": {"c": 1, "\u0063": 2}}]}"#).as_deref(),
            Some("c"),
            "an escaped name is the same name"
        );
        let foreign = twice("{\"a\\nb\": 1, \"a\\nb\": 2}");
        assert_eq!(foreign.as_deref(), Some("a member"), "a line of log");
        // One name in two objects is none that stands twice.
        assert_eq!(twice(r#"[{"id": 1, "a": {"id": 2}}, {"id": 3}]"#), None);
    }

    #[test]
    fn all_that_json_has_is_read_as_serde_reads_it() {
        let text = r#"{"a": [null, true, -1, 18446744073709551615, 1.5, "ä\u0000"], "b": {}}"#;
        let read = read(text.as_bytes()).unwrap();
        assert_eq!(read.value, serde_json::from_str::<Value>(text).unwrap());
        assert_eq!(read.value["a"][2], json!(-1));
        for bad in ["", "{", "{\"a\": 1,}", "[1] 2", "{1: 2}", &"[".repeat(500)] {
            assert_eq!(super::read(bad.as_bytes()), None, "{bad}");
        }
    }
}

//! The JSON of signature records: a canonical writer (JCS, RFC 8785) and a strict reader.
//!
//! Only objects, arrays, strings, booleans and whole numbers up to 2^53 - 1 exist here: with those,
//! canonical form is a matter of order and escapes, and no reader anywhere rounds a number.

use alloc::collections::BTreeMap;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt;

/// The largest whole number that every JSON reader keeps exact: 2^53 - 1.
pub(crate) const MAX_INTEGER: i64 = (1 << 53) - 1;

/// How deep objects and arrays may nest: a record needs 3, a JWK set 4.
const MAX_DEPTH: usize = 6;

/// How deep the JSON of others may nest.
const MAX_FOREIGN_DEPTH: usize = 64;

/// A value as these records use it; there is no null and no fraction among them.
#[derive(Clone, Eq, PartialEq)]
pub(crate) enum Value {
    Text(String),
    Integer(Integer),
    Flag(bool),
    List(Vec<Self>),
    Object(Object),
    /// Null, or a number beyond [`Integer`]: read where others may say what is not understood here
    /// ([`read_foreign_object`]), and never written.
    Foreign,
}

/// A whole number that no JSON reader rounds: at most [`MAX_INTEGER`] away from zero.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Integer(i64);

/// Members by name, each name once.
#[derive(Clone, Default, Eq, PartialEq)]
pub(crate) struct Object {
    members: BTreeMap<String, Value>,
}

/// Where a text is not the JSON that is read here, and why.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Error {
    pub(crate) at: usize,
    pub(crate) what: &'static str,
}

impl Integer {
    pub(crate) fn new(value: i64) -> Option<Self> {
        (-MAX_INTEGER..=MAX_INTEGER)
            .contains(&value)
            .then_some(Self(value))
    }

    pub(crate) const fn get(self) -> i64 {
        self.0
    }
}

impl From<u32> for Integer {
    fn from(value: u32) -> Self {
        Self(value.into())
    }
}

impl Object {
    pub(crate) const fn new() -> Self {
        Self {
            members: BTreeMap::new(),
        }
    }

    /// Sets a member; one of that name is replaced.
    pub(crate) fn set(&mut self, name: &str, value: impl Into<Value>) {
        self.members.insert(name.to_string(), value.into());
    }

    pub(crate) fn get(&self, name: &str) -> Option<&Value> {
        self.members.get(name)
    }

    pub(crate) fn take(&mut self, name: &str) -> Option<Value> {
        self.members.remove(name)
    }

    /// Returns the name of some member; `None` once all are taken.
    pub(crate) fn any_name(&self) -> Option<&str> {
        self.members.keys().next().map(String::as_str)
    }

    /// Writes the canonical text (RFC 8785).
    pub(crate) fn to_json(&self) -> String {
        let mut out = String::new();
        write_object(&mut out, self);
        out
    }
}

impl Value {
    pub(crate) fn to_json(&self) -> String {
        let mut out = String::new();
        write_value(&mut out, self);
        out
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.to_string())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<Integer> for Value {
    fn from(integer: Integer) -> Self {
        Self::Integer(integer)
    }
}

impl From<Object> for Value {
    fn from(object: Object) -> Self {
        Self::Object(object)
    }
}

impl From<Vec<Self>> for Value {
    fn from(list: Vec<Self>) -> Self {
        Self::List(list)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at byte {}", self.what, self.at)
    }
}

/// Reads one value that fills `text`; no byte may follow it.
pub(crate) fn read(text: &[u8], max_len: usize) -> Result<Value, Error> {
    read_as(text, max_len, Dialect::Own)
}

fn read_as(text: &[u8], max_len: usize, dialect: Dialect) -> Result<Value, Error> {
    if text.len() > max_len {
        return Err(Error {
            at: max_len,
            what: "too long",
        });
    }
    let text = core::str::from_utf8(text).map_err(|error| Error {
        at: error.valid_up_to(),
        what: "not UTF-8",
    })?;
    let mut reader = Reader {
        text,
        at: 0,
        dialect,
    };
    let value = reader.value(0)?;
    reader.skip_space();
    if reader.at < text.len() {
        return Err(reader.error("text after the end"));
    }
    Ok(value)
}

/// Reads one object that fills `text`.
pub(crate) fn read_object(text: &[u8], max_len: usize) -> Result<Object, Error> {
    only_object(read(text, max_len)?)
}

/// Reads one object that others made: any JSON (RFC 8259), but for members that come twice.
pub(crate) fn read_foreign_object(text: &[u8], max_len: usize) -> Result<Object, Error> {
    only_object(read_as(text, max_len, Dialect::Foreign)?)
}

fn only_object(value: Value) -> Result<Object, Error> {
    match value {
        Value::Object(object) => Ok(object),
        _ => Err(Error {
            at: 0,
            what: "not an object",
        }),
    }
}

/// Whose JSON is read.
#[derive(Clone, Copy, Eq, PartialEq)]
enum Dialect {
    /// That of records: what is written here, and no more.
    Own,
    /// Anybody's: what has no place in a record is a [`Value::Foreign`].
    Foreign,
}

/// What is wrong with half a character.
const LONE: &str = "lone surrogate";

struct Reader<'a> {
    text: &'a str,
    at: usize,
    dialect: Dialect,
}

impl Reader<'_> {
    fn value(&mut self, depth: usize) -> Result<Value, Error> {
        let (foreign, deepest) = match self.dialect {
            Dialect::Own => (false, MAX_DEPTH),
            Dialect::Foreign => (true, MAX_FOREIGN_DEPTH),
        };
        if depth > deepest {
            return Err(self.error("nested too deeply"));
        }
        self.skip_space();
        match self.peek() {
            Some(b'{') => self.object(depth).map(Value::Object),
            Some(b'[') => self.list(depth).map(Value::List),
            Some(b'"') => self.text().map(Value::Text),
            Some(b't') => self.word("true").map(|()| Value::Flag(true)),
            Some(b'f') => self.word("false").map(|()| Value::Flag(false)),
            Some(b'n') if foreign => self.word("null").map(|()| Value::Foreign),
            Some(b'-' | b'0'..=b'9') if foreign => self.number(),
            Some(b'-' | b'0'..=b'9') => self.integer().map(Value::Integer),
            _ => Err(self.error("no value")),
        }
    }

    fn object(&mut self, depth: usize) -> Result<Object, Error> {
        self.at += 1;
        let mut object = Object::new();
        self.skip_space();
        if self.take(b'}') {
            return Ok(object);
        }
        loop {
            self.skip_space();
            let start = self.at;
            if self.peek() != Some(b'"') {
                return Err(self.error("no member name"));
            }
            let name = self.text()?;
            self.skip_space();
            if !self.take(b':') {
                return Err(self.error("no colon"));
            }
            let value = self.value(depth + 1)?;
            if object.members.insert(name, value).is_some() {
                return Err(Error {
                    at: start,
                    what: "duplicate member",
                });
            }
            self.skip_space();
            if self.take(b'}') {
                return Ok(object);
            }
            if !self.take(b',') {
                return Err(self.error("no comma"));
            }
        }
    }

    fn list(&mut self, depth: usize) -> Result<Vec<Value>, Error> {
        self.at += 1;
        let mut list = Vec::new();
        self.skip_space();
        if self.take(b']') {
            return Ok(list);
        }
        loop {
            list.push(self.value(depth + 1)?);
            self.skip_space();
            if self.take(b']') {
                return Ok(list);
            }
            if !self.take(b',') {
                return Err(self.error("no comma"));
            }
        }
    }

    /// Reads any number (RFC 8259, section 6), which is foreign unless it is one of ours.
    fn number(&mut self) -> Result<Value, Error> {
        let start = self.at;
        if let Ok(integer) = self.integer() {
            return Ok(Value::Integer(integer));
        }
        self.at = start;
        let none = self.error("not a number");
        self.take(b'-');
        let leads = self.take(b'0');
        if !leads && self.digits() == 0 {
            return Err(none);
        }
        if self.take(b'.') && self.digits() == 0 {
            return Err(none);
        }
        if self.take(b'e') || self.take(b'E') {
            let _sign = self.take(b'+') || self.take(b'-');
            if self.digits() == 0 {
                return Err(none);
            }
        }
        // "01" is none: nothing that could be behind a number begins with a digit.
        match self.peek() {
            Some(b'0'..=b'9') => Err(none),
            _ => Ok(Value::Foreign),
        }
    }

    /// Skips digits; returns how many there were.
    fn digits(&mut self) -> usize {
        let start = self.at;
        while let Some(b'0'..=b'9') = self.peek() {
            self.at += 1;
        }
        self.at - start
    }

    fn integer(&mut self) -> Result<Integer, Error> {
        let start = self.at;
        let negative = self.take(b'-');
        let digits = self.at;
        let mut value: i64 = 0;
        while let Some(digit @ b'0'..=b'9') = self.peek() {
            value = value
                .checked_mul(10)
                .and_then(|tens| tens.checked_add(i64::from(digit - b'0')))
                .filter(|value| *value <= MAX_INTEGER)
                .ok_or(Error {
                    at: start,
                    what: "number beyond 2^53 - 1",
                })?;
            self.at += 1;
        }
        let len = self.at - digits;
        let fraction = matches!(self.peek(), Some(b'.' | b'e' | b'E'));
        // "-0" and "01" would be second spellings of a number.
        let respelt =
            value == 0 && negative || self.text.as_bytes().get(digits) == Some(&b'0') && len > 1;
        if len == 0 || fraction || respelt {
            return Err(Error {
                at: start,
                what: "not a whole number",
            });
        }
        Ok(Integer(if negative { -value } else { value }))
    }

    fn text(&mut self) -> Result<String, Error> {
        self.at += 1;
        let mut out = String::new();
        loop {
            let Some(next) = self.text[self.at..].chars().next() else {
                return Err(self.error("string without end"));
            };
            match next {
                '"' => {
                    self.at += 1;
                    return Ok(out);
                }
                '\\' => out.push(self.escape()?),
                '\0'..='\u{1f}' => return Err(self.error("bare control character")),
                _ => {
                    self.at += next.len_utf8();
                    out.push(next);
                }
            }
        }
    }

    fn escape(&mut self) -> Result<char, Error> {
        let start = self.at;
        let unknown = Error {
            at: start,
            what: "unknown escape",
        };
        self.at += 1;
        let letter = self.peek().ok_or(unknown)?;
        self.at += 1;
        Ok(match letter {
            b'"' => '"',
            b'\\' => '\\',
            b'/' => '/',
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => match self.utf16(start) {
                // No character, as JavaScript writes a text that it cut; nothing here has one.
                Err(error) if self.dialect == Dialect::Foreign && error.what == LONE => {
                    self.at = start + 6;
                    char::REPLACEMENT_CHARACTER
                }
                read => return read,
            },
            // What follows the backslash may be half of a longer character: go no further.
            _ => return Err(unknown),
        })
    }

    fn utf16(&mut self, start: usize) -> Result<char, Error> {
        let lone = Error {
            at: start,
            what: LONE,
        };
        let first = self.unit(start)?;
        let second = if (0xd800..0xdc00).contains(&first) {
            if !(self.take(b'\\') && self.take(b'u')) {
                return Err(lone);
            }
            Some(self.unit(start)?)
        } else {
            None
        };
        let mut decoded = char::decode_utf16(core::iter::once(first).chain(second));
        match (decoded.next(), decoded.next()) {
            (Some(Ok(decoded)), None) => Ok(decoded),
            _ => Err(lone),
        }
    }

    fn unit(&mut self, start: usize) -> Result<u16, Error> {
        let digits = self
            .text
            .get(self.at..self.at + 4)
            // `from_str_radix` would take a sign.
            .filter(|digits| digits.bytes().all(|digit| digit.is_ascii_hexdigit()));
        let unit = digits.and_then(|digits| u16::from_str_radix(digits, 16).ok());
        self.at += 4;
        unit.ok_or(Error {
            at: start,
            what: "unknown escape",
        })
    }

    fn word(&mut self, word: &str) -> Result<(), Error> {
        if !self.text[self.at..].starts_with(word) {
            return Err(self.error("no value"));
        }
        self.at += word.len();
        Ok(())
    }

    fn skip_space(&mut self) {
        while let Some(b' ' | b'\t' | b'\n' | b'\r') = self.peek() {
            self.at += 1;
        }
    }

    fn take(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        self.at += usize::from(found);
        found
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    const fn error(&self, what: &'static str) -> Error {
        Error { at: self.at, what }
    }
}

fn write_value(out: &mut String, value: &Value) {
    match value {
        Value::Text(text) => write_text(out, text),
        Value::Integer(integer) => out.push_str(&integer.0.to_string()),
        Value::Flag(flag) => out.push_str(if *flag { "true" } else { "false" }),
        Value::List(list) => {
            out.push('[');
            for (i, value) in list.iter().enumerate() {
                if i > 0 {
                    out.push(',');
                }
                write_value(out, value);
            }
            out.push(']');
        }
        Value::Object(object) => write_object(out, object),
        Value::Foreign => out.push_str("null"),
    }
}

fn write_object(out: &mut String, object: &Object) {
    let mut members: Vec<_> = object.members.iter().collect();
    // RFC 8785, 3.2.3: by UTF-16 units, which is not the order of UTF-8 above U+FFFF.
    members.sort_by(|(a, _), (b, _)| a.encode_utf16().cmp(b.encode_utf16()));
    out.push('{');
    for (i, (name, value)) in members.into_iter().enumerate() {
        if i > 0 {
            out.push(',');
        }
        write_text(out, name);
        out.push(':');
        write_value(out, value);
    }
    out.push('}');
}

fn write_text(out: &mut String, text: &str) {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\u{8}' => out.push_str("\\b"),
            '\t' => out.push_str("\\t"),
            '\n' => out.push_str("\\n"),
            '\u{c}' => out.push_str("\\f"),
            '\r' => out.push_str("\\r"),
            '\0'..='\u{1f}' => {
                out.push_str("\\u00");
                let code = u32::from(c) as usize;
                out.push(char::from(HEX[code >> 4]));
                out.push(char::from(HEX[code & 15]));
            }
            _ => out.push(c),
        }
    }
    out.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn reread(text: &str) -> Result<String, &'static str> {
        read(text.as_bytes(), 8192)
            .map(|value| value.to_json())
            .map_err(|error| error.what)
    }

    #[test]
    fn rfc_8785_members_are_sorted_by_utf_16_units() {
        // Section 3.2.3, whose expected order is the order of these seven values.
        let sorted = reread(
            r#"{"\u20ac":"Euro Sign","\r":"Carriage Return","\ufb33":"Hebrew Letter Dalet With Dagesh",
            "1":"One","\ud83d\ude00":"Emoji: Grinning Face","\u0080":"Control","\u00f6":"Latin Small Letter O With Diaeresis"}"#,
        )
        .unwrap();
        assert_eq!(
            sorted,
            "{\"\\r\":\"Carriage Return\",\"1\":\"One\",\"\u{80}\":\"Control\",\
             \"ö\":\"Latin Small Letter O With Diaeresis\",\"€\":\"Euro Sign\",\
             \"😀\":\"Emoji: Grinning Face\",\"\u{fb33}\":\"Hebrew Letter Dalet With Dagesh\"}"
        );
    }

    #[test]
    fn rfc_8785_strings_are_escaped_as_little_as_json_allows() {
        // The "string" member of section 3.2.2.
        assert_eq!(
            reread(r#""\u20ac$\u000F\u000aA'\u0042\u0022\u005c\\\"\/""#).unwrap(),
            "\"€$\\u000f\\nA'B\\\"\\\\\\\\\\\"/\""
        );
        assert_eq!(
            reread(r#""\b\t\n\f\r\u0000\u001f\u007f""#).unwrap(),
            "\"\\b\\t\\n\\f\\r\\u0000\\u001f\u{7f}\""
        );
        assert_eq!(
            reread(" [ true , false,-1 ,0 ] ").unwrap(),
            "[true,false,-1,0]"
        );
    }

    #[test]
    fn whole_numbers_end_at_2_to_the_53_less_1() {
        for exact in ["9007199254740991", "-9007199254740991", "0", "10"] {
            assert_eq!(reread(exact).unwrap(), exact);
        }
        for beyond in [
            "9007199254740992",
            "-9007199254740992",
            "99999999999999999999999",
        ] {
            assert_eq!(reread(beyond), Err("number beyond 2^53 - 1"));
        }
        assert!(Integer::new(MAX_INTEGER).is_some() && Integer::new(-MAX_INTEGER).is_some());
        assert!(Integer::new(MAX_INTEGER + 1).is_none() && Integer::new(i64::MIN).is_none());
        for other in ["1.0", "1e3", "1E3", "-0", "01", "-01", "-"] {
            assert_eq!(reread(other), Err("not a whole number"), "{other}");
        }
    }

    #[test]
    fn a_duplicate_member_is_refused_however_it_is_spelt() {
        assert_eq!(reread(r#"{"a":1,"b":2}"#).unwrap(), r#"{"a":1,"b":2}"#);
        assert_eq!(reread(r#"{"a":1,"a":1}"#), Err("duplicate member"));
        assert_eq!(reread(r#"{"a":1,"\u0061":2}"#), Err("duplicate member"));
        assert_eq!(
            reread(r#"{"x":{"a":1,"b":2,"a":3}}"#),
            Err("duplicate member")
        );
    }

    #[test]
    fn what_is_not_this_json_is_refused_with_its_reason() {
        for (text, what) in [
            ("", "no value"),
            ("null", "no value"),
            ("tru", "no value"),
            ("+1", "no value"),
            ("[1,]", "no value"),
            ("{\"a\":1,}", "no member name"),
            ("{\"a\" 1}", "no colon"),
            ("{\"a\":1 \"b\":2}", "no comma"),
            ("[1 2]", "no comma"),
            ("1 1", "text after the end"),
            ("truefalse", "text after the end"),
            ("\"a", "string without end"),
            ("\"\n\"", "bare control character"),
            (r#""\x""#, "unknown escape"),
            (r#""\€""#, "unknown escape"),
            (r#""\u12g4""#, "unknown escape"),
            (r#""\u+123""#, "unknown escape"),
            (r#""\u12"#, "unknown escape"),
            (r#""\ud800""#, "lone surrogate"),
            (r#""\udc00""#, "lone surrogate"),
            (r#""\ud800\n""#, "lone surrogate"),
            (r#""\ud800\ud800""#, "lone surrogate"),
        ] {
            assert_eq!(reread(text), Err(what), "{text}");
        }
        assert_eq!(
            read(b"\"\xff\"", 9).map(drop).unwrap_err().what,
            "not UTF-8"
        );
        assert_eq!(
            read(b"\"\xed\xa0\x80\"", 9).map(drop).unwrap_err().what,
            "not UTF-8"
        );
    }

    #[test]
    fn depth_and_length_are_bounded() {
        let nested = |depth: usize| reread(&("[".repeat(depth) + &"]".repeat(depth)));
        assert!(nested(MAX_DEPTH + 1).is_ok());
        assert_eq!(nested(MAX_DEPTH + 2), Err("nested too deeply"));
        assert!(read(b"1234", 4).is_ok());
        assert_eq!(read(b"1234", 3).map(drop).unwrap_err().what, "too long");
    }

    proptest! {
        /// What the writer writes, this reader and an unrelated one read back alike.
        #[test]
        fn canonical_text_is_read_back(texts in proptest::collection::btree_map(".{0,6}", ".{0,12}", 0..8), number in -MAX_INTEGER..=MAX_INTEGER) {
            let mut object = Object::new();
            for (name, text) in &texts {
                object.set(name, text.as_str());
            }
            object.set("number", Integer(number));
            let json = object.to_json();
            prop_assert!(read_object(json.as_bytes(), json.len()).is_ok_and(|read| read == object));
            let stock: serde_json::Value = serde_json::from_str(&json).unwrap();
            prop_assert_eq!(stock["number"].as_i64(), Some(number));
            for (name, text) in texts.iter().filter(|(name, _)| *name != "number") {
                prop_assert_eq!(stock[name].as_str(), Some(text.as_str()));
            }
        }

        /// No bytes make the reader panic, and what it takes it writes to a text that it reads alike.
        #[test]
        fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(proptest::sample::select(&b"{}[]\",:\\u0019dD8e-. tf\xc3\xa9"[..]), 0..40)) {
            if let Ok(value) = read(&bytes, 64) {
                let json = value.to_json();
                prop_assert!(read(json.as_bytes(), 4096).is_ok_and(|again| again == value));
            }
        }
    }
}

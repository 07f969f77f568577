//! Salted commitments to personal details: SD-JWT disclosures (RFC 9901).
//!
//! The signed payload holds digests; what they stand for travels beside it and can be deleted.

use alloc::format;
use alloc::string::{String, ToString};

use base64ct::{Base64UrlUnpadded, Encoding};
use sha2::{Digest, Sha256};

use crate::json::{self, Value};
use otp_base::reveal::publish;

/// The longest disclosure, in characters: a value of about 3,000 bytes.
pub(crate) const MAX_DISCLOSURE: usize = 4096;

/// The bytes of a salt (RFC 9901, section 9.3: 128 bits).
///
/// It is drawn, never derived: who can derive it can undo an erasure by guessing.
pub(crate) const SALT: usize = 16;

/// A salt's length in base64url.
const SALT_LEN: usize = 22;

/// What a disclosure says.
pub(crate) struct Disclosure {
    pub(crate) name: String,
    pub(crate) value: String,
}

/// Writes `b64url([salt, name, value])`.
pub(crate) fn write(salt: &[u8; SALT], name: &str, value: &str) -> String {
    // As it is: base64url has nothing to escape, and looking for it would look at the salt.
    let salt = Base64UrlUnpadded::encode_string(salt);
    let rest = Value::List(alloc::vec![name.into(), value.into()]).to_json();
    let array = format!("[\"{salt}\",{}", &rest[1..]);
    Base64UrlUnpadded::encode_string(array.as_bytes())
}

/// Returns the digest by which a payload names a disclosure: base64url of SHA-256 of its characters.
pub(crate) fn digest(disclosure: &str) -> String {
    let digest = Sha256::digest(disclosure.as_bytes());
    Base64UrlUnpadded::encode_string(&publish(digest.into()))
}

/// Reads a disclosure; `None` if it is not one as written here.
pub(crate) fn read(text: &str) -> Option<Disclosure> {
    if text.len() > MAX_DISCLOSURE {
        return None;
    }
    let bytes = Base64UrlUnpadded::decode_vec(text).ok()?;
    let Ok(Value::List(array)) = json::read(&bytes, MAX_DISCLOSURE) else {
        return None;
    };
    let [Value::Text(salt), Value::Text(name), Value::Text(value)] = array.as_slice() else {
        return None;
    };
    // Other makers' salts may be longer (RFC 9901's own examples are); none may be shorter.
    (salt.len() >= SALT_LEN).then(|| Disclosure {
        name: name.to_string(),
        value: value.to_string(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rfc_9901_a_digest_is_that_of_the_disclosures_characters() {
        // RFC 9901, section 4.2.3, for the disclosure of section 4.2.1.
        assert_eq!(
            digest("WyJfMjZiYzRMVC1hYzZxMktJNmNCVzVlcyIsICJmYW1pbHlfbmFtZSIsICJNw7ZiaXVzIl0"),
            "X9yH0Ajrdm1Oij4tWso9UzzKJvPoDxwmuEcO3XAdRC0"
        );
        let read = read("WyJfMjZiYzRMVC1hYzZxMktJNmNCVzVlcyIsICJmYW1pbHlfbmFtZSIsICJNw7ZiaXVzIl0")
            .unwrap();
        assert_eq!(
            (read.name.as_str(), read.value.as_str()),
            ("family_name", "Möbius")
        );
    }

    #[test]
    fn a_disclosure_is_read_back_and_only_whole() {
        let text = write(&[9; SALT], "name", "Thandiwe \"Thandi\" Dlamini");
        let back = read(&text).unwrap();
        assert_eq!(back.name, "name");
        assert_eq!(back.value, "Thandiwe \"Thandi\" Dlamini");
        let encoded =
            |json: &str| read(&Base64UrlUnpadded::encode_string(json.as_bytes())).is_some();
        assert!(encoded(r#"["AAAAAAAAAAAAAAAAAAAAAA","name","x"]"#));
        for refused in [
            r#"["AAAAAAAAAAAAAAAAAAAAA","name","x"]"#,
            r#"["","name","x"]"#,
            r#"["AAAAAAAAAAAAAAAAAAAAAA","name",1]"#,
            r#"["AAAAAAAAAAAAAAAAAAAAAA","x"]"#,
            r#"["AAAAAAAAAAAAAAAAAAAAAA","name","x","y"]"#,
            r#"{"name":"x"}"#,
        ] {
            assert!(!encoded(refused), "{refused}");
        }
    }

    #[test]
    fn the_length_of_a_disclosure_is_bounded() {
        let of = |len: usize| write(&[9; SALT], "name", &"x".repeat(len));
        // Four characters of base64url for each three bytes.
        let longest = MAX_DISCLOSURE / 4 * 3 - of(0).len() / 4 * 3 - 3;
        let (fits, too_long) = (of(longest + 2), of(longest + 6));
        assert!(fits.len() <= MAX_DISCLOSURE && read(&fits).is_some());
        assert!(too_long.len() > MAX_DISCLOSURE && read(&too_long).is_none());
    }
}

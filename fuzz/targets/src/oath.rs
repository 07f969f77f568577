//! What enrols a device, and what it is asked.

use otp_engine::Timestamp;
use otp_engine::oath::{Inputs, MAX_URI, Moving, Ocra, Pin, Reach, Secret, Suite, Uri};

use crate::input::fields;

/// An `otpauth` URI.
///
/// # Panics
///
/// Where a URI that was read is not the same once it is written and read again.
pub fn otpauth(data: &[u8]) {
    let Ok(text) = core::str::from_utf8(data) else {
        return;
    };
    let legacy = Uri::parse_legacy(text);
    let uri = match Uri::parse(text) {
        Ok(uri) => uri,
        Err(error) => {
            drop(error.to_string());
            // A short secret is all that may tell the two apart.
            if let Ok(uri) = legacy {
                let again = Uri::parse_legacy(&uri.to_text());
                assert!(again == Ok(uri), "a legacy URI is not read as written");
            }
            return;
        }
    };
    assert!(legacy.as_ref() == Ok(&uri), "legacy takes less");
    let written = uri.to_text();
    assert!(written.len() <= MAX_URI, "written, and too long to read");
    let again = Uri::parse(&written).expect("what is written is read");
    assert!(again == uri, "not read as written");
    assert_eq!(*again.to_text(), *written);
    assert!(written.is_ascii() && !written.contains(char::is_whitespace));
    let digits = usize::from(uri.code_digits());
    match uri.moving() {
        Moving::Counter { first } => {
            let hotp = uri.hotp().expect("a counter is HOTP's");
            assert!(uri.totp().is_none());
            assert_eq!(hotp.at(first).as_str().len(), digits);
        }
        Moving::Time { .. } => {
            let totp = uri.totp().expect("a period is TOTP's");
            assert!(uri.hotp().is_none());
            let code = totp.at(Timestamp::from_unix(1_715_767_200));
            assert_eq!(code.expect("after 1970").as_str().len(), digits);
        }
    }
}

/// An OCRA computation, in lines: suite, question, a second question, PIN, session.
///
/// # Panics
///
/// Where a code is not accepted for its own inputs, or a suite is not what its text says.
pub fn ocra(data: &[u8]) {
    let Ok(text) = core::str::from_utf8(data) else {
        return;
    };
    let [suite, question, second, pin, session] = fields(text, '\n');
    let parsed = match Suite::parse(suite) {
        Ok(parsed) => parsed,
        Err(error) => return drop(error.to_string()),
    };
    assert_eq!(parsed.as_str(), suite);
    assert!((6..=10).contains(&parsed.digits()));
    assert_eq!(parsed.counter(), suite.contains(":C-"));
    let (digits, step) = (usize::from(parsed.digits()), parsed.step());
    let mut inputs = if second.is_empty() {
        Inputs::new(question)
    } else {
        Inputs::mutual(question, second)
    };
    if parsed.counter() {
        inputs = inputs.counter(session.len() as u64);
    }
    if parsed.pin().is_some() {
        inputs = inputs.pin(match pin.strip_prefix('#') {
            Some(digest) => Pin::Digest(digest.as_bytes()),
            None => Pin::Text(pin),
        });
    }
    if parsed.session().is_some() {
        inputs = inputs.session(session.as_bytes());
    }
    if step.is_some() {
        inputs = inputs.now(Timestamp::from_unix(1_715_767_200));
    }
    let secret = Secret::new(b"12345678901234567890").expect("of 20 bytes");
    let ocra = Ocra::new(&secret, parsed);
    let code = match ocra.generate(&inputs) {
        Ok(code) => code,
        Err(error) => {
            let refused = ocra.verify("000000", &inputs, Reach::default());
            assert!(refused.is_err(), "no code, and yet one is compared");
            return drop(error.to_string());
        }
    };
    assert_eq!(code.as_str().len(), digits);
    let matched = ocra.verify(code.as_str(), &inputs, Reach::default());
    let matched = matched.expect("as it was made");
    let matched = matched.expect("its own code is not accepted");
    assert_eq!(matched.step.is_some(), step.is_some());
    let longer = format!("{}0", code.as_str());
    let longer = ocra.verify(&longer, &inputs, Reach::default());
    assert!(matches!(longer, Ok(None)), "another length is taken");
}

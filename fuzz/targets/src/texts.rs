//! Texts that people write: codes, telephone numbers, addresses, message templates.

use std::sync::LazyLock;

use otp_engine::oath::{HashFunction, Hotp, Secret};
use otp_engine::{
    Email, Mobile, Recipient,
    message::{Encoding, MessageTemplate},
    recipient::CountryCode,
};

use crate::input::fields;

/// The longest text that is looked at for a code.
const MAX_TYPED: usize = 256;

/// How many codes a text is compared with, and one more.
const LOOK_AHEAD: u8 = 9;

/// Prepared keys for six to ten digits.
static HOTP: LazyLock<[Hotp; 5]> = LazyLock::new(|| {
    [6, 7, 8, 9, 10].map(|digits| {
        let secret = Secret::new(b"12345678901234567890").expect("of 20 bytes");
        Hotp::new(&secret, HashFunction::Sha1, digits).expect("in bounds")
    })
});

/// Entered text: `8 55 75 52 24` is a text for a code of eight digits, ten where it begins with 0.
///
/// # Panics
///
/// Where a text is taken for a code that it does not say.
pub fn entered(data: &[u8]) {
    let Some((digits, entered)) = data.split_first() else {
        return;
    };
    let digits = match digits {
        b'6'..=b'9' => digits - b'0',
        _ => 10,
    };
    let hotp = &HOTP[usize::from(digits - 6)];
    let found = hotp.verify(entered, 0, LOOK_AHEAD);
    assert_eq!(found, hotp.verify(entered, 0, LOOK_AHEAD));
    if let Some(counter) = found {
        let code = hotp.at(counter);
        assert!(entered.len() <= MAX_TYPED, "too long a text was taken");
        let text = core::str::from_utf8(entered).expect("a text that is no UTF-8 was taken");
        let is_dropped = |c: &char| c.is_whitespace() || !c.is_alphanumeric() && !c.is_control();
        let mut said = text.chars().filter(|c| !is_dropped(c));
        for digit in code.as_str().chars() {
            let c = said.next().expect("fewer symbols than the code has");
            assert!(c == digit || !c.is_ascii() && c.is_numeric(), "{c:?}");
        }
        assert_eq!(said.next(), None, "more symbols than the code has");
        // The code as it is, and between what is dropped, is the same.
        assert!(hotp.verify(code.as_str(), 0, LOOK_AHEAD).is_some());
    } else if entered.is_ascii() && entered.len() <= MAX_TYPED {
        let kept = |byte: &&u8| !byte.is_ascii_whitespace() && **byte != b'-' && **byte != 11;
        let plain: Vec<u8> = entered.iter().filter(kept).copied().collect();
        assert_eq!(hotp.verify(&plain, 0, LOOK_AHEAD), None, "dashes matter");
    }
    pair(hotp, entered);
}

/// Two codes in a row, cut out of one text.
fn pair(hotp: &Hotp, entered: &[u8]) {
    let (first, second) = entered.split_at(entered.len() / 2);
    if let Some(counter) = hotp.resynchronise(first, second, 0, LOOK_AHEAD.into()) {
        assert_eq!(hotp.verify(first, counter - 1, 0), Some(counter - 1));
        assert_eq!(hotp.verify(second, counter, 0), Some(counter));
    }
}

/// A telephone number, and in a line before it the code of the country where it was written.
///
/// # Panics
///
/// Where a number is not what its own digits say, or shown whole.
pub fn mobile(data: &[u8]) {
    let Ok(text) = core::str::from_utf8(data) else {
        return;
    };
    let (country, text) = text.split_once('\n').unwrap_or(("", text));
    let given: String = text.chars().filter(char::is_ascii_digit).collect();
    match Mobile::parse(text) {
        Ok(mobile) => {
            is_one_number(&mobile);
            let said = mobile.as_str();
            assert!(given == said || given == format!("00{said}"));
        }
        Err(error) => assert!(error.to_string().len() < 200),
    }
    let Ok(country) = country.parse().map_err(drop).and_then(|code: u16| {
        let country = CountryCode::new(code);
        country.map(|country| (code, country)).map_err(drop)
    }) else {
        return;
    };
    let (code, country) = country;
    match Mobile::parse_national(text, country) {
        Ok(mobile) => {
            is_one_number(&mobile);
            let said = mobile.as_str();
            let within = said.strip_prefix(&code.to_string());
            let national = within.is_some_and(|n| n == given || given == format!("0{n}"));
            assert!(national || given == said || given == format!("00{said}"));
            // What says its country is one number wherever it was written.
            if text.trim_start().starts_with('+') {
                assert_eq!(Mobile::parse(text), Ok(mobile));
            }
        }
        Err(error) => assert!(error.to_string().len() < 200),
    }
}

/// One telephone has one number, and so one rate limit.
fn is_one_number(mobile: &Mobile) {
    let digits = mobile.as_str();
    assert!(digits.bytes().all(|digit| digit.is_ascii_digit()));
    assert!((7..=15).contains(&digits.len()) && !digits.starts_with('0'));
    for again in [
        digits.into(),
        format!("+{digits}"),
        format!("00{digits}"),
        format!("+ {digits}"),
    ] {
        assert_eq!(Mobile::parse(&again), Ok(*mobile), "{again}");
    }
    let shown = format!("{mobile} {mobile:?}");
    assert!(!shown.contains(digits), "a number is shown whole");
}

/// An e-mail address.
///
/// # Panics
///
/// Where an address is taken that is none, is not itself when it is read again, or is shown whole.
pub fn email(data: &[u8]) {
    let Ok(text) = core::str::from_utf8(data) else {
        return;
    };
    let email = match Email::parse(text) {
        Ok(email) => email,
        Err(error) => return assert!(error.to_string().len() < 200),
    };
    let address = email.as_str();
    assert_eq!(address, text.trim());
    assert!(address.len() <= 254);
    // What a mailer reads as a second address, a name, a comment or another header.
    let hostile = |c: char| c.is_control() || c.is_whitespace() || "\",;:<>()[]\\".contains(c);
    assert!(!address.contains(hostile), "{address:?}");
    let (local, domain) = address.split_once('@').expect("an address without @");
    assert!(!local.is_empty() && domain.is_ascii() && domain.contains('.'));
    assert_eq!(Email::parse(address).as_ref(), Ok(&email));
    assert_eq!(
        Email::parse(&address.to_ascii_uppercase()).as_ref(),
        Ok(&email)
    );
    // One that is written like a mask is its own.
    if local.chars().count() > 1 && !local.ends_with('*') {
        let shown = format!("{} {email:?}", Recipient::from(email.clone()));
        assert!(!shown.contains(address), "an address is shown whole");
    }
}

/// A message: `prefix|domain|app hash|code|minutes|subject|template`.
///
/// # Panics
///
/// Where a message does not carry its code once, could be read as carrying another one, or is counted
/// wrongly.
pub fn message(data: &[u8]) {
    let Ok(text) = core::str::from_utf8(data) else {
        return;
    };
    let [prefix, domain, hash, code, minutes, subject, template] = fields(text, '|');
    let mut builder = MessageTemplate::builder(template).prefix(prefix);
    if !domain.is_empty() {
        builder = builder.domain(domain);
    }
    if !hash.is_empty() {
        builder = builder.app_hash(hash);
    }
    let template = match builder.build() {
        Ok(template) => template,
        Err(error) => return drop(error.to_string()),
    };
    let minutes = minutes.parse().unwrap_or(3);
    let message = match template.compose(code, minutes, subject) {
        Ok(message) => message,
        Err(error) => return drop(error.to_string()),
    };
    let text = message.text();
    assert!(text.starts_with(prefix), "the prefix is not in front");
    let mut body = text;
    if !domain.is_empty() {
        let line = format!("\n@{domain} #{code}");
        body = body.strip_suffix(&line).expect("the site's line is last");
    }
    if !hash.is_empty() {
        assert!(text.len() <= 140);
        let line = format!("\n{hash}");
        body = body.strip_suffix(&line).expect("the app's line is next");
    }
    // Outside of the code nothing that autofill could take for one.
    let (before, after) = body.split_once(code).expect("a message without its code");
    let could_be = |run: &str| run.chars().count() >= 4 && run.contains(char::is_numeric);
    // One of letters alone may be a word of the text as well.
    if could_be(code) {
        for part in [before, after] {
            let mut runs = part.split(|c: char| !c.is_alphanumeric());
            assert!(!runs.any(could_be), "a second code could be read");
        }
        let glued = before.ends_with(char::is_alphanumeric);
        assert!(!glued && !after.starts_with(char::is_alphanumeric));
    }
    let (units, segments) = (message.units(), message.segments());
    let (one, many) = match message.encoding() {
        Encoding::Gsm7 => {
            assert!(units >= text.chars().count());
            (160, 153)
        }
        Encoding::Ucs2 => {
            assert_eq!(units, text.encode_utf16().count());
            (70, 67)
        }
    };
    let least = if units <= one {
        1
    } else {
        units.div_ceil(many)
    };
    // A symbol of two units is not cut, which may take one segment more.
    assert!((least..=least + 1).contains(&segments) && segments <= 10);
}

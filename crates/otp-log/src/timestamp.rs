//! Time-stamps of checkpoints (RFC 3161): the request, and whether an answer is about this checkpoint.
//!
//! Whoever has a network sends the request to a time-stamp authority by POST, as `application/timestamp-query`, and
//! keeps the answer as it came. `openssl ts -verify -data TEXT -in ANSWER -CAfile ROOTS` judges it, with the text of
//! the checkpoint ([`Checkpoint::text`]) in a file.

use alloc::vec::Vec;

use otp_base::Timestamp;
use sha2::{Digest, Sha256};
use time::{Date, Month, Time, UtcDateTime};

use crate::checkpoint::Checkpoint;
use crate::error::ParseError;

/// The longest answer, in bytes: 16 KiB.
pub const MAX_ANSWER: usize = 16_384;

/// AlgorithmIdentifier of SHA-256, and the octet string of a digest: a MessageImprint without its digest.
const IMPRINT: [u8; 19] = [
    0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01, 0x05,
    0x00, 0x04, 0x20,
];

/// The object identifier of SHA-256 (2.16.840.1.101.3.4.2.1).
const SHA256: &[u8] = &[0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01];

/// The object identifier of signed data in CMS (1.2.840.113549.1.7.2).
const SIGNED_DATA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x07, 0x02];

/// The object identifier of TSTInfo (1.2.840.113549.1.9.16.1.4).
const TST_INFO: &[u8] = &[
    0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x10, 0x01, 0x04,
];

/// Makes the request for a time-stamp over the text of a checkpoint, with the authority's certificate in the answer:
/// 59 bytes, 61 to 69 with a nonce.
///
/// Without a nonce it is what `openssl ts -query -sha256 -cert -no_nonce` makes of the text, byte for byte.
///
/// ```
/// use otp_log::{LogKey, TreeHead, timestamp};
///
/// let log = LogKey::from_seed("log.example/otp/acme", &[7; 32])?;
/// let checkpoint = log.sign(TreeHead::EMPTY).checkpoint()?;
/// assert_eq!(timestamp::request(&checkpoint, None).len(), 59);
/// # Ok::<(), otp_log::ParseError>(())
/// ```
#[must_use]
pub fn request(checkpoint: &Checkpoint, nonce: Option<u64>) -> Vec<u8> {
    let mut body = Vec::from([0x02, 0x01, 0x01]); // version 1
    body.extend(IMPRINT);
    body.extend(imprint(checkpoint));
    if let Some(nonce) = nonce {
        let bytes = integer(nonce);
        body.push(0x02);
        body.extend([u8::try_from(bytes.len()).unwrap_or(0)]); // at most 9
        body.extend(bytes);
    }
    body.extend([0x01, 0x01, 0xff]); // certReq
    let mut request = Vec::from([0x30, u8::try_from(body.len()).unwrap_or(0)]); // at most 67
    request.extend(body);
    request
}

/// Writes a number as the content of a DER integer: no byte more than needed, and positive.
fn integer(number: u64) -> Vec<u8> {
    let bytes = u128::from(number).to_be_bytes();
    let len = (64 - number.leading_zeros()) / 8 + 1; // one bit of sign
    bytes[bytes.len() - len as usize..].to_vec()
}

fn imprint(checkpoint: &Checkpoint) -> [u8; 32] {
    Sha256::digest(checkpoint.text()).into()
}

/// Checks that an authority granted a time-stamp over this checkpoint, and returns when by its clock.
///
/// **No signature is verified here**: that needs the authority's certificates, and is the auditor's business. The
/// check keeps an answer to something else from being stored.
///
/// # Errors
///
/// [`ParseError`] for more than 16 KiB, what is not a TimeStampResp in DER (RFC 3161, section 2.4.2), a status other than
/// 0 (granted) and 1 (granted with changes), another imprint or hash than SHA-256 of the text, another nonce than
/// the request's, and a time that is none.
pub fn check_answer(
    checkpoint: &Checkpoint,
    nonce: Option<u64>,
    answer: &[u8],
) -> Result<Timestamp, ParseError> {
    const FORM: ParseError = ParseError::new("time-stamp answer", "a TimeStampResp in DER");
    if answer.len() > MAX_ANSWER {
        return Err(ParseError::new("time-stamp answer", "at most 16,384 bytes"));
    }
    let info = token(answer)?;
    let mut info = Der(info);
    if info.next(INTEGER) != Some(&[1]) {
        return Err(FORM);
    }
    info.next(OID).ok_or(FORM)?; // the authority's policy
    let mut about = Der(info.next(SEQUENCE).ok_or(FORM)?);
    let mut algorithm = Der(about.next(SEQUENCE).ok_or(FORM)?);
    let digest = about.next(OCTETS).ok_or(FORM)?;
    if algorithm.next(OID) != Some(SHA256) || digest != imprint(checkpoint) {
        return Err(ParseError::new(
            "imprint of the time-stamp",
            "SHA-256 of the checkpoint's text",
        ));
    }
    info.next(INTEGER).ok_or(FORM)?; // the serial number
    let time = info.next(TIME).and_then(general_time);
    let time = time.ok_or(ParseError::new(
        "time of the time-stamp",
        "YYYYMMDDhhmmss, a fraction if any, and Z",
    ))?;
    info.next(SEQUENCE); // accuracy, which is optional
    info.next(BOOLEAN); // ordering, which is optional
    let same = info.next(INTEGER) == nonce.map(integer).as_deref();
    same.then_some(time).ok_or(ParseError::new(
        "nonce of the time-stamp",
        "that of the request, and none if it had none",
    ))
}

/// Goes down from the answer to the TSTInfo (RFC 3161, section 2.4.2; RFC 5652, section 5).
fn token(answer: &[u8]) -> Result<&[u8], ParseError> {
    const FORM: ParseError = ParseError::new("time-stamp answer", "a TimeStampResp in DER");
    let mut whole = Der(answer);
    let mut response = Der(whole.next(SEQUENCE).ok_or(FORM)?);
    let mut status = Der(response.next(SEQUENCE).ok_or(FORM)?);
    let status = status.next(INTEGER).ok_or(FORM)?;
    if !matches!(status, [0 | 1]) {
        return Err(ParseError::new(
            "status of the time-stamp",
            "0 (granted) or 1 (granted with changes)",
        ));
    }
    let mut found = None;
    if let Some(token) = response.next(SEQUENCE) {
        found = signed_content(token);
    }
    let ends = whole.0.is_empty() && response.0.is_empty();
    found.filter(|_| ends).ok_or(FORM)
}

/// Goes down from a ContentInfo to the content that is signed.
fn signed_content(token: &[u8]) -> Option<&[u8]> {
    let mut token = Der(token);
    (token.next(OID)? == SIGNED_DATA).then_some(())?;
    let mut signed = Der(token.next(CONTEXT_0)?);
    let mut signed = Der(signed.next(SEQUENCE)?);
    signed.next(INTEGER)?; // version
    signed.next(SET)?; // digest algorithms
    let mut content = Der(signed.next(SEQUENCE)?);
    (content.next(OID)? == TST_INFO).then_some(())?;
    let mut octets = Der(content.next(CONTEXT_0)?);
    let mut info = Der(octets.next(OCTETS)?);
    let fields = info.next(SEQUENCE)?;
    info.0.is_empty().then_some(fields)
}

const BOOLEAN: u8 = 0x01;
const INTEGER: u8 = 0x02;
const OCTETS: u8 = 0x04;
const OID: u8 = 0x06;
const TIME: u8 = 0x18;
const SEQUENCE: u8 = 0x30;
const SET: u8 = 0x31;
const CONTEXT_0: u8 = 0xa0;

/// What is left of DER (X.690), with definite lengths alone.
struct Der<'a>(&'a [u8]);

impl<'a> Der<'a> {
    /// Takes the next element if it has this tag, and returns its content.
    fn next(&mut self, tag: u8) -> Option<&'a [u8]> {
        let ([found, first], rest) = self.0.split_first_chunk()?;
        if *found != tag {
            return None;
        }
        let (len, rest) = match *first {
            short @ 0..=0x7f => (usize::from(short), rest),
            // At most 16 KiB: two bytes are enough.
            0x81 => {
                let ([len], rest) = rest.split_first_chunk()?;
                (usize::from(*len), rest)
            }
            0x82 => {
                let (len, rest) = rest.split_first_chunk()?;
                (usize::from(u16::from_be_bytes(*len)), rest)
            }
            _ => return None,
        };
        let (content, rest) = rest.split_at_checked(len)?;
        self.0 = rest;
        Some(content)
    }
}

/// Reads a GeneralizedTime as RFC 3161 has it, in UTC; a fraction of a second is cut off.
fn general_time(text: &[u8]) -> Option<Timestamp> {
    let text = core::str::from_utf8(text).ok()?.strip_suffix('Z')?;
    let (text, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let all_digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    if text.len() != 14 || !all_digits(text) || !all_digits(fraction) {
        return None;
    }
    let part = |from: usize| text[from..from + 2].parse::<u8>().ok();
    let month = Month::try_from(part(4)?).ok()?;
    let date = Date::from_calendar_date(text[..4].parse().ok()?, month, part(6)?).ok()?;
    let time = Time::from_hms(part(8)?, part(10)?, part(12)?).ok()?;
    let instant = UtcDateTime::new(date, time);
    Some(Timestamp::from_unix(instant.unix_timestamp()))
}

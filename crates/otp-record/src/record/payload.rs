//! The payload of a record, read member by member: nothing that was signed goes unread.

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use base64ct::{Base64UrlUnpadded, Encoding};

use super::fault::{RecordError, RecordFault};
use super::{RecordDetail, RecordId};
use crate::Timestamp;
use crate::disclosure;
use crate::json::{self, Object, Value};
use crate::jws::MAX_PAYLOAD;

/// What a record says about what was approved.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct DocumentFacts {
    /// `doc.dig`: SHA-256 of the thing approved; `None` if it is committed to, and not disclosed.
    pub digest: Option<[u8; 32]>,
    /// `doc.size`: its size in bytes.
    pub size: Option<u64>,
    /// `doc.type`: its media type.
    pub media_type: Option<String>,
}

/// What a record says about the captured signature; the image itself rests with the host.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct ImageFacts {
    /// `img.dig`: SHA-256 of the image.
    pub digest: [u8; 32],
    /// `img.size`: its size in bytes.
    pub size: u64,
    /// `img.type`: its media type.
    pub media_type: String,
}

/// What a record says about the code that was answered; never the code.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct OtpFacts {
    /// `otp.id`: the challenge; of a device's code, a name for the answer alone.
    pub id: String,
    /// `otp.chan`: how the code came to the user.
    pub channel: Channel,
    /// `otp.sent`: when it was sent; `None` for a device's code, which is not.
    pub sent_at: Option<Timestamp>,
    /// `otp.done`: when it was answered.
    pub answered_at: Timestamp,
    /// `otp.tries`: how many answers were compared, the right one included.
    pub attempts: u64,
    /// `otp.sends`: how often it was sent; `None` for a device's code.
    pub sends: Option<u64>,
    /// `otp.len`: how many digits it had.
    pub digits: u64,
    /// The device that made the code, where one did.
    pub device: Option<DeviceFacts>,
}

/// What a record says about the device that made a code: the operator says so.
///
/// A code of HOTP or TOTP depends on nothing that is approved. One of OCRA does: the question is a digest of the
/// binding, as the operator can show with its keys.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct DeviceFacts {
    /// `otp.cred`: names the credential among the operator's, and nothing to others.
    pub credential: [u8; CREDENTIAL],
    /// `otp.ctr`: the counter of the code, or its time step; `None` where an OCRA suite has neither.
    pub counter: Option<u64>,
    /// `otp.alg`: the hash function of HOTP or TOTP: `SHA1`, `SHA256` or `SHA512`.
    pub algorithm: Option<String>,
    /// `otp.per`: the length of a time step of TOTP, in seconds.
    pub period: Option<u64>,
    /// `otp.suite`: the suite of OCRA (RFC 6287, section 6).
    pub suite: Option<String>,
    /// `otp.q`: the question that the device of OCRA was asked.
    pub question: Option<String>,
}

/// The length of the name of a credential, in bytes.
pub(super) const CREDENTIAL: usize = 20;

/// How a code came to the user: the member `otp.chan`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Channel {
    /// `sms`: to a mobile number.
    Sms,
    /// `email`: to an e-mail address.
    Email,
    /// `hotp`: a device with a counter made it (RFC 4226).
    Hotp,
    /// `totp`: a device with a clock made it (RFC 6238).
    Totp,
    /// `ocra`: a device that was asked about the record made it (RFC 6287).
    Ocra,
}

/// All members of a payload.
pub(super) struct Payload {
    pub(super) id: RecordId,
    pub(super) n: u64,
    pub(super) tenant: String,
    pub(super) verified_at: Timestamp,
    pub(super) purpose: String,
    pub(super) prev: Option<[u8; 32]>,
    pub(super) model: String,
    pub(super) field: String,
    pub(super) record: String,
    pub(super) revision: Option<String>,
    pub(super) document: Option<DocumentFacts>,
    pub(super) user: String,
    pub(super) otp: OtpFacts,
    pub(super) image: Option<ImageFacts>,
    pub(super) consent: Option<String>,
    pub(super) digests: Vec<(&'static str, String)>,
}

impl Channel {
    /// Returns the value of `otp.chan`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Sms => "sms",
            Self::Email => "email",
            Self::Hotp => "hotp",
            Self::Totp => "totp",
            Self::Ocra => "ocra",
        }
    }

    /// Reads a value of `otp.chan`, of a payload of this version.
    fn parse(name: &str, version: i64) -> Option<Self> {
        [
            (Self::Sms, 1),
            (Self::Email, 1),
            (Self::Hotp, 2),
            (Self::Totp, 2),
            (Self::Ocra, 2),
        ]
        .into_iter()
        .find(|(channel, since)| channel.name() == name && *since <= version)
        .map(|(channel, _)| channel)
    }
}

impl DocumentFacts {
    /// Reads `doc`, and adds what it commits to to `digests`.
    fn read(
        mut doc: Members,
        digests: &mut Vec<(&'static str, String)>,
    ) -> Result<Self, RecordFault> {
        let hidden = doc.digests()?;
        doc.is_sha_256()?;
        let facts = Self {
            digest: doc.optional("dig", Members::digest)?,
            size: doc.optional("size", Members::count)?,
            media_type: doc.optional("type", Members::text)?,
        };
        doc.finish()?;
        // In clear or committed to; one of the two, and once.
        if usize::from(facts.digest.is_some()) + hidden.len() != 1 {
            return Err(RecordFault::Member {
                within: "doc",
                name: "dig",
            });
        }
        digests.extend(hidden);
        Ok(facts)
    }
}

impl ImageFacts {
    /// Reads `img`.
    fn read(mut img: Members) -> Result<Self, RecordFault> {
        img.is_sha_256()?;
        let facts = Self {
            digest: img.digest("dig")?,
            size: img.count("size")?,
            media_type: img.text("type")?,
        };
        img.finish()?;
        Ok(facts)
    }
}

impl OtpFacts {
    /// Reads the members of `otp`; the caller finishes it.
    fn read(otp: &mut Members, version: i64) -> Result<Self, RecordFault> {
        let channel = otp.text("chan")?;
        let channel = Channel::parse(&channel, version).ok_or(otp.bad("chan"))?;
        let is_sent = matches!(channel, Channel::Sms | Channel::Email);
        Ok(Self {
            id: otp.text("id")?,
            channel,
            sent_at: otp.only_if(is_sent, "sent", Members::instant)?,
            answered_at: otp.instant("done")?,
            attempts: otp.count("tries")?,
            sends: otp.only_if(is_sent, "sends", Members::count)?,
            digits: otp.count("len")?,
            device: match is_sent {
                true => None,
                false => Some(DeviceFacts::read(otp, channel)?),
            },
        })
    }
}

impl DeviceFacts {
    /// Reads the members of `otp` that tell of a device.
    fn read(otp: &mut Members, channel: Channel) -> Result<Self, RecordFault> {
        let is_ocra = channel == Channel::Ocra;
        Ok(Self {
            credential: otp.bytes("cred")?,
            counter: match is_ocra {
                true => otp.optional("ctr", Members::decimal)?,
                false => Some(otp.decimal("ctr")?),
            },
            algorithm: otp.only_if(!is_ocra, "alg", Members::text)?,
            period: otp.only_if(channel == Channel::Totp, "per", Members::count)?,
            suite: otp.only_if(is_ocra, "suite", Members::text)?,
            question: otp.only_if(is_ocra, "q", Members::text)?,
        })
    }
}

impl Payload {
    /// Reads a payload of version 1 or 2.
    pub(super) fn read(bytes: &[u8]) -> Result<Self, RecordError> {
        let top = json::read_object(bytes, MAX_PAYLOAD).map_err(|error| {
            RecordError::nameless(RecordFault::Json {
                at: error.at,
                what: error.what,
            })
        })?;
        let (n, id) = names(&top);
        Self::of(top).map_err(|reason| RecordError::named(n, id, reason))
    }

    fn of(top: Object) -> Result<Self, RecordFault> {
        let mut top = Members::new("payload", top);
        let version = top.integer("v")?;
        if !(1..=2).contains(&version) {
            return Err(RecordFault::Version(version));
        }
        if top.text("_sd_alg")? != "sha-256" {
            return Err(top.bad("_sd_alg"));
        }
        let id = RecordId::parse(&top.text("jti")?).ok_or(top.bad("jti"))?;
        let n = top.count("n")?;
        let prev = top.optional("prev", Members::digest)?;
        if n == 0 || (n == 1) != prev.is_none() {
            return Err(top.bad(if n == 0 { "n" } else { "prev" }));
        }
        let mut digests = Vec::new();
        let mut reference = top.object("ref")?;
        let mut who = top.object("who")?;
        digests.extend(who.digests()?);
        let mut otp = top.object("otp")?;
        let document = match top.optional("doc", Members::object)? {
            Some(doc) => Some(DocumentFacts::read(doc, &mut digests)?),
            None => None,
        };
        let image = top.optional("img", Members::object)?;
        let image = image.map(ImageFacts::read).transpose()?;
        if let Some(mut ctx) = top.optional("ctx", Members::object)? {
            digests.extend(ctx.digests()?);
            ctx.finish()?;
        }
        let payload = Self {
            id,
            n,
            tenant: top.text("iss")?,
            verified_at: top.instant("iat")?,
            purpose: top.text("act")?,
            prev,
            model: reference.text("model")?,
            field: reference.text("field")?,
            record: reference.text("record")?,
            revision: reference.optional("rev", Members::text)?,
            document,
            user: who.text("user")?,
            otp: OtpFacts::read(&mut otp, version)?,
            image,
            consent: top.optional("txt", Members::text)?,
            digests,
        };
        for members in [top, reference, who, otp] {
            members.finish()?;
        }
        let mut sorted: Vec<&str> = payload
            .digests
            .iter()
            .map(|(_, digest)| digest.as_str())
            .collect();
        sorted.sort_unstable();
        if sorted.windows(2).any(|pair| pair[0] == pair[1]) {
            return Err(RecordFault::DigestDuplicate);
        }
        Ok(payload)
    }

    /// Matches disclosures with their digests: each digest at most once, no disclosure without one.
    pub(super) fn disclose(
        &self,
        disclosures: &[impl AsRef<str>],
    ) -> Result<Vec<(RecordDetail, String)>, RecordFault> {
        let mut said: Vec<(RecordDetail, String)> = Vec::new();
        for (i, text) in disclosures.iter().enumerate() {
            let text = text.as_ref();
            if disclosures[..i]
                .iter()
                .any(|earlier| earlier.as_ref() == text)
            {
                return Err(RecordFault::DisclosureDuplicate(i));
            }
            let disclosure = disclosure::read(text).ok_or(RecordFault::DisclosureMalformed(i))?;
            let digest = disclosure::digest(text);
            let place = self.digests.iter().find(|(_, named)| *named == digest);
            let (place, _) = place.ok_or(RecordFault::DisclosureForged(i))?;
            let detail = RecordDetail::parse(&disclosure.name)
                .filter(|detail| detail.place() == *place)
                .ok_or(RecordFault::DisclosureMisplaced(i))?;
            if detail == RecordDetail::ContentDigest && bytes_of_digest(&disclosure.value).is_none()
            {
                return Err(RecordFault::DisclosureMalformed(i));
            }
            if said.iter().any(|(earlier, _)| *earlier == detail) {
                return Err(RecordFault::DisclosureDuplicate(i));
            }
            said.push((detail, disclosure.value));
        }
        Ok(said)
    }
}

/// What a payload that may be no record's says of itself.
pub(super) fn names(top: &Object) -> (Option<u64>, Option<RecordId>) {
    let n = match top.get("n") {
        Some(Value::Integer(n)) => u64::try_from(n.get()).ok(),
        _ => None,
    };
    let id = match top.get("jti") {
        Some(Value::Text(text)) => RecordId::parse(text),
        _ => None,
    };
    (n, id)
}

/// Reads 32 bytes in base64url.
pub(super) fn bytes_of_digest(text: &str) -> Option<[u8; 32]> {
    bytes_of(text)
}

/// Reads exactly so many bytes in base64url.
fn bytes_of<const LENGTH: usize>(text: &str) -> Option<[u8; LENGTH]> {
    let mut bytes = [0; LENGTH];
    let read = Base64UrlUnpadded::decode(text, &mut bytes).ok()?;
    (read.len() == LENGTH).then_some(bytes)
}

/// The members of one object that were not read yet.
struct Members {
    place: &'static str,
    left: Object,
}

impl Members {
    const fn new(place: &'static str, left: Object) -> Self {
        Self { place, left }
    }

    fn text(&mut self, name: &'static str) -> Result<String, RecordFault> {
        match self.left.take(name) {
            Some(Value::Text(text)) => Ok(text),
            _ => Err(self.bad(name)),
        }
    }

    fn integer(&mut self, name: &'static str) -> Result<i64, RecordFault> {
        match self.left.take(name) {
            Some(Value::Integer(integer)) => Ok(integer.get()),
            _ => Err(self.bad(name)),
        }
    }

    fn count(&mut self, name: &'static str) -> Result<u64, RecordFault> {
        let integer = self.integer(name)?;
        u64::try_from(integer).map_err(|_| self.bad(name))
    }

    fn instant(&mut self, name: &'static str) -> Result<Timestamp, RecordFault> {
        let seconds = self.integer(name)?;
        if seconds < 0 {
            return Err(self.bad(name));
        }
        Ok(Timestamp::from_unix(seconds))
    }

    fn digest(&mut self, name: &'static str) -> Result<[u8; 32], RecordFault> {
        self.bytes(name)
    }

    fn bytes<const LENGTH: usize>(
        &mut self,
        name: &'static str,
    ) -> Result<[u8; LENGTH], RecordFault> {
        let text = self.text(name)?;
        bytes_of(&text).ok_or_else(|| self.bad(name))
    }

    /// A number as text, for one that may be above 2^53 - 1: decimal, as it is written, with no zero before it.
    fn decimal(&mut self, name: &'static str) -> Result<u64, RecordFault> {
        let text = self.text(name)?;
        let number = text.parse().ok();
        number
            .filter(|number: &u64| number.to_string() == text)
            .ok_or_else(|| self.bad(name))
    }

    /// Reads a member that stands there if `is_due`, and never else.
    fn only_if<T>(
        &mut self,
        is_due: bool,
        name: &'static str,
        read: impl FnOnce(&mut Self, &'static str) -> Result<T, RecordFault>,
    ) -> Result<Option<T>, RecordFault> {
        // One that is not due is left, and found as unknown at the end.
        is_due.then(|| read(self, name)).transpose()
    }

    fn object(&mut self, name: &'static str) -> Result<Self, RecordFault> {
        match self.left.take(name) {
            Some(Value::Object(object)) => Ok(Self::new(name, object)),
            _ => Err(self.bad(name)),
        }
    }

    fn optional<T>(
        &mut self,
        name: &'static str,
        read: impl FnOnce(&mut Self, &'static str) -> Result<T, RecordFault>,
    ) -> Result<Option<T>, RecordFault> {
        if self.left.get(name).is_none() {
            return Ok(None);
        }
        read(self, name).map(Some)
    }

    /// Reads `_sd`: absent, or a list of digests that is not empty.
    fn digests(&mut self) -> Result<Vec<(&'static str, String)>, RecordFault> {
        let (place, bad) = (self.place, self.bad("_sd"));
        match self.left.take("_sd") {
            None => Ok(Vec::new()),
            Some(Value::List(list)) if !list.is_empty() => list
                .into_iter()
                .map(|digest| match digest {
                    Value::Text(text) if bytes_of_digest(&text).is_some() => Ok((place, text)),
                    _ => Err(bad),
                })
                .collect(),
            Some(_) => Err(bad),
        }
    }

    fn is_sha_256(&mut self) -> Result<(), RecordFault> {
        if self.text("alg")? == "sha-256" {
            return Ok(());
        }
        Err(self.bad("alg"))
    }

    fn finish(self) -> Result<(), RecordFault> {
        match self.left.any_name() {
            Some(_) => Err(RecordFault::UnknownMember(self.place)),
            None => Ok(()),
        }
    }

    const fn bad(&self, name: &'static str) -> RecordFault {
        RecordFault::Member {
            within: self.place,
            name,
        }
    }
}

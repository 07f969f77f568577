//! Making a record: plain facts in, one signed record out. For otp-engine; no part of the public API.
#![expect(
    clippy::exhaustive_enums,
    clippy::exhaustive_structs,
    missing_debug_implementations,
    reason = "the engine alone makes records, and they hold what no log may show"
)]

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use base64ct::{Base64UrlUnpadded, Encoding};

use super::payload::CREDENTIAL;
use super::{Channel, RecordDetail, RecordId, SignatureRecord};
use crate::Timestamp;
use crate::disclosure::{self, MAX_DISCLOSURE, SALT};
use crate::json::{Integer, Object, Value};
use crate::jws::{self, MAX_PAYLOAD};
use crate::signing::{KeyError, SigningKey};

/// How many salts a record may need: one for each detail, a record having one address.
pub const SALTS: usize = 6;

/// Fresh random salts, for one record alone.
pub type Salts = [[u8; SALT]; SALTS];

/// What a record is made of. Texts are taken as they are: their words have checked them.
#[derive(Clone, Copy)]
pub struct Facts<'a> {
    pub tenant: &'a str,
    pub id: RecordId,
    pub verified_at: Timestamp,
    pub purpose: &'a str,
    /// The record's place in its field, from 1.
    pub n: u64,
    /// The digest of the record before: of each but the first.
    pub prev: Option<[u8; 32]>,
    pub model: &'a str,
    pub field: &'a str,
    pub record: &'a str,
    pub revision: Option<&'a str>,
    pub content: Option<Content<'a>>,
    pub user: &'a str,
    pub user_name: Option<&'a str>,
    pub signer_name: Option<&'a str>,
    pub ip: Option<&'a str>,
    pub agent: Option<&'a str>,
    pub otp: Otp<'a>,
    pub image: Option<Image<'a>>,
    pub consent: Option<&'a str>,
}

/// What was approved: `Binding.content`, and what is known of the document.
#[derive(Clone, Copy)]
pub struct Content<'a> {
    pub digest: [u8; 32],
    pub guessing: Guessing,
    pub size: Option<u64>,
    pub media_type: Option<&'a str>,
}

/// Whether someone who holds the digest alone can find the content by trying.
#[derive(Clone, Copy, Eq, PartialEq)]
pub enum Guessing {
    /// A document: the digest stands in the payload.
    Hopeless,
    /// Under 64 bits of entropy, an amount say: the digest is committed to, and can be erased.
    Feasible,
}

/// Where the code was sent.
#[derive(Clone, Copy)]
pub enum Address<'a> {
    Number(&'a str),
    Email(&'a str),
}

/// What is told of the code: never its digits, nor what they derive from.
#[derive(Clone, Copy)]
pub struct Otp<'a> {
    pub id: &'a str,
    pub attempts: u32,
    pub digits: u32,
    pub maker: Maker<'a>,
}

/// Who made the code.
#[derive(Clone, Copy)]
pub enum Maker<'a> {
    /// The engine, which had it sent.
    Engine {
        address: Address<'a>,
        sent_at: Timestamp,
        sends: u32,
    },
    /// A device of the user's.
    Device(Device<'a>),
}

/// The device, and what its code was made of.
#[derive(Clone, Copy)]
pub struct Device<'a> {
    pub kind: DeviceKind<'a>,
    /// Names the credential among the operator's, and nothing to others.
    pub credential: [u8; CREDENTIAL],
    /// The counter or time step.
    pub counter: Option<u64>,
}

/// How the device makes its codes.
#[derive(Clone, Copy)]
pub enum DeviceKind<'a> {
    Hotp { algorithm: &'a str },
    Totp { algorithm: &'a str, period: u32 },
    Ocra { suite: &'a str, question: &'a str },
}

/// The captured signature; the bytes stay with the host.
#[derive(Clone, Copy)]
pub struct Image<'a> {
    pub digest: [u8; 32],
    pub size: u64,
    pub media_type: &'a str,
}

/// The reason why facts make no record.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Unfit {
    /// The key may not sign at `verified_at`.
    Key(KeyError),
    /// A detail is longer than a disclosure may be: about 3,000 bytes.
    Detail(RecordDetail),
    /// All else together makes a payload of more than 8 KiB: this many bytes.
    Payload(usize),
    /// A number or an instant is negative or above 2^53 - 1, or `n` and `prev` do not fit: the member.
    Number(&'static str),
}

/// Signs `facts`; `key` must be in use at `verified_at`.
pub fn sign(facts: &Facts<'_>, salts: &Salts, key: &SigningKey) -> Result<SignatureRecord, Unfit> {
    key.signs_at(facts.verified_at).map_err(Unfit::Key)?;
    let (payload, disclosures) = facts.payload(salts)?;
    Ok(SignatureRecord {
        jws: jws::sign(&payload, key),
        disclosures,
        erasures: Vec::new(),
        id: facts.id,
        n: facts.n,
        prev: facts.prev,
    })
}

impl Facts<'_> {
    /// The format that the payload has: the first that has all its members.
    const fn version(&self) -> u32 {
        match self.otp.maker {
            Maker::Engine { .. } => 1, // the `v` of docs/formats.md
            Maker::Device(_) => 2,     // the `v` of docs/formats.md
        }
    }

    fn payload(&self, salts: &Salts) -> Result<(String, Vec<String>), Unfit> {
        if self.n == 0 || (self.n == 1) != self.prev.is_none() {
            return Err(Unfit::Number("n"));
        }
        let mut details = Details {
            salts: salts.iter(),
            disclosures: Vec::new(),
        };
        let mut top = Object::new();
        top.set("_sd_alg", "sha-256");
        top.set("v", Integer::from(self.version()));
        top.set("iss", self.tenant);
        top.set("jti", self.id.to_string());
        top.set("iat", seconds(self.verified_at, "iat")?);
        top.set("act", self.purpose);
        top.set("n", count(self.n, "n")?);
        if let Some(prev) = self.prev {
            top.set("prev", base64(&prev));
        }
        let mut reference = Object::new();
        reference.set("model", self.model);
        reference.set("field", self.field);
        reference.set("record", self.record);
        set_some(&mut reference, "rev", self.revision);
        top.set("ref", reference);
        let mut who = Object::new();
        who.set("user", self.user);
        let (number, email) = self.otp.maker.address();
        details.commit(
            &mut who,
            &[
                (RecordDetail::UserName, self.user_name),
                (RecordDetail::SignerName, self.signer_name),
                (RecordDetail::Number, number),
                (RecordDetail::Email, email),
            ],
        )?;
        top.set("who", who);
        let mut ctx = Object::new();
        details.commit(
            &mut ctx,
            &[
                (RecordDetail::Ip, self.ip),
                (RecordDetail::Agent, self.agent),
            ],
        )?;
        if ctx.any_name().is_some() {
            top.set("ctx", ctx);
        }
        if let Some(content) = self.content {
            let mut doc = Object::new();
            doc.set("alg", "sha-256");
            let digest = base64(&content.digest);
            match content.guessing {
                Guessing::Hopeless => doc.set("dig", digest),
                Guessing::Feasible => {
                    details.commit(&mut doc, &[(RecordDetail::ContentDigest, Some(&digest))])?;
                }
            }
            if let Some(size) = content.size {
                doc.set("size", count(size, "doc.size")?);
            }
            set_some(&mut doc, "type", content.media_type);
            top.set("doc", doc);
        }
        top.set("otp", self.otp.object(self.verified_at)?);
        if let Some(image) = self.image {
            let mut img = Object::new();
            img.set("alg", "sha-256");
            img.set("dig", base64(&image.digest));
            img.set("size", count(image.size, "img.size")?);
            img.set("type", image.media_type);
            top.set("img", img);
        }
        set_some(&mut top, "txt", self.consent);
        let payload = top.to_json();
        if payload.len() > MAX_PAYLOAD {
            return Err(Unfit::Payload(payload.len()));
        }
        Ok((payload, details.disclosures))
    }
}

impl Otp<'_> {
    fn object(&self, verified_at: Timestamp) -> Result<Object, Unfit> {
        let mut otp = Object::new();
        otp.set("id", self.id);
        otp.set("chan", self.maker.channel().name());
        otp.set("done", seconds(verified_at, "otp.done")?);
        otp.set("tries", Integer::from(self.attempts));
        otp.set("len", Integer::from(self.digits));
        match self.maker {
            Maker::Engine { sent_at, sends, .. } => {
                otp.set("sent", seconds(sent_at, "otp.sent")?);
                otp.set("sends", Integer::from(sends));
            }
            Maker::Device(device) => device.describe(&mut otp),
        }
        Ok(otp)
    }
}

impl<'a> Maker<'a> {
    const fn channel(self) -> Channel {
        match self {
            Self::Engine { address, .. } => match address {
                Address::Number(_) => Channel::Sms,
                Address::Email(_) => Channel::Email,
            },
            Self::Device(device) => match device.kind {
                DeviceKind::Hotp { .. } => Channel::Hotp,
                DeviceKind::Totp { .. } => Channel::Totp,
                DeviceKind::Ocra { .. } => Channel::Ocra,
            },
        }
    }

    /// Where the code was sent, if it was: a number or an e-mail address.
    const fn address(self) -> (Option<&'a str>, Option<&'a str>) {
        match self {
            Self::Engine { address, .. } => match address {
                Address::Number(number) => (Some(number), None),
                Address::Email(email) => (None, Some(email)),
            },
            Self::Device(_) => (None, None),
        }
    }
}

impl Device<'_> {
    fn describe(&self, otp: &mut Object) {
        otp.set("cred", base64(&self.credential));
        // As text: a counter may be above 2^53 - 1, where JSON's numbers end.
        set_some(
            otp,
            "ctr",
            self.counter.map(|counter| counter.to_string()).as_deref(),
        );
        match self.kind {
            DeviceKind::Hotp { algorithm } => otp.set("alg", algorithm),
            DeviceKind::Totp { algorithm, period } => {
                otp.set("alg", algorithm);
                otp.set("per", Integer::from(period));
            }
            DeviceKind::Ocra { suite, question } => {
                otp.set("suite", suite);
                otp.set("q", question);
            }
        }
    }
}

/// The details of a record being made.
struct Details<'s> {
    salts: core::slice::Iter<'s, [u8; SALT]>,
    disclosures: Vec<String>,
}

impl Details<'_> {
    /// Puts the digests of `details` into `_sd` of `object`, sorted: their order tells nothing.
    fn commit(
        &mut self,
        object: &mut Object,
        details: &[(RecordDetail, Option<&str>)],
    ) -> Result<(), Unfit> {
        let mut digests = Vec::new();
        for (detail, value) in details {
            let Some(value) = value else { continue };
            // A salt serves one detail alone; there is one for each that a record can have.
            let salt = self.salts.next().ok_or(Unfit::Detail(*detail))?;
            let disclosure = disclosure::write(salt, detail.name(), value);
            if disclosure.len() > MAX_DISCLOSURE {
                return Err(Unfit::Detail(*detail));
            }
            digests.push(disclosure::digest(&disclosure));
            self.disclosures.push(disclosure);
        }
        digests.sort_unstable();
        if !digests.is_empty() {
            let digests: Vec<Value> = digests.into_iter().map(Value::from).collect();
            object.set("_sd", digests);
        }
        Ok(())
    }
}

fn set_some(object: &mut Object, name: &str, text: Option<&str>) {
    if let Some(text) = text {
        object.set(name, text);
    }
}

fn base64(bytes: &[u8]) -> String {
    Base64UrlUnpadded::encode_string(bytes)
}

fn count(value: u64, name: &'static str) -> Result<Integer, Unfit> {
    let value = i64::try_from(value).ok().and_then(Integer::new);
    value.ok_or(Unfit::Number(name))
}

fn seconds(instant: Timestamp, name: &'static str) -> Result<Integer, Unfit> {
    let seconds = u64::try_from(instant.unix()).map_err(|_| Unfit::Number(name))?;
    count(seconds, name)
}

//! Evidence: what is given with an entered code, and what a policy requires of it.

use alloc::string::String;
use core::fmt;

use sha2::{Digest, Sha256};

use crate::{Binding, Policy, shown};

/// What a host gives with an entered code, for the signature record.
///
/// All of it is checked before anything is loaded or compared: what is missing, too large or does
/// not fit (a text that shows nothing, or otherwise than it is stored, fits nowhere) is a [`Rejection::Evidence`](crate::Rejection::Evidence), and no attempt is used.
///
/// ```
/// use otp_engine::Evidence;
///
/// # let pdf = b"%PDF-1.7 ...";
/// let evidence = Evidence::new()
///     .signer_name("Siti Aminah")
///     .document(pdf)
///     .consent("I accept the loan offer.")
///     .ip("203.0.113.7");
/// # let _ = evidence;
/// ```
#[derive(Clone, Copy, Default)]
#[must_use]
pub struct Evidence<'a> {
    user_name: Option<&'a str>,
    signer_name: Option<&'a str>,
    document: Option<&'a [u8]>,
    image: Option<&'a [u8]>,
    consent: Option<&'a str>,
    revision: Option<&'a str>,
    ip: Option<&'a str>,
    agent: Option<&'a str>,
}

impl<'a> Evidence<'a> {
    /// Starts with nothing.
    pub const fn new() -> Self {
        Self {
            user_name: None,
            signer_name: None,
            document: None,
            image: None,
            consent: None,
            revision: None,
            ip: None,
            agent: None,
        }
    }

    /// Sets what the user who is logged in is called: at most 256 bytes. It can be erased.
    pub const fn user_name(mut self, name: &'a str) -> Self {
        self.user_name = Some(name);
        self
    }

    /// Sets the name that the signer entered: at most 256 bytes. It can be erased.
    pub const fn signer_name(mut self, name: &'a str) -> Self {
        self.signer_name = Some(name);
        self
    }

    /// Sets the document that is signed: at most 64 MiB. Its SHA-256 must be the binding's content;
    /// the record holds the digest and the size, never the bytes.
    pub const fn document(mut self, document: &'a [u8]) -> Self {
        self.document = Some(document);
        self
    }

    /// Sets the captured signature: a whole PNG or JPEG of at most 1 MiB, told by its content, of 8
    /// to 4,096 pixels a side. One that says where it was taken (Exif, XMP) is unfit; the crate
    /// `otp-image`, which judges it, says what is wrong with one. The record holds digest, size and
    /// type; the bytes stay with the host.
    pub const fn image(mut self, image: &'a [u8]) -> Self {
        self.image = Some(image);
        self
    }

    /// Sets the sentence of consent that was shown: at most 2,000 bytes.
    pub const fn consent(mut self, consent: &'a str) -> Self {
        self.consent = Some(consent);
        self
    }

    /// Sets the revision of the record that was shown: at most 128 bytes.
    pub const fn revision(mut self, revision: &'a str) -> Self {
        self.revision = Some(revision);
        self
    }

    /// Sets the address from which the code was given: at most 64 bytes. It can be erased.
    pub const fn ip(mut self, ip: &'a str) -> Self {
        self.ip = Some(ip);
        self
    }

    /// Sets the program with which the code was given: at most 512 bytes. It can be erased.
    pub const fn agent(mut self, agent: &'a str) -> Self {
        self.agent = Some(agent);
        self
    }

    /// Checks all that was given, and that what `policy` requires is among it.
    // What it makes is large, and stays where it is made: moved, it costs each verify 100 instructions.
    #[inline(always)]
    pub(crate) fn check(
        &self,
        policy: &Policy,
        binding: &Binding,
    ) -> Result<CheckedEvidence<'a>, EvidenceFault> {
        self.holds(policy.evidence())?;
        for (piece, text, max) in [
            (EvidenceKind::UserName, self.user_name, 256),
            (EvidenceKind::SignerName, self.signer_name, 256),
            (EvidenceKind::Consent, self.consent, 2_000),
            (EvidenceKind::Revision, self.revision, 128),
            (EvidenceKind::Ip, self.ip, 64),
            (EvidenceKind::Agent, self.agent, 512),
        ] {
            let Some(text) = given(text) else { continue };
            if text.len() > max {
                return Err(EvidenceFault::TooLarge(piece));
            }
            let whole = |text| shown::first_hidden(text).is_none();
            let fits = match piece {
                EvidenceKind::Consent => text.split('\n').all(whole),
                _ => whole(text),
            };
            if !fits || !shown::shows(text) {
                return Err(EvidenceFault::Unfit(piece));
            }
        }
        Ok(CheckedEvidence {
            user_name: given(self.user_name),
            signer_name: given(self.signer_name),
            document_size: self
                .document
                .map(|document| fitting(document, binding))
                .transpose()?,
            image: self.image.map(Image::recognise).transpose()?,
            consent: given(self.consent),
            revision: given(self.revision),
            ip: given(self.ip),
            agent: given(self.agent),
            pieces: self.pieces(),
        })
    }

    fn holds(&self, required: EvidenceSet) -> Result<(), EvidenceFault> {
        required
            .missing_from(self.pieces())
            .map_or(Ok(()), |piece| Err(EvidenceFault::Missing(piece)))
    }

    /// Which of the pieces that a policy can require are given; an empty name is none.
    fn pieces(&self) -> EvidenceSet {
        let text = |text: Option<&str>| text.is_some_and(|text| !text.trim().is_empty());
        [
            (EvidenceKind::SignerName, text(self.signer_name)),
            (EvidenceKind::Document, self.document.is_some()),
            (EvidenceKind::Image, self.image.is_some()),
            (EvidenceKind::Consent, text(self.consent)),
        ]
        .into_iter()
        .filter(|(_, given)| *given)
        .fold(EvidenceSet::NONE, |pieces, (piece, _)| pieces.with(piece))
    }
}

impl fmt::Debug for Evidence<'_> {
    /// Shows which pieces there are, nothing of them.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Evidence")
            .field("pieces", &self.pieces())
            .finish_non_exhaustive()
    }
}

/// A text of no bytes is one that was not given.
fn given(text: Option<&str>) -> Option<&str> {
    text.filter(|text| !text.is_empty())
}

/// Returns the size of a document that is the bound content.
fn fitting(document: &[u8], binding: &Binding) -> Result<u64, EvidenceFault> {
    if document.len() > MAX_DOCUMENT {
        return Err(EvidenceFault::TooLarge(EvidenceKind::Document));
    }
    // A public digest of the caller's own document: not a secret.
    let bound = binding
        .content()
        .is_some_and(|content| *content.as_bytes() == <[u8; 32]>::from(Sha256::digest(document)));
    if !bound {
        return Err(EvidenceFault::Unfit(EvidenceKind::Document));
    }
    Ok(document.len() as u64)
}

/// Evidence that fits: what a record is made of.
#[derive(Clone, Copy)]
pub(crate) struct CheckedEvidence<'a> {
    pub(crate) user_name: Option<&'a str>,
    pub(crate) signer_name: Option<&'a str>,
    pub(crate) document_size: Option<u64>,
    pub(crate) image: Option<Image>,
    pub(crate) consent: Option<&'a str>,
    pub(crate) revision: Option<&'a str>,
    pub(crate) ip: Option<&'a str>,
    pub(crate) agent: Option<&'a str>,
    pub(crate) pieces: EvidenceSet,
}

/// A captured signature that was recognised.
#[derive(Clone, Copy)]
pub(crate) struct Image {
    pub(crate) digest: [u8; 32],
    pub(crate) size: u64,
    pub(crate) media_type: &'static str,
}

impl Image {
    fn recognise(image: &[u8]) -> Result<Self, EvidenceFault> {
        if image.len() > MAX_IMAGE {
            return Err(EvidenceFault::TooLarge(EvidenceKind::Image));
        }
        // By content, never by name: an SVG runs scripts where it is shown.
        let media_type =
            otp_image::check(image).map_err(|_| EvidenceFault::Unfit(EvidenceKind::Image))?;
        Ok(Self {
            digest: Sha256::digest(image).into(),
            size: image.len() as u64,
            media_type: media_type.as_str(),
        })
    }
}

/// A piece of evidence.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum EvidenceKind {
    /// The name that the signer entered.
    SignerName,
    /// The document itself.
    Document,
    /// The captured signature.
    Image,
    /// The sentence of consent.
    Consent,
    /// What the user is called.
    UserName,
    /// The revision of the record.
    Revision,
    /// The address.
    Ip,
    /// The program.
    Agent,
}

impl fmt::Display for EvidenceKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::SignerName => "signer_name",
            Self::Document => "document",
            Self::Image => "image",
            Self::Consent => "consent",
            Self::UserName => "user_name",
            Self::Revision => "revision",
            Self::Ip => "ip",
            Self::Agent => "agent",
        })
    }
}

/// What is wrong with evidence.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum EvidenceFault {
    /// The policy requires a piece that was not given, or is empty.
    Missing(EvidenceKind),
    /// A piece is larger than its cap.
    TooLarge(EvidenceKind),
    /// A piece does not fit: the document does not match the content digest of the binding; the image is
    /// no whole PNG or JPEG of 8 to 4,096 pixels a side, or says where it was taken; a text shows
    /// nothing, or holds what is not shown or turns the direction of writing.
    Unfit(EvidenceKind),
}

impl fmt::Display for EvidenceFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing(piece) => write!(f, "{piece} is required but missing"),
            Self::TooLarge(piece) => {
                let max = match piece {
                    EvidenceKind::Document => "64 MiB",
                    EvidenceKind::Image => "1 MiB",
                    EvidenceKind::Consent => "2,000 bytes",
                    EvidenceKind::Agent => "512 bytes",
                    EvidenceKind::SignerName | EvidenceKind::UserName => "256 bytes",
                    EvidenceKind::Revision => "128 bytes",
                    EvidenceKind::Ip => "64 bytes",
                };
                write!(f, "{piece} is too large; it must be at most {max}")
            }
            Self::Unfit(EvidenceKind::Document) => {
                f.write_str("document does not match the content digest of the binding")
            }
            Self::Unfit(EvidenceKind::Image) => f.write_str(
                "image is no whole PNG or JPEG of 8 to 4,096 pixels a side that holds no position",
            ),
            Self::Unfit(piece) => write!(
                f,
                "{piece} shows nothing, or holds a control character or another that is not shown"
            ),
        }
    }
}

/// The pieces of evidence that a policy requires.
#[derive(Clone, Copy, Default, Eq, PartialEq)]
pub struct EvidenceSet(u8);

impl EvidenceSet {
    /// None at all.
    pub const NONE: Self = Self(0);

    /// Adds a piece; those that cannot be required change nothing.
    #[must_use]
    pub const fn with(self, kind: EvidenceKind) -> Self {
        Self(self.0 | Self::bit(kind))
    }

    /// Says whether a piece is among them.
    #[must_use]
    pub const fn contains(self, kind: EvidenceKind) -> bool {
        self.0 & Self::bit(kind) != 0
    }

    const fn bit(kind: EvidenceKind) -> u8 {
        match kind {
            EvidenceKind::SignerName => 1,
            EvidenceKind::Document => 2,
            EvidenceKind::Image => 4,
            EvidenceKind::Consent => 8,
            EvidenceKind::UserName
            | EvidenceKind::Revision
            | EvidenceKind::Ip
            | EvidenceKind::Agent => 0,
        }
    }

    /// Returns the first of these that is not among `given`.
    pub(crate) fn missing_from(self, given: Self) -> Option<EvidenceKind> {
        REQUIRABLE
            .into_iter()
            .find(|piece| self.contains(*piece) && !given.contains(*piece))
    }

    pub(crate) const fn to_byte(self) -> u8 {
        self.0
    }

    /// Reads what a cell holds; `None` for bits that no piece has.
    pub(crate) const fn from_byte(byte: u8) -> Option<Self> {
        if byte < 16 { Some(Self(byte)) } else { None }
    }
}

impl fmt::Debug for EvidenceSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set()
            .entries(REQUIRABLE.into_iter().filter(|piece| self.contains(*piece)))
            .finish()
    }
}

impl fmt::Display for EvidenceSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut names = String::new();
        for piece in REQUIRABLE.into_iter().filter(|piece| self.contains(*piece)) {
            if !names.is_empty() {
                names.push_str(", ");
            }
            names.push_str(&alloc::format!("{piece}"));
        }
        f.write_str(&names)
    }
}

/// The pieces that a policy can require.
const REQUIRABLE: [EvidenceKind; 4] = [
    EvidenceKind::SignerName,
    EvidenceKind::Document,
    EvidenceKind::Image,
    EvidenceKind::Consent,
];

/// The largest captured signature in bytes.
const MAX_IMAGE: usize = 1024 * 1024;

/// The largest document in bytes.
const MAX_DOCUMENT: usize = 64 * 1024 * 1024;

#[cfg(test)]
mod tests {
    use alloc::{string::ToString, vec, vec::Vec};

    use super::*;
    use crate::{ContentDigest, Mobile, Target};

    fn binding(document: &[u8]) -> Binding {
        Binding::builder()
            .tenant("acme")
            .purpose("sign")
            .target(Target {
                model: "m",
                field: "f",
                id: "1",
            })
            .user("7")
            .recipient(Mobile::parse("60123456789").unwrap())
            .content(ContentDigest::of(document))
            .build()
            .unwrap()
    }

    fn fault(policy: &Policy, evidence: Evidence<'_>) -> Option<EvidenceFault> {
        evidence.check(policy, &binding(b"offer")).err()
    }

    /// A photograph that comments make so many bytes long.
    fn jpeg(size: usize) -> Vec<u8> {
        let taken = include_bytes!("../tests/vectors/images/sound/drawn.jpg");
        let mut image = taken[..2].to_vec();
        let mut left = size - taken.len();
        while left > 0 {
            let segment = if left > 60_000 { 30_000 } else { left };
            image.extend([0xFF, 0xFE]);
            image.extend(u16::try_from(segment - 2).unwrap().to_be_bytes());
            image.resize(image.len() + segment - 4, 0);
            left -= segment;
        }
        image.extend(&taken[2..]);
        image
    }

    #[test]
    fn case_86_what_is_required_and_missing_or_unfit_is_named() {
        for piece in REQUIRABLE {
            let policy = Policy::builder().require(piece).build().unwrap();
            assert_eq!(
                fault(&policy, Evidence::new()),
                Some(EvidenceFault::Missing(piece))
            );
        }
        let policy = Policy::default();
        assert_eq!(fault(&policy, Evidence::new()), None);
        assert_eq!(fault(&policy, Evidence::new().document(b"offer")), None);
        let unfit = Some(EvidenceFault::Unfit(EvidenceKind::Document));
        assert_eq!(fault(&policy, Evidence::new().document(b"offer ")), unfit);
        let name = Policy::builder()
            .require(EvidenceKind::SignerName)
            .build()
            .unwrap();
        let missing = Some(EvidenceFault::Missing(EvidenceKind::SignerName));
        assert_eq!(fault(&name, Evidence::new().signer_name(" ")), missing);
        assert_eq!(fault(&name, Evidence::new().signer_name("Siti")), None);
    }

    #[test]
    fn case_87_an_image_is_a_small_png_or_jpeg_by_its_content() {
        let policy = Policy::default();
        let image = |image: &[u8]| fault(&policy, Evidence::new().image(image));
        assert_eq!(image(&jpeg(MAX_IMAGE)), None);
        let drawn = include_bytes!("../tests/vectors/images/sound/drawn.png");
        assert_eq!(image(drawn), None);
        let large = Some(EvidenceFault::TooLarge(EvidenceKind::Image));
        assert_eq!(image(&jpeg(MAX_IMAGE + 1)), large);
        assert_eq!(image(&vec![0; 20_000_000]), large);
        let unfit = Some(EvidenceFault::Unfit(EvidenceKind::Image));
        for other in [
            &b""[..],
            b"<svg onload='x'/>",
            b"GIF89a",
            b"%PDF",
            b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR and the rest",
            b"\xff\xd8",
            b"\xff\xd8\xff",
            b"\xff\xd8\xff\xe0rest",
        ] {
            assert_eq!(image(other), unfit);
        }
    }

    /// Evidence with one text in it.
    fn with(kind: EvidenceKind, text: &str) -> Evidence<'_> {
        match kind {
            EvidenceKind::UserName => Evidence::new().user_name(text),
            EvidenceKind::SignerName => Evidence::new().signer_name(text),
            EvidenceKind::Consent => Evidence::new().consent(text),
            EvidenceKind::Revision => Evidence::new().revision(text),
            EvidenceKind::Ip => Evidence::new().ip(text),
            _ => Evidence::new().agent(text),
        }
    }

    #[test]
    fn texts_are_bounded_and_hold_no_control_characters() {
        let policy = Policy::default();
        let texts = [
            (EvidenceKind::UserName, 256),
            (EvidenceKind::SignerName, 256),
            (EvidenceKind::Consent, 2_000),
            (EvidenceKind::Revision, 128),
            (EvidenceKind::Ip, 64),
            (EvidenceKind::Agent, 512),
        ];
        for (piece, max) in texts {
            let long = "x".repeat(max + 1);
            assert_eq!(fault(&policy, with(piece, &long[1..])), None, "{piece}");
            assert_eq!(
                fault(&policy, with(piece, &long)),
                Some(EvidenceFault::TooLarge(piece))
            );
            let control = with(piece, "a\0b");
            assert_eq!(fault(&policy, control), Some(EvidenceFault::Unfit(piece)));
            let lines = fault(&policy, with(piece, "a\nb"));
            assert_eq!(lines.is_none(), piece == EvidenceKind::Consent);
        }
    }

    #[test]
    fn case_175_a_text_shows_what_it_is() {
        let policy = Policy::default();
        for piece in [
            EvidenceKind::UserName,
            EvidenceKind::SignerName,
            EvidenceKind::Consent,
            EvidenceKind::Revision,
            EvidenceKind::Ip,
            EvidenceKind::Agent,
        ] {
            let unfit = Some(EvidenceFault::Unfit(piece));
            for text in [
                "\u{200b}",
                "Siti\u{202e}imA",
                "Si\u{200b}ti",
                "\u{feff}Siti",
                "Siti\u{2066}",
                "\u{2800}",
                " ",
                "\u{a0}\u{3000}",
                "Siti\u{200d}",
            ] {
                assert_eq!(fault(&policy, with(piece, text)), unfit, "{text:?}");
            }
            for text in ["سيتي", "علی\u{200c}رضا", "陳大文", "ශ්\u{200d}රී", "Núñez"]
            {
                assert_eq!(fault(&policy, with(piece, text)), None, "{text:?}");
            }
            // A text of no bytes is none, and stands in no record.
            let checked = with(piece, "").check(&policy, &binding(b"offer")).unwrap();
            let CheckedEvidence {
                user_name,
                signer_name,
                consent,
                revision,
                ip,
                agent,
                ..
            } = checked;
            assert_eq!(
                [user_name, signer_name, consent, revision, ip, agent],
                [None; 6]
            );
        }
    }

    #[test]
    fn documents_are_bounded() {
        let policy = Policy::default();
        let large = vec![0; MAX_DOCUMENT + 1];
        let too_large = Some(EvidenceFault::TooLarge(EvidenceKind::Document));
        assert_eq!(fault(&policy, Evidence::new().document(&large)), too_large);
    }

    #[test]
    fn a_fault_reads_with_its_bound() {
        let said = |fault: EvidenceFault| fault.to_string();
        assert_eq!(
            said(EvidenceFault::Missing(EvidenceKind::Image)),
            "image is required but missing"
        );
        let bounds = [
            (EvidenceKind::Image, "1 MiB"),
            (EvidenceKind::Document, "64 MiB"),
            (EvidenceKind::Consent, "2,000 bytes"),
            (EvidenceKind::Agent, "512 bytes"),
            (EvidenceKind::UserName, "256 bytes"),
            (EvidenceKind::Revision, "128 bytes"),
            (EvidenceKind::Ip, "64 bytes"),
        ];
        for (piece, max) in bounds {
            let text = alloc::format!("{piece} is too large; it must be at most {max}");
            assert_eq!(said(EvidenceFault::TooLarge(piece)), text);
        }
        assert!(said(EvidenceFault::Unfit(EvidenceKind::Document)).contains("content"));
        assert!(said(EvidenceFault::Unfit(EvidenceKind::Image)).contains("PNG"));
        assert!(said(EvidenceFault::Unfit(EvidenceKind::Ip)).contains("control"));
        assert!(said(EvidenceFault::Unfit(EvidenceKind::Image)).contains("8 to 4,096 pixels"));
        let pieces = EvidenceSet::NONE
            .with(EvidenceKind::Image)
            .with(EvidenceKind::SignerName)
            .with(EvidenceKind::Ip);
        assert_eq!(pieces.to_string(), "signer_name, image");
        assert_eq!(alloc::format!("{pieces:?}"), "{SignerName, Image}");
        assert_eq!(
            (
                EvidenceSet::from_byte(15).map(EvidenceSet::to_byte),
                EvidenceSet::from_byte(16)
            ),
            (Some(15), None)
        );
    }
}

//! Captured signatures.

use std::sync::LazyLock;

use otp_engine::store::{Cell, Class, Commit, Error, Key, Store, Write};
use otp_engine::{
    Binding, Engine, Evidence, KeyRing, ManualClock, Mobile, Rejection, Submission, Target,
    Timestamp, Verdict,
};

/// The largest image.
const MAX_IMAGE: usize = 1 << 20;

static ENGINE: LazyLock<(Engine, Binding)> = LazyLock::new(|| {
    let keys = KeyRing::builder().code("a", &[1; 32]).index(&[2; 32]);
    let clock = ManualClock::new(Timestamp::from_unix(1_715_767_200));
    let engine = Engine::builder(keys.build().expect("two secrets")).clock(clock);
    let field = Target {
        model: "loan.offer",
        field: "signature",
        id: "15",
    };
    let binding = Binding::builder()
        .tenant("acme")
        .purpose("sign")
        .target(field)
        .user("7")
        .recipient(Mobile::parse("60123456789").expect("a number"));
    (engine.build(), binding.build().expect("all members"))
});

/// An image, as evidence of an attempt. Behind a zero byte a PNG, whose check sums are put right
/// first: no fuzzer would guess four of them.
///
/// # Panics
///
/// Where an image is taken that is too large, is neither PNG nor JPEG, or ends before its end.
pub fn image(data: &[u8]) {
    let mended;
    let data = match data.split_first() {
        Some((0, png)) => {
            mended = with_check_sums(png);
            &mended
        }
        _ => data,
    };
    if !is_taken(data) {
        return;
    }
    assert!(data.len() <= MAX_IMAGE);
    let is_png = data.starts_with(b"\x89PNG\r\n\x1a\n");
    assert!(is_png || data.starts_with(b"\xff\xd8\xff"));
    let cut = &data[..data.len() - 1];
    assert!(!is_taken(cut), "an image without its end is taken");
    let cut = &data[..data.len() / 2];
    assert!(!is_taken(cut), "half an image is taken");
}

/// Says whether the engine takes an image; the store is asked only after that.
fn is_taken(image: &[u8]) -> bool {
    let (engine, binding) = &*ENGINE;
    let submission = Submission::new(binding, "000000").evidence(Evidence::new().image(image));
    match engine.verify(&Nowhere, submission) {
        Ok(Verdict::Rejected(Rejection::Evidence(_))) => false,
        Err(otp_engine::Error::Store(Error::Unavailable(None))) => true,
        other => panic!("{other:?}"),
    }
}

/// A store that is away.
struct Nowhere;

impl Store for Nowhere {
    fn load(&self, _: &[Key], _: &mut Vec<Option<Cell>>) -> Result<(), Error> {
        Err(Error::Unavailable(None))
    }

    fn commit(&self, _: &[Write<'_>], _: Timestamp) -> Result<Commit, Error> {
        Err(Error::Unavailable(None))
    }

    fn purge(&self, _: Timestamp, _: usize) -> Result<usize, Error> {
        Err(Error::Unavailable(None))
    }

    fn class(&self) -> Class {
        Class::Permanent
    }
}

/// Puts the right check sum behind each chunk of a PNG, as far as its lengths lead.
fn with_check_sums(png: &[u8]) -> Vec<u8> {
    let mut png = png.to_vec();
    let mut at = 8;
    while let Some(length) = png.get(at..at + 4) {
        let length: [u8; 4] = length.try_into().expect("four bytes");
        let Ok(length) = usize::try_from(u32::from_be_bytes(length)) else {
            break;
        };
        let Some(chunk) = png.get(at + 4..at.saturating_add(8).saturating_add(length)) else {
            break;
        };
        let sum = crc(chunk).to_be_bytes();
        at += 8 + length;
        let Some(place) = png.get_mut(at..at + 4) else {
            break;
        };
        place.copy_from_slice(&sum);
        at += 4;
    }
    png
}

/// CRC-32, as PNG has it.
fn crc(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |sum, byte| {
        (0..8).fold(sum ^ u32::from(*byte), |sum, _| {
            (sum >> 1) ^ (0xEDB8_8320 & (sum & 1).wrapping_neg())
        })
    })
}

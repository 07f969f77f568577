//! Says whether bytes are a PNG or JPEG that decoders open, and that tells no position.
//!
//! # Check an upload
//!
//! ```
//! use otp_image::{ImageError, MediaType, check};
//!
//! # let upload = include_bytes!("../tests/vectors/images/sound/drawn.png");
//! // By the bytes alone, whatever a name or a browser says.
//! match check(upload) {
//!     Ok(media_type) => assert_eq!(media_type.as_str(), "image/png"),
//!     Err(ImageError::Position) => println!("send it without its location"),
//!     Err(error) => println!("{error}"),
//! }
//! assert_eq!(check(b"<svg onload='alert(1)'/>"), Err(ImageError::Unknown));
//! ```
//!
//! # What is looked at
//!
//! What makes a decoder give up: headers, sizes, tables, check sums, the rows of a PNG, and the end of the file,
//! behind which nothing may be. A colour profile of a PNG is expanded, and must be whole and of less than a mebibyte, as
//! decoders refuse larger ones; other compressed metadata are refused. And what says where a picture was taken: Exif, XMP and texts, wherever programs are
//! known to keep them; metadata that might say it and cannot be read are refused as well. A picture is refused and
//! never changed, so that a digest of it stays that of the bytes that were given.
//!
//! A PNG's rows are inflated 32 KiB at a time and at most 64 MiB of them, so that neither memory (80 KiB) nor time
//! depends on what a picture claims; time grows with its length, which you bound.
//!
//! The crate is `no_std` with `alloc`, and has no features.
//!
//! # When not to use it
//!
//! * To know what a picture shows: the coded pixels of a JPEG are not decoded. They are as many bytes at least as
//!   such a picture takes with nothing on it; one of noise, or one that was cut and closed again, is a picture.
//! * To have it shown: that takes a decoder, such as the crate `image`.
//! * To find names of places that a person wrote, such as a city in IPTC or a comment: only positions of a receiver (GPS)
//!   are looked for.
//! * For other formats, animations, or pictures of more than [`MAX_SIDE`] pixels a side.
#![no_std]

extern crate alloc;
#[cfg(test)]
extern crate std;

use core::fmt;

mod exif;
mod jpeg;
mod png;
mod rows;

/// The fewest pixels of a side: less shows nothing.
pub const MIN_SIDE: u32 = 8;

/// The most pixels of a side: decoded, 64 MiB at four bytes each.
pub const MAX_SIDE: u32 = 4_096;

/// What a picture is, as HTTP and signature records name it.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum MediaType {
    /// PNG (W3C recommendation, third edition), without animation.
    Png,
    /// JPEG (ITU-T T.81): Huffman-coded, 8 bits, sequential or progressive.
    Jpeg,
}

impl MediaType {
    /// Returns its name: `image/png` or `image/jpeg`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Png => "image/png",
            Self::Jpeg => "image/jpeg",
        }
    }
}

impl fmt::Display for MediaType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Why a picture is refused: what was found first.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum ImageError {
    /// It begins neither as a PNG nor as a JPEG.
    Unknown,
    /// A side has fewer than [`MIN_SIDE`] or more than [`MAX_SIDE`] pixels, or the rows of a PNG take more than
    /// 64 MiB.
    Size,
    /// It says where it was taken, or has metadata that might, and that are compressed or cannot be read.
    Position,
    /// It is cut short or damaged, has something behind its end, or is of a kind that not all decoders open, such
    /// as an animation.
    Unsound,
}

impl fmt::Display for ImageError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unknown => "image must be a PNG or a JPEG",
            Self::Size => "image must have 8 to 4,096 pixels a side and at most 64 MiB of pixels",
            Self::Position => {
                "image must not say where it was taken, nor have metadata that might and cannot be read"
            }
            Self::Unsound => {
                "image must be whole and undamaged, with nothing behind its end, and of a kind that all \
                 decoders open"
            }
        })
    }
}

impl core::error::Error for ImageError {}

/// Says what a picture is, if decoders open it and it tells no position.
///
/// It may have any length: time grows with it, memory (80 KiB at most) does not.
///
/// # Errors
///
/// An [`ImageError`] says why it is refused.
pub fn check(image: &[u8]) -> Result<MediaType, ImageError> {
    if let Some(chunks) = image.strip_prefix(png::SIGNATURE) {
        png::check(Bytes(chunks)).map(|()| MediaType::Png)
    } else if let Some(segments) = image.strip_prefix(jpeg::START) {
        jpeg::check(Bytes(segments)).map(|()| MediaType::Jpeg)
    } else {
        Err(ImageError::Unknown)
    }
}

/// Refuses what decoders would not open.
fn sound(holds: bool) -> Result<(), ImageError> {
    holds.then_some(()).ok_or(ImageError::Unsound)
}

/// Refuses what says a position, or might.
fn unplaced(holds: bool) -> Result<(), ImageError> {
    holds.then_some(()).ok_or(ImageError::Position)
}

/// Refuses a picture that is too small to show anything, or too large to be shown.
fn fits(width: u32, height: u32) -> Result<(), ImageError> {
    let side = MIN_SIDE..=MAX_SIDE;
    let fits = side.contains(&width) && side.contains(&height);
    fits.then_some(()).ok_or(ImageError::Size)
}

/// Says whether metadata in text, XMP mostly, speaks of a position.
fn speaks_of_a_position(text: &[u8]) -> bool {
    text.windows(3)
        .any(|word| word.eq_ignore_ascii_case(b"GPS"))
}

/// Says whether data of another program's, which is not read, may hold a position: Exif data begin with
/// the mark of TIFF, wherever they are kept, and XMP names a latitude and a longitude.
fn may_hold_a_position(data: &[u8]) -> bool {
    data.windows(4)
        .any(|word| matches!(word, b"MM\0*" | b"II*\0") || word.eq_ignore_ascii_case(b"GPSL"))
}

/// What is left of a file.
#[derive(Clone, Copy)]
struct Bytes<'a>(&'a [u8]);

impl<'a> Bytes<'a> {
    fn take(&mut self, length: usize) -> Result<&'a [u8], ImageError> {
        let split = self.0.split_at_checked(length);
        let (taken, rest) = split.ok_or(ImageError::Unsound)?;
        self.0 = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], ImageError> {
        let (taken, rest) = self.0.split_first_chunk().ok_or(ImageError::Unsound)?;
        self.0 = rest;
        Ok(*taken)
    }

    fn byte(&mut self) -> Result<u8, ImageError> {
        self.array().map(|[byte]| byte)
    }

    fn u16(&mut self) -> Result<u16, ImageError> {
        self.array().map(u16::from_be_bytes)
    }

    fn u32(&mut self) -> Result<u32, ImageError> {
        self.array().map(u32::from_be_bytes)
    }

    const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// The README's program runs.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

#[cfg(test)]
mod tests;

//! Captured signatures: a picture that decoders open, told by its content and never by its name.
//!
//! What is looked at is what makes a decoder give up: headers, sizes, tables, check sums, the rows of a
//! PNG, and the end of the file. The coded pixels of a JPEG are not decoded, and what a picture shows
//! is not looked at: one of nothing at all, or of noise, is one. A picture that says where it was taken is refused and not changed, as the digest in
//! the record must be that of the bytes that the signer gave.

mod exif;
mod jpeg;
mod png;
mod rows;

/// The fewest pixels of a side: nobody signs on less.
const MIN_SIDE: u32 = 8;

/// The most pixels of a side: decoded, 64 MiB at four bytes each.
const MAX_SIDE: u32 = 4_096;

/// Returns the media type of a picture; `None` for what is no PNG or JPEG as above.
pub(crate) fn media_type(image: &[u8]) -> Option<&'static str> {
    if png::is_sound(image) {
        Some("image/png")
    } else if jpeg::is_sound(image) {
        Some("image/jpeg")
    } else {
        None
    }
}

/// Says whether a picture is neither too small to show anything nor too large to be shown.
fn fits(width: u32, height: u32) -> bool {
    let side = MIN_SIDE..=MAX_SIDE;
    side.contains(&width) && side.contains(&height)
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
    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(taken)
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (taken, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*taken)
    }

    fn byte(&mut self) -> Option<u8> {
        self.array().map(|[byte]| byte)
    }

    fn u16(&mut self) -> Option<u16> {
        self.array().map(u16::from_be_bytes)
    }

    fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_be_bytes)
    }

    const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

#[cfg(test)]
mod tests;

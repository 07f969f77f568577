//! PNG (W3C recommendation, third edition): its chunks, and that the rows of pixels are all there.

use core::{iter, mem};

use crate::rows::Rows;
use crate::{
    Bytes, ImageError, exif, fits, may_hold_a_position, sound, speaks_of_a_position, unplaced,
};

/// A file begins so (section 5.2).
pub(crate) const SIGNATURE: &[u8] = b"\x89PNG\r\n\x1a\n";

/// The most bytes of decompressed rows: the largest picture of four bytes a pixel.
const MAX_ROWS: usize = 4_096 * (4 * 4_096 + 1);

/// What a header says (section 11.2.1).
struct Header {
    colour: Colour,
    width: usize,
    height: usize,
    /// The bits of a pixel.
    bits: usize,
    interlaced: bool,
}

/// The colour type (table 11.1).
#[derive(Clone, Copy, Eq, PartialEq)]
enum Colour {
    Grey,
    Rgb,
    Palette,
    WithAlpha,
}

/// Walks through the chunks up to the first that is not as it must be.
pub(crate) fn check(mut bytes: Bytes<'_>) -> Result<(), ImageError> {
    let (kind, header) = chunk(&mut bytes)?;
    sound(&kind == b"IHDR")?;
    let header = Header::read(Bytes(header))?;
    let colour = header.colour;
    let mut rows = Rows::new(header.rows()?);
    // The entries of a palette; whether pixels came, and other chunks behind them.
    let (mut palette, mut pixels, mut behind) = (None, false, false);
    let mut profiled = false;
    loop {
        let (kind, data) = chunk(&mut bytes)?;
        behind |= pixels && &kind != b"IDAT";
        match &kind {
            b"IDAT" => {
                pixels = true;
                sound(!behind && rows.take(data).is_some())?;
            }
            b"IEND" => {
                let ends = data.is_empty() && bytes.is_empty();
                let coloured = colour != Colour::Palette || palette.is_some();
                return sound(ends && coloured && rows.are_whole());
            }
            b"PLTE" => {
                let entries = data.len() / 3;
                let fits = data.len() % 3 == 0 && (1..=256).contains(&entries);
                let first = palette.replace(entries).is_none();
                sound(fits && first && colour != Colour::Grey && !behind)?;
            }
            b"tRNS" => sound(match colour {
                Colour::Grey => data.len() == 2,
                Colour::Rgb => data.len() == 6,
                Colour::Palette => (1..=palette.unwrap_or(0)).contains(&data.len()),
                Colour::WithAlpha => false,
            })?,
            b"gAMA" => sound(data.len() == 4)?,
            b"cHRM" => sound(data.len() == 32)?,
            b"sRGB" => sound(data.len() == 1)?,
            b"pHYs" => sound(data.len() == 9)?,
            // One, before the pixels (section 5.6); its one method of compression is 0 (section 11.3.2.3).
            b"iCCP" => {
                let profile = of_keyword(data)?.1.strip_prefix(&[0]);
                let first = !mem::replace(&mut profiled, true) && !pixels;
                sound(first && profile.is_some_and(|profile| rows.is_profile(profile)))?;
            }
            b"eXIf" => unplaced(exif::holds_no_position(data))?,
            b"tEXt" | b"iTXt" => unplaced(is_open_text(&kind, data)?)?,
            // What is compressed is not looked into.
            b"zTXt" | b"zxIf" => unplaced(false)?,
            b"acTL" | b"fcTL" | b"fdAT" => sound(false)?,
            // A chunk that is not optional (section 5.4) and not known stops every decoder.
            _ => {
                sound(kind[0].is_ascii_lowercase())?;
                unplaced(!may_hold_a_position(data))?;
            }
        }
    }
}

/// Takes the next chunk, whose check sum must hold (section 5.3).
fn chunk<'a>(bytes: &mut Bytes<'a>) -> Result<([u8; 4], &'a [u8]), ImageError> {
    let length = usize::try_from(bytes.u32()?).unwrap_or(usize::MAX);
    let summed = bytes.0.get(..length.saturating_add(4));
    let kind = bytes.array::<4>()?;
    let data = bytes.take(length)?;
    let holds = summed.map(crc) == Some(bytes.u32()?);
    sound(holds && kind.iter().all(u8::is_ascii_alphabetic))?;
    Ok((kind, data))
}

impl Header {
    fn read(mut header: Bytes<'_>) -> Result<Self, ImageError> {
        let (width, height) = (header.u32()?, header.u32()?);
        let (depth, colour) = (header.byte()?, header.byte()?);
        // Compression and filter have one method; interlaced or not.
        let [0, 0, interlaced @ (0 | 1)] = header.array()? else {
            return Err(ImageError::Unsound);
        };
        let (colour, samples) = match (colour, depth) {
            (0, 1 | 2 | 4 | 8 | 16) => (Colour::Grey, 1),
            (2, 8 | 16) => (Colour::Rgb, 3),
            (3, 1 | 2 | 4 | 8) => (Colour::Palette, 1),
            (4, 8 | 16) => (Colour::WithAlpha, 2),
            (6, 8 | 16) => (Colour::WithAlpha, 4),
            _ => return Err(ImageError::Unsound),
        };
        sound(header.is_empty())?;
        fits(width, height)?;
        Ok(Self {
            colour,
            width: usize::try_from(width).unwrap_or(usize::MAX),
            height: usize::try_from(height).unwrap_or(usize::MAX),
            bits: usize::from(depth) * samples,
            interlaced: interlaced == 1,
        })
    }

    /// Returns the bytes of each row with its filter, pass by pass (section 8.2).
    fn rows(&self) -> Result<impl Iterator<Item = usize> + use<>, ImageError> {
        let (width, height, bits) = (self.width, self.height, self.bits);
        let passes: &[_] = match self.interlaced {
            true => &ADAM7,
            false => &[(0, 0, 1, 1)],
        };
        let rows = passes.iter().flat_map(move |(x, y, across, down)| {
            let columns = (width - x).div_ceil(*across);
            let row = 1 + (columns * bits).div_ceil(8);
            iter::repeat_n(row, (height - y).div_ceil(*down))
        });
        let fit = rows.clone().sum::<usize>() <= MAX_ROWS;
        fit.then_some(rows).ok_or(ImageError::Size)
    }
}

/// Of each pass, the first column and row, and how far the next ones are; no pass of a picture of 8
/// pixels a side is empty.
const ADAM7: [(usize, usize, usize, usize); 7] = [
    (0, 0, 8, 8),
    (4, 0, 8, 8),
    (0, 4, 4, 8),
    (2, 0, 4, 4),
    (0, 2, 2, 4),
    (1, 0, 2, 2),
    (0, 1, 1, 2),
];

/// Splits what stands behind a keyword (section 11.3.3.2).
fn of_keyword(data: &[u8]) -> Result<(&[u8], &[u8]), ImageError> {
    let end = data.iter().position(|byte| *byte == 0).unwrap_or(0);
    sound((1..=79).contains(&end))?;
    Ok((&data[..end], &data[end + 1..]))
}

/// Says whether a text can be read and speaks of no position: neither compressed, nor Exif in hex.
fn is_open_text(kind: &[u8; 4], data: &[u8]) -> Result<bool, ImageError> {
    let (keyword, rest) = of_keyword(data)?;
    let open = kind == b"tEXt" || rest.starts_with(&[0, 0]);
    let is_raw = keyword
        .get(..RAW.len())
        .is_some_and(|front| front.eq_ignore_ascii_case(RAW));
    Ok(open && !is_raw && !speaks_of_a_position(data))
}

/// How keywords of texts begin that hold Exif, IPTC or XMP in hex.
const RAW: &[u8] = b"Raw profile type";

/// The check sum of a chunk: CRC-32 (annex D).
fn crc(data: &[u8]) -> u32 {
    !data.iter().fold(u32::MAX, |sum, byte| {
        (sum >> 8) ^ CRC[usize::from(sum.to_le_bytes()[0] ^ *byte)]
    })
}

const CRC: [u32; 256] = {
    let mut table = [0; 256];
    let mut sums = 0_u32;
    while sums < 256 {
        let (mut sum, mut bit) = (sums, 0);
        while bit < 8 {
            sum = if sum & 1 == 0 {
                sum >> 1
            } else {
                (sum >> 1) ^ 0xEDB8_8320
            };
            bit += 1;
        }
        table[sums as usize] = sum;
        sums += 1;
    }
    table
};

//! JPEG (ITU-T T.81): its segments, up to the coded pixels.
//!
//! Read are the processes that every decoder has: Huffman-coded, of 8 bits, sequential or progressive.

use crate::ImageError::Unsound;
use crate::{
    Bytes, ImageError, exif, fits, may_hold_a_position, sound, speaks_of_a_position, unplaced,
};

/// A file begins so (B.1.1.3).
pub(crate) const START: &[u8] = b"\xff\xd8";

/// What a scan rests on.
#[derive(Default)]
struct State {
    frame: Option<Frame>,
    /// Which of the four quantisation tables there are.
    quantisation: [bool; 4],
    /// Which Huffman tables there are: of the first coefficients, and of the others.
    huffman: [[bool; 4]; 2],
}

struct Frame {
    progressive: bool,
    width: u16,
    height: u16,
    /// Of each component: its name, its blocks in a unit, its quantisation table, and whether it was
    /// scanned.
    components: [Option<Component>; 4],
}

#[derive(Clone, Copy)]
struct Component {
    name: u8,
    across: u8,
    down: u8,
    table: u8,
    scanned: bool,
}

/// Walks through the segments up to the first that is not as it must be.
pub(crate) fn check(mut bytes: Bytes<'_>) -> Result<(), ImageError> {
    let mut state = State::default();
    loop {
        let marker = marker(&mut bytes)?;
        if marker == 0xD9 {
            let scanned = |component: &Component| component.scanned;
            let frame = state.frame.ok_or(Unsound)?;
            let whole = frame.components.iter().flatten().all(scanned);
            return sound(whole && bytes.is_empty());
        }
        let length = usize::from(bytes.u16()?).checked_sub(2).ok_or(Unsound)?;
        let segment = bytes.take(length)?;
        match marker {
            0xC0..=0xC2 if state.frame.is_none() => {
                state.frame = Some(frame(segment, marker == 0xC2)?);
            }
            0xC4 => state.add_huffman_tables(segment)?,
            0xDB => state.add_quantisation_tables(segment)?,
            0xDD if length == 2 => {}
            0xDA => {
                let least = state.scan(segment)?;
                bytes = behind_pixels(bytes, least)?;
            }
            0xE0 if segment.starts_with(b"JFIF") => sound(length >= 14)?,
            0xE1 => unplaced(says_no_position(segment))?,
            // Of colours: JFIF, ICC profiles and Adobe's.
            0xE0 | 0xEE => {}
            0xE2 if segment.starts_with(b"ICC_PROFILE\0") => {}
            0xE2..=0xEF | 0xFE => unplaced(!may_hold_a_position(segment))?,
            _ => return Err(Unsound),
        }
    }
}

/// Takes the next marker (B.1.1.2): any number of 0xFF, then what it is.
fn marker(bytes: &mut Bytes<'_>) -> Result<u8, ImageError> {
    let mut byte = bytes.byte()?;
    sound(byte == 0xFF)?;
    while byte == 0xFF {
        byte = bytes.byte()?;
    }
    Ok(byte)
}

/// Reads a frame header (B.2.2).
fn frame(segment: &[u8], progressive: bool) -> Result<Frame, ImageError> {
    let mut bytes = Bytes(segment);
    let precision = bytes.byte()?;
    let (height, width) = (bytes.u16()?, bytes.u16()?);
    let count = bytes.byte()?;
    sound(precision == 8 && matches!(count, 1 | 3 | 4))?;
    fits(width.into(), height.into())?;
    let mut components = [None; 4];
    for i in 0..usize::from(count) {
        let [name, sampling, table] = bytes.array()?;
        let (across, down) = (sampling >> 4, sampling & 15);
        let known = components
            .iter()
            .flatten()
            .any(|it: &Component| it.name == name);
        let sampled = (1..=4).contains(&across) && (1..=4).contains(&down);
        sound(sampled && table <= 3 && !known)?;
        components[i] = Some(Component {
            name,
            across,
            down,
            table,
            scanned: false,
        });
    }
    let frame = Frame {
        progressive,
        width,
        height,
        components,
    };
    // No decoder spreads samples by other than whole numbers.
    let Extent {
        widest, tallest, ..
    } = frame.extent();
    let mut all = frame.components.iter().flatten();
    let spread = all.all(|it| widest % it.across == 0 && tallest % it.down == 0);
    sound(bytes.is_empty() && spread)?;
    Ok(frame)
}

/// What the blocks of a component follow from, beside its own sampling.
#[derive(Clone, Copy)]
struct Extent {
    width: u16,
    height: u16,
    /// The most samples across and down of a component.
    widest: u8,
    tallest: u8,
}

impl Frame {
    fn extent(&self) -> Extent {
        let all = || self.components.iter().flatten();
        Extent {
            width: self.width,
            height: self.height,
            widest: all().map(|it| it.across).max().unwrap_or(1),
            tallest: all().map(|it| it.down).max().unwrap_or(1),
        }
    }
}

impl Component {
    /// Returns its blocks of 8 by 8 samples (A.1.1), without those that only fill up a unit (A.2.4).
    fn blocks(self, extent: Extent) -> usize {
        let along = |side: u16, own: u8, most: u8| {
            let samples = (usize::from(side) * usize::from(own)).div_ceil(most.into());
            samples.div_ceil(8)
        };
        along(extent.width, self.across, extent.widest)
            * along(extent.height, self.down, extent.tallest)
    }
}

impl State {
    /// Reads quantisation tables (B.2.4.1).
    fn add_quantisation_tables(&mut self, segment: &[u8]) -> Result<(), ImageError> {
        let mut bytes = Bytes(segment);
        while !bytes.is_empty() {
            let kind = bytes.byte()?;
            let size = match kind >> 4 {
                0 => 64,
                1 => 128,
                _ => return Err(Unsound),
            };
            bytes.take(size)?;
            let table = self.quantisation.get_mut(usize::from(kind & 15));
            *table.ok_or(Unsound)? = true;
        }
        Ok(())
    }

    /// Reads Huffman tables (B.2.4.2), which must leave a code for each symbol (annex C).
    fn add_huffman_tables(&mut self, segment: &[u8]) -> Result<(), ImageError> {
        let mut bytes = Bytes(segment);
        while !bytes.is_empty() {
            let kind = bytes.byte()?;
            let counts: [u8; 16] = bytes.array()?;
            let (mut free, mut symbols) = (1_u32, 0);
            for count in counts {
                // The code of ones alone stays free.
                free = (free * 2).saturating_sub(count.into());
                sound(free > 0)?;
                symbols += usize::from(count);
            }
            sound(symbols <= 256)?;
            let symbols = bytes.take(symbols)?;
            let (class, name) = (usize::from(kind >> 4), usize::from(kind & 15));
            // A first coefficient has at most 15 bits.
            sound(class > 0 || symbols.iter().all(|symbol| *symbol <= 15))?;
            let table = self.huffman.get_mut(class);
            let table = table.and_then(|tables| tables.get_mut(name));
            *table.ok_or(Unsound)? = true;
        }
        Ok(())
    }

    /// Reads a scan header (B.2.3): what it names must be there. Returns the fewest bytes that its pixels take.
    fn scan(&mut self, segment: &[u8]) -> Result<usize, ImageError> {
        let frame = self.frame.as_mut().ok_or(Unsound)?;
        let extent = frame.extent();
        let mut bytes = Bytes(segment);
        let count = bytes.byte()?;
        let (scans, [first, last, bits]) = bytes.0.split_last_chunk().ok_or(Unsound)?;
        sound((1..=4).contains(&count) && scans.len() == usize::from(count) * 2)?;
        let (high, low) = (bits >> 4, bits & 15);
        let (of_first, of_others) = if frame.progressive {
            let fits = match first {
                0 => *last == 0,
                first => first <= last && *last < 64 && count == 1,
            };
            sound(fits && low <= 13 && (high == 0 || high == low + 1))?;
            (*first == 0 && high == 0, *first > 0)
        } else {
            sound((*first, *last, *bits) == (0, 63, 0))?;
            (true, true)
        };
        // A block has a code of its first coefficient, and in a sequential scan one or more of the others (F.1.2);
        // of a progressive scan it has a code or a bit of the first coefficient (G.1.2.1), or may have none, as one
        // code ends the others of many blocks (G.1.2.2). A code has at least one bit.
        let bits_of_block = match (frame.progressive, *first) {
            (false, _) => 2,
            (true, 0) => 1,
            (true, _) => 0,
        };
        let (mut blocks, mut all_blocks) = (0, 0);
        for scan in scans.chunks_exact(2) {
            let (name, tables) = (scan[0], scan[1]);
            let mut all = frame.components.iter_mut().flatten();
            let component = all.find(|component| component.name == name);
            let component = component.ok_or(Unsound)?;
            // What a progressive picture shows begins with the first coefficients (G.1.1.1.1).
            component.scanned |= of_first;
            blocks += component.across * component.down;
            all_blocks += component.blocks(extent);
            let quantised = self.quantisation.get(usize::from(component.table)) == Some(&true);
            let has = |class: usize, table: u8, needed: bool| {
                let table = self.huffman[class].get(usize::from(table));
                table.is_some_and(|there| *there || !needed)
            };
            sound(quantised && has(0, tables >> 4, of_first) && has(1, tables & 15, of_others))?;
        }
        // Components that come mixed have at most ten blocks together.
        sound(count == 1 || blocks <= 10)?;
        Ok((all_blocks * bits_of_block).div_ceil(8))
    }
}

/// Skips coded pixels (B.1.1.5), of which there must be so many bytes at least, and one: up to a marker that is none
/// of theirs.
fn behind_pixels(bytes: Bytes<'_>, least: usize) -> Result<Bytes<'_>, ImageError> {
    let ends = |pair: &[u8]| pair[0] == 0xFF && !matches!(pair[1], 0 | 0xD0..=0xD7 | 0xFF);
    // Bytes of 0xFF before a marker are its own.
    let end = bytes.0.windows(2).position(ends).unwrap_or(0);
    sound(end >= least.max(1))?;
    Ok(Bytes(&bytes.0[end..]))
}

/// Says whether an application's segment is Exif or XMP, and tells no position.
fn says_no_position(segment: &[u8]) -> bool {
    if let Some(tiff) = segment.strip_prefix(b"Exif\0\0") {
        return exif::holds_no_position(tiff);
    }
    segment.starts_with(b"http://ns.adobe.com/xap/1.0/\0") && !speaks_of_a_position(segment)
}

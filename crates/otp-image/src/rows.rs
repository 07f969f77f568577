//! The rows of a PNG's pixels, as they come out of the zlib stream (RFC 1950) that its `IDAT` chunks hold.

use alloc::{boxed::Box, vec, vec::Vec};

use miniz_oxide::inflate::TINFLStatus as Status;
use miniz_oxide::inflate::core::{DecompressorOxide, decompress, inflate_flags as flags};

/// How far back a repetition may reach (RFC 1951, section 2).
const WINDOW: usize = 32 * 1024;

/// The header and the sum of zlib are checked. What was expanded lies before what comes next, so that no
/// repetition reaches back behind the beginning; a buffer that wraps would let it.
const FLAGS: u32 = flags::TINFL_FLAG_PARSE_ZLIB_HEADER
    | flags::TINFL_FLAG_HAS_MORE_INPUT
    | flags::TINFL_FLAG_USING_NON_WRAPPING_OUTPUT_BUF;

/// The most bytes of a colour profile, expanded: Pillow refuses a picture whose profile has more than a mebibyte, and
/// may where it has just that.
const MAX_PROFILE: usize = 1024 * 1024 - 1;

/// Rows, each behind the number of its filter: expanded a window at a time, and kept no longer.
pub(crate) struct Rows<L> {
    /// The bytes of each row that is still to come.
    lengths: L,
    /// What is still to come of a row that has begun.
    left: usize,
    stream: Stream,
}

/// A zlib stream, of which no more than two windows are held.
struct Stream {
    decompressor: Box<DecompressorOxide>,
    /// What was expanded last, and room for as much.
    expanded: Vec<u8>,
    /// Where that room begins.
    end: usize,
    /// Whether the stream came to its end, with the right sum.
    ended: bool,
}

impl Stream {
    fn new() -> Self {
        Self {
            decompressor: Box::default(),
            expanded: vec![0; 2 * WINDOW],
            end: 0,
            ended: false,
        }
    }

    /// Takes the next part, and counts what it expands to; `None` where it is no such stream, or `count` wants no
    /// more. What is behind the end of the stream is not looked at, as decoders do not.
    fn take(&mut self, mut part: &[u8], mut count: impl FnMut(&[u8]) -> Option<()>) -> Option<()> {
        while !self.ended {
            let (out, at) = (&mut self.expanded, self.end);
            let (status, read, made) = decompress(&mut self.decompressor, part, out, at, FLAGS);
            part = part.get(read..)?;
            self.end += made;
            count(&self.expanded[at..self.end])?;
            match status {
                Status::Done => self.ended = true,
                Status::NeedsMoreInput => break,
                Status::HasMoreOutput => {
                    let old = self.end.saturating_sub(WINDOW);
                    self.expanded.copy_within(old..self.end, 0);
                    self.end -= old;
                }
                _ => return None,
            }
        }
        Some(())
    }
}

impl<L: Iterator<Item = usize>> Rows<L> {
    pub(crate) fn new(lengths: L) -> Self {
        Self {
            lengths,
            left: 0,
            stream: Stream::new(),
        }
    }

    /// Takes the next part of the stream; `None` where it is no stream of these rows.
    pub(crate) fn take(&mut self, part: &[u8]) -> Option<()> {
        let (lengths, left) = (&mut self.lengths, &mut self.left);
        self.stream.take(part, |mut expanded| {
            while let Some(first) = expanded.first() {
                if *left == 0 {
                    *left = lengths.next()?;
                    // A row begins with its filter: none, sub, up, average or Paeth (PNG, section 9).
                    (*first <= 4).then_some(())?;
                }
                let counted = (*left).min(expanded.len());
                (*left, expanded) = (*left - counted, &expanded[counted..]);
            }
            Some(())
        })
    }

    /// Says whether a colour profile is a whole stream and not too long. It is expanded where the rows will be,
    /// so that it takes no memory of its own: it comes before them.
    pub(crate) fn is_profile(&mut self, profile: &[u8]) -> bool {
        let mut left = MAX_PROFILE;
        let taken = self.stream.take(profile, |expanded| {
            left = left.checked_sub(expanded.len())?;
            Some(())
        });
        let whole = taken.is_some() && self.stream.ended;
        self.stream.decompressor.init();
        (self.stream.end, self.stream.ended) = (0, false);
        whole
    }

    /// Says whether the stream is whole, and no row is still to come.
    pub(crate) fn are_whole(mut self) -> bool {
        self.stream.ended && self.left == 0 && self.lengths.next().is_none()
    }
}

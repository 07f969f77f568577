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

/// Rows, each behind the number of its filter: expanded a window at a time, and kept no longer.
pub(crate) struct Rows<L> {
    /// The bytes of each row that is still to come.
    lengths: L,
    /// What is still to come of a row that has begun.
    left: usize,
    decompressor: Box<DecompressorOxide>,
    /// What was expanded last, and room for as much.
    expanded: Vec<u8>,
    /// Where that room begins.
    end: usize,
    /// Whether the stream came to its end, with the right sum.
    ended: bool,
}

impl<L: Iterator<Item = usize>> Rows<L> {
    pub(crate) fn new(lengths: L) -> Self {
        Self {
            lengths,
            left: 0,
            decompressor: Box::default(),
            expanded: vec![0; 2 * WINDOW],
            end: 0,
            ended: false,
        }
    }

    /// Takes the next part of the stream; `None` where it is no stream of these rows. What is behind the
    /// end of the stream is not looked at, as decoders do not.
    pub(crate) fn take(&mut self, mut part: &[u8]) -> Option<()> {
        while !self.ended {
            let (out, at) = (&mut self.expanded, self.end);
            let (status, read, made) = decompress(&mut self.decompressor, part, out, at, FLAGS);
            part = part.get(read..)?;
            self.end += made;
            self.count(at)?;
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

    /// Counts what was expanded from `at` on; `None` for what no row has room for.
    fn count(&mut self, mut at: usize) -> Option<()> {
        while at < self.end {
            if self.left == 0 {
                self.left = self.lengths.next()?;
                // A row begins with its filter: none, sub, up, average or Paeth (PNG, section 9).
                (self.expanded[at] <= 4).then_some(())?;
            }
            let counted = self.left.min(self.end - at);
            (self.left, at) = (self.left - counted, at + counted);
        }
        Some(())
    }

    /// Says whether the stream is whole, and no row is still to come.
    pub(crate) fn are_whole(mut self) -> bool {
        self.ended && self.left == 0 && self.lengths.next().is_none()
    }
}

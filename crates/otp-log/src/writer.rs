//! Appending records to a log, without a store: which leaves of the journal come next, and what is to be committed.
//!
//! Whoever signs a record leaves its leaf in one of [`LANES`] lanes, so that no two signers wait for each other. A
//! feeder reads the lanes from where the log stands ([`LogState::cursors`]), merges them ([`Batch::merge`]) and appends
//! ([`LogState::append`]): state, entries and tiles of the [`Append`] are committed at once, and only then does
//! its checkpoint leave. As cursors and leaves stand in one commit, a feeder that dies has logged each leaf once or not
//! at all, and of two feeders one finds its batch stale.

use alloc::vec::Vec;
use core::fmt;

use otp_base::Timestamp;

use crate::checkpoint::Checkpoint;
use crate::error::ParseError;
use crate::key::LogKey;
use crate::leaf::Leaf;
use crate::note::{self, MAX_LINES, MAX_NOTE, Note, SignatureLine};
use crate::tile::{BundleId, FULL, Resource, Tile, TileId, root};
use crate::tree::{Frontier, Hash};

/// The lanes of a journal: a constant of the format, as two writers that disagree would lose leaves.
pub const LANES: usize = 63;

/// The most leaves of one append.
pub const MAX_BATCH: usize = 256;

/// The first number that a cursor does not hold.
const SIX_BYTES: u64 = 1 << 48;

/// The bytes of a state before its frontier.
const FIXED: usize = 1 + 1 + 4 + 8 + 8 + 6 * LANES;

/// The first byte of a state.
const FORMAT: u8 = 1;

/// Returns the lane of a field, from 8 bytes of the key under which its chain is stored: 0 to 62.
///
/// A field stays in its lane, so its records are logged in the order in which they were signed.
#[must_use]
pub fn lane_of(key: [u8; 8]) -> u8 {
    let lane = u64::from_be_bytes(key) % LANES as u64;
    u8::try_from(lane).unwrap_or(0) // below 63
}

/// Where a log stands: its tree's right edge, how far each lane is logged, and the signatures of its newest checkpoint.
///
/// It is kept in one cell of about 1 kB; [`to_bytes`](Self::to_bytes) and [`from_bytes`](Self::from_bytes) are its body.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct LogState {
    generation: u32,
    frozen: bool,
    time: Timestamp,
    cursors: [u64; LANES],
    frontier: Frontier,
    lines: Vec<SignatureLine>,
}

/// Leaves of one lane, as they were read: the number of the first, counted from 0 since the journal began, and those
/// behind it.
#[derive(Clone, Copy, Debug)]
pub struct LanePart<'a> {
    lane: u8,
    first: u64,
    leaves: &'a [Leaf],
}

impl<'a> LanePart<'a> {
    /// Joins what a page or the tail of a lane holds.
    #[must_use]
    pub const fn new(lane: u8, first: u64, leaves: &'a [Leaf]) -> Self {
        Self {
            lane,
            first,
            leaves,
        }
    }
}

/// Leaves in the order in which they will be logged, and the place of each lane before and after.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Batch {
    generation: u32,
    before: [u64; LANES],
    after: [u64; LANES],
    leaves: Vec<Leaf>,
}

/// What an append commits at once, and hands out afterwards.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Append {
    state: LogState,
    first: u64,
    leaves: Vec<Leaf>,
    bundles: Vec<(BundleId, Vec<Leaf>)>,
    tiles: Vec<(TileId, Tile)>,
    note: Note,
}

/// The reason why nothing is appended.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum AppendError {
    /// The state is not the one from which the batch was gathered: another feeder came first. Gather again.
    Stale,
    /// The log is frozen: it was restored from a backup, or forked. It goes on under another origin alone.
    Frozen,
    /// The checkpoint that the host kept is of a larger tree, or of another one of this size: the log was restored
    /// from a backup. Nothing may be signed; freeze it.
    BehindFloor {
        /// The size of that checkpoint.
        size: u64,
    },
    /// The new origin is the old one: under it, another tree of a size already signed would be signed.
    SameOrigin,
    /// A lane is not as this feeder, or those who sign records, left it: leaves are missing or were put back.
    Lane(u8),
    /// A tile or bundle at the right edge is missing, or its hashes are not those of the tree.
    Edge(Resource),
    /// The batch is empty, or the log is full.
    Nothing,
}

impl fmt::Display for AppendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stale => {
                f.write_str("log has moved since the leaves were gathered; gather again")
            }
            Self::Frozen => f.write_str("log is frozen; restart it under another origin"),
            Self::BehindFloor { size } => write!(
                f,
                "log does not hold its own checkpoint of size {size}: it was restored from a backup"
            ),
            Self::SameOrigin => f.write_str("origin of a log that is restarted must be a new one"),
            Self::Lane(lane) => write!(f, "lane {lane} of the journal lacks leaves"),
            Self::Edge(resource) => write!(f, "{resource} is missing, or does not fit the tree"),
            Self::Nothing => f.write_str("no leaves to append"),
        }
    }
}

impl core::error::Error for AppendError {}

impl Default for LogState {
    fn default() -> Self {
        Self::new()
    }
}

impl LogState {
    /// Makes the state of a log that has no leaf yet.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            generation: 0,
            frozen: false,
            time: Timestamp::from_unix(0),
            cursors: [0; LANES],
            frontier: Frontier::new(),
            lines: Vec::new(),
        }
    }

    /// Returns how often the log was restarted.
    #[must_use]
    pub const fn generation(&self) -> u32 {
        self.generation
    }

    /// Returns when leaves were last appended; 1970-01-01 00:00:00 if never.
    #[must_use]
    pub const fn time(&self) -> Timestamp {
        self.time
    }

    /// Returns the number of the next leaf of each lane that is not logged yet.
    #[must_use]
    pub const fn cursors(&self) -> &[u64; LANES] {
        &self.cursors
    }

    /// Returns the right edge of the tree.
    #[must_use]
    pub const fn frontier(&self) -> &Frontier {
        &self.frontier
    }

    /// Tells whether the log signs nothing any more.
    #[must_use]
    pub const fn is_frozen(&self) -> bool {
        self.frozen
    }

    /// Makes the log sign nothing any more, but for [`restart`](Self::restart).
    pub const fn freeze(&mut self) {
        self.frozen = true;
    }

    /// Returns the newest checkpoint with all signatures that are kept; `None` before the first append.
    ///
    /// # Errors
    ///
    /// [`ParseError`] if that is more than a note holds.
    pub fn note(&self, origin: &str) -> Result<Option<Note>, ParseError> {
        let Some((first, rest)) = self.lines.split_first() else {
            return Ok(None);
        };
        let text = Checkpoint::write(origin, self.frontier.head());
        let mut note = Note::of(text, first.clone());
        rest.iter().try_for_each(|line| note.push(line.clone()))?;
        Ok(Some(note))
    }

    /// Keeps a verified cosignature of the newest checkpoint ([`WitnessAnswer::Cosigned`](crate::WitnessAnswer)).
    ///
    /// # Errors
    ///
    /// [`ParseError`] for more than 32 lines.
    pub fn add_signature(&mut self, line: SignatureLine) -> Result<(), ParseError> {
        if self.lines.contains(&line) {
            return Ok(());
        }
        if self.lines.len() >= MAX_LINES {
            return Err(ParseError::new("signature lines", "1 to 32"));
        }
        self.lines.push(line);
        Ok(())
    }

    /// Returns the partial bundle and the partial tiles that an append of `count` leaves goes on from: at most 8, to
    /// load together with the state. Level 0 is not among them: it is computed from the entries.
    #[must_use]
    pub fn edge(&self, count: usize) -> Vec<Resource> {
        let size = self.frontier.size();
        let grown = size.saturating_add(count as u64);
        let is_kept = |one: &Resource| match one {
            Resource::Tile(tile) => tile.level() > 0,
            _ => true,
        };
        let existing = |one: Resource| match one {
            Resource::Entries(bundle) => {
                BundleId::new(bundle.index(), width(size, bundle.index())).map(Resource::Entries)
            }
            Resource::Tile(tile) => {
                let width = width(size >> (8 * tile.level()), tile.index());
                TileId::new(tile.level(), tile.index(), width).map(Resource::Tile)
            }
            Resource::Checkpoint => Ok(one),
        };
        Resource::since(size, grown.min(size + MAX_BATCH as u64))
            .filter(is_kept)
            .filter_map(|one| existing(one).ok()) // what begins with this append has no width yet
            .collect()
    }

    /// Appends a batch, and signs the new tree.
    ///
    /// `entries` are the leaves of the partial bundle of [`edge`](Self::edge), and `tiles` its tiles. `floor` is the
    /// last checkpoint that the host kept outside of the store, if it does: a log that was restored from a backup
    /// would sign another tree of a size already signed, and is found by it. It is compared, not verified: the host
    /// trusts what it kept.
    ///
    /// It takes two hash computations a leaf, and those of the edge, which are compared with the frontier: nothing is
    /// signed over an edge that somebody changed.
    ///
    /// # Errors
    ///
    /// [`AppendError`]; nothing is to be committed then.
    pub fn append(
        &self,
        batch: &Batch,
        entries: &[Leaf],
        tiles: &[(TileId, Tile)],
        key: &LogKey,
        now: Timestamp,
        floor: Option<&Checkpoint>,
    ) -> Result<Append, AppendError> {
        if self.frozen {
            return Err(AppendError::Frozen);
        }
        if (self.generation, &self.cursors) != (batch.generation, &batch.before) {
            return Err(AppendError::Stale);
        }
        if let Some(floor) = floor.filter(|floor| floor.origin() == key.origin()) {
            let (kept, ours) = (floor.head(), self.frontier.head());
            if kept.size() > ours.size() || kept.size() == ours.size() && kept != ours {
                return Err(AppendError::BehindFloor { size: kept.size() });
            }
        }
        let mut rows = self.rows(batch.leaves.len(), entries, tiles)?;
        let mut next = self.clone();
        (next.cursors, next.time) = (batch.after, now);
        next.extend(&mut rows, &batch.leaves, key)
    }

    /// Restarts a log whose store was restored from a backup, or that was forked: under a new origin, from no leaves,
    /// with the next generation. The first leaf names the last checkpoint of the log before; the lanes go on where they
    /// were.
    ///
    /// # Errors
    ///
    /// [`AppendError::SameOrigin`] if the key has the origin of that checkpoint, and [`AppendError::Nothing`] if that
    /// checkpoint or the time is beyond what a leaf holds.
    pub fn restart(
        &self,
        last: &Checkpoint,
        key: &LogKey,
        now: Timestamp,
    ) -> Result<Append, AppendError> {
        if last.origin() == key.origin() {
            return Err(AppendError::SameOrigin);
        }
        let leaf = Leaf::predecessor(last, now).map_err(|_| AppendError::Nothing)?;
        let generation = self.generation.checked_add(1);
        let next = Self {
            generation: generation.ok_or(AppendError::Nothing)?,
            cursors: self.cursors,
            time: now,
            ..Self::new()
        };
        next.extend(&mut Rows::default(), &[leaf], key)
    }

    /// Reads the edge, and compares it with the frontier.
    fn rows(
        &self,
        count: usize,
        entries: &[Leaf],
        tiles: &[(TileId, Tile)],
    ) -> Result<Rows, AppendError> {
        let mut rows = Rows::default();
        for resource in self.edge(count) {
            let wrong = AppendError::Edge(resource);
            let (level, width, hashes) = match resource {
                Resource::Tile(id) => {
                    let tile = tiles.iter().find(|(known, _)| *known == id);
                    let (_, tile) = tile.ok_or(wrong)?;
                    (id.level(), id.width(), tile.hashes().to_vec())
                }
                Resource::Entries(id) => {
                    rows.leaves = entries.to_vec();
                    (0, id.width(), entries.iter().map(hash).collect())
                }
                Resource::Checkpoint => return Err(wrong), // never: it is no part of the edge
            };
            if hashes.len() != usize::from(width) || !self.fits(level, &hashes) {
                return Err(wrong);
            }
            if let Some(row) = rows.hashes.get_mut(usize::from(level)) {
                *row = hashes;
            }
        }
        Ok(rows)
    }

    /// Compares a partial group of hashes of this level with the frontier, which has the roots above them.
    fn fits(&self, level: u8, hashes: &[Hash]) -> bool {
        let size = self.frontier.size();
        let mut rest = hashes;
        for bit in (0..8).rev().map(|bit| bit + 8 * u32::from(level)) {
            if bit > 62 || size >> bit & 1 == 0 {
                continue;
            }
            let above = (size >> bit >> 1).count_ones() as usize;
            let len = 1 << (bit - 8 * u32::from(level));
            let Some((below, after)) = rest.split_at_checked(len) else {
                return false;
            };
            if self.frontier.hashes().get(above) != Some(&root(below)) {
                return false;
            }
            rest = after;
        }
        rest.is_empty()
    }

    /// Pushes leaves, and gathers what of bundles and tiles grew.
    fn extend(
        mut self,
        rows: &mut Rows,
        leaves: &[Leaf],
        key: &LogKey,
    ) -> Result<Append, AppendError> {
        let first = self.frontier.size();
        if leaves.is_empty() {
            return Err(AppendError::Nothing);
        }
        for leaf in leaves {
            rows.leaves.push(*leaf);
            let hashes = &mut rows.hashes;
            let complete = |node: crate::Node, hash| {
                let (level, height) = (node.level() / 8, node.level() % 8);
                if let Some(row) = hashes.get_mut(usize::from(level)).filter(|_| height == 0) {
                    row.push(hash);
                }
            };
            let pushed = self.frontier.push_with(hash(leaf), complete);
            pushed.map_err(|_| AppendError::Nothing)?;
        }
        let (mut bundles, mut tiles) = (Vec::new(), Vec::new());
        for resource in Resource::since(first, self.frontier.size()) {
            match resource {
                Resource::Entries(id) => {
                    let leaves = group(&rows.leaves, first, id.index(), id.width());
                    bundles.push((id, leaves.ok_or(AppendError::Edge(resource))?.to_vec()));
                }
                Resource::Tile(id) if id.level() > 0 => {
                    let row = rows.hashes.get(usize::from(id.level()));
                    let before = first >> (8 * id.level());
                    let hashes = row.and_then(|row| group(row, before, id.index(), id.width()));
                    let tile = hashes.and_then(|row| Tile::from_hashes(row.to_vec()).ok());
                    tiles.push((id, tile.ok_or(AppendError::Edge(resource))?));
                }
                Resource::Tile(_) | Resource::Checkpoint => {}
            }
        }
        let note = key.sign(self.frontier.head());
        self.lines = note.signatures().to_vec();
        Ok(Append {
            state: self,
            first,
            leaves: leaves.to_vec(),
            bundles,
            tiles,
            note,
        })
    }

    /// Returns the body of the cell: format, flags, generation (4), size (8), time (8), the cursors (6 each), the
    /// frontier (32 for each set bit of the size), and the signature lines, each ended by a line feed.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::from([FORMAT, u8::from(self.frozen)]);
        bytes.extend(self.generation.to_be_bytes());
        bytes.extend(self.frontier.size().to_be_bytes());
        bytes.extend(self.time.unix().to_be_bytes());
        for cursor in &self.cursors {
            bytes.extend(&cursor.to_be_bytes()[2..]);
        }
        for hash in self.frontier.hashes() {
            bytes.extend(hash.as_bytes());
        }
        for line in &self.lines {
            bytes.extend(alloc::format!("{line}\n").as_bytes());
        }
        bytes
    }

    /// Reads the body of the cell.
    ///
    /// # Errors
    ///
    /// [`ParseError`] for another format, a part that is missing, more than 32 lines, and more than about 68 KiB.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, ParseError> {
        const STATE: ParseError = ParseError::new(
            "state of a log",
            "format 1, flags 0 or 1, generation, size, time, 63 cursors, frontier and signature lines",
        );
        let (fixed, rest) = bytes.split_first_chunk::<FIXED>().ok_or(STATE)?;
        let frozen = match fixed {
            [FORMAT, 0, ..] => false,
            [FORMAT, 1, ..] => true,
            _ => return Err(STATE),
        };
        let number = |from: usize, len: usize| {
            let part = fixed.iter().skip(from).take(len);
            part.fold(0_u64, |sum, byte| sum << 8 | u64::from(*byte))
        };
        let size = number(6, 8);
        let (hashes, lines) = rest
            .split_at_checked(32 * size.count_ones() as usize)
            .ok_or(STATE)?;
        let (hashes, _) = hashes.as_chunks::<32>();
        let hashes: Vec<_> = hashes.iter().copied().map(Hash::from_bytes).collect();
        let lines = match core::str::from_utf8(lines) {
            Ok("") => Vec::new(),
            Ok(lines) if lines.len() <= MAX_NOTE => {
                note::signature_lines(lines.strip_suffix('\n').ok_or(STATE)?)?
            }
            Ok(_) | Err(_) => return Err(STATE),
        };
        let mut cursors = [0; LANES];
        for (lane, cursor) in cursors.iter_mut().enumerate() {
            *cursor = number(22 + 6 * lane, 6);
        }
        let time = i64::from_be_bytes(number(14, 8).to_be_bytes());
        Ok(Self {
            generation: u32::try_from(number(2, 4)).map_err(|_| STATE)?,
            frozen,
            time: Timestamp::from_unix(time),
            cursors,
            frontier: Frontier::from_hashes(size, &hashes)?,
            lines,
        })
    }
}

/// What stands at the right edge: leaves of the last bundle, and the hashes of the last tile of each level.
#[derive(Default)]
struct Rows {
    leaves: Vec<Leaf>,
    hashes: [Vec<Hash>; 8],
}

fn hash(leaf: &Leaf) -> Hash {
    Hash::of_leaf(&leaf.to_bytes())
}

/// Returns how many of `count` things in a row are in the group of 256 with this index; 0 of none.
fn width(count: u64, index: u64) -> u16 {
    let left = count.saturating_sub(index.saturating_mul(FULL.into()));
    u16::try_from(left).map_or(FULL, |left| left.min(FULL))
}

/// Cuts a group out of a row that begins with the group in which the thing number `before` is.
fn group<T>(row: &[T], before: u64, index: u64, width: u16) -> Option<&[T]> {
    let from = index.checked_sub(before / u64::from(FULL))?;
    let from = usize::try_from(from).ok()?.checked_mul(FULL.into())?;
    row.get(from..from.checked_add(width.into())?)
}

impl Batch {
    /// Merges what was read of the lanes behind the cursors of `state`, by time and, of equal times, by lane; each
    /// lane in its own order. At most `max` leaves are taken, and never more than 256.
    ///
    /// A lane may come in parts, one behind the other; what lies before its cursor is passed over. A lane that did not
    /// come stays where it is.
    ///
    /// # Errors
    ///
    /// [`AppendError::Lane`] for a lane above 62, one whose leaves do not reach its cursor, or have a gap.
    pub fn merge(
        state: &LogState,
        parts: &[LanePart<'_>],
        max: usize,
    ) -> Result<Self, AppendError> {
        let mut lanes: [Vec<&Leaf>; LANES] = [const { Vec::new() }; LANES];
        for part in parts {
            let wrong = AppendError::Lane(part.lane);
            let lane = usize::from(part.lane);
            let cursor = state.cursors.get(lane).ok_or(wrong)?;
            let leaves = lanes.get_mut(lane).ok_or(wrong)?;
            let next = cursor.checked_add(leaves.len() as u64).ok_or(wrong)?;
            let skipped = next.checked_sub(part.first).ok_or(wrong)?;
            let skipped = usize::try_from(skipped).map_err(|_| wrong)?;
            leaves.extend(part.leaves.get(skipped..).ok_or(wrong)?);
        }
        let mut after = state.cursors;
        let mut taken = [0; LANES];
        let mut leaves = Vec::new();
        while leaves.len() < max.min(MAX_BATCH) {
            let heads = lanes.iter().zip(&taken).enumerate();
            let heads = heads.filter_map(|(lane, (row, at))| Some((lane, *row.get(*at)?)));
            let Some((lane, leaf)) = heads.min_by_key(|(lane, leaf)| (leaf.time(), *lane)) else {
                break;
            };
            if let (Some(cursor), Some(at)) = (after.get_mut(lane), taken.get_mut(lane)) {
                if *cursor + 1 >= SIX_BYTES {
                    return Err(AppendError::Nothing);
                }
                (*cursor, *at) = (*cursor + 1, *at + 1);
            }
            leaves.push(*leaf);
        }
        Ok(Self {
            generation: state.generation,
            before: state.cursors,
            after,
            leaves,
        })
    }

    /// Returns the leaves, in the order in which they will be logged.
    #[must_use]
    pub fn leaves(&self) -> &[Leaf] {
        &self.leaves
    }
}

impl Append {
    /// Returns the new state: to be committed, with the version of the old one.
    #[must_use]
    pub const fn state(&self) -> &LogState {
        &self.state
    }

    /// Returns the bundles of entries that grew, 1 or 2: to be committed with the state.
    #[must_use]
    pub fn bundles(&self) -> &[(BundleId, Vec<Leaf>)] {
        &self.bundles
    }

    /// Returns the tiles of level 1 and above that grew: to be committed with the state.
    #[must_use]
    pub fn tiles(&self) -> &[(TileId, Tile)] {
        &self.tiles
    }

    /// Iterates over the leaves that are logged now, and their indexes.
    pub fn logged(&self) -> impl Iterator<Item = (u64, &Leaf)> {
        (self.first..).zip(&self.leaves)
    }

    /// Returns the signed checkpoint: **it leaves after the commit only.**
    #[must_use]
    pub const fn note(&self) -> &Note {
        &self.note
    }
}

//! The tree and its entries as static files (C2SP tlog-tiles): names, tiles and bundles of entries.

use alloc::vec::Vec;
use core::fmt;
use core::str::FromStr;

use crate::error::ParseError;
use crate::text;
use crate::tree::{Hash, MAX_SIZE, Node};

/// The hashes in a full tile, and the entries in a full bundle.
pub(crate) const FULL: u16 = 256;

/// The highest level of a tile: a tree of 2^63 - 1 leaves has none above.
const MAX_LEVEL: u8 = 7;

const INDEX: ParseError = ParseError::new(
    "tile index",
    "groups of three digits, all but the last after an x, of a tree of at most 2^63 - 1 leaves",
);
const WIDTH: ParseError = ParseError::new("tile width", "1 to 256; in a path 1 to 255");

/// The name of a tile of a tree: `tile/0/x001/x234/067` in a path, with `.p/112` behind it if it is not full.
///
/// ```
/// use otp_log::{Resource, TileId};
///
/// let tile = TileId::new(0, 1_234_067, 256)?;
/// assert_eq!(Resource::Tile(tile).to_string(), "tile/0/x001/x234/067");
/// assert_eq!("tile/1/001.p/17".parse(), Ok(Resource::Tile(TileId::new(1, 1, 17)?)));
/// # Ok::<(), otp_log::ParseError>(())
/// ```
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct TileId {
    level: u8,
    index: u64,
    width: u16,
}

impl TileId {
    /// Names a tile by its level (0 holds the hashes of leaves, each further one roots of full tiles below), its
    /// index in the level, and the number of its hashes.
    ///
    /// # Errors
    ///
    /// [`ParseError`] for a level above 7, a width of 0 or above 256, and a place that no tree of at most 2^63 - 1
    /// leaves has.
    pub fn new(level: u8, index: u64, width: u16) -> Result<Self, ParseError> {
        if level > MAX_LEVEL {
            return Err(ParseError::new("tile level", "0 to 7"));
        }
        if !(1..=FULL).contains(&width) {
            return Err(WIDTH);
        }
        let last = index.checked_mul(FULL.into());
        let last = last.and_then(|first| first.checked_add(width.into()));
        if last.is_none_or(|last| last > MAX_SIZE >> (8 * level)) {
            return Err(INDEX);
        }
        Ok(Self {
            level,
            index,
            width,
        })
    }

    /// Returns the tile that holds a node, or the nodes below from which it is computed, in the tree of `size`
    /// leaves; `None` where that tree has no such node.
    #[must_use]
    pub fn of_node(node: Node, size: u64) -> Option<Self> {
        let (level, height) = (node.level() / 8, node.level() % 8);
        let hashes = size.min(MAX_SIZE) >> (8 * level); // the complete ones of this level
        let first = node.index().checked_mul(1 << height)?;
        let end = first.checked_add(1 << height)?;
        let index = first / u64::from(FULL);
        (end <= hashes).then_some(Self {
            level,
            index,
            width: width(hashes, index),
        })
    }

    /// Returns the level, 0 to 7.
    #[must_use]
    pub const fn level(self) -> u8 {
        self.level
    }

    /// Returns the index within the level, counted from 0.
    #[must_use]
    pub const fn index(self) -> u64 {
        self.index
    }

    /// Returns the number of hashes, 1 to 256.
    #[must_use]
    pub const fn width(self) -> u16 {
        self.width
    }
}

/// Returns how many of `count` things in a row are in the group of 256 with this index.
fn width(count: u64, index: u64) -> u16 {
    let left = count.saturating_sub(index.saturating_mul(FULL.into()));
    u16::try_from(left).map_or(FULL, |left| left.min(FULL))
}

/// The name of a bundle of entries: `tile/entries/000` in a path, with `.p/70` behind it if it is not full.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct BundleId {
    index: u64,
    width: u16,
}

impl BundleId {
    /// Names the bundle of the entries from `index` * 256 on, and the number of its entries.
    ///
    /// # Errors
    ///
    /// [`ParseError`] for a width of 0 or above 256, and a place that no tree of at most 2^63 - 1 leaves has.
    pub fn new(index: u64, width: u16) -> Result<Self, ParseError> {
        TileId::new(0, index, width).map(|_| Self { index, width })
    }

    /// Returns the index, counted from 0.
    #[must_use]
    pub const fn index(self) -> u64 {
        self.index
    }

    /// Returns the number of entries, 1 to 256.
    #[must_use]
    pub const fn width(self) -> u16 {
        self.width
    }
}

/// A file that a log serves, by its path below the log's address (tlog-tiles).
///
/// `Display` writes the path, `FromStr` reads it.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum Resource {
    /// `checkpoint`: the newest signed tree head; the only one that changes.
    Checkpoint,
    /// `tile/L/N` or `tile/L/N.p/W`.
    Tile(TileId),
    /// `tile/entries/N` or `tile/entries/N.p/W`.
    Entries(BundleId),
}

impl Resource {
    /// Iterates over all tiles and bundles of the tree of `size` leaves: the bundles and tiles of level 0, then the
    /// levels above, each from the left. It takes no memory, however large the tree is; a size above 2^63 - 1 counts
    /// as that.
    ///
    /// ```
    /// use otp_log::Resource;
    ///
    /// let paths: Vec<_> = Resource::of_tree(257).map(|one| one.to_string()).collect();
    /// assert_eq!(paths[..2], ["tile/entries/000", "tile/entries/001.p/1"]);
    /// assert_eq!(paths[2..], ["tile/0/000", "tile/0/001.p/1", "tile/1/000.p/1"]);
    /// ```
    pub fn of_tree(size: u64) -> impl Iterator<Item = Self> {
        Self::since(0, size)
    }

    /// Iterates over the tiles and bundles of the tree of `newer` leaves that the tree of `older` does not have, or
    /// has narrower: what an append writes.
    pub fn since(older: u64, newer: u64) -> impl Iterator<Item = Self> {
        let newer = newer.min(MAX_SIZE);
        let bundles =
            new_groups(older, newer).map(|(index, width)| Self::Entries(BundleId { index, width }));
        let tiles = (0..=MAX_LEVEL).flat_map(move |level| {
            let groups = new_groups(older >> (8 * level), newer >> (8 * level));
            groups.map(move |(index, width)| {
                Self::Tile(TileId {
                    level,
                    index,
                    width,
                })
            })
        });
        bundles.chain(tiles)
    }
}

/// Iterates over the groups of 256 that grow where a row of `older` things grows to `newer`.
fn new_groups(older: u64, newer: u64) -> impl Iterator<Item = (u64, u16)> {
    let first = older / u64::from(FULL);
    let end = if older < newer {
        newer.div_ceil(FULL.into())
    } else {
        first
    };
    (first..end).map(move |index| (index, width(newer, index)))
}

impl fmt::Display for Resource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (index, width) = match self {
            Self::Checkpoint => return f.write_str("checkpoint"),
            Self::Tile(tile) => {
                write!(f, "tile/{}/", tile.level)?;
                (tile.index, tile.width)
            }
            Self::Entries(bundle) => {
                f.write_str("tile/entries/")?;
                (bundle.index, bundle.width)
            }
        };
        let groups = index.checked_ilog(1000).unwrap_or(0);
        for group in (1..=groups).rev() {
            write!(f, "x{:03}/", index / 1000_u64.pow(group) % 1000)?;
        }
        write!(f, "{:03}", index % 1000)?;
        if width < FULL {
            write!(f, ".p/{width}")?;
        }
        Ok(())
    }
}

impl FromStr for Resource {
    type Err = ParseError;

    /// Reads a path in its one spelling: no leading slash, no more groups of digits than needed.
    fn from_str(path: &str) -> Result<Self, ParseError> {
        const PATH: ParseError = ParseError::new(
            "path",
            "checkpoint, tile/L/N or tile/entries/N, with .p/W if it is not full",
        );
        if path == "checkpoint" {
            return Ok(Self::Checkpoint);
        }
        // The longest has a group of digits for each three of 2^55.
        let rest = path.strip_prefix("tile/").filter(|_| path.len() <= 64);
        let (level, rest) = rest.and_then(|rest| rest.split_once('/')).ok_or(PATH)?;
        let (index, width) = match rest.split_once(".p/") {
            Some((index, width)) => {
                let width = text::decimal(width, "tile width")?;
                let width = u16::try_from(width).ok().filter(|width| *width < FULL);
                (index, width.ok_or(WIDTH)?)
            }
            None => (rest, FULL),
        };
        let mut groups = index.split('/').peekable();
        let mut index = 0_u64;
        while let Some(group) = groups.next() {
            let digits = match groups.peek() {
                Some(_) => group.strip_prefix('x').ok_or(INDEX)?,
                None => group,
            };
            if digits.len() != 3 || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
                return Err(INDEX);
            }
            let digits: u64 = digits.parse().map_err(|_| INDEX)?;
            index = index.checked_mul(1000).ok_or(INDEX)? + digits;
        }
        let read = match level {
            "entries" => Self::Entries(BundleId::new(index, width)?),
            level => {
                let level = text::decimal(level, "tile level")?;
                let level = u8::try_from(level).unwrap_or(u8::MAX);
                Self::Tile(TileId::new(level, index, width)?)
            }
        };
        // Another spelling of the same name: groups that are zero in front.
        let same = alloc::string::ToString::to_string(&read) == path;
        same.then_some(read).ok_or(INDEX)
    }
}

/// The hashes of a tile: 1 to 256, of 32 bytes each.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Tile {
    hashes: Vec<Hash>,
}

impl Tile {
    /// Joins hashes to a tile.
    ///
    /// # Errors
    ///
    /// [`ParseError`] unless there are 1 to 256.
    pub fn from_hashes(hashes: Vec<Hash>) -> Result<Self, ParseError> {
        let fits = (1..=usize::from(FULL)).contains(&hashes.len());
        fits.then_some(Self { hashes }).ok_or(WIDTH)
    }

    /// Reads the bytes of a tile that is `width` hashes wide.
    ///
    /// # Errors
    ///
    /// [`ParseError`] unless there are exactly 32 bytes for each hash, and 1 to 256 hashes.
    pub fn from_bytes(bytes: &[u8], width: u16) -> Result<Self, ParseError> {
        if bytes.len() != 32 * usize::from(width) {
            return Err(ParseError::new(
                "tile",
                "32 bytes for each hash of its width",
            ));
        }
        let (hashes, _) = bytes.as_chunks::<32>();
        Self::from_hashes(hashes.iter().copied().map(Hash::from_bytes).collect())
    }

    /// Returns the bytes of the tile: 8,192 of a full one.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        self.hashes
            .iter()
            .flat_map(|hash| *hash.as_bytes())
            .collect()
    }

    /// Returns the hashes.
    #[must_use]
    pub fn hashes(&self) -> &[Hash] {
        &self.hashes
    }

    /// Computes the root of a full tile, a hash of the level above; `None` for a partial one.
    #[must_use]
    pub fn root(&self) -> Option<Hash> {
        (self.hashes.len() == usize::from(FULL)).then(|| root(&self.hashes))
    }

    /// Returns a node that is in this tile, or computes it from those that are: at most 127 hash computations. `None`
    /// where the tile is too narrow. The caller picks the tile by [`TileId::of_node`].
    #[must_use]
    pub fn node(&self, node: Node) -> Option<Hash> {
        let height = node.level() % 8;
        let first = node.index().checked_mul(1 << height)? % u64::from(FULL);
        let first = usize::try_from(first).ok()?;
        let below = self.hashes.get(first..first + (1 << height))?;
        Some(root(below))
    }
}

/// Computes the root of a perfect subtree over 1, 2, 4, .. hashes.
pub(crate) fn root(hashes: &[Hash]) -> Hash {
    match hashes {
        [] => Hash::EMPTY, // never: a node stands over at least one
        [hash] => *hash,
        _ => {
            let (left, right) = hashes.split_at(hashes.len() / 2);
            Hash::of_nodes(root(left), root(right))
        }
    }
}

/// The entries of a bundle: 1 to 256, of at most 65,535 bytes each; with their lengths at most 16 MiB.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct EntryBundle<'a> {
    entries: Vec<&'a [u8]>,
}

impl<'a> EntryBundle<'a> {
    /// Joins entries to a bundle.
    ///
    /// # Errors
    ///
    /// [`ParseError`] unless there are 1 to 256, of at most 65,535 bytes each.
    pub fn from_entries(entries: Vec<&'a [u8]>) -> Result<Self, ParseError> {
        if !(1..=usize::from(FULL)).contains(&entries.len()) {
            return Err(WIDTH);
        }
        if entries.iter().any(|entry| entry.len() > 0xFFFF) {
            return Err(ParseError::new("entry", "at most 65,535 bytes"));
        }
        Ok(Self { entries })
    }

    /// Reads the bytes of a bundle of `width` entries: each with its length before it, in two bytes.
    ///
    /// # Errors
    ///
    /// [`ParseError`] unless there are exactly so many entries, 1 to 256, and no byte is left.
    pub fn from_bytes(bytes: &'a [u8], width: u16) -> Result<Self, ParseError> {
        const BUNDLE: ParseError = ParseError::new(
            "bundle of entries",
            "a length of two bytes and as many bytes for each entry of its width, and no more",
        );
        if !(1..=FULL).contains(&width) {
            return Err(WIDTH);
        }
        let mut rest = bytes;
        let mut entries = Vec::new();
        for _ in 0..width {
            let (len, after) = rest.split_first_chunk().ok_or(BUNDLE)?;
            let len = usize::from(u16::from_be_bytes(*len));
            let (entry, after) = after.split_at_checked(len).ok_or(BUNDLE)?;
            entries.push(entry);
            rest = after;
        }
        let whole = rest.is_empty();
        whole.then_some(Self { entries }).ok_or(BUNDLE)
    }

    /// Returns the bytes of the bundle.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        for entry in &self.entries {
            let len = u16::try_from(entry.len()).unwrap_or(u16::MAX); // checked when it was made
            bytes.extend(len.to_be_bytes());
            bytes.extend(*entry);
        }
        bytes
    }

    /// Returns the entries.
    #[must_use]
    pub fn entries(&self) -> &[&'a [u8]] {
        &self.entries
    }

    /// Computes the tile of level 0 over these entries: one hash computation each.
    #[must_use]
    pub fn tile(&self) -> Tile {
        Tile {
            hashes: self
                .entries
                .iter()
                .map(|entry| Hash::of_leaf(entry))
                .collect(),
        }
    }
}

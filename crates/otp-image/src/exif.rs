//! Exif data, as far as it says where a picture was taken (CIPA DC-008, TIFF 6.0 section 2).

/// The tag under which the positions of a GPS receiver stand.
const GPS: u16 = 0x8825;

/// The tag that leads from the first directory to the camera's.
const CAMERA: u16 = 0x8769;

/// Says whether a block of Exif data can be read and holds no position.
///
/// A block that cannot be read might hold one.
pub(crate) fn holds_no_position(tiff: &[u8]) -> bool {
    let big = match tiff.get(..4) {
        Some(b"MM\0*") => true,
        Some(b"II*\0") => false,
        _ => return false,
    };
    // Some writers add directories that are not walked to here; an entry of one number is found so.
    let entry: &[u8] = match big {
        true => &[0x88, 0x25, 0, 4, 0, 0, 0, 1],
        false => &[0x25, 0x88, 4, 0, 1, 0, 0, 0],
    };
    if tiff.windows(entry.len()).any(|window| window == entry) {
        return false;
    }
    let exif = Exif { tiff, big };
    let directories = || {
        let first = exif.directory(exif.u32(4)?)?;
        let camera = match first.camera {
            Some(at) => exif.directory(at)?.positioned,
            None => false,
        };
        // The second directory is that of the thumbnail; nothing is behind it.
        let thumbnail = match first.next {
            0 => false,
            at => exif.directory(at)?.positioned,
        };
        Some(first.positioned || camera || thumbnail)
    };
    directories() == Some(false)
}

struct Exif<'a> {
    tiff: &'a [u8],
    big: bool,
}

/// What is of interest in a directory.
struct Directory {
    positioned: bool,
    camera: Option<u32>,
    next: u32,
}

impl Exif<'_> {
    fn directory(&self, at: u32) -> Option<Directory> {
        let at = usize::try_from(at).ok()?;
        let count = usize::from(self.u16(at)?);
        let mut found = Directory {
            positioned: false,
            camera: None,
            next: 0,
        };
        let entries = at.checked_add(2)?;
        for entry in (0..count).map(|i| entries + i * 12) {
            match self.u16(entry)? {
                GPS => found.positioned = true,
                CAMERA => found.camera = Some(self.u32(entry + 8)?),
                _ => {}
            }
        }
        // Some writers leave out the end mark of the last directory.
        found.next = self.u32(entries + count * 12).unwrap_or(0);
        Some(found)
    }

    fn u16(&self, at: usize) -> Option<u16> {
        let bytes = *self.tiff.get(at..)?.first_chunk()?;
        Some(if self.big {
            u16::from_be_bytes(bytes)
        } else {
            u16::from_le_bytes(bytes)
        })
    }

    fn u32(&self, at: usize) -> Option<u32> {
        let bytes = *self.tiff.get(at..)?.first_chunk()?;
        Some(if self.big {
            u32::from_be_bytes(bytes)
        } else {
            u32::from_le_bytes(bytes)
        })
    }
}

//! Pictures as they are drawn and taken, and what becomes of them.

use alloc::{format, string::String, vec, vec::Vec};
use core::iter;

use super::{ImageError, MAX_SIDE, MIN_SIDE, MediaType, check};

const DRAWN: &[u8] = include_bytes!("../tests/vectors/images/sound/drawn.png");
const TAKEN: &[u8] = include_bytes!("../tests/vectors/images/sound/drawn.jpg");

fn media_type(image: &[u8]) -> Option<&'static str> {
    check(image).ok().map(MediaType::as_str)
}

fn pictures(of: &str) -> Vec<(String, Vec<u8>)> {
    let folder = format!("{}/tests/vectors/images/{of}", env!("CARGO_MANIFEST_DIR"));
    let files = std::fs::read_dir(folder).unwrap().map(Result::unwrap);
    files
        .map(|file| {
            let name = file.file_name().to_string_lossy().into_owned();
            (name, std::fs::read(file.path()).unwrap())
        })
        .collect()
}

/// A chunk: its kind, and what is in it.
type Chunk<'a> = (&'a [u8; 4], &'a [u8]);

/// A segment: its marker, and what is behind its length.
type Segment = (u8, Vec<u8>);

/// A chunk with its check sum.
fn chunk(kind: &[u8; 4], data: &[u8]) -> Vec<u8> {
    let summed = [&kind[..], data].concat();
    let length = u32::try_from(data.len()).unwrap().to_be_bytes();
    // The check sum of Annex D, by its definition.
    let mut sum = u32::MAX;
    for byte in &summed {
        sum ^= u32::from(*byte);
        for _ in 0..8 {
            sum = if sum & 1 == 1 {
                sum >> 1 ^ 0xEDB8_8320
            } else {
                sum >> 1
            };
        }
    }
    [&length[..], &summed, &(!sum).to_be_bytes()].concat()
}

/// A file of these chunks.
fn png(chunks: &[Chunk<'_>]) -> Vec<u8> {
    let mut file = b"\x89PNG\r\n\x1a\n".to_vec();
    file.extend(chunks.iter().flat_map(|(kind, data)| chunk(kind, data)));
    file
}

fn header(width: u32, height: u32, rest: [u8; 5]) -> Vec<u8> {
    [&width.to_be_bytes()[..], &height.to_be_bytes(), &rest].concat()
}

/// The stream of eight rows of zeros, one block that is stored.
const PIXELS: &[u8] = b"\x78\x01\x01\x10\0\xef\xff\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x10\0\x01";

const GREY: [u8; 5] = [1, 0, 0, 0, 0];

fn is_png(chunks: &[Chunk<'_>]) -> bool {
    media_type(&png(chunks)) == Some("image/png")
}

#[test]
fn case_172_pictures_as_pads_and_cameras_make_them_are_known() {
    let sound = pictures("sound");
    assert_eq!(sound.len(), 8);
    for (name, picture) in sound {
        let kind = if name.ends_with("png") {
            "image/png"
        } else {
            "image/jpeg"
        };
        assert_eq!(media_type(&picture), Some(kind), "{name}");
    }
}

#[test]
fn case_173_a_picture_that_says_where_it_was_taken_is_refused() {
    let placed = pictures("position");
    assert_eq!(placed.len(), 4);
    for (name, picture) in placed {
        assert_eq!(check(&picture), Err(ImageError::Position), "{name}");
    }
    // What cannot be read might say it.
    let odd: [Chunk<'_>; 5] = [
        (b"eXIf", b"MM\0*\0\0\0\x10"),
        (b"eXIf", b"?"),
        (b"zTXt", b"Comment\0\0compressed"),
        (b"iTXt", b"XML:com.adobe.xmp\0\x01\0\0\0compressed"),
        (b"tEXt", b"Raw profile type exif\0\n 4\n4d4d"),
    ];
    for (kind, data) in odd {
        let chunks: [Chunk<'_>; 4] = [
            (b"IHDR", &header(8, 8, GREY)),
            (kind, data),
            (b"IDAT", PIXELS),
            (b"IEND", b""),
        ];
        let said = check(&png(&chunks));
        assert_eq!(
            said,
            Err(ImageError::Position),
            "{}",
            String::from_utf8_lossy(data)
        );
    }
}

/// The stream of so many zeros, in blocks that are stored.
fn zeros(count: usize) -> Vec<u8> {
    let mut stream = b"\x78\x01".to_vec();
    for block in vec![0; count].chunks(0xFFFF) {
        let length = u16::try_from(block.len()).unwrap();
        stream.push(0);
        stream.extend([length.to_le_bytes(), (!length).to_le_bytes()].concat());
        stream.extend(block);
    }
    // An empty last block; the sum of zeros is their number, and one.
    stream.extend([1, 0, 0, 0xFF, 0xFF]);
    let high = u32::try_from(count % 65_521).unwrap();
    stream.extend((high << 16 | 1).to_be_bytes());
    stream
}

#[test]
fn case_172_a_picture_has_8_to_4096_pixels_a_side() {
    let sized = |width: u32, height: u32| {
        let rows = u64::from(height) * (1 + u64::from(width).div_ceil(8));
        check(&png(&[
            (b"IHDR", &header(width, height, GREY)),
            (b"IDAT", &zeros(usize::try_from(rows.min(1 << 20)).unwrap())),
            (b"IEND", b""),
        ]))
    };
    for good in [8, 160, 4_096] {
        assert_eq!(
            [sized(good, 8), sized(8, good)],
            [Ok(MediaType::Png); 2],
            "{good}"
        );
    }
    for bad in [0, 1, 7, 4_097, 20_000, u32::MAX] {
        assert_eq!(
            [sized(bad, 8), sized(8, bad)],
            [Err(ImageError::Size); 2],
            "{bad}"
        );
    }
    // Eight bytes a pixel: 128 MiB of rows.
    let deep = header(4_096, 4_096, [16, 6, 0, 0, 0]);
    let deep = png(&[(b"IHDR", &deep), (b"IDAT", PIXELS), (b"IEND", b"")]);
    assert_eq!(check(&deep), Err(ImageError::Size));
    // The frame of the photograph: its height stands behind marker, length and precision.
    let frame = TAKEN
        .windows(2)
        .position(|pair| pair == b"\xff\xc0")
        .unwrap();
    for (side, good) in [
        (0_u16, false),
        (7, false),
        (8, true),
        (4_096, true),
        (4_097, false),
    ] {
        for at in [5, 7] {
            let mut taken = TAKEN.to_vec();
            taken[frame + at..][..2].copy_from_slice(&side.to_be_bytes());
            // Pixels enough for the largest.
            taken.splice(taken.len() - 2..taken.len() - 2, [0; 32_768]);
            let expected = if good {
                Ok(MediaType::Jpeg)
            } else {
                Err(ImageError::Size)
            };
            assert_eq!(check(&taken), expected, "{side}");
        }
    }
}

#[test]
fn case_172_a_picture_is_whole() {
    for picture in [DRAWN, TAKEN] {
        for length in 0..picture.len() {
            let begun = length >= if picture == DRAWN { 8 } else { 2 };
            let error = [ImageError::Unknown, ImageError::Unsound][usize::from(begun)];
            assert_eq!(check(&picture[..length]), Err(error), "{length}");
        }
        let more = [picture, b"\0"].concat();
        assert_eq!(check(&more), Err(ImageError::Unsound), "more behind it");
    }
    // The inputs of the report.
    for bytes in [
        &b""[..],
        b"\xff\xd8\xff",
        b"\xff\xd8\xff\xd9",
        b"<svg/>",
        b"GIF89a",
        b"%PDF",
    ] {
        assert_eq!(media_type(bytes), None);
    }
}

#[test]
fn case_172_no_changed_byte_of_a_png_is_missed() {
    for at in 0..DRAWN.len() {
        for bit in 0..8 {
            let mut changed = DRAWN.to_vec();
            changed[at] ^= 1 << bit;
            assert_eq!(media_type(&changed), None, "bit {bit} of byte {at}");
        }
    }
}

#[test]
fn case_172_the_chunks_of_a_png_stand_as_decoders_want_them() {
    let grey = header(8, 8, GREY);
    let (grey, end): (Chunk<'_>, Chunk<'_>) = ((b"IHDR", &grey), (b"IEND", b""));
    let pixels: Chunk<'_> = (b"IDAT", PIXELS);
    let (one, other): (Chunk<'_>, Chunk<'_>) = ((b"IDAT", &PIXELS[..1]), (b"IDAT", &PIXELS[1..]));
    assert!(is_png(&[grey, pixels, end]) && is_png(&[grey, one, other, end]));
    assert!(is_png(&[
        grey,
        (b"teSt", b"any"),
        pixels,
        (b"tIME", b"any"),
        end
    ]));
    let paletted = header(8, 8, [1, 3, 0, 0, 0]);
    let paletted: Chunk<'_> = (b"IHDR", &paletted);
    let colours: Chunk<'_> = (b"PLTE", b"\0\0\0\xff\xff\xff");
    assert!(is_png(&[
        paletted,
        colours,
        (b"tRNS", b"\0\0"),
        pixels,
        end
    ]));
    let refused: &[&[Chunk<'_>]] = &[
        &[pixels, end],
        &[pixels, grey, end],
        &[grey, grey, pixels, end],
        &[grey, end],
        &[grey, pixels],
        &[grey, pixels, (b"IEND", b"\0")],
        &[grey, one, (b"teSt", b""), other, end],
        &[grey, (b"IDAT", b""), (b"teSt", b""), pixels, end],
        &[grey, (b"NEED", b""), pixels, end],
        &[grey, (b"te3t", b""), pixels, end],
        &[grey, (b"IDAT", &[0; 9]), end],
        &[grey, (b"IDAT", &PIXELS[..6]), end],
        &[grey, (b"IDAT", &PIXELS[..26]), end],
        &[grey, colours, pixels, end],
        &[grey, (b"tRNS", b"\0"), pixels, end],
        &[grey, (b"acTL", &[0; 8]), pixels, end],
        &[grey, (b"gAMA", b"\0"), pixels, end],
        &[paletted, pixels, end],
        &[paletted, pixels, colours, end],
        &[paletted, colours, colours, pixels, end],
        &[paletted, (b"PLTE", b"\0"), pixels, end],
        &[paletted, (b"PLTE", b""), pixels, end],
        &[paletted, colours, (b"tRNS", b"\0\0\0"), pixels, end],
        &[paletted, (b"tRNS", b"\0"), colours, pixels, end],
    ];
    for chunks in refused {
        assert!(!is_png(chunks), "{chunks:?}");
    }
    for rest in [
        [3, 0, 0, 0, 0],
        [8, 1, 0, 0, 0],
        [4, 2, 0, 0, 0],
        [16, 3, 0, 0, 0],
        [8, 0, 1, 0, 0],
        [8, 0, 0, 1, 0],
        [8, 0, 0, 0, 2],
    ] {
        assert!(
            !is_png(&[(b"IHDR", &header(8, 8, rest)), pixels, end]),
            "{rest:?}"
        );
    }
}

/// A picture of 8 by 8 pixels whose stream this is, in parts of so many bytes.
fn is_stream(stream: &[u8], part: usize) -> bool {
    let grey = header(8, 8, GREY);
    let mut chunks: Vec<Chunk<'_>> = vec![(b"IHDR", &grey)];
    chunks.extend(stream.chunks(part).map(|part| (b"IDAT", part)));
    is_png(&[&chunks[..], &[(b"IEND", b"")]].concat())
}

/// A stream of one block with the fixed codes (RFC 1951, section 3.2.6): each symbol with its count of
/// bits, the first bit of a code first.
fn coded(symbols: impl IntoIterator<Item = (u32, u32)>, sum: u32) -> Vec<u8> {
    let (mut stream, mut held, mut count) = (b"\x78\x01".to_vec(), 0b011_u32, 3);
    for (code, bits) in symbols {
        held |= (code.reverse_bits() >> (32 - bits)) << count;
        count += bits;
        while count >= 8 {
            stream.push(held.to_le_bytes()[0]);
            (held, count) = (held >> 8, count - 8);
        }
    }
    stream.push(held.to_le_bytes()[0]);
    stream.extend(sum.to_be_bytes());
    stream
}

/// Symbols of the fixed codes: a zero, the last 258 bytes but one repeated, 15 bytes of so far back, and
/// the end.
const ZERO: (u32, u32) = (0x30, 8);
const AGAIN: [(u32, u32); 2] = [(0xC5, 8), (0, 5)];
const FIFTEEN: [(u32, u32); 2] = [(0b000_1011, 7), (0, 1)];
const END: (u32, u32) = (0, 7);

#[test]
fn case_172_the_stream_of_a_png_holds_its_rows_and_no_more() {
    for part in [1, 2, 5, 1_000] {
        assert!(is_stream(PIXELS, part), "in parts of {part}");
        assert!(is_stream(&zeros(16), part), "in parts of {part}");
        assert!(!is_stream(&zeros(15), part) && !is_stream(&zeros(17), part));
        assert!(!is_stream(&zeros(14), part) && !is_stream(&zeros(18), part));
        for length in 0..PIXELS.len() {
            assert!(!is_stream(&PIXELS[..length], part), "{length}");
        }
        // No decoder looks at what is behind the stream.
        assert!(is_stream(&[PIXELS, b"and more"].concat(), part));
    }
    let changed = |at: usize, to: &[u8]| {
        let mut stream = PIXELS.to_vec();
        stream[at..at + to.len()].copy_from_slice(to);
        is_stream(&stream, 9)
    };
    assert!(changed(0, b"\x08\x1d"), "a window of 256 bytes");
    assert!(!changed(0, b"\x88\x1c"), "a window of 64 KiB");
    assert!(!changed(0, b"\x79\x1a"), "another method");
    assert!(!changed(0, b"\x78\x02"), "a check of the header that fails");
    assert!(!changed(0, b"\x78\x20"), "a dictionary of someone's");
    assert!(!changed(2, b"\x07"), "a block of no kind");
    assert!(!changed(3, b"\x11"), "a length that its check denies");
    assert!(!changed(PIXELS.len() - 1, b"\x02"), "another sum");
    // The filter of the second row: 5 is none, 4 is.
    let sum = |filter: u32| (filter * 14 + 16) << 16 | (filter + 1);
    let filtered = |filter: u32| {
        let mut symbols = vec![ZERO; 16];
        symbols[2].0 += filter;
        symbols.push(END);
        is_stream(&coded(symbols, sum(filter)), 3)
    };
    assert!(filtered(0) && filtered(4) && !filtered(5) && !filtered(6));
}

#[test]
fn case_172_no_stream_expands_without_end_or_from_before_its_beginning() {
    let sixteen = |distance: (u32, u32)| {
        let symbols = [&[ZERO][..], &FIFTEEN, &[distance, END]].concat();
        is_stream(&coded(symbols, 16 << 16 | 1), 4)
    };
    assert!(sixteen((0, 5)), "1 back, where there is one");
    assert!(!sixteen((1, 5)) && !sixteen((2, 5)), "2 and 3 back");
    assert!(!sixteen((30, 5)), "a distance that there is not");
    // A mebibyte that expands to 166 of them, and one of blocks without anything in them.
    let bomb = || iter::repeat_n(AGAIN, 645_000).flatten();
    assert!(!is_stream(&coded(iter::once(ZERO).chain(bomb()), 1), 8_192));
    let mut empty = b"\x78\x01".to_vec();
    empty.extend(b"\0\0\0\xff\xff".repeat(200_000));
    assert!(!is_stream(&empty, 8_192));
    empty.extend(&PIXELS[2..]);
    assert!(is_stream(&empty, 8_192));
    // As many rows as there may be, in a block of 320 KiB: 258 bytes each time but at both ends.
    let row = 4_096 * 4 + 1;
    let all = |rows: u32| {
        let bytes = rows * row;
        let zeros = iter::repeat_n(ZERO, usize::try_from((bytes - 1) % 258 + 1).unwrap());
        let rest = usize::try_from((bytes - 1) / 258).unwrap();
        let symbols = zeros.chain(iter::repeat_n(AGAIN, rest).flatten());
        let stream = coded(symbols.chain([END]), (bytes % 65_521) << 16 | 1);
        is_png(&[
            (b"IHDR", &header(4_096, 4_096, [8, 6, 0, 0, 0])),
            (b"IDAT", &stream),
            (b"IEND", b""),
        ])
    };
    assert!(all(4_096) && !all(4_095) && !all(4_097));
}

/// The segments of the photograph: marker, and what is behind its length.
fn segments() -> Vec<Segment> {
    let (mut segments, mut at) = (Vec::new(), 2);
    loop {
        let length = usize::from(u16::from_be_bytes([TAKEN[at + 2], TAKEN[at + 3]]));
        segments.push((TAKEN[at + 1], TAKEN[at + 4..at + 2 + length].to_vec()));
        at += 2 + length;
        if segments.last().unwrap().0 == 0xDA {
            return segments;
        }
    }
}

/// The photograph with these segments before its pixels.
fn jpeg(segments: &[Segment]) -> Vec<u8> {
    let mut file = b"\xff\xd8".to_vec();
    for (marker, data) in segments {
        let length = u16::try_from(data.len() + 2).unwrap().to_be_bytes();
        file.extend([&[0xFF, *marker][..], &length, data].concat());
    }
    // More than its blocks need: two bits each.
    file.extend(b"\x12\x34\xff\x00\xff\xd0\x56".repeat(64));
    file.extend(b"\xff\xd9");
    file
}

#[test]
fn case_172_the_segments_of_a_jpeg_hold_what_its_scan_names() {
    let whole = segments();
    assert_eq!(media_type(&jpeg(&whole)), Some("image/jpeg"));
    let of = |marker: u8| whole.iter().position(|(it, _)| *it == marker).unwrap();
    let refused = |what: &str, change: &dyn Fn(&mut Vec<Segment>)| {
        let mut changed = whole.clone();
        change(&mut changed);
        assert_eq!(media_type(&jpeg(&changed)), None, "{what}");
    };
    for marker in [0xDB, 0xC4, 0xC0, 0xDA] {
        let all = |changed: &mut Vec<Segment>| changed.retain(|(it, _)| *it != marker);
        refused(&format!("without {marker:02x}"), &all);
        let cut = |changed: &mut Vec<Segment>| {
            changed[of(marker)].1.pop();
        };
        refused(&format!("{marker:02x} cut"), &cut);
        let more = |changed: &mut Vec<Segment>| changed[of(marker)].1.push(0x77);
        refused(&format!("{marker:02x} and more"), &more);
    }
    let set = |what: &str, marker: u8, at: usize, byte: u8| {
        refused(what, &|changed| changed[of(marker)].1[at] = byte);
    };
    set("12 bits", 0xC0, 0, 12);
    set("two components", 0xC0, 5, 2);
    set("a sampling of nothing", 0xC0, 7, 0x01);
    set("a sampling of five", 0xC0, 7, 0x51);
    set("a table of none", 0xC0, 8, 4);
    set("a table that is not there", 0xC0, 8, 3);
    set("the same component twice", 0xC0, 9, 1);
    set("a component that is not there", 0xDA, 1, 9);
    set("a Huffman table that is not there", 0xDA, 2, 0x22);
    set("more codes than there are", 0xC4, 1, 3);
    set("a first coefficient of 16 bits", 0xC4, 17, 16);
    set("a spectrum of a part", 0xDA, 8, 62);
    refused("a second frame", &|changed| {
        let frame = changed[of(0xC0)].clone();
        changed.insert(0, frame);
    });
    refused("lossless", &|changed| changed[of(0xC0)].0 = 0xC3);
    refused("arithmetic", &|changed| changed[of(0xC0)].0 = 0xC9);
    refused("an application's segment that is unknown", &|changed| {
        changed.insert(
            0,
            (0xE1, b"http://ns.adobe.com/xmp/extension/\0GPS".to_vec()),
        );
    });
    refused("not scanned", &|changed| {
        let scan = &mut changed[of(0xDA)].1;
        (scan[0], scan[1]) = (1, 1);
        scan.drain(3..7);
    });
}

/// Marker segments around what codes the pixels: a frame of these sides and components (sampling each), and one scan
/// of all of them.
fn coded_jpeg(
    progressive: bool,
    width: u16,
    height: u16,
    samplings: &[u8],
    pixels: &[u8],
) -> Vec<u8> {
    let count = u8::try_from(samplings.len()).unwrap();
    let mut frame = [
        &[8][..],
        &height.to_be_bytes(),
        &width.to_be_bytes(),
        &[count],
    ]
    .concat();
    let mut scan = vec![count];
    for (name, sampling) in (1..).zip(samplings) {
        frame.extend([name, *sampling, 0]);
        scan.extend([name, 0]);
    }
    scan.extend(if progressive { [0, 0, 0] } else { [0, 63, 0] });
    // One code of one bit in each Huffman table.
    let mut codes = Vec::new();
    for class in [0x00, 0x10] {
        codes.push(class);
        codes.extend([&[1][..], &[0; 15], &[0]].concat());
    }
    let mut file = b"\xff\xd8".to_vec();
    for (marker, data) in [
        (0xDB, [&[0][..], &[1; 64]].concat()),
        (0xC4, codes),
        (if progressive { 0xC2 } else { 0xC0 }, frame),
        (0xDA, scan),
    ] {
        let length = u16::try_from(data.len() + 2).unwrap().to_be_bytes();
        file.extend([&[0xFF, marker][..], &length, &data].concat());
    }
    [&file, pixels, b"\xff\xd9"].concat()
}

/// Pixels in fewer bits than their blocks have codes are no pixels of such a picture.
#[test]
fn case_651_a_jpeg_has_a_code_for_each_of_its_blocks() {
    for (progressive, width, height, samplings, least) in [
        // An even picture with the shortest codes: two bits a block, and one in a first progressive scan.
        (false, 4_096, 4_096, &[0x11][..], 65_536),
        (true, 4_096, 4_096, &[0x11], 32_768),
        // Alone, a component has no units to fill up, whatever its sampling.
        (false, 16, 64, &[0x22], 4),
        (false, 4_000, 4_000, &[0x22, 0x11, 0x11], 93_750),
        (false, 40, 30, &[0x22, 0x11, 0x11], 8),
        (true, 40, 30, &[0x22, 0x11, 0x11], 4),
        (false, 9, 9, &[0x11, 0x11, 0x11, 0x11], 4),
        // A seventeenth column makes a block of colour begin.
        (false, 17, 8, &[0x21, 0x11, 0x11], 2),
    ] {
        let judged = |length: usize| {
            let pixels = vec![0; length];
            check(&coded_jpeg(progressive, width, height, samplings, &pixels))
        };
        assert_eq!(judged(least), Ok(MediaType::Jpeg), "{width} {samplings:?}");
        assert_eq!(
            judged(least - 1),
            Err(ImageError::Unsound),
            "{width} {samplings:?}"
        );
    }
    // The photograph: with another's sides, and with 28 bytes of its pixels.
    let whole = segments();
    let front = jpeg(&whole).len() - 7 * 64 - 2;
    assert_eq!(
        check(&[&TAKEN[..front + 28], b"\xff\xd9"].concat()),
        Err(ImageError::Unsound)
    );
    let mut larger = whole;
    let frame = larger.iter().position(|(it, _)| *it == 0xC0).unwrap();
    larger[frame].1[1..5].copy_from_slice(&[0x0F, 0xA0, 0x0F, 0xA0]);
    assert_eq!(check(&jpeg(&larger)), Err(ImageError::Unsound));
}

/// A progressive picture of details alone, which take no bit each, has nothing to detail.
#[test]
fn case_651_a_progressive_jpeg_has_its_first_coefficients() {
    let mut details = coded_jpeg(true, 64, 64, &[0x11], &[0; 8]);
    assert_eq!(check(&details), Ok(MediaType::Jpeg));
    let spectrum = details.len() - 2 - 8 - 3;
    details[spectrum..][..2].copy_from_slice(&[1, 63]);
    assert_eq!(check(&details), Err(ImageError::Unsound));
}

/// A profile is expanded as decoders do: a whole stream, of less than a mebibyte, once, before the pixels.
#[test]
fn case_650_the_profile_of_a_png_can_be_expanded() {
    let grey = header(8, 8, GREY);
    let judged = |profiles: &[&[u8]], behind: &[&[u8]]| {
        let mut chunks: Vec<Chunk<'_>> = vec![(b"IHDR", &grey)];
        chunks.extend(profiles.iter().map(|data| (b"iCCP", *data)));
        chunks.push((b"IDAT", PIXELS));
        chunks.extend(behind.iter().map(|data| (b"iCCP", *data)));
        chunks.push((b"IEND", b""));
        check(&png(&chunks))
    };
    let named = |stream: &[u8]| [&b"ICC Profile\0\0"[..], stream].concat();
    let (ok, unsound) = (Ok(MediaType::Png), Err(ImageError::Unsound));
    for count in [0, 600, 100_000, 1_048_575] {
        assert_eq!(judged(&[&named(&zeros(count))], &[]), ok, "{count}");
    }
    // 5 MB of zeros, in 18 KiB; and stored, one byte too many.
    let rest = iter::repeat_n(AGAIN, 5_000_000 / 258).flatten();
    let length = u32::try_from(5_000_000 / 258 * 258 + 1).unwrap();
    let sum = (length % 65_521) << 16 | 1;
    let bomb = named(&coded(iter::once(ZERO).chain(rest).chain([END]), sum));
    assert!(bomb.len() < 64 * 1024);
    assert_eq!(judged(&[&bomb], &[]), unsound);
    assert_eq!(judged(&[&named(&zeros(1_048_576))], &[]), unsound);
    let whole = named(&zeros(600));
    for broken in [
        named(b""),
        named(b"nothing compressed"),
        whole[..whole.len() - 1].to_vec(),
        b"ICC Profile\0\x01x".to_vec(),
        b"ICC Profile\0".to_vec(),
    ] {
        assert_eq!(judged(&[&broken], &[]), unsound, "{broken:?}");
    }
    assert_eq!(judged(&[&whole, &whole], &[]), unsound, "two");
    assert_eq!(judged(&[], &[&whole]), unsound, "behind the pixels");
}

/// No byte makes the reader panic, nor read behind the end.
#[test]
fn case_172_a_changed_photograph_is_judged() {
    let mut sound = 0;
    for at in 0..TAKEN.len() {
        for byte in [0, 1, 0x7F, 0xFF] {
            let mut changed = TAKEN.to_vec();
            changed[at] = byte;
            sound += u32::from(media_type(&changed).is_some());
        }
    }
    assert!(sound > 0, "pixels and comments may be any");
}

/// A directory of one entry, and where the next one is.
fn directory(tag: u16, value: u32, next: u32) -> Vec<u8> {
    [
        &[0, 1][..],
        &tag.to_be_bytes(),
        &[0, 4, 0, 0, 0, 1],
        &value.to_be_bytes(),
        &next.to_be_bytes(),
    ]
    .concat()
}

#[test]
fn case_423_a_position_is_found_wherever_programs_keep_it() {
    let exif = |directories: &[Vec<u8>]| [b"MM\0*\0\0\0\x08", &*directories.concat()].concat();
    let placed = exif(&[directory(0x8825, 8, 0)]);
    let deep = [
        // The third directory, and one that hangs below the first.
        exif(&[
            directory(0x010F, 8, 26),
            directory(0x0110, 8, 44),
            directory(0x8825, 8, 0),
        ]),
        exif(&[directory(0x014A, 26, 0), directory(0x8825, 8, 0)]),
    ];
    let behind = |front: &[u8]| [front, &placed].concat();
    let mut whole = segments();
    whole.insert(0, (0, Vec::new()));
    let mut judged = |marker: u8, data: Vec<u8>| {
        whole[0] = (marker, data);
        media_type(&jpeg(&whole))
    };
    for tiff in &deep {
        let data = [b"Exif\0\0", &**tiff].concat();
        assert_eq!(judged(0xE1, data), None);
        assert_eq!(
            judged(
                0xE1,
                [b"Exif\0\0", &*exif(&[directory(0x010F, 8, 0)])].concat()
            ),
            Some("image/jpeg")
        );
    }
    for (marker, data) in [
        (0xED, behind(b"Photoshop 3.0\x008BIM\x04\x22\0\0\0\0\0\x20")),
        (
            0xED,
            b"Photoshop 3.0\x008BIM\x04\x24\0\0\0\0\0\x20exif:GPSLatitude".to_vec(),
        ),
        (0xE2, behind(b"Exif\0\0")),
        (0xE3, behind(b"Meta\0\0")),
        (0xFE, b"gpslongitude=101.6".to_vec()),
    ] {
        assert_eq!(judged(marker, data), None, "{marker:x}");
    }
    for (marker, data) in [
        (0xE2, b"ICC_PROFILE\0\x01\x01GPSLMM\0*".to_vec()),
        (0xEC, b"Ducky\0\x01\0\x04\0\0\0<\0\0".to_vec()),
        (0xEE, b"Adobe\0d\0\0\0\0\0".to_vec()),
        (0xFE, b"made by a pad".to_vec()),
    ] {
        assert_eq!(judged(marker, data), Some("image/jpeg"), "{marker:x}");
    }
    let chunks = |kind: &[u8; 4], data: &[u8]| {
        is_png(&[
            (b"IHDR", &header(8, 8, GREY)),
            (kind, data),
            (b"IDAT", PIXELS),
            (b"IEND", b""),
        ])
    };
    assert!(!chunks(b"zxIf", b"\0compressed"));
    assert!(!chunks(b"exIf", &placed));
    assert!(!chunks(b"tEXt", b"raw profile TYPE exif\0\n 4\n4d4d"));
    assert!(chunks(b"iDOT", b"of Apple's"));
}

#[test]
fn errors_say_what_a_picture_must_be() {
    for (error, text) in [
        (ImageError::Unknown, "image must be a PNG or a JPEG"),
        (
            ImageError::Size,
            "image must have 8 to 4,096 pixels a side and at most 64 MiB of pixels",
        ),
        (
            ImageError::Position,
            "image must not say where it was taken, nor have metadata that might and cannot be read",
        ),
        (
            ImageError::Unsound,
            "image must be whole and undamaged, with nothing behind its end, and of a kind that all \
             decoders open",
        ),
    ] {
        assert_eq!(format!("{error}"), text);
    }
    assert_eq!((MIN_SIDE, MAX_SIDE), (8, 4_096));
}

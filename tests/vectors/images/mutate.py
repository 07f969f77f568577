"""Pictures with a fault or two, and whether Pillow opens each.

    python mutate.py FOLDER COUNT SEED

FOLDER gets COUNT pictures, 0 to COUNT - 1, and `pillow.json`: for each whether it was left whole, and its
format as Pillow opens and decodes it, or null. Needs Pillow 13.0.
"""

import io
import json
import pathlib
import random
import struct
import sys
import warnings
import zlib

from PIL import Image

SOUND = pathlib.Path(__file__).parent / "sound"
# Text and animations are read by Pillow alone, and warned of.
warnings.simplefilter("ignore")


def opened(picture: bytes) -> str | None:
    """Decode a picture; return its format, or None."""
    try:
        with Image.open(io.BytesIO(picture), formats=("PNG", "JPEG")) as image:
            image.load()
            return image.format if max(image.size) <= 4096 else None
    except Exception:  # Pillow raises whatever it meets
        return None


def chunks(png: bytes) -> list[tuple[bytes, bytes]]:
    """Take a PNG apart."""
    found, at = [], 8
    while at < len(png):
        (length,) = struct.unpack_from(">I", png, at)
        found.append((png[at + 4 : at + 8], png[at + 8 : at + 8 + length]))
        at += 12 + length
    return found


def png_of(parts: list[tuple[bytes, bytes]]) -> bytes:
    """Put a PNG together, each chunk with its check sum."""
    file = b"\x89PNG\r\n\x1a\n"
    for kind, data in parts:
        file += struct.pack(">I", len(data)) + kind + data
        file += struct.pack(">I", zlib.crc32(kind + data))
    return file


def segments(jpeg: bytes) -> tuple[list[bytes], bytes]:
    """Take a JPEG apart: the segments before its first pixels, and the rest."""
    found, at = [], 2
    while True:
        (length,) = struct.unpack_from(">H", jpeg, at + 2)
        found.append(jpeg[at : at + 2 + length])
        at += 2 + length
        if found[-1][1] == 0xDA:
            return found, jpeg[at:]


def changed(draw: random.Random, data: bytes) -> bytes:
    """Change, drop, repeat or add a few bytes."""
    made = bytearray(data)
    for _ in range(draw.choice((1, 1, 2, 5))):
        at, length = draw.randrange(len(made) + 1), draw.choice((1, 2, 4, 30))
        part = made[at : at + length]
        made[at : at + length] = draw.choice(
            (
                bytes(draw.choice((0, 1, 255, draw.randrange(256))) for _ in part),
                b"",
                part * 2,
                draw.randbytes(length) + part,
            )
        )
    return bytes(made)


def deflated(draw: random.Random, rows: bytes) -> bytes:
    """Compress in one of the ways that there are."""
    ways = (zlib.Z_DEFAULT_STRATEGY, zlib.Z_FIXED, zlib.Z_HUFFMAN_ONLY, zlib.Z_RLE)
    way = zlib.compressobj(
        draw.randrange(10), zlib.DEFLATED, draw.randrange(9, 16), 9, draw.choice(ways)
    )
    return way.compress(rows) + way.flush()


def made(draw: random.Random) -> bytes:
    """Make a PNG of any kind: noise, or little of it."""
    colour, depth = draw.choice(
        [(kind, depth) for kind in (0, 3) for depth in (1, 2, 4, 8)]
        + [(kind, depth) for kind in (2, 4, 6) for depth in (8, 16)]
        + [(0, 16)]
    )
    width, height, interlaced = draw.randrange(8, 300), draw.randrange(8, 60), draw.randrange(2)
    bits = depth * {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}[colour]
    adam7 = (
        (0, 0, 8, 8),
        (4, 0, 8, 8),
        (0, 4, 4, 8),
        (2, 0, 4, 4),
        (0, 2, 2, 4),
        (1, 0, 2, 2),
        (0, 1, 1, 2),
    )
    rows, noise = b"", draw.randrange(2)
    for x, y, across, down in adam7 if interlaced else ((0, 0, 1, 1),):
        row = (-(-(width - x) // across) * bits + 7) // 8
        for _ in range(-(-(height - y) // down)):
            pixels = draw.randbytes(row) if noise else bytes([draw.randrange(256)]) * row
            rows += bytes([draw.randrange(5)]) + pixels
    stream, parts = deflated(draw, rows), []
    while stream:
        length = draw.choice((1, 7, 100, 10_000))
        parts.append((b"IDAT", stream[:length]))
        stream = stream[length:]
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, interlaced)
    palette = [(b"PLTE", draw.randbytes(3 * 2**depth))] if colour == 3 else []
    return png_of([(b"IHDR", header), *palette, *parts, (b"IEND", b"")])


def shuffled(draw: random.Random, parts: list) -> list:
    """Drop, repeat or move a part."""
    made, at = list(parts), draw.randrange(len(parts))
    part = made.pop(at)
    for _ in range(draw.choice((0, 1, 2))):
        made.insert(draw.randrange(len(made) + 1), part)
    return made


def mutated(draw: random.Random, picture: bytes) -> bytes:
    """Make a picture that may be none any more."""
    way = draw.randrange(4)
    if way == 0:
        return changed(draw, picture)
    if way == 1:
        return picture[: draw.randrange(len(picture))]
    if picture.startswith(b"\x89PNG"):
        parts = chunks(picture)
        if way == 2:
            return png_of(shuffled(draw, parts))
        if draw.randrange(3) == 0:
            # Other rows than the header says, compressed as they should be.
            stream = b"".join(data for kind, data in parts if kind == b"IDAT")
            rows = changed(draw, zlib.decompress(stream))
            before = [part for part in parts[:-1] if part[0] != b"IDAT"]
            return png_of([*before, (b"IDAT", deflated(draw, rows)), parts[-1]])
        at = draw.randrange(len(parts))
        kind, data = parts[at]
        if draw.randrange(4) == 0:
            kind = changed(draw, kind)[:4].ljust(4, b"x")
        parts[at] = (kind, changed(draw, data))
        return png_of(parts)
    parts, rest = segments(picture)
    if way == 2:
        return picture[:2] + b"".join(shuffled(draw, parts)) + rest
    at = draw.randrange(len(parts))
    data = changed(draw, parts[at][4:])
    parts[at] = parts[at][:2] + struct.pack(">H", min(len(data) + 2, 65535)) + data
    return picture[:2] + b"".join(parts) + rest


def main(folder: str, count: str, seed: str) -> None:
    """Write the pictures and what Pillow says of them."""
    draw, judged = random.Random(int(seed)), []
    sound = [path.read_bytes() for path in sorted(SOUND.iterdir())]
    pathlib.Path(folder).mkdir(parents=True, exist_ok=True)
    for number in range(int(count)):
        # Some stay whole: who refuses all has judged nothing.
        whole = number % 10 == 0
        picture = made(draw) if draw.randrange(4) == 0 else draw.choice(sound)
        picture = picture if whole else mutated(draw, picture)
        (pathlib.Path(folder) / str(number)).write_bytes(picture)
        judged.append({"whole": whole, "format": opened(picture)})
    (pathlib.Path(folder) / "pillow.json").write_text(json.dumps(judged))
    print(f"seed {seed}: Pillow opens {sum(bool(one['format']) for one in judged)} of {count}")


if __name__ == "__main__":
    main(*sys.argv[1:])

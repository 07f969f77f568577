"""Makes the pictures of this folder anew, with Pillow 13.0.

python make.py FOLDER
"""

import io
import math
import pathlib
import struct
import sys
import zlib

from PIL import Image, ImageDraw


def drawn() -> Image.Image:
    """A stroke of a pen, as a pad draws it."""
    picture = Image.new("RGB", (160, 60), "white")
    points = [(x, 30 + 20 * math.sin(x / 9) * math.cos(x / 31)) for x in range(8, 152, 2)]
    ImageDraw.Draw(picture).line(points, fill="#00008b", width=3)
    return picture


def exif(position: bool) -> Image.Exif:
    """What a camera says; with its position or without."""
    said = Image.Exif()
    said[0x010F] = "Camera"
    said[0x0112] = 1
    said.get_ifd(0x8769)[0xA002] = 160
    if position:
        said.get_ifd(0x8825).update({1: "N", 2: (3.0, 8.0, 20.0), 3: "E", 4: (101.0, 41.0, 0.0)})
    return said


def saved(kind: str, **options) -> bytes:
    file = io.BytesIO()
    drawn().save(file, kind, **options)
    return file.getvalue()


def with_chunk(png: bytes, kind: bytes, data: bytes) -> bytes:
    """Puts a chunk behind the header, which ends at byte 33."""
    summed = kind + data
    chunk = struct.pack(">I", len(data)) + summed + struct.pack(">I", zlib.crc32(summed))
    return png[:33] + chunk + png[33:]


XMP = b"<x:xmpmeta xmlns:x='adobe:ns:meta/'><exif:%s>3,8.3N</exif:%s></x:xmpmeta>"
PLACED, PLAIN = XMP % ((b"GPSLatitude",) * 2), XMP % ((b"Artist",) * 2)


def pictures() -> dict[str, bytes]:
    png, jpeg = saved("PNG", optimize=True), {"quality": 60}
    keyword = b"XML:com.adobe.xmp\0\0\0\0\0"
    return {
        "sound/drawn.png": png,
        "sound/palette.png": saved_palette(),
        "sound/exif.png": with_chunk(png, b"eXIf", exif(False).tobytes()[6:]),
        "sound/xmp.png": with_chunk(png, b"iTXt", keyword + PLAIN),
        "sound/drawn.jpg": saved("JPEG", **jpeg),
        "sound/progressive.jpg": saved("JPEG", progressive=True, **jpeg),
        "sound/exif.jpg": saved("JPEG", exif=exif(False), **jpeg),
        "sound/xmp.jpg": saved("JPEG", xmp=PLAIN, **jpeg),
        "position/exif.png": with_chunk(png, b"eXIf", exif(True).tobytes()[6:]),
        "position/xmp.png": with_chunk(png, b"iTXt", keyword + PLACED),
        "position/exif.jpg": saved("JPEG", exif=exif(True), **jpeg),
        "position/xmp.jpg": saved("JPEG", xmp=PLACED, **jpeg),
    }


def saved_palette() -> bytes:
    file = io.BytesIO()
    drawn().quantize(16).save(file, "PNG", transparency=0, optimize=True)
    return file.getvalue()


if __name__ == "__main__":
    for name, picture in pictures().items():
        path = pathlib.Path(sys.argv[1]) / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(picture)

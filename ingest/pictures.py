"""Read the picture files of users: size and kind from the header first, then the pixels."""

import struct
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
import numpy.typing as npt

from ..animation import has_frames
from ..errors import SourceError
from ..frames import MOST_PIXELS, Picture

_MOST_BYTES = 1 << 30
"""A file is read into memory in one piece. Only uncompressed 16-bit files of the largest size are bigger."""

_READ_BY_OPENCV = ("PNG", "JPEG", "BMP", "GIF", "PPM", "TIFF", "AVIF", "JPEG2000")
"""Pillow's names for formats besides WebP, whatever the suffix of the file says."""


@dataclass(frozen=True)
class PictureHeader:
    """What a picture file says of itself before its pixels are decoded."""

    width: int
    height: int
    alpha: bool = False
    deep: bool = False
    """More than 8 bits for each colour."""
    animated: bool = False


def read_picture(path: Path) -> Picture:
    """Decode a picture, its first frame where it is animated, turned as its EXIF data asks."""
    return picture_and_header(path)[0]


def picture_header(path: Path) -> PictureHeader:
    """Read the header alone."""
    try:
        with path.open("rb") as file:
            return _checked_header(path, file)
    except OSError as failed:
        raise _unreadable(path, failed) from failed


def picture_and_header(path: Path) -> tuple[Picture, PictureHeader]:
    """Decode a picture, and return with it what its header says."""
    import cv2

    picture, header = _imdecoded(path, cv2.IMREAD_COLOR)
    return np.asarray(picture, np.uint8), header


def is_transparent(path: Path) -> bool:
    """Whether any pixel of a picture lets the background through; all of it is decoded."""
    import cv2

    picture = _imdecoded(path, cv2.IMREAD_UNCHANGED)[0]
    has_alpha = picture.ndim == 3 and picture.shape[2] == 4
    return has_alpha and bool((picture[..., 3] < np.iinfo(picture.dtype).max).any())


def _imdecoded(path: Path, how: int) -> tuple[npt.NDArray[Any], PictureHeader]:
    """Have OpenCV decode a file whose header raises no doubts."""
    import cv2

    try:
        with path.open("rb") as file:
            header = _checked_header(path, file)
            file.seek(0)
            data = np.fromfile(file, np.uint8)
    except OSError as failed:
        raise _unreadable(path, failed) from failed
    try:
        picture = cv2.imdecode(data, how)
    except cv2.error:
        picture = None
    if picture is None:
        raise _no_picture(path)
    return np.asarray(picture), header


def _checked_header(path: Path, file: IO[bytes]) -> PictureHeader:
    """The header, or a SourceError where decoding would need too much memory."""
    if file.seek(0, 2) > _MOST_BYTES:
        raise SourceError(f"{path} is a picture file of over {_MOST_BYTES >> 20} MB.", "Save it in a smaller file.")
    header = _header(file)
    if header is None:
        raise _no_picture(path)
    if header.width * header.height > MOST_PIXELS:
        raise SourceError(
            f"{path} has {header.width} x {header.height} pixels; up to {MOST_PIXELS // 1_000_000} million are read.",
            "Make it smaller, or remove it from the folder.",
        )
    return header


def _unreadable(path: Path, failed: OSError) -> SourceError:
    return SourceError(f"{path} cannot be read: {failed.strerror or failed}.")


def _no_picture(path: Path) -> SourceError:
    return SourceError(f"{path} is not a picture that can be read.", "Remove it from the folder, or replace it.")


def _header(file: IO[bytes]) -> PictureHeader | None:
    file.seek(0)
    begin = file.read(30)
    if begin[:4] == b"RIFF" and begin[8:12] == b"WEBP":
        return _webp_header(begin, file)
    return _pillow_header(begin, file)


def _webp_header(begin: bytes, file: IO[bytes]) -> PictureHeader | None:
    """Pillow would decode a frame to say as much."""
    if len(begin) < 30:
        return None
    kind = begin[12:16]
    if kind == b"VP8X":
        width, height = (int.from_bytes(begin[at : at + 3], "little") + 1 for at in (24, 27))
        return PictureHeader(width, height, alpha=bool(begin[20] & 0x10), animated=has_frames(file))
    if kind == b"VP8L":
        bits = int.from_bytes(begin[21:25], "little")
        return PictureHeader((bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1, alpha=bool(bits >> 28 & 1))
    if kind == b"VP8 ":
        width, height = struct.unpack("<HH", begin[26:30])
        return PictureHeader(width & 0x3FFF, height & 0x3FFF)
    return None


def _pillow_header(begin: bytes, file: IO[bytes]) -> PictureHeader | None:
    """Ask Pillow's own readers one by one: `Image.open` warns of sizes that are no trouble here, and refuses others."""
    from PIL import Image

    Image.preinit()
    for name in _READ_BY_OPENCV:
        if name not in Image.OPEN:
            Image.init()
        factory, accept = Image.OPEN.get(name, (None, None))
        if factory is None or (accept and not accept(begin)):
            continue
        file.seek(0)
        try:
            with warnings.catch_warnings():
                # Remarks on odd metadata: only size and depth are wanted.
                warnings.simplefilter("ignore")
                image = factory(file, "")
        except Exception:
            # A damaged header makes Pillow raise nearly anything.
            continue
        return PictureHeader(
            *image.size,
            alpha=image.mode in ("RGBA", "LA", "PA", "La", "RGBa") or "transparency" in image.info,
            deep=image.mode.startswith("I") or _raw_mode(image).endswith(("16B", "16L", "16N")),
            animated=has_frames(file),
        )
    return None


def _raw_mode(image: Any) -> str:
    """How samples lie in the file, as Pillow names it: its mode says 8 bits for colours of 16 as well."""
    arguments = image.tile[0].args if image.tile else ""
    return arguments if isinstance(arguments, str) else str(next(iter(arguments or ()), ""))

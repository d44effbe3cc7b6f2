"""Read picture files: check size and format in the header first, then decode the pixels."""

import struct
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
import numpy.typing as npt

from ..errors import SourceError
from .animation import has_frames
from .types import MOST_PIXELS, Picture

_MAX_BYTES = 1 << 30
"""Size limit of a file, which is read in one piece; only uncompressed 16-bit files of MOST_PIXELS are larger."""

_FORMATS = ("PNG", "JPEG", "BMP", "GIF", "PPM", "TIFF", "AVIF", "JPEG2000")
"""Formats besides WebP that OpenCV reads, by Pillow's names; the suffix of a file does not matter."""


@dataclass(frozen=True)
class PictureHeader:
    """Properties of a picture that its file states before the pixels."""

    width: int
    height: int
    alpha: bool = False
    deep: bool = False
    """More than 8 bits per colour."""
    animated: bool = False


def read_picture(path: Path) -> Picture:
    """Decode a picture, or the first frame of an animated one, rotated as its EXIF data asks.

    Raises:
        SourceError: It is missing, too large or not a picture.
    """
    return picture_and_header(path)[0]


def picture_and_header(path: Path) -> tuple[Picture, PictureHeader]:
    """Decode a picture, and return its header as well."""
    import cv2

    picture, header = _imdecoded(path, cv2.IMREAD_COLOR)
    return np.asarray(picture, np.uint8), header


def is_transparent(path: Path) -> bool:
    """Decode a picture, and tell whether any pixel is transparent."""
    import cv2

    picture = _imdecoded(path, cv2.IMREAD_UNCHANGED)[0]
    has_alpha = picture.ndim == 3 and picture.shape[2] == 4
    return has_alpha and bool((picture[..., 3] < np.iinfo(picture.dtype).max).any())


def _imdecoded(path: Path, how: int) -> tuple[npt.NDArray[Any], PictureHeader]:
    """Check the header of a file, then decode it with OpenCV."""
    import cv2

    try:
        with path.open("rb") as file:
            header = _checked_header(path, file)
            file.seek(0)
            data = np.fromfile(file, np.uint8)
    except OSError as failed:
        raise SourceError(f"{path} cannot be read: {failed.strerror or failed}.") from failed
    try:
        picture = cv2.imdecode(data, how)
    except cv2.error:
        picture = None
    if picture is None:
        raise _no_picture(path)
    return np.asarray(picture), header


def _checked_header(path: Path, file: IO[bytes]) -> PictureHeader:
    """Read the header; raise SourceError where decoding would need too much memory."""
    if file.seek(0, 2) > _MAX_BYTES:
        raise SourceError(f"{path} is a picture file of over {_MAX_BYTES >> 20} MB.", "Save it as a smaller file.")
    header = _header(file)
    if header is None:
        raise _no_picture(path)
    if header.width * header.height > MOST_PIXELS:
        raise SourceError(
            f"{path} has {header.width} x {header.height} pixels; the limit is {MOST_PIXELS // 1_000_000} million.",
            "Make it smaller, or remove it from the folder.",
        )
    return header


def _no_picture(path: Path) -> SourceError:
    return SourceError(f"{path} is not a readable picture.", "Remove it from the folder, or replace it.")


def _header(file: IO[bytes]) -> PictureHeader | None:
    file.seek(0)
    head = file.read(30)
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return _webp_header(head, file)
    return _pillow_header(head, file)


def _webp_header(head: bytes, file: IO[bytes]) -> PictureHeader | None:
    """Parse the header of a WebP file, for which Pillow would decode a frame."""
    if len(head) < 30:
        return None
    kind = head[12:16]
    if kind == b"VP8X":
        width, height = (int.from_bytes(head[at : at + 3], "little") + 1 for at in (24, 27))
        return PictureHeader(width, height, alpha=bool(head[20] & 0x10), animated=has_frames(file))
    if kind == b"VP8L":
        bits = int.from_bytes(head[21:25], "little")
        return PictureHeader((bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1, alpha=bool(bits >> 28 & 1))
    if kind == b"VP8 ":
        width, height = struct.unpack("<HH", head[26:30])
        return PictureHeader(width & 0x3FFF, height & 0x3FFF)
    return None


def _pillow_header(head: bytes, file: IO[bytes]) -> PictureHeader | None:
    """Try Pillow's readers one by one; `Image.open` has size limits of its own."""
    from PIL import Image

    Image.preinit()
    for name in _FORMATS:
        if name not in Image.OPEN:
            Image.init()
        factory, accept = Image.OPEN.get(name, (None, None))
        if factory is None or (accept and not accept(head)):
            continue
        file.seek(0)
        try:
            with warnings.catch_warnings():
                # Pillow warns of odd metadata; only size and depth are needed.
                warnings.simplefilter("ignore")
                image = factory(file, "")
        except Exception:
            # Pillow raises exceptions of many classes for a damaged header.
            continue
        return PictureHeader(
            *image.size,
            alpha=image.mode in ("RGBA", "LA", "PA", "La", "RGBa") or "transparency" in image.info,
            deep=image.mode.startswith("I") or _raw_mode(image).endswith(("16B", "16L", "16N")),
            animated=has_frames(file),
        )
    return None


def _raw_mode(image: Any) -> str:
    """Return Pillow's name of the sample format in the file; its mode says 8 bits for 16-bit colours as well."""
    arguments = image.tile[0].args if image.tile else ""
    return arguments if isinstance(arguments, str) else str(next(iter(arguments or ()), ""))

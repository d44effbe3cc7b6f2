"""Masks of the pixels that damage visibly changed, and the file that holds those of a clip."""

import zlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

from ..errors import PlanError
from ..media.files import atomic
from ..media.types import MOST_PIXELS, Mask
from ..media.untrusted import MEGABYTE, UntrustedError, read_arrays
from .artefacts import VISIBLE, Plane, spot_side

_NEAR = 5
"""Pixels on a side of the window over which a difference counts: one pixel that differs is noise."""
_SHARE = 0.6
"""The share of a visible difference from which a pixel counts: a spot that differs visibly has such pixels."""
_MOST_BYTES = 256 * MEGABYTE
"""Bounds a file; the masks of a hundred thousand frames fit."""


def visible_mask(broken: Sequence[Plane], clean: Sequence[Plane]) -> Mask:
    """Return the pixels where two pictures differ visibly, without holes smaller than a macroblock.

    Damage shows what is right by chance in places, as where one blue of the sky replaces another.
    """
    import cv2

    height, width = clean[0].shape[:2]
    found = np.zeros((height, width), np.float32)
    for one, other in zip(broken, clean, strict=True):
        difference = np.asarray(cv2.absdiff(one, other), np.float32)
        difference = difference.max(axis=2) if difference.ndim > 2 else difference
        near = cv2.blur(difference, (_NEAR, _NEAR))
        found = np.maximum(found, cv2.resize(near, (width, height), interpolation=cv2.INTER_LINEAR))
    side = spot_side(width) // 2 * 2 + 1
    marks = (found >= _SHARE * VISIBLE).astype(np.uint8)
    framed = cv2.copyMakeBorder(marks, side, side, side, side, cv2.BORDER_CONSTANT, value=0)
    closed = cv2.morphologyEx(framed, cv2.MORPH_CLOSE, np.ones((side, side), np.uint8))
    return np.asarray(closed[side:-side, side:-side], bool)


def packed(mask: Mask) -> bytes:
    """Pack a mask to a few kilobytes."""
    return zlib.compress(np.packbits(mask).tobytes())


def unpacked(data: bytes, width: int, height: int) -> Mask:
    """Unpack a mask; no more than its pixels is decompressed, however much there is."""
    count = width * height
    bits = zlib.decompressobj().decompress(data, -(-count // 8))
    if len(bits) < -(-count // 8):
        raise UntrustedError("is truncated")
    return np.unpackbits(np.frombuffer(bits, np.uint8), count=count).reshape(height, width).astype(bool)


def masks_file(truth: Path) -> Path:
    """Return the file of the masks that belong to a truth."""
    return truth.with_suffix(".masks.npz")


def write_masks(masks: Mapping[int, bytes], size: tuple[int, int], path: Path) -> Path:
    """Write packed masks by place atomically, as an .npz file.

    Raises:
        PlanError: The file cannot be written.
    """
    places = sorted(masks)
    ends = np.cumsum([len(masks[place]) for place in places], dtype=np.int64)
    data = np.frombuffer(b"".join(masks[place] for place in places), np.uint8)
    try:
        with atomic(path) as part:
            np.savez(part, size=np.asarray(size), places=np.asarray(places, np.int64), ends=ends, masks=data)
    except OSError as failed:
        raise PlanError(f"{path} cannot be written: {failed.strerror}.", "Choose another file.") from failed
    return path


def read_masks(path: Path) -> Iterator[tuple[int, Mask]]:
    """Yield the place and the mask of each damaged frame.

    Raises:
        PlanError: The file is missing or is not one of masks.
    """
    try:
        arrays = read_arrays(path, _MOST_BYTES)
        width, height = (int(side) for side in arrays["size"])
        places, ends, data = arrays["places"].tolist(), arrays["ends"].tolist(), arrays["masks"].tobytes()
        if not (width > 0 and height > 0 and width * height <= MOST_PIXELS and len(places) == len(ends)):
            raise UntrustedError("does not fit together")
        for place, start, end in zip(places, [0, *ends], ends, strict=False):
            yield int(place), unpacked(data[start:end], width, height)
    except (UntrustedError, OSError, KeyError, TypeError, ValueError, zlib.error) as bad:
        raise PlanError(f"{path} is not a file of masks: {bad}") from bad

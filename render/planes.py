"""A raw frame as its planes of numbers, for those few frames that are made anew."""

from collections.abc import Sequence
from typing import TypeAlias

import numpy as np

from ..media.types import Floats
from .frame_layout import FrameLayout

Planes: TypeAlias = tuple[Floats, ...]
"""Luma and both chromas, from 0 to 255 whatever the depth; chroma may be smaller than luma.

Of a picture that travels as RGB these are green, which is nearest to luma, blue and red.
"""

_DEEP = "10le"
_RGB = "bgr24"
_STEPS = 4.0
"""Of a sample of ten bits, for each of one of eight."""


def planes_of(raw: bytes, layout: FrameLayout) -> Planes:
    """The planes of a frame that has its size in the film."""
    if layout.piped == _RGB:
        width, height = layout.size
        pixels = np.frombuffer(raw, np.uint8).astype(np.float32).reshape(height, width, 3)
        return pixels[..., 1].copy(), pixels[..., 0].copy(), pixels[..., 2].copy()
    deep = layout.piped.endswith(_DEEP)
    samples = np.frombuffer(raw, np.uint16 if deep else np.uint8).astype(np.float32)
    if deep:
        samples /= _STEPS
    (width, height), (across, down) = layout.size, layout.chroma_size
    luma, blue, red = np.split(samples, [width * height, width * height + across * down])
    return luma.reshape(height, width), blue.reshape(down, across), red.reshape(down, across)


def raw_of(planes: Sequence[Floats], layout: FrameLayout) -> bytes:
    """The frame as the encoder takes it; samples are rounded to the nearest."""
    if layout.piped == _RGB:
        green, blue, red = planes
        return np.clip(np.rint(np.stack([blue, green, red], axis=2)), 0, 255).astype(np.uint8).tobytes()
    deep = layout.piped.endswith(_DEEP)
    steps, most = (_STEPS, 1023) if deep else (1.0, 255)
    kind = np.uint16 if deep else np.uint8
    return b"".join(np.clip(np.rint(plane * steps), 0, most).astype(kind).tobytes() for plane in planes)

"""Convert raw frames to planes of floats and back, for the frames that are interpolated."""

from collections.abc import Sequence
from typing import TypeAlias

import numpy as np

from ..media.types import Floats, Picture
from .frame_layout import FrameLayout

Planes: TypeAlias = tuple[Floats, ...]
"""Luma and both chroma planes, from 0 to 255 at any bit depth; chroma may be subsampled.

An RGB frame has green, which is closest to luma, then blue and red.
"""

_DEEP = "10le"
_RGB = "bgr24"
_STEPS = 4.0
"""Steps of a 10-bit sample in one step of an 8-bit sample."""


def is_rgb(layout: FrameLayout) -> bool:
    """Tell whether the planes of a layout are green, blue and red."""
    return layout.piped == _RGB


def planes_of(raw: bytes, layout: FrameLayout) -> Planes:
    """Split a raw frame of the film's size into planes."""
    if is_rgb(layout):
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


def small_picture(planes: Planes, layout: FrameLayout, size: tuple[int, int]) -> Picture:
    """Shrink a frame to an RGB picture, for programs that only need to tell scenes apart."""
    import cv2

    first, second, third = (cv2.resize(plane, size, interpolation=cv2.INTER_AREA) for plane in planes)
    if is_rgb(layout):
        colours = third, first, second
    else:
        blue, red = second - 128, third - 128
        colours = first + 1.402 * red, first - 0.344 * blue - 0.714 * red, first + 1.772 * blue
    return np.asarray(np.clip(np.rint(np.dstack(colours)), 0, 255), np.uint8)


def raw_of(planes: Sequence[Floats], layout: FrameLayout) -> bytes:
    """Pack planes into a raw frame for the encoder; samples are rounded to the nearest."""
    if is_rgb(layout):
        green, blue, red = planes
        return np.clip(np.rint(np.stack([blue, green, red], axis=2)), 0, 255).astype(np.uint8).tobytes()
    deep = layout.piped.endswith(_DEEP)
    steps, most = (_STEPS, 1023) if deep else (1.0, 255)
    kind = np.uint16 if deep else np.uint8
    return b"".join(np.clip(np.rint(plane * steps), 0, most).astype(kind).tobytes() for plane in planes)

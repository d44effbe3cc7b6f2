"""A raw frame of a pipe as planes that can be drawn on."""

import numpy as np

from ..render.layout import Layout
from .breakage import Plane


def planes_of(raw: bytes | bytearray, layout: Layout) -> list[Plane]:
    """Views of the frame's samples: luma and chroma, or blue, green and red as one; a bytearray can be written to."""
    width, height = layout.size
    samples = np.frombuffer(raw, np.uint8)
    if layout.piped == "bgr24":
        return [samples.reshape(height, width, 3)]
    half = height // 2, width // 2
    luma, first, second = np.split(samples, [height * width, height * width + half[0] * half[1]])
    return [luma.reshape(height, width), first.reshape(half), second.reshape(half)]

"""Damage as it really comes about: bytes of an encoded stretch are flipped, and it is decoded again."""

from collections.abc import Sequence

import numpy as np

from .. import ffmpeg
from ..render.layout import Layout
from .breakage import differs
from .planes import planes_of

_TRIES = 8
# Before the first of them lie the headers, without which nothing decodes.
_HEADERS = 0.1


def flipped(frames: Sequence[bytes], layout: Layout, rng: np.random.Generator) -> tuple[list[bytes], list[bool]]:
    """The frames of one group of pictures after the damage, and which of them it has visibly changed.

    A stretch that loses or gains frames is tried anew, since nobody could say which frame is which.
    """
    stream = bytearray(_encoded(frames, layout))
    clean = _decoded(bytes(stream), layout)
    for _ in range(_TRIES):
        broken = stream.copy()
        for place in rng.integers(round(len(stream) * _HEADERS), len(stream), int(rng.integers(1, 4))):
            broken[place] ^= int(rng.integers(1, 256))
        shown = _decoded(bytes(broken), layout)
        if len(shown) == len(clean) == len(frames):
            hit = [differs(planes_of(a, layout)[0], planes_of(b, layout)[0]) for a, b in zip(shown, clean, strict=True)]
            if any(hit):
                return [bad if is_hit else good for bad, good, is_hit in zip(shown, frames, hit, strict=True)], hit
    return list(frames), [False] * len(frames)


def _encoded(frames: Sequence[bytes], layout: Layout) -> bytes:
    width, height = layout.size
    raw = ["-f", "rawvideo", "-pix_fmt", layout.piped, "-s", f"{width}x{height}", "-i", "-"]
    coding = ["-c:v", "libx264", "-crf", "18", "-g", str(len(frames)), "-sc_threshold", "0", "-pix_fmt", "yuv420p"]
    return ffmpeg.run([*raw, *coding, "-threads", "1", "-f", "h264", "-"], b"".join(frames)).stdout


def _decoded(stream: bytes, layout: Layout) -> list[bytes]:
    read = ["-threads", "1", "-f", "h264", "-i", "-", "-fps_mode", "passthrough"]
    out = ["-vf", f"scale={layout.size[0]}:{layout.size[1]}", "-pix_fmt", layout.piped, "-f", "rawvideo", "-"]
    raw, size = ffmpeg.run([*read, *out], stream).stdout, layout.frame_bytes
    return [raw[start : start + size] for start in range(0, len(raw) - size + 1, size)]

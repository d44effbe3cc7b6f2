"""Damage the bit stream of an encoded stretch, and decode it: bytes that are wrong, and segments that are lost.

The loss of segments has the parameters of the benchmark BSCV (Liu et al., "Bitstream-corrupted Video Recovery",
NeurIPS 2023): streams have a key frame every 16 frames, a share of the frames between two key frames lose a segment,
and it begins at a given share of the data of the frame.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal, Self, TypeAlias

import numpy as np

from ..errors import UsageError
from ..media import ffmpeg
from ..media.ranges import shortened
from ..render.frame_layout import FrameLayout
from .artefacts import differs, planes_of

Codec: TypeAlias = Literal["h264", "hevc"]

_TRIES = 8
"""Bounds the attempts to damage a stream without losing frames."""
_HEADERS = 0.1
"""The share of a stream that is spared at its start, where the headers lie: nothing decodes without them."""
_GROUP = 16
"""Frames from one key frame to the next, as in BSCV."""
_HEADER = 12
"""Bytes at the start of a frame that are never lost: without its header a frame is not even missed."""
_MOST_SIZE = 1 << 20
"""Bounds the length of a segment in bytes."""
_START = re.compile(b"\x00\x00\x01")
_CODERS: dict[Codec, list[str]] = {
    "h264": ["-c:v", "libx264", "-crf", "23", "-g", str(_GROUP), "-sc_threshold", "0", "-threads", "1"],
    # x265 otherwise starts threads of its own, and its choices depend on their timing.
    "hevc": [
        *("-c:v", "libx265", "-crf", "26"),
        *(
            "-x265-params",
            f"keyint={_GROUP}:min-keyint={_GROUP}:scenecut=0:open-gop=0:pools=none:frame-threads=1:log-level=error",
        ),
    ],
}


@dataclass(frozen=True)
class SegmentLoss:
    """The loss of segments: the share of frames that lose one, where in the frame it begins, and its length.

    `location` is a share of the room that a segment of that length has in the frame.
    """

    probability: float
    location: float
    size: int

    @classmethod
    def parse(cls, text: str) -> Self:
        """Parse PROBABILITY,LOCATION,SIZE, such as 1/16,0.4,2048."""
        try:
            probability, location, size = text.split(",")
            loss = cls(float(Fraction(probability)), float(location), int(size))
        except (ValueError, ZeroDivisionError):
            loss = cls(-1, -1, -1)
        if not (0 < loss.probability <= 1 and 0 <= loss.location <= 1 and 1 <= loss.size <= _MOST_SIZE):
            raise UsageError(
                f"--damage-loss {shortened(text)} is not valid.",
                "Give the share of frames that lose a segment, its place in the frame from 0 to 1, and its bytes: "
                "1/16,0.4,2048.",
            )
        return loss


def lose_segments(
    frames: Sequence[bytes], layout: FrameLayout, rng: np.random.Generator, codec: Codec, loss: SegmentLoss
) -> tuple[list[bytes], list[bytes]]:
    """Encode frames, cut segments out of the stream, and decode it.

    A stream that loses or gains frames is tried again, since its frames could no longer be identified.

    Returns:
        The frames as decoded from the damaged stream and from the clean one; the clean ones twice if no try succeeds.
    """
    stream = _encoded(frames, layout, codec, _CODERS[codec])
    clean = _decoded(stream, layout, codec)
    if len(clean) != len(frames):
        return list(frames), list(frames)
    for _ in range(_TRIES):
        broken = _decoded(without_segments(stream, codec, loss, rng), layout, codec)
        if len(broken) == len(clean):
            return broken, clean
    return clean, clean


def without_segments(stream: bytes, codec: Codec, loss: SegmentLoss, rng: np.random.Generator) -> bytes:
    """Remove a segment from a share of the frames of each group of pictures."""
    lost: list[range] = []
    for group in _groups(stream, codec):
        # A frame with less data than a segment would be gone altogether: others come first, as in BSCV.
        large = [unit for unit in group if len(unit) > loss.size + _HEADER] or [max(group, key=len)]
        count = min(len(large), max(1, round(loss.probability * len(group))))
        lost += [_segment(large[number], loss) for number in rng.choice(len(large), count, replace=False)]
    kept = bytearray(stream)
    for cut in sorted(lost, key=lambda cut: -cut.start):
        del kept[cut.start : cut.stop]
    return bytes(kept)


def _segment(unit: range, loss: SegmentLoss) -> range:
    size = max(0, min(loss.size, len(unit) - _HEADER))
    start = unit.start + min(_HEADER, len(unit)) + round(loss.location * max(0, len(unit) - _HEADER - size))
    return range(start, start + size)


def _groups(stream: bytes, codec: Codec) -> list[list[range]]:
    """Return the places of the frames' data, for each group of pictures from its key frame on."""
    starts = [match.end() for match in _START.finditer(stream)]
    groups: list[list[range]] = []
    for start, end in zip(starts, [*(start - 3 for start in starts[1:]), len(stream)], strict=True):
        kind = stream[start] & 31 if codec == "h264" else stream[start] >> 1 & 63
        is_key = kind == 5 if codec == "h264" else 16 <= kind <= 21
        is_other = kind == 1 if codec == "h264" else kind < 16
        if is_key:
            groups.append([])
        if is_key or (is_other and groups):
            groups[-1].append(range(start, end))
    return groups


def flip_bytes(
    frames: Sequence[bytes], layout: FrameLayout, rng: np.random.Generator, strength: float = 1.0
) -> tuple[list[bytes], list[bytes]]:
    """Encode frames as one group of pictures, damage its bytes, and decode it.

    A stream that loses or gains frames is tried again, since its frames could no longer be identified.

    Returns:
        The frames as decoded from the damaged stream and from the clean one; the clean ones twice if no try succeeds.
    """
    one_group = ["-c:v", "libx264", "-crf", "18", "-g", str(len(frames)), "-sc_threshold", "0", "-threads", "1"]
    stream = _encoded(frames, layout, "h264", one_group)
    clean = _decoded(stream, layout, "h264")
    for _ in range(_TRIES):
        flipped = bytearray(stream)
        count = max(1, round(strength * int(rng.integers(1, 4))))
        for place in rng.integers(round(len(stream) * _HEADERS), len(stream), count):
            flipped[place] ^= int(rng.integers(1, 256))
        broken = _decoded(bytes(flipped), layout, "h264")
        if len(broken) == len(clean) == len(frames) and any(_seen(broken, clean, layout)):
            return broken, clean
    return list(frames), list(frames)


def _seen(broken: Sequence[bytes], clean: Sequence[bytes], layout: FrameLayout) -> list[bool]:
    pairs = zip(broken, clean, strict=True)
    return [differs(planes_of(one, layout)[0], planes_of(other, layout)[0]) for one, other in pairs]


def _encoded(frames: Sequence[bytes], layout: FrameLayout, codec: Codec, coding: Sequence[str]) -> bytes:
    width, height = layout.size
    raw = ["-f", "rawvideo", "-pix_fmt", layout.piped, "-s", f"{width}x{height}", "-i", "-"]
    return ffmpeg.run([*raw, *coding, "-pix_fmt", "yuv420p", "-f", codec, "-"], b"".join(frames)).stdout


def _decoded(stream: bytes, layout: FrameLayout, codec: Codec) -> list[bytes]:
    """Decode on one thread, so that the decoder's guesses are the same each time."""
    read = ["-threads", "1", "-f", codec, "-i", "-", "-fps_mode", "passthrough"]
    out = ["-vf", f"scale={layout.size[0]}:{layout.size[1]}", "-pix_fmt", layout.piped, "-f", "rawvideo", "-"]
    raw, size = ffmpeg.run([*read, *out], stream).stdout, layout.frame_bytes
    return [raw[start : start + size] for start in range(0, len(raw) - size + 1, size)]

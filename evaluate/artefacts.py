"""Draw the artefacts of lost sync, lost data and lost signal on clean pictures."""

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from ..media import ffmpeg
from ..render.frame_layout import FrameLayout

Plane: TypeAlias = npt.NDArray[np.uint8]
Planes: TypeAlias = Sequence[Plane]
"""Luma and two planes of chroma at half its size, or one plane of blue, green and red."""

Breaker: TypeAlias = Callable[[Planes], None]
"""Damages the pictures of one run in place, one after the other and all in the same way."""

_MACROBLOCK = 16
"""Pixels on a side of a macroblock."""
_VISIBLE = 12.0
"""Grey levels by which a spot visibly differs on average."""
_SPOTS = 40
"""Spots across a large picture."""


def tears(first: Planes, rng: np.random.Generator) -> Breaker:
    """Shift bands of rows sideways, as after a lost line sync. Some lean, and all move from frame to frame."""
    bands = [(rng.uniform(0, 0.85), rng.uniform(0.06, 0.3)) for _ in range(rng.integers(1, 4))]
    shifts = [rng.choice((-1, 1)) * rng.uniform(0.05, 0.3) for _ in bands]
    lean = rng.uniform(0, 0.2) * rng.integers(0, 2)

    def broken(planes: Planes) -> None:
        for (top, height), shift in zip(bands, shifts, strict=True):
            now, slip = (top + rng.uniform(-0.05, 0.05)) % 0.9, shift * rng.uniform(0.6, 1.4)
            for plane in planes:
                rows = range(plane.shape[0])[_slice(now, now + height, plane.shape[0])]
                for place, row in enumerate(rows):
                    offset = round((slip + lean * place / len(rows)) * plane.shape[1])
                    plane[row] = np.roll(plane[row], offset, 0)

    return broken


def smear(first: Planes, rng: np.random.Generator) -> Breaker:
    """Replace everything from a macroblock on by wrong content; later frames add their changes to it."""
    height, width = (size // _MACROBLOCK for size in first[0].shape[:2])
    top = int(rng.integers(1, max(2, round(height * 0.7))))
    left = int(rng.integers(0, max(1, width // 2))) * int(rng.integers(0, 2))
    rows = max(2, round(height * rng.uniform(0.2, 1.0)))
    replace = (_repeat_rows, _misplace, _average)[rng.integers(3)]
    clean = [plane.astype(np.int16) for plane in first]
    wrong = [plane.copy() for plane in first]
    for plane in wrong:
        unit = max(1, round(_MACROBLOCK * plane.shape[0] / first[0].shape[0]))
        replace(
            plane,
            slice(top * unit, (top + rows) * unit),
            slice(left * unit, None),
            unit,
            np.random.default_rng(int(top)),
        )

    def broken(planes: Planes) -> None:
        for plane, base, bad in zip(planes, clean, wrong, strict=True):
            unit = max(1, round(_MACROBLOCK * plane.shape[0] / planes[0].shape[0]))
            region = slice(top * unit, (top + rows) * unit), slice(left * unit, None)
            drifted = bad[region].astype(np.int16) + plane[region] - base[region]
            plane[region] = np.clip(drifted, 0, 255)

    return broken


def noise(first: Planes, rng: np.random.Generator) -> Breaker:
    """Draw bands of snow at other places in each frame, some of it stretched sideways."""
    streak = int(rng.choice((1, 1, 8, 24)))
    count, strength = int(rng.integers(1, 4)), rng.uniform(0.6, 1.0)

    def broken(planes: Planes) -> None:
        for _ in range(count):
            top = rng.uniform(0, 0.9)
            height = rng.uniform(0.04, 0.25)
            for plane in planes:
                part = plane[_slice(top, top + height, plane.shape[0])]
                grain = rng.integers(0, 256, (part.shape[0], -(-part.shape[1] // streak), *part.shape[2:]))
                snow = np.repeat(grain, streak, 1)[:, : part.shape[1]]
                part[:] = np.rint(strength * snow + (1 - strength) * part)

    return broken


def grey(first: Planes, rng: np.random.Generator) -> Breaker:
    """Fill the picture, or all of it below some row, with one colour."""
    top = float(rng.choice((0.0, 0.0, rng.uniform(0.1, 0.7))))
    colour = ((128, 128, 128), (16, 128, 128), (90, 200, 90))[rng.integers(3)]

    def broken(planes: Planes) -> None:
        for plane, value in zip(planes, colour, strict=False):
            plane[_slice(top, 1.0, plane.shape[0])] = value

    return broken


def freeze(first: Planes, rng: np.random.Generator) -> Breaker:
    """Repeat one picture."""
    held = [plane.copy() for plane in first]

    def broken(planes: Planes) -> None:
        for plane, still in zip(planes, held, strict=True):
            plane[:] = still

    return broken


def differs(one: Plane, other: Plane) -> bool:
    """Return whether two pictures differ visibly: some spot by a dozen grey levels on average.

    A spot is a macroblock, or a fortieth of the width of a large picture, in which a macroblock would be a dot.
    """
    import cv2

    difference: Any = cv2.absdiff(one, other)
    side = max(_MACROBLOCK, one.shape[1] // _SPOTS)
    size = max(1, one.shape[1] // side), max(1, one.shape[0] // side)
    blocks = cv2.resize(np.asarray(difference, np.float32), size, interpolation=cv2.INTER_AREA)
    return float(np.max(blocks)) >= _VISIBLE


def _repeat_rows(plane: Plane, rows: slice, columns: slice, unit: int, rng: np.random.Generator) -> None:
    plane[rows, columns] = plane[max(0, rows.start - 1), columns]


def _misplace(plane: Plane, rows: slice, columns: slice, unit: int, rng: np.random.Generator) -> None:
    """Replace each macroblock by another part of the picture."""
    clean = plane.copy()
    for y in range(rows.start, min(rows.stop, plane.shape[0] - unit), unit):
        for x in range(columns.start, plane.shape[1] - unit, unit):
            from_y, from_x = ((rng.random(2) * (np.array(plane.shape[:2]) - unit)) // 1).astype(int)
            plane[y : y + unit, x : x + unit] = clean[from_y : from_y + unit, from_x : from_x + unit]


def _average(plane: Plane, rows: slice, columns: slice, unit: int, rng: np.random.Generator) -> None:
    """Fill each macroblock with its mean colour, off by a random amount."""
    for y in range(rows.start, min(rows.stop, plane.shape[0]), unit):
        for x in range(columns.start, plane.shape[1], unit):
            block = plane[y : y + unit, x : x + unit]
            block[:] = np.clip(block.mean((0, 1)) + rng.normal(0, 1.5 * unit), 0, 255)


def _slice(top: float, end: float, rows: int) -> slice:
    return slice(round(max(0.0, top) * rows), max(round(max(0.0, top) * rows) + 1, round(end * rows)))


def planes_of(raw: bytes | bytearray, layout: FrameLayout) -> list[Plane]:
    """Return views of the samples of a frame: luma and chroma, or one plane of blue, green and red.

    Views of a bytearray are writable.
    """
    width, height = layout.size
    samples = np.frombuffer(raw, np.uint8)
    if layout.piped == "bgr24":
        return [samples.reshape(height, width, 3)]
    half = height // 2, width // 2
    luma, first, second = np.split(samples, [height * width, height * width + half[0] * half[1]])
    return [luma.reshape(height, width), first.reshape(half), second.reshape(half)]


_TRIES = 8
"""Bounds the attempts to damage a stream without losing frames."""
_HEADERS = 0.1
"""The share of a stream that is spared at its start, where the headers lie: nothing decodes without them."""


def flip_bytes(
    frames: Sequence[bytes], layout: FrameLayout, rng: np.random.Generator
) -> tuple[list[bytes], list[bool]]:
    """Encode frames as one group of pictures, damage its bytes, and decode it.

    A stream that loses or gains frames is tried again, since its frames could no longer be identified.

    Returns:
        The frames, and which of them changed visibly.
    """
    stream = bytearray(_encoded(frames, layout))
    clean = _decoded(bytes(stream), layout)
    for _ in range(_TRIES):
        broken = stream.copy()
        for place in rng.integers(round(len(stream) * _HEADERS), len(stream), int(rng.integers(1, 4))):
            broken[place] ^= int(rng.integers(1, 256))
        decoded = _decoded(bytes(broken), layout)
        if len(decoded) == len(clean) == len(frames):
            hit = [
                differs(planes_of(a, layout)[0], planes_of(b, layout)[0]) for a, b in zip(decoded, clean, strict=True)
            ]
            if any(hit):
                return [bad if is_hit else good for bad, good, is_hit in zip(decoded, frames, hit, strict=True)], hit
    return list(frames), [False] * len(frames)


def _encoded(frames: Sequence[bytes], layout: FrameLayout) -> bytes:
    width, height = layout.size
    raw = ["-f", "rawvideo", "-pix_fmt", layout.piped, "-s", f"{width}x{height}", "-i", "-"]
    coding = ["-c:v", "libx264", "-crf", "18", "-g", str(len(frames)), "-sc_threshold", "0", "-pix_fmt", "yuv420p"]
    return ffmpeg.run([*raw, *coding, "-threads", "1", "-f", "h264", "-"], b"".join(frames)).stdout


def _decoded(stream: bytes, layout: FrameLayout) -> list[bytes]:
    read = ["-threads", "1", "-f", "h264", "-i", "-", "-fps_mode", "passthrough"]
    out = ["-vf", f"scale={layout.size[0]}:{layout.size[1]}", "-pix_fmt", layout.piped, "-f", "rawvideo", "-"]
    raw, size = ffmpeg.run([*read, *out], stream).stdout, layout.frame_bytes
    return [raw[start : start + size] for start in range(0, len(raw) - size + 1, size)]

"""Draw the artefacts of lost sync, lost data and lost signal on clean pictures.

A strength scales each artefact: 1 is the usual one.
"""

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from ..render.frame_layout import FrameLayout

Plane: TypeAlias = npt.NDArray[np.uint8]
Planes: TypeAlias = Sequence[Plane]
"""Luma and two planes of chroma at half its size, or one plane of blue, green and red."""

Breaker: TypeAlias = Callable[[Planes], None]
"""Damages the pictures of one run in place, one after the other and all in the same way."""

MACROBLOCK = 16
"""Pixels on a side of a macroblock."""
VISIBLE = 12.0
"""Grey levels by which a spot visibly differs on average."""
_SPOTS = 40
"""Spots across a large picture."""


def tears(first: Planes, rng: np.random.Generator, strength: float = 1.0) -> Breaker:
    """Shift bands of rows sideways, as after a lost line sync. Some lean, and all move from frame to frame."""
    bands = [(rng.uniform(0, 0.85), strength * rng.uniform(0.06, 0.3)) for _ in range(rng.integers(1, 4))]
    shifts = [rng.choice((-1, 1)) * strength * rng.uniform(0.05, 0.3) for _ in bands]
    lean = rng.uniform(0, 0.2) * rng.integers(0, 2)

    def broken(planes: Planes) -> None:
        for (top, height), shift in zip(bands, shifts, strict=True):
            now, slip = (top + rng.uniform(-0.05, 0.05)) % 0.9, shift * rng.uniform(0.6, 1.4)
            for plane in planes:
                rows = range(plane.shape[0])[rows_of(now, now + height, plane.shape[0])]
                for place, row in enumerate(rows):
                    offset = round((slip + lean * place / len(rows)) * plane.shape[1])
                    plane[row] = np.roll(plane[row], offset, 0)

    return broken


def smear(first: Planes, rng: np.random.Generator, strength: float = 1.0) -> Breaker:
    """Replace everything from a macroblock on by wrong content; later frames add their changes to it."""
    height, width = (size // MACROBLOCK for size in first[0].shape[:2])
    top = int(rng.integers(1, max(2, round(height * 0.7))))
    left = int(rng.integers(0, max(1, width // 2))) * int(rng.integers(0, 2))
    rows = max(2, round(height * strength * rng.uniform(0.2, 1.0)))
    replace = (_repeat_rows, _misplace, _average)[rng.integers(3)]
    clean = [plane.astype(np.int16) for plane in first]
    wrong = [plane.copy() for plane in first]
    for plane in wrong:
        unit = max(1, round(MACROBLOCK * plane.shape[0] / first[0].shape[0]))
        replace(
            plane,
            slice(top * unit, (top + rows) * unit),
            slice(left * unit, None),
            unit,
            np.random.default_rng(int(top)),
        )

    def broken(planes: Planes) -> None:
        for plane, base, bad in zip(planes, clean, wrong, strict=True):
            unit = max(1, round(MACROBLOCK * plane.shape[0] / planes[0].shape[0]))
            region = slice(top * unit, (top + rows) * unit), slice(left * unit, None)
            drifted = bad[region].astype(np.int16) + plane[region] - base[region]
            plane[region] = np.clip(drifted, 0, 255)

    return broken


def noise(first: Planes, rng: np.random.Generator, strength: float = 1.0) -> Breaker:
    """Draw bands of snow at other places in each frame, some of it stretched sideways."""
    streak = int(rng.choice((1, 1, 8, 24)))
    count, opacity = int(rng.integers(1, 4)), rng.uniform(0.6, 1.0)

    def broken(planes: Planes) -> None:
        for _ in range(count):
            top = rng.uniform(0, 0.9)
            height = strength * rng.uniform(0.04, 0.25)
            for plane in planes:
                part = plane[rows_of(top, top + height, plane.shape[0])]
                grain = rng.integers(0, 256, (part.shape[0], -(-part.shape[1] // streak), *part.shape[2:]))
                snow = np.repeat(grain, streak, 1)[:, : part.shape[1]]
                part[:] = np.rint(opacity * snow + (1 - opacity) * part)

    return broken


def grey(first: Planes, rng: np.random.Generator, strength: float = 1.0) -> Breaker:
    """Fill the picture, or all of it below some row, with one colour."""
    top = max(0.0, 1 - strength * (1 - float(rng.choice((0.0, 0.0, rng.uniform(0.1, 0.7))))))
    colour = ((128, 128, 128), (16, 128, 128), (90, 200, 90))[rng.integers(3)]

    def broken(planes: Planes) -> None:
        for plane, value in zip(planes, colour, strict=False):
            plane[rows_of(top, 1.0, plane.shape[0])] = value

    return broken


def freeze(first: Planes, rng: np.random.Generator, strength: float = 1.0) -> Breaker:
    """Repeat one picture; how strong that is, its length decides."""
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
    side = spot_side(one.shape[1])
    size = max(1, one.shape[1] // side), max(1, one.shape[0] // side)
    blocks = cv2.resize(np.asarray(difference, np.float32), size, interpolation=cv2.INTER_AREA)
    return float(np.max(blocks)) >= VISIBLE


def spot_side(width: int) -> int:
    """Return the side of a spot in a picture of that width."""
    return max(MACROBLOCK, width // _SPOTS)


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


def rows_of(top: float, end: float, rows: int) -> slice:
    """Return the rows between two shares of a height, at least one."""
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

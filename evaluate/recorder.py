"""Draw the faults of a digital recorder: frames that come again, that are torn, green, or have wrong macroblocks.

A strength scales each fault: 1 is the usual one.
"""

from itertools import count

import numpy as np

from .artefacts import MACROBLOCK, Breaker, Plane, Planes, rows_of


def repeated(first: Planes, rng: np.random.Generator, strength: float = 1.0) -> Breaker:
    """Play the first pictures of the run over and over, as a recorder whose buffer is not written in time.

    How strong that is, the length of the run decides.
    """
    loop, turn = int(rng.integers(2, 6)), count()
    held: list[list[Plane]] = []

    def broken(planes: Planes) -> None:
        place = next(turn)
        if place < loop:
            held.append([plane.copy() for plane in planes])
        for plane, earlier in zip(planes, held[place % loop], strict=True):
            plane[:] = earlier

    return broken


def torn(first: Planes, rng: np.random.Generator, strength: float = 1.0) -> Breaker:
    """Show an earlier picture below some row, as if a buffer was read while it was written."""
    delay = max(1, round(strength * rng.integers(1, 5)))
    cut, held = rng.uniform(0.2, 0.8), [[plane.copy() for plane in first]]

    def broken(planes: Planes) -> None:
        nonlocal cut
        cut = float(np.clip(cut + rng.normal(0, 0.08), 0.05, 0.9))
        held.append([plane.copy() for plane in planes])
        del held[: -delay - 1]
        for plane, earlier in zip(planes, held[0], strict=True):
            rows = rows_of(cut, 1.0, plane.shape[0])
            plane[rows] = earlier[rows]

    return broken


def green(first: Planes, rng: np.random.Generator, strength: float = 1.0) -> Breaker:
    """Leave the samples at 0, which is green, from a macroblock on, as a decoder that gets no more data."""
    height, width = (max(1, size // MACROBLOCK) for size in first[0].shape[:2])
    top = round(height * max(0.0, 1 - strength * rng.uniform(0.2, 0.7)))
    left, last = int(rng.integers(0, width)), height if rng.random() < 0.7 else min(height, top + 1 + height // 4)

    def broken(planes: Planes) -> None:
        for plane in planes:
            value = (0, 135, 0) if plane.ndim > 2 else 0
            unit = _unit(plane, planes)
            plane[top * unit : (top + 1) * unit, left * unit :] = value
            plane[(top + 1) * unit : last * unit if last < height else None] = value

    return broken


def macroblocks(first: Planes, rng: np.random.Generator, strength: float = 1.0) -> Breaker:
    """Replace runs of macroblocks by flat or misplaced ones; they stay, and more join them."""
    height, width = (max(1, size // MACROBLOCK) for size in first[0].shape[:2])
    wanted = max(1, round(0.03 * strength * height * width))
    wrong: dict[tuple[int, int], tuple[int, int] | None] = {}

    def broken(planes: Planes) -> None:
        for _ in range(max(1, wanted // 6) if wrong else wanted):
            row, column = int(rng.integers(0, height)), int(rng.integers(0, width))
            source = None if rng.random() < 0.4 else (int(rng.integers(0, height)), int(rng.integers(0, width)))
            wrong.update(
                {(row, right): source for right in range(column, min(width, column + int(rng.integers(1, 7))))}
            )
        clean = [plane.copy() for plane in planes]
        for block, source in wrong.items():
            _replace(planes, clean, block, source)

    return broken


def _unit(plane: Plane, planes: Planes) -> int:
    """Return the side of a macroblock in a plane."""
    return max(1, round(MACROBLOCK * len(plane) / len(planes[0])))


def _replace(planes: Planes, clean: Planes, block: tuple[int, int], source: tuple[int, int] | None) -> None:
    """Copy another block there; without one, extend the first pixel of the block over it."""
    for plane, whole in zip(planes, clean, strict=True):
        unit = _unit(plane, planes)
        target = plane[block[0] * unit :, block[1] * unit :][:unit, :unit]
        other = whole[(source or block)[0] * unit :, (source or block)[1] * unit :][:unit, :unit]
        target[:] = other if source else other[:1, :1]

"""Draw the faults of an analogue signal, as of an FPV receiver or a VHS tape, on clean pictures.

A picture is a series of lines. Between two lines the signal is blank, so a line that is shifted sideways shows a dark
bar before the end of the line above it. A strength scales each fault: 1 is the usual one.
"""

from collections.abc import Callable, Sequence
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from ..media.types import Floats, Ints
from .artefacts import Breaker, Plane, Planes

Fault: TypeAlias = Callable[[Sequence[Floats]], list[Floats]]
"""Damages luma and two planes of chroma of the same or half the size; called once per picture of a run."""

_BLANK = 0.1
"""Length of the blank part of a line, as a share of the visible part: about 5 of 52 microseconds beside the sync."""
_BLACK = 16.0
"""Luma of black."""
_NEUTRAL = 128.0
"""Chroma of grey."""
_LINES = 288
"""Lines of a field: one line of the signal covers more rows of a picture that is higher."""


def sync(first: Planes, rng: np.random.Generator, strength: float = 1.0) -> Breaker:
    """Lose the line sync: lines start too early or too late, and the receiver catches them again further down."""
    tears = max(1, round(strength * rng.uniform(1, 3)))
    spread = rng.uniform(0.08, 0.2) * strength

    def broken(planes: Sequence[Floats]) -> list[Floats]:
        height, width = planes[0].shape
        shift = np.zeros(height)
        for _ in range(tears):
            shift += _tear(height, rng, rng.choice((-1, 1)) * rng.uniform(0.04, 0.35) * width, spread)
        # Lines jitter where they are not caught.
        jitter = rng.normal(0, 0.012 * width, height) * (np.abs(shift) > 0.01 * width)
        return _shifted(planes, shift + jitter)

    return _signal_breaker(broken)


def rolling(first: Planes, rng: np.random.Generator, strength: float = 1.0) -> Breaker:
    """Let bright and dark bands roll through the picture, and from the usual strength on the picture itself."""
    bands, depth = rng.uniform(1, 2.5), strength * rng.uniform(22, 34)
    speed = rng.choice((-1, 1)) * rng.uniform(0.03, 0.09) * strength
    offset, rolled, phase = 0.0, strength >= 1, rng.uniform(0, 1)

    def broken(planes: Sequence[Floats]) -> list[Floats]:
        nonlocal offset, phase
        offset, phase = offset + speed * rng.uniform(0.6, 1.5), phase + 0.11
        planes = [_rolled(plane, offset, blank) if rolled else plane for plane, blank in _blanked(planes)]
        rows = np.arange(planes[0].shape[0]) / planes[0].shape[0]
        hum = depth * np.tanh(3 * np.sin(2 * np.pi * (bands * rows + phase)))
        return [planes[0] + hum[:, None], *planes[1:]]

    return _signal_breaker(broken)


def chroma(first: Planes, rng: np.random.Generator, strength: float = 1.0) -> Breaker:
    """Lose the colour carrier: colours fade, turn, and change from line to line."""
    share = min(1.0, 0.45 * strength)
    grain, tint = rng.uniform(14, 22) * strength, rng.uniform(-np.pi, np.pi)

    def broken(planes: Sequence[Floats]) -> list[Floats]:
        height, width = planes[1].shape
        lost = _bands(height, share, rng)[:, None]
        turn = tint + np.repeat(rng.normal(0, 0.9, -(-height // 6)), 6)[:height, None]
        noise = [_streaks((height, width), 24, rng) * grain for _ in range(2)]
        blue, red = (plane - _NEUTRAL for plane in planes[1:])
        # Receivers switch colour off where the carrier is weak, and show rainbows where it is nearly lost.
        kept = rng.choice((0.0, 0.0, 0.7))
        turned = (blue * np.cos(turn) - red * np.sin(turn), blue * np.sin(turn) + red * np.cos(turn))
        pairs = zip((blue, red), turned, noise, strict=True)
        faded = [own + lost * (kept * bad + grain - own) for own, bad, grain in pairs]
        return [planes[0], *(np.asarray(_NEUTRAL + plane, np.float32) for plane in faded)]

    return _signal_breaker(broken)


def dropouts(first: Planes, rng: np.random.Generator, strength: float = 1.0) -> Breaker:
    """Draw short bright streaks where the tape has lost its coating, many of them along a crease that moves up."""
    count, crease = max(3, round(14 * strength * rng.uniform(0.7, 1.4))), rng.uniform(0.2, 1.0)

    def broken(planes: Sequence[Floats]) -> list[Floats]:
        nonlocal crease
        luma, crease = planes[0].copy(), (crease - rng.uniform(0.01, 0.05)) % 1.0
        height, width = luma.shape
        line = max(1, round(height / _LINES))
        for _ in range(count):
            row = (crease + rng.normal(0, 0.02)) % 1.0 if rng.random() < 0.6 else rng.random()
            top, left = int(row * height), int(rng.uniform(-0.1, 0.95) * width)
            _streak(luma, top, left, line * int(rng.integers(1, 4)), width * rng.uniform(0.03, 0.35), rng)
        return [luma, *planes[1:]]

    return _signal_breaker(broken)


def tape(first: Planes, rng: np.random.Generator, strength: float = 1.0) -> Breaker:
    """Play a worn tape: grain, colours that bleed to the right, a band of bad tracking and the torn lines below."""
    grain, top = rng.uniform(4, 7) * strength, rng.uniform(0, 1)
    height_of_band, speed = min(0.6, rng.uniform(0.1, 0.2) * strength), rng.uniform(-0.04, 0.02)
    bleed = 0.006 * strength

    def broken(planes: Sequence[Floats]) -> list[Floats]:
        nonlocal top
        top = (top + speed) % 1.0
        height, width = planes[0].shape
        rows = np.arange(height) / height
        band = np.clip(1 - np.abs((rows - top + 0.5) % 1.0 - 0.5) / (height_of_band / 2), 0, 1)
        head = np.clip((rows - (1 - 0.04 * strength)) / 0.03, 0, 1)
        shift = (band * rng.normal(0, 0.02, height) + head * rng.uniform(0.08, 0.2)) * width
        luma, *colours = _shifted(planes, shift)
        luma = luma + grain * _streaks(luma.shape, 3, rng)
        snow = (rng.random((height, -(-width // 12))) < 0.5 * band[:, None]).repeat(12, 1)[:, :width]
        luma = np.where(snow, rng.uniform(150, 235, (height, 1)), luma)
        return [luma, *(_bled(plane, bleed) + grain * _streaks(plane.shape, 8, rng) for plane in colours)]

    return _signal_breaker(broken)


def fpv(first: Planes, rng: np.random.Generator, strength: float = 1.0) -> Breaker:
    """Lose an FPV signal by moments: snow, lost sync, lost colour and at times a rolling picture, all at once."""
    torn, faded = sync(first, rng, 1.3 * strength), chroma(first, rng, 1.5 * strength)
    roll = rolling(first, rng, max(1.0, strength)) if strength > 1 and rng.random() < 0.7 else None
    level = rng.uniform(0.5, 1.0)

    def broken(planes: Planes) -> None:
        nonlocal level
        level = float(np.clip(level + rng.normal(0, 0.25), 0.35, 1.2))
        for fault in (roll, torn, faded):
            if fault:
                fault(planes)
        _signal_breaker(lambda signal: _snowed(signal, min(0.85, 0.4 * strength * level), rng))(planes)

    return broken


def _signal_breaker(fault: Fault) -> Breaker:
    """Turn a fault of luma and chroma into one of planes of either kind, in place."""

    def broken(planes: Planes) -> None:
        is_bgr = len(planes) == 1
        signal = _signal_of(planes[0]) if is_bgr else [plane.astype(np.float32) for plane in planes]
        damaged = [np.clip(np.rint(plane), 0, 255).astype(np.uint8) for plane in fault(signal)]
        if is_bgr:
            _write_bgr(planes[0], damaged)
            return
        for plane, one in zip(planes, damaged, strict=True):
            plane[:] = one

    return broken


def _signal_of(picture: Plane) -> list[Floats]:
    import cv2

    luma, red, blue = cv2.split(cv2.cvtColor(picture, cv2.COLOR_BGR2YCrCb))
    return [np.asarray(plane, np.float32) for plane in (luma, blue, red)]


def _write_bgr(picture: Plane, signal: Sequence[Plane]) -> None:
    import cv2

    luma, blue, red = signal
    picture[:] = np.asarray(cv2.cvtColor(cv2.merge([luma, red, blue]), cv2.COLOR_YCrCb2BGR), np.uint8)


def _tear(height: int, rng: np.random.Generator, shift: float, spread: float) -> Floats:
    """Return the shift of each row after one lost sync: at once there, and caught again little by little."""
    start = int(rng.uniform(-0.1, 0.95) * height)
    below = np.arange(height) - start
    length = max(2.0, rng.uniform(0.5, 1.5) * spread * height)
    return np.asarray(np.where(below >= 0, shift * np.exp(-np.maximum(below, 0) / length), 0), np.float32)


def _shifted(planes: Sequence[Floats], shift: npt.NDArray[np.floating]) -> list[Floats]:
    """Shift each row sideways by that many pixels of luma; what leaves at one side comes back at the other."""
    height, width = planes[0].shape
    found = []
    for plane, blank in _blanked(planes):
        rows = np.linspace(0, height - 1, plane.shape[0]).astype(int)
        found.append(_rows_shifted(plane, np.rint(shift[rows] * plane.shape[1] / width).astype(np.int64), blank))
    return found


def _rows_shifted(plane: Floats, shift: Ints, blank: float) -> Floats:
    width = plane.shape[1]
    line = np.pad(plane, ((0, 0), (0, max(1, round(_BLANK * width)))), constant_values=blank)
    columns = (np.arange(width) - shift[:, None]) % line.shape[1]
    return np.asarray(np.take_along_axis(line, columns, 1), np.float32)


def _rolled(plane: Floats, offset: float, blank: float) -> Floats:
    """Move the picture down by that share of its height, with the blank lines between two pictures."""
    height = plane.shape[0]
    field = np.pad(plane, ((0, max(1, round(_BLANK * height))), (0, 0)), constant_values=blank)
    return np.asarray(np.roll(field, round(offset * len(field)), 0)[:height], np.float32)


def _blanked(planes: Sequence[Floats]) -> list[tuple[Floats, float]]:
    """Return each plane with the value of a blank signal."""
    return [(plane, _BLACK if number == 0 else _NEUTRAL) for number, plane in enumerate(planes)]


def _bands(height: int, share: float, rng: np.random.Generator) -> Floats:
    """Return 1 for a random share of the rows, in a few bands with soft edges."""
    import cv2

    wave = cv2.resize(rng.random((6, 1)), (1, height), interpolation=cv2.INTER_CUBIC)[:, 0]
    level = np.quantile(wave, 1 - share)
    return np.asarray(np.clip((wave - level) / 0.05 + 0.5, 0, 1), np.float32)


def _streaks(shape: tuple[int, ...], length: int, rng: np.random.Generator) -> Floats:
    """Return noise of deviation 1 that is `length` pixels long and a row high, as in a signal of limited bandwidth."""
    height, width = shape
    coarse = rng.standard_normal((height, -(-width // length)), np.float32)
    return coarse.repeat(length, 1)[:, :width]


def _streak(luma: Floats, top: int, left: int, lines: int, length: float, rng: np.random.Generator) -> None:
    """Draw a dropout: bright at its start, with a tail that fades."""
    start, end = max(0, left), min(luma.shape[1], round(left + length))
    if start >= end:
        return
    tail = np.exp(-np.arange(end - start) / max(1.0, length * rng.uniform(0.3, 1.0)))
    part = luma[top : top + lines, start:end]
    part[:] = part + (rng.choice((235.0, 235.0, 16.0)) - part) * tail


def _bled(plane: Floats, share: float) -> Floats:
    """Blur colours sideways and move them to the right."""
    import cv2

    pixels = max(1, round(share * plane.shape[1]))
    return np.roll(np.asarray(cv2.blur(plane, (2 * pixels + 1, 1)), np.float32), pixels, 1)


def _snowed(planes: Sequence[Floats], share: float, rng: np.random.Generator) -> list[Floats]:
    """Mix the luma with snow, and take as much of the colour away."""
    snow = 116 + 62 * _streaks(planes[0].shape, 2, rng)
    return [(1 - share) * planes[0] + share * snow, *(_NEUTRAL + (1 - share) * (p - _NEUTRAL) for p in planes[1:])]

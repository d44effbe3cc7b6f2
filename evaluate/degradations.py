"""Degrade pictures in known ways and strengths; the same random numbers give the same picture."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ..errors import UsageError
from ..media.ranges import shortened
from ..media.source import scaled_size
from ..media.types import Picture

Samples = npt.NDArray[np.uint8]
"""Pixels x channels, changed in place. All channels of a pixel change alike."""

_Apply = Callable[[Picture, float, np.random.Generator], Picture]


def grain(samples: Samples, sigma: float, rng: np.random.Generator) -> None:
    """Add Gaussian noise with the deviation `sigma`."""
    drawn = rng.standard_normal((len(samples), 1), np.float32) * np.float32(sigma)
    samples[:] = np.clip(np.rint(samples + drawn), 0, 255)


def salt_and_pepper(samples: Samples, share: float, rng: np.random.Generator, low: int = 0, high: int = 255) -> None:
    """Set a share of the pixels to black or white, as many of each."""
    dice = rng.random(len(samples), np.float32)
    samples[dice < share / 2] = low
    samples[dice >= 1 - share / 2] = high


@dataclass(frozen=True)
class DegradationKind:
    """A kind of degradation, the range of its strength, and its default strengths."""

    apply: _Apply
    least: float
    most: float
    defaults: tuple[float, ...]


@dataclass(frozen=True)
class Degradation:
    """A kind of degradation at one strength."""

    kind: str
    strength: float

    def __str__(self) -> str:
        return f"{self.kind} {self.strength:g}"

    def of(self, picture: Picture, rng: np.random.Generator) -> Picture:
        """Return a degraded copy of the picture; that of `resize` is smaller."""
        return KINDS[self.kind].apply(picture, self.strength, rng)


def parse_degradations(texts: Sequence[str]) -> list[Degradation]:
    """Parse degradations such as `salt-pepper=0.05,0.1`, or a kind alone for its default strengths.

    Args:
        texts: The degradations; none means every kind.

    Raises:
        UsageError: A kind or a strength does not exist.
    """
    found = []
    for name, given in (_parse(one) for one in texts or KINDS):
        found += [Degradation(name, strength) for strength in given]
    return list(dict.fromkeys(found))


def _parse(text: str) -> tuple[str, Sequence[float]]:
    name, given, values = text.partition("=")
    name = name.strip().lower()
    if name not in KINDS:
        raise UsageError(f"There is no noise {shortened(name)!r}.", f"The kinds are {', '.join(KINDS)}.")
    kind = KINDS[name]
    return name, [_strength(name, kind, value) for value in values.split(",")] if given else kind.defaults


def _strength(name: str, kind: DegradationKind, text: str) -> float:
    try:
        strength = float(text)
    except ValueError:
        strength = math.nan
    if not kind.least <= strength <= kind.most:
        defaults = ",".join(f"{value:g}" for value in kind.defaults)
        raise UsageError(
            f"{shortened(text.strip())!r} is not a strength of {name}: {kind.least:g} to {kind.most:g}.",
            f"Write, for example, --noise {name}={defaults}.",
        )
    return strength


def _add_salt_and_pepper(picture: Picture, share: float, rng: np.random.Generator) -> Picture:
    degraded = picture.copy()
    salt_and_pepper(degraded.reshape(-1, 3), share, rng)
    return degraded


def _add_grain(picture: Picture, sigma: float, rng: np.random.Generator) -> Picture:
    degraded = picture.copy()
    grain(degraded.reshape(-1, 3), sigma, rng)
    return degraded


def _blur(picture: Picture, share: float, rng: np.random.Generator) -> Picture:
    import cv2

    sigma = share * min(picture.shape[:2])
    return np.asarray(cv2.GaussianBlur(picture, (0, 0), sigma), np.uint8) if sigma else picture


def _brighten(picture: Picture, factor: float, rng: np.random.Generator) -> Picture:
    import cv2

    return np.asarray(cv2.convertScaleAbs(picture, alpha=factor), np.uint8)


def _compress(picture: Picture, quality: float, rng: np.random.Generator) -> Picture:
    import cv2

    data = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, round(quality)])[1]
    return np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR), np.uint8)


def _shrink(picture: Picture, factor: float, rng: np.random.Generator) -> Picture:
    import cv2

    height, width = picture.shape[:2]
    size = scaled_size(width, height, max(1, round(factor * min(width, height))))
    return np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), np.uint8)


KINDS = {
    "salt-pepper": DegradationKind(_add_salt_and_pepper, 0, 1, (0.05, 0.2)),
    "gaussian": DegradationKind(_add_grain, 0, 255, (10, 40)),
    "blur": DegradationKind(_blur, 0, 1, (0.01, 0.05)),
    "brightness": DegradationKind(_brighten, 0, 10, (0.5, 1.5)),
    "jpeg": DegradationKind(_compress, 1, 100, (30, 5)),
    "resize": DegradationKind(_shrink, 0.001, 1, (0.25, 0.05)),
}
"""The unit of each strength, in this order: a share of the pixels, grey levels, a share of the short side, a factor,
a quality from 1 to 100, and a factor.
"""

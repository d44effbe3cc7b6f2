"""Ways in which a picture gets spoilt, each with its strength; the same numbers drawn spoil it in the same way."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ..errors import UsageError
from ..frames import Picture
from ..ingest.source import shrunk
from ..ranges import shortened

Samples = npt.NDArray[np.uint8]
"""Pixels x channels, changed in place; what happens to a pixel happens to all of its channels alike."""

_Way = Callable[[Picture, float, np.random.Generator], Picture]


def grain(samples: Samples, sigma: float, rng: np.random.Generator) -> None:
    """Gaussian noise of that deviation."""
    drawn = rng.standard_normal((len(samples), 1), np.float32) * np.float32(sigma)
    samples[:] = np.clip(np.rint(samples + drawn), 0, 255)


def salt_and_pepper(samples: Samples, share: float, rng: np.random.Generator, low: int = 0, high: int = 255) -> None:
    """That share of the pixels turned black or white, as many of each."""
    dice = rng.random(len(samples), np.float32)
    samples[dice < share / 2] = low
    samples[dice >= 1 - share / 2] = high


@dataclass(frozen=True)
class Kind:
    """A way to spoil a picture, what its strength may be, and the strengths that are tried unless told otherwise."""

    way: _Way
    least: float
    most: float
    usual: tuple[float, ...]


@dataclass(frozen=True)
class Spoiling:
    """One kind of damage at one strength."""

    kind: str
    strength: float

    def __str__(self) -> str:
        return f"{self.kind} {self.strength:g}"

    def of(self, picture: Picture, rng: np.random.Generator) -> Picture:
        """A spoilt copy; that of `resize` is smaller."""
        return KINDS[self.kind].way(picture, self.strength, rng)


def read_spoilings(said: Sequence[str]) -> list[Spoiling]:
    """`salt-pepper=0.05,0.1`, or a kind alone at its usual strengths; nothing said is every kind."""
    found = []
    for name, given in (_parts(one) for one in said or KINDS):
        found += [Spoiling(name, strength) for strength in given]
    return list(dict.fromkeys(found))


def _parts(said: str) -> tuple[str, Sequence[float]]:
    name, given, values = said.partition("=")
    name = name.strip().lower()
    if name not in KINDS:
        raise UsageError(f"There is no noise {shortened(name)!r}.", f"There are {', '.join(KINDS)}.")
    kind = KINDS[name]
    return name, [_strength(name, kind, value) for value in values.split(",")] if given else kind.usual


def _strength(name: str, kind: Kind, said: str) -> float:
    try:
        strength = float(said)
    except ValueError:
        strength = math.nan
    if not kind.least <= strength <= kind.most:
        usual = ",".join(f"{value:g}" for value in kind.usual)
        raise UsageError(
            f"{shortened(said.strip())!r} is no strength of {name}, which goes from {kind.least:g} to {kind.most:g}.",
            f"Say it like this: --noise {name}={usual}.",
        )
    return strength


def _speckled(picture: Picture, share: float, rng: np.random.Generator) -> Picture:
    spoilt = picture.copy()
    salt_and_pepper(spoilt.reshape(-1, 3), share, rng)
    return spoilt


def _grainy(picture: Picture, sigma: float, rng: np.random.Generator) -> Picture:
    spoilt = picture.copy()
    grain(spoilt.reshape(-1, 3), sigma, rng)
    return spoilt


def _blurred(picture: Picture, share: float, rng: np.random.Generator) -> Picture:
    import cv2

    sigma = share * min(picture.shape[:2])
    return np.asarray(cv2.GaussianBlur(picture, (0, 0), sigma), np.uint8) if sigma else picture


def _brighter(picture: Picture, factor: float, rng: np.random.Generator) -> Picture:
    import cv2

    return np.asarray(cv2.convertScaleAbs(picture, alpha=factor), np.uint8)


def _jpeg(picture: Picture, quality: float, rng: np.random.Generator) -> Picture:
    import cv2

    data = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, round(quality)])[1]
    return np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR), np.uint8)


def _smaller(picture: Picture, factor: float, rng: np.random.Generator) -> Picture:
    import cv2

    height, width = picture.shape[:2]
    size = shrunk(width, height, max(1, round(factor * min(width, height))))
    return np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), np.uint8)


KINDS = {
    "salt-pepper": Kind(_speckled, 0, 1, (0.05, 0.2)),
    "gaussian": Kind(_grainy, 0, 255, (10, 40)),
    "blur": Kind(_blurred, 0, 1, (0.01, 0.05)),
    "brightness": Kind(_brighter, 0, 10, (0.5, 1.5)),
    "jpeg": Kind(_jpeg, 1, 100, (30, 5)),
    "resize": Kind(_smaller, 0.001, 1, (0.25, 0.05)),
}
"""Strengths are, in this order: a share of the pixels, grey levels, a share of the short side, a factor, a quality
from 1 to 100, and a factor."""

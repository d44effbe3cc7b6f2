"""Draw pictures with captions, and measure how well a model finds the pictures by their captions."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ...media.types import Floats, Picture
from .painting import DrawnShape
from .scenes import draw_scene

_BEST = 10
"""Frames that count as the best hits."""
_VISIBLE = 0.5
"""The visible share of a thing from which a frame shows it."""
_ABSENT_BELOW = 0.08
"""The share below which a frame does not show it."""
_CARDS = ("red", "green", "blue", "yellow", "orange", "violet", "white", "black"), ("circle", "square", "triangle")


@dataclass(frozen=True)
class CaptionSet:
    """Captions, and their pictures in the same order."""

    texts: list[str]
    pictures: list[Picture]


def cards(seed: int = 0) -> CaptionSet:
    """Draw the plainest pictures: one large shape each, in the middle of a background of another colour."""
    rng = np.random.default_rng(seed)
    drawn = CaptionSet([], [])
    for colour in _CARDS[0]:
        for shape in _CARDS[1]:
            scene = draw_scene([DrawnShape(colour, shape, radius=0.3)], "plain", (256, 256), rng)
            drawn.texts.append(plain_text(colour, shape))
            drawn.pictures.append(scene.picture)
    return drawn


def plain_text(colour: str, shape: str) -> str:
    """Return the plainest caption, such as "a red circle"."""
    return f"{'an' if colour[0] in 'aeiou' else 'a'} {colour} {shape}"


def recall(texts: Floats, pictures: Floats) -> float:
    """Return the share of texts whose nearest picture is their own."""
    return float(((texts @ pictures.T).argmax(1) == np.arange(len(texts))).mean())


@dataclass(frozen=True)
class Ranking:
    """How scores rank frames that show a thing above frames that do not."""

    best: int
    right: int
    """How many of the `best` first frames show it."""
    showing: int
    precision: float
    """Average precision; `chance` is that of guessing."""
    chance: float
    above: float
    """The probability that a frame that shows the thing outscores one that does not; .5 is chance."""


def rank_frames(scores: Sequence[float], seen: Sequence[float]) -> Ranking:
    """Rank frames by score against the visible share `seen` of a thing.

    Frames that show some of it but less than half are ignored, since they can be called neither right nor wrong.
    """
    scored, share = np.asarray(scores), np.asarray(seen)
    there, gone = scored[share >= _VISIBLE], scored[share < _ABSENT_BELOW]
    # The sort is stable and the wrong frames come first, so that ties count as wrong.
    order = np.argsort(-np.concatenate([gone, there]), kind="stable")
    right = order >= len(gone)
    precision = np.cumsum(right) / np.arange(1, len(right) + 1)
    best = min(_BEST, len(right))
    return Ranking(
        best=best,
        right=int(right[:best].sum()),
        showing=len(there),
        precision=float(precision[right].mean()) if len(there) else 0.0,
        chance=len(there) / len(right) if len(right) else 0.0,
        above=float((there[:, None] > gone[None]).mean()) if len(there) and len(gone) else 0.5,
    )

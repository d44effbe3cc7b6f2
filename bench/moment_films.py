"""Draw films of several shots in which coloured shapes come and go at known times."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import TypeAlias

import numpy as np
from moment_scores import Window

from reelweave.evaluate.drawn.film import Landscape, draw_land, encode_pictures
from reelweave.evaluate.drawn.painting import COLOURS, DrawnShape
from reelweave.evaluate.drawn.recall import plain_text
from reelweave.evaluate.drawn.scenes import SHAPES, draw_scene
from reelweave.media.types import Picture

SIZE = (320, 180)
RATE = 8
SECONDS = 60.0
"""Length of a film, give or take a shot."""
_SHOTS = (3.0, 10.0)
"""Seconds of a shot."""
_SLIDE = 0.75
"""Seconds in which a shape slides in or out of the picture."""
_DISSOLVE = 1.0
"""Seconds of a dissolve, which a third of the cuts are."""
_SHOWN = 0.5
"""The visible share of a shape from which a frame shows it."""
_OUTSIDE = (-3.0, -3.0)
"""Where a shape is not seen."""
_SMALLEST, _LARGEST = 0.12, 0.26


@dataclass(frozen=True)
class Part:
    """A shape in a shot: when it is there, in seconds of the shot, and from where to where it moves meanwhile."""

    thing: DrawnShape
    start: float
    end: float
    to: tuple[float, float]
    slides: tuple[bool, bool]
    """Whether it slides in, and out; otherwise it is there from the first frame, or to the last."""

    def at(self, time: float) -> tuple[float, float]:
        """Return its place, beside the picture while it slides."""
        if not self.start <= time <= self.end:
            return _OUTSIDE
        share = (time - self.start) / max(1e-6, self.end - self.start)
        x, y = (a + (b - a) * share for a, b in zip(self.thing.at, self.to, strict=True))
        inside = min(
            1.0,
            (time - self.start) / _SLIDE if self.slides[0] else 1.0,
            (self.end - time) / _SLIDE if self.slides[1] else 1.0,
        )
        beside = -0.2 if x < 0.5 else 1.2
        return beside + (x - beside) * inside, y


Limit: TypeAlias = tuple[float, float]
"""The middle of a cut or a dissolve between two shots, and how long it lasts."""


@dataclass(frozen=True)
class Film:
    """A drawn film and, for each text that is true of some of it, when; and the limits of its shots."""

    path: Path
    true: dict[str, list[Window]]
    limits: list[Limit]


def draw_moment_film(path: Path, seed: int) -> Film:
    """Draw a film; its shapes are the same few throughout, so that most texts have several moments."""
    rng = np.random.default_rng([seed, 7])
    lands = [draw_land(SIZE, seed * 100 + number) for number in range(3)]
    names = [(str(c), str(s)) for c in COLOURS for s in SHAPES]
    cast = [names[at] for at in rng.permutation(len(names))[:6]]
    pictures: list[Picture] = []
    shown: list[dict[str, float]] = []
    limits: list[Limit] = []
    while len(pictures) < SECONDS * RATE:
        shot = list(_shot(cast, lands, rng))
        blended = _dissolve(pictures, shown, shot) if pictures and rng.random() < 1 / 3 else 0
        if pictures:
            limits.append(((len(pictures) - blended / 2) / RATE, blended / RATE))
        pictures += [picture for picture, _ in shot]
        shown += [shares for _, shares in shot]
    texts = {plain_text(*name) for name in cast}
    true = {text: windows([frame.get(text, 0.0) >= _SHOWN for frame in shown]) for text in sorted(texts)}
    encode_pictures(iter(pictures), len(pictures), path, Fraction(RATE), SIZE)
    return Film(path, {text: found for text, found in true.items() if found}, limits)


def windows(shows: Sequence[bool]) -> list[Window]:
    """Return the stretches of frames that are true, in seconds from the first frame to the end of the last."""
    edges = np.flatnonzero(np.diff(np.r_[0, np.asarray(shows, np.int8), 0])) / RATE
    return [(float(start), float(end)) for start, end in edges.reshape(-1, 2)]


def _shot(
    cast: Sequence[tuple[str, str]], lands: Sequence[Landscape], rng: np.random.Generator
) -> Iterator[tuple[Picture, dict[str, float]]]:
    """Draw the frames of a shot, each with the visible shares of its shapes."""
    seconds, ground = float(rng.uniform(*_SHOTS)), str(rng.choice(("plain", "landscape", "pattern")))
    chosen = rng.permutation(len(cast))[: int(rng.choice(4, p=(0.1, 0.4, 0.35, 0.15)))]
    parts = [_part(*cast[one], seconds, rng) for one in chosen]
    seed = int(rng.integers(1 << 31))
    for number in range(round(seconds * RATE)):
        things = [replace(part.thing, at=part.at(number / RATE)) for part in parts]
        # The same seed for each frame of a shot, so that nothing but the places changes.
        scene = draw_scene(things, ground, SIZE, np.random.default_rng(seed), lands)
        texts = [plain_text(thing.colour, thing.shape) for thing in things]
        yield scene.picture, dict(zip(texts, scene.shares, strict=True))


def _part(colour: str, shape: str, seconds: float, rng: np.random.Generator) -> Part:
    radius = float(rng.uniform(_SMALLEST, _LARGEST))
    places = [(float(rng.uniform(0.2, 0.8)), float(rng.uniform(0.25, 0.75))) for _ in range(2)]
    slides = bool(rng.random() < 0.4), bool(rng.random() < 0.4)
    start = float(rng.uniform(0, 0.5)) * seconds if slides[0] else 0.0
    end = float(rng.uniform(0.55, 1)) * seconds if slides[1] else seconds
    thing = DrawnShape(colour, shape, radius=radius, at=places[0], turn=float(rng.uniform(0, 2 * np.pi)))
    return Part(thing, start, end, places[1], slides)


def _dissolve(
    pictures: list[Picture], shown: list[dict[str, float]], shot: list[tuple[Picture, dict[str, float]]]
) -> int:
    """Let the last frames blend into the first of the next shot, take these off it, and return how many there are."""
    count = min(round(_DISSOLVE * RATE), len(pictures), len(shot) - 1)
    for step in range(count):
        picture, shares = shot.pop(0)
        weight, at = (step + 1) / (count + 1), step - count
        pictures[at] = np.rint(pictures[at] * (1 - weight) + picture * weight).astype(np.uint8)
        texts = shown[at].keys() | shares.keys()
        # What is half blended is half visible.
        shown[at] = {
            text: max(shown[at].get(text, 0.0) * (1 - weight), shares.get(text, 0.0) * weight) for text in texts
        }
    return count

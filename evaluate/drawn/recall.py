"""Draw sets of pictures and captions, each caption true of one picture alone, and measure recall on them."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ...media.types import Floats, Picture
from .captions import Caption, plain_caption, random_caption
from .painting import COLOURS, DrawnShape
from .scenes import SHAPES, Scene, Style, captions_hold, draw_scene, random_scene

_BEST = 10
"""Frames that count as the best hits."""
_SEEN = 0.5
"""The visible share of a thing from which a frame shows it."""
_GLIMPSED = 0.08
"""The share below which a frame does not show it."""
_SIZES = ((256, 256), (320, 180), (320, 240))
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
            drawn.texts.append(plain_caption(colour, shape).text)
            drawn.pictures.append(scene.picture)
    return drawn


def plain_set(count: int, seed: int, style: Style) -> CaptionSet:
    """Draw pictures of one thing anywhere on any background, with different captions such as "a red circle"."""
    rng = np.random.default_rng(seed)
    pairs = [(colour, shape) for colour in COLOURS for shape in SHAPES]
    drawn = CaptionSet([], [])
    for at in rng.permutation(len(pairs))[:count]:
        caption = plain_caption(*pairs[at])
        drawn.texts.append(caption.text)
        drawn.pictures.append(_shows(caption, rng, style).picture)
    return drawn


def mixed_set(count: int, seed: int, style: Style) -> CaptionSet:
    """Draw pictures of up to four things with captions of all kinds; none is true of another picture."""
    rng = np.random.default_rng(seed)
    scenes: list[Scene] = []
    captions: list[Caption] = []
    while len(scenes) < count:
        scene = random_scene(rng, _size(rng), style)
        caption = random_caption(scene, rng)
        if caption and not _confused(scene, caption, scenes, captions):
            scenes.append(scene)
            captions.append(caption)
    return CaptionSet([caption.text for caption in captions], [scene.picture for scene in scenes])


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
    there, gone = scored[share >= _SEEN], scored[share < _GLIMPSED]
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


def _shows(caption: Caption, rng: np.random.Generator, style: Style) -> Scene:
    """Draw random scenes until the caption is true of one."""
    colour, shape = caption.text.split()[1:]
    while True:
        radius, at = float(rng.uniform(0.1, 0.3)), (float(rng.uniform(0.1, 0.9)), float(rng.uniform(0.15, 0.85)))
        ground = str(rng.choice(("plain", "landscape"))) if style.lands else "plain"
        scene = draw_scene([DrawnShape(colour, shape, radius=radius, at=at)], ground, _size(rng), rng, style.lands)
        if captions_hold(caption.codes[None], scene.codes[None], scene.sure[None])[0, 0]:
            return scene


def _size(rng: np.random.Generator) -> tuple[int, int]:
    return _SIZES[int(rng.integers(len(_SIZES)))]


def _confused(scene: Scene, caption: Caption, scenes: list[Scene], captions: list[Caption]) -> bool:
    if not scenes:
        return False
    codes, sure = np.stack([s.codes for s in [*scenes, scene]]), np.stack([s.sure for s in [*scenes, scene]])
    captioned = np.stack([c.codes for c in [*captions, caption]])
    true = captions_hold(captioned, codes, sure, lenient=True)
    return bool(true[-1, :-1].any() or true[:-1, -1].any())

"""Draw scenes whose content is known exactly."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from ...media.types import Floats, Picture
from .film import Landscape, Size
from .painting import COLOURS, DrawnShape, hide, paint_ground, paint_thing

SHAPES: Final = ("circle", "square", "triangle", "star", "cross", "ring")
TEXTURES: Final = ("plain", "striped", "dotted", "checked")
HEADINGS: Final = ("left", "right", "up", "down")
GROUNDS: Final = ("plain", "landscape", "pattern")

MOST: Final = 4
"""Bounds the things in a picture."""
_TEXTURED = 0.13
"""The smallest radius at which a texture is recognisable."""
_CELLS = ((0.1, 0.28), (0.4, 0.6), (0.72, 0.9))
"""The coordinates that clearly lie in each third of a picture."""


@dataclass(frozen=True)
class Scene:
    """A picture, the things in it with the visible share of each, and its background."""

    picture: Picture
    things: Sequence[DrawnShape]
    shares: Sequence[float]
    ground: str


@dataclass(frozen=True)
class Style:
    """How many things to draw, and whether they are simple enough for early training."""

    most: int = MOST
    simple: bool = False
    lands: Sequence[Landscape] = field(default=(), repr=False)


def random_scene(rng: np.random.Generator, size: Size, style: Style) -> Scene:
    """Draw a picture of up to `style.most` things, sometimes of none."""
    count = 1 if style.simple else int(rng.choice(5, p=(0.04, 0.4, 0.26, 0.18, 0.12)))
    things: list[DrawnShape] = []
    for _ in range(min(count, style.most)):
        thing = _random_thing(rng, size, style.simple)
        if all(_apart(thing, other, size) for other in things):
            things.append(thing)
    ground = "plain" if rng.random() < (0.7 if style.simple else 0.4) else "landscape"
    if count == 0 or rng.random() < 0.12:
        ground = "pattern"
    return draw_scene(things, ground if style.lands or ground != "landscape" else "plain", size, rng, style.lands)


def draw_scene(
    things: Sequence[DrawnShape], ground: str, size: Size, rng: np.random.Generator, lands: Sequence[Landscape] = ()
) -> Scene:
    """Draw things on a background, the last in front; the hill of a landscape may hide some of them."""
    picture, hill = paint_ground(ground, things, size, rng, lands)
    covers: list[Floats] = []
    areas: list[float] = []
    behind = len(things) if hill is None else int(rng.integers(len(things) + 1))
    for number, thing in enumerate(things):
        if number == behind and hill is not None:
            hide(picture, covers, hill)
        cover, area = paint_thing(picture, thing, size, rng)
        covers = [earlier * (1 - cover) for earlier in covers] + [cover]
        areas.append(area)
    if behind == len(things) and hill is not None:
        hide(picture, covers, hill)
    shares = [float(cover.sum()) / area for cover, area in zip(covers, areas, strict=True)]
    return Scene(np.clip(picture, 0, 255).astype(np.uint8), things, shares, ground)


def _random_thing(rng: np.random.Generator, size: Size, simple: bool) -> DrawnShape:
    across, down = (float(rng.uniform(*_CELLS[int(rng.integers(3))])) for _ in range(2))
    if rng.random() < 0.35:
        across, down = float(rng.uniform(0.03, 0.97)), float(rng.uniform(0.05, 0.95))
    radius = float(
        rng.choice((rng.uniform(0.06, 0.1), rng.uniform(0.1, 0.2), rng.uniform(0.2, 0.3)), p=(0.2, 0.5, 0.3))
    )
    textured = not simple and radius >= _TEXTURED and rng.random() < 0.4
    return DrawnShape(
        colour=str(rng.choice(list(COLOURS))),
        shape=str(rng.choice(SHAPES)),
        texture=str(rng.choice(TEXTURES[1:])) if textured else "plain",
        radius=max(radius, 0.13) if simple else radius,
        at=(across, down),
        heading=str(rng.choice(HEADINGS)) if not simple and rng.random() < 0.2 else "",
        turn=float(rng.uniform(0, 2 * np.pi)) if rng.random() < 0.5 else 0.0,
    )


def _apart(one: DrawnShape, other: DrawnShape, size: Size) -> bool:
    away = np.hypot((one.at[0] - other.at[0]) * size[0] / size[1], one.at[1] - other.at[1])
    return bool(away > 0.75 * (one.radius + other.radius))

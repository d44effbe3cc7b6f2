"""Paint drawn scenes: backgrounds, and shapes with their textures and trails."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt

from ...media.types import Floats
from .film import BLUE, GREEN, ORANGE, RED, VIOLET, WHITE, YELLOW, Colour, Landscape, Size

Points: TypeAlias = npt.NDArray[np.float64]

COLOURS: Final[dict[str, Colour]] = {
    "red": RED,
    "green": GREEN,
    "blue": BLUE,
    "yellow": YELLOW,
    "orange": ORANGE,
    "violet": VIOLET,
    "white": WHITE,
    "black": (26, 24, 24),
    "pink": (196, 158, 250),
    "brown": (38, 66, 112),
}
_STEPS = {"left": (-1, 0), "right": (1, 0), "up": (0, -1), "down": (0, 1)}
_POLYGONS = {
    "circle": (40, 0.0, 1.0),
    "ring": (40, 0.0, 1.0),
    "square": (4, np.pi / 4, 1.0),
    "triangle": (3, -np.pi / 2, 1.0),
    "star": (10, -np.pi / 2, 0.42),
}
"""Corners, the angle of the first, and the radius of every second one."""


@dataclass(frozen=True)
class DrawnShape:
    """A shape. The centre is in picture widths and heights, the radius in heights; a heading adds a trail."""

    colour: str
    shape: str
    texture: str = "plain"
    radius: float = 0.2
    at: tuple[float, float] = (0.5, 0.5)
    heading: str = ""
    turn: float = 0.0


def paint_ground(
    ground: str, things: Sequence[DrawnShape], size: Size, rng: np.random.Generator, lands: Sequence[Landscape]
) -> tuple[Floats, Landscape | None]:
    """Paint the background, and return it with the landscape whose hill may hide some things."""
    import cv2

    if ground == "landscape":
        land = _cropped(lands[int(rng.integers(len(lands)))], size, rng)
        return land.far.astype(np.float32), land
    colours = np.asarray([COLOURS[thing.colour] for thing in things], np.float32).reshape(-1, 3)
    corners = [_backdrop(rng, colours) for _ in range(4)]
    if ground == "plain":
        flat = rng.random() < 0.5
        grid = np.asarray([corners[0]] * 4 if flat else corners, np.float32).reshape(2, 2, 3)
        return np.asarray(cv2.resize(grid, size, interpolation=cv2.INTER_LINEAR), np.float32), None
    cells = int(rng.integers(3, 12))
    shades = rng.random((cells, max(2, round(cells * size[0] / size[1])), 1)).astype(np.float32)
    if rng.random() < 0.5:
        shades = np.round(shades)
    interpolation = int(rng.choice((cv2.INTER_NEAREST, cv2.INTER_CUBIC)))
    mixed = np.asarray(cv2.resize(shades, size, interpolation=interpolation), np.float32)[:, :, None]
    return np.asarray(corners[0] + (corners[1] - corners[0]) * mixed, np.float32), None


def _backdrop(rng: np.random.Generator, colours: Floats) -> Floats:
    """Return a colour unlike that of any thing; muted ones are more frequent, as in films."""
    while True:
        shade = rng.uniform(10, 245)
        colour = np.clip(shade + rng.normal(0, 40 if rng.random() < 0.7 else 90, 3), 0, 255).astype(np.float32)
        if not len(colours) or float(np.linalg.norm(colours - colour, axis=1).min()) > 85:
            return colour


def _cropped(land: Landscape, size: Size, rng: np.random.Generator) -> Landscape:
    import cv2

    height, width = land.cover.shape
    wide, tall = (int(side * rng.uniform(0.75, 1)) for side in (width, height))
    left, top = int(rng.integers(width - wide + 1)), int(rng.integers(height - tall + 1))
    cut = np.s_[top : top + tall, left : left + wide]
    parts = (cv2.resize(part[cut], size, interpolation=cv2.INTER_AREA) for part in (land.far, land.near, land.cover))
    return Landscape(*(np.asarray(part, np.uint8) for part in parts))


def hide(picture: Floats, covers: list[Floats], hill: Landscape) -> None:
    """Paint the hill over the picture, and reduce what it covers."""
    share = hill.cover[:, :, None].astype(np.float32) / 255
    picture += (hill.near - picture) * share
    covers[:] = [np.asarray(cover * (1 - share[:, :, 0]), np.float32) for cover in covers]


def paint_thing(picture: Floats, thing: DrawnShape, size: Size, rng: np.random.Generator) -> tuple[Floats, float]:
    """Paint a thing. Return the share of each pixel that it covers, and its area in pixels."""
    radius = thing.radius * size[1]
    centre = np.asarray(thing.at) * size
    colour = np.asarray(COLOURS[thing.colour]) * rng.uniform(0.88, 1.1) + rng.normal(0, 7, 3)
    outline = _outline(thing)
    if thing.heading:
        step = np.asarray(_STEPS[thing.heading]) * radius
        for back in (2.4, 2.0, 1.6, 1.2, 0.8, 0.4):
            trail = _mask(outline, centre - step * back, radius * (1 - back * 0.12), size)
            _paint(picture, colour, trail * np.float32(0.5 - back * 0.17))
    cover = _mask(outline, centre, radius, size)
    _paint(picture, colour, cover)
    if thing.texture != "plain":
        other = colour * 0.25 if colour.sum() > 420 or rng.random() < 0.3 else colour * 0.25 + 190
        _paint(picture, other, cover * _pattern(thing.texture, centre, radius, size, rng))
    elif rng.random() < 0.5:
        # Like the actors of the film: a darker rim and a highlight.
        _paint(picture, colour * 0.72, cover)
        _paint(picture, colour, _mask(outline, centre, radius * 0.91, size))
        _paint(picture, colour * 1.18 + 14, _mask(outline, centre - 0.19 * radius, radius * 0.42, size) * cover)
    return cover, _area(outline) * radius**2


def _paint(picture: Floats, colour: Points, share: Floats) -> None:
    picture += (np.clip(colour, 0, 255).astype(np.float32) - picture) * share[:, :, None]


def _outline(thing: DrawnShape) -> list[Points]:
    """Return the polygon of a shape of radius 1; a second one is cut out of it."""
    if thing.shape == "cross":
        half = 0.3
        plus = np.asarray([(-half, -1), (half, -1), (half, -half), (1, -half), (1, half), (half, half)])
        cos, sin = np.cos(thing.turn), np.sin(thing.turn)
        return [np.concatenate([plus, -plus]) @ np.asarray([(cos, sin), (-sin, cos)])]
    corners, start, notch = _POLYGONS[thing.shape]
    turns = start + thing.turn + 2 * np.pi * np.arange(corners) / corners
    reach = np.where(np.arange(corners) % 2 == 0, 1.0, notch)
    outline = np.stack([np.cos(turns), np.sin(turns)], 1) * reach[:, None]
    return [outline, outline * 0.55] if thing.shape == "ring" else [outline]


def _area(outline: list[Points]) -> float:
    import cv2

    parts = [float(cv2.contourArea(part.astype(np.float32))) for part in outline]
    return parts[0] - sum(parts[1:])


def _mask(outline: list[Points], centre: Points, radius: float, size: Size) -> Floats:
    import cv2

    mask = np.zeros((size[1], size[0]), np.uint8)
    for part, value in zip(outline, (255, 0), strict=False):
        points = np.round((centre + part * radius) * 16).astype(np.int32)
        cv2.fillPoly(mask, [points], value, cv2.LINE_AA, 4)
    return np.asarray(mask / np.float32(255), np.float32)


def _pattern(texture: str, centre: Points, radius: float, size: Size, rng: np.random.Generator) -> Floats:
    """Return where the second colour of a texture is."""
    y, x = np.mgrid[: size[1], : size[0]].astype(np.float32)
    turn = rng.uniform(0, np.pi)
    u = ((x - centre[0]) * np.cos(turn) + (y - centre[1]) * np.sin(turn)) / radius
    v = ((y - centre[1]) * np.cos(turn) - (x - centre[0]) * np.sin(turn)) / radius
    fine = rng.uniform(1.3, 1.9)
    if texture == "striped":
        return np.asarray(np.floor(u * fine * 1.3) % 2, np.float32)
    if texture == "checked":
        return np.asarray((np.floor(u * fine) + np.floor(v * fine)) % 2, np.float32)
    away = np.hypot((u * fine * 1.1) % 1 - 0.5, (v * fine * 1.1) % 1 - 0.5)
    return np.asarray(np.clip((0.33 - away) * radius / fine + 0.5, 0, 1), np.float32)

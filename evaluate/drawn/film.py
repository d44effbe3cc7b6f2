"""Draw the demo film, whose content is known, and foreign pictures."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Literal, TypeAlias

import numpy as np

from ...errors import UsageError
from ...media.types import Floats, Picture, SourceInfo
from ...progress import SilentProgress
from ...render.encode import Encoding, check_output, encode
from ...render.frame_layout import pictures_layout

Colour: TypeAlias = tuple[int, int, int]
Size: TypeAlias = tuple[int, int]

RED, BLUE, YELLOW = (48, 44, 214), (196, 98, 38), (60, 204, 246)
GREEN, WHITE, VIOLET, ORANGE = (92, 158, 52), (240, 240, 240), (160, 62, 128), (36, 128, 242)

_NAMES = {
    RED: "red",
    BLUE: "blue",
    YELLOW: "yellow",
    GREEN: "green",
    WHITE: "white",
    VIOLET: "violet",
    ORANGE: "orange",
}
_CORNERS = {"circle": 48, "square": 4, "triangle": 3}
_SUBPIXEL = 4
"""Bits of a pixel that OpenCV draws shapes at, so that slow motion is smooth."""
_FAR_PACE = 0.006
"""Picture widths per frame that the background moves by."""
_NEAR_PACE = 0.0095
"""The same for the hill, which is nearer."""


@dataclass(frozen=True)
class Actor:
    """A coloured shape on a Bézier path of four points (in picture widths and heights), from `start` to `end`."""

    shape: Literal["circle", "square", "triangle"]
    colour: Colour
    radius: float
    start: float
    end: float
    path: tuple[tuple[float, float], ...]
    spin: float
    behind_hill: bool

    @property
    def name(self) -> str:
        return f"{_NAMES[self.colour]} {self.shape}"


_CAST = (
    Actor("triangle", YELLOW, 0.10, -0.10, 0.62, ((-0.2, 0.30), (0.3, 0.05), (0.6, 0.55), (1.2, 0.25)), 1.1, True),
    Actor("circle", WHITE, 0.055, 0.20, 1.10, ((1.2, 0.12), (0.8, 0.30), (0.4, 0.05), (-0.2, 0.20)), 0.0, True),
    Actor("square", BLUE, 0.105, -0.25, 0.85, ((0.1, 0.95), (0.5, 0.10), (0.7, 0.40), (1.2, 0.60)), -1.7, True),
    Actor("circle", RED, 0.135, 0.12, 1.05, ((-0.2, 0.62), (0.2, 0.10), (0.9, 0.55), (0.75, 0.30)), 0.0, True),
    Actor("triangle", VIOLET, 0.12, 0.35, 1.25, ((1.2, 0.75), (0.7, 0.45), (0.5, 0.85), (-0.1, 0.45)), -2.3, True),
    Actor("square", ORANGE, 0.07, 0.45, 1.20, ((-0.2, 0.50), (0.3, 0.75), (0.6, 0.25), (1.1, 0.80)), 2.9, False),
    Actor("circle", GREEN, 0.075, -0.20, 0.75, ((0.95, 0.95), (0.7, 0.55), (0.2, 0.95), (-0.2, 0.70)), 0.0, False),
)


def draw_film(path: Path, frames: int = 120, size: Size = (640, 360), fps: float = 25, seed: int = 0) -> Path:
    """Write a film of shapes that move over a landscape under a panning camera; no two frames are alike.

    Raises:
        UsageError: There are no frames, or they are too small.
    """
    if frames < 1 or min(size) < 16:
        raise UsageError("A film needs at least one frame of at least 16 x 16 pixels.")
    rate = Fraction(fps).limit_denominator(1001)
    return encode_pictures(film_frames(frames, size, seed), frames, path, rate, size)


def encode_pictures(
    pictures: Iterable[Picture], count: int, path: Path, rate: Fraction, size: tuple[int, int], crf: int = 18
) -> Path:
    """Write pictures of one size as a film; crf 0 is lossless."""
    layout = pictures_layout(SourceInfo("pictures", *size, rate, "bgr24", count, has_audio=False), lossless=False)
    with closing(layout.padded(picture.tobytes()) for picture in pictures) as frames:
        encoding = Encoding(crf, lossless=crf == 0)
        encode(frames, count, layout, check_output(path), encoding, rate, SilentProgress())
    return path


@dataclass(frozen=True)
class Landscape:
    """A landscape without actors: the background, the hill in front of it, and where the hill covers."""

    far: Picture
    near: Picture
    cover: Picture


def draw_land(size: Size, seed: int) -> Landscape:
    """Draw a landscape in the style of the film."""
    rng = np.random.default_rng([seed, 2])
    far = _far_land(rng, size, 0.0)
    near, cover = _near_hill(rng, size, 0.0)
    t = float(rng.random())
    return Landscape(*(_view(part, size, t) for part in (far, near, cover)))


def film_frames(frames: int, size: Size, seed: int = 0) -> Iterator[Picture]:
    """Draw the pictures of the demo film one by one."""
    far, near, cover, cast = _draw_world(frames, size, seed)
    for t in _times(frames):
        picture = _view(far, size, t)
        _draw_all(picture, [a for a in cast if a.behind_hill], t)
        alpha = _view(cover, size, t)[:, :, None].astype(np.uint16)
        picture[:] = (picture * (255 - alpha) + _view(near, size, t) * alpha + 127) // 255
        _draw_all(picture, [a for a in cast if not a.behind_hill], t)
        yield picture


def film_shown(frames: int, size: Size, seed: int = 0) -> list[dict[str, float]]:
    """Return for each frame of the film how much of each actor (`red circle`) is visible, 0 to 1."""
    _, _, cover, cast = _draw_world(frames, size, seed)
    visible = []
    for t in _times(frames):
        marked = np.zeros((size[1], size[0]), np.uint8)
        marks = {actor.name: number for number, actor in enumerate(cast, 1)}
        _mark_all(marked, [a for a in cast if a.behind_hill], marks, t)
        marked[_view(cover, size, t) > 127] = 0
        _mark_all(marked, [a for a in cast if not a.behind_hill], marks, t)
        seen = np.bincount(marked.ravel(), minlength=len(cast) + 1)
        visible.append({a.name: min(1.0, float(seen[marks[a.name]] / _pixels(a, size))) for a in cast})
    return visible


def _times(frames: int) -> Iterator[float]:
    return (number / max(1, frames - 1) for number in range(frames))


def _draw_world(frames: int, size: Size, seed: int) -> tuple[Picture, Picture, Picture, list[Actor]]:
    """Draw what a film consists of: the background, the hill in front of it and its cover, and the actors."""
    rng = np.random.default_rng(seed)
    # A long film pans further, so that neighbours stay apart, but no further than textures are cheap to draw.
    span = min(max(frames, 30), 600)
    far = _far_land(rng, size, _FAR_PACE * span)
    near, cover = _near_hill(rng, size, _NEAR_PACE * span)
    return far, near, cover, [_varied(actor, rng) for actor in _CAST]


def draw_foreign(count: int, size: Size, seed: int = 0) -> Iterator[Picture]:
    """Draw pictures unlike the film and unlike one another: no two share both pattern and colours."""
    patterns: list[Callable[[np.random.Generator, Size], Floats]] = [_page, _rings, _cells, _weave, _dots, _marble]
    rng = np.random.default_rng([seed, 1])
    for number in range(count):
        shades = patterns[number % len(patterns)](rng, size)
        yield _coloured(shades, number + int(rng.integers(3)), rng)


def _varied(actor: Actor, rng: np.random.Generator) -> Actor:
    path = np.asarray(actor.path) + rng.normal(0, 0.03, (4, 2))
    return replace(actor, path=tuple((float(x), float(y)) for x, y in path))


def _clouds(rng: np.random.Generator, height: int, width: int, coarse: float, octaves: int = 5) -> Floats:
    """Return fractal noise in 0..1 whose largest blobs measure `coarse` picture heights."""
    import cv2

    total = np.zeros((height, width), np.float32)
    for octave in range(octaves):
        cell = max(2.0, height * coarse / 2**octave)
        grid = rng.random((max(2, round(height / cell) + 1), max(2, round(width / cell) + 1)), np.float32)
        total += cv2.resize(grid, (width, height), interpolation=cv2.INTER_CUBIC) / np.float32(2**octave)
    low, high = float(total.min()), float(total.max())
    return np.asarray((total - low) / (high - low), np.float32)


def _swirled(shades: Floats, rng: np.random.Generator) -> Floats:
    """Distort the shades, which hides the upright grid of the noise."""
    import cv2

    height, width = shades.shape
    y, x = np.mgrid[:height, :width].astype(np.float32)
    push = height * 0.35
    x += (_clouds(rng, height, width, 0.4, 3) - 0.5) * push + y * 0.4
    y += (_clouds(rng, height, width, 0.4, 3) - 0.5) * push
    return np.asarray(cv2.remap(shades, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT), np.float32)


def _ridge(rng: np.random.Generator, width: int, height: int, top: float, depth: float, coarse: float) -> Floats:
    """Return for each pixel how far it lies below a skyline, in pixels (negative: above it)."""
    line = _clouds(rng, height, width, coarse)[height // 2] * depth + top
    return np.asarray(np.arange(height, dtype=np.float32)[:, None] - line * height, np.float32)


def _blend(picture: Floats, colour: Floats | Colour, share: Floats) -> None:
    picture += (np.asarray(colour, np.float32) - picture) * share[:, :, None]


def _far_land(rng: np.random.Generator, size: Size, travel: float) -> Picture:
    """Draw an evening sky with clouds and sun, and three ridges of mountains that fade into the haze."""
    width, height = round(size[0] * (1.15 + travel)), round(size[1] * 1.15)
    down = np.linspace(0, 1, height, dtype=np.float32)[:, None]
    picture = np.empty((height, width, 3), np.float32)
    for channel, stops in enumerate(((176, 196, 150), (118, 170, 196), (70, 150, 240))):
        picture[:, :, channel] = np.interp(down, (0, 0.45, 0.8), stops)
    clouds = _swirled(_clouds(rng, height, width, 0.5) * _clouds(rng, height, width, 0.9, 3), rng)
    _blend(picture, (214, 220, 250), np.clip(clouds * 2.6 - 0.55, 0, 0.85))
    x, y = _grid((width, height))
    glow = np.hypot(x - width / height * 0.55, y - 0.42)
    _blend(picture, (200, 235, 255), np.asarray(np.exp(-((glow / 0.16) ** 2)) * 0.8, np.float32))
    for top, depth, coarse, colour in (
        (0.36, 0.26, 0.5, (168, 140, 128)),
        (0.48, 0.24, 0.35, (132, 106, 84)),
        (0.60, 0.20, 0.3, (94, 88, 56)),
    ):
        under = _ridge(rng, width, height, top, depth, coarse)
        shade = _clouds(rng, height, width, 0.16) * 0.55 + 0.7
        rock = np.asarray(colour, np.float32) * shade[:, :, None] + np.clip(under, 0, None)[:, :, None] * (60 / height)
        _blend(picture, rock, np.clip(under + 0.5, 0, 1))
    return np.clip(picture, 0, 255).astype(np.uint8)


def _near_hill(rng: np.random.Generator, size: Size, travel: float) -> tuple[Picture, Picture]:
    """Draw the nearest meadow and its cover (0 shows what is behind)."""
    width, height = round(size[0] * (1.15 + travel)), round(size[1] * 1.15)
    under = _ridge(rng, width, height, 0.68, 0.24, 0.9)
    fine = _clouds(rng, height * 2, width, 0.05)[::2]
    grass = np.asarray(_clouds(rng, height, width, 0.12) * 0.6 + fine * 0.5 + 0.35, np.float32)[:, :, None]
    picture = np.asarray((62, 128, 96) * grass + np.clip(20 - under, 0, 20)[:, :, None] * 1.2, np.float32)
    leaves = np.asarray(_forest(rng, under) / 255, np.float32)
    _blend(picture, np.asarray((44, 74, 30) * grass, np.float32), leaves)
    cover = np.maximum(np.clip(under + 0.5, 0, 1), leaves)
    return np.clip(picture, 0, 255).astype(np.uint8), np.rint(cover * 255).astype(np.uint8)


def _forest(rng: np.random.Generator, under: Floats) -> Picture:
    """Draw a mask of firs of many sizes on the skyline, singly and in groups."""
    height, width = under.shape
    mask = np.zeros((height, width), np.uint8)
    for x in np.cumsum(rng.uniform(0.03, 0.35, int(width / height * 8))) * height:
        if x < width - 1:
            foot = int(np.argmax(under[:, int(x)] > 0)) + height * 0.02
            _tree(mask, float(x), foot, height * float(rng.uniform(0.07, 0.17)))
    return mask


def _tree(mask: Picture, x: float, foot: float, tall: float) -> None:
    for low, high, half in ((0.1, 0.6, 0.26), (0.35, 0.8, 0.2), (0.6, 1.0, 0.13), (0.0, 0.12, 0.03)):
        corners = [(x - half * tall, foot - low * tall), (x, foot - high * tall), (x + half * tall, foot - low * tall)]
        _fill(mask, np.asarray(corners), 255)


def _view(world: Picture, size: Size, t: float) -> Picture:
    """Return the view of the camera at `t` in 0..1: it pans across the world, moves down a little and zooms in."""
    import cv2

    width, height = size
    zoom = 1.0 - 0.1 * t
    room = world.shape[1] - width, world.shape[0] - height
    left = room[0] * (0.8 * t + 0.2 * t * t) * (1 - 0.02 * zoom)
    top = room[1] * (0.35 + 0.5 * t * (1 - 0.4 * t))
    move = np.asarray([[zoom, 0, left], [0, zoom, top]], np.float32)
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return np.asarray(cv2.warpAffine(world, move, size, flags=flags, borderMode=cv2.BORDER_REPLICATE), np.uint8)


def _placed(cast: list[Actor], size: Size, t: float) -> Iterator[tuple[Actor, Floats, float, float]]:
    """Yield the actors present at `t`, each with its centre and radius in pixels, and its angle."""
    for actor in cast:
        life = (t - actor.start) / (actor.end - actor.start)
        if 0 <= life <= 1:
            weights = np.asarray([(1 - life) ** 3, 3 * life * (1 - life) ** 2, 3 * life**2 * (1 - life), life**3])
            yield actor, weights @ np.asarray(actor.path) * size, actor.radius * size[1], actor.spin * life


def _draw_all(picture: Picture, cast: list[Actor], t: float) -> None:
    for actor, centre, radius, angle in _placed(cast, (picture.shape[1], picture.shape[0]), t):
        _draw(picture, actor, centre, radius, angle)


def _mark_all(marked: Picture, cast: list[Actor], marks: dict[str, int], t: float) -> None:
    """Mark the pixels of each actor with its number, without antialiasing, which would blend numbers."""
    import cv2

    for actor, centre, radius, angle in _placed(cast, (marked.shape[1], marked.shape[0]), t):
        points = np.round(centre + _outline(actor, angle) * radius).astype(np.int32)
        cv2.fillConvexPoly(marked, points, marks[actor.name], cv2.LINE_8)


def _outline(actor: Actor, angle: float) -> Floats:
    corners = _CORNERS[actor.shape]
    turns = angle + 2 * np.pi * np.arange(corners) / corners
    return np.stack([np.cos(turns), np.sin(turns)], 1)


def _pixels(actor: Actor, size: Size) -> float:
    """Return the area of an actor that is fully visible, in pixels."""
    corners = _CORNERS[actor.shape]
    return float(corners / 2 * np.sin(2 * np.pi / corners) * (actor.radius * size[1]) ** 2)


def _draw(picture: Picture, actor: Actor, centre: np.ndarray, radius: float, angle: float) -> None:
    """Draw an actor with a darker rim and a highlight."""
    outline = _outline(actor, angle)
    light = np.asarray((-0.18, -0.2)) * radius
    for scale, shade, shift in ((1.0, 0.72, 0.0), (0.91, 1.0, 0.0), (0.42, 1.18, 1.0)):
        colour = tuple(float(min(255, part * shade + (shade > 1) * 14)) for part in actor.colour)
        _fill(picture, centre + light * shift + outline * (radius * scale), colour)


def _fill(picture: Picture, corners: np.ndarray, colour: float | tuple[float, ...]) -> None:
    import cv2

    points = np.round(corners * 2**_SUBPIXEL).astype(np.int32)
    cv2.fillConvexPoly(picture, points, colour, cv2.LINE_AA, _SUBPIXEL)


def _grid(size: Size) -> tuple[Floats, Floats]:
    """Return x and y of each pixel in picture heights."""
    width, height = size
    y, x = np.mgrid[:height, :width].astype(np.float32) / height
    return x, y


def _page(rng: np.random.Generator, size: Size) -> Floats:
    """Draw ragged lines of dark bars, like printed text."""
    width, height = size
    page = np.full((height, width), 0.92, np.float32)
    line = max(4, round(height * rng.uniform(0.045, 0.09)))
    for top in range(line, height - line, line * 2):
        x = width * 0.06
        while x < width * rng.uniform(0.7, 0.97):
            word = line * rng.uniform(0.8, 4.5)
            page[top : top + line, int(x) : int(min(x + word, width * 0.96))] = rng.uniform(0.05, 0.35)
            x += word + line * 0.7
    return page


def _rings(rng: np.random.Generator, size: Size) -> Floats:
    x, y = _grid(size)
    away = np.hypot(x - rng.uniform(0.2, 1.5), y - rng.uniform(0, 1))
    return np.asarray(0.5 + 0.5 * np.sin(away * rng.uniform(14, 45)) * (1 - 0.4 * away), np.float32)


def _cells(rng: np.random.Generator, size: Size) -> Floats:
    """Give each pixel the shade of the nearest of some random points."""
    x, y = _grid(size)
    best = np.full(x.shape, np.inf, np.float32)
    shades = np.zeros_like(best)
    for px, py, shade in rng.random((int(rng.integers(14, 40)), 3), np.float32):
        away = (x - px * size[0] / size[1]) ** 2 + (y - py) ** 2
        shades[away < best] = shade
        np.minimum(best, away, out=best)
    return shades


def _weave(rng: np.random.Generator, size: Size) -> Floats:
    x, y = _grid(size)
    turn, fine = rng.uniform(0, np.pi), rng.uniform(5, 18)
    across, down = x * np.cos(turn) + y * np.sin(turn), y * np.cos(turn) - x * np.sin(turn)
    board = (np.floor(across * fine) + np.floor(down * fine * rng.uniform(0.3, 1))) % 2
    return np.asarray(0.15 + 0.6 * board + 0.2 * y, np.float32)


def _dots(rng: np.random.Generator, size: Size) -> Floats:
    x, y = _grid(size)
    step = rng.uniform(0.06, 0.16)
    away = np.hypot((x + 0.5 * step * (np.floor(y / step) % 2)) % step - step / 2, y % step - step / 2) / step
    grow = 0.12 + 0.4 * (x * size[1] / size[0] if rng.random() < 0.5 else y)
    return np.asarray(np.clip((grow - away) * 20 + 0.5, 0.05, 0.95), np.float32)


def _marble(rng: np.random.Generator, size: Size) -> Floats:
    x, _ = _grid(size)
    clouds = _clouds(rng, size[1], size[0], float(rng.uniform(0.3, 0.9)))
    return np.asarray(0.5 + 0.5 * np.sin(x * rng.uniform(4, 12) + clouds * rng.uniform(8, 20)), np.float32)


def _coloured(shades: Floats, palette: int, rng: np.random.Generator) -> Picture:
    """Map shades to colours between a dark and a light one of distant hues."""
    import cv2

    hue = (palette * 37 + int(rng.integers(20))) % 180
    ends = np.asarray([[(hue, 170, 70), ((hue + int(rng.integers(50, 130))) % 180, 90, 245)]], np.uint8)
    dark, light = cv2.cvtColor(ends, cv2.COLOR_HSV2BGR)[0].astype(np.float32)
    return np.asarray(np.clip(dark + (light - dark) * shades[:, :, None], 0, 255), np.uint8)

"""Caption drawn pictures, in words and in codes that say of which pictures a caption is true.

The training of the small model uses these captions, and its tests and benches.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt

from reelweave.evaluate.drawn.painting import COLOURS, DrawnShape
from reelweave.evaluate.drawn.recall import CaptionSet, plain_text
from reelweave.evaluate.drawn.scenes import (
    GROUNDS,
    HEADINGS,
    MOST,
    SHAPES,
    TEXTURES,
    Scene,
    Style,
    draw_scene,
    random_scene,
)

Flags: TypeAlias = npt.NDArray[np.bool_]
Codes: TypeAlias = npt.NDArray[np.int8]

SIZES: Final = ("small", "big")
ATTRIBUTES: Final = ("colour", "shape", "texture", "size", "across", "down", "heading", "ground")

UNSAID = -1
"""The code of an attribute that a caption does not state."""
UNCLEAR = -2
"""The code of an attribute that a picture leaves open."""
ABSENT = -3
"""The code of an attribute that does not exist in a picture."""

_SMALL = 0.1
"""The largest radius of a small thing, in picture heights."""
_BIG = 0.2
"""The smallest radius of a big thing."""
_VISIBLE = 0.6
"""The visible share of a thing from which it can be named."""
_ABSENT_BELOW = 0.08
"""The share below which it counts as absent."""
_THIRDS = ((0.1, 0.28), (0.4, 0.6), (0.72, 0.9))
"""The coordinates that clearly lie in each third of a picture."""
_PICTURE_SIZES = ((256, 256), (320, 180), (320, 240))

_SYNONYMS: dict[str, tuple[str, ...]] = {
    "violet": ("violet", "violet", "purple"),
    "black": ("black", "black", "dark"),
    "circle": ("circle", "circle", "circle", "disc", "ball"),
    "square": ("square", "square", "square", "box"),
    "small": ("small", "small", "little"),
    "big": ("big", "big", "large"),
    "dotted": ("dotted", "dotted", "spotted"),
    "checked": ("checked", "checked", "chequered"),
}
_PLACES: dict[tuple[int, int], tuple[str, ...]] = {
    (0, UNSAID): ("on the left", "at the left", "to the left"),
    (2, UNSAID): ("on the right", "at the right", "to the right"),
    (UNSAID, 0): ("at the top", "at the top", "above"),
    (UNSAID, 2): ("at the bottom", "at the bottom", "below"),
    (1, 1): ("in the middle", "in the centre", "in the center"),
    (0, 0): ("at the top left", "in the top left corner"),
    (2, 0): ("at the top right", "in the top right corner"),
    (0, 2): ("at the bottom left", "in the bottom left corner"),
    (2, 2): ("at the bottom right", "in the bottom right corner"),
}
_MOVES = (
    ("moving left", "moving to the left"),
    ("moving right", "moving to the right"),
    ("moving up", "rising"),
    ("moving down", "falling"),
)
_GROUNDS = (
    ("on a plain background", "on a plain ground"),
    ("in a landscape", "over a landscape", "over hills"),
    ("on a pattern", "on a patterned background"),
)
_EMPTY = (("an empty picture", "a plain background"), ("a landscape", "mountains", "hills"), ("a pattern",))
_FRAMES = ("a picture of {}", "a photo of {}", "a drawing of {}", "a frame with {}", "{} in a film")

COLOUR, SHAPE, TEXTURE, SIZE, LEFT, DOWN, HEADING, GROUND = range(len(ATTRIBUTES))


@dataclass(frozen=True)
class SceneCodes:
    """The codes of each thing in a picture, and whether the thing is visible enough to be named."""

    codes: Codes
    sure: Flags


def coded(scene: Scene) -> SceneCodes:
    """Encode the attributes of each thing; a picture of nothing still has its background."""
    codes = np.full((MOST, len(ATTRIBUTES)), ABSENT, np.int8)
    sure = np.zeros(MOST, bool)
    for row, (thing, share) in enumerate(zip(scene.things, scene.shares, strict=True)):
        if share > _ABSENT_BELOW:
            codes[row], sure[row] = _code(thing, scene.ground), share > _VISIBLE
    if (codes == ABSENT).all():
        codes[0, GROUND], sure[0] = GROUNDS.index(scene.ground), True
    return SceneCodes(codes, sure)


def _code(thing: DrawnShape, ground: str) -> list[int]:
    return [
        list(COLOURS).index(thing.colour),
        SHAPES.index(thing.shape),
        TEXTURES.index(thing.texture),
        0 if thing.radius <= _SMALL else 1 if thing.radius >= _BIG else UNCLEAR,
        *(_third(coordinate) for coordinate in thing.at),
        HEADINGS.index(thing.heading) if thing.heading else ABSENT,
        GROUNDS.index(ground),
    ]


def _third(coordinate: float) -> int:
    """Return the third of the picture that a coordinate lies in; empty near the border of two thirds."""
    found = [number for number, (low, high) in enumerate(_THIRDS) if low <= coordinate <= high]
    return found[0] if found else 0 if coordinate < _THIRDS[0][0] else 2 if coordinate > _THIRDS[2][1] else UNCLEAR


@dataclass(frozen=True)
class Caption:
    """A sentence and the codes it states, for each of the up to two things it names."""

    text: str
    codes: Codes


def plain_caption(colour: str, shape: str) -> Caption:
    """Return the plainest caption, such as "a red circle"."""
    codes = np.full((2, len(ATTRIBUTES)), UNSAID, np.int8)
    codes[0, COLOUR], codes[0, SHAPE] = list(COLOURS).index(colour), SHAPES.index(shape)
    return Caption(plain_text(colour, shape), codes)


def random_caption(scene: SceneCodes, rng: np.random.Generator, plain: bool = False) -> Caption | None:
    """Return a true caption of a picture, or None where nothing in it is visible enough."""
    named = np.flatnonzero(scene.sure)
    if not len(named):
        return None
    if scene.codes[named[0], SHAPE] == ABSENT:
        return _ground_caption(int(scene.codes[named[0], GROUND]), rng)
    chosen = rng.permutation(named)[: 2 if not plain and rng.random() < 0.25 else 1]
    codes = np.full((2, len(ATTRIBUTES)), UNSAID, np.int8)
    parts = []
    for row, thing in enumerate(chosen):
        codes[row] = _stated(scene.codes[thing], rng, plain, len(chosen) > 1)
        parts.append(_words(codes[row], rng))
    text = " and ".join(parts)
    if not plain and rng.random() < 0.25:
        text = str(rng.choice(_FRAMES)).format(text)
    return Caption(text, codes)


def every_word() -> Iterator[str]:
    """Return every phrase that captions use, for tokenizers."""
    for listed in (COLOURS, SHAPES, TEXTURES, SIZES, _FRAMES, ("a an and something",)):
        yield from listed
    for synonyms in (*_SYNONYMS.values(), *_PLACES.values(), *_MOVES, *_GROUNDS, *_EMPTY):
        yield from synonyms


def _ground_caption(ground: int, rng: np.random.Generator) -> Caption:
    codes = np.full((2, len(ATTRIBUTES)), UNSAID, np.int8)
    codes[0, GROUND] = ground
    return Caption(str(rng.choice(_EMPTY[ground])), codes)


def _stated(codes: Codes, rng: np.random.Generator, plain: bool, short: bool) -> Codes:
    """Choose which attributes of a thing to state; fewer of two things, which keeps captions short."""
    stated = np.full(len(ATTRIBUTES), UNSAID, np.int8)
    is_stated = rng.random(len(ATTRIBUTES)) < (0.92, 0.94, 0.65, 0.3, 0.25, 0.25, 0.6, 0.08)
    if plain or not (is_stated[COLOUR] or is_stated[SHAPE]):
        is_stated[:] = False
        is_stated[[COLOUR, SHAPE]] = True
    if short:
        is_stated[[SIZE, LEFT, DOWN, GROUND]] = False
    if codes[TEXTURE] == 0:
        is_stated[TEXTURE] &= rng.random() < 0.12
    stated[is_stated] = codes[is_stated]
    stated[(stated == UNCLEAR) | (stated == ABSENT)] = UNSAID
    if (stated[LEFT], stated[DOWN]) not in _PLACES:
        stated[[LEFT, DOWN]] = (
            _nearest_place(codes) if plain is False and is_stated[LEFT] and not short else (UNSAID, UNSAID)
        )
    return stated


def _nearest_place(codes: Codes) -> tuple[int, int]:
    """Name a side, whether or not the thing is in its middle."""
    left, down = int(codes[LEFT]), int(codes[DOWN])
    for place in ((left, down), (left, UNSAID), (UNSAID, down)):
        if place in _PLACES and UNCLEAR not in place:
            return place
    return UNSAID, UNSAID


def _words(stated: Codes, rng: np.random.Generator) -> str:
    words = [
        _synonym(names[stated[attribute]], rng)
        for attribute, names in ((SIZE, SIZES), (TEXTURE, TEXTURES), (COLOUR, tuple(COLOURS)))
        if stated[attribute] != UNSAID
    ]
    if stated[SHAPE] == UNSAID:
        words = ["something", *words]
    else:
        words += [_synonym(SHAPES[stated[SHAPE]], rng)]
        words = [_article(words[0]), *words] if rng.random() < 0.85 else words
    tails: Sequence[Sequence[str]] = (
        _PLACES.get((int(stated[LEFT]), int(stated[DOWN])), ()),
        _MOVES[stated[HEADING]] if stated[HEADING] != UNSAID else (),
        _GROUNDS[stated[GROUND]] if stated[GROUND] != UNSAID else (),
    )
    return " ".join([*words, *(str(rng.choice(tail)) for tail in tails if tail)])


def _synonym(word: str, rng: np.random.Generator) -> str:
    return str(rng.choice(_SYNONYMS.get(word, (word,))))


def _article(word: str) -> str:
    return "an" if word[0] in "aeiou" else "a"


def captions_hold(captions: Codes, scenes: Codes, sure: Flags, lenient: bool = False) -> Flags:
    """Return whether each caption, of one or two things, is true of each picture; lenient includes what may be true."""
    each = np.broadcast_to(scenes[..., -1] != ABSENT if lenient else sure, (*captions.shape[:2], *sure.shape)).copy()
    for number in range(len(ATTRIBUTES)):
        stated = captions[:, :, None, None, number]
        if (stated == UNSAID).all():
            continue
        shown = scenes[None, None, :, :, number]
        each &= (stated == UNSAID) | (stated == shown) | (lenient & (shown == UNCLEAR))
    alone = each[:, 0].any(-1)
    if captions.shape[1] == 1:
        return np.asarray(alone)
    both = each[:, 0, :, :, None] & each[:, 1, :, None, :] & ~np.eye(scenes.shape[1], dtype=bool)
    return np.asarray(np.where((captions[:, 1] == UNSAID).all(-1)[:, None], alone, both.any((-1, -2))))


def is_true(caption: Caption, scene: SceneCodes, lenient: bool = False) -> bool:
    """Return whether one caption is true of one picture."""
    return bool(captions_hold(caption.codes[None], scene.codes[None], scene.sure[None], lenient)[0, 0])


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
    drawn = CaptionSet([], [])
    codes: list[SceneCodes] = []
    captions: list[Caption] = []
    while len(codes) < count:
        scene = random_scene(rng, _size(rng), style)
        caption = random_caption(coded(scene), rng)
        if caption and not _confused(coded(scene), caption, codes, captions):
            codes.append(coded(scene))
            captions.append(caption)
            drawn.texts.append(caption.text)
            drawn.pictures.append(scene.picture)
    return drawn


def _shows(caption: Caption, rng: np.random.Generator, style: Style) -> Scene:
    """Draw random scenes until the caption is true of one."""
    colour, shape = caption.text.split()[1:]
    while True:
        radius, at = float(rng.uniform(0.1, 0.3)), (float(rng.uniform(0.1, 0.9)), float(rng.uniform(0.15, 0.85)))
        ground = str(rng.choice(("plain", "landscape"))) if style.lands else "plain"
        scene = draw_scene([DrawnShape(colour, shape, radius=radius, at=at)], ground, _size(rng), rng, style.lands)
        if is_true(caption, coded(scene)):
            return scene


def _size(rng: np.random.Generator) -> tuple[int, int]:
    return _PICTURE_SIZES[int(rng.integers(len(_PICTURE_SIZES)))]


def _confused(scene: SceneCodes, caption: Caption, scenes: list[SceneCodes], captions: list[Caption]) -> bool:
    if not scenes:
        return False
    codes, sure = np.stack([s.codes for s in [*scenes, scene]]), np.stack([s.sure for s in [*scenes, scene]])
    captioned = np.stack([c.codes for c in [*captions, caption]])
    true = captions_hold(captioned, codes, sure, lenient=True)
    return bool(true[-1, :-1].any() or true[:-1, -1].any())

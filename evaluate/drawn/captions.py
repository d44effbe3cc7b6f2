"""Caption drawn pictures in words, and in codes that tell of which pictures a caption is true."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from .painting import COLOURS
from .scenes import ABSENT, ATTRIBUTES, HEADINGS, SHAPES, SIZES, TEXTURES, UNCLEAR, UNSAID, Codes, Scene

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
class Caption:
    """A sentence and the codes it states, for each of the up to two things it names."""

    text: str
    codes: Codes


def plain_caption(colour: str, shape: str) -> Caption:
    """Return the plainest caption, such as "a red circle"."""
    codes = np.full((2, len(ATTRIBUTES)), UNSAID, np.int8)
    codes[0, COLOUR], codes[0, SHAPE] = list(COLOURS).index(colour), SHAPES.index(shape)
    return Caption(f"{_article(colour)} {colour} {shape}", codes)


def random_caption(scene: Scene, rng: np.random.Generator, plain: bool = False) -> Caption | None:
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


assert len(_MOVES) == len(HEADINGS)

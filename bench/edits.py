"""Edit measured clips into films that are hard to tell from damaged ones, or in which damage is hard to find.

Most edits only choose other frames, and what was measured of them stays; some draw on the pictures of an undamaged
clip, and some damage it anew. All are the same in each run.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import TypeAlias

import cv2
import numpy as np
import numpy.typing as npt

from reelweave.evaluate.damage import KINDS, Damage, DamageRecord, damage_frames, plan_stretches
from reelweave.media.source import DecoderReport, open_source
from reelweave.repair.measures import FrameMeasures, halvings, measure_frame
from reelweave.repair.rules import runs_of
from repair import decoded, luma_of, small_layout

FPS = 25.0
LONGEST = 400
"""Frames of an edited film at most."""
DRAWN = 110
"""Frames of a film that is drawn on."""
DAMAGED, DAMAGED_WIDTH, DAMAGED_SHARE = 150, 480, 0.12
"""Frames of a film that is damaged anew, its width, and the share of its frames that is damaged."""
FEWEST = 60
"""Frames that a clip needs to be damaged."""
DAMAGED_SEED = 11
"""Not that of the bench, whose damage is another."""
UNSEEN = ("chroma", "rolling")
"""Kinds of damage that are not looked for: colour is not, and a rolling picture moves as a whole."""

Grey: TypeAlias = npt.NDArray[np.uint8]
Box: TypeAlias = tuple[slice, slice]


@dataclass(frozen=True)
class Clip:
    """The frames of a clip as measured, which of them are broken, and what the decoder reported."""

    video: Path
    name: str
    case: str
    measures: list[FrameMeasures]
    broken: list[bool]
    report: DecoderReport

    def playing(self, order: Sequence[int]) -> "Clip":
        """Play other frames, or these in another order; what the decoder reported stays behind."""
        frames = [replace(self.measures[at], index=place, time=place / FPS) for place, at in enumerate(order)]
        return replace(self, measures=frames, broken=[self.broken[at] for at in order], report=DecoderReport())

    def random(self, salt: int) -> np.random.Generator:
        return np.random.default_rng([len(self.measures), salt, *map(ord, self.name + self.case)])


Edit: TypeAlias = Callable[[Clip], Iterator[Clip]]


def as_it_is(clip: Clip) -> Iterator[Clip]:
    yield clip


def low_frame_rate(clip: Clip) -> Iterator[Clip]:
    for step in (2, 3):
        yield clip.playing(range(0, len(clip.measures), step))


def on_twos(clip: Clip) -> Iterator[Clip]:
    """Repeat each frame once or twice, as drawn films do."""
    for times in (2, 3):
        yield clip.playing(np.repeat(range(0, len(clip.measures), times), times)[:LONGEST].tolist())


def stills(clip: Clip) -> Iterator[Clip]:
    rng = clip.random(1)
    order = [at for at in range(0, len(clip.measures), 9) for _ in range(int(rng.integers(6, 25)))]
    yield clip.playing(order[:LONGEST])
    yield clip.playing([0] * 80)


def rests(clip: Clip) -> Iterator[Clip]:
    """Let what moves slow down, stand and start again slowly."""
    rng, speed, last = clip.random(2), [0.0], len(clip.measures) - 1
    while sum(speed) < last:
        slower = np.linspace(1, 0, int(rng.integers(2, 10)))
        speed += [1] * int(rng.integers(15, 40)) + slower.tolist()
        speed += [0] * int(rng.integers(6, 40)) + slower[::-1].tolist()
    order = np.minimum(last, np.cumsum(speed).astype(int))
    yield clip.playing(order[: min(LONGEST, int(np.searchsorted(order, last)))].tolist())


def fast_cuts(clip: Clip) -> Iterator[Clip]:
    """Cut from one place of the clip to another every few frames; damaged stretches stay whole."""
    rng, frames = clip.random(3), len(clip.measures)
    kept = [
        range(max(0, a - int(rng.integers(2, 25))), min(frames, b + int(rng.integers(2, 25)))) for a, b in hit(clip)
    ]
    order: list[int] = []
    while kept or len(order) < LONGEST / 2:
        order += kept.pop() if kept and rng.random() < 0.3 else []
        length = int(rng.integers(4, 30))
        start = int(rng.integers(0, max(1, frames - length)))
        shot = range(start, min(frames, start + length))
        order += [] if any(clip.broken[at] for at in shot) else shot
    yield clip.playing(order)


def stuck(clip: Clip) -> Iterator[Clip]:
    """Freeze in a damaged frame for a while, as decoders do; the film goes on where it would be by then."""
    rng, order, at = clip.random(4), [], 0
    for start, end in hit(clip):
        if start < at:
            continue
        shown, held = min(end - start, int(rng.integers(1, 5))), int(rng.integers(8, 45))
        order += [*range(at, start + shown), *[start + shown - 1] * held]
        at = max(end, min(start + shown + held, len(clip.measures) - 12))
    yield clip.playing([*order, *range(at, len(clip.measures))])


def hit(clip: Clip) -> list[tuple[int, int]]:
    return runs_of(np.asarray(clip.broken, bool))


def drawn_on(clip: Clip) -> Iterator[Clip]:
    """Draw captions, a lamp that blinks, a bar that passes, menus, a thing put down, flashes, a fade and black."""
    pictures, factor = pictures_of(clip)
    draw = Drawing(pictures, clip.random(5))
    for film in (draw.captions, draw.blinks, draw.passes, draw.menus, draw.stays, draw.flashes, draw.fades, draw.black):
        measures = [measure_frame(at, at / FPS, picture, factor) for at, picture in enumerate(film())]
        yield replace(clip, measures=measures, broken=[False] * len(measures), report=DecoderReport())


def pictures_of(clip: Clip) -> tuple[list[Grey], int]:
    """Return the first pictures as they are measured, and the factor by which they were shrunk."""
    source = open_source(clip.video)
    info = source.info()
    factor = halvings(info.width, info.height)
    short = -(-min(info.width, info.height) // factor) if factor > 1 else 0
    found: list[Grey] = []
    with closing(source.frames(short_side=short)) as frames:
        for frame in frames:
            found.append(np.asarray(cv2.cvtColor(frame.picture, cv2.COLOR_BGR2GRAY), np.uint8))
            if len(found) == DRAWN:
                break
    return found, factor


class Drawing:
    def __init__(self, pictures: list[Grey], rng: np.random.Generator) -> None:
        self._pictures, self._rng, self._count = pictures, rng, len(pictures)

    def _copies(self, still: bool = False) -> list[Grey]:
        return [(self._pictures[0] if still else one).copy() for one in self._pictures]

    def _box(self) -> Box:
        height, width = self._pictures[0].shape
        top, left = self._rng.uniform(0.1, 0.7) * height, self._rng.uniform(0.05, 0.6) * width
        tall, wide = self._rng.uniform(0.08, 0.25) * height, self._rng.uniform(0.1, 0.35) * width
        return slice(int(top), int(top + tall)), slice(int(left), int(left + wide))

    def captions(self) -> list[Grey]:
        film = self._copies()
        for start, end in ((15, 50), (70, self._count)):
            box, shade = self._box(), self._rng.choice((15, 235))
            for picture in film[start:end]:
                picture[box] = shade
        return film

    def blinks(self) -> list[Grey]:
        film, box = self._copies(), self._box()
        for at, picture in enumerate(film):
            if at // 6 % 2 and 10 < at < self._count - 5:
                picture[box] = np.minimum(255, picture[box].astype(int) + 70)
        return film

    def passes(self) -> list[Grey]:
        film, width = self._copies(), self._pictures[0].shape[1]
        speed, wide = width // int(self._rng.integers(14, 40)), int(width * self._rng.uniform(0.08, 0.3))
        for at, picture in enumerate(film[30:]):
            picture[:, max(0, speed * at - wide) : speed * at] //= 4
        return film

    def menus(self) -> list[Grey]:
        """Boxes that come and go on a still picture, every other one on the grid of macroblocks."""
        film, at = self._copies(still=True), 6
        while at < self._count - 10:
            length, (rows, columns) = int(self._rng.integers(5, 12)), self._box()
            if self._rng.random() < 0.5:
                rows = slice(rows.start // 16 * 16, rows.stop // 16 * 16 + 16)
            for picture in film[at : at + length]:
                picture[rows, columns] = self._rng.choice((30, 235))
            at += length + int(self._rng.integers(6, 18))
        return film

    def stays(self) -> list[Grey]:
        film, box = self._copies(still=True), self._box()
        for picture in film[40:]:
            picture[box] = picture[box].max() - picture[box]
        return film

    def flashes(self) -> list[Grey]:
        film = self._copies()
        for at in (20, 21, 50, 80, 81, 82):
            if at < self._count:
                brighter = film[at] * 1.3 + self._rng.integers(30, 130)
                film[at] = np.minimum(255, brighter).astype(np.uint8)
        return film

    def fades(self) -> list[Grey]:
        gain = np.interp(np.arange(self._count), [30, 42, 66, 78], [1, 0, 0, 1])
        return [(picture * one).astype(np.uint8) for picture, one in zip(self._copies(), gain, strict=True)]

    def black(self) -> list[Grey]:
        film = self._copies()
        return [np.zeros_like(picture) if 35 <= at < 60 else picture for at, picture in enumerate(film)]


def damaged_anew(clip: Clip) -> Iterator[Clip]:
    """Damage an undamaged clip in each way, with a severity that differs from clip to clip, without encoding it again.

    Encoding costs most of the time that damage takes.
    """
    layout = small_layout(clip.video, DAMAGED_WIDTH)
    factor = halvings(*layout.size)
    frames = list(islice(decoded(clip.video, layout), DAMAGED))
    if len(frames) < FEWEST:
        return
    for number, kind in enumerate(kind for kind in KINDS if kind not in UNSEEN):
        rng, record = clip.random(DAMAGED_SEED + number), DamageRecord()
        damage = Damage((kind,), DAMAGED_SHARE, {kind: int(rng.integers(1, 4))})
        seed = int(rng.integers(1 << 16))
        stretches = plan_stretches(len(frames), damage, seed)
        shown = damage_frames(iter(frames), stretches, damage, layout, seed, record)
        measures = [
            measure_frame(at, at / FPS, shrunk(luma_of(raw, layout), factor), factor) for at, raw in enumerate(shown)
        ]
        hit = record.hit.get(kind, set())
        broken = [at in hit for at in range(len(measures))]
        yield replace(clip, case=kind, measures=measures, broken=broken, report=DecoderReport())


def shrunk(luma: Grey, factor: int) -> Grey:
    size = -(-luma.shape[1] // factor), -(-luma.shape[0] // factor)
    return luma if factor == 1 else np.asarray(cv2.resize(luma, size, interpolation=cv2.INTER_AREA), np.uint8)


CLEAN_EDITS: tuple[Edit, ...] = (as_it_is, low_frame_rate, on_twos, stills, rests, fast_cuts, drawn_on, damaged_anew)
DAMAGED_EDITS: tuple[Edit, ...] = (as_it_is, low_frame_rate, rests, fast_cuts, stuck)

"""Damage a clip in its own order, and record which frames were damaged."""

from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np

from ..errors import UsageError
from ..media.ranges import shortened
from ..render.frame_layout import FrameLayout
from . import artefacts
from .artefacts import differs, flip_bytes, planes_of

_DRAWN = {
    "tears": artefacts.tears,
    "smear": artefacts.smear,
    "noise": artefacts.noise,
    "freeze": artefacts.freeze,
    "grey": artefacts.grey,
}
FLIPS = "flips"
KINDS = (*_DRAWN, FLIPS)

_LENGTHS = {"tears": (1, 4), "smear": (1, 12), "noise": (1, 4), "freeze": (8, 30), "grey": (1, 8), FLIPS: (12, 30)}
"""Shortest and longest stretch in frames: a freeze of a few is invisible, and flips last until a key frame."""
_SPARED = 6
"""Clean frames at least between two stretches, and at either end of the clip."""


@dataclass(frozen=True)
class Damage:
    """The kinds of damage, used in turn, and the share of the frames in damaged stretches."""

    kinds: tuple[str, ...] = ()
    share: float = 0.1

    @classmethod
    def parse(cls, text: str) -> Self:
        """Parse KIND[,KIND...][:SHARE], where `all` stands for every kind."""
        names, _, share = text.partition(":")
        kinds = KINDS if names == "all" else tuple(name for name in names.split(",") if name)
        try:
            damage = cls(kinds, float(share) if share else cls.share)
        except ValueError:
            damage = cls(kinds, -1)
        if not 0 < damage.share <= 0.5 or not kinds or not set(kinds) <= set(KINDS):
            raise UsageError(
                f"--damage {shortened(text)} is not valid.",
                f"Give all, or some of {','.join(KINDS)}, and if you like a share up to .5: tears,grey:0.1.",
            )
        return damage


NONE = Damage()


@dataclass(frozen=True)
class DamagedStretch:
    """A stretch of the clip with one kind of damage."""

    kind: str
    start: int
    length: int


def plan_stretches(frames: int, damage: Damage, seed: int) -> list[DamagedStretch]:
    """Place stretches of all kinds in turn at random, with clean frames between them; a short clip gets fewer."""
    rng = np.random.default_rng([seed, 4])
    stretches: list[DamagedStretch] = []
    free = np.zeros(frames, bool)
    free[_SPARED : frames - _SPARED] = True
    wanted = round(damage.share * frames) if damage.kinds else 0
    for turn in range(wanted):
        kind = damage.kinds[turn % len(damage.kinds)]
        length = min(int(rng.integers(*_LENGTHS[kind], endpoint=True)), max(1, frames // 4))
        starts = np.flatnonzero(np.convolve(~free, np.ones(length), "valid") == 0)
        if sum(stretch.length for stretch in stretches) >= wanted or not len(starts):
            break
        start = int(rng.choice(starts))
        stretches.append(DamagedStretch(kind, start, length))
        free[max(0, start - _SPARED) : start + length + _SPARED] = False
    return sorted(stretches, key=lambda stretch: stretch.start)


def damage_frames(
    frames: Iterator[bytes],
    stretches: Sequence[DamagedStretch],
    layout: FrameLayout,
    seed: int,
    hit: dict[str, set[int]],
) -> Generator[bytes, None, None]:
    """Damage the planned stretches; frames that visibly differ from the clean clip are added to `hit`."""
    place, before = 0, b""
    for stretch in stretches:
        while place < stretch.start:
            yield (before := next(frames))
            place += 1
        rng = np.random.default_rng([seed, 5, stretch.start])
        clean = (next(frames) for _ in range(stretch.length))
        for raw, is_hit in (_flips if stretch.kind == FLIPS else _drawn)(stretch, clean, before, layout, rng):
            if is_hit:
                hit.setdefault(stretch.kind, set()).add(place)
            yield raw
            place += 1
        before = raw
    yield from frames


def _flips(
    stretch: DamagedStretch, clean: Iterator[bytes], before: bytes, layout: FrameLayout, rng: np.random.Generator
) -> Iterator[tuple[bytes, bool]]:
    yield from zip(*flip_bytes(list(clean), layout, rng), strict=True)


def _drawn(
    stretch: DamagedStretch, clean: Iterator[bytes], before: bytes, layout: FrameLayout, rng: np.random.Generator
) -> Iterator[tuple[bytes, bool]]:
    broken = None
    for raw in clean:
        samples = bytearray(raw)
        planes = planes_of(samples, layout)
        # A freeze repeats the last clean picture; everything else starts with the first damaged one.
        broken = broken or _DRAWN[stretch.kind](planes_of(before, layout) if stretch.kind == "freeze" else planes, rng)
        broken(planes)
        is_hit = any(differs(a, b) for a, b in zip(planes, planes_of(raw, layout), strict=True))
        yield (bytes(samples), True) if is_hit else (raw, False)

"""Damage put into a clip in its own order, with the truth about which frames suffered it."""

from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np

from ..errors import UsageError
from ..ranges import shortened
from ..render.layout import Layout
from . import breakage
from .breakage import differs
from .flips import flipped
from .planes import planes_of

_DRAWN = {
    "tears": breakage.tears,
    "smear": breakage.smear,
    "noise": breakage.noise,
    "freeze": breakage.freeze,
    "grey": breakage.grey,
}
FLIPS = "flips"
KINDS = (*_DRAWN, FLIPS)

# How long each kind lasts, in frames: a freeze of a few is not seen, and flips stay until a key frame.
_LENGTHS = {"tears": (1, 4), "smear": (1, 12), "noise": (1, 4), "freeze": (8, 30), "grey": (1, 8), FLIPS: (12, 30)}
_SPARED = 6
"""Whole frames at least between two runs, and at either end of the clip."""


@dataclass(frozen=True)
class Damage:
    """Which kinds, in turn, and what share of the frames lies in a stretch that is hit."""

    kinds: tuple[str, ...] = ()
    share: float = 0.1

    @classmethod
    def asked(cls, text: str) -> Self:
        """Read KIND[,KIND...][:SHARE], where all stands for every kind."""
        names, _, share = text.partition(":")
        kinds = KINDS if names == "all" else tuple(name for name in names.split(",") if name)
        try:
            asked = cls(kinds, float(share) if share else cls.share)
        except ValueError:
            asked = cls(kinds, -1)
        if not 0 < asked.share <= 0.5 or not kinds or not set(kinds) <= set(KINDS):
            raise UsageError(
                f"--damage {shortened(text)} cannot be used.",
                f"Kinds are all or some of {','.join(KINDS)}; a share over 0 and up to .5 may follow: tears,grey:0.1.",
            )
        return asked


NONE = Damage()


@dataclass(frozen=True)
class Run:
    """A stretch of the clip that one kind of damage falls on."""

    kind: str
    start: int
    length: int


def plan_runs(frames: int, damage: Damage, seed: int) -> list[Run]:
    """Runs of all kinds in turn, at random places that leave whole frames between them; a short clip gets fewer."""
    rng = np.random.default_rng([seed, 4])
    runs: list[Run] = []
    free = np.zeros(frames, bool)
    free[_SPARED : frames - _SPARED] = True
    wanted = round(damage.share * frames) if damage.kinds else 0
    for turn in range(wanted):
        kind = damage.kinds[turn % len(damage.kinds)]
        length = min(int(rng.integers(*_LENGTHS[kind], endpoint=True)), max(1, frames // 4))
        starts = np.flatnonzero(np.convolve(~free, np.ones(length), "valid") == 0)
        if sum(run.length for run in runs) >= wanted or not len(starts):
            break
        start = int(rng.choice(starts))
        runs.append(Run(kind, start, length))
        free[max(0, start - _SPARED) : start + length + _SPARED] = False
    return sorted(runs, key=lambda run: run.start)


def damaged(
    frames: Iterator[bytes], runs: Sequence[Run], layout: Layout, seed: int, hit: dict[str, set[int]]
) -> Generator[bytes, None, None]:
    """The frames, broken where the runs say; those that visibly differ from the clean clip are added to `hit`."""
    place, before = 0, b""
    for run in runs:
        while place < run.start:
            yield (before := next(frames))
            place += 1
        rng = np.random.default_rng([seed, 5, run.start])
        clean = (next(frames) for _ in range(run.length))
        for raw, is_hit in (_flips if run.kind == FLIPS else _drawn)(run, clean, before, layout, rng):
            if is_hit:
                hit.setdefault(run.kind, set()).add(place)
            yield raw
            place += 1
        before = raw
    yield from frames


def _flips(
    run: Run, clean: Iterator[bytes], before: bytes, layout: Layout, rng: np.random.Generator
) -> Iterator[tuple[bytes, bool]]:
    yield from zip(*flipped(list(clean), layout, rng), strict=True)


def _drawn(
    run: Run, clean: Iterator[bytes], before: bytes, layout: Layout, rng: np.random.Generator
) -> Iterator[tuple[bytes, bool]]:
    broken = None
    for raw in clean:
        samples = bytearray(raw)
        planes = planes_of(samples, layout)
        # A frozen picture is the last whole one; everything else begins with the first that is hit.
        broken = broken or _DRAWN[run.kind](planes_of(before, layout) if run.kind == "freeze" else planes, rng)
        broken(planes)
        is_hit = any(differs(a, b) for a, b in zip(planes, planes_of(raw, layout), strict=True))
        yield (bytes(samples), True) if is_hit else (raw, False)

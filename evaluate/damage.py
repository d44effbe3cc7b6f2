"""Damage a clip in its own order, and record which frames were damaged."""

from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Self

import numpy as np

from ..errors import UsageError
from ..media.ranges import shortened
from ..render.frame_layout import FrameLayout
from . import analogue, artefacts, recorder
from .artefacts import Breaker, Planes, differs, planes_of
from .bitstream import Codec, SegmentLoss, flip_bytes, lose_segments
from .masks import packed, visible_mask

FLIPS = "flips"
BASIC = ("tears", "smear", "noise", "freeze", "grey", FLIPS)
_DRAWN: dict[str, Callable[[Planes, np.random.Generator, float], Breaker]] = {
    **{kind: getattr(artefacts, kind) for kind in BASIC if kind != FLIPS},
    **{kind: getattr(analogue, kind) for kind in ("sync", "rolling", "chroma", "dropouts", "tape", "fpv")},
    **{kind: getattr(recorder, kind) for kind in ("repeated", "torn", "green", "macroblocks")},
}
_CODECS: dict[str, Codec] = {"loss-h264": "h264", "loss-h265": "hevc"}
KINDS = (*BASIC, *(kind for kind in _DRAWN if kind not in BASIC), *_CODECS)
GROUPS = {
    "all": KINDS,
    "basic": BASIC,
    "analogue": ("sync", "rolling", "chroma", "dropouts", "tape", "fpv"),
    "dvr": ("freeze", "repeated", "torn", "green", "macroblocks"),
    "bitstream": (FLIPS, *_CODECS),
}
"""Names that stand for several kinds."""
_FROM_BEFORE = frozenset({"freeze", "torn"})
"""Kinds that show the last clean picture; everything else starts with the first damaged one."""

MEDIUM = 2
"""The severity of a kind that names none."""
_STRENGTHS = {1: 0.5, MEDIUM: 1.0, 3: 1.8}
"""Light, medium and heavy."""
# BSCV's own branches lie between light and heavy; medium is the one it is named for, in bytes.
_LOSSES = {
    1: SegmentLoss(1 / 16, 0.8, 1024),
    MEDIUM: SegmentLoss(1 / 16, 0.4, 2048),
    3: SegmentLoss(4 / 16, 0.2, 4096),
}

_LENGTHS = {
    **dict.fromkeys(("tears", "noise"), (1, 4)),
    "smear": (1, 12),
    "freeze": (8, 30),
    "grey": (1, 8),
    FLIPS: (12, 30),
    **dict.fromkeys(("sync", "rolling", "chroma", "dropouts", "tape", "fpv"), (2, 16)),
    "repeated": (10, 30),
    **dict.fromkeys(("torn", "green", "macroblocks"), (1, 12)),
    **dict.fromkeys(_CODECS, (16, 48)),
}
"""Shortest and longest stretch in frames: a freeze of a few is invisible, and flips last until a key frame."""
_SCALED = frozenset({"freeze", "repeated"})
"""Kinds whose severity is their length."""
_SPARED = 6
"""Clean frames at least between two stretches, and at either end of the clip."""


@dataclass(frozen=True)
class Damage:
    """The kinds of damage, used in turn, and the share of the frames in damaged stretches.

    Kinds that `severity` does not name have a medium one. `loss` takes the place of the severity where segments are
    lost.
    """

    kinds: tuple[str, ...] = ()
    share: float = 0.1
    severity: Mapping[str, int] = field(default_factory=dict)
    loss: SegmentLoss | None = None

    @classmethod
    def parse(cls, text: str, loss: str = "") -> Self:
        """Parse KIND[=SEVERITY][,KIND...][:SHARE] with the kinds of KINDS and the groups of GROUPS."""
        names, _, share = text.partition(":")
        parts = [part.partition("=") for part in names.split(",") if part]
        levels = [(name, level if given else str(MEDIUM)) for name, given, level in parts]
        kinds = [(kind, level) for name, level in levels for kind in GROUPS.get(name, (name,))]
        severity = {kind: int(level) for kind, level in kinds if level in map(str, _STRENGTHS) and level != str(MEDIUM)}
        damage = cls(tuple(kind for kind, _ in kinds), _share(share, cls.share), severity)
        is_clear = all(level == str(severity.get(kind, MEDIUM)) for kind, level in kinds)
        if not 0 < damage.share <= 0.5 or not kinds or not set(damage.kinds) <= set(KINDS) or not is_clear:
            raise UsageError(
                f"--damage {shortened(text)} is not valid.",
                f"Give some of {','.join((*GROUPS, *KINDS))}, each with a severity from 1 to 3 if you like, and a "
                "share up to .5: tears,grey=3:0.1.",
            )
        return cls(damage.kinds, damage.share, severity, SegmentLoss.parse(loss) if loss else None)

    def strength(self, kind: str) -> float:
        """Return the factor that scales a kind of damage."""
        return _STRENGTHS[self.severity.get(kind, MEDIUM)]

    def loss_of(self, kind: str) -> SegmentLoss:
        """Return how segments of the bit stream are lost."""
        return self.loss or _LOSSES[self.severity.get(kind, MEDIUM)]


def _share(text: str, default: float) -> float:
    """Read a share; -1 is none."""
    try:
        return float(text) if text else default
    except ValueError:
        return -1.0


NONE = Damage()


@dataclass
class DamageRecord:
    """What damage did to a clip: for each kind the slots that show it, and for each of these a packed mask."""

    hit: dict[str, set[int]] = field(default_factory=dict)
    masks: dict[int, bytes] = field(default_factory=dict)


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
        scale = damage.strength(kind) if kind in _SCALED else 1.0
        length = min(round(scale * int(rng.integers(*_LENGTHS[kind], endpoint=True))), max(1, frames // 4))
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
    damage: Damage,
    layout: FrameLayout,
    seed: int,
    record: DamageRecord,
) -> Generator[bytes, None, None]:
    """Damage the planned stretches; frames that visibly differ from the clean clip are added to `record`."""
    place, before = 0, b""
    for stretch in stretches:
        while place < stretch.start:
            yield (before := next(frames))
            place += 1
        rng = np.random.default_rng([seed, 5, stretch.start])
        clean = (next(frames) for _ in range(stretch.length))
        for raw, mask in _damaged(stretch, clean, before, damage, layout, rng):
            if mask is not None:
                record.hit.setdefault(stretch.kind, set()).add(place)
                record.masks[place] = mask
            yield raw
            place += 1
        before = raw
    yield from frames


def _damaged(
    stretch: DamagedStretch,
    clean: Iterator[bytes],
    before: bytes,
    damage: Damage,
    layout: FrameLayout,
    rng: np.random.Generator,
) -> Iterator[tuple[bytes, bytes | None]]:
    """Yield each frame of a stretch, and the packed mask of a frame that is visibly damaged."""
    if stretch.kind in _DRAWN:
        fault, strength = _DRAWN[stretch.kind], damage.strength(stretch.kind)

        def make(first: Planes) -> Breaker:
            return fault(first, rng, strength)

        yield from _drawn(make, clean, before if stretch.kind in _FROM_BEFORE else b"", layout)
        return
    given = list(clean)
    if stretch.kind == FLIPS:
        broken, intact = flip_bytes(given, layout, rng, damage.strength(FLIPS))
    else:
        broken, intact = lose_segments(given, layout, rng, _CODECS[stretch.kind], damage.loss_of(stretch.kind))
    for raw, bad, good in zip(given, broken, intact, strict=True):
        # What the encoder changed is not damage, and chroma alone is not seen.
        mask = _mask_of(bad, good, layout) if differs(*(planes_of(one, layout)[0] for one in (bad, good))) else None
        yield raw if mask is None else bad, mask


def _drawn(
    make: Callable[[Planes], Breaker], clean: Iterator[bytes], before: bytes, layout: FrameLayout
) -> Iterator[tuple[bytes, bytes | None]]:
    broken = None
    for raw in clean:
        samples = bytearray(raw)
        planes = planes_of(samples, layout)
        broken = broken or make(planes_of(before, layout) if before else planes)
        broken(planes)
        is_hit = any(differs(a, b) for a, b in zip(planes, planes_of(raw, layout), strict=True))
        yield (bytes(samples), _mask_of(bytes(samples), raw, layout)) if is_hit else (raw, None)


def _mask_of(broken: bytes, clean: bytes, layout: FrameLayout) -> bytes:
    return packed(visible_mask(planes_of(broken, layout), planes_of(clean, layout)))

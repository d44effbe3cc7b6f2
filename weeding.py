"""Broken frames of a film in order: which they are, what the order is without them, and where each belongs.

In a shuffled file a frame's neighbours mean nothing, so frames are judged along the order that was found. Broken
ones also spoil that order: where they end it, nothing lies on their other side. So whatever is loose is taken out,
put where it fits into the order of the rest, and judged there.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

import numpy as np

from .breakup.detector import Detector
from .breakup.evidence import Evidence
from .breakup.looks import Looks, kept_looks
from .breakup.verdict import CLEAN, Verdict
from .errors import SourceError
from .ingest.source import open_source
from .progress import Progress
from .solve.belong import Film, Stretch
from .solve.plan import Hole, Plan

Solve = Callable[[set[int]], Plan]
"""The plan of the film without some of its frames."""

_FROZEN = "frozen"
_VAGUE = "misfit"
_LEAP, _RISE, _AROUND = 4.0, 1.7, 15
_MOST_LOOSE = 0.3
"""The share of the frames that is taken out at most to be looked at again."""

_MOST_BROKEN = 0.5
"""The same for broken ones too: where most are, nothing tells what a whole one looks like."""


def weeded(plan: Plan, solve: Solve, judge: Detector, longest: int, spared: set[int], progress: Progress) -> Plan:
    """The plan without its broken frames, the holes they leave named; `spared` are frames that play in any case."""
    source = open_source(Path(plan.video.source), steady=True)
    with kept_looks(source, progress) as looks:
        _check(plan, looks)
        bed = _Bed(looks, judge, plan.video.fps, spared)
        along = bed.along(plan.order)
        first = bed.verdicts(along)
        sure = {frame for frame in bed.broken(first) if first[frame].kind != _VAGUE}
        out = bed.broken(first) | bed.loose(along, longest)
        odd = {one.frame for one in plan.dropped if one.reason in ("outlier", "foreign")} - spared
        if len(out) > _MOST_BROKEN * len(plan.order):
            progress.note(f"{len(out)} of {len(plan.order)} frames do not fit in: none is taken for broken.")
            return plan
        if not out | odd:
            return plan
        sown = bed.sown(solve(out) if out else plan, plan.order, out | odd)
        second = bed.verdicts(bed.along(sown.played))
        found = bed.broken(second) & (out | odd)
        broken = sure | {frame for frame in found if frame in out or second[frame].kind != _VAGUE}
        if not broken:
            return plan
        if broken != out:
            sown = bed.sown(solve(broken), plan.order, broken)
        done = _told(sown, {frame: max(w[frame].score for w in (first, second) if frame in w) for frame in broken})
    if lost := len(broken) - len(done.made):
        progress.note(f"Where {lost} of {len(broken)} broken frames belong cannot be told; the film is without them.")
    return done


def _check(plan: Plan, looks: Looks) -> None:
    if max((*plan.order, *(one.frame for one in plan.dropped)), default=0) >= len(looks):
        raise SourceError(
            f"{plan.video.source} decodes to {len(looks)} frames now, and to more when it was taken in.",
            "Reconstruct it without --repair, and repair the film by itself.",
        )


@dataclass(frozen=True)
class _Bed:
    looks: Looks
    judge: Detector
    fps: float
    spared: set[int]

    def along(self, order: Sequence[int]) -> Evidence:
        return self.looks.along(order, self.fps)

    def verdicts(self, evidence: Evidence) -> dict[int, Verdict]:
        """No freeze among them: an order by likeness lays still frames side by side, and every rest looks frozen."""
        return {one.frame: _thawed(one) for one in self.judge.judge(evidence)}

    def broken(self, verdicts: dict[int, Verdict]) -> set[int]:
        return {frame for frame, one in verdicts.items() if one.kind != CLEAN} - self.spared

    def loose(self, evidence: Evidence, longest: int) -> set[int]:
        """The stretches at both ends up to the first leap, where they are short: nothing lies on their other side.

        Those inside have had their verdict between both sides.
        """
        stretches = list(_between_leaps(evidence))
        ends = [frames for frames in (stretches[0], stretches[-1]) if len(frames) <= longest]
        found = {frame for frames in ends for frame in frames}
        return found - self.spared if len(found) <= _MOST_LOOSE * len(evidence.frames) else set()

    def sown(self, plan: Plan, lay: Sequence[int], out: set[int]) -> Plan:
        """The plan with all that is out of it where it belongs, as far as that can be told.

        Frames that did not even lie in the order may be foreign: they go only where one is lacking.
        """
        film = Film(plan.order, self.looks.picture)
        holes: dict[int, list[Stretch]] = {}
        stretches = [part for one in _stretches(lay, out) for part in self._coherent(one)]
        strays = [Stretch([frame]) for frame in sorted(out - set(lay))]
        for stretch in [*sorted(stretches, key=lambda one: -len(one.frames)), *strays]:
            join = film.place(stretch, only_lacking=stretch in strays)
            if join is not None:
                holes.setdefault(join, []).append(stretch)
        fill = [Hole(after=plan.order[k - 1] if k else None, frames=film.arranged(k, holes[k])) for k in sorted(holes)]
        return plan.model_copy(update={"fill": fill})

    def _coherent(self, stretch: Stretch) -> list[Stretch]:
        """A stretch cut where it leaps: what lay side by side by chance belongs to different places."""
        if len(stretch.frames) < 2:
            return [stretch]
        parts = list(_between_leaps(self.along(stretch.frames)))
        return [Stretch(frames, stretch.beside) for frames in parts]


def _thawed(one: Verdict) -> Verdict:
    return Verdict(one.frame, CLEAN, 0.0, one.evidence) if one.kind == _FROZEN else one


def _between_leaps(evidence: Evidence) -> Iterable[list[int]]:
    from scipy.ndimage import median_filter

    jump = evidence.of("jump")
    usual = np.asarray(median_filter(jump, size=2 * _AROUND + 1, mode="nearest"))
    leaps = np.cumsum(jump > np.maximum(_LEAP, _RISE * usual))
    pairs = zip(evidence.frames.tolist(), leaps.tolist(), strict=True)
    return [[frame for frame, _ in part] for _, part in groupby(pairs, key=lambda pair: pair[1])]


def _stretches(lay: Sequence[int], out: set[int]) -> Iterable[Stretch]:
    """The frames that are out, as they lay side by side, with the frames that stay next to them."""
    parts = [(key, list(part)) for key, part in groupby(lay, key=lambda frame: frame in out)]
    for number, (is_out, frames) in enumerate(parts):
        if is_out:
            before = parts[number - 1][1][-1:] if number else []
            after = parts[number + 1][1][:1] if number + 1 < len(parts) else []
            yield Stretch(frames, (*before, *after))


def _told(plan: Plan, broken: dict[int, float]) -> Plan:
    """The plan with broken frames named as such and nothing else filled."""
    fill = [Hole(after=hole.after, frames=[f for f in hole.frames if f in broken]) for hole in plan.fill]
    dropped = [
        one.model_copy(update={"reason": "broken", "score": round(broken[one.frame], 4)})
        if one.frame in broken
        else one
        for one in plan.dropped
    ]
    return plan.model_copy(update={"fill": [hole for hole in fill if hole.frames], "dropped": dropped})

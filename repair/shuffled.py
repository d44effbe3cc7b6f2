"""Remove broken frames from a plan, order the rest, and find where each belongs.

The neighbours of a frame in a shuffled file are unrelated, so frames are judged along the order that was found. Broken
frames also distort that order: at its ends they have no neighbour on one side. So every loose stretch is removed,
placed where it fits into the order of the rest, and judged there.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby, takewhile

import numpy as np

from ..errors import SourceError
from ..media.source import Source
from ..progress import Progress
from ..settings import BreakupSettings, Settings
from ..solve.plan.model import Hole, Plan
from .detector import Detector
from .evidence import FrameEvidence
from .frame_cache import FrameMeasureCache, cached_measures
from .misfit import is_jump
from .placement import INTACT, OrderedFrames, Stretch, steps_along
from .rules import all_signs
from .stretches import PATTERNS
from .verdict import CLEAN, Verdict

Solve = Callable[[set[int]], Plan]
"""Solve the film without some of its frames."""

_FROZEN = "frozen"
_UNSPECIFIC = "misfit"
_MOST_UNSPECIFIC = 12
"""Longest stretch that is called broken only because it fits neither of its sides. A longer one is more likely
to be in the wrong place.
"""
_AROUND = 15
"""Frames on either side whose median is the usual change."""
_MOST_LOOSE = 0.3
"""Bounds the share of frames that are removed to be judged again."""
_FEW = 6
"""Frames of the stretches that may be loose after the first: broken frames of several gaps gather at an end."""
_DOUBTED = (*PATTERNS, "blank")
"""The signs that show damage in a frame by itself, and so at a wrong place of the order, too."""
_MOST_BROKEN = 0.5
"""The same with broken frames included: where most are broken, nothing shows what a clean one looks like."""
_HELD = 0.5
"""The score of a frame that counts as broken only because of the frames beside it."""
_SHORTER = 0.99
"""The share of its length under which a new order takes the place of the old one. On the tuning half of
bench/clips.toml new orders of less than this were better in all 8 clips, and those between it and 1 worse in 2 of 4."""


def drop_broken(
    plan: Plan,
    source: Source,
    solve: Solve,
    judge: Detector,
    settings: Settings,
    spared: set[int],
    progress: Progress,
) -> Plan:
    """Remove the broken frames from a plan and name the gaps that they leave.

    Args:
        plan: The plan of a shuffled video.
        source: Its opened source.
        solve: Solves the video again without some frames.
        judge: The detector.
        settings: What the signs of damage are, and how long a loose stretch at the ends of the order may be.
        spared: Frames that are never removed.
        progress: Receives stages and notes.
    """
    with cached_measures(source.steady(), progress) as cache:
        _check(plan, cache)
        job = _ShuffledRepair(cache, judge, settings.breakup, plan.video.fps, spared)
        along = job.along(plan.order)
        first = job.verdicts(along)
        out = job.broken(first) | (loose_frames(along, settings.repair.longest) - spared) | job.doubted(along)
        unsure = {one.frame for one in plan.dropped if one.reason in ("outlier", "foreign")} - spared
        if len(out) > _MOST_BROKEN * len(plan.order):
            progress.note(f"{len(out)} of {len(plan.order)} frames do not fit in, so none is called broken.")
            return plan
        if not out | unsure:
            return plan
        placed = job.placed(solve(out) if out else plan, plan.order, out | unsure, job.broken(first))
        second = job.verdicts(job.along(placed.played))
        found = job.broken(second) & (out | unsure)
        broken = job.broken(first) | {frame for frame in found if frame in out or second[frame].kind != _UNSPECIFIC}
        if not broken:
            return plan
        placed = job.without(plan, solve, broken)
        verdicts = first, second, job.verdicts(job.along(placed.played))
        confirmed = confirmed_frames(broken, verdicts)
        if not confirmed:
            return plan
        if confirmed != broken:
            placed = job.without(plan, solve, confirmed)
        done = _marked(placed, {frame: max(w[frame].score for w in verdicts if frame in w) for frame in confirmed})
    if lost := len(confirmed) - len(done.made):
        progress.note(f"{lost} of {len(confirmed)} broken frames could not be placed; the film leaves them out.")
    return done


def _check(plan: Plan, cache: FrameMeasureCache) -> None:
    if max((*plan.order, *(one.frame for one in plan.dropped)), default=0) >= len(cache):
        raise SourceError(
            f"{plan.video.source} now decodes to {len(cache)} frames, fewer than at its ingest.",
            "Reconstruct it without --repair, then repair the film.",
        )


@dataclass(frozen=True)
class _ShuffledRepair:
    """Judge and place the frames of one shuffled video."""

    cache: FrameMeasureCache
    judge: Detector
    signs: BreakupSettings
    fps: float
    spared: set[int]

    def along(self, order: Sequence[int]) -> FrameEvidence:
        return self.cache.along(order, self.fps)

    def verdicts(self, evidence: FrameEvidence) -> dict[int, Verdict]:
        """Judge the frames, except for what the order alone may cause."""
        return {one.frame: one for one in believed(self.judge.judge(evidence))}

    def broken(self, verdicts: dict[int, Verdict]) -> set[int]:
        return {frame for frame, one in verdicts.items() if one.kind != CLEAN} - self.spared

    def doubted(self, evidence: FrameEvidence) -> set[int]:
        """Return the frames that look damaged by themselves: what is around them in the order may be wrong."""
        signs = all_signs(evidence, self.signs)
        rows = np.flatnonzero(np.max([signs[name] for name in _DOUBTED], axis=0) >= 1)
        found = set(evidence.frames[rows].tolist()) - self.spared
        return found if len(found) <= _MOST_LOOSE * len(evidence.frames) else set()

    def without(self, plan: Plan, solve: Solve, broken: set[int]) -> Plan:
        """Take broken frames out of a plan, and place them in the order of the rest."""
        return self.placed(self.shorter(plan.without(broken), solve(broken)), plan.order, broken, broken)

    def shorter(self, kept: Plan, again: Plan) -> Plan:
        """Return the new plan if its order clearly changes less from frame to frame, or plays different frames.

        Broken frames distort an order, but without them there are gaps that a search avoids to cross.
        """
        if {*kept.order} != {*again.order}:
            return again
        length = [float(steps_along(plan.order, self.cache.picture).sum()) for plan in (kept, again)]
        return again if length[1] < _SHORTER * length[0] else kept

    def placed(self, plan: Plan, original: Sequence[int], out: set[int], broken: set[int]) -> Plan:
        """Place the removed frames in the plan, as far as their places can be determined.

        Frames that were not in the order either may be foreign: they are placed only where a frame is missing. Those
        called broken are placed apart from the others, which find their places far better by themselves.
        """
        film = OrderedFrames(plan.order, self.cache.picture)
        holes: dict[int, list[Stretch]] = {}
        where: dict[int, int] = {}
        for stretch, whole in self._parts(original, out, broken):
            beside = next((where[frame] for frame in whole.frames if frame in where), None)
            join = film.place(stretch, beside=beside, only_missing=not whole.frames)
            if join is not None:
                holes.setdefault(join, []).append(stretch)
                where |= dict.fromkeys(stretch.frames, join)
        fill = [Hole(after=plan.order[k - 1] if k else None, frames=film.arrange(k, holes[k])) for k in sorted(holes)]
        return plan.model_copy(update={"fill": fill})

    def _parts(self, original: Sequence[int], out: set[int], broken: set[int]) -> list[tuple[Stretch, Stretch]]:
        """Return the stretches to place and the whole stretches that they were parts of, the longest first."""
        parts = [(part, one) for one in _stretches(original, out) for part in self._coherent(one, broken)]
        loose = [(Stretch([frame]), Stretch([])) for frame in sorted(out - set(original))]
        return [*sorted(parts, key=lambda pair: -len(pair[0].frames)), *loose]

    def _coherent(self, stretch: Stretch, broken: set[int]) -> list[Stretch]:
        parts = coherent_parts(self.along(stretch.frames), broken)
        return [Stretch(one, stretch.neighbours, INTACT if one[0] in broken else 1.0) for one in parts]


def coherent_parts(evidence: FrameEvidence, broken: set[int]) -> list[list[int]]:
    """Split a stretch at its jumps, where frames were adjacent by chance, and between broken frames and others."""
    parts = _between_jumps(evidence)
    return [[*frames] for part in parts for _, frames in groupby(part, key=broken.__contains__)]


def confirmed_frames(broken: set[int], verdicts: Sequence[dict[int, Verdict]]) -> set[int]:
    """Return the frames that most verdicts call broken; each was reached in another order of the frames.

    A score of exactly one half does not count: such a frame is only held together with those beside it, and in a
    shuffled film these may be frames of another place.
    """
    votes = Counter(
        frame for given in verdicts for frame, one in given.items() if one.kind != CLEAN and one.score > _HELD
    )
    return {frame for frame in broken if votes[frame] > len(verdicts) / 2 or frame not in verdicts[-1]}


def believed(verdicts: Iterable[Verdict]) -> Iterator[Verdict]:
    """Clear frames that may be called broken only because they are in the wrong place.

    An order by similarity makes every pause look frozen, and a stretch at a wrong place fits neither of its sides.
    """
    for kind, part in groupby(verdicts, key=lambda one: one.kind):
        run = [*part]
        doubted = kind == _FROZEN or (kind == _UNSPECIFIC and len(run) > _MOST_UNSPECIFIC)
        yield from (Verdict(one.frame, CLEAN, 0.0, one.evidence) if doubted else one for one in run)


def _between_jumps(evidence: FrameEvidence) -> Iterable[list[int]]:
    from scipy.ndimage import median_filter

    jump = evidence.of("jump")
    # Mirrored: if the last frame were repeated, its own jump would be the usual one.
    usual = np.asarray(median_filter(jump, size=2 * _AROUND + 1, mode="mirror"))
    part_of = np.cumsum(is_jump(jump, usual))
    pairs = zip(evidence.frames.tolist(), part_of.tolist(), strict=True)
    return [[frame for frame, _ in part] for _, part in groupby(pairs, key=lambda pair: pair[1])]


def loose_frames(evidence: FrameEvidence, longest: int) -> set[int]:
    """Return short stretches at both ends of an order, up to the next jumps: nothing clean is on one side of them.

    Stretches inside were judged between both sides. A first stretch of more than `longest` frames is not loose.
    """
    stretches = [*_between_jumps(evidence)]
    found = {*_at_end(stretches, longest), *_at_end(stretches[::-1], longest)}
    return found if len(found) <= _MOST_LOOSE * len(evidence.frames) else set()


def _at_end(stretches: Sequence[list[int]], longest: int) -> list[int]:
    """Return the frames of the first stretch, and of those after it that are as short as damage often is."""
    short = takewhile(lambda frames: len(frames) <= _FEW, stretches[1:])
    return [frame for frames in (stretches[0], *short) for frame in frames] if len(stretches[0]) <= longest else []


def _stretches(original: Sequence[int], out: set[int]) -> Iterable[Stretch]:
    """Group the removed frames by adjacency, with the frames next to them that stay."""
    parts = [(key, list(part)) for key, part in groupby(original, key=lambda frame: frame in out)]
    for number, (is_out, frames) in enumerate(parts):
        if is_out:
            before = parts[number - 1][1][-1:] if number else []
            after = parts[number + 1][1][:1] if number + 1 < len(parts) else []
            yield Stretch(frames, (*before, *after))


def _marked(plan: Plan, broken: dict[int, float]) -> Plan:
    """Mark the broken frames in the plan, and keep only them in its gaps."""
    fill = [Hole(after=hole.after, frames=[f for f in hole.frames if f in broken]) for hole in plan.fill]
    dropped = [
        one.model_copy(update={"reason": "broken", "score": round(broken[one.frame], 4)})
        if one.frame in broken
        else one
        for one in plan.dropped
    ]
    return plan.model_copy(update={"fill": [hole for hole in fill if hole.frames], "dropped": dropped})

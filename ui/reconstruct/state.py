"""The state of the Reconstruct tab in one session: a video, its plan, the user's corrections, and the films."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import groupby
from pathlib import Path
from typing import Literal, Self

from ...errors import UsageError
from ...render.report.build import PlanView
from ...solve.constraints import NO_CONSTRAINTS, Constraints
from ...solve.plan.model import Plan
from ...solve.shots import NumberedShot, edit_shots

Pair = Literal["", "before", "adjacent"]


@dataclass(frozen=True)
class ShotRun:
    """Consecutive frames of one shot; `part` if the shot plays in several runs."""

    shot: int
    frames: tuple[int, ...]
    part: bool


@dataclass(frozen=True)
class ReconstructState:
    """An immutable snapshot; every click and every solve makes a new one, so its shots are computed once."""

    folder: Path
    """Holds all files made for this state."""
    base: Plan
    """The plan without constraints: its shots have the numbers that constraints refer to."""
    plan: Plan
    preview: PlanView
    original: Path
    """The shuffled video, as a file that a browser can play."""
    run: str = ""
    """The id under which the corrections are saved."""
    saved: bool = True
    """Whether the latest corrections could be saved."""
    solved: Constraints = NO_CONSTRAINTS
    """The constraints that the plan holds to."""
    constraints: Constraints = NO_CONSTRAINTS
    """The user's corrections, which the plan may not hold to yet."""
    history: tuple[Constraints, ...] = ()
    undone_edits: tuple[Constraints, ...] = ()
    """What `redone` restores, the latest last."""
    selected: int | None = None
    pair: Pair = ""
    """The pair that the next click completes; the selected frame is its first."""
    sheets: tuple[Path, ...] = ()
    """The thumbnails of all frames, once the user has asked for them."""
    films: Mapping[str, Path] = field(default_factory=dict)
    """Files made from the plan: `film`, `reversed`, `preview`, `plan` and `edits`."""

    @cached_property
    def frames(self) -> frozenset[int]:
        """The frames of the video, dropped ones included."""
        return frozenset([*self.plan.order, *(dropped.frame for dropped in self.plan.dropped)])

    def with_constraints(self, constraints: Constraints) -> Self:
        """Set the corrections, so that `undone` can restore the previous ones."""
        if constraints == self.constraints:
            return self
        history = (*self.history, self.constraints)
        return replace(self, constraints=constraints, history=history, undone_edits=(), pair="")

    def awaiting_pair(self, pair: str) -> Self:
        """Wait for the second frame of a pair; a second click stops waiting."""
        pairs: dict[str, Pair] = {"before": "before", "adjacent": "adjacent"}
        return replace(self, pair="" if self.pair == pair else pairs.get(pair, ""))

    def undone(self) -> Self:
        if not self.history:
            return self
        *history, last = self.history
        undone = (*self.undone_edits, self.constraints)
        return replace(self, constraints=last, history=tuple(history), undone_edits=undone, pair="")

    def redone(self) -> Self:
        if not self.undone_edits:
            return self
        *undone, last = self.undone_edits
        history = (*self.history, self.constraints)
        return replace(self, constraints=last, history=history, undone_edits=tuple(undone), pair="")

    def with_plan_of(self, other: Self) -> Self:
        """Use another state's plan and films, and keep the corrections and selection made meanwhile."""
        if other.folder != self.folder:
            return self
        return replace(self, plan=other.plan, preview=other.preview, solved=other.solved, films=other.films)

    def with_sheets(self, sheets: tuple[Path, ...], drawn_for: Self) -> Self:
        """Add the thumbnails, unless another video is shown by now."""
        return replace(self, sheets=sheets) if drawn_for.folder == self.folder else self

    def with_film(self, key: str, film: Path, plan: Plan) -> Self:
        """Add a film, unless the plan that it was made from has been replaced."""
        return replace(self, films={**self.films, key: film}) if plan is self.plan else self

    @cached_property
    def runs(self) -> tuple[ShotRun, ...]:
        """The film as runs of one shot; a frame of no shot joins the run before it."""
        shot_of = {frame: shot.number for shot in self.numbered for frame in shot.frames}
        shot = next((shot_of[frame] for frame in self.plan.order if frame in shot_of), 1)
        frames = []
        for frame in self.plan.order:
            shot = shot_of.get(frame, shot)
            frames.append((shot, frame))
        runs = [(shot, tuple(frame for _, frame in run)) for shot, run in groupby(frames, key=lambda pair: pair[0])]
        times = Counter(shot for shot, _ in runs)
        return tuple(ShotRun(shot, run, times[shot] > 1) for shot, run in runs)

    def shot_frames(self) -> dict[int, list[int]]:
        """Return the frames of each shot, and of each group that was dropped."""
        return {shot.number: shot.frames for shot in self.numbered}

    def base_shots(self) -> list[NumberedShot]:
        """Return the shots of the plan without constraints in their order, then the groups that it dropped."""
        order, groups = self.base.order, dict[int, list[int]]()
        for dropped in self.base.dropped:
            if dropped.shot is not None:
                groups.setdefault(dropped.shot, []).append(dropped.frame)
        playing = [
            NumberedShot(shot.number or number, order[shot.start : shot.start + shot.length], plays=True)
            for number, shot in enumerate(self.base.shots, 1)
        ]
        return playing + [NumberedShot(number, frames, plays=False) for number, frames in sorted(groups.items())]

    @cached_property
    def numbered(self) -> list[NumberedShot]:
        """The shots as the corrections cut and join them: corrections name them by these numbers."""
        try:
            return edit_shots(self.base_shots(), self.constraints)
        except UsageError:
            return edit_shots(self.base_shots(), self.solved)

    @cached_property
    def shots(self) -> tuple[int, ...]:
        """The numbers of the shots in the film, in their order."""
        return tuple(dict.fromkeys(run.shot for run in self.runs))

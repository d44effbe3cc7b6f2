"""What one window has on its state: a video, its plan, what was said of it, and the films made of it."""

import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from itertools import groupby
from pathlib import Path
from threading import Lock
from typing import Literal, Self

from ...render.report.build import PlanView
from ...solve.constraints import NO_CONSTRAINTS, Constraints
from ...solve.plan.model import Plan


@dataclass(frozen=True)
class ShotRun:
    """A stretch of the film whose frames are all of one shot; `part` where the shot plays in several."""

    shot: int
    frames: tuple[int, ...]
    part: bool


@dataclass(frozen=True)
class ReconstructState:
    folder: Path
    """Under which all lies that was made for this state."""
    base: Plan
    """The plan where nothing is wished: its shots have the numbers that wishes name."""
    plan: Plan
    look: PlanView
    shuffled: Path
    solved: Constraints = NO_CONSTRAINTS
    """What the plan holds to."""
    said: Constraints = NO_CONSTRAINTS
    earlier: tuple[Constraints, ...] = ()
    selected: int | None = None
    asking: Literal["", "before", "adjacent"] = ""
    """Which pair the next frame that is chosen completes, the selected one being its first."""
    films: Mapping[str, Path] = field(default_factory=dict)
    """Films of the plan as it is: `film`, `reversed`, `glimpse`."""

    def knows(self, frame: int) -> bool:
        return frame in self.plan.order or any(dropped.frame == frame for dropped in self.plan.dropped)

    def saying(self, said: Constraints) -> Self:
        if said == self.said:
            return self
        return replace(self, said=said, earlier=(*self.earlier, self.said), asking="")

    def asked(self, pair: str) -> Self:
        """Wait for the second frame of a pair, or no longer."""
        asking: dict[str, Literal["before", "adjacent"]] = {"before": "before", "adjacent": "adjacent"}
        return replace(self, asking="" if self.asking == pair else asking.get(pair, ""))

    def undone(self) -> Self:
        if not self.earlier:
            return self
        return replace(self, said=self.earlier[-1], earlier=self.earlier[:-1], asking="")

    def taking(self, other: Self) -> Self:
        """The plan and the films of another state of this state; what was said and chosen meanwhile stays."""
        if other.folder != self.folder:
            return self
        return replace(self, plan=other.plan, look=other.look, solved=other.solved, films=other.films)

    def with_film(self, key: str, film: Path, plan: Plan) -> Self:
        """A film that was made of a plan, where that is still the plan."""
        return replace(self, films={**self.films, key: film}) if plan is self.plan else self

    def runs(self) -> list[ShotRun]:
        """The film as it plays, cut where one shot ends and another begins; a frame of none goes with those before."""
        home = _homes(self.base)
        at, homes = next((home[frame] for frame in self.plan.order if frame in home), 1), []
        for frame in self.plan.order:
            at = home.get(frame, at)
            homes.append((at, frame))
        found = [(shot, tuple(f for _, f in frames)) for shot, frames in groupby(homes, key=lambda one: one[0])]
        shots = [shot for shot, _ in found]
        return [ShotRun(shot, frames, shots.count(shot) > 1) for shot, frames in found]

    def shots(self) -> list[int]:
        """The numbers of the shots that play, in their order."""
        return list(dict.fromkeys(run.shot for run in self.runs()))


def _homes(base: Plan) -> dict[int, int]:
    """The number of the shot, or of the group that was dropped, that each frame is of."""
    homes = {
        frame: shot.number or number
        for number, shot in enumerate(base.shots, 1)
        for frame in base.order[shot.start : shot.start + shot.length]
    }
    return homes | {dropped.frame: dropped.shot for dropped in base.dropped if dropped.shot is not None}


class ReconstructStates:
    """The states of all windows, by session: events of one window may overlap, so that each change is made whole."""

    def __init__(self) -> None:
        self._desks: dict[str, ReconstructState] = {}
        self._lock = Lock()

    def of(self, session: str | None) -> ReconstructState | None:
        return self._desks.get(session or "")

    def put(self, session: str | None, state: ReconstructState) -> None:
        with self._lock:
            old = self._desks.get(session or "")
            self._desks[session or ""] = state
        _put_away(old)

    def change(
        self, session: str | None, how: Callable[[ReconstructState], ReconstructState]
    ) -> ReconstructState | None:
        """The window's state as it is after a change; None where it has none."""
        with self._lock:
            if state := self.of(session):
                self._desks[session or ""] = how(state)
            return self.of(session)

    def clear(self, session: str | None) -> None:
        with self._lock:
            old = self._desks.pop(session or "", None)
        _put_away(old)


def _put_away(state: ReconstructState | None) -> None:
    """What was made for a state goes with it."""
    if state:
        shutil.rmtree(state.folder, ignore_errors=True)

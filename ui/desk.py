"""What one window has on its desk: a video, its plan, what was said of it, and the films made of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from itertools import groupby
from pathlib import Path
from typing import Literal, Self

from ..reporting import Look
from ..solve.plan import Plan
from ..solve.wishes import NO_WISHES, Wishes


@dataclass(frozen=True)
class Run:
    """A stretch of the film whose frames are all of one shot; `part` where the shot plays in several."""

    shot: int
    frames: tuple[int, ...]
    part: bool


@dataclass(frozen=True)
class Desk:
    folder: Path
    """Under which all lies that was made for this desk."""
    base: Plan
    """The plan where nothing is wished: its shots have the numbers that wishes name."""
    plan: Plan
    look: Look
    shuffled: Path
    solved: Wishes = NO_WISHES
    """What the plan holds to."""
    said: Wishes = NO_WISHES
    earlier: tuple[Wishes, ...] = ()
    selected: int | None = None
    asking: Literal["", "before", "adjacent"] = ""
    """Which pair the next frame that is chosen completes, the selected one being its first."""
    films: Mapping[str, Path] = field(default_factory=dict)
    """Films of the plan as it is: `film`, `reversed`, `glimpse`."""

    def knows(self, frame: int) -> bool:
        return frame in self.plan.order or any(dropped.frame == frame for dropped in self.plan.dropped)

    def saying(self, said: Wishes) -> Self:
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

    def runs(self) -> list[Run]:
        """The film as it plays, cut where one shot ends and another begins; a frame of none goes with those before."""
        home = _homes(self.base)
        at, homes = next((home[frame] for frame in self.plan.order if frame in home), 1), []
        for frame in self.plan.order:
            at = home.get(frame, at)
            homes.append((at, frame))
        found = [(shot, tuple(f for _, f in frames)) for shot, frames in groupby(homes, key=lambda one: one[0])]
        shots = [shot for shot, _ in found]
        return [Run(shot, frames, shots.count(shot) > 1) for shot, frames in found]

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

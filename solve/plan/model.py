"""The plan: which frames play, in which order, and why the others do not."""

from bisect import bisect_left
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from itertools import pairwise
from typing import Annotated, Any, Literal, Self, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, model_validator


def fill_problems(plan: "PlanFields") -> Iterator[tuple[int, str]]:
    """Yield problems with the frames to replace, each with its index in `fill`."""
    order, dropped = set(plan.order), {one.frame for one in plan.dropped}
    places: set[int | None] = set()
    filled: set[int] = set()
    for number, hole in enumerate(plan.fill):
        if hole.after is not None and hole.after not in order:
            yield (
                number,
                f"frame {hole.after}, after which frames are to be filled in, is not in order; name one that is",
            )
        if hole.after in places:
            yield number, "two entries of fill come after the same frame; merge them"
        for frame in hole.frames:
            if frame not in dropped:
                yield number, f"frame {frame} is in fill but not in dropped; remove it from fill"
            elif frame in filled:
                yield number, f"frame {frame} is in fill twice; remove one of the two"
            filled.add(frame)
        places.add(hole.after)


PLAN_FORMAT: Literal["reelweave.plan/1"] = "reelweave.plan/1"

UndeterminedReason: TypeAlias = Literal["same", "cuts", "equal", "recurring", "exchangeable", "direction"]
"""Why joins are undetermined: frames that look the same, cuts, frames that all differ equally, pictures that recur,
stretches that could be exchanged, or only two frames.
"""
Reason = Literal["outlier", "foreign", "broken", "duplicate", "user", "elsewhere"]
Share = Annotated[float, Field(ge=0, le=1)]
Rate = Annotated[float, Field(ge=1e-5, le=1e6)]
"""Frames per second: from one picture a day up to more than any container supports."""
Side = Annotated[int, Field(gt=0, le=1_000_000)]
"""Pixels."""

MOST_FRAMES = 100_000_000
"""Largest number of frames that a plan may claim, which bounds memory."""


class _Part(BaseModel):
    # A mistyped key must not be mistaken for an optional field that was left out.
    model_config = ConfigDict(frozen=True, extra="forbid")


class PlanVideo(_Part):
    """The source of the plan."""

    id: str
    name: str
    source: str
    sha256: str
    fps: Rate
    width: Side
    height: Side
    frames: int = Field(ge=0, le=MOST_FRAMES)
    """Frames that were ingested."""
    gaps: bool = False
    """Whether other frames were skipped, so that the frame numbers are not 0 to `frames` - 1."""


class Neighbour(_Part):
    frame: int
    distance: float


class Dropped(_Part):
    """A frame that was left out, with its nearest frames as evidence."""

    frame: int
    reason: Reason
    score: float
    component: int | None = None
    shot: int | None = None
    """The number by which the user can keep the group it was dropped with."""
    neighbours: list[Neighbour] = []


class Shot(_Part):
    """A stretch of `order` without a cut, and the number by which the user can name it."""

    start: int
    length: int
    number: int | None = None
    undetermined: UndeterminedReason | None = None
    """Why nothing decides the order within the shot as a whole; null if something does."""

    @property
    def joins(self) -> range:
        """The joins within the shot, by their positions."""
        return range(self.start, self.start + self.length - 1)


class Hole(_Part):
    """Dropped frames to replace after a frame of `order`, or before all of it where `after` is null."""

    after: int | None
    frames: list[int]


class Alternative(_Part):
    """A frame that could also come `after` the left frame of a join, or `before` the right one."""

    side: Literal["after", "before"]
    frame: int
    price: float


class WeakJoin(_Part):
    """A join to review: its position in `order`, its frames and the alternatives; prices are in units of `prices`."""

    at: int = Field(ge=0)
    left: int
    right: int
    confidence: Share
    price: float
    alternatives: list[Alternative] = []

    def reversed(self, joins: int) -> "WeakJoin":
        """Return the join in the reversed film, which has `joins` joins."""
        other: dict[str, Literal["after", "before"]] = {"after": "before", "before": "after"}
        reversed_ones = [one.model_copy(update={"side": other[one.side]}) for one in self.alternatives]
        changes = {"at": joins - 1 - self.at, "left": self.right, "right": self.left, "alternatives": reversed_ones}
        return self.model_copy(update=changes)


class PathReport(_Part):
    """The cost of the path, and the proven limit of how far it is from the optimum."""

    cost: float
    lower_bound: float | None
    gap: float | None
    solver: str
    seconds: float
    interrupted: bool = False
    """Whether the user stopped the search early."""
    price: str = ""
    thorough: bool = False
    """Whether motion was measured more widely, if it was measured at all."""
    band: float | None = None
    """Mean distance along the path to a frame's four nearest frames: 1.5 is perfect, above 2.2 is doubtful."""
    recurring: bool = False
    """Whether the pictures recur, so that the cheapest path sorts them by what they show and not by time."""
    loop: bool = False
    """Whether the last frame fits before the first, so that the pictures do not tell where the film begins."""


class Direction(_Part):
    """Whether the film was reversed, and how certain its direction is."""

    reversed: bool = False
    confidence: float = 0.0
    by: Literal["", "user", "sound"] = ""
    """What the direction is known by."""


class SoundReport(_Part):
    """Whether the sound was cut along with the frames, how certain that is, and on how many joins it rests."""

    state: Literal["shuffled", "untouched", "unknown"]
    confidence: Share
    joins: int = Field(ge=0)


class PlanFields(_Part):
    """A plan as stored in its file, whether or not its parts agree."""

    format: Literal["reelweave.plan/1"] = PLAN_FORMAT
    video: PlanVideo
    order: list[int]
    dropped: list[Dropped]
    shots: list[Shot]
    """Empty if unknown, as are the next three."""
    confidence: list[Share] = []
    undetermined: list[Annotated[int, Field(ge=0)]] = []
    """The joins that neither the pictures nor the user decided, by their positions in `order`."""
    prices: list[float] = []
    """What each join costs, in multiples of the film's median join."""
    weak: list[WeakJoin] = []
    """The joins worth reviewing, the least certain first."""
    fill: list[Hole] = []
    """Where frames that were dropped as broken are to be replaced."""
    path: PathReport
    direction: Direction = Direction()
    sound: SoundReport | None = None
    """Null where the source has no sound, or was not there to be heard."""
    settings: dict[str, Any] = {}
    wishes: dict[str, Any] = {}
    """The user's constraints, which the order satisfies."""


class Plan(PlanFields):
    """A plan whose parts agree."""

    @model_validator(mode="after")
    def _parts_agree(self) -> Self:
        seen = Counter(self.order + [d.frame for d in self.dropped])
        twice = sorted(frame for frame, times in seen.items() if times > 1)[:5]
        if twice:
            raise ValueError(f"frames {twice} appear more than once in order and dropped")
        for name in ("confidence", "prices"):
            if len(getattr(self, name)) not in (0, max(0, len(self.order) - 1)):
                raise ValueError(f"{name} needs one value for each join, one fewer than frames in order")
        if any(at >= len(self.order) - 1 for at in self.undetermined):
            raise ValueError("undetermined names a join that does not exist")
        if problems := list(fill_problems(self)):
            raise ValueError(problems[0][1])
        return self

    def reversed(self) -> "Plan":
        """Return the same film backwards."""
        n = len(self.order)
        return self.model_copy(
            update={
                "order": self.order[::-1],
                "confidence": self.confidence[::-1],
                "undetermined": [n - 2 - at for at in reversed(self.undetermined)],
                "shots": [s.model_copy(update={"start": n - s.start - s.length}) for s in reversed(self.shots)],
                "prices": self.prices[::-1],
                "weak": [join.reversed(n - 1) for join in self.weak],
                "fill": [self._reversed_hole(hole) for hole in reversed(self.fill)],
                "direction": self.direction.model_copy(update={"reversed": not self.direction.reversed}),
            }
        )

    def without(self, frames: Collection[int]) -> "Plan":
        """Return the plan with some frames dropped as broken, and the others in the order that they have.

        Of the joins that become one, the least certain and the most expensive count. The path stays as it was found.
        """
        places = [place for place, frame in enumerate(self.order) if frame not in frames]
        joins = [range(left, right) for left, right in pairwise(places)]
        becomes = {join[0]: at for at, join in enumerate(joins) if len(join) == 1}
        unknown = set(self.undetermined)
        gone = [Dropped(frame=frame, reason="broken", score=0.0) for frame in self.order if frame in frames]
        return self.model_copy(
            update={
                "order": [self.order[place] for place in places],
                "dropped": [*self.dropped, *gone],
                "confidence": [min(self.confidence[at] for at in join) for join in joins] if self.confidence else [],
                "prices": [max(self.prices[at] for at in join) for join in joins] if self.prices else [],
                "undetermined": [at for at, join in enumerate(joins) if unknown.intersection(join)],
                "weak": [one.model_copy(update={"at": becomes[one.at]}) for one in self.weak if one.at in becomes],
                "shots": _shots_of(self.shots, places),
            }
        )

    @property
    def played(self) -> list[int]:
        """The frames of `order`, with the frames to replace inserted at their positions."""
        holes = {hole.after: hole.frames for hole in self.fill}
        return [*holes.get(None, ()), *(one for frame in self.order for one in (frame, *holes.get(frame, ())))]

    @property
    def made(self) -> list[int]:
        """The positions in `played` whose frames are synthesised."""
        wanted = {frame for hole in self.fill for frame in hole.frames}
        return [place for place, frame in enumerate(self.played) if frame in wanted]

    def _reversed_hole(self, hole: Hole) -> Hole:
        """Return the hole in the reversed film, placed after what followed it."""
        behind = 0 if hole.after is None else self.order.index(hole.after) + 1
        after = self.order[behind] if behind < len(self.order) else None
        return Hole(after=after, frames=hole.frames[::-1])

    @property
    def determined(self) -> list[float]:
        """The confidence of the joins that are not undetermined."""
        undetermined = set(self.undetermined)
        return [sure for at, sure in enumerate(self.confidence) if at not in undetermined]

    @property
    def mean_confidence(self) -> float | None:
        """The mean of `determined`; None if it is empty."""
        return sum(self.determined) / len(self.determined) if self.determined else None


def _shots_of(shots: Sequence[Shot], places: Sequence[int]) -> list[Shot]:
    """Return the shots that are left of an order of which only these places stay."""
    found: list[Shot] = []
    for shot in shots:
        start, end = bisect_left(places, shot.start), bisect_left(places, shot.start + shot.length)
        if end > start:
            found.append(shot.model_copy(update={"start": start, "length": end - start}))
    return found

"""The plan: which frames play, in which order, and why the others do not."""

from collections import Counter
from collections.abc import Iterator
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator


def fill_problems(plan: "PlanFields") -> Iterator[tuple[int, str]]:
    """What is wrong with the places that are to be filled, each with its number in `fill`."""
    order, dropped = set(plan.order), {one.frame for one in plan.dropped}
    places: set[int | None] = set()
    filled: set[int] = set()
    for number, hole in enumerate(plan.fill):
        if hole.after is not None and hole.after not in order:
            yield number, f"frame {hole.after}, after which frames are to be made, is not in order; name one that is"
        if hole.after in places:
            yield number, "two entries of fill are after the same frame; put their frames into one"
        for frame in hole.frames:
            if frame not in dropped:
                yield number, f"frame {frame} is to be filled, but is not in dropped; take it out of fill"
            elif frame in filled:
                yield number, f"frame {frame} is to be filled twice; take one of the two out"
            filled.add(frame)
        places.add(hole.after)


PLAN_FORMAT: Literal["reelweave.plan/1"] = "reelweave.plan/1"

Reason = Literal["outlier", "foreign", "broken", "duplicate", "user", "elsewhere"]
Share = Annotated[float, Field(ge=0, le=1)]
Rate = Annotated[float, Field(ge=1e-5, le=1e6)]
"""Frames a second: a picture a day, and more than any container counts."""
Side = Annotated[int, Field(gt=0, le=1_000_000)]
"""Pixels."""

MOST_FRAMES = 100_000_000


class _Part(BaseModel):
    # A mistyped key must not pass for a fact that was left out.
    model_config = ConfigDict(frozen=True, extra="forbid")


class PlanVideo(_Part):
    id: str
    name: str
    source: str
    sha256: str
    fps: Rate
    width: Side
    height: Side
    frames: int = Field(ge=0, le=MOST_FRAMES)
    """Frames that were looked at."""
    gaps: bool = False
    """Whether others were not, so that the frames are not 0 to `frames` - 1."""


class Neighbour(_Part):
    frame: int
    distance: float


class Dropped(_Part):
    """A frame left out, with the nearest frames that convicted it."""

    frame: int
    reason: Reason
    score: float
    component: int | None = None
    shot: int | None = None
    """The number by which the group it was dropped with can be kept."""
    neighbours: list[Neighbour] = []


class Shot(_Part):
    """A stretch of `order` without a cut, and the number by which the user can name it."""

    start: int
    length: int
    number: int | None = None


class Hole(_Part):
    """Dropped frames that belong after a frame of `order`, or before all of it where `after` is null; others are made
    in their place."""

    after: int | None
    frames: list[int]


class Alternative(_Part):
    """A frame that could have come `after` the left one of a join, or `before` the right one."""

    side: Literal["after", "before"]
    frame: int
    price: float


class WeakJoin(_Part):
    """A join to look at: its place in `order`, its frames, and what else could have been; prices as in `prices`."""

    at: int = Field(ge=0)
    left: int
    right: int
    confidence: Share
    price: float
    alternatives: list[Alternative] = []

    def reversed(self, joins: int) -> "WeakJoin":
        other: dict[str, Literal["after", "before"]] = {"after": "before", "before": "after"}
        turned = [one.model_copy(update={"side": other[one.side]}) for one in self.alternatives]
        changes = {"at": joins - 1 - self.at, "left": self.right, "right": self.left, "alternatives": turned}
        return self.model_copy(update=changes)


class PathReport(_Part):
    """What the path costs and how far from the cheapest possible it can be at most."""

    cost: float
    lower_bound: float | None
    gap: float | None
    solver: str
    seconds: float
    interrupted: bool = False
    """Whether the user ended the search before it was done."""
    price: str = ""
    thorough: bool = False
    """Whether motion, where it was looked at, was looked at more widely."""
    band: float | None = None
    """How far along the path a frame's four nearest lie on average: 1.5 is perfect, above 2.2 is doubtful."""


class Direction(_Part):
    reversed: bool = False
    confidence: float = 0.0


class PlanFields(_Part):
    """A plan as it stands in its file, whether or not its parts agree."""

    format: Literal["reelweave.plan/1"] = PLAN_FORMAT
    video: PlanVideo
    order: list[int]
    dropped: list[Dropped]
    shots: list[Shot]
    """Empty where unknown, as are the next three."""
    confidence: list[Share] = []
    undetermined: list[Annotated[int, Field(ge=0)]] = []
    """The joins that neither the pictures nor the user decided, by their places in `order`."""
    prices: list[float] = []
    """What each join costs, in multiples of the film's median join."""
    weak: list[WeakJoin] = []
    """The joins worth a look, the least sure first."""
    fill: list[Hole] = []
    """Where frames that were dropped as broken leave a place to be filled."""
    path: PathReport
    direction: Direction = Direction()
    settings: dict[str, Any] = {}
    wishes: dict[str, Any] = {}
    """What the user knew, and the order holds to."""


class Plan(PlanFields):
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
            raise ValueError("undetermined names a join that is not there")
        if faults := list(fill_problems(self)):
            raise ValueError(faults[0][1])
        return self

    def reversed(self) -> "Plan":
        """The same film backwards."""
        n = len(self.order)
        return self.model_copy(
            update={
                "order": self.order[::-1],
                "confidence": self.confidence[::-1],
                "undetermined": [n - 2 - at for at in reversed(self.undetermined)],
                "shots": [s.model_copy(update={"start": n - s.start - s.length}) for s in reversed(self.shots)],
                "prices": self.prices[::-1],
                "weak": [join.reversed(n - 1) for join in self.weak],
                "fill": [self._turned(hole) for hole in reversed(self.fill)],
                "direction": self.direction.model_copy(update={"reversed": not self.direction.reversed}),
            }
        )

    @property
    def played(self) -> list[int]:
        """The frames of `order`, and in their places those that others are made for."""
        holes = {hole.after: hole.frames for hole in self.fill}
        return [*holes.get(None, ()), *(one for frame in self.order for one in (frame, *holes.get(frame, ())))]

    @property
    def made(self) -> list[int]:
        """The places in `played` for which frames are made."""
        wanted = {frame for hole in self.fill for frame in hole.frames}
        return [place for place, frame in enumerate(self.played) if frame in wanted]

    def _turned(self, hole: Hole) -> Hole:
        """The same hole, told by what came behind it."""
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
        """Over the joins that are not undetermined; None where there is none, or nothing is known of them."""
        return sum(self.determined) / len(self.determined) if self.determined else None

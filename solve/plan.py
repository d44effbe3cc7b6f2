"""The plan: which frames play, in which order, and why the others do not."""

import json
from collections import Counter
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from ..errors import PlanError, command
from ..files import atomic
from ..untrusted import MEGABYTE, UntrustedError, each_key_once, parse_json, read_bytes
from .faults import content_faults, fill_faults, settled, shape_faults
from .places import Fault, MisreadError, Places, may_be_placed, read_json

PLAN_FORMAT: Literal["reelweave.plan/1"] = "reelweave.plan/1"

Reason = Literal["outlier", "foreign", "broken", "duplicate", "user", "elsewhere"]
Share = Annotated[float, Field(ge=0, le=1)]
Rate = Annotated[float, Field(ge=1e-5, le=1e6)]
"""Frames a second: a picture a day, and more than any container counts."""
Side = Annotated[int, Field(gt=0, le=1_000_000)]
"""Pixels."""

MOST_FRAMES = 100_000_000
_MOST_BYTES = 128 * MEGABYTE
"""Of a plan: one of a million frames has 30 MB, and twice as many where many of them are dropped."""
_FRAMES_A_LINE = 20
_FAULTS_SHOWN = 5


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
        if faults := list(fill_faults(self)):
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


def write_plan(plan: Plan, path: Path) -> Path:
    """Write the plan in short lines, so that it can be edited by hand, faults have a place, and diff shows changes."""
    with atomic(path) as part:
        part.write_text(_readable(plan) + "\n", encoding="utf-8")
    return path


def read_plan(path: Path, note: Callable[[str], None] = lambda text: None) -> Plan:
    """A plan as written or as edited since; `note` hears what an edit made void."""
    text = _text(path)
    try:
        value = parse_json(text, _without_notes)
    except UntrustedError as bad:
        raise _misread(path, text, bad) from bad
    return _checked(value, Places(text), path, note)


def _text(path: Path) -> str:
    try:
        return read_bytes(path, _MOST_BYTES).decode("utf-8-sig")
    except FileNotFoundError as missing:
        raise PlanError(
            f"There is no plan at {path}.", f"solve --plan writes one: see {command('solve', '--help')}."
        ) from missing
    except UnicodeDecodeError as bad:
        line = bad.object[: bad.start].count(b"\n") + 1
        raise PlanError(f"{path}, line {line}: this is not text in UTF-8, and so not a plan.") from bad
    except UntrustedError as bad:
        raise PlanError(f"{path} is not a plan that can be read: it {bad}.") from bad
    except OSError as failed:
        raise PlanError(f"{path} is not a plan that can be read: {failed.strerror}.") from failed


def _without_notes(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Keys that begin with `_` are notes, and left out."""
    return {key: value for key, value in each_key_once(pairs).items() if not key.startswith("_")}


def _misread(path: Path, text: str, bad: UntrustedError) -> PlanError:
    """What is wrong with a text that is no JSON, with its line where the text can be looked through again."""
    try:
        if may_be_placed(text):
            read_json(text)
    except MisreadError as placed:
        return _refused(path, [placed.fault], Places(text, {}))
    return PlanError(f"{path} is not a plan that can be read: it {bad}.")


def first_problem(bad: Exception) -> str:
    """The first thing wrong with a file, in one line."""
    if isinstance(bad, ValidationError):
        problem = bad.errors()[0]
        place = ".".join(str(part) for part in problem["loc"])
        return f"{place}: {problem['msg']}" if place else problem["msg"]
    return str(bad)


def _checked(value: Any, places: Places, path: Path, note: Callable[[str], None]) -> Plan:
    kind = value.get("format", PLAN_FORMAT) if isinstance(value, dict) else PLAN_FORMAT
    if kind != PLAN_FORMAT:
        told = f"format: {json.dumps(kind)} is not a plan that can be read; this program reads {PLAN_FORMAT}"
        raise _refused(path, [Fault(places.of("format"), told)], places)
    try:
        fields = PlanFields.model_validate(value, strict=True)
    except ValidationError as bad:
        raise _refused(path, shape_faults(bad.errors(), PlanFields, places), places) from bad
    faults = content_faults(fields, places)
    if faults:
        raise _refused(path, faults, places)
    changes, void = settled(fields, places)
    if void:
        note(f"{path}: {void}")
    return Plan(**{**dict(fields), **changes})


def _refused(path: Path, faults: list[Fault], places: Places) -> PlanError:
    """The first fault, and after it the next few: whoever edited one line may have edited more."""
    told = [f"{places.line(fault.offset)}: {fault.told}." for fault in faults]
    others = told[1:_FAULTS_SHOWN] + ([f"and {len(told) - _FAULTS_SHOWN} more"] if len(told) > _FAULTS_SHOWN else [])
    return PlanError(f"{path}, {told[0]}", "\n  ".join(others))


def _readable(plan: Plan) -> str:
    rows = []
    for key, value in plan.model_dump(mode="json").items():
        if isinstance(value, list) and value and isinstance(value[0], dict):
            body = _lines(json.dumps(item) for item in value)
        elif isinstance(value, list) and value:
            body = _lines(json.dumps(value[a:b])[1:-1] for a, b in pairwise(_breaks(plan, len(value))))
        elif isinstance(value, dict):
            body = json.dumps(value, indent=2).replace("\n", "\n  ")
        else:
            body = json.dumps(value)
        rows.append(f"  {json.dumps(key)}: {body}")
    return "{\n" + ",\n".join(rows) + "\n}"


def _lines(rows: Iterator[str]) -> str:
    return "[\n" + ",\n".join(f"    {row}" for row in rows) + "\n  ]"


def _breaks(plan: Plan, count: int) -> list[int]:
    """Where lines of the order, and of what is said of its joins, begin: at every shot and every few frames."""
    starts = [0, *sorted({shot.start for shot in plan.shots if 0 < shot.start < count}), count]
    return [*(line for a, b in pairwise(starts) for line in range(a, b, _FRAMES_A_LINE)), count]

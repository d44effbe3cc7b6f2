"""The plan: which frames play, in which order, and why the others do not."""

import json
from collections import Counter
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from ..errors import PlanError

PLAN_FORMAT: Literal["reelweave.plan/1"] = "reelweave.plan/1"

Reason = Literal["outlier", "foreign", "broken", "duplicate", "user"]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True)


class PlanVideo(_Part):
    id: str
    name: str
    source: str
    sha256: str
    fps: float = Field(gt=0)
    width: int = Field(gt=0)
    height: int = Field(gt=0)
    frames: int = Field(ge=0)


class Neighbour(_Part):
    frame: int
    distance: float


class Dropped(_Part):
    """A frame left out, with the nearest frames that convicted it."""

    frame: int
    reason: Reason
    score: float
    component: int | None = None
    neighbours: list[Neighbour] = []


class Shot(_Part):
    """A stretch of `order` without a cut."""

    start: int
    length: int


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
    band: float | None = None
    """How far along the path a frame's four nearest lie on average: 1.5 is perfect, above 2.2 is doubtful."""


class Direction(_Part):
    reversed: bool = False
    confidence: float = 0.0


class Plan(_Part):
    format: Literal["reelweave.plan/1"] = PLAN_FORMAT
    video: PlanVideo
    order: list[int]
    dropped: list[Dropped]
    shots: list[Shot]
    confidence: list[float]
    path: PathReport
    direction: Direction = Direction()
    settings: dict[str, Any] = {}

    @model_validator(mode="after")
    def _every_frame_once(self) -> Self:
        seen = Counter(self.order + [d.frame for d in self.dropped])
        twice = sorted(frame for frame, times in seen.items() if times > 1)[:5]
        if twice:
            raise ValueError(f"frames {twice} appear more than once in order and dropped")
        if len(self.confidence) != max(0, len(self.order) - 1):
            raise ValueError("confidence needs one value for each join, one fewer than frames in order")
        return self

    def reversed(self) -> "Plan":
        """The same film backwards."""
        n = len(self.order)
        return self.model_copy(
            update={
                "order": self.order[::-1],
                "confidence": self.confidence[::-1],
                "shots": [Shot(start=n - s.start - s.length, length=s.length) for s in reversed(self.shots)],
                "direction": self.direction.model_copy(update={"reversed": not self.direction.reversed}),
            }
        )

    @property
    def mean_confidence(self) -> float:
        return sum(self.confidence) / len(self.confidence) if self.confidence else 1.0


def write_plan(plan: Plan, path: Path) -> Path:
    """Write the plan one frame's facts a line, so that it can be edited by hand and compared with diff."""
    path.write_text(_readable(plan.model_dump(mode="json")) + "\n", encoding="utf-8")
    return path


def read_plan(path: Path) -> Plan:
    try:
        return Plan.model_validate_json(path.read_text(encoding="utf-8-sig"))
    except FileNotFoundError as missing:
        raise PlanError(f"There is no plan at {path}.", "`reelweave solve VIDEO --plan FILE` writes one.") from missing
    except (ValidationError, UnicodeDecodeError, OSError) as bad:
        raise PlanError(f"{path} is not a plan that can be used: {first_problem(bad)}") from bad


def first_problem(bad: Exception) -> str:
    """The first thing wrong with a file, in one line."""
    if isinstance(bad, ValidationError):
        problem = bad.errors()[0]
        place = ".".join(str(part) for part in problem["loc"])
        return f"{place}: {problem['msg']}" if place else problem["msg"]
    return str(bad)


def _readable(data: dict[str, Any]) -> str:
    rows = []
    for key, value in data.items():
        if isinstance(value, list) and value and isinstance(value[0], dict):
            body = "[\n" + ",\n".join(f"    {json.dumps(item)}" for item in value) + "\n  ]"
        elif isinstance(value, dict):
            body = json.dumps(value, indent=2).replace("\n", "\n  ")
        else:
            body = json.dumps(value)
        rows.append(f"  {json.dumps(key)}: {body}")
    return "{\n" + ",\n".join(rows) + "\n}"

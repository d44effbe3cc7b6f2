"""The truth about a scrambled video: where each of its frames came from."""

import json
from pathlib import Path
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from ..errors import PlanError
from ..solve.plan import first_problem

TRUTH_FORMAT: Literal["reelweave.truth/1"] = "reelweave.truth/1"
FOREIGN = -1


class Noise(BaseModel):
    """What was done to the luma of every frame."""

    model_config = ConfigDict(frozen=True)

    salt_pepper: float = Field(default=0.0, ge=0, le=1)
    gaussian: float = Field(default=0.0, ge=0)


class Truth(BaseModel):
    """Frames are named by their index in the source clip, places by their index in the scrambled video."""

    model_config = ConfigDict(frozen=True)

    format: Literal["reelweave.truth/1"] = TRUTH_FORMAT
    source: str
    source_sha256: str = ""
    seed: int = 0
    fps: float = Field(gt=0)
    first: int = Field(default=0, ge=0)
    frames: list[int]
    """For each frame of the scrambled video the source frame it shows, or -1 for a foreign one."""
    ties: list[int] = []
    """For each source frame from `first` on, the earliest frame that shows the same picture; empty: all differ."""
    shots: list[int] = []
    """The first source frame of each shot; empty: the clip has one."""
    noise: Noise = Noise()
    damage: dict[str, list[int]] = {}
    """For each kind of damage the places that suffered it."""
    crf: int = Field(default=0, ge=0)

    @model_validator(mode="after")
    def _one_story(self) -> Self:
        shown = [frame for frame in self.frames if frame != FOREIGN]
        if len(set(shown)) < len(shown):
            raise ValueError("a source frame appears more than once in frames")
        if shown and min(shown) < self.first:
            raise ValueError(f"frame {min(shown)} comes before the first one, {self.first}")
        if self.ties and shown and max(shown) >= self.first + len(self.ties):
            raise ValueError(f"ties says nothing of frame {max(shown)}")
        return self

    def picture_of(self, frame: int) -> int:
        """The name that a source frame shares with every frame that looks the same."""
        return self.ties[frame - self.first] if self.ties else frame

    @property
    def foreign(self) -> list[int]:
        """The places that hold foreign frames."""
        return [place for place, frame in enumerate(self.frames) if frame == FOREIGN]


def write_truth(truth: Truth, path: Path) -> Path:
    """Write one fact a line, whole or not at all."""
    rows = (f"  {json.dumps(key)}: {json.dumps(value)}" for key, value in truth.model_dump(mode="json").items())
    fresh = path.with_name(f".{path.name}.part")
    try:
        fresh.write_text("{\n" + ",\n".join(rows) + "\n}\n", encoding="utf-8")
        fresh.replace(path)
    except OSError as failed:
        fresh.unlink(missing_ok=True)
        raise PlanError(f"{path} cannot be written: {failed.strerror}.", "Choose another place for it.") from failed
    return path


def read_truth(path: Path) -> Truth:
    try:
        return Truth.model_validate_json(path.read_text(encoding="utf-8"))
    except FileNotFoundError as missing:
        raise PlanError(
            f"There is no truth at {path}.", "`reelweave scramble VIDEO -o OUT --truth FILE` writes one."
        ) from missing
    except (ValidationError, UnicodeDecodeError, OSError) as bad:
        raise PlanError(f"{path} is not a truth file that can be used: {first_problem(bad)}") from bad

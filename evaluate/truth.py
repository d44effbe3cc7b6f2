"""The truth of a scrambled video: the source frame that each of its frames shows."""

import json
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from ..errors import PlanError, command
from ..media.files import atomic
from ..media.untrusted import MEGABYTE, UntrustedError, read_json
from ..solve.plan.files import first_problem
from ..solve.plan.model import Rate

TRUTH_FORMAT: Literal["reelweave.truth/1"] = "reelweave.truth/1"
FOREIGN = -1

Frame = Annotated[int, Field(ge=FOREIGN, lt=2**31)]
_MOST_BYTES = 64 * MEGABYTE
"""Bounds a file; the truth of a million frames, with ties and films, fits."""


class Noise(BaseModel):
    """The noise added to the luma of every frame."""

    model_config = ConfigDict(frozen=True)

    salt_pepper: float = Field(default=0.0, ge=0, le=1)
    gaussian: float = Field(default=0.0, ge=0)


class Mixed(BaseModel):
    """Another clip in the scrambled video; its keys mean what those of the truth mean for the first clip."""

    model_config = ConfigDict(frozen=True)

    source: str
    source_sha256: str = ""
    first: int = Field(default=0, ge=0, lt=2**31)
    ties: list[Frame] = []
    shots: list[Frame] = []


class Truth(BaseModel):
    """The truth. Frames are indices in their source clip, places are indices in the scrambled video."""

    model_config = ConfigDict(frozen=True)

    format: Literal["reelweave.truth/1"] = TRUTH_FORMAT
    source: str
    source_sha256: str = ""
    seed: int = 0
    fps: Rate
    first: int = Field(default=0, ge=0, lt=2**31)
    frames: list[Frame]
    """For each frame of the scrambled video, the source frame it shows, or -1 for a foreign one."""
    ties: list[Frame] = []
    """For each source frame from `first` on, the earliest frame that shows the same picture; empty if all differ."""
    shots: list[Frame] = []
    """The first source frame of each shot; empty if the clip is one shot."""
    noise: Noise = Noise()
    damage: dict[str, list[int]] = {}
    """For each kind of damage, the places that are damaged."""
    severity: dict[str, int] = {}
    """For each kind of damage, how severe it is, from 1 to 3; 2 where it is not named."""
    masks: str = ""
    """The file of the masks of the damaged frames, in the folder of the truth."""
    crf: int = Field(default=0, ge=0, le=51)
    mixed: list[Mixed] = []
    """The other clips."""
    films: list[int] = []
    """For each frame its clip: 0 the source, then those of `mixed`, -1 foreign; empty if there is one clip."""

    @model_validator(mode="after")
    def _check_consistency(self) -> Self:
        if self.films or self.mixed:
            self._check_films()
        clips: list[Truth | Mixed] = [self, *self.mixed]
        indices: list[list[int]] = [[] for _ in clips]
        for place, frame in enumerate(self.frames):
            if (film := self.film_at(place)) != FOREIGN:
                indices[film].append(frame)
        for clip, frames in zip(clips, indices, strict=True):
            _check_clip(clip, frames)
        for kind, places in self.damage.items():
            if any(not 0 <= place < len(self.frames) for place in places):
                raise ValueError(f"damage: {kind} names a place that is not among the frames")
        return self

    def _check_films(self) -> None:
        if len(self.films) != len(self.frames):
            raise ValueError("films needs one value for each of frames")
        if any((film == FOREIGN) != (frame == FOREIGN) for film, frame in zip(self.films, self.frames, strict=True)):
            raise ValueError("films and frames disagree on which frames are foreign")
        if not all(FOREIGN <= film <= len(self.mixed) for film in self.films):
            raise ValueError(f"films names a clip that is not there: 0 to {len(self.mixed)} are")

    def picture_of(self, frame: int) -> int:
        """Return the earliest frame that looks the same as a source frame."""
        return self.ties[frame - self.first] if self.ties else frame

    @property
    def clips(self) -> int:
        """The number of clips."""
        return 1 + len(self.mixed)

    def film_at(self, place: int) -> int:
        """Return the clip of a frame, or -1."""
        return self.films[place] if self.films else FOREIGN if self.frames[place] == FOREIGN else 0

    def of_film(self, film: int) -> "Truth":
        """Return the truth of one clip, to which the frames of all others are foreign."""
        frames = [f if self.film_at(place) == film else FOREIGN for place, f in enumerate(self.frames)]
        own = self.mixed[film - 1].model_dump() if film else {}
        kept = self.model_dump(exclude={"mixed", "films", "frames"})
        return Truth(**(kept | own), frames=frames)

    @property
    def foreign(self) -> list[int]:
        """The places of foreign frames."""
        return [place for place, frame in enumerate(self.frames) if frame == FOREIGN]

    @property
    def broken(self) -> list[int]:
        """The places with damage of any kind."""
        return sorted({place for places in self.damage.values() for place in places})

    def without(self, places: Collection[int]) -> "Truth":
        """Return the truth with some places made foreign."""
        if not places:
            return self
        frames = [FOREIGN if place in places else frame for place, frame in enumerate(self.frames)]
        films = [FOREIGN if place in places else film for place, film in enumerate(self.films)]
        return self.model_copy(update={"frames": frames, "films": films})


def _check_clip(clip: Truth | Mixed, indices: Sequence[int]) -> None:
    if len(set(indices)) < len(indices):
        raise ValueError("a source frame appears more than once in frames")
    if indices and min(indices) < clip.first:
        raise ValueError(f"frame {min(indices)} comes before the first one, {clip.first}")
    if clip.ties and indices and max(indices) >= clip.first + len(clip.ties):
        raise ValueError(f"ties says nothing of frame {max(indices)}")


def write_truth(truth: Truth, path: Path) -> Path:
    """Write a truth atomically, one key per line.

    Raises:
        PlanError: The file cannot be written.
    """
    rows = (f"  {json.dumps(key)}: {json.dumps(value)}" for key, value in truth.model_dump(mode="json").items())
    try:
        with atomic(path) as part:
            part.write_text("{\n" + ",\n".join(rows) + "\n}\n", encoding="utf-8")
    except OSError as failed:
        raise PlanError(f"{path} cannot be written: {failed.strerror}.", "Choose another file.") from failed
    return path


def read_truth(path: Path) -> Truth:
    """Read a truth.

    Raises:
        PlanError: The file is missing, unreadable or invalid.
    """
    try:
        return Truth.model_validate(read_json(path, _MOST_BYTES))
    except FileNotFoundError as missing:
        raise PlanError(
            f"There is no truth file {path}.", f"Write one with scramble --truth: see {command('scramble', '--help')}."
        ) from missing
    except UntrustedError as bad:
        raise PlanError(f"{path} is not a truth file: it {bad}.") from bad
    except (ValidationError, OSError) as bad:
        raise PlanError(f"{path} is not a truth file: {first_problem(bad)}") from bad

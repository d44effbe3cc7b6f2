"""The truth about a scrambled video: where each of its frames came from."""

import json
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from ..errors import PlanError, command
from ..files import atomic
from ..solve.plan import Rate, first_problem
from ..untrusted import MEGABYTE, UntrustedError, read_json

TRUTH_FORMAT: Literal["reelweave.truth/1"] = "reelweave.truth/1"
FOREIGN = -1

Frame = Annotated[int, Field(ge=FOREIGN, lt=2**31)]
_MOST_BYTES = 64 * MEGABYTE
"""Of a truth about a million frames, with ties and films."""


class Noise(BaseModel):
    """What was done to the luma of every frame."""

    model_config = ConfigDict(frozen=True)

    salt_pepper: float = Field(default=0.0, ge=0, le=1)
    gaussian: float = Field(default=0.0, ge=0)


class Mixed(BaseModel):
    """A further clip whose frames are in the scrambled video; its keys mean what the truth's own mean of the first."""

    model_config = ConfigDict(frozen=True)

    source: str
    source_sha256: str = ""
    first: int = Field(default=0, ge=0, lt=2**31)
    ties: list[Frame] = []
    shots: list[Frame] = []


class Truth(BaseModel):
    """Frames are named by their index in their own source clip, places by their index in the scrambled video."""

    model_config = ConfigDict(frozen=True)

    format: Literal["reelweave.truth/1"] = TRUTH_FORMAT
    source: str
    source_sha256: str = ""
    seed: int = 0
    fps: Rate
    first: int = Field(default=0, ge=0, lt=2**31)
    frames: list[Frame]
    """For each frame of the scrambled video the source frame it shows, or -1 for a foreign one."""
    ties: list[Frame] = []
    """For each source frame from `first` on, the earliest frame that shows the same picture; empty: all differ."""
    shots: list[Frame] = []
    """The first source frame of each shot; empty: the clip has one."""
    noise: Noise = Noise()
    damage: dict[str, list[int]] = {}
    """For each kind of damage the places that suffered it."""
    crf: int = Field(default=0, ge=0, le=51)
    mixed: list[Mixed] = []
    """The clips that were mixed with the source."""
    films: list[int] = []
    """For each frame its clip: 0 the source, then those of `mixed`, -1 none; empty: there is one clip."""

    @model_validator(mode="after")
    def _one_story(self) -> Self:
        if self.films or self.mixed:
            self._check_films()
        clips: list[Truth | Mixed] = [self, *self.mixed]
        shown: list[list[int]] = [[] for _ in clips]
        for place, frame in enumerate(self.frames):
            if (film := self.film_at(place)) != FOREIGN:
                shown[film].append(frame)
        for clip, frames in zip(clips, shown, strict=True):
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
        """The name that a source frame shares with every frame that looks the same."""
        return self.ties[frame - self.first] if self.ties else frame

    @property
    def clips(self) -> int:
        """How many films were mixed."""
        return 1 + len(self.mixed)

    def film_at(self, place: int) -> int:
        """The clip that a frame is from, or -1."""
        return self.films[place] if self.films else FOREIGN if self.frames[place] == FOREIGN else 0

    def of_film(self, film: int) -> "Truth":
        """The truth as one of the films has it, to which the frames of all others are foreign."""
        frames = [f if self.film_at(place) == film else FOREIGN for place, f in enumerate(self.frames)]
        own = self.mixed[film - 1].model_dump() if film else {}
        kept = self.model_dump(exclude={"mixed", "films", "frames"})
        return Truth(**(kept | own), frames=frames)

    @property
    def foreign(self) -> list[int]:
        """The places that hold foreign frames."""
        return [place for place, frame in enumerate(self.frames) if frame == FOREIGN]

    @property
    def broken(self) -> list[int]:
        """The places that suffered damage of any kind."""
        return sorted({place for places in self.damage.values() for place in places})

    def without(self, places: Collection[int]) -> "Truth":
        """The truth about a film that these frames are no part of."""
        if not places:
            return self
        frames = [FOREIGN if place in places else frame for place, frame in enumerate(self.frames)]
        films = [FOREIGN if place in places else film for place, film in enumerate(self.films)]
        return self.model_copy(update={"frames": frames, "films": films})


def _check_clip(clip: Truth | Mixed, shown: Sequence[int]) -> None:
    if len(set(shown)) < len(shown):
        raise ValueError("a source frame appears more than once in frames")
    if shown and min(shown) < clip.first:
        raise ValueError(f"frame {min(shown)} comes before the first one, {clip.first}")
    if clip.ties and shown and max(shown) >= clip.first + len(clip.ties):
        raise ValueError(f"ties says nothing of frame {max(shown)}")


def write_truth(truth: Truth, path: Path) -> Path:
    """Write one fact a line, whole or not at all."""
    rows = (f"  {json.dumps(key)}: {json.dumps(value)}" for key, value in truth.model_dump(mode="json").items())
    try:
        with atomic(path) as part:
            part.write_text("{\n" + ",\n".join(rows) + "\n}\n", encoding="utf-8")
    except OSError as failed:
        raise PlanError(f"{path} cannot be written: {failed.strerror}.", "Choose another place for it.") from failed
    return path


def read_truth(path: Path) -> Truth:
    try:
        return Truth.model_validate(read_json(path, _MOST_BYTES))
    except FileNotFoundError as missing:
        raise PlanError(
            f"There is no truth at {path}.", f"scramble --truth writes one: see {command('scramble', '--help')}."
        ) from missing
    except UntrustedError as bad:
        raise PlanError(f"{path} is not a truth file that can be used: it {bad}.") from bad
    except (ValidationError, OSError) as bad:
        raise PlanError(f"{path} is not a truth file that can be used: {first_problem(bad)}") from bad

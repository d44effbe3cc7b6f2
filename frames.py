"""The types that travel between rooms."""

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from .errors import command

Picture: TypeAlias = npt.NDArray[np.uint8]
"""Height x width x 3, blue-green-red, as OpenCV has it."""

MOST_PIXELS = 200_000_000
"""The largest picture that is decoded: as large as any camera makes them, and 600 MB in memory."""

Floats: TypeAlias = npt.NDArray[np.float32]
Ints: TypeAlias = npt.NDArray[np.int64]

Measures: TypeAlias = tuple[float, float, float, float]
"""What motion between two frames was measured to be: what is left once one is bent onto the other, how rough
the bending is, and what is left seen from afar and in patches brought to equal contrast."""

Motion: TypeAlias = dict[str, dict[tuple[int, int], Measures]]
"""For each way of looking, the measures of pairs of frames by their indices, the smaller first."""


@dataclass(frozen=True)
class Frame:
    """One decoded frame: its place in decode order and its own timestamp in seconds."""

    index: int
    time: float
    picture: Picture


@dataclass(frozen=True)
class SourceInfo:
    """What a source says of itself before anything is decoded."""

    kind: Literal["video", "pictures"]
    width: int
    height: int
    fps: Fraction
    pixel_format: str
    frames_hint: int | None
    has_audio: bool
    audio_tracks: int = 0


@dataclass(frozen=True)
class Space:
    """The identity of an embedding space: vectors of different identities never mix."""

    name: str
    model: str
    weights: str
    preprocessing: str
    dimension: int


@dataclass(frozen=True)
class SpaceState:
    """How far a video has been embedded in one space, and what the next run needs to go on from there."""

    space: Space
    vectors: int = 0
    complete: bool = False
    last_frame: int = -1
    distinct_row: int = -1
    distinct_frame: int = -1
    """The last frame that repeats none before it."""
    way: str = "exact"
    """How vectors were made, where not all of them exactly."""
    cosine: float = 1.0
    """The lowest cosine to an exact vector, of those that were looked at."""


@dataclass(frozen=True)
class VideoRecord:
    """What the catalog knows of a video without opening its vectors."""

    id: str
    name: str
    source: str
    sha256: str
    stamp: str
    """Size and modification time of the source: while they stand, its content is not read again."""
    kind: Literal["video", "pictures"]
    fps: float
    width: int
    height: int
    sampled_fps: float
    """Frames a second that were looked at; 0 is every frame."""
    short_side: int
    proxy_width: int
    proxy_height: int
    frames: int = 0
    """Frames kept, each with a proxy."""
    seconds: float = 0.0
    complete: bool = False
    problems: tuple[str, ...] = ()
    """What the decoder complained of."""


def ingest_command(video: VideoRecord, space: str | None = None) -> str:
    """The command that takes in a video's source as it was sampled before; otherwise all of it would be made anew."""
    sampling = ("--fps", f"{video.sampled_fps:g}" if video.sampled_fps else "all", "--size", str(video.short_side))
    return command("ingest", Path(video.source), *sampling, *(["--space", space] if space else []))


@dataclass(frozen=True)
class FrameRows:
    """Frames of one video in one space, in the order of their indices; row r of every array is one frame."""

    indices: Ints
    times: npt.NDArray[np.float64]
    sharpness: Floats
    luma: Floats
    duplicate_of: Ints
    """The frame that this one repeats, or -1."""
    vectors: Floats

    def __len__(self) -> int:
        return len(self.indices)

    @property
    def gaps(self) -> bool:
        """Whether frames of the source were passed over, or could not be read."""
        return len(self) > 0 and int(self.indices[-1]) != len(self) - 1


@dataclass(frozen=True)
class NeighbourGraph:
    """The k nearest frames of every frame, nearest first, as chords between unit vectors (0 same, 1.41 unrelated)."""

    indices: Ints
    distances: Floats

    def __len__(self) -> int:
        return len(self.indices)

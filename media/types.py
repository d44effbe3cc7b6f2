"""Data types shared by all packages: frames, sources, spaces, videos and neighbour graphs."""

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from ..errors import command

Picture: TypeAlias = npt.NDArray[np.uint8]
"""Height x width x 3 in BGR, the order of OpenCV."""

MOST_PIXELS = 200_000_000
"""Limit of a decoded picture: as large as any camera makes them, and 600 MB in memory."""

Floats: TypeAlias = npt.NDArray[np.float32]
Ints: TypeAlias = npt.NDArray[np.int64]
Mask: TypeAlias = npt.NDArray[np.bool_]
"""Which pixels of a picture are meant."""

Measures: TypeAlias = tuple[float, float, float, float]
"""Motion measured between two frames: the residual after warping one onto the other, the roughness of the flow, and
the residual at low resolution and in patches of equal contrast."""

Motion: TypeAlias = dict[str, dict[tuple[int, int], Measures]]
"""For each view, the measures of pairs of frames; the smaller index of a pair comes first."""


@dataclass(frozen=True)
class Frame:
    """A decoded frame, its index in decode order and its timestamp in seconds."""

    index: int
    time: float
    picture: Picture


@dataclass(frozen=True)
class SourceInfo:
    """Properties of a source that are known before it is decoded."""

    kind: Literal["video", "pictures"]
    width: int
    height: int
    fps: Fraction
    pixel_format: str
    frames_hint: int | None
    has_audio: bool
    audio_tracks: int = 0
    recorded: str = ""
    """When the container says that it was made, in ISO 8601."""


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
    """How far a video has been embedded in a space, and what the next run needs to continue."""

    space: Space
    vectors: int = 0
    complete: bool = False
    last_frame: int = -1
    distinct_row: int = -1
    distinct_frame: int = -1
    """The last frame that does not repeat an earlier one."""
    way: str = "exact"
    """The precision at which the least exact vectors were made."""
    cosine: float = 1.0
    """The lowest cosine between a vector and its exact version, among those compared."""


@dataclass(frozen=True)
class VideoRecord:
    """The catalog's record of a video, read without opening its vectors."""

    id: str
    name: str
    source: str
    sha256: str
    stamp: str
    """Size and modification time of the source; while they stay the same, its content is not read again."""
    kind: Literal["video", "pictures"]
    fps: float
    width: int
    height: int
    sampled_fps: float
    """Frames a second that were sampled; 0 means every frame."""
    short_side: int
    proxy_width: int
    proxy_height: int
    frames: int = 0
    """Number of frames kept, each with a proxy."""
    seconds: float = 0.0
    complete: bool = False
    problems: tuple[str, ...] = ()
    """Errors of the decoder."""
    decoder: str = ""
    """The build of ffmpeg that decoded the frames, as builds decode damaged streams differently; empty before 0.2."""
    recorded: str = ""
    """When the source says that it was made, in ISO 8601; empty if it does not, and before 0.2."""


def ingest_command(video: VideoRecord, space: str | None = None) -> str:
    """Return the command that ingests a video with the sampling of the last run, so that finished work is reused."""
    sampling = ("--fps", f"{video.sampled_fps:g}" if video.sampled_fps else "all", "--size", str(video.short_side))
    return command("ingest", Path(video.source), *sampling, *(["--space", space] if space else []))


@dataclass(frozen=True)
class FrameRows:
    """Frames of a video in one space, sorted by index; row r of every array belongs to the same frame."""

    indices: Ints
    times: npt.NDArray[np.float64]
    sharpness: Floats
    luma: Floats
    duplicate_of: Ints
    """The earlier frame that this one repeats, or -1."""
    vectors: Floats

    def __len__(self) -> int:
        return len(self.indices)

    @property
    def gaps(self) -> bool:
        """Whether frames of the source were skipped or unreadable."""
        return len(self) > 0 and int(self.indices[-1]) != len(self) - 1

    def part(self, rows: slice | Ints) -> "FrameRows":
        """Return some of the rows, by a slice or by their numbers."""
        return FrameRows(**{name: values[rows] for name, values in vars(self).items()})


FRAME_COLUMNS = {
    "frame": ("indices", np.int64),
    "time": ("times", np.float64),
    "sharpness": ("sharpness", np.float32),
    "luma": ("luma", np.float32),
    "duplicate_of": ("duplicate_of", np.int64),
}
"""Keys of a frame in the store and in exports, each with the column of FrameRows and the type of its values."""


@dataclass(frozen=True)
class NeighbourGraph:
    """The k nearest frames of every frame, nearest first.

    Distances are chords between unit vectors: 0 for equal, 1.41 for unrelated frames.
    """

    indices: Ints
    distances: Floats

    def __len__(self) -> int:
        return len(self.indices)

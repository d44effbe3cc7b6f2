"""The content of a report: what the caller has selected for the page and its pictures."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from ...media.types import Floats, Picture


@dataclass(frozen=True)
class DroppedFrame:
    """A dropped frame, the reason, and its nearest frames as (frame, distance)."""

    thumbnail: Picture
    frame: int
    reason: str
    score: float
    neighbours: Sequence[tuple[int, float]] = ()


@dataclass(frozen=True)
class FrameThumbnail:
    """A frame with its index and its time in the source."""

    thumbnail: Picture
    frame: int
    time: float


@dataclass(frozen=True)
class ShotStrip:
    """A shot by its number, counted from 1; `start` and `seconds` are positions in the film."""

    number: int
    frames: int
    start: float
    seconds: float
    pictures: Sequence[FrameThumbnail]
    order: str = ""
    """Why its order is undetermined, if it is."""


@dataclass(frozen=True)
class JoinAlternative:
    """A frame that could have come `after` the left one of a join, or `before` the right one."""

    side: Literal["after", "before"]
    shown: FrameThumbnail
    price: float


@dataclass(frozen=True)
class WeakJoinRow:
    """A weak join at a time of the film; prices are multiples of the median join. A cut has no confidence."""

    at: int
    time: float
    confidence: float | None
    price: float
    left: FrameThumbnail
    right: FrameThumbnail
    choices: Sequence[JoinAlternative] = ()


@dataclass(frozen=True)
class JoinPrices:
    """The price of every join, the positions of cuts, and the weak joins that are shown."""

    prices: Sequence[float] = ()
    cuts: Sequence[int] = ()
    weak: Sequence[WeakJoinRow] = ()
    weak_count: int = 0
    solve_command: str = ""
    """The command line that solves the video again."""
    has_determined: bool = True
    """Whether the pictures favour any order at all."""


@dataclass(frozen=True)
class Report:
    """The content of the page. The caller selects the thumbnails and thins the distances to 1000 frames or fewer."""

    video: str
    summary: Sequence[tuple[str, str]]
    before: Sequence[Picture]
    before_captions: Sequence[str]
    after: Sequence[Picture]
    after_captions: Sequence[str]
    distances_before: Floats
    distances_after: Floats
    dropped: Sequence[DroppedFrame] = ()
    joins: JoinPrices = JoinPrices()
    shots: Sequence[ShotStrip] = ()
    shot_count: int = 0

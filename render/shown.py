"""What a report shows, as its caller has chosen it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from ..frames import Floats, Picture


@dataclass(frozen=True)
class DroppedFrame:
    """A frame left out, why, and the nearest frames as (frame, distance)."""

    thumbnail: Picture
    frame: int
    reason: str
    score: float
    neighbours: Sequence[tuple[int, float]] = ()


@dataclass(frozen=True)
class Shown:
    """A frame by its index in the source and its time there."""

    thumbnail: Picture
    frame: int
    time: float


@dataclass(frozen=True)
class ShotStrip:
    """A shot by its number, from 1 up; `start` and `seconds` are of the film."""

    number: int
    frames: int
    start: float
    seconds: float
    pictures: Sequence[Shown]


@dataclass(frozen=True)
class Choice:
    """A frame that could have come `after` the left one of a join, or `before` the right one."""

    side: Literal["after", "before"]
    shown: Shown
    price: float


@dataclass(frozen=True)
class WeakRow:
    """A weak join at a time of the film; prices are multiples of the film's median join. A cut has no confidence."""

    at: int
    time: float
    confidence: float | None
    price: float
    left: Shown
    right: Shown
    choices: Sequence[Choice] = ()


@dataclass(frozen=True)
class Joins:
    """The price of every join, the places of cuts among them, and the weak ones that are shown out of all."""

    prices: Sequence[float] = ()
    cuts: Sequence[int] = ()
    weak: Sequence[WeakRow] = ()
    weak_in_all: int = 0
    solving: str = ""
    """The command line that solves the video again."""
    decided: bool = True
    """Whether anything speaks for the order of any two frames."""


@dataclass(frozen=True)
class Report:
    """What the page shows; the caller has chosen the thumbnails and thinned the distances to 1000 frames or fewer."""

    video: str
    summary: Sequence[tuple[str, str]]
    before: Sequence[Picture]
    before_captions: Sequence[str]
    after: Sequence[Picture]
    after_captions: Sequence[str]
    distances_before: Floats
    distances_after: Floats
    dropped: Sequence[DroppedFrame] = ()
    joins: Joins = Joins()
    shots: Sequence[ShotStrip] = ()
    shots_in_all: int = 0

"""An edit list: stretches of sources in play order, forwards or backwards, in exact times."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cached_property
from itertools import accumulate
from pathlib import Path
from typing import Any

from ...media.rates import is_steady

TICKS = 90_000
"""Ticks a second to which times of sources of a variable rate are rounded: the clock of MPEG, which counts whole
milliseconds as well."""


@dataclass(frozen=True)
class Media:
    """A source of edits: its identity, and when each of its frames is shown."""

    path: str
    """Its path; empty for a video that was imported without its source."""
    name: str
    rate: Fraction
    frames: int
    width: int
    height: int
    facts: Mapping[str, Any] = field(default_factory=dict)
    """What identifies it to Reelweave: `id` and `sha256`."""
    starts: Mapping[int, Fraction] | None = None
    """When each known frame begins, in seconds from the first, unless the frame rate is constant."""

    def start(self, frame: int) -> Fraction:
        """Return when a frame begins, in seconds from the first frame."""
        return frame / self.rate if self.starts is None else self.starts[frame]

    def end(self, frame: int) -> Fraction:
        """Return when a frame ends, which is when the next one begins; the last lasts as long as an average frame."""
        if self.starts is None:
            return (frame + 1) / self.rate
        return self.starts.get(frame + 1, self.starts[frame] + 1 / self.rate)

    @cached_property
    def duration(self) -> Fraction:
        if self.starts is None:
            return self.frames / self.rate
        return self.end(max(self.starts, default=0)) if self.starts else Fraction(0)

    @property
    def uri(self) -> str:
        """The source as a URI; editors find it by this."""
        return Path(self.path).absolute().as_uri() if self.path else ""


def media_starts(indices: Sequence[int], times: Sequence[float], rate: Fraction) -> dict[int, Fraction] | None:
    """Return when each frame begins, in seconds from the first one; None if a constant rate says as much."""
    if not len(times) or is_steady(indices, times, rate):
        return None
    zero = times[0] - float(indices[0] / rate)
    return {
        int(frame): Fraction(round((time - zero) * TICKS), TICKS) for frame, time in zip(indices, times, strict=True)
    }


@dataclass(frozen=True)
class Edit:
    """A stretch of consecutive frames of a source, from `first` to `last`, played backwards if `reverse`."""

    media: Media
    first: int
    last: int
    reverse: bool = False
    name: str = ""
    note: str = ""
    facts: Mapping[str, Any] = field(default_factory=dict)
    """What else is known of it, for programs: `shot`, `score` and the like."""

    @property
    def frames(self) -> list[int]:
        """The frames in play order."""
        return list(range(self.first, self.last + 1))[:: -1 if self.reverse else 1]

    @property
    def start(self) -> Fraction:
        return self.media.start(self.first)

    @property
    def end(self) -> Fraction:
        return self.media.end(self.last)

    @property
    def duration(self) -> Fraction:
        return self.end - self.start

    @property
    def label(self) -> str:
        return self.name or self.media.name


@dataclass(frozen=True)
class EditList:
    """The edits of a film in play order, its title, and the frame rate of its timeline."""

    title: str
    rate: Fraction
    edits: Sequence[Edit]

    @property
    def positions(self) -> list[Fraction]:
        """When each edit begins in the film, in seconds, and when the last one ends."""
        return list(accumulate((edit.duration for edit in self.edits), initial=Fraction(0)))

    @property
    def sources(self) -> list[Media]:
        """The sources, in the order of their first use."""
        return list({id(edit.media): edit.media for edit in self.edits}.values())


def runs(frames: Iterable[int]) -> Iterator[tuple[int, int, bool]]:
    """Join consecutive frames, rising or falling; yield the lowest and the highest of each run, and if it falls."""
    first = last = step = None
    for frame in frames:
        if first is None or last is None:
            first = last = frame
        elif frame - last in (1, -1) and step in (None, frame - last):
            last, step = frame, frame - last
        else:
            yield min(first, last), max(first, last), step == -1
            first, last, step = frame, frame, None
    if first is not None and last is not None:
        yield min(first, last), max(first, last), step == -1

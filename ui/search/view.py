"""Search results as a gallery of buttons, each of which plays what it shows."""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path

from ...media.timecode import clock
from ...media.types import Picture
from ...search.finder import SearchResult
from ...search.results import Hit, Moment
from .. import html


@dataclass(frozen=True)
class ShownResult:
    """A search result with its thumbnails, and the folder of the files made from it."""

    result: SearchResult
    thumbnails: tuple[Picture, ...]
    folder: Path

    @property
    def items(self) -> Sequence[Hit | Moment]:
        return self.result.moments or self.result.hits


def gallery(shown: ShownResult) -> str:
    """Show all hits or moments, best score first."""
    cells = "".join(_cell(number, *pair) for number, pair in enumerate(zip(shown.items, shown.thumbnails, strict=True)))
    return f'<ol class="rw-hits">{cells}</ol>'


def summary(shown: ShownResult) -> str:
    """Say how many items match, how they were compared and above which score."""
    result, count = shown.result, len(shown.items)
    noun = "clip" if result.moments else "matching frame"
    space = {"clip": "by content", "appearance": "visual similarity"}.get(result.space, result.space)
    above = f", score {result.threshold:.3f} or more" if result.threshold is not None else ""
    return f"{html.plural(count, noun)} ({space}{above}). Click one to play it."


def time_range(item: Hit | Moment) -> str:
    if isinstance(item, Moment):
        return f"{clock(item.start)} to {clock(item.end)}"
    return clock(item.time)


def _cell(number: int, item: Hit | Moment, thumbnail: Picture) -> str:
    label = f"play {item.name} at {time_range(item)}, score {item.score:.2f}"
    return (
        f'<li><button type="button" class="rw-hit" data-act="play" data-on="{number}" aria-label="{escape(label)}">'
        f'<img src="{html.data_url(thumbnail)}" alt=""><span class="rw-hit-time">{time_range(item)}</span>'
        f'<span class="rw-hit-score">{item.score:.2f}</span>'
        f'<span class="rw-hit-name">{escape(item.name)}</span></button></li>'
    )

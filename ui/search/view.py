"""What a search found, as a gallery of buttons: each plays its place."""

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
class SearchAnswers:
    """One answer on one page, with its small pictures, and the folder of what is made of it."""

    found: SearchResult
    pictures: tuple[Picture, ...]
    folder: Path

    @property
    def shown(self) -> Sequence[Hit | Moment]:
        return self.found.moments or self.found.hits


def gallery(answers: SearchAnswers) -> str:
    """All of it in the order of its scores."""
    cells = "".join(
        _cell(number, *pair) for number, pair in enumerate(zip(answers.shown, answers.pictures, strict=True))
    )
    return f'<ol class="rw-hits">{cells}</ol>'


def told(answers: SearchAnswers) -> str:
    """How much was found, and where it was looked for."""
    found = answers.found
    what = "moment" if found.moments else "frame"
    count = len(answers.shown)
    over = f", {found.threshold:.3f} or more" if found.threshold is not None else ""
    looks = {"clip": "what is in the picture", "appearance": "looks"}.get(found.space, found.space)
    return f"{count} {what}{'s' * (count != 1)} by {looks}{over}. Click one to play it."


def place(answer: Hit | Moment) -> str:
    if isinstance(answer, Moment):
        return f"{clock(answer.start)} to {clock(answer.end)}"
    return clock(answer.time)


def _cell(number: int, answer: Hit | Moment, picture: Picture) -> str:
    label = f"play {answer.name} at {place(answer)}, score {answer.score:.2f}"
    return (
        f'<li><button type="button" class="rw-hit" data-act="play" data-on="{number}" aria-label="{escape(label)}">'
        f'<img src="{html.picture(picture)}" alt=""><span class="rw-hit-time">{place(answer)}</span>'
        f'<span class="rw-hit-score">{answer.score:.2f}</span>'
        f'<span class="rw-hit-name">{escape(answer.name)}</span></button></li>'
    )

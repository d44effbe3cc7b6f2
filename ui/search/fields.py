"""The fields of a search: read from the tab or from an address, checked, and turned into a question."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, Self, TypeVar
from urllib.parse import parse_qs, urlencode

from pydantic import BaseModel, ConfigDict, Field

from ...errors import UsageError
from ...media.timecode import read_clock, read_dates
from ...media.untrusted import UntrustedError, validate
from ...search.question import Question, read_near, read_threshold
from ..strings import STRINGS

_LONGEST_LINK = 8_000
"""Characters of an address; browsers send more, but no search needs them."""
_MOST_RESULTS = 1000
"""Results of one search, each with pictures on the page."""
_LISTS = ("videos",)

_Value = TypeVar("_Value")


class SearchFields(BaseModel):
    """What the fields of the tab hold, but for the query picture. Empty fields ask for nothing."""

    model_config = ConfigDict(extra="forbid")

    text: str = ""
    near: str = ""
    """A frame of the library, as VIDEO@TIME; only searched for if there is neither a text nor a picture."""
    videos: tuple[str, ...] = ()
    name: str = ""
    """A part of the names of more videos, or a pattern that they fit."""
    after: str = ""
    before: str = ""
    since: str = ""
    until: str = ""
    min_length: str = ""
    max_length: str = ""
    count: int = Field(0, ge=0, le=_MOST_RESULTS)
    """0 for as many as the settings say."""
    threshold: str = ""
    moments: bool = False
    space: str = ""

    @classmethod
    def of_link(cls, link: str) -> Self:
        """Read what `link` wrote.

        Raises:
            UsageError: The text comes from elsewhere.
        """
        try:
            values = parse_qs(link[:_LONGEST_LINK], max_num_fields=100)
            return validate(cls, {key: value if key in _LISTS else value[-1] for key, value in values.items()})
        except (UntrustedError, ValueError) as bad:
            raise UsageError(*STRINGS.errors.no_search) from bad

    @property
    def link(self) -> str:
        """The fields that are not empty, in the form of a query string."""
        given: dict[str, Any] = self.model_dump(exclude_defaults=True)
        return urlencode({key: int(value) if value is True else value for key, value in given.items()}, doseq=True)

    def question(self, picture: Path | None) -> Question:
        """Return the question that the fields and a picture ask.

        Raises:
            UsageError: They ask nothing, or a field cannot be read.
        """
        text = self.text.strip()
        if text and any(term.picture for term in Question(text=text).terms):
            raise UsageError(*STRINGS.errors.picture_in_text)
        near = "" if text or picture else self.near
        if not (text or picture or near):
            raise UsageError(*STRINGS.errors.empty_search)
        return Question(
            text=text,
            image=picture,
            near=_given(read_near, near),
            space=self.space or None,
            videos=tuple(filter(None, (*self.videos, self.name.strip()))),
            after=_given(read_clock, self.after),
            before=_given(read_clock, self.before),
            since=_given(lambda text: read_dates(text)[0], self.since),
            until=_given(lambda text: read_dates(text)[1], self.until),
            min_length=_given(read_clock, self.min_length),
            max_length=_given(read_clock, self.max_length),
            count=self.count or None,
            threshold=read_threshold(self.threshold or None),
            moments=self.moments,
        )


def _given(read: Callable[[str], _Value], text: str) -> _Value | None:
    return read(text) if text.strip() else None

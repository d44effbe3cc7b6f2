"""The result of a repair, which shows and converts itself."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from ..render.report.charts import timeline
from ..repair.survey import RepairResult
from .html import render, rgb
from .session import Picture
from .tables import Table

_COLUMNS = ("frame", "class", "score", "evidence", "method", "why", "region")


class RepairedVideo(Table):
    """The broken frames of a video, and how each was replaced.

    It iterates over the broken frames; as a table it has one row for each of them.
    """

    def __init__(self, result: RepairResult) -> None:
        self.result = result
        """The verdict and the replacement of each broken frame, and all scores."""

    @property
    def frames(self) -> list[int]:
        """The broken frames."""
        return [verdict.frame for verdict, _ in self.result.found]

    @property
    def scores(self) -> Sequence[float]:
        """The score of every frame of the video; one half and more is broken."""
        return self.result.scores

    @property
    def output(self) -> Path | None:
        """The repaired film; None if none was written."""
        return Path(self.result.output) if self.result.output else None

    def score_chart(self) -> Picture:
        """Draw the score of every frame, broken frames in another colour."""
        return rgb(timeline(self.scores, set(self.frames)))

    def columns(self) -> Mapping[str, list[Any]]:
        """Return the columns of the table, as `repair --json` names them."""
        rows = self.result.data()["frames"]
        return {name: [row[name] for row in rows] for name in _COLUMNS}

    def __iter__(self) -> Iterator[int]:
        return iter(self.frames)

    def __len__(self) -> int:
        return len(self.result.found)

    def __bool__(self) -> bool:
        """A result is true even if nothing was broken."""
        return True

    def __repr__(self) -> str:
        return f"RepairedVideo({Path(self.result.video).name!r}, {len(self)} of {len(self.scores)} frames broken)"

    def _repr_html_(self) -> str:
        chart = timeline(self.scores, set(self.frames))
        return render("repaired", Path(self.result.video).name, len(self), len(self.scores), chart)

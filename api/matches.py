"""The result of a search: hits or moments that show, export and convert themselves."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields, replace
from pathlib import Path
from typing import Any, overload

from ..index.library import open_library
from ..media.timecode import clock
from ..media.types import Picture as Bgr
from ..search.export import ExportOptions, export_found, small_pictures
from ..search.finder import SearchResult
from ..search.results import Hit, Moment
from .html import render, rgb
from .session import File, Picture, Session, path_of
from .tables import Table

_SHOWN = 60
"""Most pictures that are shown; the rest are counted."""


class Matches(Sequence[Hit | Moment], Table):
    """The hits of a search, or its moments, best first."""

    def __init__(self, session: Session, found: SearchResult) -> None:
        self._session, self.found = session, found
        self.space = found.space
        """The space that was searched."""
        self.threshold = found.threshold
        """The least score; None if there was none."""

    @property
    def rows(self) -> Sequence[Hit | Moment]:
        """The hits or moments as a list."""
        return self.found.moments or self.found.hits

    @overload
    def __getitem__(self, place: int) -> Hit | Moment: ...

    @overload
    def __getitem__(self, place: slice) -> Sequence[Hit | Moment]: ...

    def __getitem__(self, place: int | slice) -> Hit | Moment | Sequence[Hit | Moment]:
        return self.rows[place]

    def __len__(self) -> int:
        return len(self.rows)

    def __iter__(self) -> Iterator[Hit | Moment]:
        return iter(self.rows)

    def __repr__(self) -> str:
        best = f", best={self[0].score:.3f}" if self else ""
        return f"Matches({len(self)} in {self.space}{best})"

    def proxies(self) -> list[Picture]:
        """Return the proxy of each hit or moment, a small picture in RGB; videos differ in size."""
        return [rgb(picture) for picture in self._pictures()]

    def save_pictures(self, folder: File) -> list[Path]:
        """Write the frames at full size into a folder.

        Raises:
            UsageError: The folder contains other files.
            RenderError: A source lacks a frame.
        """
        return self._export(ExportOptions(export=path_of(folder)))

    def save_clip(self, file: File) -> Path:
        """Write a film of the hits or moments, in the order of time."""
        return self._export(ExportOptions(clip=path_of(file)))[0]

    def save_sheet(self, file: File) -> Path:
        """Write a contact sheet."""
        return self._export(ExportOptions(sheet=path_of(file)))[0]

    def save_csv(self, file: File) -> Path:
        """Write a table of the hits or moments, with the path and the date of each."""
        return self._export(ExportOptions(csv=path_of(file)))[0]

    def save_html(self, file: File) -> Path:
        """Write a page with thumbnails, in one file."""
        return self._export(ExportOptions(page=path_of(file)))[0]

    def columns(self) -> Mapping[str, list[Any]]:
        """Return the columns of the table of hits or moments."""
        kind = Moment if self.found.moments else Hit
        return {field.name: [getattr(row, field.name) for row in self] for field in fields(kind)}

    def _export(self, wanted: ExportOptions) -> list[Path]:
        return export_found(self.found, wanted, self._session.settings(), self._session.progress())

    def _pictures(self, most: int | None = None) -> list[Bgr]:
        shown = replace(self.found, hits=self.found.hits[:most], moments=self.found.moments[:most])
        with open_library(self._session.settings()) as library:
            return small_pictures(shown, library)

    def _repr_html_(self) -> str:
        captions = [_caption(row) for row in self[:_SHOWN]]
        shown = list(zip(self._pictures(_SHOWN), captions, strict=True))
        return render("matches", shown, len(self) - len(shown), "" if self else self.found.why_nothing)


def _caption(row: Hit | Moment) -> tuple[str, str]:
    time = f"{clock(row.start)} to {clock(row.end)}" if isinstance(row, Moment) else clock(row.time)
    return f"{row.rank}. {row.score:.3f}", f"{time} {row.name}"

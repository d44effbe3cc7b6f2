"""Searches that the user keeps, with their pictures, under names."""

import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from ...errors import RenderError, SourceError, UsageError
from ...media.timecode import clock
from ...search.question import read_near
from ..saved_files import SavedFiles, new_id
from ..strings import STRINGS
from .fields import SearchFields

_KEPT = 200
"""Searches that are kept; older ones are deleted."""
_LONGEST_NAME = 60
"""Characters of a name that fit in the list."""
_PICTURE = ".picture"
_LINK = "saved="


class SavedSearch(BaseModel):
    """A search under a name; `picture` is the name of the query picture's file, which is kept beside it."""

    model_config = ConfigDict(extra="forbid")

    name: str
    fields: SearchFields
    picture: str = ""


@dataclass(frozen=True)
class SavedSearches:
    """The saved searches of one library."""

    folder: Path

    @property
    def _files(self) -> SavedFiles[SavedSearch]:
        return SavedFiles(self.folder, SavedSearch, _KEPT)

    def add(self, fields: SearchFields, picture: Path | None) -> str:
        """Save a search under a name made of what it looks for, unless it is saved already; return its id.

        Raises:
            RenderError: The files cannot be written.
        """
        known = (search_id for search_id, saved in self.all() if (saved.fields, saved.picture) == (fields, ""))
        if not picture and (search_id := next(known, "")):
            return search_id
        search_id, name = new_id(), picture.name if picture else ""
        try:
            if picture:
                self.folder.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(picture, self._files.file(search_id, _PICTURE))
            saved = self._files.save(search_id, SavedSearch(name=_name(fields, name), fields=fields, picture=name))
        except OSError:
            saved = False
        if not saved:
            self.remove(search_id)
            raise RenderError(*STRINGS.errors.search_not_saved)
        return search_id

    def get(self, search_id: str) -> SavedSearch | None:
        return self._files.get(search_id)

    def all(self) -> Sequence[tuple[str, SavedSearch]]:
        """Return all searches, the latest first."""
        return list(self._files.all())

    def rename(self, search_id: str, name: str) -> None:
        """Give a search another name; an empty one changes nothing."""
        name = " ".join(name.split())[:_LONGEST_NAME]
        if name and (saved := self.get(search_id)):
            self._files.save(search_id, saved.model_copy(update={"name": name}))

    def remove(self, search_id: str) -> None:
        self._files.remove(search_id)

    def open(self, search_id: str, uploads: Path) -> tuple[SearchFields, Path | None]:
        """Return the fields and the picture of a search; the picture is copied to the uploads of the page.

        Raises:
            UsageError: There is no such search.
        """
        if not (saved := self.get(search_id)):
            raise UsageError(*STRINGS.errors.search_gone)
        if not saved.picture:
            return saved.fields, None
        # The name comes from a file that anybody may have edited.
        picture = Path(tempfile.mkdtemp(prefix="saved-", dir=uploads)) / (Path(saved.picture).name or _PICTURE)
        try:
            shutil.copyfile(self._files.file(search_id, _PICTURE), picture)
        except OSError as failed:
            raise SourceError(*STRINGS.errors.picture_gone) from failed
        return saved.fields, picture


def saved_link(search_id: str) -> str:
    """Return how the address names a saved search."""
    return f"{_LINK}{search_id}"


def _name(fields: SearchFields, picture: str) -> str:
    parts = [fields.text.strip(), picture]
    if not any(parts) and fields.near:
        near = read_near(fields.near)
        parts = [STRINGS.search.name_near.format(video=near.video, time=clock(near.time))]
    words, *others = filter(None, parts)
    return (STRINGS.search.name_and.format(words=words, picture=others[0]) if others else words)[:_LONGEST_NAME]

"""The fields of a search survive the address and the disk, and nothing else is taken from there."""

from datetime import date
from pathlib import Path

import pytest

from reelweave.errors import SourceError, UsageError
from reelweave.search.question import FrameTime, Question
from reelweave.ui.saved_files import new_id
from reelweave.ui.search.fields import SearchFields
from reelweave.ui.search.saved import SavedSearches

EVERY_FIELD = SearchFields(
    text="50 % + “ünïcode” & more",
    near="film-1@1.5",
    videos=("film-1", "film, two"),
    name="cam*",
    after="0:30",
    before="1:00:00",
    since="2026",
    until="2026-05",
    min_length="10",
    max_length="1:15.5",
    count=7,
    threshold="0.25",
    moments=True,
    space="clip",
)


@pytest.mark.parametrize("fields", [SearchFields(), SearchFields(text="a + b"), EVERY_FIELD])
def test_the_address_holds_all_fields(fields: SearchFields) -> None:
    link = fields.link
    assert SearchFields.of_link(link) == fields
    # Browsers leave these characters as they are, so that addresses can be compared.
    assert link.isascii()
    assert not set(link) & set(' "<>`#')


@pytest.mark.parametrize("link", ["evil=1", "count=-1", "count=1000000", "moments=perhaps", "&".join(["text=a"] * 101)])
def test_another_address_is_refused(link: str) -> None:
    with pytest.raises(UsageError):
        SearchFields.of_link(link)


def test_the_fields_become_a_question() -> None:
    assert EVERY_FIELD.model_copy(update={"text": " "}).question(None) == Question(
        near=FrameTime("film-1", 1.5),
        space="clip",
        videos=("film-1", "film, two", "cam*"),
        after=30,
        before=3600,
        since=date(2026, 1, 1),
        until=date(2026, 5, 31),
        min_length=10,
        max_length=75.5,
        count=7,
        threshold=0.25,
        moments=True,
    )


def test_a_text_or_a_picture_replaces_the_frame() -> None:
    fields = SearchFields(near="film-1@1.5")
    assert fields.model_copy(update={"text": "a ball"}).question(None).near is None
    assert fields.question(Path("seen.png")).near is None


def test_a_search_is_saved_once_unless_it_has_a_picture(tmp_path: Path) -> None:
    searches, seen = SavedSearches(tmp_path / "searches"), tmp_path / "seen.png"
    seen.write_bytes(b"a picture")
    first = searches.add(EVERY_FIELD, None)
    assert searches.add(EVERY_FIELD, None) == first
    assert searches.add(EVERY_FIELD, seen) != searches.add(EVERY_FIELD, seen)
    assert len(searches.all()) == 3


def test_a_new_name_is_one_short_line(tmp_path: Path) -> None:
    searches = SavedSearches(tmp_path)
    found = searches.add(SearchFields(text="a ball"), None)
    searches.rename(found, f" red\n{'x' * 100}")
    saved = searches.get(found)
    assert saved is not None
    assert saved.name == f"red {'x' * 56}"
    searches.rename(found, "  ")
    searches.rename(new_id(), "of nothing")
    assert searches.all() == [(found, saved)]


def test_the_file_of_a_saved_search_cannot_name_another_folder(tmp_path: Path) -> None:
    searches, seen, uploads = SavedSearches(tmp_path / "searches"), tmp_path / "seen.png", tmp_path / "uploads"
    uploads.mkdir()
    seen.write_bytes(b"a picture")
    found = searches.add(SearchFields(), seen)
    file = tmp_path / "searches" / f"{found}.json"
    file.write_text(file.read_text(encoding="utf-8").replace("seen.png", "../../evil.png"), encoding="utf-8")
    _, picture = searches.open(found, uploads)
    assert picture is not None
    assert picture.resolve().is_relative_to(uploads)
    assert picture.read_bytes() == b"a picture"


def test_a_saved_search_without_its_picture_says_so(tmp_path: Path) -> None:
    searches, seen = SavedSearches(tmp_path), tmp_path / "seen.png"
    seen.write_bytes(b"a picture")
    found = searches.add(SearchFields(), seen)
    (tmp_path / f"{found}.picture").unlink()
    with pytest.raises(SourceError):
        searches.open(found, tmp_path)
    searches.remove(found)
    with pytest.raises(UsageError):
        searches.open(found, tmp_path)

"""What files, folders and patterns stand for, found without opening a single film."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from reelweave.evaluate import foreign
from reelweave.ingest import source
from reelweave.ingest.gather import gather

TS = (b"G" + bytes(187)) * 3
M2TS = bytes(4) + (b"G" + bytes(191)) * 3


def tree(folder: Path, *names: str) -> Path:
    for name in names:
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(b"")
    return folder


def found(*paths: Path, below: Path) -> list[str]:
    return [str(path.relative_to(below)) for path in gather(paths).sources]


@pytest.mark.parametrize(
    ("names", "stands_for"),
    [
        pytest.param(["b10.mp4", "b2.MKV", "notes.txt"], ["b2.MKV", "b10.mp4"], id="videos as people number them"),
        pytest.param(["a/x.mp4", "a/b/y.webm", "z.ogv"], ["a/b/y.webm", "a/x.mp4", "z.ogv"], id="videos at any depth"),
        pytest.param(["a.mxf", "b.vob", "c.dv", "d.3gp"], ["a.mxf", "b.vob", "c.dv", "d.3gp"], id="what archives keep"),
        pytest.param(["1.png", "2.png", "thumbs/1.png"], ["."], id="pictures, whatever is below"),
        pytest.param(["one/1.png", "two/1.jpg", "two/x/1.jpg"], ["one", "two"], id="folders of pictures"),
        pytest.param(["1.png", "film.mp4"], ["film.mp4"], id="pictures beside a video"),
        pytest.param(["one/1.png", "two/film.mp4"], ["two/film.mp4"], id="pictures in a folder beside a video"),
        pytest.param([".a.mp4", "._b.mp4", ".c/d.mp4", "e.mp4"], ["e.mp4"], id="nothing hidden"),
        pytest.param(["notes.txt"], ["."], id="nothing, to be refused by its name"),
    ],
)
def test_a_folder_stands_for(tmp_path: Path, names: list[str], stands_for: list[str]) -> None:
    assert found(tree(tmp_path, *names), below=tmp_path) == stands_for


def test_pictures_that_are_passed_over_are_told_of(tmp_path: Path) -> None:
    (note,) = gather([tree(tmp_path, "1.png", "more/2.png", "film.mp4")]).notes
    assert "2 pictures" in note


@pytest.mark.parametrize(
    ("content", "taken"),
    [
        pytest.param(TS, True, id="packets of 188 bytes"),
        pytest.param(M2TS, True, id="packets with a time before them"),
        pytest.param(b"export const Greeting = 1\n" * 20, False, id="TypeScript"),
        pytest.param(b"G", False, id="next to nothing"),
    ],
)
def test_a_transport_stream_is_known_by_its_packets(tmp_path: Path, content: bytes, taken: bool) -> None:
    (tree(tmp_path, "film.mp4") / "stream.ts").write_bytes(content)
    assert found(tmp_path, below=tmp_path) == ["film.mp4", "stream.ts"][: 1 + taken]
    assert found(tmp_path / "stream.ts", below=tmp_path) == ["stream.ts"]


@pytest.mark.parametrize(
    ("pattern", "names"),
    [
        ("*.mp4", ["1.mp4", "10.mp4"]),
        ("**/*.mkv", ["2.mkv", "sub/3.mkv"]),
        ("s*", ["sub/3.mkv", "sub/4.mp4"]),
        ("[ab].mp4", ["[ab].mp4"]),
    ],
    ids=["files", "at any depth", "a folder", "a file that is called so"],
)
def test_a_pattern_is_expanded(tmp_path: Path, pattern: str, names: list[str]) -> None:
    tree(tmp_path, "10.mp4", "1.mp4", "2.mkv", "sub/3.mkv", "sub/4.mp4", ".5.mp4")
    if pattern[0] == "[":
        tree(tmp_path, pattern)
    assert found(tmp_path / pattern, below=tmp_path) == names


def test_a_pattern_that_matches_nothing_is_named(tmp_path: Path) -> None:
    gathered = gather([tmp_path / "*.mp4", tree(tmp_path, "a.mkv") / "a.mkv"])
    assert [path.name for path, error in gathered.failures if "*.mp4" in error.cause] == ["*.mp4"]
    assert gathered.sources == [tmp_path / "a.mkv"]


def test_each_file_is_taken_once_where_it_is_named_first(tmp_path: Path) -> None:
    tree(tmp_path, "a.mp4", "b.mp4")
    (tmp_path / "link.mp4").symlink_to("a.mp4")
    assert found(tmp_path / "b.mp4", tmp_path, tmp_path / "a.mp4", below=tmp_path) == ["b.mp4", "a.mp4"]


@pytest.mark.parametrize(
    ("link", "to", "names"),
    [
        pytest.param("round", ".", ["a/1.mp4"], id="to a folder above"),
        pytest.param("a/round", "..", ["a/1.mp4"], id="from below to above"),
        pytest.param("self.mp4", "self.mp4", ["a/1.mp4", "self.mp4"], id="to itself"),
        pytest.param("gone.mp4", "nowhere.mp4", ["a/1.mp4", "gone.mp4"], id="to nothing, to be named as missing"),
        pytest.param("gone", "nowhere", ["a/1.mp4"], id="to no folder"),
    ],
)
def test_links_lead_nowhere_for_ever(tmp_path: Path, link: str, to: str, names: list[str]) -> None:
    tree(tmp_path, "a/1.mp4")
    (tmp_path / link).symlink_to(to)
    assert found(tmp_path, below=tmp_path) == names


@pytest.mark.parametrize("pattern", ["**/*.mp4", "**", "**/a/**/*.mp4"])
def test_a_pattern_walks_no_folder_twice(tmp_path: Path, pattern: str) -> None:
    tree(tmp_path, "a/b/1.mp4")
    # Followed one by one, two links at each of forty depths would be a thousand billion folders.
    for link in ("a/up", "a/b/up", "a/b/again"):
        (tmp_path / link).symlink_to(tmp_path, target_is_directory=True)
    assert found(tmp_path / pattern, below=tmp_path) == ["a/b/1.mp4"]


def test_a_pattern_names_folders_that_cannot_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tree(tmp_path, "a.mp4", "locked/b.mp4")
    honest: Callable[[Path], object] = os.scandir

    def refusing(folder: Path) -> object:
        if Path(folder) == tmp_path / "locked":
            raise PermissionError(13, "Permission denied", str(folder))
        return honest(folder)

    monkeypatch.setattr(os, "scandir", refusing)
    gathered = gather([tmp_path / "**" / "*.mp4"])
    assert [path.name for path, _ in gathered.failures] == ["locked"]
    assert [path.name for path in gathered.sources] == ["a.mp4"]


@pytest.mark.parametrize(
    ("locked", "sources"), [("locked", ["a.mp4"]), (".", [])], ids=["a folder below", "the folder itself"]
)
def test_a_folder_that_cannot_be_read_is_named_and_the_rest_is_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, locked: str, sources: list[str]
) -> None:
    tree(tmp_path, "a.mp4", "locked/b.mp4")
    honest: Callable[[Path], object] = os.scandir

    def refusing(folder: Path) -> object:
        if Path(folder) == tmp_path / locked:
            raise PermissionError(13, "Permission denied", str(folder))
        return honest(folder)

    monkeypatch.setattr(os, "scandir", refusing)
    gathered = gather([tmp_path])
    assert [path for path, _ in gathered.failures] == [tmp_path / locked]
    assert [path.name for path in gathered.sources] == sources


def test_there_is_one_list_of_what_videos_are_called() -> None:
    assert foreign.VIDEO_SUFFIXES is source.VIDEO_SUFFIXES
    assert {".ogv", ".mts", ".m2ts"} <= source.VIDEO_SUFFIXES

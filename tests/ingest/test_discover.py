"""Files, folders and patterns are resolved to sources without opening a video."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from reelweave.evaluate import foreign
from reelweave.ingest.discover import discover_sources
from reelweave.media import source

TS = (b"G" + bytes(187)) * 3
M2TS = bytes(4) + (b"G" + bytes(191)) * 3


def tree(folder: Path, *names: str) -> Path:
    for name in names:
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(b"")
    return folder


def found(*paths: Path, below: Path) -> list[str]:
    return [str(path.relative_to(below)) for path in discover_sources(paths).sources]


@pytest.mark.parametrize(
    ("names", "stands_for"),
    [
        pytest.param(["b10.mp4", "b2.MKV", "notes.txt"], ["b2.MKV", "b10.mp4"], id="videos in natural order"),
        pytest.param(["a/x.mp4", "a/b/y.webm", "z.ogv"], ["a/b/y.webm", "a/x.mp4", "z.ogv"], id="videos at any depth"),
        pytest.param(["a.mxf", "b.vob", "c.dv", "d.3gp"], ["a.mxf", "b.vob", "c.dv", "d.3gp"], id="archive formats"),
        pytest.param(["1.png", "2.png", "thumbs/1.png"], ["."], id="pictures, whatever is below"),
        pytest.param(["one/1.png", "two/1.jpg", "two/x/1.jpg"], ["one", "two"], id="folders of pictures"),
        pytest.param(["1.png", "film.mp4"], ["film.mp4"], id="pictures beside a video"),
        pytest.param(["one/1.png", "two/film.mp4"], ["two/film.mp4"], id="pictures in a folder beside a video"),
        pytest.param([".a.mp4", "._b.mp4", ".c/d.mp4", "e.mp4"], ["e.mp4"], id="no hidden files"),
        pytest.param(["notes.txt"], ["."], id="nothing, to be reported by its name"),
    ],
)
def test_a_folder_stands_for(tmp_path: Path, names: list[str], stands_for: list[str]) -> None:
    assert found(tree(tmp_path, *names), below=tmp_path) == stands_for


def test_ignored_pictures_are_noted(tmp_path: Path) -> None:
    (note,) = discover_sources([tree(tmp_path, "1.png", "more/2.png", "film.mp4")]).notes
    assert "2 pictures" in note


@pytest.mark.parametrize(
    ("content", "accepted"),
    [
        pytest.param(TS, True, id="packets of 188 bytes"),
        pytest.param(M2TS, True, id="packets of 192 bytes"),
        pytest.param(b"export const Greeting = 1\n" * 20, False, id="TypeScript"),
        pytest.param(b"G", False, id="a single byte"),
    ],
)
def test_a_transport_stream_is_recognised_by_its_packets(tmp_path: Path, content: bytes, accepted: bool) -> None:
    (tree(tmp_path, "film.mp4") / "stream.ts").write_bytes(content)
    assert found(tmp_path, below=tmp_path) == ["film.mp4", "stream.ts"][: 1 + accepted]
    assert found(tmp_path / "stream.ts", below=tmp_path) == ["stream.ts"]


@pytest.mark.parametrize(
    ("pattern", "names"),
    [
        ("*.mp4", ["1.mp4", "10.mp4"]),
        ("**/*.mkv", ["2.mkv", "sub/3.mkv"]),
        ("s*", ["sub/3.mkv", "sub/4.mp4"]),
        ("[ab].mp4", ["[ab].mp4"]),
    ],
    ids=["files", "at any depth", "a folder", "a file of that name"],
)
def test_a_pattern_is_expanded(tmp_path: Path, pattern: str, names: list[str]) -> None:
    tree(tmp_path, "10.mp4", "1.mp4", "2.mkv", "sub/3.mkv", "sub/4.mp4", ".5.mp4")
    if pattern[0] == "[":
        tree(tmp_path, pattern)
    assert found(tmp_path / pattern, below=tmp_path) == names


def test_a_pattern_without_matches_is_reported(tmp_path: Path) -> None:
    discovered = discover_sources([tmp_path / "*.mp4", tree(tmp_path, "a.mkv") / "a.mkv"])
    assert [path.name for path, error in discovered.failures if "*.mp4" in error.cause] == ["*.mp4"]
    assert discovered.sources == [tmp_path / "a.mkv"]


def test_each_file_is_listed_once_at_its_first_mention(tmp_path: Path) -> None:
    tree(tmp_path, "a.mp4", "b.mp4")
    (tmp_path / "link.mp4").symlink_to("a.mp4")
    assert found(tmp_path / "b.mp4", tmp_path, tmp_path / "a.mp4", below=tmp_path) == ["b.mp4", "a.mp4"]


@pytest.mark.parametrize(
    ("link", "to", "names"),
    [
        pytest.param("round", ".", ["a/1.mp4"], id="to a folder above"),
        pytest.param("a/round", "..", ["a/1.mp4"], id="from below to above"),
        pytest.param("self.mp4", "self.mp4", ["a/1.mp4", "self.mp4"], id="to itself"),
        pytest.param("gone.mp4", "nowhere.mp4", ["a/1.mp4", "gone.mp4"], id="broken, to be reported as missing"),
        pytest.param("gone", "nowhere", ["a/1.mp4"], id="broken, without a suffix"),
    ],
)
def test_circular_and_broken_links_do_not_stop_the_search(tmp_path: Path, link: str, to: str, names: list[str]) -> None:
    tree(tmp_path, "a/1.mp4")
    (tmp_path / link).symlink_to(to)
    assert found(tmp_path, below=tmp_path) == names


@pytest.mark.parametrize("pattern", ["**/*.mp4", "**", "**/a/**/*.mp4"])
def test_a_pattern_visits_no_folder_twice(tmp_path: Path, pattern: str) -> None:
    tree(tmp_path, "a/b/1.mp4")
    # Following two links at each of forty depths would visit a thousand billion folders.
    for link in ("a/up", "a/b/up", "a/b/again"):
        (tmp_path / link).symlink_to(tmp_path, target_is_directory=True)
    assert found(tmp_path / pattern, below=tmp_path) == ["a/b/1.mp4"]


def test_a_pattern_reports_unreadable_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tree(tmp_path, "a.mp4", "locked/b.mp4")
    original: Callable[[Path], object] = os.scandir

    def refusing(folder: Path) -> object:
        if Path(folder) == tmp_path / "locked":
            raise PermissionError(13, "Permission denied", str(folder))
        return original(folder)

    with monkeypatch.context() as locked:
        locked.setattr(os, "scandir", refusing)
        discovered = discover_sources([tmp_path / "**" / "*.mp4"])
    assert [path.name for path, _ in discovered.failures] == ["locked"]
    assert [path.name for path in discovered.sources] == ["a.mp4"]


@pytest.mark.parametrize(
    ("locked", "sources"), [("locked", ["a.mp4"]), (".", [])], ids=["a folder below", "the folder itself"]
)
def test_an_unreadable_folder_is_reported_and_the_rest_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, locked: str, sources: list[str]
) -> None:
    tree(tmp_path, "a.mp4", "locked/b.mp4")
    original: Callable[[Path], object] = os.scandir

    def refusing(folder: Path) -> object:
        if Path(folder) == tmp_path / locked:
            raise PermissionError(13, "Permission denied", str(folder))
        return original(folder)

    with monkeypatch.context() as patched:
        patched.setattr(os, "scandir", refusing)
        discovered = discover_sources([tmp_path])
    assert [path for path, _ in discovered.failures] == [tmp_path / locked]
    assert [path.name for path in discovered.sources] == sources


def test_there_is_one_list_of_video_suffixes() -> None:
    assert foreign.VIDEO_SUFFIXES is source.VIDEO_SUFFIXES
    assert {".ogv", ".mts", ".m2ts"} <= source.VIDEO_SUFFIXES

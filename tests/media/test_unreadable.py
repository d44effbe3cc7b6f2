"""Unreadable sources: each is reported, and the others are ingested."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from helpers import pictures, write_clip, write_pictures
from runs import Run, settings

from reelweave import pipeline
from reelweave.errors import SourceError
from reelweave.media.source import open_source

FILM = pictures(3)


def looped(folder: Path) -> Path:
    (folder / "one.mp4").symlink_to("two.mp4")
    (folder / "two.mp4").symlink_to("one.mp4")
    return folder / "one.mp4"


def self_linked(folder: Path) -> Path:
    (folder / "self.mp4").symlink_to("self.mp4")
    return folder / "self.mp4"


def below_a_loop(folder: Path) -> Path:
    return self_linked(folder) / "film.mp4"


def broken(folder: Path) -> Path:
    (folder / "broken.mp4").symlink_to("nowhere.mp4")
    return folder / "broken.mp4"


def long(folder: Path) -> Path:
    return folder / f"{'x' * 300}.mp4"


def undecodable(folder: Path) -> Path:
    path = folder / os.fsdecode(b"caf\xe9.mp4")
    write_clip(folder / "plain.mp4", FILM).rename(path)
    return path


BAD: dict[str, Callable[[Path], Path]] = {
    "a circle of links": looped,
    "a link to itself": self_linked,
    "a file below a circle": below_a_loop,
    "a link to nothing": broken,
    "a name that is too long": long,
    "a name that is not text": undecodable,
}


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_clip(tmp_path_factory.mktemp("good") / "good.mp4", FILM)


@pytest.mark.parametrize("bad", BAD.values(), ids=BAD)
def test_an_unreadable_source_is_rejected_with_a_reason(tmp_path: Path, bad: Callable[[Path], Path]) -> None:
    with pytest.raises(SourceError):
        open_source(bad(tmp_path))


@pytest.mark.parametrize("dry", [False, True], ids=["in earnest", "dry run"])
@pytest.mark.parametrize("bad", BAD.values(), ids=BAD)
def test_other_sources_are_still_ingested(tmp_path: Path, good: Path, bad: Callable[[Path], Path], dry: bool) -> None:
    path = bad(tmp_path)
    done = list(pipeline.ingest_all([path, good], settings(), dry_run=dry))
    assert [(taken.path, taken.state) for taken in done] == [(str(path), "unreadable"), (str(good), "new")]


def test_the_command_fails_if_a_source_is_unreadable(tmp_path: Path, run: Run, good: Path) -> None:
    done = run("ingest", looped(tmp_path), good)
    assert done.code == 1
    assert "links" in done.err


@pytest.mark.parametrize("bad", [looped, self_linked, broken], ids=["a circle", "to itself", "to nothing"])
def test_other_sources_of_a_folder_are_still_ingested(
    tmp_path: Path, run: Run, good: Path, bad: Callable[[Path], Path]
) -> None:
    bad(tmp_path)
    (tmp_path / "good.mp4").symlink_to(good)
    (tmp_path / "up").symlink_to(tmp_path, target_is_directory=True)
    done = run("ingest", tmp_path, "--json")
    assert sorted(row["state"] for row in done.rows if row["path"].endswith("good.mp4")) == ["new"]
    assert {row["state"] for row in done.rows if not row["path"].endswith("good.mp4")} == {"unreadable"}


def test_a_file_name_may_contain_line_breaks(tmp_path: Path, run: Run, good: Path) -> None:
    (path := tmp_path / "two\nlines\t.mp4").write_bytes(good.read_bytes())
    done = run("ingest", path, "--json")
    assert [(row["path"], row["state"]) for row in done.rows] == [(str(path), "new")]


def test_a_file_that_vanishes_before_its_turn_is_named(
    tmp_path: Path, run: Run, good: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from reelweave.ingest import many

    (gone := tmp_path / "gone.mp4").write_bytes(good.read_bytes())
    weighed = many.megabytes

    def vanishing(path: Path) -> int:
        size = weighed(path)
        gone.unlink(missing_ok=True)
        return size

    monkeypatch.setattr(many, "megabytes", vanishing)
    done = run("ingest", gone, good, "--json")
    assert [row["state"] for row in done.rows] == ["unreadable", "new"]


def test_broken_links_in_a_folder_are_ignored(tmp_path: Path) -> None:
    folder = write_pictures(tmp_path / "pictures", FILM)
    (folder / "round.png").symlink_to("round.png")
    (folder / "long.png").symlink_to("x" * 300)
    assert len(list(open_source(folder).frames())) == 3


@pytest.mark.parametrize("command", ["reconstruct", "repair", "scramble", "solve"])
def test_no_command_crashes_at_a_loop_of_links(tmp_path: Path, run: Run, command: str) -> None:
    path = looped(tmp_path)
    extra = ["-o", tmp_path / "out.mp4", "--truth", tmp_path / "truth.json"] if command == "scramble" else []
    done = run(command, path, *extra)
    assert done.code in (1, 2)
    assert "one.mp4" in done.err


_WITHOUT_PRIVILEGE = """
import ctypes, os, sys
libc = ctypes.CDLL(None)
for capability in (1, 2):  # CAP_DAC_OVERRIDE and CAP_DAC_READ_SEARCH: with either, root may read any file.
    assert libc.prctl(24, capability, 0, 0, 0) == 0  # PR_CAPBSET_DROP
os.execv(sys.executable, [sys.executable, "-m", "reelweave", *sys.argv[1:]])
"""


@pytest.mark.skipif(sys.platform != "linux", reason="Linux alone lets root give this right away")
def test_a_file_without_read_permission_does_not_stop_other_sources(tmp_path: Path, good: Path) -> None:
    for name in ("noperm.mp4", "two.mp4"):
        (tmp_path / name).write_bytes(good.read_bytes())
    (tmp_path / "noperm.mp4").chmod(0)
    code = _WITHOUT_PRIVILEGE if os.geteuid() == 0 else _WITHOUT_PRIVILEGE.replace("(1, 2)", "()")
    done = subprocess.run(
        [sys.executable, "-c", code, "ingest", "noperm.mp4", "two.mp4", "--json"],
        cwd=tmp_path,
        env=os.environ | {"REELWEAVE_INGEST__SPACE": "appearance"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert [json.loads(line)["state"] for line in done.stdout.splitlines()] == ["unreadable", "new"], done.stderr
    assert done.returncode == 1
    assert "Permission denied" in done.stderr

"""Many sources in one run: each is reported, nothing is done twice, and interrupted runs resume."""

import contextlib
import hashlib
import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from helpers import pictures, write_clip, write_pictures
from runs import Run, contents, files, opened, settings, started, wait_until

from reelweave import pipeline
from reelweave.commands import console
from reelweave.commands.console import BarProgress, LineProgress
from reelweave.ingest import ingester, many
from reelweave.ingest.ingester import IngestResult
from reelweave.media import ffmpeg

FILM = pictures(30)


@pytest.fixture(scope="module")
def originals(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("originals")
    write_clip(folder / "a.mp4", FILM[:6])
    write_clip(folder / "b.mp4", FILM[6:14])
    return folder


@pytest.fixture
def films(originals: Path, tmp_path: Path) -> Path:
    """A folder with two films that a test may change."""
    return Path(shutil.copytree(originals, tmp_path / "films"))


@pytest.fixture
def no_decoder(monkeypatch: pytest.MonkeyPatch) -> Any:
    def off() -> None:
        monkeypatch.setattr(ffmpeg, "run", lambda *_: pytest.fail("ffmpeg was started"))
        monkeypatch.setattr(ffmpeg, "Reader", lambda *_, **__: pytest.fail("ffmpeg was started"))

    return off


def states(*paths: Path, dry_run: bool = False, **flags: object) -> dict[str, str]:
    return {Path(result.path).name: result.state for result in ingest_all(*paths, dry_run=dry_run, **flags)}


def ingest_all(*paths: Path, dry_run: bool = False, **flags: object) -> list[IngestResult]:
    return list(pipeline.ingest_all(paths, settings(**flags), dry_run=dry_run))


def _forbid_hashing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hashlib, "file_digest", lambda file, _: pytest.fail(f"{file.name} was read"))


def _rename(films: Path, library: Path) -> None:
    (films / "a.mp4").rename(films / "c.mp4")


def _copy(films: Path, library: Path) -> None:
    shutil.copy(films / "a.mp4", films / "c.mp4")


def _copy_and_touch(films: Path, library: Path) -> None:
    _copy(films, library)
    os.utime(films / "a.mp4", (1, 1))


def _move(films: Path, library: Path) -> None:
    (films / "old").mkdir()
    shutil.copy(films / "a.mp4", films / "old" / "a.mp4")
    write_clip(films / "a.mp4", FILM[20:])


def _stop(films: Path, library: Path) -> None:
    with opened(library) as opened_library:
        video = opened_library.catalog.find("a.mp4")
        states = opened_library.catalog.spaces(video.id).values()
        opened_library.catalog.save(
            replace(video, complete=False), [replace(state, complete=False) for state in states]
        )


CHANGES = {
    "nothing": (lambda films, library: None, {"a.mp4": "unchanged", "b.mp4": "unchanged"}),
    "touched": (lambda films, library: os.utime(films / "a.mp4", (1, 1)), {"a.mp4": "unchanged", "b.mp4": "unchanged"}),
    "renamed": (_rename, {"b.mp4": "unchanged", "c.mp4": "renamed"}),
    "copied": (_copy, {"a.mp4": "unchanged", "b.mp4": "unchanged", "c.mp4": "copy"}),
    "copied and touched": (_copy_and_touch, {"a.mp4": "unchanged", "b.mp4": "unchanged", "c.mp4": "copy"}),
    "changed": (
        lambda films, library: write_clip(films / "a.mp4", FILM[20:]),
        {"a.mp4": "changed", "b.mp4": "unchanged"},
    ),
    "another added": (
        lambda films, library: write_clip(films / "c.mp4", FILM[3:]),
        {"a.mp4": "unchanged", "b.mp4": "unchanged", "c.mp4": "new"},
    ),
    "stopped midway": (_stop, {"a.mp4": "resume", "b.mp4": "unchanged"}),
    "proxies lost": (
        lambda films, library: shutil.rmtree(library / "proxies"),
        {"a.mp4": "resume", "b.mp4": "resume"},
    ),
    "broken": (
        lambda films, library: (films / "a.mp4").write_bytes(b"no film"),
        {"a.mp4": "unreadable", "b.mp4": "unchanged"},
    ),
}


@pytest.mark.parametrize(("change", "expected"), CHANGES.values(), ids=CHANGES)
def test_a_dry_run_predicts_every_state_and_writes_nothing(
    films: Path, library: Path, change: Any, expected: dict[str, str]
) -> None:
    assert states(films) == {"a.mp4": "new", "b.mp4": "new"}
    change(films, library)
    before = {path: path.stat().st_mtime_ns for path in library.rglob("*")}
    assert states(films, dry_run=True) == expected
    assert {path: path.stat().st_mtime_ns for path in library.rglob("*")} == before
    assert states(films) == expected
    after = {name: "unreadable" if state == "unreadable" else "unchanged" for name, state in expected.items()}
    assert states(films) == after


def test_a_touched_video_keeps_its_path_when_a_copy_appears(films: Path, library: Path) -> None:
    states(films)
    _copy_and_touch(films, library)
    predicted = states(films / "c.mp4", dry_run=True)
    assert predicted == states(films / "c.mp4") == {"c.mp4": "copy"}
    with opened(library) as opened_library:
        assert opened_library.catalog.find(str(films / "c.mp4")).source == str(films / "a.mp4")
    assert states(films) == {"a.mp4": "unchanged", "b.mp4": "unchanged", "c.mp4": "unchanged"}


def test_a_dry_run_predicts_a_renamed_film_whose_path_another_now_has(films: Path) -> None:
    states(films / "a.mp4")
    (films / "a.mp4").rename(films / "elsewhere.mp4")
    (films / "b.mp4").rename(films / "a.mp4")
    assert states(films / "a.mp4") == {"a.mp4": "changed"}
    predicted = states(films / "elsewhere.mp4", dry_run=True)
    assert predicted == states(films / "elsewhere.mp4") == {"elsewhere.mp4": "renamed"}


def test_a_dry_run_predicts_another_frame_rate(films: Path) -> None:
    ingest_all(films, ingest__fps=5)
    assert states(films, dry_run=True) == {"a.mp4": "anew", "b.mp4": "anew"}
    assert states(films) == {"a.mp4": "anew", "b.mp4": "anew"}


def test_a_dry_run_creates_no_library(films: Path, tmp_path: Path) -> None:
    shutil.copy(films / "a.mp4", films / "c.mp4")
    predicted = states(films, dry_run=True, library=str(tmp_path / "none"))
    assert predicted == {"a.mp4": "new", "b.mp4": "new", "c.mp4": "copy"}
    assert not (tmp_path / "none").exists()
    assert states(films, library=str(tmp_path / "none")) == predicted


def test_a_dry_run_does_not_read_a_new_film_of_unique_size(films: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _forbid_hashing(monkeypatch)
    assert states(films, dry_run=True) == {"a.mp4": "new", "b.mp4": "new"}


def test_a_renamed_video_takes_its_new_name_and_a_copied_one_keeps_its_old(films: Path, library: Path) -> None:
    old = {result.video.id for result in ingest_all(films) if result.video}
    _rename(films, library)
    shutil.copy(films / "b.mp4", films / "d.mp4")
    ingest_all(films)
    with opened(library) as opened_library:
        assert {video.id for video in opened_library.catalog.videos()} == old
        assert {video.name for video in opened_library.catalog.videos()} == {"c.mp4", "b.mp4"}
        assert opened_library.catalog.find(str(films / "d.mp4")) == opened_library.catalog.find("b.mp4")
        assert opened_library.catalog.at_source(str(films / "a.mp4")) is None


def test_a_file_moved_aside_is_still_the_same_video(films: Path, library: Path) -> None:
    first = {Path(result.path).name: result.video for result in ingest_all(films)}
    _move(films, library)
    moved, new, _ = sorted(ingest_all(films), key=lambda result: "/old/" not in result.path)
    assert moved.video
    assert first["a.mp4"]
    assert (moved.video.id, moved.video.source) == (first["a.mp4"].id, str(films / "old" / "a.mp4"))
    assert new.video != first["a.mp4"]


def test_unchanged_sources_are_not_read(films: Path, monkeypatch: pytest.MonkeyPatch, no_decoder: Any) -> None:
    shutil.copy(films / "a.mp4", films / "copy.mp4")
    write_pictures(films / "pictures", FILM[:2])
    sources = [films, films / "pictures"]
    ingest_all(*sources)
    no_decoder()
    _forbid_hashing(monkeypatch)
    assert set(states(*sources).values()) == {"unchanged"}


def test_failures_are_listed_at_the_end_and_in_the_data(run: Run, films: Path) -> None:
    (films / "broken.mp4").write_bytes(b"no film")
    (films / "empty.mp4").write_bytes(b"")
    answer = run("ingest", films, films / "none.mp4", films / "*.xyz", "--json")
    assert answer.code == 1
    rows = {Path(row["path"]).name: row for row in answer.rows}
    failed = {name for name, row in rows.items() if row["state"] == "unreadable"}
    assert failed == {"broken.mp4", "empty.mp4", "none.mp4", "*.xyz"}
    assert {name for name, row in rows.items() if row["state"] == "new"} == {"a.mp4", "b.mp4"}
    tail = answer.err[answer.err.index("error:") :]
    assert all(rows[name]["error"] in tail for name in failed)
    assert "4 of 6" in tail


def test_a_name_with_a_line_break_takes_one_line_in_a_dry_run(run: Run, films: Path) -> None:
    (films / "a.mp4").rename(films / "a\nunchanged  b.mp4")
    answer = run("ingest", films / "a\nunchanged  b.mp4", "--dry-run", "-q")
    assert (answer.code, len(answer.out.splitlines())) == (0, 1)
    assert answer.out.startswith("new ")


def test_an_unreadable_file_does_not_stop_the_others(films: Path, monkeypatch: pytest.MonkeyPatch) -> None:

    original = many.open_source

    def refusing(path: Path, *rest: Any) -> Any:
        if path.name == "a.mp4":
            raise PermissionError(13, "Permission denied", str(path))
        return original(path, *rest)

    monkeypatch.setattr(many, "open_source", refusing)
    assert states(films) == {"a.mp4": "unreadable", "b.mp4": "new"}


def test_vectors_of_another_model_do_not_stop_the_other_videos(films: Path, library: Path) -> None:
    ingest_all(films / "a.mp4")
    with opened(library) as opened_library:
        (video,) = opened_library.catalog.videos()
        (state,) = opened_library.catalog.spaces(video.id).values()
        other = replace(state, complete=False, space=replace(state.space, preprocessing="area/0"))
        opened_library.catalog.save(video, [other])
    failed, added = ingest_all(films)
    assert (failed.state, added.state) == ("failed", "new")
    assert failed.error
    assert "another model" in failed.error.cause


def test_a_full_disk_ends_the_run(films: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from reelweave.errors import LibraryError
    from reelweave.index.store import ChromaStore

    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(ChromaStore, "write", full)
    with pytest.raises(LibraryError, match="no space left"):
        ingest_all(films)


def test_a_model_is_opened_once_for_all_videos(films: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    original, opened_names = ingester.open_embedder, []
    monkeypatch.setattr(ingester, "open_embedder", lambda name, own: opened_names.append(name) or original(name, own))
    ingest_all(films)
    assert opened_names == ["appearance"]


@pytest.mark.parametrize("sent", [signal.SIGKILL, signal.SIGINT], ids=lambda sent: sent.name)
def test_a_run_over_several_films_resumes_where_it_ended(tmp_path: Path, library: Path, sent: signal.Signals) -> None:
    folder = tmp_path / "films"
    folder.mkdir()
    for number in range(3):
        write_clip(folder / f"{number}.mkv", pictures(60, seed=number))
    with started("ingest", folder, "--space", "appearance", slow=True, REELWEAVE_INGEST__BATCH=4) as process:
        wait_until(lambda: _stored(library) >= 80 or process.poll() is not None)
        process.send_signal(sent)
        process.communicate()
    assert 80 <= _stored(library) < 180
    assert states(folder, dry_run=True) == {"0.mkv": "unchanged", "1.mkv": "resume", "2.mkv": "new"}
    assert states(folder, ingest__batch=4) == {"0.mkv": "unchanged", "1.mkv": "resume", "2.mkv": "new"}
    ingest_all(folder, library=str(tmp_path / "undisturbed"))
    assert contents(library) == contents(tmp_path / "undisturbed")
    assert files(library) - files(tmp_path / "undisturbed") <= {f for f in files(library) if f.startswith("chroma/")}


def _stored(library: Path) -> int:
    """Return the frames that the catalog counts as stored while another process writes."""
    if not (library / "catalog.db").exists():
        return 0
    db = sqlite3.connect(f"file:{library}/catalog.db?mode=ro", uri=True)
    try:
        return sum(json.loads(text)["vectors"] for (text,) in db.execute("SELECT state FROM spaces"))
    except sqlite3.OperationalError:
        return 0
    finally:
        db.close()


def test_a_thousand_films_leave_few_progress_bars() -> None:
    bars = BarProgress()
    with bars.stage("all", 1000) as outer:
        for number in range(1000):
            with bars.stage(f"film {number}", 1) as stage:
                stage.advance()
            outer.advance()
        assert bars._rich
        assert {task.description for task in bars._rich.tasks} >= {"all", "film 999"}
        assert len(bars._rich.tasks) < 20


def test_data_goes_to_stdout_while_progress_bars_are_on_the_terminal(films: Path) -> None:
    primary, secondary = os.openpty()
    with subprocess.Popen(
        [sys.executable, "-m", "reelweave", "ingest", str(films), "--space", "appearance", "--json"],
        stdout=subprocess.PIPE,
        stderr=secondary,
        env=os.environ | {"TERM": "xterm", "COLUMNS": "120"},
    ) as process:
        os.close(secondary)
        shown_text = b""
        with contextlib.suppress(OSError):
            while block := os.read(primary, 4096):
                shown_text += block
        assert process.stdout
        rows = [json.loads(line) for line in process.stdout.read().splitlines()]
    os.close(primary)
    assert [row["name"] for row in rows] == ["a.mp4", "b.mp4"]
    assert b"2 sources" in shown_text


def test_a_log_estimates_how_long_a_stage_will_take(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = iter(range(0, 100_000, 20))
    monkeypatch.setattr(console, "perf_counter", lambda: float(next(clock)))
    with LineProgress().stage("films", 1000) as stage:
        for _ in range(1000):
            stage.advance()
    text = capsys.readouterr().err
    assert "\r" not in text
    assert "\x1b" not in text
    *lines, last = text.splitlines()
    assert [line.partition(" of ")[0] for line in lines] == [f"films: {part}00" for part in range(1, 10)]
    assert all(line.endswith(" left") for line in lines)
    assert last.startswith("films: 1000 in ")


def test_a_quick_stage_is_one_line_of_a_log(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(console, "perf_counter", lambda: 0.0)
    with LineProgress().stage("films", 1000) as stage:
        for _ in range(1000):
            stage.advance()
    assert len(capsys.readouterr().err.splitlines()) == 1

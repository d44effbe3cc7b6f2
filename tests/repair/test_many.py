"""Repairing several videos in one run."""

import pickle
from collections.abc import Callable, Collection, Iterable, Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
from helpers import raw_frames, write_clip
from runs import Run, settings

from reelweave.ingest.discover import discover_sources
from reelweave.media.types import Picture
from reelweave.repair.many import RepairedFile, RepairJob, repair_jobs, repair_many
from reelweave.repair.repair import RepairRequest

COUNT = 24


def film(broken: Collection[int] = ()) -> list[Picture]:
    """A square crosses a landscape; broken frames show noise."""
    rng = np.random.default_rng(2)
    ground = cv2.resize(rng.integers(30, 150, (8, 12, 3)).astype(np.uint8), (160, 96), interpolation=cv2.INTER_CUBIC)
    frames = []
    for number in range(COUNT):
        frame = np.asarray(ground, np.uint8).copy()
        frame[32:64, 8 + 4 * number : 40 + 4 * number] = 230
        frames.append(rng.integers(0, 255, frame.shape).astype(np.uint8) if number in broken else frame)
    return frames


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two broken films, one of them a folder below, and a file that is no video."""
    top = tmp_path_factory.mktemp("tapes")
    (top / "old").mkdir()
    write_clip(top / "a.mp4", film([9, 10, 11]))
    write_clip(top / "old" / "a.mp4", film([4]))
    (top / "b.mp4").write_bytes(b"no video")
    return top


def test_a_folder_is_repaired_and_what_fails_stops_nothing(run: Run, folder: Path, tmp_path: Path) -> None:
    done = run("repair", folder, "-o", tmp_path / "out", "--yes", "--json")
    assert done.code == 1
    rows = {Path(row["video"]).relative_to(folder).as_posix(): row for row in done.rows}
    assert set(rows) == {"a.mp4", "old/a.mp4", "b.mp4"}
    assert "error" in rows["b.mp4"]
    assert "1 of 3 videos failed" in done.err
    for name, broken in (("a.mp4", [9, 10, 11]), ("old/a.mp4", [4])):
        assert [row["frame"] for row in rows[name]["frames"]] == broken
        assert len(raw_frames(tmp_path / "out" / name)) == COUNT


def test_films_inside_the_folder_of_films_are_not_repaired_again(run: Run, tmp_path: Path) -> None:
    write_clip(tmp_path / "a.mp4", film())
    for _ in range(2):
        done = run("repair", tmp_path, "-o", tmp_path / "out", "--json")
        assert (done.code, len(done.rows)) == (0, 1)


def test_each_of_several_videos_has_its_own_report(run: Run, folder: Path, tmp_path: Path) -> None:
    files = folder / "a.mp4", folder / "old" / "a.mp4"
    assert run("repair", files[0].parent, "--detect-only", "--report", tmp_path).code == 1
    assert (tmp_path / "a.mp4" / "index.html").exists()
    assert (tmp_path / "old" / "a.mp4" / "index.html").exists()


def test_nobody_is_asked_about_one_of_many(run: Run, folder: Path, tmp_path: Path) -> None:
    done = run("repair", folder, "-o", tmp_path / "out")
    assert "--yes" in done.err
    assert not (tmp_path / "out" / "a.mp4").exists()
    assert (tmp_path / "out" / "old" / "a.mp4").exists()


def test_y_answers_for_each_of_many(run: Run, folder: Path, tmp_path: Path) -> None:
    run("repair", folder, "-o", tmp_path / "out", "-y")
    assert (tmp_path / "out" / "a.mp4").exists()


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ([], "--output"),
        (["-o", "{out}", "--frames", "3"], "--frames"),
        (["-o", "{file}"], "needs? a folder|need a folder"),
        (["-o", "{out}", "{file}", "{other}"], "Two of the videos"),
    ],
    ids=["no folder", "frames", "a file", "one name"],
)
def test_several_videos_need_a_folder_and_names_of_their_own(
    run: Run, folder: Path, tmp_path: Path, flags: list[str], message: str
) -> None:
    import re

    places = {"out": tmp_path / "out", "file": folder / "a.mp4", "other": folder / "old" / "a.mp4"}
    first = [] if "{other}" in flags else [folder]
    done = run("repair", *first, *[flag.format(**places) for flag in flags])
    assert done.code == 2
    assert re.search(message, done.err)
    assert not (tmp_path / "out").exists()


def test_an_engine_can_run_the_jobs(folder: Path, tmp_path: Path) -> None:
    """Jobs, results and the task travel as pickles."""

    def run(
        task: Callable[[RepairJob], RepairedFile], jobs: Iterable[RepairJob]
    ) -> Iterator[tuple[RepairJob, RepairedFile | Exception]]:
        for job in jobs:
            there = pickle.loads(pickle.dumps(task)), pickle.loads(pickle.dumps(job))
            yield job, pickle.loads(pickle.dumps(there[0](there[1])))

    found = discover_sources([folder / "old"])
    jobs = repair_jobs([folder], found, RepairRequest(folder, output=tmp_path / "out"), settings())
    ((video, done),) = repair_many(jobs, run)
    assert isinstance(done, RepairedFile)
    assert video == folder / "old" / "a.mp4"
    assert (tmp_path / "out" / "old" / "a.mp4").exists()

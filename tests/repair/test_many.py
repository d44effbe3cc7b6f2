"""Repairing several videos in one run."""

import pickle
from collections.abc import Collection, Generator, Iterable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from helpers import raw_frames, write_clip
from runs import Run, settings

from reelweave.engine.local import LocalEngine
from reelweave.errors import UsageError
from reelweave.ingest.discover import discover_sources
from reelweave.media.types import Picture
from reelweave.progress import SILENT
from reelweave.repair.many import repair_distributed, repair_jobs, repair_many
from reelweave.repair.repair import RepairRequest
from reelweave.repair.worker import RepairedFile

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


class PicklingEngine(LocalEngine):
    """Sends tasks, items and results as pickles, as engines do that have other machines."""

    def run(self, task: Any, items: Iterable[Any], folder_of: Any = None) -> Generator[tuple[Any, Any], None, None]:
        for item in items:
            there = pickle.loads(pickle.dumps((task, item)))
            for _, done in super().run(there[0], [there[1]], folder_of):
                yield item, pickle.loads(pickle.dumps(done))


def test_workers_repair_as_this_process_does(folder: Path, tmp_path: Path) -> None:
    made = []
    for out in (tmp_path / "here", tmp_path / "there"):
        template = RepairRequest(folder, output=out / "films", report=out / "reports")
        jobs = repair_jobs([folder], discover_sources([folder]), template, settings())
        done = (
            repair_many(jobs, settings(), SILENT)
            if out.name == "here"
            else repair_distributed(PicklingEngine(), jobs, SILENT)
        )
        results = {path: one for path, one in done if isinstance(one, RepairedFile)}
        assert set(results) == {folder / "a.mp4", folder / "old" / "a.mp4"}
        assert results[folder / "a.mp4"].result.output == str(out / "films" / "a.mp4")
        made.append({file.relative_to(out): file.read_bytes() for file in out.rglob("*") if file.is_file()})
    assert {Path("films/old/a.mp4"), Path("reports/old/a.mp4/index.html")} < set(made[0])
    assert made[0] == made[1]


def test_workers_replace_no_foreign_film(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "a.mp4").write_bytes(b"something else")
    template = RepairRequest(folder, output=tmp_path)
    jobs = repair_jobs([folder], discover_sources([folder]), template, settings())
    done = dict(repair_distributed(PicklingEngine(), jobs, SILENT))
    assert isinstance(done[folder / "a.mp4"], UsageError)
    assert (tmp_path / "a.mp4").read_bytes() == b"something else"
    assert isinstance(done[folder / "old" / "a.mp4"], RepairedFile)
    again = dict(repair_distributed(PicklingEngine(), jobs[1:], SILENT))
    assert isinstance(again[folder / "old" / "a.mp4"], RepairedFile), "its own film may be replaced"
    assert not list(tmp_path.rglob(".*"))


def test_an_edit_list_of_many_is_refused(run: Run, folder: Path, tmp_path: Path) -> None:
    done = run("repair", folder, "-o", tmp_path / "out", "--edit-list", tmp_path / "cut.csv")
    assert done.code == 2
    assert "--edit-list" in done.err

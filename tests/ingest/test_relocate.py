"""Moved sources are found by their content; missing ones are reported and can be removed."""

import os
import shutil
from pathlib import Path

import pytest
from helpers import pictures, write_clip, write_pictures
from runs import Run, settings

from reelweave import pipeline
from reelweave.errors import UsageError
from reelweave.ingest.relocate import relocate_videos


@pytest.fixture
def films(tmp_path: Path, library: Path) -> Path:
    """A folder with two films and a folder of pictures, all in the library."""
    folder = tmp_path / "films"
    folder.mkdir()
    for seed in (1, 2):
        pipeline.ingest(write_clip(folder / f"film{seed}.mp4", pictures(5, seed=seed)), settings())
    pipeline.ingest(write_pictures(folder / "drawn", pictures(4, seed=3)), settings())
    return folder


def checked(run: Run) -> dict[str, list[str]]:
    answer = run("videos", "check", "--json")
    assert answer.code == 0
    return {row["id"].partition("-")[0]: row["warnings"] for row in answer.rows}


def sources(run: Run) -> dict[str, str]:
    return {row["name"]: row["source"] for row in run("videos", "list", "--json").rows}


def test_check_warns_of_missing_and_changed_sources(films: Path, run: Run) -> None:
    assert not any(checked(run).values())
    (films / "film1.mp4").unlink()
    shutil.copyfile(films / "film2.mp4", films / "copy.mp4")
    write_clip(films / "film2.mp4", pictures(5, seed=9))
    warnings = checked(run)
    assert "missing" in warnings["film1"][0]
    assert "changed" in warnings["film2"][0]
    assert warnings["drawn"] == []


def test_a_new_modification_time_alone_is_no_change(films: Path, run: Run) -> None:
    os.utime(films / "film1.mp4", (1, 1))
    assert not any(checked(run).values())


def test_a_moved_folder_is_found_even_if_its_files_were_renamed(films: Path, run: Run, tmp_path: Path) -> None:
    moved = tmp_path / "elsewhere" / "deep"
    moved.parent.mkdir()
    films.rename(moved)
    (moved / "film1.mp4").rename(moved / "other name.mp4")
    write_clip(moved / "new.mp4", pictures(5, seed=7))
    answer = run("videos", "relocate", tmp_path / "elsewhere", "--json")
    assert answer.code == 0
    assert len(answer.rows) == 3
    assert sources(run) == {
        "other name.mp4": str(moved / "other name.mp4"),
        "film2.mp4": str(moved / "film2.mp4"),
        "drawn": str(moved / "drawn"),
    }
    assert not any(checked(run).values())
    assert run("ingest", moved / "film2.mp4", "--json").rows[0]["state"] == "unchanged"
    plan = pipeline.solve("other name.mp4", settings())
    assert pipeline.render(plan, tmp_path / "film.mp4", settings())


def test_one_video_is_relocated_to_a_given_path(films: Path, run: Run, tmp_path: Path) -> None:
    target = (films / "film1.mp4").rename(tmp_path / "moved.mp4")
    assert run("videos", "relocate", "film1", target).code == 0
    assert sources(run)["moved.mp4"] == str(target)


def test_different_content_is_never_accepted_as_the_source(films: Path, run: Run) -> None:
    before = sources(run)
    answer = run("videos", "relocate", "film1", films / "film2.mp4")
    assert answer.code == 2
    assert "film1.mp4" in answer.err
    with pytest.raises(UsageError, match="There is no"):
        relocate_videos(["film1"], films / "nothing.mp4", settings())
    with pytest.raises(UsageError, match="where it was"):
        relocate_videos([], films, settings())
    assert sources(run) == before


def test_sources_not_found_are_named_and_the_others_are_relocated(films: Path, run: Run, tmp_path: Path) -> None:
    (films / "film1.mp4").unlink()
    moved = films.rename(tmp_path / "moved")
    answer = run("videos", "relocate", moved)
    assert answer.code == 1
    assert "film1" in answer.err
    assert sources(run)["film2.mp4"] == str(moved / "film2.mp4")


def test_videos_with_missing_sources_are_removed_together(films: Path, run: Run) -> None:
    (films / "film1.mp4").unlink()
    shutil.rmtree(films / "drawn")
    asked = run("videos", "remove", "--missing")
    assert asked.code == 2
    assert len(sources(run)) == 3
    assert run("videos", "remove", "--missing", "--yes").code == 0
    assert list(sources(run)) == ["film2.mp4"]
    assert run("videos", "remove", "--missing", "--yes").code == 0
    assert list(sources(run)) == ["film2.mp4"]


@pytest.mark.parametrize("words", [[], ["film1", "--missing"]], ids=["nothing", "both"])
def test_remove_needs_either_names_or_missing(films: Path, run: Run, words: list[str]) -> None:
    assert run("videos", "remove", *words, "--yes").code == 2
    assert len(sources(run)) == 3

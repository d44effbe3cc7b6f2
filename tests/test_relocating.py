"""Sources that were moved are found by their content, and those that are gone are told of and can be forgotten."""

import os
import shutil
from pathlib import Path

import pytest
from helpers import pictures, write_clip, write_pictures
from runs import Run, settings

from reelweave import pipeline, upkeep
from reelweave.errors import UsageError


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


def test_check_warns_of_sources_that_are_gone_or_have_changed(films: Path, run: Run) -> None:
    assert not any(checked(run).values())
    (films / "film1.mp4").unlink()
    shutil.copyfile(films / "film2.mp4", films / "copy.mp4")
    write_clip(films / "film2.mp4", pictures(5, seed=9))
    warnings = checked(run)
    assert "missing" in warnings["film1"][0]
    assert "changed" in warnings["film2"][0]
    assert warnings["drawn"] == []


def test_a_source_that_was_only_touched_is_no_other(films: Path, run: Run) -> None:
    os.utime(films / "film1.mp4", (1, 1))
    assert not any(checked(run).values())


def test_a_moved_folder_is_found_again_whatever_its_files_are_called_now(films: Path, run: Run, tmp_path: Path) -> None:
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


def test_one_video_is_moved_to_where_the_user_says(films: Path, run: Run, tmp_path: Path) -> None:
    target = (films / "film1.mp4").rename(tmp_path / "moved.mp4")
    assert run("videos", "relocate", "film1", target).code == 0
    assert sources(run)["moved.mp4"] == str(target)


def test_other_content_is_never_taken_for_the_source(films: Path, run: Run) -> None:
    before = sources(run)
    answer = run("videos", "relocate", "film1", films / "film2.mp4")
    assert answer.code == 2
    assert "film1.mp4" in answer.err
    with pytest.raises(UsageError, match="There is no"):
        upkeep.relocate(["film1"], films / "nothing.mp4", settings())
    with pytest.raises(UsageError, match="where it was"):
        upkeep.relocate([], films, settings())
    assert sources(run) == before


def test_what_is_not_found_is_named_and_the_rest_is_moved(films: Path, run: Run, tmp_path: Path) -> None:
    (films / "film1.mp4").unlink()
    moved = films.rename(tmp_path / "moved")
    answer = run("videos", "relocate", moved)
    assert answer.code == 1
    assert "film1" in answer.err
    assert sources(run)["film2.mp4"] == str(moved / "film2.mp4")


def test_videos_whose_sources_are_gone_are_removed_together(films: Path, run: Run) -> None:
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
def test_what_is_to_be_removed_must_be_clear(films: Path, run: Run, words: list[str]) -> None:
    assert run("videos", "remove", *words, "--yes").code == 2
    assert len(sources(run)) == 3

"""Videos to search are chosen by name, pattern, date and length, and a stored frame can be searched for."""

import os
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from helpers import ffmpeg_ok, pictures, write_clip, write_pictures
from runs import Run, settings

from reelweave import pipeline
from reelweave.errors import UsageError
from reelweave.index.library import open_library
from reelweave.media.timecode import read_clock, read_dates
from reelweave.search.filters import date_of

NOON = 12 * 3600
"""The same day in every time zone but those at the date line."""


@pytest.fixture(scope="module")
def stock(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three films of 1, 2 and 4 seconds from three years, one of which says so itself, and a folder of pictures."""
    folder = tmp_path_factory.mktemp("stock")
    for number, (name, length) in enumerate([("Cam-A.mp4", 5), ("cam-b.mp4", 10), ("garden.mp4", 20)]):
        made = write_clip(folder / name, pictures(length, seed=number), fps=5)
        changed = datetime(2021 + number, 5, 17, tzinfo=UTC).timestamp() + NOON
        os.utime(made, (changed, changed))
    tagged = folder / "tagged.mkv"
    ffmpeg_ok(
        "-i", str(folder / "garden.mp4"), "-c", "copy", "-metadata", "creation_time=2001-02-03T12:05:06", str(tagged)
    )
    (folder / "garden.mp4").unlink()
    write_pictures(folder / "pictures", pictures(4, seed=8))
    for source in ("Cam-A.mp4", "cam-b.mp4", "tagged.mkv", "pictures"):
        pipeline.ingest(folder / source, settings(library=str(folder / "library"), ingest__size=64))
    return folder


@pytest.fixture
def there(stock: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("REELWEAVE_LIBRARY", str(stock / "library"))
    return stock


def found(run: Run, there: Path, *options: object) -> set[str]:
    answer = run("search", "--image", there / "pictures" / "frame 1.png", "-k", 100, "--all", "--json", *options)
    assert answer.code == 0, answer.err
    return {row["name"] for row in answer.rows}


@pytest.mark.parametrize(
    ("names", "videos"),
    [
        pytest.param(["cam-b.mp4"], {"cam-b.mp4"}, id="a name"),
        pytest.param(["CAM-*"], {"Cam-A.mp4", "cam-b.mp4"}, id="a pattern, in upper or lower case"),
        pytest.param(["cam"], {"Cam-A.mp4", "cam-b.mp4"}, id="part of a name"),
        pytest.param(["-b", "ictur"], {"cam-b.mp4", "pictures"}, id="parts of two names"),
        pytest.param(["*.m[kp]*"], {"Cam-A.mp4", "cam-b.mp4", "tagged.mkv"}, id="a set of letters"),
    ],
)
def test_videos_are_chosen_by_name_pattern_or_part_of_a_name(
    there: Path, run: Run, names: list[str], videos: set[str]
) -> None:
    assert found(run, there, *(f"--video={name}" for name in names)) == videos


def test_a_pattern_with_folders_is_matched_with_the_path(
    there: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert found(run, there, "--video", f"{there}/cam*") == {"Cam-A.mp4", "cam-b.mp4"}
    monkeypatch.chdir(there.parent)
    assert found(run, there, "--video", f"{there.name}/cam-b*") == {"cam-b.mp4"}


def test_a_pattern_that_fits_nothing_is_refused(there: Path, run: Run) -> None:
    refused = run("search", "--image", there / "pictures" / "frame 1.png", "--video", "dog*")
    assert (refused.code, refused.out) == (2, "")
    assert "dog*" in refused.err


@pytest.mark.parametrize(
    ("options", "videos"),
    [
        pytest.param(["--since", "2021-05-17"], {"Cam-A.mp4", "cam-b.mp4"}, id="since a day, which is included"),
        pytest.param(["--until", "2021-05-17"], {"Cam-A.mp4", "tagged.mkv"}, id="until a day, which is included"),
        pytest.param(["--since", "2021-05-18", "--until", "2022-05"], {"cam-b.mp4"}, id="until a month"),
        pytest.param(["--since", "2001", "--until", "2001"], {"tagged.mkv"}, id="a year, as the container says"),
        pytest.param(["--min-length", "2"], {"cam-b.mp4", "tagged.mkv"}, id="at least so long"),
        pytest.param(["--max-length", "0:02"], {"Cam-A.mp4", "cam-b.mp4", "pictures"}, id="at most so long"),
        pytest.param(["--min-length", 1.5, "--max-length", 3, "--since", "2022"], {"cam-b.mp4"}, id="both"),
    ],
)
def test_videos_are_chosen_by_date_and_length(there: Path, run: Run, options: list[object], videos: set[str]) -> None:
    assert found(run, there, *options) == videos


def test_videos_of_unknown_date_are_left_out_with_a_note(there: Path, run: Run) -> None:
    answer = run("search", "--image", there / "pictures" / "frame 1.png", "--since", "2001", "-k", 100, "--json")
    assert "pictures" not in {row["name"] for row in answer.rows}
    assert "1 of 4 videos" in answer.err


def test_filters_that_leave_no_video_are_reported(there: Path, run: Run) -> None:
    refused = run("search", "--image", there / "pictures" / "frame 1.png", "--min-length", "1:00:00")
    assert (refused.code, refused.out) == (2, "")


def test_the_date_of_a_copy_does_not_replace_the_one_in_the_container(stock: Path) -> None:
    with open_library(settings(library=str(stock / "library"))) as library:
        made = date_of(library.catalog.find("tagged.mkv"))
    assert made is not None
    assert made.astimezone(UTC) == datetime(2001, 2, 3, 12, 5, 6, tzinfo=UTC)


@pytest.mark.parametrize(("time", "frame"), [("0", 0), ("0.65", 3), ("1.2", 6), ("2", 9)])
def test_a_stored_frame_finds_itself_first_by_the_time_at_which_it_is_shown(
    there: Path, run: Run, time: str, frame: int
) -> None:
    best = run("search", "--near", f"cam-b.mp4@{time}", "--json").rows[0]
    assert (best["name"], best["frame"]) == ("cam-b.mp4", frame)
    assert best["score"] == pytest.approx(1, abs=1e-5)


def test_frames_like_a_stored_one_are_found_in_other_videos(there: Path, run: Run) -> None:
    rows = run("search", "--near", "cam-b.mp4@1", "--video", "Cam-A.mp4", "--json").rows
    assert {row["name"] for row in rows} == {"Cam-A.mp4"}


def test_the_video_of_a_frame_may_be_named_by_a_part_that_fits_no_other(there: Path, run: Run) -> None:
    assert run("search", "--near", "m-b@1", "--json").rows[0]["name"] == "cam-b.mp4"
    assert run("search", "--near", "cam@1").code == 2


@pytest.mark.parametrize("near", ["cam-b.mp4", "cam-b.mp4@", "@3", "cam-b.mp4@9:00", "dog.mp4@1", "cam-b.mp4@soon"])
def test_a_frame_that_does_not_exist_is_refused(there: Path, run: Run, near: str) -> None:
    refused = run("search", "--near", near)
    assert (refused.code, refused.out) == (2, "")


def test_a_frame_together_with_a_picture_is_refused(there: Path, run: Run) -> None:
    both = run("search", "--near", "cam-b.mp4@1", "--image", there / "pictures" / "frame 1.png")
    assert (both.code, both.out) == (2, "")


@pytest.mark.parametrize(
    ("text", "first", "last"),
    [
        ("2024-02-29", date(2024, 2, 29), date(2024, 2, 29)),
        ("2024-02", date(2024, 2, 1), date(2024, 2, 29)),
        ("2023", date(2023, 1, 1), date(2023, 12, 31)),
        ("9999", date(9999, 1, 1), date(9999, 12, 31)),
    ],
)
def test_a_date_stands_for_all_its_days(text: str, first: date, last: date) -> None:
    assert read_dates(text) == (first, last)


@pytest.mark.parametrize("text", ["", "today", "2023-02-29", "2023-13", "2023-00", "23-01-01", "2023-1-1", "17.5.2023"])
def test_other_texts_are_no_dates(text: str) -> None:
    with pytest.raises(UsageError):
        read_dates(text)


@pytest.mark.parametrize(("text", "seconds"), [("75.5", 75.5), ("1:15", 75), ("90:00", 5400), ("1:02:03", 3723)])
def test_a_time_is_read_as_it_is_shown(text: str, seconds: float) -> None:
    assert read_clock(text) == seconds

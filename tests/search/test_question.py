"""Error messages of searches that cannot be answered or exported."""

from pathlib import Path

import cv2
import pytest
from helpers import decoded, pictures, write_clip
from runs import Run


@pytest.fixture
def library_of_two(run: Run, tmp_path: Path, library: Path) -> list[str]:
    """A library of two videos with different sampling rates."""
    sources = [write_clip(tmp_path / f"{name}.mp4", pictures(6, seed=seed)) for seed, name in enumerate(("one", "two"))]
    ingested = run("ingest", sources[0], "--json", "-q").rows + run("ingest", sources[1], "--fps", 5, "--json").rows
    return [row["id"] for row in ingested]


@pytest.fixture
def query(library_of_two: list[str], tmp_path: Path) -> Path:
    cv2.imwrite(str(tmp_path / "query.png"), decoded(tmp_path / "one.mp4")[3])
    return tmp_path / "query.png"


def test_a_text_without_clip_vectors_names_the_videos_and_the_command_that_adds_them(
    run: Run, library_of_two: list[str], tmp_path: Path
) -> None:
    refused = run("search", "a red car")
    assert (refused.code, refused.out) == (1, "")
    assert [video for video in library_of_two if video not in refused.err] == []
    assert "reelweave ingest" in refused.err
    assert "--space clip" in refused.err


def test_that_command_keeps_the_stored_rate(run: Run, library_of_two: list[str], tmp_path: Path) -> None:
    refused = run("search", "a red car", "--video", library_of_two[1])
    assert f"reelweave ingest {tmp_path / 'two.mp4'} --fps 5 --space clip" in refused.err
    assert library_of_two[0] not in refused.err


@pytest.mark.parametrize("content", [None, b"", b"no picture"], ids=["missing", "empty", "text"])
@pytest.mark.parametrize("way", ["image", "term"])
def test_the_error_names_a_query_that_is_not_a_picture(
    run: Run, library_of_two: list[str], tmp_path: Path, content: bytes | None, way: str
) -> None:
    file = tmp_path / "bad.jpg"
    if content is not None:
        file.write_bytes(content)
    refused = run("search", *(["--image", file] if way == "image" else [f"@{file}"]))
    assert (refused.code, refused.out) == (1, "")
    assert "bad.jpg" in refused.err
    assert "folder" not in refused.err


def test_a_missing_source_does_not_prevent_the_answer(run: Run, query: Path, tmp_path: Path) -> None:
    there = run("search", "--image", query, "-q")
    (tmp_path / "one.mp4").rename(tmp_path / "elsewhere.mp4")
    (tmp_path / "two.mp4").unlink()
    gone = run("search", "--image", query, "-q", "--export", tmp_path / "frames")
    assert (gone.code, gone.out) == (1, there.out)
    assert str(tmp_path / "one.mp4") in gone.err

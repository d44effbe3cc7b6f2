"""The bench of whole commands: both are run on their own copy, and the table compares them."""

import sys
from pathlib import Path

import pytest
from speed import OURS, PEER, Result, by_clip, run


def result(way: str, seconds: float, clip: str = "clip") -> Result:
    return Result(clip, 100, 100, way, seconds, 2 * seconds, 100)


def test_the_table_has_both_costs_and_their_ratio() -> None:
    lines = by_clip([result(OURS, 2), result(PEER, 4), result(OURS, 4, "other"), result(PEER, 4, "other")]).splitlines()
    assert lines[2:] == [
        "| clip | 100 | 2.00 / 4.00 (0.50) | 4.00 / 8.00 (0.50) | 100 / 100 (1.00) |",
        "| other | 100 | 4.00 / 4.00 (1.00) | 8.00 / 8.00 (1.00) | 100 / 100 (1.00) |",
        "| mean |  | 3.00 / 4.00 (0.75) | 6.00 / 8.00 (0.75) | 100 / 100 (1.00) |",
    ]


def test_the_table_of_one_way_has_no_ratio() -> None:
    assert by_clip([result(OURS, 2)]).splitlines()[2:] == ["| clip | 100 | 2 | 4 | 100 |"]


def test_each_run_begins_without_what_the_last_one_left(tmp_path: Path) -> None:
    video = tmp_path / "video.mp4"
    video.write_bytes(b"video")
    code = "import pathlib, sys; film = pathlib.Path(sys.argv[2]); assert not film.exists(); film.write_bytes(b'')"
    command = [sys.executable, "-c", code, str(video), str(tmp_path / "film.mp4")]
    for _ in range(2):
        assert run(OURS, command, video, 1).cpu_seconds > 0
    assert [*tmp_path.iterdir()] == [video]


def test_a_command_that_fails_ends_the_bench(tmp_path: Path) -> None:
    video = tmp_path / "video.mp4"
    video.write_bytes(b"video")
    with pytest.raises(SystemExit, match="no such film"):
        run(PEER, [sys.executable, "-c", "raise ValueError('no such film')"], video, 1)

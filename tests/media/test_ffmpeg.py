"""The log of ffmpeg is read to its end, whether its lines are awaited or not."""

import queue

import pytest

from reelweave.media import ffmpeg
from reelweave.media.source import SHOW_TIMES, TIMES

FRAMES = 1000
FILM = ["-debug_ts", "-f", "lavfi", "-i", "color=size=16x16:rate=25", "-frames:v", str(FRAMES)]
OUTPUT = ["-vf", SHOW_TIMES, "-fps_mode", "passthrough", "-pix_fmt", "gray", "-f", "rawvideo", "-"]
EXPECTED = [pytest.approx(frame / 25) for frame in range(FRAMES)]


def time_of(reader: ffmpeg.Reader) -> float:
    return float(reader.next_match(timeout=30)[1])


def test_each_frame_finds_its_line() -> None:
    with ffmpeg.Reader([*FILM, *OUTPUT], TIMES, b"frame") as reader:
        assert [time_of(reader) for _ in range(FRAMES) if len(reader.read(256)) == 256] == EXPECTED
        assert reader.finish() == 0


def test_lines_that_nobody_awaits_hold_up_no_frame_and_are_kept() -> None:
    with ffmpeg.Reader([*FILM, *OUTPUT], TIMES, b"frame") as reader:
        assert len(reader.read(256 * FRAMES)) == 256 * FRAMES
        assert reader.finish() == 0
        assert [time_of(reader) for _ in range(FRAMES)] == EXPECTED


def test_a_line_that_never_comes_is_not_awaited_for_ever() -> None:
    with ffmpeg.Reader(["-version"], TIMES) as reader, pytest.raises(queue.Empty):
        reader.next_match(timeout=0.1)


def test_what_fails_as_ffmpeg_ends_is_kept() -> None:
    with ffmpeg.Reader(["-f", "lavfi", "-i", "no_such_filter", *OUTPUT]) as reader:
        assert reader.finish() != 0
        assert any("no_such_filter" in problem for problem in reader.problems)

"""Repairs of long videos that were interrupted, and what continues them."""

import signal
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers import ffmpeg_ok, pictures, raw_frames, write_clip, write_vfr
from runs import settings, started, wait_until

from reelweave.media.source import open_source
from reelweave.render import segments
from reelweave.render.encode import encode
from reelweave.repair import repair
from reelweave.repair.repair import RepairRequest, repair_video
from reelweave.repair.survey import RepairResult

COUNT = 50
SEGMENT = 12
FRAMES = "5,10-13,30"


class KilledError(Exception):
    """The end of a process at a chosen point."""


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A video with sound, at a rate whose frames last no whole number of microseconds."""
    silent, video = (tmp_path_factory.mktemp("long") / name for name in ("silent.mp4", "video.mp4"))
    write_clip(silent, pictures(COUNT, (160, 96)), fps=30000 / 1001)
    tone = ["-f", "lavfi", "-i", "sine=frequency=440:duration=1.6", "-c:v", "copy", "-c:a", "aac"]
    ffmpeg_ok("-i", str(silent), *tone, str(video))
    return video


def repaired(video: Path, output: Path, segment: int = SEGMENT, **options: Any) -> RepairResult:
    asked = RepairRequest(video, output=output, frames=FRAMES, **options)
    return repair_video(asked, settings(repair__segment=segment))


def times(path: Path) -> list[float]:
    return [frame.time for frame in open_source(path).frames()]


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".mov", ".avi"])
def test_a_film_encoded_in_segments_is_the_film(video: Path, tmp_path: Path, suffix: str) -> None:
    one, other = tmp_path / f"one{suffix}", tmp_path / f"other{suffix}"
    done, again = (repaired(video, path, count, lossless=True) for path, count in ((one, COUNT), (other, SEGMENT)))
    assert done.data() | {"output": ""} == again.data() | {"output": ""}
    assert raw_frames(one) == raw_frames(other)
    assert times(other) == pytest.approx(times(one), abs=0.0011 if suffix == ".mkv" else 1e-6)
    assert open_source(other).info().fps == open_source(one).info().fps
    assert open_source(other).info().has_audio
    assert {path.name for path in tmp_path.iterdir()} == {one.name, other.name}


def test_times_of_their_own_are_kept_across_segments(tmp_path: Path) -> None:
    stays = [0.04, 0.12, 0.04, 0.2, 0.08] * (COUNT // 5)
    video, output = write_vfr(tmp_path / "video.mp4", pictures(COUNT, (160, 96)), stays), tmp_path / "out.mp4"
    repaired(video, output)
    assert np.array(times(output)) == pytest.approx(np.array(times(video)) - times(video)[0], abs=0.001)


@pytest.mark.parametrize("at", [1, 2, 3, 5])
def test_an_interrupted_repair_continues_and_gives_the_same_film(
    video: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at: int
) -> None:
    """Interrupted as segment `at` is to be encoded, one of them inside a gap; or, last, as all are to be joined."""
    plain, output = tmp_path / "plain.mp4", tmp_path / "out.mp4"
    done = repaired(video, plain)
    encoded: list[int] = []

    def dying(frames: Iterator[bytes], count: int, *rest: Any, **named: Any) -> None:
        encoded.append(count)
        if len(encoded) == at:
            raise KilledError
        encode(frames, count, *rest, **named)

    def killed(*_: object) -> None:
        raise KilledError

    with monkeypatch.context() as patched:
        patched.setattr(segments, "encode", dying)
        patched.setattr(segments.Segments, "_join", killed)
        with pytest.raises(KilledError):
            repaired(video, output)
    assert not output.exists()
    encoded.clear()

    def counting(frames: Iterator[bytes], count: int, *rest: Any, **named: Any) -> None:
        encoded.append(count)
        encode(frames, count, *rest, **named)

    with monkeypatch.context() as patched:
        patched.setattr(segments, "encode", counting)
        patched.setattr(repair, "find_broken_frames", killed)
        again = repaired(video, output)
    assert sum(encoded) == max(0, COUNT - SEGMENT * (at - 1))
    assert output.read_bytes() == plain.read_bytes()
    assert again.data() | {"output": ""} == done.data() | {"output": ""}
    assert {path.name for path in tmp_path.iterdir()} == {"plain.mp4", "out.mp4"}


def test_unfinished_work_of_other_options_is_not_used(
    video: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain, output = tmp_path / "plain.mp4", tmp_path / "out.mp4"
    repaired(video, plain, lossless=True)

    def killed(*_: object) -> None:
        raise KilledError

    with monkeypatch.context() as patched:
        patched.setattr(segments.Segments, "_join", killed)
        with pytest.raises(KilledError):
            repaired(video, output)
    repaired(video, output, lossless=True)
    assert output.read_bytes() == plain.read_bytes()
    assert {path.name for path in tmp_path.iterdir()} == {"plain.mp4", "out.mp4"}


def test_damaged_unfinished_work_is_not_used(video: Path, tmp_path: Path) -> None:
    plain, output = tmp_path / "plain.mp4", tmp_path / "out.mp4"
    repaired(video, plain)
    work = segments.WorkFolder.beside(output)
    work.folder.mkdir()
    for name in ("survey", "progress"):
        (work.folder / f"{name}.json").write_text("[]")
    repaired(video, output)
    assert output.read_bytes() == plain.read_bytes()


def test_a_killed_command_continues(video: Path, tmp_path: Path) -> None:
    plain, output, long = (tmp_path / name for name in ("plain.mp4", "out.mp4", "long.mp4"))
    ffmpeg_ok("-stream_loop", "9", "-i", str(video), "-c", "copy", str(long))
    flags = ("--frames", FRAMES, "--quiet")
    with started("repair", long, "-o", plain, *flags, REELWEAVE_REPAIR__SEGMENT=20) as process:
        assert process.wait() == 0
    progress = segments.WorkFolder.beside(output).folder / "segment-00003.mp4"
    with started("repair", long, "-o", output, *flags, REELWEAVE_REPAIR__SEGMENT=20) as process:
        wait_until(progress.exists)
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert not output.exists()
    with started("repair", long, "-o", output, *flags, REELWEAVE_REPAIR__SEGMENT=20) as process:
        assert process.wait() == 0
    assert output.read_bytes() == plain.read_bytes()


def test_segments_begin_where_their_frames_do() -> None:
    rate = Fraction(30000, 1001)
    starts = [segments.Segments._microseconds(frame, rate, None) for frame in range(0, 300_000, 3000)]
    exact = [float(frame / rate * 1_000_000) for frame in range(0, 300_000, 3000)]
    assert max(abs(one - other) for one, other in zip(starts, exact, strict=True)) <= 0.5

"""Losses: reported once; and frame rates: a pause never slows down a film."""

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers import ffmpeg_ok, pictures, write_clip, write_gif, write_vfr
from hypothesis import given
from hypothesis import strategies as st
from runs import Run

from reelweave.media.losses import bit_depth, format_losses, stream_losses
from reelweave.media.rates import measured_rate
from reelweave.media.source import open_source
from reelweave.progress import NotingProgress, SilentProgress, noting

FILM = pictures(12)
PAUSED = [0.04] * 5 + [3.0] + [0.04] * 6


def coded(path: Path, *arguments: str) -> Path:
    clip = write_clip(path.with_name("plain.mkv"), FILM)
    ffmpeg_ok("-i", str(clip), *arguments, str(path))
    return path


def deep(folder: Path) -> Path:
    return coded(folder / "deep.mkv", "-c:v", "libx264", "-pix_fmt", "yuv420p10le")


def hdr(folder: Path) -> Path:
    tags = "colorprim=bt2020:transfer=smpte2084:colormatrix=bt2020nc"
    return coded(folder / "hdr.mkv", "-c:v", "libx264", "-pix_fmt", "yuv420p", "-x264-params", tags)


def interlaced(folder: Path) -> Path:
    return coded(folder / "interlaced.mkv", "-c:v", "libx264", "-x264-params", "tff=1", "-pix_fmt", "yuv420p")


def transparent_webm(folder: Path) -> Path:
    return coded(folder / "t.webm", "-vf", "format=rgba,lutrgb=a=90,format=yuva420p", "-c:v", "libvpx-vp9")


def transparent_apng(folder: Path) -> Path:
    return coded(folder / "t.apng", "-vf", "format=rgba,lutrgb=a=90")


def paused(folder: Path) -> Path:
    return write_vfr(folder / "paused.mkv", FILM, PAUSED)


def two_pictures(folder: Path) -> Path:
    clip = write_clip(folder / "plain.mkv", FILM)
    ffmpeg_ok("-i", str(clip), "-map", "0:v", "-map", "0:v", "-c", "copy", str(folder / "two.mkv"))
    return folder / "two.mkv"


def subtitled(folder: Path) -> Path:
    (folder / "words.srt").write_text("1\n00:00:00,000 --> 00:00:00,400\nhello\n")
    return coded(folder / "subtitled.mkv", "-i", str(folder / "words.srt"), "-map", "0:v", "-map", "1", "-c:v", "copy")


LOSSES: dict[str, tuple[Callable[[Path], Path], str]] = {
    "10 bits": (deep, "10-bit"),
    "HDR": (hdr, "HDR"),
    "interlacing": (interlaced, "interlaced"),
    "transparency that no decoder reads": (transparent_webm, "transparency"),
    "transparency": (transparent_apng, "transparency"),
    "times": (paused, "25 frames a second"),
    "a second stream of pictures": (two_pictures, "2 video streams"),
    "subtitles": (subtitled, "subtitles"),
}


@pytest.mark.parametrize(("make", "told"), LOSSES.values(), ids=LOSSES)
def test_a_loss_is_reported_once(tmp_path: Path, run: Run, make: Callable[[Path], Path], told: str) -> None:
    source = make(tmp_path)
    done = run("reconstruct", source, "--both", "--keep", "0-11", "-o", tmp_path / "film.mp4", "--json")
    assert done.code == 0
    notes = [note for note in done.data["notes"] if note.startswith(f"{source.name}: ")]
    assert len(notes) == 1
    assert told in notes[0]
    assert done.err.count(notes[0]) == 1


@pytest.mark.parametrize("make", [deep, paused], ids=["10 bits", "times"])
def test_render_reports_losses_as_well(tmp_path: Path, run: Run, make: Callable[[Path], Path]) -> None:
    source = make(tmp_path)
    run("ingest", source)
    run("solve", source, "--keep", "0-11", "--plan", tmp_path / "plan.json")
    done = run("render", tmp_path / "plan.json", "-o", tmp_path / "film.mp4", "--json")
    assert len([note for note in done.data["notes"] if note.startswith(f"{source.name}: ")]) == 1


def test_repair_reports_losses_and_keeps_the_times(tmp_path: Path, run: Run) -> None:
    done = run("repair", deep(tmp_path), "--frames", "3", "-o", tmp_path / "film.mkv", "--json")
    assert [note for note in done.data["notes"] if "10-bit" in note]
    source = paused(tmp_path)
    done = run("repair", source, "--frames", "3", "-o", tmp_path / "again.mkv", "--json")
    assert not [note for note in done.data["notes"] if "rate" in note]


def test_a_second_sound_track_is_reported_if_sound_is_kept(tmp_path: Path, run: Run) -> None:
    tone = ["-f", "lavfi", "-i", "sine=d=0.5"]
    source = coded(tmp_path / "two.mkv", *tone, *tone, "-map", "0", "-map", "1", "-map", "2", "-c:v", "copy")
    run("ingest", source)
    run("solve", source, "--keep", "0-11", "--plan", tmp_path / "plan.json")
    told = {
        audio: run("render", tmp_path / "plan.json", "-o", tmp_path / "film.mkv", "--audio", audio).err
        for audio in ("drop", "keep")
    }
    assert {audio: "2 sound tracks" in err for audio, err in told.items()} == {"drop": False, "keep": True}


@pytest.mark.parametrize(
    "make",
    [
        lambda folder: write_clip(folder / "plain.mp4", FILM),
        lambda folder: write_clip(folder / "plain.mkv", FILM, fps=29.97),
        lambda folder: write_gif(folder / "plain.gif", FILM),
        deep,
    ],
    ids=["MP4", "times in milliseconds", "GIF", "10 bits kept"],
)
def test_nothing_is_reported_if_nothing_is_lost(tmp_path: Path, run: Run, make: Callable[[Path], Path]) -> None:
    done = run("reconstruct", make(tmp_path), "--keep", "0-11", "--lossless", "-o", tmp_path / "film.mkv", "--json")
    assert done.data["notes"] == []


def test_a_pause_does_not_slow_down_the_film(tmp_path: Path, run: Run) -> None:
    source = paused(tmp_path)
    run("reconstruct", source, "--keep", "0-11", "-o", tmp_path / "film.mp4")
    assert float(open_source(tmp_path / "film.mp4").info().fps) == pytest.approx(25, rel=0.01)


def test_a_resumed_ingest_measures_the_rate_of_the_whole_source(tmp_path: Path) -> None:
    source = open_source(paused(tmp_path))
    list(source.frames(9))
    assert source.rate().fps == pytest.approx(25, rel=0.01)
    assert source.rate().varies


@pytest.mark.parametrize(
    ("steps", "fps", "varies"),
    [
        ([0.04] * 30, 25, False),
        ([0.04] * 30 + [3.0] + [0.04] * 30, 25, True),
        ([0.04, 0.4] * 10, 1 / 0.22, True),
        ([0.033, 0.034, 0.033] * 20, 30, False),
        ([0.03, 0.05] * 20, 25, False),
        ([0.02] * 20 + [0.06] * 20, 25, True),
        ([], 25, False),
        ([0.0] * 5, 25, False),
        ([1e-9] * 30, 25, False),
    ],
    ids=["even", "a pause", "a slide show", "rounded", "jitter", "two rates", "one frame", "no times", "a nanosecond"],
)
def test_the_rate_is_measured_without_pauses(steps: list[float], fps: float, varies: bool) -> None:
    found = measured_rate([0.0, *np.cumsum(steps)], [Fraction(25), Fraction(30)])
    assert found.fps == pytest.approx(fps, rel=1e-6)
    assert found.varies == varies


@given(st.lists(st.floats(0, 1e6), min_size=1, max_size=30))
def test_any_times_give_a_rate(times: list[float]) -> None:
    fps = measured_rate(times, [Fraction(25)]).fps
    assert np.isfinite(fps)
    assert fps > 0


@pytest.mark.parametrize(
    ("name", "bits"),
    [
        *[("yuv420p", 8), ("bgra", 8), ("pal8", 8), ("gray", 8), ("nv12", 8), ("rgb565le", 8), ("yuv420p10le", 10)],
        *[("yuv444p12be", 12), ("gray16le", 16), ("rgb48be", 16), ("rgba64le", 16), ("p010le", 10), ("p210le", 10)],
        *[("gbrp14le", 14), ("gbrpf32le", 32), ("x2rgb10le", 10), ("y210le", 10), ("xv36le", 12), ("nv20le", 10)],
    ],
)
def test_the_depth_of_a_pixel_format(name: str, bits: int) -> None:
    assert bit_depth(name) == bits


def test_a_bit_depth_that_is_kept_is_not_a_loss() -> None:
    assert format_losses("yuv420p10le", "yuv420p10le", "bt709", interlaced=False, transparent=False) == []


def test_cover_art_is_not_a_second_video_stream() -> None:
    log = "Stream #0:0: Video: h264\n Stream #0:1: Video: mjpeg, 9x9 (attached pic)\n"
    assert stream_losses(f"{log}Stream mapping:\n Stream #0:0: Video: wrapped_avframe") == []


def test_a_note_is_shown_once_at_any_depth_of_nesting() -> None:
    said: list[str] = []

    class Heard(SilentProgress):
        def note(self, text: str) -> None:
            said.append(text)

    outer: Any = noting(Heard())
    inner = noting(outer)
    inner.note("one")
    outer.note("one")
    assert isinstance(inner, NotingProgress)
    assert said == outer.notes == ["one"]

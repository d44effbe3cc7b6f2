"""Sources: frames in decode order with their own timestamps."""

import os
import signal
import subprocess
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers import (
    decoded,
    ffmpeg_ok,
    nearest,
    pictures,
    write_clip,
    write_gif,
    write_pictures,
    write_rotated,
    write_vfr,
)
from hypothesis import given
from hypothesis import strategies as st

from reelweave.errors import SourceError
from reelweave.media.source import PictureFolder, natural_key, open_source

FILM = pictures(24)


def test_a_video_yields_every_frame_once_in_order_with_its_time(tmp_path: Path) -> None:
    source = open_source(write_clip(tmp_path / "clip.mp4", FILM, fps=20))
    frames = list(source.frames())
    assert [frame.index for frame in frames] == list(range(24))
    assert [frame.time for frame in frames] == pytest.approx([index / 20 for index in range(24)])
    assert [nearest(frame.picture, FILM) for frame in frames] == list(range(24))
    assert source.problems == []


def test_info_matches_the_container(tmp_path: Path) -> None:
    info = open_source(write_clip(tmp_path / "clip.mkv", FILM, fps=29.97)).info()
    assert (info.kind, info.width, info.height, info.has_audio) == ("video", 96, 64, False)
    assert float(info.fps) == pytest.approx(29.97, abs=0.01)
    assert info.frames_hint == pytest.approx(24, abs=1)


@pytest.mark.parametrize("start", [0, 1, 7, 23, 24, 99], ids=lambda start: f"from {start}")
def test_decoding_from_any_frame_yields_the_same_frames(tmp_path: Path, start: int) -> None:
    source = open_source(write_clip(tmp_path / "clip.mp4", FILM, crf=23))
    whole, part = list(source.frames()), list(source.frames(start))
    assert [(f.index, f.time) for f in part] == [(f.index, f.time) for f in whole[start:]]
    assert all(np.array_equal(a.picture, b.picture) for a, b in zip(part, whole[start:], strict=True))


@pytest.mark.parametrize(
    ("short_side", "shape"),
    [(0, (64, 96, 3)), (32, (32, 48, 3)), (500, (64, 96, 3))],
    ids=["as decoded", "shrunk", "never enlarged"],
)
@pytest.mark.parametrize("kind", ["video", "pictures"])
def test_frames_are_scaled_to_the_short_side(
    tmp_path: Path, kind: str, short_side: int, shape: tuple[int, int, int]
) -> None:
    path = write_clip(tmp_path / "a.mp4", FILM[:2]) if kind == "video" else write_pictures(tmp_path / "a", FILM[:2])
    assert [f.picture.shape for f in open_source(path).frames(short_side=short_side)] == [shape] * 2


def test_frames_closer_than_the_nominal_rate_are_no_damage(tmp_path: Path) -> None:
    source = open_source(write_vfr(tmp_path / "vfr.mkv", FILM[:6] * 5, [0.02, 0.05, 0.11] * 10))
    assert len(list(source.frames())) == 30
    assert source.problems == []


def test_frames_of_a_variable_rate_keep_their_own_times(tmp_path: Path) -> None:
    shown = [0.08, 0.4, 0.04, 0.2, 0.12, 0.04]
    frames = list(open_source(write_vfr(tmp_path / "vfr.mp4", FILM[:6], shown)).frames())
    assert [frame.time for frame in frames] == pytest.approx(np.cumsum([0, *shown[:-1]]).tolist(), abs=0.002)


def test_a_rotated_video_is_decoded_upright(tmp_path: Path) -> None:
    path = write_rotated(tmp_path / "turned.mp4", FILM[:3], 90)
    info, first = open_source(path).info(), decoded(path)[0]
    assert (info.width, info.height) == (64, 96)
    turns = [np.ascontiguousarray(np.rot90(FILM[0], quarter)) for quarter in (1, 3)]
    assert nearest(first, turns) == 0


def test_an_animated_gif_is_a_video(tmp_path: Path) -> None:
    source = open_source(write_gif(tmp_path / "anim.gif", FILM[:8], fps=10))
    frames = list(source.frames())
    assert [frame.time for frame in frames] == pytest.approx([index / 10 for index in range(8)])
    assert source.info().fps == 10


def test_a_stream_that_changes_its_size_midway_is_one_film(tmp_path: Path) -> None:
    upright = [np.ascontiguousarray(np.rot90(frame)) for frame in FILM[:6]]
    parts = [write_clip(tmp_path / f"{len(part)}.mp4", part) for part in (FILM[:5], upright)]
    for part in parts:
        ffmpeg_ok("-i", str(part), "-c", "copy", "-bsf:v", "h264_mp4toannexb", str(part.with_suffix(".h264")))
    (tmp_path / "both.h264").write_bytes(b"".join(part.with_suffix(".h264").read_bytes() for part in parts))
    ffmpeg_ok("-i", str(tmp_path / "both.h264"), "-c", "copy", str(tmp_path / "both.mkv"))
    source = open_source(tmp_path / "both.mkv")
    frames = list(source.frames())
    assert [frame.index for frame in frames] == list(range(11))
    assert [frame.time for frame in frames] == sorted({frame.time for frame in frames})
    assert {frame.picture.shape for frame in frames} == {(64, 96, 3)}
    assert [frame.index for frame in source.frames(8)] == [8, 9, 10]


@pytest.mark.parametrize("attempt", range(5))
def test_damage_is_reported_on_every_pass(tmp_path: Path, attempt: int) -> None:
    whole = write_clip(tmp_path / "whole.mkv", FILM, crf=23).read_bytes()
    (tmp_path / "cut.mkv").write_bytes(whole[: len(whole) // 2])
    source = open_source(tmp_path / "cut.mkv")
    assert 0 < len(list(source.frames())) < 24
    assert len(source.problems) == 1


def test_cover_art_is_not_a_video(tmp_path: Path) -> None:
    picture = write_pictures(tmp_path / "art", FILM[:1]) / "frame 1.png"
    sound = tmp_path / "song.mp3"
    ffmpeg_ok("-f", "lavfi", "-i", "sine=d=0.2", "-i", str(picture), "-map", "0", "-map", "1", str(sound))
    with pytest.raises(SourceError, match="contains no video"):
        open_source(sound).info()


def test_pictures_are_read_in_natural_order(tmp_path: Path) -> None:
    folder = write_pictures(tmp_path / "pictures", FILM[:12])
    source = open_source(folder, pictures_fps=5)
    assert [file.name for file in PictureFolder(folder, 5).files][1:3] == ["frame 2.png", "frame 3.png"]
    frames = list(source.frames())
    assert all(np.array_equal(frame.picture, FILM[frame.index]) for frame in frames)
    assert [frame.time for frame in frames] == pytest.approx([index / 5 for index in range(12)])


@pytest.mark.parametrize(
    "names",
    [
        pytest.param(["img1", "img2", "img10"], id="numbers"),
        pytest.param(["a2b3", "a2b20", "a10b1"], id="several numbers"),
        pytest.param(["01", "1", "2"], id="leading zeros"),
        pytest.param(["a", "B", "c"], id="capitals"),
        pytest.param(["a²", "a³"], id="digits that are no decimals"),
        pytest.param(["٣", "10"], id="digits of other scripts"),
        pytest.param(["", "0", "a"], id="empty"),
    ],
)
def test_natural_order(names: list[str]) -> None:
    backwards = names[::-1]
    assert sorted(backwards, key=natural_key) == names


@given(st.lists(st.text(max_size=8), max_size=6))
def test_natural_order_is_total(names: list[str]) -> None:
    backwards = names[::-1]
    assert sorted(names, key=natural_key) == sorted(backwards, key=natural_key)
    for one, other in product(names, repeat=2):
        assert (natural_key(one) == natural_key(other)) == (one == other)


@given(st.integers(0, 10**12), st.integers(0, 10**12), st.text(st.characters(categories=["L"]), max_size=4))
def test_natural_order_agrees_with_numbers(low: int, high: int, word: str) -> None:
    low, high = sorted((low, high))
    assert (natural_key(f"{word}{low}") < natural_key(f"{word}{high}")) == (low < high)


def test_other_files_hidden_files_and_folders_are_ignored(tmp_path: Path) -> None:
    folder = write_pictures(tmp_path / "pictures", FILM[:2])
    (folder / "notes.txt").write_text("x")
    (folder / ".hidden.png").write_bytes(b"")
    (folder / "folder.png").mkdir()
    (folder / "dangling.png").symlink_to(folder / "nowhere.png")
    assert len(decoded(folder)) == 2


def test_pictures_of_other_sizes_are_fitted_into_the_size_of_the_first(tmp_path: Path) -> None:
    folder = write_pictures(tmp_path / "pictures", [FILM[0], np.full((120, 60, 3), 200, np.uint8)])
    first, second = decoded(folder)
    assert first.shape == second.shape == (64, 96, 3)
    assert second[:, 44:52].min() > 190
    assert second[:, [0, -1]].max() == 0


def test_a_picture_is_rotated_by_its_exif_orientation(tmp_path: Path) -> None:
    from PIL import Image

    folder = tmp_path / "pictures"
    folder.mkdir()
    image = Image.fromarray(FILM[0][..., ::-1])
    exif = image.getexif()
    exif[0x0112] = 6
    image.save(folder / "a.jpg", exif=exif)
    assert decoded(folder)[0].shape == (96, 64, 3)


def test_an_unreadable_picture_is_skipped_and_named(tmp_path: Path) -> None:
    folder = write_pictures(tmp_path / "pictures", FILM[:12])
    for broken in (1, 7):
        (folder / f"frame {broken}.png").write_bytes(b"no picture")
    source = open_source(folder)
    assert [frame.index for frame in source.frames()] == [1, 2, 3, 4, 5, 7, 8, 9, 10, 11]
    assert [problem.split(" cannot")[0] for problem in source.problems] == ["frame 1.png", "frame 7.png"]


def test_a_folder_of_unreadable_pictures_is_rejected(tmp_path: Path) -> None:
    folder = write_pictures(tmp_path / "pictures", FILM[:2])
    for file in folder.iterdir():
        file.write_bytes(b"")
    with pytest.raises(SourceError, match="None of the 2 pictures"):
        open_source(folder).info()


def test_a_source_can_be_read_again_and_abandoned_early(tmp_path: Path) -> None:
    source = open_source(write_clip(tmp_path / "clip.mp4", FILM))
    frames = source.frames()
    assert next(frames).index == 0
    frames.close()
    assert [frame.index for frame in source.frames()] == list(range(24))


@pytest.fixture
def running(monkeypatch: pytest.MonkeyPatch) -> list["subprocess.Popen[bytes]"]:
    """Every process that is started, in order."""
    started: list[subprocess.Popen[bytes]] = []
    start = subprocess.Popen.__init__

    def noted(self: "subprocess.Popen[bytes]", *arguments: Any, **options: Any) -> None:
        start(self, *arguments, **options)
        started.append(self)

    monkeypatch.setattr(subprocess.Popen, "__init__", noted)
    return started


@pytest.fixture(scope="module")
def long(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """More than the pipe to a decoder holds, so that it is still at work after the first frame."""
    return write_clip(tmp_path_factory.mktemp("long") / "long.mp4", [*pictures(4, (640, 360))] * 15, crf=30)


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL], ids=lambda sent: sent.name)
def test_a_stopped_decoder_is_not_taken_for_the_end_of_the_film(
    long: Path, running: list["subprocess.Popen[bytes]"], sent: signal.Signals
) -> None:
    frames = open_source(long).frames()
    next(frames)
    running[-1].send_signal(sent)
    with pytest.raises(SourceError, match="stopped"):
        list(frames)


def test_ffmpeg_does_not_receive_ctrl_c_from_the_terminal(long: Path, running: list["subprocess.Popen[bytes]"]) -> None:
    frames = open_source(long).frames()
    next(frames)
    assert os.getpgid(running[-1].pid) != os.getpgid(0)
    frames.close()
    assert running[-1].returncode is not None

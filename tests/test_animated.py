"""Animated pictures are videos: every frame, as it is shown, for as long as it is shown."""

import struct
import zlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from helpers import decoded, nearest, pictures, write_pictures
from PIL import Image
from runs import Run

from reelweave.errors import SourceError
from reelweave.ingest.source import VideoFile, open_source

FILM = pictures(8)
SHOWN = [40, 80, 40, 120, 40, 40, 200, 40]
STARTS = np.cumsum([0, *SHOWN[:-1]]) / 1000


def animated(path: Path, frames: Sequence[Image.Image], **options: object) -> Path:
    frames[0].save(path, save_all=True, append_images=list(frames[1:]), duration=SHOWN[: len(frames)], **options)
    return path


def film() -> list[Image.Image]:
    return [Image.fromarray(np.ascontiguousarray(picture[..., ::-1])) for picture in FILM]


def patches() -> list[Image.Image]:
    """A small square moves over an empty ground: only what changes is stored."""
    made = []
    for number in range(8):
        made.append(image := Image.new("RGBA", (96, 64), (0, 0, 0, 0)))
        image.paste((255, 255, 255, 255), (10 * number, 20, 10 * number + 8, 28))
    return made


@pytest.mark.parametrize("name", ["a.webp", "a.png"])
def test_every_frame_comes_once_with_its_own_time(tmp_path: Path, name: str) -> None:
    source = open_source(animated(tmp_path / name, film(), lossless=True))
    frames = list(source.frames())
    assert isinstance(source, VideoFile)
    assert [frame.time for frame in frames] == pytest.approx(STARTS.tolist(), abs=0.002)
    assert [nearest(frame.picture, FILM) for frame in frames] == list(range(8))
    assert source.problems == []


@pytest.mark.parametrize("name", ["a.webp", "a.png"])
def test_nothing_but_loss_of_the_coder_lies_between_a_picture_and_its_frame(tmp_path: Path, name: str) -> None:
    frames = open_source(animated(tmp_path / name, film(), lossless=True)).frames()
    assert all(np.array_equal(frame.picture, FILM[frame.index]) for frame in frames)


@pytest.mark.parametrize("disposal", [0, 1, 2], ids=["left", "cleared", "restored"])
@pytest.mark.parametrize("blend", [0, 1], ids=["replaced", "blended"])
def test_frames_are_disposed_of_and_blended(tmp_path: Path, disposal: int, blend: int) -> None:
    path = animated(tmp_path / "a.png", patches(), disposal=disposal, blend=blend)
    seen = np.stack([frame.picture[24, :, 0] > 128 for frame in open_source(path).frames()])
    with Image.open(path) as image:
        wanted = []
        for number in range(image.n_frames):
            image.seek(number)
            wanted.append(np.asarray(image.convert("RGBA"))[24, :, 3] > 128)
    assert np.array_equal(seen, np.stack(wanted))


def test_a_picture_that_is_shown_in_place_of_the_animation_is_no_frame(tmp_path: Path) -> None:
    path = animated(tmp_path / "a.png", film(), default_image=True)
    assert [nearest(frame.picture, FILM) for frame in open_source(path).frames()] == list(range(1, 8))


@pytest.mark.parametrize("name", ["a.png", "a.gif", "a"])
def test_the_animation_behind_a_long_colour_profile_is_not_missed(tmp_path: Path, name: str) -> None:
    animated(tmp_path / "plain.png", film())
    content, profile = (tmp_path / "plain.png").read_bytes(), b"tEXt" + b"Comment\0" + b"x" * 100_000
    chunk = struct.pack(">I", len(profile) - 4) + profile + struct.pack(">I", zlib.crc32(profile))
    (tmp_path / name).write_bytes(content[:33] + chunk + content[33:])
    assert [nearest(picture, FILM) for picture in decoded(tmp_path / name)] == list(range(8))


@pytest.mark.parametrize("name", ["a.webp", "a.png"])
def test_one_frame_is_a_picture(tmp_path: Path, name: str) -> None:
    film()[0].save(tmp_path / name, save_all=True)
    with pytest.raises(SourceError, match="single picture"):
        open_source(tmp_path / name)


def test_in_a_folder_of_pictures_an_animated_one_is_a_picture_and_that_is_told(tmp_path: Path) -> None:
    source = open_source(write_pictures(tmp_path / "pictures", FILM[:3]))
    animated(tmp_path / "pictures" / "frame 4.webp", film(), lossless=True)
    source = open_source(tmp_path / "pictures")
    shown = [frame.picture for frame in source.frames()]
    assert len(shown) == 4
    assert np.array_equal(shown[3], FILM[0])
    assert ["first frame" in note for note in source.notes] == [True]


@pytest.mark.parametrize("name", ["a.webp", "a.png"])
def test_a_film_is_made_of_one(tmp_path: Path, run: Run, name: str) -> None:
    path = animated(tmp_path / name, film(), lossless=True)
    done = run("reconstruct", path, "--lossless", "--keep", "0-7", "-o", tmp_path / "film.mkv", "--json")
    assert done.code == 0
    shown = [nearest(frame.picture, FILM) for frame in open_source(tmp_path / "film.mkv").frames()]
    assert min(shown, shown[::-1]) == list(range(8))
    assert done.data["frames"] == 8


def test_broken_frames_of_one_are_replaced_at_its_own_times(tmp_path: Path, run: Run) -> None:
    path = animated(tmp_path / "a.webp", film(), lossless=True)
    assert run("repair", path, "--frames", "3", "-o", tmp_path / "b.mp4").code == 0
    assert [frame.time for frame in open_source(tmp_path / "b.mp4").frames()] == pytest.approx(STARTS, abs=0.002)


def test_where_ffmpeg_does_not_read_one_a_newer_ffmpeg_is_advised(tmp_path: Path) -> None:
    frame = b"ANMF" + (24).to_bytes(4, "little") + bytes(24)
    content = b"WEBPVP8X\x0a\0\0\0\x02" + bytes(3) + b"\x07\0\0" * 2 + frame * 2
    (path := tmp_path / "a.webp").write_bytes(b"RIFF" + len(content).to_bytes(4, "little") + content)
    with pytest.raises(SourceError) as failed:
        open_source(path).info()
    assert "imageio-ffmpeg" in failed.value.remedy

"""Picture files: the header is checked before pixels are decoded."""

import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from helpers import pictures, write_clip, write_pictures
from PIL import Image
from runs import Run

from reelweave.errors import SourceError
from reelweave.evaluate.foreign import foreign_pictures
from reelweave.media import animation, ffmpeg, source
from reelweave.media.animation import is_animated
from reelweave.media.pictures import picture_and_header, read_picture
from reelweave.media.source import open_source
from reelweave.media.types import MOST_PIXELS

FILM = pictures(4)


def png_of_size(path: Path, width: int, height: int) -> Path:
    """A PNG that says it is so large, and has no pixels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    content = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(1000))) + chunk(b"IEND", b"")
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + content)
    return path


def webp_of_size(path: Path, width: int, height: int) -> Path:
    canvas = (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    path.write_bytes(b"RIFF\x16\0\0\0WEBPVP8X\x0a\0\0\0" + bytes(4) + canvas)
    return path


def refused(path: Path, what: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Refused without decoding."""
    monkeypatch.setattr(cv2, "imdecode", lambda *_: pytest.fail("it was decoded"))
    with pytest.raises(SourceError, match=what):
        read_picture(path)


@pytest.mark.parametrize("make", [png_of_size, webp_of_size], ids=["PNG", "WebP"])
@pytest.mark.parametrize(("width", "height"), [(40_000, 40_000), (16_384, 12_288)], ids=["1.6 GP", "just too large"])
def test_a_picture_that_is_too_large_is_rejected_before_decoding(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, make: Callable[[Path, int, int], Path], width: int, height: int
) -> None:
    assert width * height > MOST_PIXELS
    refused(make(tmp_path / "large", width, height), f"{width} x {height}", monkeypatch)


def test_a_file_that_opencv_cannot_decode_is_rejected(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def raising(*_: object) -> None:
        raise cv2.error("assertion failed")

    monkeypatch.setattr(cv2, "imdecode", raising)
    with pytest.raises(SourceError, match="not a readable picture"):
        read_picture(png_of_size(tmp_path / "a.png", 8, 8))


def test_a_file_that_is_too_large_is_rejected_unread(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = png_of_size(tmp_path / "a.png", 8, 8)
    with path.open("r+b") as file:
        file.truncate(2 << 30)
    refused(path, "over 1024 MB", monkeypatch)


def test_a_gigabyte_of_empty_chunks_takes_no_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(animation, "_MAX_CHUNKS", 10)
    path = tmp_path / "a.png"
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(12 * 20) + struct.pack(">I4sI", 8, b"acTL", 5) + bytes(8))
    assert not is_animated(path)


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".bmp", ".tif", ".webp"])
def test_the_header_agrees_with_the_picture(tmp_path: Path, suffix: str) -> None:
    Image.fromarray(FILM[0][..., ::-1]).save(path := tmp_path / f"a{suffix}")
    picture, header = picture_and_header(path)
    assert (header.height, header.width, 3) == picture.shape
    assert (header.alpha, header.deep, header.animated) == (False, False, False)


@pytest.mark.parametrize("lossless", [True, False], ids=["lossless WebP", "lossy WebP"])
def test_the_size_of_a_webp_is_read_for_each_of_its_formats(tmp_path: Path, lossless: bool) -> None:
    Image.fromarray(FILM[0]).save(path := tmp_path / "a.webp", lossless=lossless)
    header = picture_and_header(path)[1]
    assert (header.width, header.height) == (96, 64)


@pytest.mark.parametrize(
    ("samples", "suffix", "alpha", "deep"),
    [
        (np.zeros((4, 5, 4), np.uint8), ".png", True, False),
        (np.zeros((4, 5, 3), np.uint16), ".png", False, True),
        (np.zeros((4, 5), np.uint16), ".png", False, True),
        (np.zeros((4, 5, 3), np.uint16), ".tif", False, True),
        (np.zeros((4, 5, 3), np.uint8), ".bmp", False, False),
    ],
    ids=["alpha", "16 bits", "grey of 16 bits", "TIFF of 16 bits", "BMP"],
)
def test_the_header_states_alpha_and_depth(
    tmp_path: Path, samples: np.ndarray, suffix: str, alpha: bool, deep: bool
) -> None:
    path = tmp_path / f"a{suffix}"
    path.write_bytes(cv2.imencode(suffix, samples)[1].tobytes())
    header = picture_and_header(path)[1]
    assert (header.alpha, header.deep) == (alpha, deep)


def test_a_picture_that_is_too_large_does_not_affect_the_rest_of_its_folder(tmp_path: Path) -> None:
    folder = write_pictures(tmp_path / "pictures", FILM)
    png_of_size(folder / "frame 0.png", 40_000, 40_000)
    opened = open_source(folder)
    assert [frame.index for frame in opened.frames()] == [1, 2, 3, 4]
    assert opened.problems == ["frame 0.png cannot be read"]


def test_a_picture_that_is_too_large_does_not_stop_other_sources(tmp_path: Path, run: Run) -> None:
    good, bad = write_pictures(tmp_path / "good", FILM), tmp_path / "bad"
    bad.mkdir()
    png_of_size(bad / "1.png", 40_000, 40_000)
    done = run("ingest", bad, good, "--json")
    assert [row["state"] for row in done.rows] == ["unreadable", "new"]
    assert done.code == 1


@pytest.mark.parametrize("command", ["similar", "search"])
def test_a_picture_that_is_too_large_is_rejected_as_a_query(
    tmp_path: Path, run: Run, stocked: Path, command: str
) -> None:
    large = png_of_size(tmp_path / "large.png", 40_000, 40_000)
    asked = ["similar", large, large] if command == "similar" else ["search", "--image", large, "--library", stocked]
    done = run(*asked)
    assert done.code == 1
    assert "40000 x 40000" in done.err


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (lambda folder: write_pictures(folder, [FILM[0], FILM[1][:, :40]]), "other sizes"),
        (lambda folder: write_pictures(folder, [FILM[0], FILM[1][::2, ::2]]), "other sizes"),
        (
            lambda folder: write_pictures(folder, [FILM[0], cv2.cvtColor(FILM[1], cv2.COLOR_BGR2BGRA) // 2]),
            "transparen",
        ),
        (lambda folder: write_pictures(folder, [np.asarray(FILM[0], np.uint16) * 256, FILM[1]]), "16-bit"),
        (lambda folder: write_pictures(folder, [cv2.cvtColor(FILM[0], cv2.COLOR_BGR2BGRA), FILM[1]]), ""),
        (lambda folder: write_pictures(folder, FILM[:2]), ""),
    ],
    ids=["mixed shapes", "mixed sizes", "transparency", "16 bits", "alpha that hides nothing", "nothing"],
)
def test_losses_of_a_folder_of_pictures_are_reported_once(
    tmp_path: Path, run: Run, make: Callable[[Path], Path], told: str
) -> None:
    done = run("reconstruct", make(tmp_path / "pictures"), "--json")
    notes = [note for note in done.data["notes"] if note.startswith("pictures: ")]
    assert len(notes) == bool(told)
    assert told in "".join(notes)
    assert done.err.count("pictures: ") >= len(notes)


def test_a_video_with_frames_that_are_too_large_is_rejected_before_decoding(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clip = write_clip(tmp_path / "clip.mp4", FILM)
    for module in (ffmpeg, source):
        monkeypatch.setattr(module, "MOST_PIXELS", 96 * 64 - 1)
    with pytest.raises(SourceError, match="96 x 64 pixels"):
        open_source(clip).info()


def test_foreign_frames_come_from_all_of_an_animated_picture(tmp_path: Path) -> None:
    shown = [Image.fromarray(picture[..., ::-1].copy()) for picture in FILM]
    (folder := tmp_path / "lenders").mkdir()
    shown[0].save(folder / "a.webp", save_all=True, append_images=shown[1:], duration=40, lossless=True)
    (folder / "round.png").symlink_to("nowhere.png")
    (folder / "long.png").symlink_to("x" * 300)
    lent = list(foreign_pictures([folder / "a.webp"], [range(4)], (96, 64), 0, []))
    assert all(np.array_equal(one, other) for one, other in zip(lent, FILM, strict=True))
    with pytest.raises(SourceError):
        list(foreign_pictures(folder, [range(4)], (96, 64), 0, []))

"""Makers of small clips of every kind, for all tests."""

import subprocess
from collections.abc import Iterable, Sequence
from fractions import Fraction
from functools import lru_cache
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

from reelweave.evaluate.drawn.film import encode_pictures, film_frames
from reelweave.evaluate.truth import Truth
from reelweave.media import ffmpeg
from reelweave.media.source import open_source
from reelweave.media.types import Picture
from reelweave.solve.plan.model import PathReport, Plan, PlanVideo


class Scrambled(NamedTuple):
    video: Path
    truth: Truth
    truth_file: Path


def pictures(count: int, size: tuple[int, int] = (96, 64), seed: int = 0) -> list[Picture]:
    """Consecutive pictures of a film in which everything moves."""
    return [picture.copy() for picture in _drawn(count, size, seed)]


# Many tests draw the same few pictures.
@lru_cache(maxsize=16)
def _drawn(count: int, size: tuple[int, int], seed: int) -> list[Picture]:
    return list(film_frames(count, size, seed))


# Clips of up to this many bytes are kept, for the tests that write the same one again.
_KEPT = 1 << 19
_written: dict[tuple[object, ...], bytes] = {}


def write_clip(path: Path, frames: Sequence[Picture], fps: float = 25, crf: int = 0) -> Path:
    """A clip of a constant rate; crf 0 loses nothing but the chroma that 4:2:0 has no room for."""
    height, width = frames[0].shape[:2]
    content = sha256(b"".join(np.ascontiguousarray(frame).tobytes() for frame in frames)).digest()
    key = (content, len(frames), width, height, fps, crf, path.suffix)
    if data := _written.get(key):
        path.write_bytes(data)
        return path
    encode_pictures(frames, len(frames), path, Fraction(fps).limit_denominator(1001), (width, height), crf)
    if path.stat().st_size <= _KEPT:
        _written[key] = path.read_bytes()
    return path


def write_pictures(folder: Path, frames: Iterable[Picture], suffix: str = ".png") -> Path:
    """A folder of pictures named as people number them: 2 comes before 10."""
    folder.mkdir(parents=True, exist_ok=True)
    for number, frame in enumerate(frames, 1):
        (folder / f"frame {number}{suffix}").write_bytes(cv2.imencode(suffix, frame)[1].tobytes())
    return folder


def write_vfr(path: Path, frames: Sequence[Picture], seconds: Sequence[float]) -> Path:
    """A clip in which every frame stays for its own number of seconds."""
    folder = write_pictures(path.with_name(f"{path.stem} pictures"), frames)
    rows = ["ffconcat version 1.0"]
    for number, shown in enumerate(seconds, 1):
        rows += [f"file 'frame {number}.png'", f"duration {shown}"]
    (folder / "list.txt").write_text("\n".join([*rows, ""]), encoding="utf-8")
    codec = ["-fps_mode", "vfr", "-enc_time_base", "1:1000", "-c:v", "libx264", "-pix_fmt", "yuv420p"]
    ffmpeg_ok("-f", "concat", "-safe", "0", "-i", str(folder / "list.txt"), *codec, str(path))
    return path


def write_rotated(path: Path, frames: Sequence[Picture], degrees: int = 90) -> Path:
    """A clip that asks its player to turn it, as telephones write them."""
    upright = write_clip(path.with_name(f"{path.stem} upright{path.suffix}"), frames)
    ffmpeg_ok("-display_rotation", str(degrees), "-i", str(upright), "-c", "copy", str(path))
    return path


def write_gif(path: Path, frames: Sequence[Picture], fps: float = 10) -> Path:
    clip = write_clip(path.with_suffix(".mkv"), frames, fps)
    ffmpeg_ok("-i", str(clip), str(path))
    clip.unlink()
    return path


def decoded(path: Path) -> list[Picture]:
    """Every picture of a small source."""
    return [frame.picture for frame in open_source(path).frames()]


def raw_frames(path: Path, pixel_format: str = "yuv420p") -> list[bytes]:
    """Every frame of a small clip in its own samples."""
    info = open_source(path).info()
    size = info.width * info.height + 2 * ((info.width + 1) // 2) * ((info.height + 1) // 2)
    data = ffmpeg_ok(
        *("-i", str(path), "-map", "0:V:0", "-fps_mode", "passthrough", "-pix_fmt", pixel_format, "-f", "rawvideo", "-")
    )
    return [data[at : at + size] for at in range(0, len(data), size)]


def drawn_plan(order: Sequence[int], fps: float = 25.0, *, frames: int) -> Plan:
    """A plan of a drawn film, of which nothing counts but the order."""
    return Plan(
        video=PlanVideo(
            id="drawn", name="drawn", source="drawn", sha256="", fps=fps, width=96, height=64, frames=frames
        ),
        order=list(order),
        dropped=[],
        shots=[],
        confidence=[1.0] * max(0, len(order) - 1),
        path=PathReport(cost=0.0, lower_bound=None, gap=None, solver="none", seconds=0.0),
    )


def nearest(picture: npt.NDArray[np.uint8], among: Sequence[Picture]) -> int:
    """The index of the picture that differs least."""
    return int(np.argmin([np.abs(picture.astype(int) - other).mean() for other in among]))


def ffmpeg_ok(*arguments: str) -> bytes:
    done = subprocess.run(
        [ffmpeg.executable(), "-y", "-loglevel", "error", *arguments], capture_output=True, check=False
    )
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout

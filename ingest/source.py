"""A video file, an animated picture or a folder of pictures as a stream of frames."""

import contextlib
import os
import queue
import re
import subprocess
from array import array
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import count
from pathlib import Path
from typing import Protocol

import numpy as np

from .. import ffmpeg
from ..animation import is_animated
from ..errors import SourceError
from ..frames import MOST_PIXELS, Frame, Picture, SourceInfo
from .losses import stream_losses
from .pictures import PictureHeader, is_transparent, picture_and_header
from .rates import FrameRate, is_rate, measured_rate

PICTURE_SUFFIXES = frozenset({".bmp", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp"})

VIDEO_SUFFIXES = frozenset(
    {
        ".3g2",
        ".3gp",
        ".apng",
        ".asf",
        ".avi",
        ".dav",
        ".divx",
        ".dv",
        ".f4v",
        ".flv",
        ".gif",
        ".h264",
        ".hevc",
        ".m2t",
        ".m2ts",
    }
    | {".m2v", ".m4v", ".mjpeg", ".mjpg", ".mkv", ".mov", ".mp4", ".mpe", ".mpeg", ".mpg", ".mts", ".mxf", ".ogm"}
    | {".ogv", ".qt", ".rm", ".rmvb", ".ts", ".vob", ".webm", ".wmv", ".y4m"}
)
"""What is taken for a video where a folder is searched; a file that is named may be called anything."""

_STREAM = re.compile(r"Stream #0:\d+.*?: Video: \w+.*")
# Each line is said at once: showinfo puts its own together bit by bit, and an error of another thread that
# falls between them loses the mark that makes it one.
SHOW_TIMES = "metadata=mode=add:key=shown:value=1,metadata=mode=print:key=shown"
"""Filters that make ffmpeg log the time of each frame, for a reader with the pattern `TIMES`."""

TIMES = re.compile(r"\bframe: *\d+ +pts: *\S+ +pts_time: *(\S+)")
# With -debug_ts the decoder says of each frame, in the order in which they leave it, whether it is a key frame and
# of which kind; and just before, whether it had to guess at it.
_TOLD = re.compile(rf"{TIMES.pattern}|(corrupt decoded frame)|\bdecoder -> .* keyframe:(\d) frame_type:(\d)")
_WHOLE, _BOTH_WAYS = "1", "3"
_LARGE = re.compile(r"Picture size (\d+)x(\d+) (?:exceeds|is invalid)")
_PLAYLISTS = ("hls", "concat", "dash", "imf")


@dataclass
class Guesses:
    """What a decoder says of its frames by their indices: it guessed at parts, leans on no other, on both sides."""

    guessed: set[int] = field(default_factory=set)
    whole: set[int] = field(default_factory=set)
    both_ways: set[int] = field(default_factory=set)
    seen: int = 0

    def hear(self, told: re.Match[str]) -> None:
        """Take in a line of the decoder, which calls a frame corrupt just before it counts it."""
        if told[2]:
            self.guessed.add(self.seen)
            return
        if told[3] == _WHOLE:
            self.whole.add(self.seen)
        if told[4] == _BOTH_WAYS:
            self.both_ways.add(self.seen)
        self.seen += 1


class FrameSource(Protocol):
    """Frames in decode order; `frames` may be called again and starts anew each time."""

    @property
    def problems(self) -> list[str]:
        """What the decoder complained of during the last pass."""
        ...

    @property
    def guesses(self) -> Guesses:
        """What the decoder said of the frames of the last pass, as far as it has come; nothing unless steady."""
        ...

    def info(self) -> SourceInfo: ...

    def frames(self, start: int = 0, short_side: int = 0) -> Generator[Frame, None, None]:
        """Decode in sequence from frame `start`; shrink so that the short side has at most `short_side` pixels."""
        ...


def open_source(path: Path, pictures_fps: float = 25.0, steady: bool = False) -> "VideoFile | PictureFolder":
    """The source for a path, or a SourceError that says why it cannot be one.

    `steady` decodes a damaged video to the same pictures each time, and tells which of them are guesses.
    """
    checked_name(path)
    if path.is_dir():
        return PictureFolder(path, pictures_fps)
    if not path.exists():
        raise SourceError(f"There is no file or folder {path}.", "Check the name; a path with spaces needs quotes.")
    if not path.is_file():
        raise SourceError(f"{path} is neither a file nor a folder.", "Save the stream to a file first.")
    if path.suffix.lower() in PICTURE_SUFFIXES and not is_animated(path):
        raise SourceError(f"{path} is a single picture.", f"Give the folder it lies in: {path.parent}.")
    return VideoFile(path, steady)


def checked_name(path: Path) -> Path:
    """Refuse a name that is not text, which neither a plan nor the library could store, or that leads nowhere."""
    try:
        str(path.resolve()).encode()
        path.stat()
    except UnicodeEncodeError as undecodable:
        raise SourceError(f"The name of {path} is not valid UTF-8.", "Rename it.") from undecodable
    except (FileNotFoundError, NotADirectoryError):
        # Whoever opens it says so.
        return path
    except (OSError, RuntimeError, ValueError) as failed:
        # Python before 3.13 resolves a circle of links to a RuntimeError.
        raise SourceError(f"{path} cannot be read: {_reason(path, failed)}.") from failed
    return path


def _reason(path: Path, failed: Exception) -> str:
    try:
        os.stat(path)
    except (OSError, ValueError) as stated:
        failed = stated
    return getattr(failed, "strerror", None) or str(failed)


class VideoFile:
    """One ffmpeg process decodes, turns and shrinks; timestamps are read from its log."""

    def __init__(self, path: Path, steady: bool = False) -> None:
        self.path = path
        self.problems: list[str] = []
        self.guesses = Guesses()
        self.times = array("d")
        """When each frame of the last pass is shown."""
        self.notes: list[str] = []
        """What of the file is not taken, once `info` was asked for."""
        self._nominal = Fraction(25)
        self._steady = steady
        self._info: SourceInfo | None = None
        self._mend: list[str] = []

    def info(self) -> SourceInfo:
        if self._info is None:
            done = _first_frame(self.path, [])
            if not done.stdout and b"Color spaces:" in done.stderr:
                # The scaler refuses a colour matrix it does not know; without the tag it takes the usual one.
                self._mend = ["setparams=colorspace=unknown"]
                done = _first_frame(self.path, self._mend)
            log = done.stderr.decode("utf-8", "replace")
            self._info, self._nominal = _understood(self.path, done.stdout, log)
            self.notes = stream_losses(log)
        return self._info

    def rate(self) -> FrameRate:
        """The constant rate that fits the times of the last pass."""
        return measured_rate(self.times, (self._nominal, self.info().fps))

    def frames(self, start: int = 0, short_side: int = 0) -> Generator[Frame, None, None]:
        info = self.info()
        width, height = shrunk(info.width, info.height, short_side)
        # The size is always stated, so that a stream that changes it midway keeps filling whole frames. There
        # ffmpeg starts its filters anew, so that none of them can be trusted to count.
        filters = ",".join([SHOW_TIMES, *self._mend, f"scale={width}:{height}:flags=area"])
        output = ["-vf", filters, "-pix_fmt", "bgr24", "-f", "rawvideo", "-"]
        size = width * height * 3
        self.guesses, self.times = Guesses(), array("d")
        decode = [*["-debug_ts"] * self._steady, *ffmpeg.decode_arguments(self.path, self._steady)]
        with ffmpeg.Reader([*decode, *output], _TOLD if self._steady else TIMES, b"frame") as reader:
            for index in count():
                if len(raw := reader.read(size)) < size:
                    break
                time = next_time(reader, self.guesses)
                self.times.append(time)
                if index >= start:
                    yield Frame(index, time, np.frombuffer(raw, np.uint8).reshape(height, width, 3))
            code = reader.finish()
            self.problems = reader.problems
        if ffmpeg.was_stopped(code):
            raise SourceError(f"ffmpeg was stopped while it read {self.path}.", "Run the command again to go on.")
        if code and not self.problems:
            self.problems = [f"ffmpeg ended with exit code {code}"]


class PictureFolder:
    """Pictures in the order in which people number them, each shown for one tick."""

    def __init__(self, path: Path, fps: float) -> None:
        self.path = path
        self.problems: list[str] = []
        self.guesses = Guesses()
        self.files = picture_files(path)
        self.notes: list[str] = []
        """What of the pictures that were read is lost."""
        self._info: SourceInfo | None = None
        self._alpha_known = False
        self._fps = Fraction(fps).limit_denominator(1001)

    def rate(self) -> FrameRate:
        return FrameRate(float(self._fps))

    def info(self) -> SourceInfo:
        if self._info is None:
            height, width = self._first().shape[:2]
            self._info = SourceInfo("pictures", width, height, self._fps, "bgr24", len(self.files), has_audio=False)
        return self._info

    def frames(self, start: int = 0, short_side: int = 0) -> Generator[Frame, None, None]:
        self.problems = []
        info = self.info()
        width, height = shrunk(info.width, info.height, short_side)
        for index, file in enumerate(self.files[start:], start):
            try:
                picture = self.picture(file, width, height)
            except SourceError:
                self.problems.append(f"{file.name} cannot be read")
            else:
                yield Frame(index, float(index / self._fps), picture)

    def picture(self, file: Path, width: int, height: int) -> Picture:
        """Read a picture into a canvas of the given size, and note what gets lost."""
        picture, header = picture_and_header(file)
        self.notes += [text for text in self._losses(file, picture, header) if text not in self.notes]
        return fitted(picture, width, height)

    def _losses(self, file: Path, picture: Picture, header: PictureHeader) -> Iterator[str]:
        """What is lost of a picture, in words that are the same for all pictures of a folder."""
        info = self.info()
        if picture.shape[:2] != (info.height, info.width):
            yield f"pictures of other sizes are fitted into that of the first, {info.width} x {info.height}."
        if header.animated:
            yield "of animated pictures only the first frame is taken; name such a file itself to take all of them."
        if header.deep:
            yield "colours of 16 bits are read as 8."
        if header.alpha and not self._alpha_known:
            # Many programs write an alpha channel that hides nothing; decoding each picture again would be dear.
            self._alpha_known = True
            if is_transparent(file):
                yield "the transparency of pictures is left out."

    def _first(self) -> Picture:
        """The first picture that can be read; one broken file does not spoil thousands."""
        for file in self.files:
            with contextlib.suppress(SourceError):
                return picture_and_header(file)[0]
        raise SourceError(f"None of the {len(self.files)} pictures in {self.path} can be read.")


def picture_files(folder: Path) -> list[Path]:
    """The folder's pictures, sorted as people number them (2 before 10)."""
    files = _pictures(folder)
    if not files:
        raise SourceError(
            f"There are no pictures in {folder}.",
            f"Pictures are files ending in {', '.join(sorted(PICTURE_SUFFIXES))}.",
        )
    return files


def _pictures(folder: Path) -> list[Path]:
    try:
        named = [f for f in folder.iterdir() if f.suffix.lower() in PICTURE_SUFFIXES and f.name[0] != "."]
        found = [file for file in named if os.path.isfile(file)]
    except OSError as failed:
        raise SourceError(f"{folder} cannot be read: {failed.strerror}.") from failed
    return sorted(found, key=lambda file: natural_key(file.name))


def natural_key(name: str) -> tuple[list[tuple[int, str]], str]:
    """Digits compare as numbers; the name itself settles what is left (a1 and a01)."""
    parts = re.split(r"(\d+)", name.casefold())
    return [(int(p), "") if p.isdecimal() else (-1, p) for p in parts], name


def shrunk(width: int, height: int, short_side: int) -> tuple[int, int]:
    """The size with at most `short_side` pixels on its short side, never enlarged; 0 keeps it."""
    if not short_side or min(width, height) <= short_side:
        return width, height
    factor = short_side / min(width, height)
    return max(1, round(width * factor)), max(1, round(height * factor))


def fitted(picture: Picture, width: int, height: int) -> Picture:
    """The picture inside a canvas of the given size: scaled without distortion, black bars where it ends."""
    import cv2

    if picture.shape[:2] == (height, width):
        return picture
    factor = min(width / picture.shape[1], height / picture.shape[0])
    inner = max(1, round(picture.shape[1] * factor)), max(1, round(picture.shape[0] * factor))
    small = cv2.resize(picture, inner, interpolation=cv2.INTER_AREA if factor < 1 else cv2.INTER_CUBIC)
    left, top = (width - inner[0]) // 2, (height - inner[1]) // 2
    canvas = np.zeros((height, width, 3), np.uint8)
    canvas[top : top + inner[1], left : left + inner[0]] = small
    return canvas


def next_time(reader: ffmpeg.Reader, guesses: Guesses) -> float:
    """When the frame is shown that was just read, from the log; what is told of it before goes to `guesses`."""
    try:
        while (time := (match := reader.matches.get(timeout=30))[1]) is None:
            guesses.hear(match)
    except queue.Empty as lost:
        raise SourceError("ffmpeg gave a frame without its timestamp.") from lost
    return 0.0 if time == "NOPTS" else float(time)


def _first_frame(path: Path, mend: Sequence[str]) -> subprocess.CompletedProcess[bytes]:
    """One frame by way of the colours that ingest needs, as YUV4MPEG, which states turned size and nominal rate."""
    filters = ["-vf", ",".join([*mend, "format=bgr24", "format=yuv444p"])]
    return ffmpeg.run([*ffmpeg.decode_arguments(path), "-frames:v", "1", *filters, "-f", "yuv4mpegpipe", "-"])


def _understood(path: Path, made: bytes, log: str) -> tuple[SourceInfo, Fraction]:
    """What ffmpeg said of a file, and the nominal rate of its container."""
    header = made.split(b"\n", 1)[0].decode("ascii", "replace").split()
    if not header or header[0] != "YUV4MPEG2" or b"FRAME" not in made:
        raise _unreadable(path, log)
    if any(f"Input #0, {name}" in log for name in _PLAYLISTS):
        raise SourceError(f"{path} is a playlist, not a video.", "Give the video files it names.")
    fields = {part[0]: part[1:] for part in header[1:]}
    stream = match.group(0) if (match := _STREAM.search(log)) else ""
    nominal = _nominal_rate(fields["F"])
    fps = _rate(nominal, stream)
    info = SourceInfo(
        kind="video",
        width=int(fields["W"]),
        height=int(fields["H"]),
        fps=fps,
        pixel_format=match.group(1) if (match := re.search(r"Video: [^,]*, (\w+)", stream)) else "yuv420p",
        frames_hint=_frames_hint(log, fps),
        has_audio=": Audio: " in log,
        audio_tracks=log.count(": Audio: "),
    )
    return info, nominal


def _nominal_rate(said: str) -> Fraction:
    top, bottom = (int(part) for part in said.split(":"))
    return Fraction(top, bottom) if bottom and is_rate(Fraction(top, bottom)) else Fraction(25)


def _rate(exact: Fraction, stream: str) -> Fraction:
    """The container's exact rate, unless its own mean contradicts it (a variable frame rate)."""
    mean = float(match.group(1)) if (match := re.search(r"([\d.]+) fps", stream)) else float(exact)
    if not is_rate(mean) or abs(mean - float(exact)) <= 0.01 * mean:
        return exact
    return Fraction(mean).limit_denominator(1001)


def _frames_hint(log: str, fps: Fraction) -> int | None:
    match = re.search(r"Duration: (\d+):(\d+):([\d.]+)", log)
    if not match:
        return None
    seconds = int(match.group(1)) * 3600 + int(match.group(2)) * 60 + float(match.group(3))
    return max(1, round(seconds * float(fps)))


def _begins_as_mp4(path: Path) -> bool:
    """ffmpeg goes by the name, and misses an index in text that is called .mp4."""
    with path.open("rb") as file:
        return file.read(8)[4:] in (b"ftyp", b"mdat", b"free", b"wide", b"skip")


def _unreadable(path: Path, log: str) -> SourceError:
    if path.stat().st_size == 0:
        return SourceError(f"{path} is empty.")
    if "moov atom not found" in log and _begins_as_mp4(path):
        return SourceError(
            f"{path} is cut short: its index (the moov atom) is missing, so no frame can be read.",
            "Record or copy it again; tools such as untrunc can rebuild an index from a sibling file.",
        )
    if "matches no streams" in log:
        return SourceError(f"{path} has no video in it.")
    if (large := _LARGE.search(log)) and int(large[1]) * int(large[2]) > MOST_PIXELS:
        return SourceError(
            f"{path} has {large[1]} x {large[2]} pixels; up to {MOST_PIXELS // 1_000_000} million are read.",
            "Make it smaller.",
        )
    last = (ffmpeg.complaints(log) or ["no frame came out of it"])[-1]
    animated = path.suffix.lower() in PICTURE_SUFFIXES
    return SourceError(
        f"{path} is not a video that ffmpeg can read ({last}).",
        # Animated WebP is read since ffmpeg 9.
        "A newer imageio-ffmpeg may read it: pip install -U imageio-ffmpeg." if animated else "",
    )

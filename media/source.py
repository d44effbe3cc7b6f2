"""Read a video file, an animated picture or a folder of pictures as a stream of frames."""

import contextlib
import copy
import os
import queue
import re
import subprocess
from array import array
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from fractions import Fraction
from itertools import count
from pathlib import Path
from typing import Protocol, Self, TypeAlias

import numpy as np

from ..errors import SourceError
from . import ffmpeg
from .animation import is_animated
from .losses import stream_losses
from .pictures import PictureHeader, is_transparent, picture_and_header
from .rates import FrameRate, is_rate, measured_rate
from .types import MOST_PIXELS, Frame, Picture, SourceInfo

PICTURE_SUFFIXES = frozenset({".bmp", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp"})

VIDEO_SUFFIXES = frozenset(
    {".3g2", ".3gp", ".apng", ".asf", ".avi", ".dav", ".divx", ".dv", ".f4v", ".flv", ".gif", ".h264", ".hevc", ".m2t"}
    | {".m2ts", ".m2v", ".m4v", ".mjpeg", ".mjpg", ".mkv", ".mov", ".mp4", ".mpe", ".mpeg", ".mpg", ".mts", ".mxf"}
    | {".ogm", ".ogv", ".qt", ".rm", ".rmvb", ".ts", ".vob", ".webm", ".wmv", ".y4m"}
)
"""Suffixes of the videos that a search of folders finds; a file that is given by name may have any."""

_STREAM = re.compile(r"Stream #0:\d+.*?: Video: \w+.*")

SHOW_TIMES = "metadata=mode=add:key=shown:value=1,metadata=mode=print:key=shown"
"""Filters that make ffmpeg log the time of each frame, for a reader with the pattern `TIMES`.

Unlike showinfo they write each line in one piece: an error of another thread in the middle of a line would lose the
mark of its level.
"""

TIMES = re.compile(r"frame: *\d+ +pts: *\S+ +pts_time: *(\S+)")

_STAMPS = re.compile(r"frame: *\d+ +pts: *(\S+) +pts_time: *(\S+)")

# With -debug_ts the decoder logs the type of each frame in output order, and before it whether the frame is corrupt.
_DECODER_LINE = re.compile(rf"{TIMES.pattern}|(corrupt decoded frame)|keyframe:(\d) frame_type:(\d)")
_KEY_FRAME = "1"
_B_FRAME = "3"
_LARGE = re.compile(r"Picture size (\d+)x(\d+) (?:exceeds|is invalid)")
_CREATED = re.compile(r"creation_time *: (\S+)")
_CLOCK_ZEROS = ((1904, 1, 1), (1970, 1, 1))
"""Days from which QuickTime and Unix count, which encoders without a clock write."""
_PLAYLISTS = ("hls", "concat", "dash", "imf")

_COLOUR_FIXES = (
    ["setparams=colorspace=unknown"],
    ["setparams=colorspace=unknown:color_primaries=unknown:color_trc=unknown"],
)
"""The scaler rejects an unknown colour matrix, and rare primaries; without the tags it uses the default ones."""

_USABLE = "Use a video, an animated GIF, WebP or PNG, or a folder of pictures."

_LOG_TIMEOUT = 30
"""Seconds to wait for the log line of a frame, which ffmpeg may write after the frame itself."""


@dataclass
class DecoderReport:
    """Indices of the frames that a decoder reports as corrupt, as key frames and as B-frames."""

    concealed: set[int] = field(default_factory=set)
    """Frames of which the decoder made up parts."""
    key_frames: set[int] = field(default_factory=set)
    """Key frames, which depend on no other."""
    b_frames: set[int] = field(default_factory=set)
    """B-frames, which depend on frames on both sides."""
    seen: int = 0

    def add(self, line: re.Match[str]) -> None:
        """Record a line of the decoder, which reports a frame as corrupt before it counts it."""
        if line[2]:
            self.concealed.add(self.seen)
            return
        if line[3] == _KEY_FRAME:
            self.key_frames.add(self.seen)
        if line[4] == _B_FRAME:
            self.b_frames.add(self.seen)
        self.seen += 1


class FrameSource(Protocol):
    """Frames in decode order; each call of `frames` starts a new pass."""

    @property
    def problems(self) -> list[str]:
        """Errors of the decoder during the last pass."""
        ...

    @property
    def guesses(self) -> DecoderReport:
        """The decoder's report on the frames of the last pass so far; empty unless the source is steady."""
        ...

    def info(self) -> SourceInfo: ...

    def frames(self, start: int = 0, short_side: int = 0) -> Generator[Frame, None, None]:
        """Decode in sequence.

        Args:
            start: Index of the first frame to yield.
            short_side: Shrink frames so that their short side has at most so many pixels; 0 keeps their size.
        """
        ...


def open_source(path: "Path | Source", pictures_fps: float = 25.0, steady: bool = False) -> "Source":
    """Open a video or a folder of pictures. A command opens its source once and passes the opened object on.

    Args:
        path: A video file, an animated picture or a folder of pictures; one that is already open is returned as it is.
        pictures_fps: Frames a second at which pictures are played.
        steady: Decode a damaged video to the same pictures each time, and report which of them the decoder guessed.

    Raises:
        SourceError: The path is not a source.
    """
    if not isinstance(path, Path):
        return path
    checked_name(path)
    # "." and ".." are no names to store a video or to write a film under.
    path = path if path.name.strip(".") else path.resolve()
    if path.is_dir():
        return PictureFolder(path, pictures_fps)
    if not path.exists():
        raise SourceError(f"There is no file or folder {path}.", "Check the name; a path with spaces needs quotes.")
    if not path.is_file():
        raise SourceError(f"{path} is neither a file nor a folder.", "Save the stream to a file first.")
    if path.suffix.lower() in PICTURE_SUFFIXES and not is_animated(path):
        raise SourceError(f"{path} is a single picture.", f"Give its folder: {path.parent}.")
    return VideoFile(path, steady)


def checked_name(path: Path) -> Path:
    """Return a path after checking it.

    Raises:
        SourceError: The name is not valid UTF-8, so neither a plan nor the library can store it, or it cannot be
            resolved.
    """
    try:
        str(path.resolve()).encode()
        path.stat()
    except UnicodeEncodeError as undecodable:
        raise SourceError(f"The name of {path} is not valid UTF-8.", "Rename it.") from undecodable
    except (FileNotFoundError, NotADirectoryError):
        # Opening it reports this.
        return path
    except (OSError, RuntimeError, ValueError) as failed:
        # Python before 3.13 raises RuntimeError for a loop of links.
        raise SourceError(f"{path} cannot be read: {_reason(path, failed)}.") from failed
    return path


def _reason(path: Path, failed: Exception) -> str:
    try:
        os.stat(path)
    except (OSError, ValueError) as stated:
        failed = stated
    return getattr(failed, "strerror", None) or str(failed)


class VideoFile:
    """A video read by one ffmpeg process, which decodes, rotates and scales; timestamps come from its log.

    The file is probed once, when `info` is first called.
    """

    def __init__(self, path: Path, steady: bool = False) -> None:
        self.path = path
        self.problems: list[str] = []
        self.guesses = DecoderReport()
        self.times = array("d")
        """Timestamp of each frame of the last pass."""
        self.notes: list[str] = []
        """What of the file is ignored; filled by `info`."""
        self.log = ""
        """What ffmpeg logs about the file and its first frame; filled by `info`."""
        self.hashed: tuple[str, str] | None = None
        """Stamp and content hash, as `identity.source_hash` last computed them."""
        self._nominal = Fraction(25)
        self._steady = steady
        self._info: SourceInfo | None = None
        self._colour_fix: list[str] = []

    def info(self) -> SourceInfo:
        if self._info is None:
            done = _first_frame(self.path, [])
            if not done.stdout and b"Color spaces:" in done.stderr:
                for self._colour_fix in _COLOUR_FIXES:
                    if (done := _first_frame(self.path, self._colour_fix)).stdout:
                        break
            self.log = done.stderr.decode("utf-8", "replace")
            self._info, self._nominal = _parse_info(self.path, done.stdout, self.log)
            self.notes = stream_losses(self.log)
        return self._info

    def steady(self) -> Self:
        """Return the same file, decoded as by `open_source(steady=True)`, without probing it again."""
        self.info()
        steady = copy.copy(self)
        steady._steady = True
        return steady

    def rate(self, times: Sequence[float] | None = None) -> FrameRate:
        """Measure the constant rate that fits the timestamps of the last pass, or the given ones of all frames."""
        fps = self.info().fps
        return measured_rate(self.times if times is None else times, (self._nominal, fps))

    def frames(self, start: int = 0, short_side: int = 0) -> Generator[Frame, None, None]:
        width, height, output = self._output(short_side)
        size = width * height * 3
        self.guesses, self.times = DecoderReport(), array("d")
        decode = [*["-debug_ts"] * self._steady, *ffmpeg.decode_arguments(self.path, self._steady)]
        with ffmpeg.Reader([*decode, *output], _DECODER_LINE if self._steady else TIMES, b"frame:") as reader:
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
            raise SourceError(f"ffmpeg was stopped while reading {self.path}.", "Run the command again to continue.")
        if code and not self.problems:
            self.problems = [f"ffmpeg ended with exit code {code}"]

    def stretch(self, seek: float, short_side: int = 0) -> Generator[tuple[int, Frame], None, None]:
        """Decode from a key frame near a time on, and yield each frame with its timestamp in the stream's own unit.

        Where decoding begins depends on the container. The indices of the frames count from there, but their times
        are those of a pass over the whole file.
        """
        width, height, output = self._output(short_side)
        size = width * height * 3
        start = ["-copyts", "-start_at_zero", "-noaccurate_seek", "-ss", f"{seek:.6f}"]
        with ffmpeg.Reader([*start, *ffmpeg.decode_arguments(self.path), *output], _STAMPS, b"frame:") as reader:
            self.problems = reader.problems
            for index in count():
                if len(raw := reader.read(size)) < size:
                    break
                match = reader.next_match(_LOG_TIMEOUT)
                if match[1] == "NOPTS":
                    raise SourceError(f"A frame of {self.path} has no timestamp.")
                picture = np.frombuffer(raw, np.uint8).reshape(height, width, 3)
                yield int(match[1]), Frame(index, float(match[2]), picture)
            if (code := reader.finish()) and not self.problems:
                self.problems.append(f"ffmpeg ended with exit code {code}")

    def _output(self, short_side: int) -> tuple[int, int, list[str]]:
        """Return the size of the decoded pictures, and ffmpeg's arguments that make them."""
        info = self.info()
        width, height = scaled_size(info.width, info.height, short_side)
        # The size is always given, so that frames keep it where a stream changes its size. ffmpeg restarts its
        # filters there, so none of them may count frames.
        filters = ",".join([SHOW_TIMES, *self._colour_fix, f"scale={width}:{height}:flags=area"])
        return width, height, ["-vf", filters, "-pix_fmt", "bgr24", "-f", "rawvideo", "-"]


class PictureFolder:
    """Pictures in natural order, played at a constant rate."""

    def __init__(self, path: Path, fps: float) -> None:
        self.path = path
        self.problems: list[str] = []
        self.guesses = DecoderReport()
        self.files = picture_files(path)
        self.notes: list[str] = []
        """What is lost of the pictures read so far."""
        self.hashed: tuple[str, str] | None = None
        """Stamp and content hash, as `identity.source_hash` last computed them."""
        self._info: SourceInfo | None = None
        self._alpha_known = False
        self._fps = Fraction(fps).limit_denominator(1001)

    def rate(self) -> FrameRate:
        return FrameRate(float(self._fps))

    def steady(self) -> Self:
        """Return the folder itself: pictures decode the same each time."""
        return self

    def info(self) -> SourceInfo:
        if self._info is None:
            height, width = self._first().shape[:2]
            self._info = SourceInfo("pictures", width, height, self._fps, "bgr24", len(self.files), has_audio=False)
        return self._info

    def frames(self, start: int = 0, short_side: int = 0) -> Generator[Frame, None, None]:
        self.problems = []
        info = self.info()
        width, height = scaled_size(info.width, info.height, short_side)
        for index, file in enumerate(self.files[start:], start):
            try:
                picture = self.picture(file, width, height)
            except SourceError:
                self.problems.append(f"{file.name} cannot be read")
            else:
                yield Frame(index, float(index / self._fps), picture)

    def picture(self, file: Path, width: int, height: int) -> Picture:
        """Read a picture, fit it into the given size, and note what is lost."""
        picture, header = picture_and_header(file)
        self.notes += [text for text in self._losses(file, picture, header) if text not in self.notes]
        return letterboxed(picture, width, height)

    def _losses(self, file: Path, picture: Picture, header: PictureHeader) -> Iterator[str]:
        """Describe what is lost of a picture; equal losses of other pictures get the same text."""
        info = self.info()
        if picture.shape[:2] != (info.height, info.width):
            yield f"pictures of other sizes are fitted into the size of the first, {info.width} x {info.height}."
        if header.animated:
            yield "only the first frame of an animated picture is used; give the file itself to use all of them."
        if header.deep:
            yield "16-bit colours are read as 8-bit."
        if header.alpha and not self._alpha_known:
            # Many programs write an opaque alpha channel; decoding every picture twice would take too long.
            self._alpha_known = True
            if is_transparent(file):
                yield "the transparency of pictures is ignored."

    def _first(self) -> Picture:
        """Read the first readable picture, so that one broken file does not fail the folder."""
        for file in self.files:
            with contextlib.suppress(SourceError):
                return picture_and_header(file)[0]
        raise SourceError(f"None of the {len(self.files)} pictures in {self.path} can be read.", _USABLE)


Source: TypeAlias = VideoFile | PictureFolder
"""An opened source."""


def picture_files(folder: Path) -> list[Path]:
    """List the pictures of a folder in natural order (2 before 10).

    Raises:
        SourceError: There are none, or the folder cannot be read.
    """
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
    """Make a sort key that compares digits as numbers; the name itself breaks ties (a1 and a01)."""
    parts = re.split(r"(\d+)", name.casefold())
    return [(int(p), "") if p.isdecimal() else (-1, p) for p in parts], name


def scaled_size(width: int, height: int, short_side: int) -> tuple[int, int]:
    """Scale a size down so that its short side has at most `short_side` pixels; 0 keeps it."""
    if not short_side or min(width, height) <= short_side:
        return width, height
    factor = short_side / min(width, height)
    return max(1, round(width * factor)), max(1, round(height * factor))


def shrunk(picture: Picture, short_side: int) -> Picture:
    """Scale a picture down as ingest scales frames."""
    import cv2

    size = scaled_size(picture.shape[1], picture.shape[0], short_side)
    if size == (picture.shape[1], picture.shape[0]):
        return picture
    return np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), np.uint8)


def letterboxed(picture: Picture, width: int, height: int, bars: tuple[int, int, int] = (0, 0, 0)) -> Picture:
    """Scale a picture into a canvas of the given size, with bars of a colour to keep its proportions."""
    import cv2

    if picture.shape[:2] == (height, width):
        return picture
    factor = min(width / picture.shape[1], height / picture.shape[0])
    inner = max(1, round(picture.shape[1] * factor)), max(1, round(picture.shape[0] * factor))
    small = cv2.resize(picture, inner, interpolation=cv2.INTER_AREA if factor < 1 else cv2.INTER_CUBIC)
    left, top = (width - inner[0]) // 2, (height - inner[1]) // 2
    canvas = np.full((height, width, 3), bars, np.uint8)
    canvas[top : top + inner[1], left : left + inner[0]] = small
    return canvas


def next_time(reader: ffmpeg.Reader, guesses: DecoderReport) -> float:
    """Read the timestamp of the frame just read from the log, and record earlier decoder lines in `guesses`."""
    try:
        while (time := (match := reader.next_match(_LOG_TIMEOUT))[1]) is None:
            guesses.add(match)
    except queue.Empty as lost:
        raise SourceError("ffmpeg wrote a frame without a timestamp.") from lost
    return 0.0 if time == "NOPTS" else float(time)


def _first_frame(path: Path, colour_fix: Sequence[str]) -> subprocess.CompletedProcess[bytes]:
    """Decode one frame to YUV4MPEG, whose header states the rotated size and the nominal rate.

    The log describes the frame as it was decoded. It goes through BGR, so that a file whose colours ingest cannot
    convert fails here.
    """
    filters = ["-vf", ",".join(["showinfo=checksum=0", *colour_fix, "format=bgr24", "format=yuv444p"])]
    return ffmpeg.run([*ffmpeg.decode_arguments(path), "-frames:v", "1", *filters, "-f", "yuv4mpegpipe", "-"])


def _parse_info(path: Path, output: bytes, log: str) -> tuple[SourceInfo, Fraction]:
    """Parse what ffmpeg reports on a file; return it with the nominal rate of the container."""
    header = output.split(b"\n", 1)[0].decode("ascii", "replace").split()
    if not header or header[0] != "YUV4MPEG2" or b"FRAME" not in output:
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
        recorded=_recorded(log),
    )
    return info, nominal


def _recorded(log: str) -> str:
    """Return the time at which a container says that it was made; the zero of its clock means that it does not say."""
    for found in _CREATED.finditer(log):
        with contextlib.suppress(ValueError):
            made = datetime.fromisoformat(found[1])
            if (made.year, made.month, made.day) not in _CLOCK_ZEROS:
                return made.replace(tzinfo=made.tzinfo or UTC).isoformat(timespec="seconds")
    return ""


def _nominal_rate(ratio: str) -> Fraction:
    top, bottom = (int(part) for part in ratio.split(":"))
    return Fraction(top, bottom) if bottom and is_rate(Fraction(top, bottom)) else Fraction(25)


def _rate(exact: Fraction, stream: str) -> Fraction:
    """Return the exact rate of the container unless its mean rate differs (a variable frame rate)."""
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
    """Tell whether a file is an MP4; ffmpeg goes by the suffix, and reports a missing index for text named .mp4."""
    with path.open("rb") as file:
        return file.read(8)[4:] in (b"ftyp", b"mdat", b"free", b"wide", b"skip")


def _unreadable(path: Path, log: str) -> SourceError:
    if path.stat().st_size == 0:
        return SourceError(f"{path} is empty.", "Record or copy it again.")
    if "moov atom not found" in log and _begins_as_mp4(path):
        return SourceError(
            f"{path} is truncated: its index (the moov atom) is missing, so no frame can be read.",
            "Record or copy it again; tools such as untrunc can rebuild the index from a similar file.",
        )
    if "matches no streams" in log:
        return SourceError(f"{path} contains no video.", _USABLE)
    if (large := _LARGE.search(log)) and int(large[1]) * int(large[2]) > MOST_PIXELS:
        return SourceError(
            f"{path} has {large[1]} x {large[2]} pixels; the limit is {MOST_PIXELS // 1_000_000} million.",
            "Make it smaller.",
        )
    last = (ffmpeg.error_lines(log) or ["no frame came out of it"])[-1]
    animated = path.suffix.lower() in PICTURE_SUFFIXES
    return SourceError(
        f"{path} is not a video that ffmpeg can read ({last}).",
        # ffmpeg reads animated WebP since version 9.
        "A newer imageio-ffmpeg may read it: pip install -U imageio-ffmpeg." if animated else _USABLE,
    )

"""Encode raw frames and a soundtrack to a film, which is written atomically."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from ..errors import RenderError, SourceError, UsageError
from ..media import ffmpeg
from ..media.files import atomic, check_writable
from ..progress import Progress
from .frame_layout import FrameLayout
from .ivf import TIMED_INPUT, TIMED_OUTPUT, timestamped
from .reorder import no_space

SUFFIXES = (".mp4", ".mkv", ".mov", ".m4v", ".avi")
"""The formats of films, which are named by the suffix."""

_TUNED = {"faster": ["-x264-params", "subme=5:aq-strength=0.85"]}
"""Options added to a preset. Of 10 reordered clips of 100 frames in 640 x 360, `faster` with these at crf 18 took .64
times the CPU seconds of `medium`; files were .994 times as large, with .04 dB more PSNR and .0002 more SSIM of luma.
"""


@dataclass(frozen=True)
class Encoding:
    """H.264 settings for any player; `lossless` keeps the source's samples, which not every player can show."""

    crf: int = 18
    preset: str = "faster"
    lossless: bool = False


@dataclass(frozen=True)
class Soundtrack:
    """The encoder's second input and the options that put its first audio track into the film."""

    input: list[str]
    output: list[str]


def check_film_name(output: Path) -> None:
    """Raise `UsageError` if the suffix of an output is not that of a film."""
    if output.suffix.lower() not in SUFFIXES:
        raise UsageError(f"{output.name} does not end as a film does.", f"Use one of {', '.join(SUFFIXES)}.")


def check_output(output: Path, source: Path | None = None) -> Path:
    """Return the file that will be written, with links resolved, if it can be a film.

    Raises:
        SourceError: `source` does not exist.
        UsageError: The output has another suffix, is the source, or its folder does not exist.
        RenderError: The folder is read-only.
    """
    if source is not None and not source.exists():
        raise SourceError(f"The source {source} does not exist.", "If it was moved, give its new path.")
    check_film_name(output)
    check_writable(output)
    if source is not None and output.exists() and output.samefile(source):
        raise UsageError(f"{output} is the source itself.", "Write the film under another name.")
    return output.resolve()


def encode(
    frames: Iterator[bytes],
    count: int,
    layout: FrameLayout,
    target: Path,
    encoding: Encoding,
    rate: Fraction,
    progress: Progress,
    stage_name: str = "render",
    sound: Soundtrack | None = None,
    times: Sequence[float] | None = None,
) -> None:
    """Write `count` raw frames in the given layout, and the sound if there is any, atomically.

    Frames are shown at a constant rate, or at their `times`, which must increase.

    Raises:
        RenderError: The film cannot be written, or the disk is full.
    """
    frame_input = _input(layout, rate) if times is None else TIMED_INPUT
    arguments = [
        *frame_input,
        *sound_arguments(sound),
        *_output(layout, encoding, target),
        *TIMED_OUTPUT * (times is not None),
    ]
    try:
        with (
            atomic(target) as part,
            ffmpeg.Writer([*arguments, "-y", ffmpeg.input_argument(part)]) as writer,
            progress.stage(stage_name, count) as stage,
        ):
            for frame in frames if times is None else timestamped(frames, times, layout):
                if not writer.write(frame):
                    break
                stage.advance()
            if writer.finish():
                raise _failure(writer.problems, target, count * layout.frame_bytes, sound)
    except OSError as failed:
        raise RenderError(f"{target} cannot be written: {failed.strerror or failed}.", "Write elsewhere.") from failed


def _input(layout: FrameLayout, rate: Fraction) -> list[str]:
    width, height = layout.size
    shape = ["-f", "rawvideo", "-pix_fmt", layout.piped, "-video_size", f"{width}x{height}"]
    return [*shape, "-framerate", str(rate), "-i", "pipe:0"]


def sound_arguments(sound: Soundtrack | None) -> list[str]:
    """Map the second input; its chapters are dropped, since they do not fit the new order."""
    if sound is None:
        return []
    return [*sound.input, "-map", "0:v:0", "-map", "1:a:0", *sound.output, "-map_chapters", "-1"]


def _output(layout: FrameLayout, encoding: Encoding, target: Path) -> list[str]:
    filters = [layout.conversion, layout.tags] if layout.piped == "bgr24" else [layout.tags]
    quality = ["-qp", "0"] if encoding.lossless else ["-crf", str(encoding.crf)]
    arguments = ["-vf", ",".join(filters), "-c:v", "libx264", "-preset", encoding.preset, *quality]
    arguments += [] if encoding.lossless else _TUNED.get(encoding.preset, [])
    arguments += ["-pix_fmt", layout.coded]
    # AVI cannot store the timestamps that B-frames need.
    arguments += ["-bf", "0"] if target.suffix.lower() == ".avi" else []
    arguments += ["-movflags", "+faststart"] if target.suffix.lower() in (".mp4", ".mov", ".m4v") else []
    return [*arguments, "-fps_mode", "passthrough"]


def _failure(problems: list[str], target: Path, needed: int, sound: Soundtrack | None) -> RenderError:
    if any("No space left" in line for line in problems):
        return no_space(target.parent, needed)
    why = problems[0] if problems else "it gives no reason"
    check = "Check render.crf and render.preset" + (", or try without sound: --audio drop." if sound else ".")
    return RenderError(f"ffmpeg could not encode {target.name}: {why}.", check)

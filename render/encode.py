"""Raw frames become a film that appears whole under its name, or not at all."""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from .. import ffmpeg
from ..errors import RenderError, SourceError, UsageError
from ..files import atomic
from ..progress import Progress
from .layout import Layout
from .scratch import no_space
from .timed import TIMED_INPUT, TIMED_OUTPUT, timed

SUFFIXES = (".mp4", ".mkv", ".mov", ".m4v", ".avi")


@dataclass(frozen=True)
class Encoding:
    """H.264 that any player shows; `lossless` keeps the source's own samples instead and needs a better player."""

    crf: int = 18
    preset: str = "medium"
    lossless: bool = False


@dataclass(frozen=True)
class Soundtrack:
    """The encoder's second input, whose first sound track goes into the film as `output` says."""

    input: list[str]
    output: list[str]


def check_output(output: Path, source: Path | None = None) -> Path:
    """The file that will be replaced (behind a link, if there is one), once nothing speaks against it."""
    if source is not None and not source.exists():
        raise SourceError(f"The source {source} is not there.", "If it was moved, give its new place.")
    if output.suffix.lower() not in SUFFIXES:
        raise UsageError(f"{output.name} does not end as a film does.", f"Films end in {', '.join(SUFFIXES)}.")
    if not output.parent.is_dir():
        raise UsageError(f"There is no folder {output.parent}.", "Create it first, or write elsewhere.")
    if output.is_dir():
        raise UsageError(f"{output} is a folder.", "Give the name of a file.")
    if source is not None and output.exists() and output.samefile(source):
        raise UsageError(f"{output} is the source itself.", "Write the film under another name.")
    if not os.access(output.parent, os.W_OK):
        raise RenderError(f"{output} cannot be written: the folder is read-only.", "Write elsewhere.")
    return output.resolve()


def encode(
    frames: Iterator[bytes],
    count: int,
    layout: Layout,
    target: Path,
    encoding: Encoding,
    rate: Fraction,
    progress: Progress,
    stage_name: str = "render",
    sound: Soundtrack | None = None,
    times: Sequence[float] | None = None,
) -> None:
    """Write `count` frames that lie as `layout` says, and the sound if there is any.

    They are shown at a constant rate unless `times` says, in rising order, when each of them is.
    """
    given = _input(layout, rate) if times is None else TIMED_INPUT
    arguments = [*given, *_heard(sound), *_output(layout, encoding, target), *TIMED_OUTPUT * (times is not None)]
    try:
        with (
            atomic(target) as part,
            ffmpeg.Writer([*arguments, "-y", ffmpeg.input_argument(part)]) as writer,
            progress.stage(stage_name, count) as stage,
        ):
            for frame in frames if times is None else timed(frames, times, layout):
                if not writer.write(frame):
                    break
                stage.advance()
            if writer.finish():
                raise _refused(writer.problems, target, count * layout.frame_bytes, sound)
    except OSError as failed:
        raise RenderError(f"{target} cannot be written: {failed.strerror or failed}.", "Write elsewhere.") from failed


def _input(layout: Layout, rate: Fraction) -> list[str]:
    width, height = layout.size
    shape = ["-f", "rawvideo", "-pix_fmt", layout.piped, "-video_size", f"{width}x{height}"]
    return [*shape, "-framerate", str(rate), "-i", "pipe:0"]


def _heard(sound: Soundtrack | None) -> list[str]:
    """The second input and what becomes of it; its chapters would name places that the film no longer has."""
    if sound is None:
        return []
    return [*sound.input, "-map", "0:v:0", "-map", "1:a:0", *sound.output, "-map_chapters", "-1"]


def _output(layout: Layout, encoding: Encoding, target: Path) -> list[str]:
    filters = [layout.conversion, layout.tags] if layout.piped == "bgr24" else [layout.tags]
    quality = ["-qp", "0"] if encoding.lossless else ["-crf", str(encoding.crf)]
    arguments = ["-vf", ",".join(filters), "-c:v", "libx264", "-preset", encoding.preset, *quality]
    arguments += ["-pix_fmt", layout.coded]
    # AVI has no place for the timestamps that B-frames need.
    arguments += ["-bf", "0"] if target.suffix.lower() == ".avi" else []
    arguments += ["-movflags", "+faststart"] if target.suffix.lower() in (".mp4", ".mov", ".m4v") else []
    return [*arguments, "-fps_mode", "passthrough"]


def _refused(problems: list[str], target: Path, needed: int, sound: Soundtrack | None) -> RenderError:
    if any("No space left" in line for line in problems):
        return no_space(target.parent, needed)
    why = problems[0] if problems else "it does not say why"
    check = "Check render.crf and render.preset" + (", or try without sound: --audio drop." if sound else ".")
    return RenderError(f"ffmpeg could not encode {target.name}: {why}.", check)

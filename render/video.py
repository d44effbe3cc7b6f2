"""A plan becomes a film: ffmpeg decodes once in sequence, the disk puts frames in order, ffmpeg encodes.

Frames stay in the YUV of the source all the way. Turning them into RGB and back would round every
sample twice, and would need a matrix and a range that many files do not state; untouched samples with
the source's own tags look the same in any player, and a lossless film holds the source's very frames.
"""

import os
import secrets
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from pathlib import Path

from .. import ffmpeg
from ..errors import RenderError, SourceError, UsageError
from ..ingest.source import PictureFolder, fitted, read_picture
from ..progress import Progress, Silent, Stage
from ..solve.plan import Plan
from .layout import Layout, pictures_layout, video_layout
from .scratch import in_play_order, no_space

SUFFIXES = (".mp4", ".mkv", ".mov", ".m4v", ".avi")

_SILENT = Silent()


@dataclass(frozen=True)
class Encoding:
    """H.264 that any player shows; `lossless` keeps the source's own samples instead and needs a better player."""

    crf: int = 18
    preset: str = "medium"
    lossless: bool = False


def render(
    plan: Plan,
    source: Path,
    output: Path,
    encoding: Encoding,
    *,
    fps: Fraction | None = None,
    scratch_bytes: int = 8 << 30,
    progress: Progress = _SILENT,
) -> Path:
    """Write the frames of `plan.order` at a constant rate; `output` appears whole or stays as it was."""
    target = checked_output(output, source)
    rate = fps if fps is not None else Fraction(plan.video.fps).limit_denominator(1001)
    if rate <= 0:
        raise UsageError(f"A film cannot play at {rate} frames a second.", "Give a rate above 0.")
    order = _checked_order(plan)
    part = target.with_name(f".reelweave-{secrets.token_hex(6)}{target.suffix}")
    job = _Job(order, source, part, encoding, rate, progress)
    try:
        if source.is_dir():
            _write_pictures(job)
        else:
            _write_video(job, scratch_bytes)
        os.replace(part, target)
    except OSError as failed:
        raise RenderError(f"{output} cannot be written: {failed.strerror or failed}.") from failed
    finally:
        part.unlink(missing_ok=True)
    return output


@dataclass(frozen=True)
class _Job:
    order: Sequence[int]
    source: Path
    part: Path
    encoding: Encoding
    rate: Fraction
    progress: Progress


def checked_output(output: Path, source: Path) -> Path:
    """The file that will be replaced (behind a link, if there is one), once nothing speaks against it."""
    if not source.exists():
        raise SourceError(
            f"The source {source} is not there.",
            "If it was moved, give its new place, or correct video.source in the plan.",
        )
    if output.suffix.lower() not in SUFFIXES:
        raise UsageError(f"{output.name} does not end as a film does.", f"Films end in {', '.join(SUFFIXES)}.")
    if not output.parent.is_dir():
        raise UsageError(f"There is no folder {output.parent}.", "Create it first, or write elsewhere.")
    if output.is_dir():
        raise UsageError(f"{output} is a folder.", "Give the name of a file.")
    if output.exists() and output.samefile(source):
        raise UsageError(f"{output} is the source itself.", "Write the film under another name.")
    return output.resolve()


def _checked_order(plan: Plan) -> list[int]:
    if not plan.order:
        raise RenderError("The plan keeps no frame, so there is no film to write.", "Keep frames with --keep.")
    if len(set(plan.order)) != len(plan.order) or min(plan.order) < 0:
        raise RenderError("The plan's order names a frame twice or below 0.", "Correct `order` in the plan.")
    return plan.order


def _write_video(job: _Job, scratch_bytes: int) -> None:
    layout = video_layout(job.source, job.encoding.lossless)
    decode = partial(_decoded, job.source, layout)
    frames = in_play_order(decode, job.order, layout.frame_bytes, job.part.parent, scratch_bytes, job.progress)
    with closing(frames):
        _encode(job, frames, layout, [layout.tags])


def _write_pictures(job: _Job) -> None:
    """Every picture is a file of its own, so that any order is read straight from the folder."""
    folder = PictureFolder(job.source, float(job.rate))
    if max(job.order) >= len(folder.files):
        raise _lost(job.source, max(job.order), len(folder.files), [])
    layout = pictures_layout(folder.info(), job.encoding.lossless)
    pictures = (fitted(read_picture(folder.files[i]), layout.width, layout.height) for i in job.order)
    _encode(job, (layout.evened(p.tobytes()) for p in pictures), layout, [layout.conversion, layout.tags])


def _decoded(source: Path, layout: Layout, last: int) -> Generator[bytes, None, None]:
    """Frames 0 to `last` in decode order; the decoder is stopped there."""
    output = ["-vf", layout.conversion, "-pix_fmt", layout.piped, "-f", "rawvideo", "-"]
    with ffmpeg.Reader([*ffmpeg.decode_arguments(source), *output]) as reader:
        for index in range(last + 1):
            if len(raw := reader.read(layout.decoded_bytes)) < layout.decoded_bytes:
                reader.finish()
                raise _lost(source, last, index, reader.problems)
            yield layout.evened(raw)


def _lost(source: Path, wanted: int, there: int, problems: Sequence[str]) -> RenderError:
    why = f" ({problems[-1]})" if problems else ""
    return RenderError(
        f"Frame {wanted} of {source} could not be had: only {there} frames came out of it{why}.",
        "The source is not the one the plan was made from; solve it again.",
    )


def _encode(job: _Job, frames: Iterator[bytes], layout: Layout, filters: Sequence[str]) -> None:
    arguments = [*_input(layout, job.rate), "-vf", ",".join(filters), *_output(layout, job.encoding, job.part)]
    with ffmpeg.Writer(arguments) as writer, job.progress.stage("render", len(job.order)) as stage:
        taken = all(_taken(writer, frame, stage) for frame in frames)
        if writer.finish() or not taken:
            raise _refused(writer.problems, job.part.parent, len(job.order) * layout.frame_bytes)


def _taken(writer: ffmpeg.Writer, frame: bytes, stage: Stage) -> bool:
    taken = writer.write(frame)
    stage.advance()
    return taken


def _input(layout: Layout, rate: Fraction) -> list[str]:
    width, height = layout.size
    shape = ["-f", "rawvideo", "-pix_fmt", layout.piped, "-video_size", f"{width}x{height}"]
    return [*shape, "-framerate", str(rate), "-i", "pipe:0"]


def _output(layout: Layout, encoding: Encoding, part: Path) -> list[str]:
    quality = ["-qp", "0"] if encoding.lossless else ["-crf", str(encoding.crf)]
    arguments = ["-c:v", "libx264", "-preset", encoding.preset, *quality, "-pix_fmt", layout.coded]
    # AVI has no place for the timestamps that B-frames need.
    arguments += ["-bf", "0"] if part.suffix.lower() == ".avi" else []
    arguments += ["-movflags", "+faststart"] if part.suffix.lower() in (".mp4", ".mov", ".m4v") else []
    return [*arguments, "-fps_mode", "passthrough", "-y", ffmpeg.input_argument(part)]


def _refused(problems: Sequence[str], folder: Path, needed: int) -> RenderError:
    if any("No space left" in line for line in problems):
        return no_space(folder, needed)
    why = problems[0] if problems else "it does not say why"
    return RenderError(f"ffmpeg could not encode the film: {why}.", "Check render.crf and render.preset.")

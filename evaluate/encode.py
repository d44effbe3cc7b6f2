"""Frames of one's own making become a film, laid out and put in place as the renderer does it."""

import os
import secrets
from collections.abc import Iterable, Iterator
from contextlib import closing
from fractions import Fraction
from pathlib import Path

from .. import ffmpeg
from ..errors import RenderError, UsageError
from ..frames import Picture, SourceInfo
from ..progress import Progress, Silent
from ..render.layout import Layout, pictures_layout
from ..render.scratch import no_space
from ..render.video import SUFFIXES

_SILENT = Silent()


def encode_raw(
    frames: Iterator[bytes],
    count: int,
    layout: Layout,
    output: Path,
    crf: int,
    rate: Fraction,
    progress: Progress = _SILENT,
) -> Path:
    """Write frames that lie as `layout` says; `output` appears whole or stays as it was; crf 0 is lossless."""
    check_output(output)
    part = output.with_name(f".reelweave-{secrets.token_hex(6)}{output.suffix}")
    try:
        with ffmpeg.Writer(_arguments(layout, crf, rate, part)) as writer, progress.stage("encode", count) as stage:
            for frame in frames:
                if not writer.write(frame):
                    break
                stage.advance()
            if writer.finish():
                raise _refused(writer.problems, output, count * layout.frame_bytes)
        os.replace(part, output)
    except OSError as failed:
        raise RenderError(f"{output} cannot be written: {failed.strerror or failed}.") from failed
    finally:
        part.unlink(missing_ok=True)
    return output


def encode_pictures(
    pictures: Iterable[Picture], count: int, path: Path, rate: Fraction, size: tuple[int, int], crf: int = 18
) -> Path:
    """Write drawn pictures of one size."""
    layout = pictures_layout(SourceInfo("pictures", *size, rate, "bgr24", count, has_audio=False), lossless=False)
    with closing(layout.evened(picture.tobytes()) for picture in pictures) as frames:
        return encode_raw(frames, count, layout, path, crf, rate)


def check_output(output: Path, source: Path | None = None) -> None:
    """Refuse a place that cannot take a film, before any work is done for it."""
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


def _arguments(layout: Layout, crf: int, rate: Fraction, part: Path) -> list[str]:
    width, height = layout.size
    shape = ["-f", "rawvideo", "-pix_fmt", layout.piped, "-video_size", f"{width}x{height}", "-framerate", str(rate)]
    filters = [layout.conversion, layout.tags] if layout.piped == "bgr24" else [layout.tags]
    quality = ["-crf", str(crf)] if crf else ["-qp", "0"]
    # B-frames have no place in AVI; without an index at its front an MP4 cannot be streamed.
    container = {".avi": ["-bf", "0"], ".mkv": []}.get(part.suffix.lower(), ["-movflags", "+faststart"])
    coder = ["-c:v", "libx264", *quality, "-pix_fmt", layout.coded, *container, "-fps_mode", "passthrough"]
    return [*shape, "-i", "pipe:0", "-vf", ",".join(filters), *coder, "-y", ffmpeg.input_argument(part)]


def _refused(problems: list[str], output: Path, needed: int) -> RenderError:
    if any("No space left" in line for line in problems):
        return no_space(output.parent, needed)
    return RenderError(f"ffmpeg could not encode {output}: {problems[0] if problems else 'it does not say why'}.")

"""Make films that every browser plays: previews, and excerpts of a source."""

import re
from collections.abc import Iterable
from contextlib import closing
from fractions import Fraction
from itertools import chain
from pathlib import Path

from ..errors import RenderError
from ..media import ffmpeg
from ..media.files import atomic
from ..media.source import Source, VideoFile
from ..media.types import Picture, SourceInfo
from ..progress import Progress
from .encode import Encoding, check_output, encode
from .frame_layout import pictures_layout

_PLAYABLE = re.compile(r"Video: h264[^,]*, yuvj?420p\b")
_SHORT_SIDE = 480
"""Pixels of the shorter side of a preview."""
_PREVIEW_ENCODING = Encoding(crf=26, preset="veryfast")
"""Middling quality: a preview is watched once and should be there soon."""
_EXCERPT_HEIGHT = 540
"""Most rows of an excerpt."""
_SEEK_MARGIN = 0.001
"""Seconds by which a seek goes earlier, since times are rounded in it and in files."""
_EMPTY = re.compile(rb"video:0[kK]i?B")
_EXCERPT_OUTPUT = [
    *("-vf", f"scale=-2:'min({_EXCERPT_HEIGHT},ceil(ih/2)*2)'"),
    *("-c:v", "libx264", "-preset", "veryfast", "-crf", "23", "-pix_fmt", "yuv420p"),
    *("-c:a", "aac", "-ac", "2", "-sn", "-dn", "-map_metadata", "-1", "-map_chapters", "-1"),
    *("-movflags", "+faststart", "-y"),
]


def browsers_play(source: Source) -> bool:
    """Check for H.264 with 8 bits and 4:2:0 in MP4, which every browser plays."""
    if not isinstance(source, VideoFile) or source.path.suffix.lower() not in (".mp4", ".m4v"):
        return False
    source.info()
    return bool(_PLAYABLE.search(source.log))


def preview(source: Source, frames: int, output: Path, progress: Progress) -> Path:
    """Write all frames of a source to a smaller film; `frames` is their number."""
    with closing(source.frames(short_side=_SHORT_SIDE)) as decoded:
        pictures = (frame.picture for frame in decoded)
        return film_of_pictures(pictures, frames, source.info().fps, output, progress)


def film_of_pictures(pictures: Iterable[Picture], count: int, rate: Fraction, output: Path, progress: Progress) -> Path:
    """Write pictures of equal size, at least one, to a film of middling quality."""
    rest = iter(pictures)
    first = next(rest)
    height, width = first.shape[:2]
    layout = pictures_layout(SourceInfo("pictures", width, height, rate, "bgr24", count, has_audio=False), False)

    frames = (layout.padded(picture.tobytes()) for picture in chain([first], rest))
    encode(frames, count, layout, check_output(output), _PREVIEW_ENCODING, rate, progress, stage_name="preview")
    return output


def excerpt(source: Path, start: float, seconds: float, output: Path, progress: Progress) -> Path:
    """Write the part of a video from `start` on to a small film with sound.

    The start may be off by some frames if the index of the file is wrong.

    Raises:
        RenderError: There is nothing to play at that time.
    """
    target = check_output(output, source)
    with progress.stage("excerpt") as stage, atomic(target) as part:
        for arguments in _inputs(source, start, seconds):
            done = ffmpeg.run([*arguments, *_EXCERPT_OUTPUT, ffmpeg.input_argument(part)])
            stage.advance()
            # If there is nothing at that time, ffmpeg writes a film without frames and reports success.
            if done.returncode == 0 and not _EMPTY.search(done.stderr) and part.exists():
                return output
        raise RenderError(f"{source.name} cannot be played at {start:.1f} s.", "Check that the file is complete.")


def _inputs(source: Path, start: float, seconds: float) -> list[list[str]]:
    """Seek by the index of the file first; if that fails, decode from the beginning."""
    begin, decode = ["-ss", f"{max(0.0, start - _SEEK_MARGIN):.3f}"], ffmpeg.decode_arguments(source)
    sound = ["-map", "0:a:0?", "-t", f"{seconds:.3f}"]
    return [[*begin, *decode, *sound], [*decode, *sound, *begin]]

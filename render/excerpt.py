"""A few seconds of a video as any browser plays them, found by seeking and not by decoding all that lies before."""

import re
from pathlib import Path

from .. import ffmpeg
from ..errors import RenderError
from ..files import atomic
from ..progress import Progress
from .encode import check_output

_HEIGHT = 540
_SOONER = 0.001
"""Seconds by which a seek goes earlier, since times are rounded in it and in files."""
_EMPTY = re.compile(rb"video:0[kK]i?B")
_SIZE = f"scale=-2:'min({_HEIGHT},ceil(ih/2)*2)'"


def excerpt(source: Path, start: float, seconds: float, output: Path, progress: Progress) -> Path:
    """What plays from `start` on, small and with its sound; a seek may be off by some frames where a file lies."""
    target = check_output(output, source)
    with progress.stage("cut out") as stage, atomic(target) as part:
        for arguments in _ways(source, start, seconds):
            done = ffmpeg.run([*arguments, *_OUTPUT, ffmpeg.input_argument(part)])
            stage.advance()
            # Where there is nothing at that place, ffmpeg writes a film without frames and is content.
            if done.returncode == 0 and not _EMPTY.search(done.stderr) and part.exists():
                return output
        raise RenderError(f"Nothing could be played of {source.name} at {start:.1f} s.", "Is the file whole?")


def _ways(source: Path, start: float, seconds: float) -> list[list[str]]:
    """By the file's own index and, where that leads nowhere, from the beginning."""
    begin, decode = ["-ss", f"{max(0.0, start - _SOONER):.3f}"], ffmpeg.decode_arguments(source)
    sound = ["-map", "0:a:0?", "-t", f"{seconds:.3f}"]
    return [[*begin, *decode, *sound], [*decode, *sound, *begin]]


_OUTPUT = [
    *("-vf", _SIZE, "-c:v", "libx264", "-preset", "veryfast", "-crf", "23", "-pix_fmt", "yuv420p"),
    *("-c:a", "aac", "-ac", "2", "-sn", "-dn", "-map_metadata", "-1", "-map_chapters", "-1"),
    *("-movflags", "+faststart", "-y"),
]

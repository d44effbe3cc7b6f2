"""A film as every browser plays it: the source itself where it is one, else a smaller copy."""

import re
from collections.abc import Iterable
from contextlib import closing
from fractions import Fraction
from pathlib import Path

from ..errors import RenderError
from ..media import ffmpeg
from ..media.files import atomic
from ..media.source import open_source
from ..media.types import Picture, SourceInfo
from ..progress import Progress
from .encode import Encoding, check_output, encode
from .frame_layout import pictures_layout

_PLAYED = re.compile(rb"Video: h264[^,]*, yuvj?420p\b")
_SHORT_SIDE = 480
_QUICK = Encoding(crf=26, preset="veryfast")


def browsers_play(path: Path) -> bool:
    """H.264 in 8 bits and 4:2:0 within MP4, which is what browsers have in common."""
    if path.suffix.lower() not in (".mp4", ".m4v") or not path.is_file():
        return False
    return bool(_PLAYED.search(ffmpeg.run(["-i", ffmpeg.input_argument(path)]).stderr))


def preview(source: Path, frames: int, output: Path, progress: Progress, *, steady: bool = False) -> Path:
    """All frames of a source, as many as it is known to have, in a smaller film."""
    opened = open_source(source, steady=steady)
    with closing(opened.frames(short_side=_SHORT_SIDE)) as found:
        pictures = (frame.picture for frame in found)
        return film_of_pictures(pictures, frames, opened.info().fps, output, progress)


def film_of_pictures(pictures: Iterable[Picture], count: int, rate: Fraction, output: Path, progress: Progress) -> Path:
    """Pictures of one size, one at least, as a film of middling quality."""
    following = iter(pictures)
    first = next(following)
    height, width = first.shape[:2]
    layout = pictures_layout(SourceInfo("pictures", width, height, rate, "bgr24", count, has_audio=False), False)

    def raw() -> Iterable[bytes]:
        yield layout.evened(first.tobytes())
        yield from (layout.evened(picture.tobytes()) for picture in following)

    encode(iter(raw()), count, layout, check_output(output), _QUICK, rate, progress, stage_name="preview")
    return output


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

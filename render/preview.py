"""A film as every browser plays it: the source itself where it is one, else a smaller copy."""

import re
from collections.abc import Iterable
from contextlib import closing
from fractions import Fraction
from pathlib import Path

from .. import ffmpeg
from ..frames import Picture, SourceInfo
from ..ingest.source import open_source
from ..progress import Progress
from .encode import Encoding, check_output, encode
from .layout import pictures_layout

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

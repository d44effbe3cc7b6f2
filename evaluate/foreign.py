"""Frames that do not belong: borrowed from pictures and other videos, or drawn."""

import os
from collections import deque
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import TypeAlias

import numpy as np

from .. import ffmpeg
from ..animation import is_animated
from ..errors import SourceError, UsageError
from ..frames import Picture
from ..ingest.pictures import read_picture
from ..ingest.source import PICTURE_SUFFIXES, VIDEO_SUFFIXES, natural_key, open_source, picture_files
from ..ranges import shortened, whole_number
from ..render.layout import Layout
from .film import draw_foreign

Foreign: TypeAlias = Path | Sequence[Path] | int
_VARIANT_CROP = 0.92


def read_foreign(text: str) -> int | Path:
    """A number of pictures to draw, or a folder to borrow from."""
    if not (text.isascii() and text.isdecimal()):
        return Path(text)
    number = whole_number(text)
    if number is None:
        raise UsageError(f"{shortened(text)} foreign frames cannot be drawn.", "Give fewer, or a folder.")
    return number


def foreign_groups(foreign: Foreign, count: int, length: int) -> list[range]:
    """`count` foreign slots in groups of frames that resemble one another."""
    if isinstance(foreign, int) and foreign < 0:
        raise UsageError(f"{foreign} foreign frames cannot be drawn.", "Give 0 or more, or a folder.")
    return [range(start, min(start + length, count)) for start in range(0, count, length)]


def foreign_pictures(
    foreign: Foreign, groups: Sequence[range], size: tuple[int, int], seed: int, sources: Sequence[Path]
) -> Generator[Picture, None, None]:
    """The pictures of the groups, each filling `size`; the lenders share the work, the clip itself lends nothing."""
    if not groups:
        return
    if isinstance(foreign, int):
        for picture, group in zip(draw_foreign(len(groups), size, seed), groups, strict=True):
            yield from _variants(picture, len(group), size)
        return
    rng = np.random.default_rng([seed, 3])
    files = _lenders(foreign, sources)
    shares = np.array_split(np.asarray([len(group) for group in groups]), len(files))
    for number, lengths in zip(rng.permutation(len(files)), shares, strict=True):
        file, wanted = files[number], [int(length) for length in lengths]
        if file.suffix.lower() in PICTURE_SUFFIXES and not is_animated(file):
            for length in wanted:
                yield from _variants(read_picture(file), length, size)
        elif wanted:
            yield from _borrowed(file, wanted, size, rng)


def count_frames(source: Path) -> int:
    """The frames that really decode; what a container claims is not asked."""
    if source.is_dir():
        return len(picture_files(source))
    tiny = ["-vf", "scale=2:2:flags=neighbor", "-pix_fmt", "gray", "-f", "rawvideo", "-"]
    with ffmpeg.Reader([*ffmpeg.decode_arguments(source), *tiny]) as reader:
        count = 0
        while len(block := reader.read(4 << 10)) == 4 << 10:
            count += 1 << 10
        return count + len(block) // 4


def covering(picture: Picture, size: tuple[int, int]) -> Picture:
    """The middle of the picture, scaled to fill `size` without bars or distortion."""
    import cv2

    width, height = size
    factor = max(width / picture.shape[1], height / picture.shape[0])
    scaled = max(width, round(picture.shape[1] * factor)), max(height, round(picture.shape[0] * factor))
    if (picture.shape[1], picture.shape[0]) != scaled:
        picture = np.asarray(
            cv2.resize(picture, scaled, interpolation=cv2.INTER_AREA if factor < 1 else cv2.INTER_CUBIC), np.uint8
        )
    left, top = (scaled[0] - width) // 2, (scaled[1] - height) // 2
    return np.ascontiguousarray(picture[top : top + height, left : left + width])


def raw_picture(picture: Picture, layout: Layout) -> bytes:
    """The picture in the samples that the layout pipes, with its own matrix and range."""
    if layout.piped == "bgr24":
        return picture.tobytes()
    import cv2

    red, blue = (0.2126, 0.0722) if "colorspace=bt709" in layout.tags else (0.299, 0.114)
    b, g, r = cv2.split(picture.astype(np.float32))
    luma = red * r + (1 - red - blue) * g + blue * b
    half = (picture.shape[1] + 1) // 2, (picture.shape[0] + 1) // 2
    chroma = [(b - luma) / (2 - 2 * blue), (r - luma) / (2 - 2 * red)]
    chroma = [cv2.resize(plane, half, interpolation=cv2.INTER_AREA) for plane in chroma]
    if "range=pc" not in layout.tags:
        luma, chroma = 16 + luma * (219 / 255), [plane * (224 / 255) for plane in chroma]
    planes = [luma, *(plane + 128 for plane in chroma)]
    return b"".join(np.clip(np.rint(plane), 0, 255).astype(np.uint8).tobytes() for plane in planes)


def _lenders(foreign: Path | Sequence[Path], sources: Sequence[Path]) -> list[Path]:
    """The pictures and videos to borrow from, in an order that does not depend on the disk."""
    if isinstance(foreign, Path) and not foreign.exists():
        raise SourceError(f"There is no folder {foreign} to borrow from.", "Check the name.")
    if isinstance(foreign, Path):
        found = sorted(foreign.iterdir(), key=lambda f: natural_key(f.name)) if foreign.is_dir() else [foreign]
    else:
        found = list(foreign)
    # A pipe that is called as a picture is would be waited for.
    usable = [f for f in found if os.path.isfile(f) or not os.path.exists(f)]
    usable = [f for f in usable if f.suffix.lower() in PICTURE_SUFFIXES | VIDEO_SUFFIXES and f.name[0] != "."]
    usable = [f for f in usable if not (os.path.exists(f) and any(f.samefile(source) for source in sources))]
    if not usable:
        raise SourceError(
            f"There is no picture and no video to borrow from in {foreign}.",
            "Put some there (other than the clip itself), or give a number of pictures to draw.",
        )
    return usable


def _variants(picture: Picture, count: int, size: tuple[int, int]) -> Iterator[Picture]:
    """The picture itself, or a slow move across it."""
    if count == 1:
        yield covering(picture, size)
        return
    height, width = picture.shape[:2]
    inner = max(1, round(width * _VARIANT_CROP)), max(1, round(height * _VARIANT_CROP))
    for step in np.linspace(0, 1, count):
        left, top = round((width - inner[0]) * step), round((height - inner[1]) * step)
        yield covering(picture[top : top + inner[1], left : left + inner[0]], size)


def _borrowed(
    video: Path, lengths: Sequence[int], size: tuple[int, int], rng: np.random.Generator
) -> Iterator[Picture]:
    """Stretches from random places of a video, in one pass; one that reaches past its end stands still there."""
    longest = max(lengths)
    places = max(1, count_frames(video) // longest)
    turns = np.concatenate([rng.permutation(places) for _ in range(-(-len(lengths) // places))])
    starts = np.sort(turns[: len(lengths)]) * longest
    wanted = deque(int(start) + step for start, length in zip(starts, lengths, strict=True) for step in range(length))
    picture = None
    with closing(open_source(video).frames()) as frames:
        for frame in frames:
            if not wanted:
                return
            if frame.index >= wanted[0]:
                picture = covering(frame.picture, size)
            while wanted and wanted[0] <= frame.index and picture is not None:
                wanted.popleft()
                yield picture
    if picture is None:
        raise SourceError(f"No frame could be borrowed from {video}.", "Remove it from the folder.")
    yield from [picture] * len(wanted)

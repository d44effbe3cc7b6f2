"""A frame as a person can judge it: large, above those around it, since a frozen one looks whole by itself."""

from collections.abc import Iterator, Sequence
from contextlib import closing
from typing import NamedTuple

import numpy as np

from ...media.source import FrameSource
from ...media.types import Frame, Picture
from .contact_sheet import GAP, LARGE, TITLE, canvas, contact_sheet, write_text

_AROUND = (-8, -1, 1, 8)
_SHORT_SIDE = 480
_LEAST_WIDTH = 480


class CardFrame(NamedTuple):
    frame: int
    picture: Picture


def read_card_frames(source: FrameSource, frames: Sequence[int], name: str) -> Iterator[CardFrame]:
    """A picture of each of these frames in one pass, keeping no more than those around one of them."""
    waiting, kept = sorted(frames), dict[int, Frame]()
    with closing(source.frames(short_side=_SHORT_SIDE)) as decoded:
        for frame in decoded:
            if not waiting:
                return
            if frame.index >= waiting[0] + _AROUND[0]:
                kept[frame.index] = frame
            while waiting and frame.index >= waiting[0] + _AROUND[-1]:
                yield from _drawn(waiting.pop(0), kept, name)
            kept = {index: one for index, one in kept.items() if waiting and index >= waiting[0] + _AROUND[0]}
    for last in waiting:
        yield from _drawn(last, kept, name)


def _drawn(index: int, kept: dict[int, Frame], name: str) -> Iterator[CardFrame]:
    if one := kept.get(index):
        others = [(lag, kept[index + lag].picture) for lag in _AROUND if index + lag in kept]
        yield CardFrame(index, frame_card(one, others, name))


def frame_card(one: Frame, others: Sequence[tuple[int, Picture]], name: str) -> Picture:
    """The frame, and below it others with how far away they are and by how many grey levels it differs."""
    import cv2

    height, width = one.picture.shape[:2]
    factor = max(1.0, _LEAST_WIDTH / width)
    large = cv2.resize(one.picture, (round(width * factor), round(height * factor)), interpolation=cv2.INTER_CUBIC)
    captions = [_caption(lag, one.picture, picture) for lag, picture in others]
    room = (large.shape[1] - (len(_AROUND) - 1) * GAP) // len(_AROUND)
    row = contact_sheet([picture for _, picture in others], captions, len(_AROUND), room)
    sheet = canvas(TITLE + large.shape[0] + row.shape[0], large.shape[1] + 2 * GAP)
    write_text(sheet, f"frame {one.index}, {one.time:.2f} s of {name}", GAP, 23, LARGE, large.shape[1])
    sheet[TITLE : TITLE + large.shape[0], GAP : GAP + large.shape[1]] = large
    sheet[TITLE + large.shape[0] :, : row.shape[1]] = row
    return sheet


def _caption(lag: int, one: Picture, other: Picture) -> str:
    import cv2

    apart = float(np.mean(cv2.absdiff(one, other)))
    return f"{abs(lag)} {'before' if lag < 0 else 'after'}\ndiffers by {apart:.1f}"

"""Draw a frame large above its neighbours, so that a person can label it: a frozen frame looks intact by itself."""

from collections.abc import Iterator, Sequence
from contextlib import closing
from typing import NamedTuple

import numpy as np

from ...media.source import FrameSource
from ...media.types import Frame, Picture
from .contact_sheet import GAP, LARGE, TITLE, canvas, contact_sheet, write_text

_NEIGHBOUR_LAGS = (-8, -1, 1, 8)
"""Distances in frames of the neighbours that are shown."""
_SHORT_SIDE = 480
"""Pixels of a decoded frame, which bounds the memory of the frames that are kept."""
_LEAST_WIDTH = 480
"""Pixels to which smaller frames are enlarged, so that four neighbours fit side by side."""


class CardFrame(NamedTuple):
    """The card of a frame."""

    frame: int
    picture: Picture


def read_card_frames(source: FrameSource, frames: Sequence[int], name: str) -> Iterator[CardFrame]:
    """Yield the card of each frame in one decoding pass, keeping only the neighbours of the next frame in memory."""
    pending, kept = sorted(frames), dict[int, Frame]()
    with closing(source.frames(short_side=_SHORT_SIDE)) as decoded:
        for frame in decoded:
            if not pending:
                return
            if frame.index >= pending[0] + _NEIGHBOUR_LAGS[0]:
                kept[frame.index] = frame
            while pending and frame.index >= pending[0] + _NEIGHBOUR_LAGS[-1]:
                yield from _card(pending.pop(0), kept, name)
            kept = {
                index: kept_frame
                for index, kept_frame in kept.items()
                if pending and index >= pending[0] + _NEIGHBOUR_LAGS[0]
            }
    for last in pending:
        yield from _card(last, kept, name)


def _card(index: int, kept: dict[int, Frame], name: str) -> Iterator[CardFrame]:
    if shown := kept.get(index):
        neighbours = [(lag, kept[index + lag].picture) for lag in _NEIGHBOUR_LAGS if index + lag in kept]
        yield CardFrame(index, frame_card(shown, neighbours, name))


def frame_card(frame: Frame, neighbours: Sequence[tuple[int, Picture]], name: str) -> Picture:
    """Draw a frame above its neighbours, each with its distance in frames and their difference in grey levels."""
    import cv2

    height, width = frame.picture.shape[:2]
    factor = max(1.0, _LEAST_WIDTH / width)
    large = cv2.resize(frame.picture, (round(width * factor), round(height * factor)), interpolation=cv2.INTER_CUBIC)
    captions = [_caption(lag, frame.picture, picture) for lag, picture in neighbours]
    cell_width = (large.shape[1] - (len(_NEIGHBOUR_LAGS) - 1) * GAP) // len(_NEIGHBOUR_LAGS)
    row = contact_sheet([picture for _, picture in neighbours], captions, len(_NEIGHBOUR_LAGS), cell_width)
    sheet = canvas(TITLE + large.shape[0] + row.shape[0], large.shape[1] + 2 * GAP)
    write_text(sheet, f"frame {frame.index}, {frame.time:.2f} s of {name}", GAP, 23, LARGE, large.shape[1])
    sheet[TITLE : TITLE + large.shape[0], GAP : GAP + large.shape[1]] = large
    sheet[TITLE + large.shape[0] :, : row.shape[1]] = row
    return sheet


def _caption(lag: int, shown: Picture, neighbour: Picture) -> str:
    import cv2

    difference = float(np.mean(cv2.absdiff(shown, neighbour)))
    return f"{abs(lag)} {'before' if lag < 0 else 'after'}\ndiffers by {difference:.1f}"

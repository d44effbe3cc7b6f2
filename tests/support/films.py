"""Drawn films as solving sees them, without a library."""

from collections.abc import Sequence
from typing import Literal

import cv2
import numpy as np
from helpers import pictures

from reelweave.index.neighbours import nearest
from reelweave.ingest.models.appearance import AppearanceEmbedder
from reelweave.media.proxy import ProxySize, luma, make_proxy, proxy_yuv
from reelweave.media.types import FrameRows, Picture
from reelweave.solve.solve_input import SolveInput

SIZE = (192, 108)


def film_of(
    frames: Sequence[Picture],
    indices: Sequence[int] | None = None,
    kind: Literal["video", "pictures"] = "pictures",
    space: str = "appearance",
) -> SolveInput:
    """What ingest would have stored of these pictures."""
    count = len(frames)
    numbers = np.arange(count) if indices is None else np.array(indices, np.int64)
    proxies = np.zeros((count, 135, 160), np.uint8)
    for row, frame in enumerate(frames):
        proxies[row] = make_proxy(frame, ProxySize(160, 90))
    facts = np.zeros(count, np.float32)
    rows = FrameRows(numbers, numbers / 25, facts, facts, np.full(count, -1), AppearanceEmbedder().embed(frames))
    return SolveInput(rows, luma(proxies), nearest, space, kind, colours=lambda row: proxy_yuv(proxies[row]))


def shuffled(count: int, seed: int = 3) -> list[int]:
    return [int(place) for place in np.random.default_rng(seed).permutation(count)]


def either_way(values: Sequence[int]) -> list[int]:
    """A film and the same backwards are the same arrangement."""
    return min(list(values), list(values)[::-1])


def other_film(count: int) -> list[Picture]:
    """A film that looks like no other: the drawn ones share a landscape."""
    return [np.asarray(255 - picture) for picture in pictures(count, SIZE, seed=11)]


COUNT = 16


def panned(count: int = COUNT) -> list[Picture]:
    """A landscape that passes by at two pixels a frame."""
    coarse = np.random.default_rng(5).integers(20, 235, (8, 24, 3)).astype(np.uint8)
    ground = np.asarray(cv2.resize(coarse, (240, 80), interpolation=cv2.INTER_CUBIC), np.uint8)
    return [ground[8:72, 2 * number : 2 * number + 128].copy() for number in range(count)]

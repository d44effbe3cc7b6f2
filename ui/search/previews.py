"""Draw the preview of each result from the proxies of the library, so that no video is decoded."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ...index.library import Library
from ...index.matrix import Segment
from ...media.proxy import ProxySize, proxy_picture, read_proxies
from ...search.finder import SearchResult
from ...search.results import Hit, Moment
from ..previews import FRAMES, Preview, write_preview

_MARGIN = 2.0
"""Seconds before and after a hit, as in the film that a click plays."""
_LEAST_FRAMES = 8
"""Frames of a preview at least, since few lie within the margin in a video of which few were sampled."""


def write_previews(result: SearchResult, library: Library, folder: Path) -> tuple[Preview | None, ...]:
    """Write the preview of each hit or moment; a video without proxies has none."""
    segments = {segment.video.id: segment for segment in result.matrix.segments}
    items: Sequence[Hit | Moment] = result.moments or result.hits
    return tuple(
        _write(segments[item.video], item, library, folder / f"preview-{number}.jpg")
        for number, item in enumerate(items)
    )


def _write(segment: Segment, item: Hit | Moment, library: Library, file: Path) -> Preview | None:
    video = segment.video
    if not (video.proxy_width and library.has_proxies(video)):
        return None
    proxies = read_proxies(
        library.proxies_file(video.id), ProxySize(video.proxy_width, video.proxy_height), video.frames
    )
    return write_preview([proxy_picture(proxies[row]) for row in _rows(segment, item)], file)


def _rows(segment: Segment, item: Hit | Moment) -> list[int]:
    """Return the rows of the frames to show, evenly spread over a moment or around a hit."""
    times = segment.rows.times
    start, end = (item.start, item.end) if isinstance(item, Moment) else (item.time - _MARGIN, item.time + _MARGIN)
    first, last = np.searchsorted(times, [start, end]).tolist()
    last = min(last, len(times) - 1)
    if (lacking := _LEAST_FRAMES - (last - first + 1)) > 0:
        first = max(0, first - lacking // 2)
        last = min(len(times) - 1, first + _LEAST_FRAMES - 1)
    rows: list[int] = np.unique(np.linspace(first, last, FRAMES).round().astype(int)).tolist()
    return rows

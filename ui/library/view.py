"""The videos of the library as the page lists them, some at a time."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

import numpy as np

from ...index import manage
from ...media.timecode import clock
from ...media.types import Picture
from ...settings import Settings
from .. import html

PER_PAGE = 12
_STRIP_HEIGHT = 64
_SPACES = {"appearance": "looks", "clip": "CLIP"}


@dataclass(frozen=True)
class VideoPage:
    """Those of one page, of all whose name holds what was looked for."""

    rows: Sequence[Mapping[str, Any]]
    strips: Mapping[str, Picture]
    page: int
    pages: int
    found: int
    videos: int
    bytes: int


def video_page(settings: Settings, wanted: str, page: int) -> VideoPage:
    """The page of that number, or the last; the latest video comes first."""
    every = manage.list_videos(settings)[::-1]
    look = wanted.strip().casefold()
    found = [row for row in every if look in row["name"].casefold() or look in row["id"]]
    pages = max(1, -(-len(found) // PER_PAGE))
    page = min(max(1, page), pages)
    rows = found[(page - 1) * PER_PAGE : page * PER_PAGE]
    strips = manage.video_strips([row["id"] for row in rows], settings)
    return VideoPage(rows, strips, page, pages, len(found), len(every), sum(row["bytes"] for row in every))


def summary(shown: VideoPage) -> str:
    if not shown.videos:
        return '<p class="rw-dim">The library is empty. Add videos above.</p>'
    plural = "s" * (shown.videos != 1)
    found = f"{shown.found} of " if shown.found != shown.videos else ""
    page = f", page {shown.page} of {shown.pages}" if shown.pages > 1 else ""
    return f'<p class="rw-dim">{found}{shown.videos} video{plural}, {html.size(shown.bytes)}{page}</p>'


def listing(shown: VideoPage) -> str:
    return f'<ul class="rw-videos">{"".join(_video(row, shown.strips.get(row["id"])) for row in shown.rows)}</ul>'


def _video(row: Mapping[str, Any], strip: Picture | None) -> str:
    name, video = str(row["name"]), str(row["id"])
    spaces = [space["name"] for space in row["spaces"]]
    chips = "".join(f'<span class="rw-mark">{escape(_SPACES.get(space, space))}</span>' for space in spaces)
    partial = '<span class="rw-mark rw-partial">partial</span>' if row["state"] == "partial" else ""
    facts = [
        f"{row['frames']} frames",
        clock(row["seconds"]),
        f"{row['width']} x {row['height']}",
        f"{row['fps']:.4g} fps",
        html.size(row["bytes"]),
    ]
    return (
        f'<li><div class="rw-video-strip">{_strip(strip, name)}</div><div class="rw-video-told">'
        f'<b title="{escape(str(row["source"]))}">{escape(name)}</b>'
        f'<span class="rw-dim">{escape(" · ".join(facts))}</span><span>{chips}{partial}</span></div>'
        f'<div class="rw-video-acts">{_buttons(row, name, video, spaces)}</div></li>'
    )


def _buttons(row: Mapping[str, Any], name: str, video: str, spaces: Sequence[str]) -> str:
    more = ""
    if row["source"] and row["state"] == "partial":
        more = html.button("Go on", "resume", video, f"ingest the rest of {name}")
    elif row["source"] and "clip" not in spaces:
        more = html.button("Add CLIP vectors", "clip", video, f"add CLIP vectors to {name}")
    return more + html.button("Remove", "remove", video, f"remove {name}")


def _strip(strip: Picture | None, name: str) -> str:
    import cv2

    if strip is None:
        return ""
    width = max(1, round(strip.shape[1] * _STRIP_HEIGHT / strip.shape[0]))
    small = np.asarray(cv2.resize(strip, (width, _STRIP_HEIGHT), interpolation=cv2.INTER_AREA), np.uint8)
    return f'<img src="{html.picture(small)}" width="{width}" height="{_STRIP_HEIGHT}" alt="frames of {escape(name)}">'

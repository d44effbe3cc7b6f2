"""The list of the library's videos, one page at a time, as HTML."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

from ...index import manage
from ...media.timecode import clock
from ...media.types import Picture
from ...settings import Settings
from .. import html

# Bounds how many strips of pictures are read for one answer.
_VIDEOS_PER_PAGE = 12
# The height of a strip of pictures, in pixels; the style sheet shows it slightly smaller.
_STRIP_HEIGHT = 64
_SPACES = {"appearance": "visual similarity", "clip": "CLIP"}


@dataclass(frozen=True)
class VideoPage:
    """One page of the videos that match the filter."""

    rows: Sequence[Mapping[str, Any]]
    strips: Mapping[str, Picture]
    page: int
    pages: int
    matching: int
    videos: int
    bytes: int


def video_page(settings: Settings, text: str, page: int) -> VideoPage:
    """Return a page, or the last one, of the videos whose name or id contains `text`, latest first."""
    videos = manage.list_videos(settings)[::-1]
    text = text.strip().casefold()
    matching = [row for row in videos if text in row["name"].casefold() or text in row["id"]]
    pages = max(1, -(-len(matching) // _VIDEOS_PER_PAGE))
    page = min(max(1, page), pages)
    rows = matching[(page - 1) * _VIDEOS_PER_PAGE : page * _VIDEOS_PER_PAGE]
    strips = manage.video_strips([row["id"] for row in rows], settings)
    return VideoPage(rows, strips, page, pages, len(matching), len(videos), sum(row["bytes"] for row in videos))


def summary(shown: VideoPage) -> str:
    if not shown.videos:
        return '<p class="rw-dim">The library is empty. Add videos above.</p>'
    matching = f"{shown.matching} of " if shown.matching != shown.videos else ""
    page = f", page {shown.page} of {shown.pages}" if shown.pages > 1 else ""
    videos = html.plural(shown.videos, "video")
    return f'<p class="rw-dim">{matching}{videos}, {html.size(shown.bytes)}{page}</p>'


def listing(shown: VideoPage) -> str:
    return f'<ul class="rw-videos">{"".join(_video(row, shown.strips.get(row["id"])) for row in shown.rows)}</ul>'


def _video(row: Mapping[str, Any], strip: Picture | None) -> str:
    name = str(row["name"])
    spaces = [space["name"] for space in row["spaces"]]
    marks = "".join(f'<span class="rw-mark">{escape(_SPACES.get(space, space))}</span>' for space in spaces)
    if row["state"] == "partial":
        marks += '<span class="rw-mark rw-partial">incomplete</span>'
    facts = [
        html.plural(row["frames"], "frame"),
        clock(row["seconds"]),
        f"{row['width']} x {row['height']}",
        f"{row['fps']:.4g} fps",
        html.size(row["bytes"]),
    ]
    return (
        f'<li><div class="rw-video-strip">{_strip(strip, name)}</div><div class="rw-video-told">'
        f'<b title="{escape(str(row["source"]))}">{escape(name)}</b>'
        f'<span class="rw-dim">{escape(" · ".join(facts))}</span><span>{marks}</span></div>'
        f'<div class="rw-video-acts">{_buttons(row, name, spaces)}</div></li>'
    )


def _buttons(row: Mapping[str, Any], name: str, spaces: Sequence[str]) -> str:
    more = ""
    if row["source"] and row["state"] == "partial":
        more = html.button("Resume", "resume", row["id"], f"resume ingesting {name}")
    elif row["source"] and "clip" not in spaces:
        more = html.button("Add CLIP vectors", "clip", row["id"], f"add CLIP vectors to {name}")
    return more + html.button("Remove", "remove", row["id"], f"remove {name}")


def _strip(strip: Picture | None, name: str) -> str:
    if strip is None:
        return ""
    width = max(1, round(strip.shape[1] * _STRIP_HEIGHT / strip.shape[0]))
    return html.image(strip, width, f"frames of {name}")

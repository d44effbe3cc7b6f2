"""Ingest, list and remove the videos of the library."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ... import pipeline
from ...errors import UsageError
from ...index import manage
from ...ingest.ingester import IngestResult
from ...media.types import Picture
from ...progress import Progress
from ...settings import Settings, changed
from ..context import PageContext
from ..html import render
from ..uploads import delete_unused, kept_uploads

_RESULTS_SHOWN = 100
"""Bounds the list on the page after a large folder was ingested."""
_VIDEOS_PER_PAGE = 12
"""Bounds how many strips of pictures are read for one answer."""


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


def ingest(
    context: PageContext,
    uploads: Sequence[str],
    path: str,
    space: str,
    fps: float,
    progress: Progress,
    results: list[IngestResult],
) -> list[IngestResult]:
    """Ingest all sources; append each result to `results` at once, so that the page shows it while others run."""
    if not uploads and not path:
        raise UsageError("No video was given.", "Drop videos here, or enter a path on this server.")
    settings = changed(context.settings, "ingest", {"fps": fps} | ({"space": space} if space else {}))
    with context.writes.turn(progress), kept_uploads(context, uploads) as files:
        for result in pipeline.ingest_all([*files, *([context.server_path(path)] if path else [])], settings, progress):
            results.append(result)
    return results


def result_list(results: Sequence[IngestResult]) -> str:
    """Count the results by state and list each source, failed ones first and with their reason."""
    if not results:
        return ""
    counts = Counter(result.state for result in results).most_common()
    rows = sorted(results, key=lambda result: result.state not in ("unreadable", "failed"))
    named = [(Path(result.path).name, result) for result in rows[:_RESULTS_SHOWN]]
    return render("library.results", named, counts, len(rows) - _RESULTS_SHOWN)


def fate_of_source(context: PageContext, shown: VideoPage, video: str) -> str:
    """Say what removing a video does to its file; nothing if the video is not shown."""
    row = next((row for row in shown.rows if row["id"] == video), None)
    if row is None:
        return ""
    return "The uploaded copy will be deleted too." if is_upload(context, row["source"]) else "The video file stays."


def is_upload(context: PageContext, source: str) -> bool:
    return bool(source) and Path(source).is_relative_to(context.videos.resolve())


def remove(context: PageContext, video: str, progress: Progress) -> str:
    """Remove a video, with its file if that was uploaded; return its name."""
    with context.writes.turn(progress):
        removed = manage.remove_video(video, context.settings)
    if is_upload(context, removed.source):
        delete_unused(context, [Path(removed.source)])
    return removed.name

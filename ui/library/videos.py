"""Ingest, list and remove the videos of the library."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ... import pipeline
from ...errors import UsageError
from ...index import manage
from ...ingest.ingester import IngestResult, complete_video
from ...ingest.relocate import relocate_videos
from ...media.source import natural_key
from ...media.types import Picture
from ...media.untrusted import UntrustedError, parse_json, validate
from ...progress import Progress
from ...render.html import plural
from ...settings import Settings, changed
from ..context import PageContext
from ..html import render
from ..uploads import delete_unused, kept_uploads

_RESULTS_SHOWN = 100
"""Bounds the list on the page after a large folder was ingested."""
_VIDEOS_PER_PAGE = 12
"""Bounds how many strips of pictures are read for one answer."""

LATEST = "latest first"
SORT_ORDERS: dict[str, tuple[Callable[[int, Mapping[str, Any]], Any], bool]] = {
    LATEST: (lambda place, row: place, True),
    "by name": (lambda place, row: natural_key(row["name"]), False),
    "longest first": (lambda place, row: row["seconds"], True),
    "largest first": (lambda place, row: row["bytes"], True),
    "incomplete first": (lambda place, row: (row["state"] == "partial", place), True),
}
"""How the videos may be sorted: a key of the place in the catalog and the row, and whether it is reversed."""


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
    missing: frozenset[str] = frozenset()
    """Videos of the page whose files are not where they were."""


def video_page(settings: Settings, text: str, page: int, order: str = "") -> VideoPage:
    """Return a page, or the last one, of the videos whose name or id contains `text`, in one of `SORT_ORDERS`."""
    key, reverse = SORT_ORDERS.get(order, SORT_ORDERS[LATEST])
    listed = sorted(enumerate(manage.list_videos(settings)), key=lambda row: key(*row), reverse=reverse)
    videos = [row for _, row in listed]
    text = text.strip().casefold()
    matching = [row for row in videos if text in row["name"].casefold() or text in row["id"]]
    pages = max(1, -(-len(matching) // _VIDEOS_PER_PAGE))
    page = min(max(1, page), pages)
    rows = matching[(page - 1) * _VIDEOS_PER_PAGE : page * _VIDEOS_PER_PAGE]
    strips = manage.video_strips([row["id"] for row in rows], settings)
    missing = frozenset(row["id"] for row in rows if row["source"] and not Path(row["source"]).exists())
    size = sum(row["bytes"] for row in videos)
    return VideoPage(rows, strips, page, pages, len(matching), len(videos), size, missing)


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


def remove_all(context: PageContext, item: str, progress: Progress) -> str:
    """Remove several videos, given by ids with commas; return how many."""
    return _each(context, item, progress, "remove", remove)


def resume(context: PageContext, video: str, progress: Progress) -> str:
    """Finish an interrupted ingest; return the video's name."""
    return _complete(context, video, None, progress)


def add_clip(context: PageContext, video: str, progress: Progress) -> str:
    """Add the vectors that a search by words needs; return the video's name."""
    return _complete(context, video, "clip", progress)


def add_clip_to_all(context: PageContext, item: str, progress: Progress) -> str:
    """Add the vectors of several videos, given by ids with commas; return how many."""
    return _each(context, item, progress, "videos", add_clip)


def _complete(context: PageContext, video: str, space: str | None, progress: Progress) -> str:
    with context.writes.turn(progress):
        return complete_video(video, context.settings, progress, space).name


def _each(
    context: PageContext, item: str, progress: Progress, name: str, do: Callable[[PageContext, str, Progress], str]
) -> str:
    videos = [video for video in item.split(",") if video]
    with progress.stage(name, len(videos)) as stage:
        for video in videos:
            do(context, video, progress)
            stage.advance()
    return plural(len(videos), "video")


@dataclass(frozen=True)
class _Place:
    """Where the user says that the file of a video is."""

    video: str
    path: str


def locate(context: PageContext, item: str, progress: Progress) -> str:
    """Find the moved file of a video at or below a path that a local user typed; return the video's name."""
    try:
        place = validate(_Place, parse_json(item))
    except UntrustedError as bad:
        raise UsageError("The page sent no place.", "Try again.") from bad
    if not place.path.strip():
        raise UsageError("No folder was given.", "Enter the file or folder where the video is now.")
    with context.writes.turn(progress):
        relocate_videos([place.video], context.server_path(place.path.strip()), context.settings, progress)
    return str(manage.show_video(place.video, context.settings)["name"])

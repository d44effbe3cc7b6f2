"""Ingest, list and remove the videos of the library."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from ... import pipeline
from ...errors import ReelweaveError, UsageError
from ...index import manage
from ...ingest.ingester import IngestResult, complete_video
from ...ingest.relocate import relocate_videos
from ...media.source import natural_key
from ...media.untrusted import UntrustedError, parse_json, validate
from ...progress import Progress
from ...render.report.contact_sheet import save_picture
from ...search.question import CLIP
from ...settings import changed
from ..context import PageContext
from ..html import render
from ..previews import FRAMES, Preview
from ..remedies import remedies_of, typed_place
from ..strings import STRINGS
from ..uploads import delete_unused, kept_uploads

_TEXT = STRINGS.library
_RESULTS_SHOWN = 100
"""Bounds the list on the page after a large folder was ingested."""
_VIDEOS_PER_PAGE = 24
"""Bounds how many previews are drawn for one answer, and the size of the page, however large the library is."""
_PREVIEW_HEIGHT = 90
"""Pixels of a previewed frame, as high as the proxy of a wide film."""
_MOST_STRETCHED = 8.0
"""Longer pictures have proxies of this proportion."""
_ALL = "*"
"""Stands before the key of a filter where all its videos are meant, also those on other pages."""

LATEST = "latest"
SORT_ORDERS: dict[str, tuple[Callable[[int, Mapping[str, Any]], Any], bool]] = {
    LATEST: (lambda place, row: place, True),
    "name": (lambda place, row: natural_key(row["name"]), False),
    "longest": (lambda place, row: row["seconds"], True),
    "largest": (lambda place, row: row["bytes"], True),
    "incomplete": (lambda place, row: (row["state"] == "partial", place), True),
}
"""How the videos may be sorted: a key of the place in the catalog and the row, and whether it is reversed."""

EVERY = "all"
KINDS: dict[str, Callable[[Mapping[str, Any]], bool]] = {
    EVERY: lambda row: True,
    "incomplete": lambda row: row["state"] == "partial",
    "missing": lambda row: _is_missing(row),
    "unsearchable": lambda row: all(space["name"] != CLIP for space in row["spaces"]),
}
"""What the list may be limited to."""


@dataclass(frozen=True)
class Filter:
    """Which videos are listed: a part of the name or id, and one of `KINDS`."""

    text: str = ""
    kind: str = EVERY

    @property
    def key(self) -> str:
        return f"{self.kind}/{self.text}"

    @classmethod
    def of_key(cls, key: str) -> Self:
        kind, _, text = key.partition("/")
        return cls(text, kind)

    def matches(self, row: Mapping[str, Any]) -> bool:
        text = self.text.strip().casefold()
        return (text in row["name"].casefold() or text in row["id"]) and KINDS.get(self.kind, KINDS[EVERY])(row)


@dataclass(frozen=True)
class VideoPage:
    """One page of the videos that match the filter; the totals are those of the library."""

    filter: Filter
    rows: Sequence[Mapping[str, Any]]
    previews: Mapping[str, Preview]
    page: int
    pages: int
    matching: int
    videos: int
    bytes: int
    seconds: float
    incomplete: int
    missing: frozenset[str] = frozenset()
    """Videos of the page whose files are not where they were."""


def video_page(context: PageContext, shown: Filter, page: int, order: str = "") -> VideoPage:
    """Return a page, or the last one, of the videos that match a filter, in one of `SORT_ORDERS`."""
    key, reverse = SORT_ORDERS.get(order, SORT_ORDERS[LATEST])
    videos = manage.list_videos(context.settings)
    matching = [place for place in enumerate(videos) if shown.matches(place[1])]
    matching.sort(key=lambda place: key(*place), reverse=reverse)
    pages = max(1, -(-len(matching) // _VIDEOS_PER_PAGE))
    page = min(max(1, page), pages)
    rows = [row for _, row in matching[(page - 1) * _VIDEOS_PER_PAGE : page * _VIDEOS_PER_PAGE]]
    return VideoPage(
        shown,
        rows,
        previews=_previews(context, rows),
        page=page,
        pages=pages,
        matching=len(matching),
        videos=len(videos),
        bytes=sum(row["bytes"] for row in videos),
        seconds=sum(row["seconds"] for row in videos),
        incomplete=sum(row["state"] == "partial" for row in videos),
        missing=frozenset(row["id"] for row in rows if _is_missing(row)),
    )


def _is_missing(row: Mapping[str, Any]) -> bool:
    return bool(row["source"]) and not Path(row["source"]).exists()


def _previews(context: PageContext, rows: Sequence[Mapping[str, Any]]) -> dict[str, Preview]:
    """Return the previews of videos; each is drawn once, and again when the video has more frames."""
    folder = context.outputs / "videos"
    folder.mkdir(exist_ok=True)
    files = {row["id"]: folder / f"{row['id']}-{row['frames']}.jpg" for row in rows}
    lacking = [video for video, file in files.items() if not file.exists()]
    for video, strip in manage.video_strips(lacking, context.settings, FRAMES).items():
        save_picture(strip, files[video])
    return {row["id"]: _preview(row, files[row["id"]]) for row in rows if files[row["id"]].exists()}


def _preview(row: Mapping[str, Any], file: Path) -> Preview:
    ratio = min(_MOST_STRETCHED, max(1 / _MOST_STRETCHED, row["width"] / max(1, row["height"])))
    return Preview(file, FRAMES, round(_PREVIEW_HEIGHT * ratio), _PREVIEW_HEIGHT)


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
        raise UsageError(*STRINGS.errors.no_videos)
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
    named = [
        (Path(result.path).name, result, remedies_of(result.error) if result.error else [])
        for result in rows[:_RESULTS_SHOWN]
    ]
    return render("library.results", named, counts, len(rows) - _RESULTS_SHOWN)


def fate_of_source(context: PageContext, shown: VideoPage, video: str) -> str:
    """Say what removing a video does to its file; nothing if the video is not shown."""
    row = next((row for row in shown.rows if row["id"] == video), None)
    if row is None:
        return ""
    return _TEXT.copy_deleted if is_upload(context, row["source"]) else _TEXT.file_stays


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
    """Remove several videos; return how many."""
    return _each(context, item, progress, "remove", remove)


def resume(context: PageContext, video: str, progress: Progress) -> str:
    """Finish an interrupted ingest; return the video's name."""
    return _complete(context, video, None, progress)


def add_clip(context: PageContext, video: str, progress: Progress) -> str:
    """Add the vectors that a search by words needs; return the video's name."""
    return _complete(context, video, "clip", progress)


def resume_all(context: PageContext, item: str, progress: Progress) -> str:
    """Finish the ingest of several videos; return how many."""
    return _each(context, item, progress, "sources", resume)


def add_clip_to_all(context: PageContext, item: str, progress: Progress) -> str:
    """Add the vectors that a search by words needs to several videos; return how many."""
    return _each(context, item, progress, "videos", add_clip)


def _complete(context: PageContext, video: str, space: str | None, progress: Progress) -> str:
    with context.writes.turn(progress):
        return complete_video(video, context.settings, progress, space).name


def _each(
    context: PageContext, item: str, progress: Progress, name: str, do: Callable[[PageContext, str, Progress], str]
) -> str:
    """Do something with each selected video; return how many it was.

    One that fails is noted and stops no other; if all fail, the first failure is raised.
    """
    videos = _selected(context, item)
    failed: list[ReelweaveError] = []
    with progress.stage(name, len(videos)) as stage:
        for video in videos:
            try:
                do(context, video, progress)
            except ReelweaveError as failure:
                failed.append(failure)
            stage.advance()
    if failed and len(failed) == len(videos):
        raise failed[0]
    for error in failed:
        progress.note(f"{error.cause} {error.remedy}")
    return _TEXT.videos_count(len(videos) - len(failed))


def _selected(context: PageContext, item: str) -> list[str]:
    """Read a selection: ids with commas, or the key of a filter whose videos are all selected."""
    if item.startswith(_ALL):
        shown = Filter.of_key(item.removeprefix(_ALL))
        return [row["id"] for row in manage.list_videos(context.settings) if shown.matches(row)]
    return [video for video in item.split(",") if video]


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
        raise UsageError(*STRINGS.errors.no_place_sent) from bad
    typed = typed_place(context, place.path)
    with context.writes.turn(progress):
        relocate_videos([place.video], typed, context.settings, progress)
    return str(manage.show_video(place.video, context.settings)["name"])


def locate_all(context: PageContext, path: str, progress: Progress) -> str:
    """Find the files of all videos whose files were moved, at or below a path; return how many were found."""
    typed = typed_place(context, path)
    with context.writes.turn(progress):
        found = relocate_videos([], typed, context.settings, progress)
    if not found:
        raise UsageError(*STRINGS.errors.not_found_there.about(path=path))
    return _TEXT.videos_count(len(found))

"""Ingest videos from the page: uploads, and files on the machine that serves it."""

from collections import Counter
from collections.abc import Sequence
from html import escape
from pathlib import Path

from ... import pipeline
from ...errors import UsageError
from ...ingest.ingester import IngestResult
from ...progress import Progress
from ...settings import changed
from ..context import PageContext
from ..html import page_wording, plural
from ..uploads import kept_uploads

# Bounds the list on the page after a large folder was ingested.
_ROWS_SHOWN = 100
_FAILED = ("unreadable", "failed")
_WORDS = {"new": "added", "unreadable": "could not be read"}


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
    with kept_uploads(context, uploads) as files:
        for result in pipeline.ingest_all([*files, *([context.server_path(path)] if path else [])], settings, progress):
            results.append(result)
    return results


def result_list(results: Sequence[IngestResult]) -> str:
    """Count the results by state and list each source, failed ones first and with their reason."""
    if not results:
        return ""
    counts = Counter(result.state for result in results)
    total = ", ".join(f"{count} {_WORDS.get(state, state)}" for state, count in counts.most_common())
    rows = sorted(results, key=lambda result: result.state not in _FAILED)
    more = f"<li>and {len(rows) - _ROWS_SHOWN} more</li>" if len(rows) > _ROWS_SHOWN else ""
    items = "".join(_row(result) for result in rows[:_ROWS_SHOWN])
    return f'<div class="rw-taken" role="status"><b>{escape(total)}</b><ul>{items}{more}</ul></div>'


def _row(result: IngestResult) -> str:
    name = f"<b>{escape(Path(result.path).name)}</b>"
    if result.error:
        remedy = f" {result.error.remedy}" if result.error.remedy else ""
        return f'<li class="rw-bad">{name}: {escape(page_wording(result.error.cause + remedy))}</li>'
    frames = f", {plural(result.video.frames, 'frame')}" if result.video else ""
    return f"<li>{name}: {_WORDS.get(result.state, result.state)}{frames}</li>"

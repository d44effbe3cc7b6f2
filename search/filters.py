"""Choose the videos to search: by name or pattern, by the day on which they were made, and by length."""

from collections.abc import Sequence
from datetime import UTC, datetime

from ..errors import UsageError, command
from ..index.catalog import Catalog
from ..media.types import VideoRecord
from ..progress import Progress
from .question import Question

_LENGTH_TOLERANCE = 1e-6
"""Seconds by which lengths are rounded."""


def date_of(video: VideoRecord) -> datetime | None:
    """Return when a video was made: as its container says, else when its file was last changed; None if unknown."""
    if video.recorded:
        return datetime.fromisoformat(video.recorded).astimezone()
    size, _, changed = video.stamp.partition(":")
    if video.kind != "video" or not (size.isdecimal() and changed.isdecimal()):
        return None
    try:
        return datetime.fromtimestamp(int(changed) // 10**9, UTC).astimezone()
    except (OverflowError, ValueError, OSError):
        return None


def chosen_videos(
    question: Question, videos: Sequence[VideoRecord], catalog: Catalog, progress: Progress
) -> list[VideoRecord]:
    """Return the videos that a question is about; a note counts those of unknown date.

    Raises:
        UsageError: A name fits no video, or none is left.
    """
    named = {video.id for name in question.videos for video in catalog.matching(name)}
    chosen = [video for video in videos if not question.videos or video.id in named]
    fitting = [video for video in chosen if _has_length(video, question)]
    if question.since is not None or question.until is not None:
        dated = [(video, made.date()) for video in fitting if (made := date_of(video))]
        if len(dated) < len(fitting):
            unknown = f"{len(fitting) - len(dated)} of {len(fitting)} videos"
            progress.note(f"Nothing tells when {unknown} were made; they are left out.")
        fitting = [video for video, day in dated if (question.since or day) <= day <= (question.until or day)]
    if fitting or not chosen:
        return fitting
    raise UsageError(
        f"None of the {len(chosen)} videos has the dates and lengths to search.",
        f"{command('videos', 'list')} lists them.",
    )


def _has_length(video: VideoRecord, question: Question) -> bool:
    least = 0.0 if question.min_length is None else question.min_length - _LENGTH_TOLERANCE
    most = float("inf") if question.max_length is None else question.max_length + _LENGTH_TOLERANCE
    return least <= video.seconds <= most

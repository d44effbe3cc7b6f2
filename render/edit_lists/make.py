"""Make the edit list of a plan, and describe the sources of edits."""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from ...errors import LibraryError, ReelweaveError, command
from ...index.library import Library, open_library
from ...index.overwrite import Outputs, Overwrite
from ...media.rates import exact_rate
from ...media.types import FrameRows, VideoRecord, ingest_command
from ...progress import SILENT, Progress
from ...settings import Settings
from ...solve.plan.model import Plan, PlanVideo
from ..outputs import outputs_of
from .model import Edit, EditList, Media, media_starts, runs
from .write import check_edit_lists, write_edit_lists


@dataclass(frozen=True)
class FrameTimes:
    """The frames of a video that are known, and when each is shown."""

    indices: Sequence[int]
    times: Sequence[float]


def times_of(rows: FrameRows) -> FrameTimes:
    return FrameTimes(rows.indices.tolist(), rows.times.tolist())


def media_of(video: VideoRecord | PlanVideo, times: FrameTimes | None = None) -> Media:
    """Describe a video as a source of edits; without times its frame rate counts as constant."""
    rate = exact_rate(video.fps)
    starts = media_starts(times.indices, times.times, rate) if times else None
    frames = max(video.frames, times.indices[-1] + 1) if times and len(times.indices) else video.frames
    facts = {"id": video.id, "sha256": video.sha256}
    return Media(video.source, video.name, rate, frames, video.width, video.height, facts, starts)


def edits_of_plan(plan: Plan, times: FrameTimes | None = None) -> EditList:
    """Return the film of a plan as edits: a new one wherever the frames jump, and at every shot.

    Frames to replace are in it, as they are in the source, with a note.
    """
    media = media_of(plan.video, times)
    return EditList(f"{plan.video.name} reordered", media.rate, list(_edits(plan, media)))


def _edits(plan: Plan, media: Media) -> Iterator[Edit]:
    made, shots = {plan.played[place] for place in plan.made}, _shots(plan)
    for (shot, broken), stretch in groupby(plan.played, key=lambda frame: (shots.get(frame), frame in made)):
        for first, last, reverse in runs(stretch):
            yield _edit(media, first, last, reverse, shot, broken)


def _shots(plan: Plan) -> dict[int, int]:
    """Map each frame that plays to the number of its shot; a frame to replace is in the shot of the frame before it."""
    shots = {
        frame: shot.number or number
        for number, shot in enumerate(plan.shots, 1)
        for frame in plan.order[shot.start : shot.start + shot.length]
    }
    before = shots.get(plan.order[0]) if plan.order else None
    for frame in plan.played if shots else ():
        before = shots.setdefault(frame, before or 1)
    return shots


def _edit(media: Media, first: int, last: int, reverse: bool, shot: int | None, broken: bool) -> Edit:
    facts = ({} if shot is None else {"shot": shot}) | ({"broken": True} if broken else {})
    name = media.name if shot is None else f"{media.name} shot {shot}"
    note = "broken: render replaces these frames" if broken else ""
    return Edit(media, first, last, reverse, name, note, facts)


def times_in(library: Library, video: VideoRecord) -> FrameTimes:
    """Read from the library when the frames of a video are shown.

    Raises:
        LibraryError: The video has no complete vectors.
    """
    failure: LibraryError | None = None
    for space in library.catalog.spaces(video.id):
        try:
            return times_of(library.rows(video, space))
        except LibraryError as incomplete:
            failure = incomplete
    raise failure or LibraryError(f"{video.name} has no vectors.", f"{ingest_command(video)} makes them.")


def export_edits(
    wanted: str, files: Sequence[Path], settings: Settings, progress: Progress = SILENT, *, overwrite: Overwrite = False
) -> EditList:
    """Write the latest plan of a video in the library as edit lists.

    Args:
        wanted: Id, name or path of the video.
        files: The files to write; their suffixes choose the formats.
        settings: The settings, which name the library.
        progress: Receives notes on what a format cannot hold.
        overwrite: Whether files that Reelweave did not write may be replaced.

    Raises:
        LibraryError: The video has not been solved.
        UsageError: A suffix names no format, or a file must not be replaced.
    """
    check_edit_lists(files)
    with open_library(settings) as library:
        video = library.catalog.find(wanted)
        outputs = outputs_of(video, settings, overwrite)
        outputs.claim(*files)
        edits = edits_of_plan(_latest_plan(library, video), times_in(library, video))
    write_edit_lists(edits, files, outputs, progress)
    return edits


def _latest_plan(library: Library, video: VideoRecord) -> Plan:
    remedy = f"{command('solve', video.id)} finds it."
    if (text := library.catalog.plan(video.id)) is None:
        raise LibraryError(f"The order of {video.name} is not known yet.", remedy)
    try:
        return Plan.model_validate_json(text)
    except ValueError as bad:
        raise LibraryError(f"The plan of {video.name} in the library is damaged.", remedy) from bad


def write_plan_edits(
    plan: Plan, files: Sequence[Path], outputs: Outputs, settings: Settings, progress: Progress = SILENT
) -> None:
    """Write the film of a plan as edit lists; the library tells when its frames are shown, if it has the video."""
    if files:
        write_edit_lists(known_edits(plan, settings), files, outputs, progress)


def known_edits(plan: Plan, settings: Settings) -> EditList:
    """Return the film of a plan as edits; the library tells when its frames are shown, if it has the video."""
    times = None
    with open_library(settings) as library, suppress(ReelweaveError):
        times = times_in(library, library.catalog.find(plan.video.id))
    return edits_of_plan(plan, times)

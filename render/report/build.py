"""Build a report from a plan and the library's thumbnails and vectors."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from pydantic import ValidationError

from ...errors import PlanError, command, command_line
from ...index.fusion import space_rows
from ...index.library import Library, open_library
from ...index.overwrite import Outputs
from ...media.proxy import ProxySize, proxy_picture, read_proxies
from ...media.types import Floats, FrameRows, Picture, VideoRecord
from ...settings import Settings, SolveSettings
from ...solve.confidence import count_weak
from ...solve.plan.files import first_problem
from ...solve.plan.model import Direction, Plan, Shot, WeakJoin
from ...solve.undetermined import reasons
from ..results import confidence_text, order_text, shot_order_text
from .folder import REPORT_FILES, write_report
from .model import DroppedFrame, FrameThumbnail, JoinAlternative, JoinPrices, Report, ShotStrip, WeakJoinRow

_SPACE_KEYS = ("space", "fused_with", "fused_share")
_MOST_COMPARED = 400
"""Frames of a distance map; more are thinned evenly, since the map has 720 pixels and its cost is quadratic."""
_MOST_SHOTS = 60
"""Shots that are shown, which bounds the size of the page."""


@dataclass(frozen=True)
class PlanView:
    """The report of a plan as data, and a function that returns the thumbnail of any frame of the video."""

    report: Report
    picture: Callable[[int], Picture]


def write_plan_report(plan: Plan, folder: Path, outputs: Outputs, settings: Settings) -> list[Path]:
    """Write the report of a plan to a claimed folder: before and after, shots, weak joins and dropped frames.

    Returns:
        The files that were written, index.html last.

    Raises:
        PlanError: The plan names frames that the library does not have, or unusable settings.
        RenderError: The folder cannot be written.
    """
    with outputs.writing_folder(folder, REPORT_FILES):
        return write_report(folder, view_plan(plan, settings).report)


def view_plan(plan: Plan, settings: Settings) -> PlanView:
    """Gather what a report shows of a plan, for callers that lay it out themselves as well.

    Raises:
        LibraryError: The library lacks the video.
    """
    with open_library(settings) as library:
        return _view(library, library.catalog.find(plan.video.id), plan, settings)


def _view(library: Library, video: VideoRecord, plan: Plan, settings: Settings) -> PlanView:
    rows = space_rows(library, video, _space_of(plan, settings).model_dump())
    _check_frames(plan, video, rows)
    picture = _thumbnail_reader(library, video, rows)
    return PlanView(_report(rows, video, plan, settings.report.sheet_frames, picture), picture)


def _space_of(plan: Plan, settings: Settings) -> SolveSettings:
    """Return the space that the plan was solved in, or the configured one: a plan made by hand need not name it."""
    recorded = plan.settings.get("solve")
    named = {key: recorded[key] for key in _SPACE_KEYS if key in recorded} if isinstance(recorded, dict) else {}
    try:
        return SolveSettings.model_validate(settings.solve.model_dump() | named)
    except ValidationError as wrong:
        raise PlanError(
            f"The plan's settings.solve cannot be used: {first_problem(wrong)}.", "Remove it from the plan."
        ) from wrong


def _check_frames(plan: Plan, video: VideoRecord, rows: FrameRows) -> None:
    """Raise `PlanError` if the plan names frames that the library's video does not have."""
    known = set(rows.indices.tolist())
    named = [*plan.order, *(one.frame for one in plan.dropped)]
    for join in plan.weak:
        named += [join.left, join.right, *(other.frame for other in join.alternatives)]
    if (missing := next((frame for frame in named if frame not in known), None)) is not None:
        raise PlanError(
            f"The plan names frame {missing}, which {video.name} does not have in the library.",
            f"{command('solve', video.id)} makes a plan of the frames in the library.",
        )


def _report(
    rows: FrameRows, video: VideoRecord, plan: Plan, sheet_frames: int, picture: Callable[[int], Picture]
) -> Report:
    thumbnail = _timed_thumbnail(rows, picture)
    file_order = rows.indices.tolist()
    before, after = _spread(file_order, sheet_frames), _spread(plan.order, sheet_frames)
    return Report(
        video=video.name,
        summary=summary(plan),
        before=[picture(frame) for frame in before],
        before_captions=[str(frame) for frame in before],
        after=[picture(frame) for frame in after],
        after_captions=[str(frame) for frame in after],
        distances_before=_distances(rows, _spread(file_order, _MOST_COMPARED)),
        distances_after=_distances(rows, _spread(plan.order, _MOST_COMPARED)),
        dropped=[
            DroppedFrame(picture(d.frame), d.frame, d.reason, d.score, [(n.frame, n.distance) for n in d.neighbours])
            for d in plan.dropped
            if d.reason != "elsewhere"
        ],
        joins=_joins(plan, thumbnail),
        shots=[_strip(plan, number, shot, thumbnail) for number, shot in enumerate(plan.shots[:_MOST_SHOTS], 1)],
        shot_count=len(plan.shots),
    )


def summary(plan: Plan) -> list[tuple[str, str]]:
    """Return the lines of a plan's summary as (label, text)."""
    gap = plan.path.gap
    elsewhere = sum(dropped.reason == "elsewhere" for dropped in plan.dropped)
    frames = f"{plan.video.frames}: {len(plan.order)} kept, {len(plan.dropped) - elsewhere} dropped"
    return [
        ("Frames", frames + f", {elsewhere} in other films" * bool(elsewhere)),
        ("Shots", ", ".join(f"{shot.length} frames" for shot in plan.shots)),
        ("Order", order_text(len(plan.order), plan.mean_confidence, reasons(plan))),
        ("Path", "not proven" if gap is None else f"within {100 * gap:.2f} % of the cheapest possible"),
        ("Solver", plan.path.solver),
        ("Direction", _direction_text(plan.direction)),
    ]


def _direction_text(direction: Direction) -> str:
    if direction.by == "sound":
        turned = ", then turned round by you" * direction.reversed
        return f"by the sound, {confidence_text(direction.confidence)} sure{turned}"
    return "as you specified" if direction.confidence else "unknown: the film may play backwards"


def _thumbnail_reader(library: Library, video: VideoRecord, rows: FrameRows) -> Callable[[int], Picture]:
    size = ProxySize(video.proxy_width, video.proxy_height)
    proxies = read_proxies(library.proxies_file(video.id), size, len(rows))
    return lambda frame: proxy_picture(proxies[np.searchsorted(rows.indices, frame)])


def _timed_thumbnail(rows: FrameRows, picture: Callable[[int], Picture]) -> Callable[[int], FrameThumbnail]:
    return lambda frame: FrameThumbnail(picture(frame), frame, float(rows.times[np.searchsorted(rows.indices, frame)]))


def _strip(plan: Plan, number: int, shot: Shot, thumbnail: Callable[[int], FrameThumbnail]) -> ShotStrip:
    """Show the first, middle and last frame; a short shot has fewer."""
    frames = plan.order[shot.start : shot.start + shot.length]
    ends = dict.fromkeys([frames[0], frames[len(frames) // 2], frames[-1]])
    fps = plan.video.fps
    return ShotStrip(
        shot.number or number,
        shot.length,
        shot.start / fps,
        shot.length / fps,
        [thumbnail(frame) for frame in ends],
        shot_order_text(shot.undetermined),
    )


def _joins(plan: Plan, thumbnail: Callable[[int], FrameThumbnail]) -> JoinPrices:
    return JoinPrices(
        prices=plan.prices,
        cuts=[shot.start - 1 for shot in plan.shots[1:]],
        weak=[_weak(plan, join, thumbnail) for join in plan.weak],
        weak_count=count_weak(plan),
        has_determined=bool(plan.determined),
        solve_command=command_line("solve", plan.video.id),
    )


def _weak(plan: Plan, join: WeakJoin, thumbnail: Callable[[int], FrameThumbnail]) -> WeakJoinRow:
    return WeakJoinRow(
        at=join.at,
        time=(join.at + 1) / plan.video.fps,
        confidence=None if join.at in plan.undetermined else join.confidence,
        price=join.price,
        left=thumbnail(join.left),
        right=thumbnail(join.right),
        choices=[JoinAlternative(other.side, thumbnail(other.frame), other.price) for other in join.alternatives],
    )


def _spread(frames: Sequence[int], most: int) -> list[int]:
    """Pick at most `most` frames, evenly spaced."""
    if len(frames) <= most:
        return list(frames)
    return [frames[index] for index in np.linspace(0, len(frames) - 1, most).round().astype(int).tolist()]


def _distances(rows: FrameRows, frames: Sequence[int]) -> Floats:
    """Return the chord between every two frames."""
    vectors = rows.vectors[np.searchsorted(rows.indices, frames)]
    return np.asarray(np.sqrt(np.maximum(2 - 2 * vectors @ vectors.T, 0)), np.float32)

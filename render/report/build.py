"""What a reconstruction did, gathered from the library for the report's pictures."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from pydantic import ValidationError

from ...errors import PlanError, command, command_line
from ...index.fusion import space_rows
from ...index.library import Library
from ...media.proxy import ProxySize, proxy_picture, read_proxies
from ...media.types import Floats, FrameRows, Picture, VideoRecord
from ...settings import Settings, SolveSettings
from ...solve.confidence import count_weak
from ...solve.plan.files import first_problem
from ...solve.plan.model import Plan, Shot, WeakJoin
from ...solve.undetermined import reasons
from ..results import order_text
from .folder import write_report
from .model import DroppedFrame, FrameThumbnail, JoinAlternative, JoinPrices, Report, ShotStrip, WeakJoinRow

_SPACE = ("space", "fused_with", "fused_share")
_MOST_COMPARED = 400
_MOST_SHOTS = 60


@dataclass(frozen=True)
class PlanView:
    """What a report shows of a plan, for who shows it himself, and the small picture of any of the video's frames."""

    report: Report
    picture: Callable[[int], Picture]


def write_plan_report(library: Library, video: VideoRecord, plan: Plan, folder: Path, settings: Settings) -> list[Path]:
    """What the film was and is, its shots, its weak joins with their alternatives, and what was dropped and why."""
    return write_report(folder, view_plan(library, video, plan, settings).report)


def view_plan(library: Library, video: VideoRecord, plan: Plan, settings: Settings) -> PlanView:
    rows = space_rows(library, video, _space_of(plan, settings).model_dump())
    _check_frames(plan, video, rows)
    picture = _thumbnails(library, video, rows)
    return PlanView(_report(rows, video, plan, settings.report.sheet_frames, picture), picture)


def _space_of(plan: Plan, settings: Settings) -> SolveSettings:
    """The space that the plan was solved in; where it does not say, as a plan made by hand may not, the usual one."""
    said = plan.settings.get("solve")
    named = {name: said[name] for name in _SPACE if name in said} if isinstance(said, dict) else {}
    try:
        return SolveSettings.model_validate(settings.solve.model_dump() | named)
    except ValidationError as wrong:
        raise PlanError(f"The plan's settings.solve cannot be used: {first_problem(wrong)}.", "Take it out.") from wrong


def _check_frames(plan: Plan, video: VideoRecord, rows: FrameRows) -> None:
    """Refuse a plan that speaks of frames which the library's video does not have."""
    known = set(rows.indices.tolist())
    named = [*plan.order, *(one.frame for one in plan.dropped)]
    for join in plan.weak:
        named += [join.left, join.right, *(other.frame for other in join.alternatives)]
    if (lost := next((frame for frame in named if frame not in known), None)) is not None:
        raise PlanError(
            f"The plan speaks of frame {lost}, which {video.name} does not have in the library.",
            f"{command('solve', video.id)} makes a plan of what is there.",
        )


def _report(
    rows: FrameRows, video: VideoRecord, plan: Plan, sheet_frames: int, picture: Callable[[int], Picture]
) -> Report:
    shown = _shown(rows, picture)
    as_filed, in_order = rows.indices.tolist(), plan.order
    before, after = _spread(as_filed, sheet_frames), _spread(in_order, sheet_frames)
    return Report(
        video=video.name,
        summary=summary(plan),
        before=[picture(frame) for frame in before],
        before_captions=[str(frame) for frame in before],
        after=[picture(frame) for frame in after],
        after_captions=[str(frame) for frame in after],
        distances_before=_distances(rows, _spread(as_filed, _MOST_COMPARED)),
        distances_after=_distances(rows, _spread(in_order, _MOST_COMPARED)),
        dropped=[
            DroppedFrame(picture(d.frame), d.frame, d.reason, d.score, [(n.frame, n.distance) for n in d.neighbours])
            for d in plan.dropped
            if d.reason != "elsewhere"
        ],
        joins=_joins(plan, shown),
        shots=[_strip(plan, number, shot, shown) for number, shot in enumerate(plan.shots[:_MOST_SHOTS], 1)],
        shots_in_all=len(plan.shots),
    )


def summary(plan: Plan) -> list[tuple[str, str]]:
    gap = plan.path.gap
    elsewhere = sum(dropped.reason == "elsewhere" for dropped in plan.dropped)
    told = f"{plan.video.frames}: {len(plan.order)} kept, {len(plan.dropped) - elsewhere} dropped"
    return [
        ("Frames", told + f", {elsewhere} in other films" * bool(elsewhere)),
        ("Shots", ", ".join(f"{shot.length} frames" for shot in plan.shots)),
        ("Order", order_text(len(plan.order), plan.mean_confidence, reasons(plan))),
        ("Path", "not proved" if gap is None else f"within {100 * gap:.2f} % of the cheapest possible"),
        ("Solver", plan.path.solver),
        ("Direction", _direction(plan)),
    ]


def _direction(plan: Plan) -> str:
    if plan.direction.confidence:
        return "as you said"
    return "cannot be told from the pictures: it may play backwards"


def _thumbnails(library: Library, video: VideoRecord, rows: FrameRows) -> Callable[[int], Picture]:
    size = ProxySize(video.proxy_width, video.proxy_height)
    proxies = read_proxies(library.proxies_file(video.id), size, len(rows))
    return lambda frame: proxy_picture(proxies[np.searchsorted(rows.indices, frame)])


def _shown(rows: FrameRows, picture: Callable[[int], Picture]) -> Callable[[int], FrameThumbnail]:
    return lambda frame: FrameThumbnail(picture(frame), frame, float(rows.times[np.searchsorted(rows.indices, frame)]))


def _strip(plan: Plan, number: int, shot: Shot, shown: Callable[[int], FrameThumbnail]) -> ShotStrip:
    """Few frames stand for a short shot only once each."""
    frames = plan.order[shot.start : shot.start + shot.length]
    ends = dict.fromkeys([frames[0], frames[len(frames) // 2], frames[-1]])
    fps = plan.video.fps
    return ShotStrip(
        shot.number or number, shot.length, shot.start / fps, shot.length / fps, [shown(frame) for frame in ends]
    )


def _joins(plan: Plan, shown: Callable[[int], FrameThumbnail]) -> JoinPrices:
    return JoinPrices(
        prices=plan.prices,
        cuts=[shot.start - 1 for shot in plan.shots[1:]],
        weak=[_weak(plan, join, shown) for join in plan.weak],
        weak_in_all=count_weak(plan),
        decided=bool(plan.determined),
        solving=command_line("solve", plan.video.id),
    )


def _weak(plan: Plan, join: WeakJoin, shown: Callable[[int], FrameThumbnail]) -> WeakJoinRow:
    return WeakJoinRow(
        at=join.at,
        time=(join.at + 1) / plan.video.fps,
        confidence=None if join.at in plan.undetermined else join.confidence,
        price=join.price,
        left=shown(join.left),
        right=shown(join.right),
        choices=[JoinAlternative(other.side, shown(other.frame), other.price) for other in join.alternatives],
    )


def _spread(frames: Sequence[int], most: int) -> list[int]:
    """At most `most` of them, evenly."""
    if len(frames) <= most:
        return list(frames)
    return [frames[place] for place in np.linspace(0, len(frames) - 1, most).round().astype(int).tolist()]


def _distances(rows: FrameRows, frames: Sequence[int]) -> Floats:
    """The chords between every two of the frames."""
    vectors = rows.vectors[np.searchsorted(rows.indices, frames)]
    return np.asarray(np.sqrt(np.maximum(2 - 2 * vectors @ vectors.T, 0)), np.float32)

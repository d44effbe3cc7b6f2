"""What a reconstruction did, gathered from the library for the report's pictures."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from pydantic import ValidationError

from .errors import PlanError, command, command_line
from .evaluate.robustness import Robustness
from .files import atomic
from .films import order_told
from .frames import Floats, FrameRows, Picture, VideoRecord
from .index.fused import rows_of
from .index.library import Library
from .ingest.proxy import ProxySize, proxy_picture, read_proxies
from .render.bars import bar_chart
from .render.report import write_report
from .render.sheet import save_picture
from .render.shown import Choice, DroppedFrame, Joins, Report, ShotStrip, Shown, WeakRow
from .settings import Settings, Solve
from .solve.arrange import Arrangement
from .solve.plan import Plan, Shot, WeakJoin, first_problem
from .solve.undetermined import reasons
from .solve.weak import count_weak

_SPACE = ("space", "fused_with", "fused_share")
_MOST_COMPARED = 400
_MOST_SHOTS = 60


@dataclass(frozen=True)
class Look:
    """What a report shows of a plan, for who shows it himself, and the small picture of any of the video's frames."""

    report: Report
    picture: Callable[[int], Picture]


def report_on(library: Library, video: VideoRecord, plan: Plan, folder: Path, settings: Settings) -> list[Path]:
    """What the film was and is, its shots, its weak joins with their alternatives, and what was dropped and why."""
    return write_report(folder, look_at(library, video, plan, settings).report)


def look_at(library: Library, video: VideoRecord, plan: Plan, settings: Settings) -> Look:
    rows = rows_of(library, video, _space_of(plan, settings).model_dump())
    _check_frames(plan, video, rows)
    picture = _thumbnails(library, video, rows)
    return Look(_report(rows, video, plan, settings.report.sheet_frames, picture), picture)


def _space_of(plan: Plan, settings: Settings) -> Solve:
    """The space that the plan was solved in; where it does not say, as a plan made by hand may not, the usual one."""
    said = plan.settings.get("solve")
    named = {name: said[name] for name in _SPACE if name in said} if isinstance(said, dict) else {}
    try:
        return Solve.model_validate(settings.solve.model_dump() | named)
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
        ("Order", order_told(len(plan.order), plan.mean_confidence, reasons(plan))),
        ("Path", "not proved" if gap is None else f"within {100 * gap:.2f} % of the cheapest possible"),
        ("Solver", plan.path.solver),
        ("Direction", _direction(plan)),
    ]


def _direction(plan: Plan) -> str:
    if plan.direction.confidence:
        return "as you said"
    return "cannot be told from the pictures: it may play backwards"


def write_evidence(arrangement: Arrangement, path: Path) -> Path:
    """The kNN graph with each frame's group, score and neighbours, one frame a line."""
    seen = arrangement.evidence
    frames = seen.frames.tolist()
    with atomic(path) as part, part.open("w", encoding="utf-8") as file:
        for row, frame in enumerate(frames):
            near = zip(seen.graph.indices[row].tolist(), seen.graph.distances[row].tolist(), strict=True)
            facts = {
                "frame": frame,
                "dropped": bool(seen.verdict.dropped[row]),
                "score": round(float(seen.verdict.score[row]), 4),
                "cut": round(seen.verdict.cut, 4),
                "component": int(seen.verdict.component[row]),
                "component_frames": int(seen.verdict.size[row]),
                "repeats": seen.repeats.get(frame, []),
                "neighbours": [{"frame": frames[other], "distance": round(d, 5)} for other, d in near],
            }
            file.write(json.dumps(facts) + "\n")
    return path


def draw_robustness(done: Robustness, path: Path) -> Path:
    """How frames were found and put in order, clean and by every damage."""
    rows = done.rows
    series = {
        "found": [row.retrieval.found for row in rows],
        f"found within {done.within:g} s": [row.retrieval.near for row in rows],
        "adjacency": [row.order.adjacency for row in rows],
        "tau in shots": [row.order.shot_tau for row in rows],
    }
    title = f"{done.video}: {done.frames} frames in the {done.space} space"
    return save_picture(bar_chart([str(row.spoiling or "none") for row in rows], series, title), path)


def _thumbnails(library: Library, video: VideoRecord, rows: FrameRows) -> Callable[[int], Picture]:
    size = ProxySize(video.proxy_width, video.proxy_height)
    proxies = read_proxies(library.proxies_file(video.id), size, len(rows))
    return lambda frame: proxy_picture(proxies[np.searchsorted(rows.indices, frame)])


def _shown(rows: FrameRows, picture: Callable[[int], Picture]) -> Callable[[int], Shown]:
    return lambda frame: Shown(picture(frame), frame, float(rows.times[np.searchsorted(rows.indices, frame)]))


def _strip(plan: Plan, number: int, shot: Shot, shown: Callable[[int], Shown]) -> ShotStrip:
    """Few frames stand for a short shot only once each."""
    frames = plan.order[shot.start : shot.start + shot.length]
    ends = dict.fromkeys([frames[0], frames[len(frames) // 2], frames[-1]])
    fps = plan.video.fps
    return ShotStrip(
        shot.number or number, shot.length, shot.start / fps, shot.length / fps, [shown(frame) for frame in ends]
    )


def _joins(plan: Plan, shown: Callable[[int], Shown]) -> Joins:
    return Joins(
        prices=plan.prices,
        cuts=[shot.start - 1 for shot in plan.shots[1:]],
        weak=[_weak(plan, join, shown) for join in plan.weak],
        weak_in_all=count_weak(plan),
        decided=bool(plan.determined),
        solving=command_line("solve", plan.video.id),
    )


def _weak(plan: Plan, join: WeakJoin, shown: Callable[[int], Shown]) -> WeakRow:
    return WeakRow(
        at=join.at,
        time=(join.at + 1) / plan.video.fps,
        confidence=None if join.at in plan.undetermined else join.confidence,
        price=join.price,
        left=shown(join.left),
        right=shown(join.right),
        choices=[Choice(other.side, shown(other.frame), other.price) for other in join.alternatives],
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

"""What a reconstruction did, gathered from the library for the report's pictures."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from .frames import Floats, FrameRows, Picture, VideoRecord
from .index.library import Library
from .ingest.proxy import ProxySize, proxy_picture, read_proxies
from .render.report import DroppedFrame, Report, write_report
from .solve.arrange import Arrangement
from .solve.plan import Plan

_MOST_COMPARED = 400


def report_on(library: Library, video: VideoRecord, plan: Plan, folder: Path, sheet_frames: int) -> list[Path]:
    """Contact sheets and distances before and after, and every dropped frame with what convicted it."""
    rows = library.rows(video, str(plan.settings["solve"]["space"]))
    picture = _thumbnails(library, video, rows)
    as_filed, in_order = rows.indices.tolist(), plan.order
    before, after = _spread(as_filed, sheet_frames), _spread(in_order, sheet_frames)
    return write_report(
        folder,
        Report(
            video=video.name,
            summary=summary(plan),
            before=[picture(frame) for frame in before],
            before_captions=[str(frame) for frame in before],
            after=[picture(frame) for frame in after],
            after_captions=[str(frame) for frame in after],
            distances_before=_distances(rows, _spread(as_filed, _MOST_COMPARED)),
            distances_after=_distances(rows, _spread(in_order, _MOST_COMPARED)),
            dropped=[
                DroppedFrame(
                    picture(d.frame), d.frame, d.reason, d.score, [(n.frame, n.distance) for n in d.neighbours]
                )
                for d in plan.dropped
                if d.reason != "elsewhere"
            ],
        ),
    )


def summary(plan: Plan) -> list[tuple[str, str]]:
    gap = plan.path.gap
    elsewhere = sum(dropped.reason == "elsewhere" for dropped in plan.dropped)
    told = f"{plan.video.frames}: {len(plan.order)} kept, {len(plan.dropped) - elsewhere} dropped"
    return [
        ("Frames", told + f", {elsewhere} in other films" * bool(elsewhere)),
        ("Shots", ", ".join(f"{shot.length} frames" for shot in plan.shots)),
        ("Order", f"{100 * plan.mean_confidence:.0f} % sure on average over its joins"),
        ("Path", "not proved" if gap is None else f"within {100 * gap:.2f} % of the cheapest possible"),
        ("Solver", plan.path.solver),
        ("Direction", "cannot be told from the pictures: it may play backwards"),
    ]


def write_evidence(arrangement: Arrangement, path: Path) -> Path:
    """The kNN graph with each frame's group, score and neighbours, one frame a line."""
    seen = arrangement.evidence
    frames = seen.frames.tolist()
    with path.open("w", encoding="utf-8") as file:
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


def _thumbnails(library: Library, video: VideoRecord, rows: FrameRows) -> Callable[[int], Picture]:
    size = ProxySize(video.proxy_width, video.proxy_height)
    proxies = read_proxies(library.proxies_file(video.id), size, len(rows))
    return lambda frame: proxy_picture(proxies[np.searchsorted(rows.indices, frame)])


def _spread(frames: Sequence[int], most: int) -> list[int]:
    """At most `most` of them, evenly."""
    if len(frames) <= most:
        return list(frames)
    return [frames[place] for place in np.linspace(0, len(frames) - 1, most).round().astype(int).tolist()]


def _distances(rows: FrameRows, frames: Sequence[int]) -> Floats:
    """The chords between every two of the frames."""
    vectors = rows.vectors[np.searchsorted(rows.indices, frames)]
    return np.asarray(np.sqrt(np.maximum(2 - 2 * vectors @ vectors.T, 0)), np.float32)

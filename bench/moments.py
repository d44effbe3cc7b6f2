"""How well moments are found: python bench/moments.py [QVHIGHLIGHTS] [--films N] [--work FOLDER] [--into PAGE]

Without a folder: on films that the bench draws, whose shapes come and go at known times, with the small model whose
words mean colours and shapes. Films with even seeds are for tuning, the others to check.
"""

import argparse
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
from moment_films import Film, Limit, draw_moment_film
from moment_scores import Scores, Window, scored
from public_sets import (
    Frames,
    add_lines,
    annotation_file,
    available,
    files_by_stem,
    ingested,
    parser,
    settings_of,
)
from table import put_between_marks, table

from reelweave.index.matrix import Matrix
from reelweave.media.types import Floats
from reelweave.search.moments import CutFinder, MomentRule, find_moments, hills, over_level, stored_cuts
from reelweave.search.results import Ranked, all_scores
from reelweave.search.thresholds import auto_cut
from reelweave.settings import Settings, load

FIRST_SEED = 500
TRUE_LIMITS = "hills, true limits of shots"
"""What moments gain at most by a better detector of cuts and dissolves."""
NEAR = 0.15, 0.6
"""Seconds from the middle of a cut and of a dissolve within which it counts as found."""
BEGIN, END = "<!-- bench/moments: begin -->", "<!-- bench/moments: end -->"
HEADS = ("part", "moments", "queries", "R1@.5", "R1@.7", "mAP@.5", "mAP@.75", "mAP")
PUBLISHED = (
    ("CLIP, zero-shot (Moment-DETR's paper)", (16.9, 5.2, 18.1, 7.0, 7.7), "arXiv:2107.09609"),
    ("shots and a watershed, zero-shot", (48.3, "", "", "", ""), "arXiv:2211.02178"),
    ("Moment-DETR, trained on the set", (52.9, 33.0, 54.8, 29.4, 30.7), "arXiv:2107.09609"),
)


@dataclass(frozen=True)
class Query:
    """The frames of one video, their scores for a text, and when it is true."""

    matrix: Matrix
    scores: Floats
    true: Sequence[Window]
    limits: Sequence[Limit] = ()
    """The limits of the shots of a drawn film."""

    @property
    def frame(self) -> float:
        """Seconds that a frame lasts: a moment ends when its last frame does."""
        times = self.matrix.times
        return float(np.median(np.diff(times))) if len(times) > 1 else 0.0


@dataclass(frozen=True)
class Result:
    """How well one way finds the moments of one part of the data."""

    part: str
    way: str
    scores: Scores


Way = Callable[[Query], MomentRule]
"""Returns the rule for a query."""


def ways(settings: Settings) -> dict[str, Way]:
    """Return how moments are found by name: as in version 0.1, and the product's way with one thing changed each."""
    gap, rule = settings.search.gap, default(settings)
    return {
        "joined over .9 of the best (0.1)": lambda query: replace(over_level(least(settings, query), gap), best=1),
        **{f"hills, best {count} frames": lambda _, count=count: replace(rule, best=count) for count in (1, 8)},
        "hills, not smoothed": lambda _: replace(rule, smoothing=0),
        "hills, ends not moved to cuts": lambda _: replace(rule, snap=0),
        TRUE_LIMITS: lambda _: rule,
        f"hills, best {rule.best} frames (default)": lambda _: rule,
    }


def default(settings: Settings) -> MomentRule:
    """Return the rule of the product."""
    return hills(settings.search.gap)


def least(settings: Settings, query: Query) -> float:
    """Return the score that a frame of a moment must have without a threshold."""
    return auto_cut(float(query.scores.max()), settings.search.auto)


def found(
    settings: Settings, way: Way, query: Query, cut: float | None = None, find_cuts: CutFinder | None = None
) -> list[Window]:
    """Find the moments of a query as the product does, by default without a threshold."""
    cut = least(settings, query) if cut is None else cut
    rows = Ranked(np.arange(len(query.scores)), query.scores)
    find_cuts = find_cuts or stored_cuts(settings.shots)
    moments = find_moments(query.matrix, rows, cut, settings.search.k, way(query), find_cuts)
    return [(moment.start, moment.end + query.frame) for moment in moments]


def true_limits(query: Query) -> CutFinder:
    """Return the positions of the limits that the film was drawn with."""
    times = [time for time, _ in query.limits]
    return lambda matrix, _: np.searchsorted(matrix.times, times)


def limits_found(settings: Settings, films: Sequence[Sequence[Query]]) -> str:
    """Say how many cuts and dissolves of films the rule of the product finds."""
    all_near: tuple[list[bool], list[bool]] = ([], [])
    for first in (film[0] for film in films):
        times = first.matrix.times[stored_cuts(settings.shots)(first.matrix, 0)]
        for time, seconds in first.limits:
            kind = int(seconds > 0)
            all_near[kind].append(bool(np.abs(times - time).min(initial=np.inf) <= NEAR[kind]))
    (cuts, dissolves) = (f"{sum(near)} of {len(near)}" for near in all_near)
    return f"{cuts} cuts and {dissolves} dissolves are found"


def drawn_films(work: Path, count: int) -> Iterator[Film]:
    """Draw films, or read those of an earlier run."""
    for seed in range(FIRST_SEED, FIRST_SEED + count):
        path, truth = work / f"film{seed}.mp4", work / f"film{seed}.json"
        if not truth.exists():
            drawn = draw_moment_film(path, seed)
            truth.write_text(json.dumps({"true": drawn.true, "limits": drawn.limits}), encoding="utf-8")
        read = json.loads(truth.read_text("utf-8"))
        true = {text: [(a, b) for a, b in windows] for text, windows in read["true"].items()}
        yield Film(path, true, [(time, seconds) for time, seconds in read["limits"]])


def drawn_queries(work: Path, count: int) -> tuple[Settings, list[list[Query]]]:
    """Ingest the films into the clip space of the small model, and score the frames of each with each of its texts."""
    settings = load({"library": str(work / "library"), "ingest.space": "clip", "clip.model": "toy"})
    films = list(drawn_films(work, count))
    with ingested({film.path.stem: film.path for film in films}, settings) as frames:
        return settings, [list(queries(frames, film.path.stem, film.true, film.limits)) for film in films]


def queries(
    frames: Frames, name: str, true: Mapping[str, Sequence[Window]], limits: Sequence[Limit] = ()
) -> Iterator[Query]:
    """Score the frames of one video with each of its texts."""
    matrix = frames.alone(name)
    for text, vector in zip(true, frames.clip.embed_texts(list(true)), strict=True):
        yield Query(matrix, all_scores(matrix, vector[None]), true[text], limits)


def qvhighlights(given: argparse.Namespace) -> tuple[Settings, list[Query]]:
    """Read the queries of QVHighlights, ingest their videos, and score the frames."""
    file = annotation_file(given.folder, f"highlight_{given.split}_release.jsonl")
    rows = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines() if line.strip()]
    settings = settings_of(given)
    files = available([row["vid"] for row in rows], files_by_stem(given.folder), given.limit)
    asked: list[Query] = []
    with ingested(files, settings) as frames:
        for row in rows:
            if row["vid"] in frames.segments:
                asked += queries(frames, row["vid"], {row["query"]: [(a, b) for a, b in row["relevant_windows"]]})
    return settings, asked


def measured(settings: Settings, parts: Mapping[str, Sequence[Query]], cut: float | None) -> list[Result]:
    """Measure every way on every part of the data."""
    return [
        Result(part, name, scored([(answer(settings, name, way, query, cut), query.true) for query in asked]))
        for part, asked in parts.items()
        for name, way in ways(settings).items()
        if name != TRUE_LIMITS or all(query.limits for query in asked)
    ]


def answer(settings: Settings, name: str, way: Way, query: Query, cut: float | None) -> list[Window]:
    """Find the moments of a query in one way."""
    return found(settings, way, query, cut, true_limits(query) if name == TRUE_LIMITS else None)


def table_of(results: Sequence[Result]) -> str:
    """Return the results as a table."""
    rows = []
    for result in results:
        queries, *figures = asdict(result.scores).values()
        rows.append((result.part, result.way, queries, *(f"{figure:.1f}" for figure in figures)))
    return table(HEADS, rows)


def published() -> str:
    """Return the published figures for QVHighlights."""
    return table(
        (*HEADS[1:2], *HEADS[3:], "source"), [(title, *figures, source) for title, figures, source in PUBLISHED]
    )


def main() -> None:
    made = parser(__doc__, folder_needed=False)
    made.add_argument("--split", default="val", choices=("val", "train"))
    made.add_argument("--films", type=int, default=24, help="films to draw")
    made.add_argument("--into", type=Path, help="page between whose marks the table goes")
    given = made.parse_args()
    given.work.mkdir(parents=True, exist_ok=True)
    if given.folder:
        settings, asked = qvhighlights(given)
        # The measures rank up to ten answers to a query, so that no threshold ends them.
        results = measured(settings, {given.split: asked}, -1.0)
        print(f"{table_of(results)}\n\nPublished, on the test part:\n\n{published()}")
    else:
        settings, films = drawn_queries(given.work, given.films)
        halves = {"tuning": films[::2], "check": films[1::2]}
        results = measured(
            settings, {name: [one for film in half for one in film] for name, half in halves.items()}, None
        )
        parts = [f"In the {name} films, {limits_found(settings, half)}." for name, half in halves.items()]
        block = "\n\n".join([table_of(results), "\n".join(parts)])
        print(block)
        if given.into:
            page = put_between_marks(given.into.read_text("utf-8"), block, BEGIN, END)
            given.into.write_text(page, "utf-8")
    add_lines(given.json, map(asdict, results))


if __name__ == "__main__":
    main()

"""Every frame is compared with the query, the best are ranked, and frames that look the same stand for one another."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ..index.matrix import Matrix
from ..media.types import Floats, Ints, VideoRecord

_SHORT_LIST = 2048
_FIRST_LOOK = 512
_LOOK_FURTHER = 4
_FRAMES_APART = 1.5


@dataclass(frozen=True)
class Hit:
    """A frame that answers a query, as `search --json` prints it; `score` is a cosine."""

    rank: int
    video: str
    name: str
    frame: int
    time: float
    score: float
    space: str


@dataclass(frozen=True)
class Moment:
    """Hits that lie side by side in a video, in seconds, with the best of them."""

    rank: int
    video: str
    name: str
    start: float
    end: float
    peak_frame: int
    peak_time: float
    frames: int
    score: float
    space: str


@dataclass(frozen=True)
class Ranked:
    """Rows of a matrix with their scores, the best first."""

    rows: Ints
    scores: Floats

    def __len__(self) -> int:
        return len(self.rows)

    def over(self, cut: float) -> "Ranked":
        """Those that reach it."""
        return self.first(int(np.count_nonzero(self.scores >= cut)))

    def first(self, count: int) -> "Ranked":
        return Ranked(self.rows[:count], self.scores[:count])

    def only(self, chosen: Ints | npt.NDArray[np.bool_]) -> "Ranked":
        return Ranked(self.rows[chosen], self.scores[chosen])


def all_scores(matrix: Matrix, queries: Floats) -> Floats:
    """The cosine of each row with the nearest of the queries: variants of one question, as unit vectors."""
    scores = np.empty(len(matrix), np.float32)
    for segment, start in zip(matrix.segments, matrix.starts.tolist(), strict=False):
        found = segment.rows.vectors @ queries.T
        scores[start : start + len(found)] = found.max(axis=1)
    return scores


def scores_of(matrix: Matrix, queries: Floats, rows: Ints) -> Floats:
    """The same for some rows."""
    return np.asarray((matrix.vectors(rows) @ queries.T).max(axis=1), np.float32)


def ranked(scores: Floats, rows: Ints | None = None, count: int | None = None) -> Ranked:
    """The best `count`, or all; among equals the earlier row comes first."""
    rows = np.arange(len(scores)) if rows is None else rows
    if count is not None and count < len(scores):
        # Equals of the last one stay in, so that which of them is taken is no accident.
        least = np.partition(scores, len(scores) - count)[len(scores) - count]
        within = np.flatnonzero(scores >= least)
        rows, scores = rows[within], scores[within]
    order = np.lexsort((rows, -scores))[:count]
    return Ranked(rows[order], scores[order])


def best_distinct(matrix: Matrix, scores: Floats, count: int, same: float, rows: Ints | None = None) -> Ranked:
    """The best `count` that differ, without sorting more rows than that takes."""
    short = ranked(scores, rows, max(_SHORT_LIST, count))
    found = distinct(matrix, short, count, same)
    if len(found) == count or len(short) == len(scores):
        return found
    return distinct(matrix, ranked(scores, rows), count, same)


def distinct(matrix: Matrix, found: Ranked, count: int, same: float) -> Ranked:
    """The first `count` that differ: a frame gives way to a better one of its video that it repeats or looks like.

    Two frames look alike where their cosine is over `same`.
    """
    look = max(_FIRST_LOOK, _LOOK_FURTHER * count)
    while True:
        kept = _apart(matrix, found.first(look), count, same)
        if len(kept) == count or look >= len(found):
            return found.only(kept)
        look *= _LOOK_FURTHER


def _apart(matrix: Matrix, found: Ranked, count: int, same: float) -> Ints:
    owners, vectors = matrix.owners(found.rows), matrix.vectors(found.rows)
    originals = _originals(matrix, found.rows, owners)
    standing, kept = np.ones(len(found), bool), []
    for place in range(len(found)):
        if not standing[place]:
            continue
        kept.append(place)
        if len(kept) == count:
            break
        others = place + 1 + np.flatnonzero(standing[place + 1 :] & (owners[place + 1 :] == owners[place]))
        alike = (originals[others] == originals[place]) | (vectors[others] @ vectors[place] > same)
        standing[others[alike]] = False
    return np.array(kept, np.int64)


def _originals(matrix: Matrix, rows: Ints, owners: Ints) -> Ints:
    """For each row the index of the frame that it repeats, or its own."""
    found = np.empty(len(rows), np.int64)
    for owner in np.unique(owners):
        own, segment = owners == owner, matrix.segments[owner].rows
        places = rows[own] - matrix.starts[owner]
        repeated = segment.duplicate_of[places]
        found[own] = np.where(repeated >= 0, repeated, segment.indices[places])
    return found


def hits(matrix: Matrix, found: Ranked) -> list[Hit]:
    answers = []
    for rank, (row, score) in enumerate(zip(found.rows.tolist(), found.scores.tolist(), strict=True), 1):
        video, frame, time = _place(matrix, row)
        answers.append(Hit(rank, video.id, video.name, frame, time, round(score, 6), matrix.space.name))
    return answers


def moments(matrix: Matrix, found: Ranked, gap: float) -> list[Moment]:
    """Hits of a video that follow one another within `gap` seconds, the moment with the best hit first.

    Where frames were looked at more rarely than that, neighbours are joined all the same.
    """
    spans = [span for owner in range(len(matrix.segments)) for span in _spans(matrix, found, owner, gap)]
    spans.sort(key=lambda span: (-float(span.scores.max()), int(span.rows[0])))
    return [_moment(matrix, span, rank) for rank, span in enumerate(spans, 1)]


def _spans(matrix: Matrix, found: Ranked, owner: int, gap: float) -> list[Ranked]:
    own = found.only(matrix.owners(found.rows) == owner)
    own = own.only(np.argsort(own.rows))
    sampled = matrix.segments[owner].video.sampled_fps
    gap = max(gap, _FRAMES_APART / sampled) if sampled else gap
    cuts = np.flatnonzero(np.diff(matrix.times[own.rows]) > gap) + 1
    return [own.only(part) for part in np.split(np.arange(len(own)), cuts) if len(part)]


def _moment(matrix: Matrix, span: Ranked, rank: int) -> Moment:
    best = int(np.argmax(span.scores))
    video, peak, peak_time = _place(matrix, int(span.rows[best]))
    times = matrix.times[span.rows]
    return Moment(
        rank=rank,
        video=video.id,
        name=video.name,
        start=float(times.min()),
        end=float(times.max()),
        peak_frame=peak,
        peak_time=peak_time,
        frames=len(span),
        score=round(float(span.scores[best]), 6),
        space=matrix.space.name,
    )


def _place(matrix: Matrix, row: int) -> tuple[VideoRecord, int, float]:
    """The video, frame and time of a row."""
    owner = int(np.searchsorted(matrix.starts, row, side="right") - 1)
    segment, place = matrix.segments[owner], row - int(matrix.starts[owner])
    return segment.video, int(segment.rows.indices[place]), float(segment.rows.times[place])

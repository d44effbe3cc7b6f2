"""Score all frames against a query, rank them, and collapse frames that look the same."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ..index.matrix import Matrix
from ..media.types import Floats, Ints, VideoRecord

_SHORT_LIST = 2048
"""Best rows that are tried first: sorting all rows takes longer and is seldom needed."""
_FIRST_BATCH = 512
"""Ranked rows that are compared with one another at first."""
_BATCH_GROWTH = 4
"""Growth of that number while too few rows differ."""
_SHORTEST = 1e-6
"""Length below which the part of a query for one tile has no direction."""


@dataclass(frozen=True)
class Hit:
    """A frame that matches a query, as `search --json` prints it; `score` is a cosine."""

    rank: int
    video: str
    name: str
    frame: int
    time: float
    score: float
    space: str


@dataclass(frozen=True)
class Moment:
    """A stretch of a video that matches, from `start` to `end` in seconds, with the best of its frames."""

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
    """Rows of a matrix with their scores, best first."""

    rows: Ints
    scores: Floats

    def __len__(self) -> int:
        return len(self.rows)

    def first(self, count: int) -> "Ranked":
        """Keep the best `count` rows."""
        return Ranked(self.rows[:count], self.scores[:count])

    def only(self, chosen: Ints | npt.NDArray[np.bool_]) -> "Ranked":
        """Keep the chosen rows."""
        return Ranked(self.rows[chosen], self.scores[chosen])


def all_scores(matrix: Matrix, queries: Floats) -> Floats:
    """Return the cosine of each row with the nearest query; the queries are variants of one question."""
    scores = np.empty(len(matrix), np.float32)
    for segment, start in zip(matrix.segments, matrix.starts.tolist(), strict=False):
        found = (segment.rows.vectors @ queries.T).max(axis=1)
        scores[start : start + len(found)] = found
    return scores


def tile_queries(queries: Floats, tiles: int) -> Floats:
    """Split queries into one for each tile of a frame, so that the best tile counts.

    A row consists of the vectors of all tiles, each with 1 / `tiles` of the squared length. A query for one tile is 0
    elsewhere, and as much longer, so that its product with a row is the cosine of that tile.
    """
    if tiles == 1:
        return queries
    parts = queries.reshape(len(queries), tiles, -1)
    lengths = np.maximum(np.linalg.norm(parts, axis=2, keepdims=True), _SHORTEST)
    alone = np.einsum("qtd,tu->qtud", parts / lengths * tiles**0.5, np.eye(tiles, dtype=np.float32))
    return np.asarray(alone.reshape(-1, queries.shape[1]), np.float32)


def scores_of(matrix: Matrix, queries: Floats, rows: Ints) -> Floats:
    """Return the scores of some rows only."""
    return np.asarray((matrix.vectors(rows) @ queries.T).max(axis=1), np.float32)


def ranked(scores: Floats, rows: Ints | None = None, count: int | None = None) -> Ranked:
    """Rank the best `count` rows, or all; of equal scores the earlier row comes first."""
    rows = np.arange(len(scores)) if rows is None else rows
    if count is not None and count < len(scores):
        # Keep all ties of the last score, so that the choice among them is deterministic.
        least = np.partition(scores, len(scores) - count)[len(scores) - count]
        within = np.flatnonzero(scores >= least)
        rows, scores = rows[within], scores[within]
    order = np.lexsort((rows, -scores))[:count]
    return Ranked(rows[order], scores[order])


def best_distinct(matrix: Matrix, scores: Floats, count: int, same: float, rows: Ints | None = None) -> Ranked:
    """Return the best `count` distinct rows, without sorting more rows than needed."""
    short = ranked(scores, rows, max(_SHORT_LIST, count))
    found = distinct(matrix, short, count, same)
    if len(found) == count or len(short) == len(scores):
        return found
    return distinct(matrix, ranked(scores, rows), count, same)


def distinct(matrix: Matrix, found: Ranked, count: int, same: float) -> Ranked:
    """Return the first `count` distinct rows.

    A frame is skipped if a better one of its video repeats it or looks the same, with a cosine above `same`.
    """
    batch = max(_FIRST_BATCH, _BATCH_GROWTH * count)
    while True:
        kept = _distinct_positions(matrix, found.first(batch), count, same)
        if len(kept) == count or batch >= len(found):
            return found.only(kept)
        batch *= _BATCH_GROWTH


def _distinct_positions(matrix: Matrix, found: Ranked, count: int, same: float) -> Ints:
    owners, vectors = matrix.owners(found.rows), matrix.vectors(found.rows)
    originals = _originals(matrix, found.rows, owners)
    remaining, kept = np.ones(len(found), bool), []
    for position in range(len(found)):
        if not remaining[position]:
            continue
        kept.append(position)
        if len(kept) == count:
            break
        others = position + 1 + np.flatnonzero(remaining[position + 1 :] & (owners[position + 1 :] == owners[position]))
        alike = (originals[others] == originals[position]) | (vectors[others] @ vectors[position] > same)
        remaining[others[alike]] = False
    return np.array(kept, np.int64)


def _originals(matrix: Matrix, rows: Ints, owners: Ints) -> Ints:
    """Return for each row the index of the frame that it repeats, or its own."""
    originals = np.empty(len(rows), np.int64)
    for owner in np.unique(owners):
        own, segment = owners == owner, matrix.segments[owner].rows
        positions = rows[own] - matrix.starts[owner]
        repeated = segment.duplicate_of[positions]
        originals[own] = np.where(repeated >= 0, repeated, segment.indices[positions])
    return originals


def hits(matrix: Matrix, found: Ranked) -> list[Hit]:
    """Turn ranked rows into hits."""
    answers = []
    for rank, (row, score) in enumerate(zip(found.rows.tolist(), found.scores.tolist(), strict=True), 1):
        video, frame, time = locate(matrix, row)
        answers.append(Hit(rank, video.id, video.name, frame, time, round(score, 6), matrix.space.name))
    return answers


def locate(matrix: Matrix, row: int) -> tuple[VideoRecord, int, float]:
    """Return the video, frame and time of a row."""
    owner = int(np.searchsorted(matrix.starts, row, side="right") - 1)
    segment, position = matrix.segments[owner], row - int(matrix.starts[owner])
    return segment.video, int(segment.rows.indices[position]), float(segment.rows.times[position])

"""Searches over the library: what is asked is compared with every frame, and the answer told in videos and times."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import numpy as np

from .asking import Question, States, agreed, choose_space, vectors_of
from .errors import UsageError
from .frames import Floats, Ints, VideoRecord
from .index.library import Library, open_library
from .index.matrix import Matrix, open_matrix
from .index.search import Hit, Moment, Ranked, every_score, first, hits, moments, ranked
from .index.threshold import FEW, auto_cut, calibrated_cut
from .ingest.embedder import Embedder, open_embedder
from .progress import Progress
from .settings import Settings, library_folder

_SAME_TIME = 1e-6


@dataclass(frozen=True)
class Found:
    """The answer to a question: `hits` or `moments` over the threshold, and the best frames whatever it is."""

    space: str
    threshold: float | None
    hits: list[Hit]
    moments: list[Moment]
    top: list[Hit]
    matrix: Matrix = field(repr=False, compare=False)
    """What was searched."""


@dataclass
class Finder:
    """Answers one question after another; vectors and models that are loaded stay for the next."""

    library: Library
    settings: Settings
    progress: Progress
    _embedders: dict[str, Embedder] = field(default_factory=dict)
    _matrices: dict[tuple[str, ...], Matrix] = field(default_factory=dict)
    _known: tuple[int, list[VideoRecord], States] | None = None

    def ask(self, question: Question) -> Found:
        _ = question.terms
        videos, states = self._scope(question.videos)
        space, note = choose_space(question, videos, states, self.settings)
        if note:
            self.progress.note(note)
        embedder = None if question.vector else self._embedder(space)
        searched = agreed(videos, states, space, embedder.space if embedder else None)
        if len(searched) < len(videos):
            left_out = len(videos) - len(searched)
            self.progress.note(f"{left_out} of {len(videos)} videos have no such vectors ({space}) and are left out.")
        named = [video.id for video in searched]
        if question.threshold == "calibrated":
            # What chance does is told by the whole library, whatever part of it is searched.
            searched = agreed(list(self._scope(())[0]), states, space, states[searched[0].id][space].space)
        matrix = self._matrix(searched, space, states)
        return self._answer(question, matrix, self._queries(question, matrix, embedder), named)

    def _answer(self, question: Question, matrix: Matrix, queries: Floats, named: Sequence[str]) -> Found:
        chosen, rows = self.settings.search, _within(matrix, question, named)
        everywhere = every_score(matrix, queries)
        scores = everywhere[rows]
        count = question.count or chosen.k
        top = self._first(question, matrix, scores, rows, count)
        cut = self._cut(question, matrix, everywhere, float(top.scores[0]) if len(top) else 0.0)
        space, best = matrix.space.name, hits(matrix, top)
        if cut is None:
            return Found(space, None, best, [], best, matrix)
        over = scores >= cut
        if question.moments:
            spans = moments(matrix, Ranked(rows[over], scores[over]), chosen.gap)
            return Found(space, cut, [], spans[:count], best, matrix)
        found = self._first(question, matrix, scores[over], rows[over], question.count or chosen.most)
        return Found(space, cut, hits(matrix, found), [], best, matrix)

    def _cut(self, question: Question, matrix: Matrix, scores: Floats, best: float) -> float | None:
        """Moments need an end, so that they get one where none was asked for."""
        threshold = question.threshold
        if threshold is None and not question.moments:
            return None
        if isinstance(threshold, float):
            return threshold
        if threshold == "calibrated":
            if len(matrix) < FEW:
                self.progress.note(
                    f"{len(matrix)} frames are few to tell a hit from chance by: under {FEW} it is a guess."
                )
            return calibrated_cut(matrix, scores, self.settings.search.stand_out, self.settings.search.same)
        return auto_cut(best, self.settings.search.auto)

    def _first(self, question: Question, matrix: Matrix, scores: Floats, rows: Ints, count: int) -> Ranked:
        if question.repeats:
            return ranked(scores, rows, count)
        return first(matrix, scores, count, self.settings.search.same, rows)

    def _scope(self, wanted: Sequence[str]) -> tuple[list[VideoRecord], States]:
        version, catalog = self.library.catalog.version(), self.library.catalog
        if self._known is None or self._known[0] != version:
            videos = catalog.videos()
            self._known = version, videos, {video.id: catalog.spaces(video.id) for video in videos}
        _, videos, states = self._known
        if not videos:
            raise UsageError("The library is empty.", "`reelweave ingest PATH` fills it.")
        named = {catalog.find(one).id for one in wanted}
        return [video for video in videos if not wanted or video.id in named], states

    def _embedder(self, space: str) -> Embedder:
        if space not in self._embedders:
            self._embedders[space] = open_embedder(space, self.settings.clip)
        return self._embedders[space]

    def _queries(self, question: Question, matrix: Matrix, embedder: Embedder | None) -> Floats:
        queries = vectors_of(question, embedder, [s.video for s in matrix.segments], self.settings)
        if queries.shape[1] != matrix.space.dimension:
            raise UsageError(
                f"The vector has {queries.shape[1]} numbers, those of the {matrix.space.name} space "
                f"{matrix.space.dimension}.",
                "Make it with the model of that space, or name another with --space.",
            )
        return queries

    def _matrix(self, videos: Sequence[VideoRecord], space: str, states: States) -> Matrix:
        """Kept while neither the videos nor what the catalog says of them has changed."""
        key = (space, *(f"{video.id} {states[video.id][space]}" for video in videos))
        if key not in self._matrices:
            self._matrices = {known: matrix for known, matrix in self._matrices.items() if known[0] != space}
            self._matrices[key] = open_matrix(self.library, videos, states[videos[0].id][space].space, self.progress)
        return self._matrices[key]


@contextmanager
def open_finder(settings: Settings, progress: Progress) -> Iterator[Finder]:
    with open_library(library_folder(settings)) as library:
        yield Finder(library, settings, progress)


def _within(matrix: Matrix, question: Question, named: Sequence[str]) -> Ints:
    """The rows of those videos whose own time lies between the two that were asked for, ends included."""
    wanted = set(named)
    after = -np.inf if question.after is None else question.after - _SAME_TIME
    before = np.inf if question.before is None else question.before + _SAME_TIME
    within = (matrix.times >= after) & (matrix.times <= before)
    for segment, start in zip(matrix.segments, matrix.starts.tolist(), strict=False):
        if segment.video.id not in wanted:
            within[start : start + len(segment.rows)] = False
    return np.flatnonzero(within)

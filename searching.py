"""Searches over the library: what is asked is compared with every frame, and the answer told in videos and times."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import numpy as np

from .asking import Question, States, agreed, choose_space, vectors_of
from .errors import UsageError
from .frames import Floats, Ints, VideoRecord
from .index.coarse import Coarse, clustered
from .index.library import Library, open_library
from .index.matrix import Matrix, open_matrix
from .index.search import Hit, Moment, Ranked, every_score, first, hits, moments, ranked, scores_of
from .index.threshold import FEW, auto_cut, calibrated_cut
from .ingest.embedder import Embedder, open_embedder
from .progress import Progress
from .settings import Settings, library_folder

_SAME_TIME = 1e-6
_QUICK_ENOUGH = 20_000
_CANDIDATES, _CANDIDATES_EACH, _MORE = 512, 16, 4


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

    @property
    def why_nothing(self) -> str:
        """What to say where there are neither hits nor moments."""
        if self.threshold is None or not self.top:
            return "There are no frames in what was searched."
        return f"Nothing reaches {self.threshold:.3f}; the best score is {self.top[0].score:.3f}."


@dataclass
class Finder:
    """Answers one question after another; vectors and models that are loaded stay for the next.

    A finder that is `lasting` makes itself quicker by an index, which is worth its while for many questions.
    """

    library: Library
    settings: Settings
    progress: Progress
    lasting: bool = False
    _embedders: dict[str, Embedder] = field(default_factory=dict)
    _matrices: dict[tuple[str, ...], Matrix] = field(default_factory=dict)
    _indexes: dict[str, Coarse] = field(default_factory=dict)
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
        plain = question.threshold is None and not question.moments and question.after is question.before is None
        if plain and (index := self._index(matrix)):
            best = hits(matrix, self._quickly(question, matrix, queries, index))
            return Found(matrix.space.name, None, best, [], best, matrix)
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

    def _quickly(self, question: Question, matrix: Matrix, queries: Floats, index: Coarse) -> Ranked:
        """The best among candidates, of which more are asked for until enough of them differ."""
        count = question.count or self.settings.search.k
        looked = max(_CANDIDATES, _CANDIDATES_EACH * count)
        while True:
            rows = index.candidates(queries, min(looked, len(matrix)))
            found = self._first(question, matrix, scores_of(matrix, queries, rows), rows, count)
            if len(found) == count or looked >= len(matrix):
                return found
            looked *= _MORE

    def _index(self, matrix: Matrix) -> Coarse | None:
        """Past what fits in memory an index, and for a lasting finder where to compare every frame takes long."""
        large = matrix.bytes > self.settings.search.memory_gb * 1e9
        if not large and not (self.lasting and len(matrix) > _QUICK_ENOUGH):
            return None
        if matrix.key not in self._indexes:
            with self.progress.stage("index"):
                self._indexes = {matrix.key: clustered(matrix, self.library.cache, self.settings.search.probe)}
        return self._indexes[matrix.key]

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
            identity = states[videos[0].id][space].space
            size = sum(states[video.id][space].vectors for video in videos) * identity.dimension * 4
            # To check every byte is to read it, which a library that does not fit in memory must not ask for.
            check = size <= self.settings.search.memory_gb * 1e9
            self._matrices[key] = open_matrix(self.library, videos, identity, self.progress, check)
        return self._matrices[key]


@contextmanager
def open_finder(settings: Settings, progress: Progress, lasting: bool = False) -> Iterator[Finder]:
    with open_library(library_folder(settings)) as library:
        yield Finder(library, settings, progress, lasting)


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

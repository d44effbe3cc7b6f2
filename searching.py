"""Searches over the library: what is asked is compared with every frame, and the answer told in videos and times."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import numpy as np

from .asking import Question, States, agreed, check_vectors, choose_space, has, query_picture, vectors_of
from .errors import UsageError, command
from .frames import Floats, Ints, VideoRecord
from .index.coarse import Coarse, clustered
from .index.library import Library, open_library
from .index.matrix import Matrix, open_matrix
from .index.rounded import Rounded
from .index.search import Hit, Moment, Ranked, every_score, first, hits, moments, ranked, scores_of
from .index.threshold import FEW, auto_cut, calibrated_cut
from .ingest.embedder import Embedder, open_embedder
from .progress import Progress
from .settings import Settings, library_folder

_SAME_TIME = 1e-6
_QUICK_ENOUGH = 20_000
_CANDIDATES, _CANDIDATES_EACH, _MORE = 512, 16, 4
_WORTH = 8
"""To compare an eighth of all frames, picked one by one, takes as long as to compare all of them."""


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

    From the second question about the same frames on, and from the first where it is `lasting`, a finder goes by a
    rounded copy of their vectors, which takes about a second to make and answers the same in a fraction of the time.
    """

    library: Library
    settings: Settings
    progress: Progress
    lasting: bool = False
    _embedders: dict[str, Embedder] = field(default_factory=dict)
    _matrices: dict[tuple[str, ...], Matrix] = field(default_factory=dict)
    _indexes: dict[str, Coarse] = field(default_factory=dict)
    _copies: dict[str, Rounded | None] = field(default_factory=dict)
    _known: tuple[int, list[VideoRecord], States] | None = None
    _marks: dict[tuple[str, str], str] = field(default_factory=dict)
    """What the catalog says of a video in a space, as text."""

    def ask(self, question: Question) -> Found:
        terms = question.terms
        videos, states = self._scope(question.videos)
        space, note = choose_space(question, videos, states, self.settings)
        for told in (note, check_vectors(videos, states, space, self.settings)):
            if told:
                self.progress.note(told)
        embedder = None if question.vector else self._embedder(space)
        # What cannot be asked is told before a model is loaded.
        for picture in {term.picture for term in terms if term.picture}:
            query_picture(picture)
        searched = agreed(videos, states, space, embedder.space if embedder else None)
        if other := sum(has(states, video, space) for video in videos) - len(searched):
            self.progress.note(f"The {space} vectors of {other} videos are by another model: these are left out.")
        named = [video.id for video in searched]
        if question.threshold == "calibrated":
            # What chance does is told by the whole library, whatever part of it is searched.
            searched = agreed(list(self._scope(())[0]), states, space, states[searched[0].id][space].space)
        matrix = self._matrix(searched, space, states)
        return self._answer(question, matrix, self._queries(question, matrix, embedder), named)

    def _answer(self, question: Question, matrix: Matrix, queries: Floats, named: Sequence[str]) -> Found:
        plain = question.threshold is None and not question.moments and question.after is question.before is None
        if plain and (quick := self._quickly(question, matrix, queries)):
            best = hits(matrix, quick)
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

    def _quickly(self, question: Question, matrix: Matrix, queries: Floats) -> Ranked | None:
        """The best without comparing every frame, where that can be told soon."""
        if matrix.bytes > self.settings.search.memory_gb * 1e9:
            return self._likely(question, matrix, queries, self._index(matrix))
        copy = self._copy(matrix)
        return self._surely(question, matrix, queries, copy) if copy else None

    def _likely(self, question: Question, matrix: Matrix, queries: Floats, index: Coarse) -> Ranked:
        """The best among candidates, of which more are asked for until enough of them differ."""
        count = question.count or self.settings.search.k
        looked = max(_CANDIDATES, _CANDIDATES_EACH * count)
        while True:
            rows = index.candidates(queries, min(looked, len(matrix)))
            found = self._first(question, matrix, scores_of(matrix, queries, rows), rows, count)
            if len(found) == count or looked >= len(matrix):
                return found
            looked *= _MORE

    def _surely(self, question: Question, matrix: Matrix, queries: Floats, copy: Rounded) -> Ranked | None:
        """The best of all; nothing where so many come close that it is quicker to compare every frame."""
        count = question.count or self.settings.search.k
        looked = max(_CANDIDATES, _CANDIDATES_EACH * count)
        while looked * _WORTH <= len(matrix):
            named = copy.candidates(queries, looked)
            found = self._first(question, matrix, scores_of(matrix, queries, named.rows), named.rows, count)
            if len(found) == count and found.scores[-1] >= named.floor:
                return found
            looked *= _MORE
        return None

    def _index(self, matrix: Matrix) -> Coarse:
        """For what does not fit in memory."""
        if matrix.key not in self._indexes:
            with self.progress.stage("index"):
                self._indexes = {matrix.key: clustered(matrix, self.library.cache, self.settings.search.probe)}
        return self._indexes[matrix.key]

    def _copy(self, matrix: Matrix) -> Rounded | None:
        """Where to compare every frame takes long, and was done before."""
        if len(matrix) <= _QUICK_ENOUGH:
            return None
        seen = self.lasting or matrix.key in self._copies
        copy = self._copies.get(matrix.key)
        if seen and copy is None:
            copy = Rounded(matrix)
        # Another library's frames, or another state of them, are seldom asked again.
        self._copies = {matrix.key: copy}
        return copy

    def _scope(self, wanted: Sequence[str]) -> tuple[list[VideoRecord], States]:
        version, catalog = self.library.catalog.version(), self.library.catalog
        if self._known is None or self._known[0] != version:
            videos = catalog.videos()
            self._known = version, videos, {video.id: catalog.spaces(video.id) for video in videos}
            self._marks = {}
        _, videos, states = self._known
        if not videos:
            raise UsageError("The library is empty.", f"{command('ingest', '--help')} says how to fill it.")
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
        key = (space, *(self._mark(video.id, space, states) for video in videos))
        if key not in self._matrices:
            self._matrices = {known: matrix for known, matrix in self._matrices.items() if known[0] != space}
            identity = states[videos[0].id][space].space
            size = sum(states[video.id][space].vectors for video in videos) * identity.dimension * 4
            # To check every byte is to read it, which a library that does not fit in memory must not ask for.
            check = size <= self.settings.search.memory_gb * 1e9
            self._matrices[key] = open_matrix(self.library, videos, identity, self.progress, check)
        return self._matrices[key]

    def _mark(self, video: str, space: str, states: States) -> str:
        if (video, space) not in self._marks:
            self._marks[video, space] = f"{video} {states[video][space]}"
        return self._marks[video, space]


@contextmanager
def open_finder(settings: Settings, progress: Progress, lasting: bool = False) -> Iterator[Finder]:
    with open_library(library_folder(settings), settings) as library:
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

"""Answer questions: compare them with the frames of the library, exactly or through an index."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

import numpy as np

from ..errors import UsageError, command
from ..index.approximate import ApproximateIndex, open_approximate
from ..index.library import Library, open_library
from ..index.matrix import Matrix, open_matrix
from ..index.quantized import QuantizedMatrix, keep_quantized, kept_quantized, quantized
from ..ingest.models.embedder import Embedder, TextEmbedder
from ..ingest.models.registry import open_embedder
from ..ingest.models.views import library_view, tile_count
from ..media.timecode import clock
from ..media.types import Floats, Ints, Space, VideoRecord
from ..progress import SILENT, Progress
from ..settings import Settings
from .filters import chosen_videos
from .moments import find_moments, hills, over_level, stored_cuts
from .question import (
    FrameTime,
    Question,
    States,
    check_vectors,
    choose_space,
    has_vectors,
    query_picture,
    vectors_of,
    videos_by_model,
)
from .results import (
    Hit,
    Moment,
    Ranked,
    all_scores,
    best_distinct,
    hits,
    ranked,
    scores_of,
    tile_queries,
)
from .suggest import suggested_words
from .thresholds import FEW, auto_cut, calibrated_cut, neutral_vectors, typical_spread

_TIME_TOLERANCE = 1e-6
"""Seconds by which times are rounded in files."""
_FAST_ROWS = 20_000
"""Rows up to which comparing all of them needs no quantized copy."""
_KEPT_ROWS = 200_000
"""Rows of a library from which the first search makes a quantized copy and keeps it: it takes a second for 300,000."""
_CANDIDATES = 512
"""Least number of candidates of the index, and of rows that are compared exactly."""
_CANDIDATES_EACH = 16
"""Candidates for each answer wanted, since frames that look the same are dropped."""
_CANDIDATE_GROWTH = 4
"""Growth of the number of candidates while too few of them differ."""
_RANDOM_ACCESS_COST = 8
"""Comparing an eighth of all frames, picked one by one, takes as long as comparing all of them in sequence."""


@dataclass(frozen=True)
class SearchResult:
    """The answer to a question: `hits` or `moments` above the threshold, and the `top` frames regardless of it."""

    space: str
    threshold: float | None
    hits: list[Hit]
    moments: list[Moment]
    top: list[Hit]
    matrix: Matrix = field(repr=False, compare=False)
    """The vectors that were searched."""
    asked: str = ""
    """What was searched for, in a few words."""
    suggestions: tuple[str, ...] = ()
    """Words that find something, where a text found nothing."""

    @property
    def why_nothing(self) -> str:
        """The explanation of a result without hits and moments."""
        if self.threshold is None or not self.top:
            return "There are no frames to search."
        nothing = f"Nothing reaches {self.threshold:.3f}; the best score is {self.top[0].score:.3f}."
        return nothing + (f" These words find something: {', '.join(self.suggestions)}." if self.suggestions else "")


def vector_of(result: SearchResult, item: Hit | Moment) -> Floats:
    """Return the stored vector of the frame of a hit, or of the best frame of a moment."""
    frame = item.peak_frame if isinstance(item, Moment) else item.frame
    rows = next(segment.rows for segment in result.matrix.segments if segment.video.id == item.video)
    return np.asarray(rows.vectors[np.searchsorted(rows.indices, frame)], np.float32)


@dataclass
class Finder:
    """Answer questions one after another, keeping vectors and models in memory for the next.

    A finder searches a quantized copy of many vectors, which finds the same in a fraction of the time. That of a large
    library is kept in its cache; for fewer frames it is made in memory, from the second question about the same frames
    on, or from the first if the finder is `lasting`.
    """

    library: Library
    settings: Settings
    progress: Progress
    lasting: bool = False
    _embedders: dict[tuple[str, str], Embedder] = field(default_factory=dict)
    _matrices: dict[tuple[object, ...], Matrix] = field(default_factory=dict)
    _indexes: dict[str, ApproximateIndex | None] = field(default_factory=dict)
    _copies: dict[str, QuantizedMatrix | None] = field(default_factory=dict)
    _spreads: dict[str, float] = field(default_factory=dict)
    _known: tuple[int, list[VideoRecord], States] | None = None

    def ask(self, question: Question) -> SearchResult:
        """Answer a question.

        Raises:
            UsageError: The question cannot be asked.
            SpaceError: The videos have no vectors that fit it.
            SourceError: A picture of the question cannot be read.
        """
        terms = question.terms
        library_videos, states = self._known_videos()
        videos = chosen_videos(question, library_videos, self.library.catalog, self.progress)
        near = self.library.catalog.find(question.near.video, parts=True) if question.near else None
        space, note = choose_space(question, videos, states, self.settings, near)
        for text in filter(None, (note, check_vectors(videos, states, space, self.settings))):
            self.progress.note(text)
        if near:
            check_vectors([near], states, space, self.settings)
        embedder = self._embedder(space, videos, states) if question.embeds else None
        # Report unreadable pictures before a model is loaded.
        for picture in {term.picture for term in terms if term.picture}:
            query_picture(picture)
        made_by = embedder.space if embedder else states[near.id][space].space if near else None
        searched = videos_by_model(videos, states, space, made_by)
        if other := sum(has_vectors(states, video, space) for video in videos) - len(searched):
            self.progress.note(
                f"{other} videos are left out, since their {space} vectors are by another model or of another view."
            )
        named = [video.id for video in searched]
        if question.threshold == "calibrated":
            # Chance is estimated from the whole library, whichever part of it is searched.
            searched = videos_by_model(library_videos, states, space, states[searched[0].id][space].space)
        matrix = self._matrix(searched, space, states)
        if near and question.near:
            queries = self._frame(question.near, near, matrix.space)
        else:
            queries = self._queries(question, matrix, embedder)
        found = replace(self._answer(question, matrix, queries, named), asked=question.title)
        if found.hits or found.moments or found.threshold is None or not question.text.strip():
            return found
        return replace(found, suggestions=self._suggestions(question, matrix, queries, named))

    def _answer(self, question: Question, matrix: Matrix, queries: Floats, named: Sequence[str]) -> SearchResult:
        tiles = tile_count(matrix.space) if question.embeds and not question.only_pictures else 1
        queries = tile_queries(queries, tiles)
        plain = question.threshold is None and not question.moments and question.after is question.before is None
        if plain and (quick := self._indexed(question, matrix, queries, tiles)):
            best = hits(matrix, quick)
            return SearchResult(matrix.space.name, None, best, [], best, matrix)
        chosen, rows = self.settings.search, _within(matrix, question, named)
        library_scores = all_scores(matrix, queries)
        scores = library_scores[rows]
        count = question.count or chosen.k
        top = self._best(question, matrix, scores, rows, count)
        cut = self._cut(question, matrix, library_scores, float(top.scores[0]) if len(top) else 0.0)
        space, best = matrix.space.name, hits(matrix, top)
        if cut is None:
            return SearchResult(space, None, best, [], best, matrix)
        over = scores >= cut
        if question.moments:
            rule = over_level(cut, chosen.gap) if isinstance(question.threshold, float) else hills(chosen.gap)
            spans = find_moments(matrix, Ranked(rows, scores), cut, count, rule, stored_cuts(self.settings.shots))
            return SearchResult(space, cut, [], spans, best, matrix)
        found = self._best(question, matrix, scores[over], rows[over], question.count or chosen.most)
        return SearchResult(space, cut, hits(matrix, found), [], best, matrix)

    def _suggestions(
        self, question: Question, matrix: Matrix, queries: Floats, named: Sequence[str]
    ) -> tuple[str, ...]:
        """Return words that find something where the text of the question found nothing."""
        embedder = self._text_embedder(matrix)
        if not embedder:
            return ()

        # What is noted of the question is not repeated for each word.
        silent = replace(self, progress=SILENT)

        def finds(query: Floats) -> bool:
            result = silent._answer(question, matrix, query, named)
            return bool(result.hits or result.moments)

        rows = _within(matrix, question, named)
        with self.progress.stage("suggest words"):
            return suggested_words(queries, matrix, rows, embedder, self.library.cache, finds)

    def _cut(self, question: Question, matrix: Matrix, scores: Floats, best: float) -> float | None:
        """Return the threshold; moments need one, so that `auto` is their default."""
        threshold = question.threshold
        if threshold is None and not question.moments:
            return None
        if isinstance(threshold, float):
            return threshold
        if threshold == "calibrated":
            if len(matrix) < FEW:
                self.progress.note(
                    f"{len(matrix)} frames are too few to calibrate a threshold; below {FEW} it is a guess."
                )
            chosen = self.settings.search
            typical = self._typical_spread(matrix, question)
            return calibrated_cut(matrix, scores, chosen.stand_out, chosen.same, typical, best)
        return auto_cut(best, self.settings.search.auto)

    def _typical_spread(self, matrix: Matrix, question: Question) -> float | None:
        """Return the spread of texts in this library, for a question of texts alone; the last one is kept."""
        embedder = self._text_embedder(matrix)
        if not question.embeds or not embedder or any(term.picture for term in question.terms):
            return None
        if matrix.key not in self._spreads:
            with self.progress.stage("calibrate"):
                sentences = neutral_vectors(embedder, self.library.cache)
                self._spreads = {matrix.key: typical_spread(matrix, sentences, self.settings.search.same)}
        return self._spreads[matrix.key]

    def _best(self, question: Question, matrix: Matrix, scores: Floats, rows: Ints, count: int) -> Ranked:
        if question.repeats:
            return ranked(scores, rows, count)
        return best_distinct(matrix, scores, count, self.settings.search.same, rows)

    def _indexed(self, question: Question, matrix: Matrix, queries: Floats, tiles: int) -> Ranked | None:
        """Return the best rows without comparing all of them, or `None` if that would take longer.

        The recall of an index was measured with queries for whole rows, not for one of several `tiles`.
        """
        copy = self._copy(matrix)
        if tiles == 1 and self._is_large(matrix) and (index := self._index(matrix)):
            return self._approximate(question, matrix, queries, index, copy)
        return self._exact(question, matrix, queries, copy) if copy else None

    def _is_large(self, matrix: Matrix) -> bool:
        """Tell whether the vectors are not to be read for every search."""
        return matrix.bytes > self.settings.search.memory_gb * 1e9

    def _approximate(
        self, question: Question, matrix: Matrix, queries: Floats, index: ApproximateIndex, copy: QuantizedMatrix | None
    ) -> Ranked:
        """Return the best of the index's candidates, requesting more until enough of them differ."""
        count = question.count or self.settings.search.k
        candidates = max(_CANDIDATES, _CANDIDATES_EACH * count)
        while True:
            rows = index.candidates(queries, min(candidates, len(matrix)))
            found = self._exact(question, matrix, queries, copy, rows) if copy else None
            found = found or self._best(question, matrix, scores_of(matrix, queries, rows), rows, count)
            if len(found) == count or candidates >= len(matrix):
                return found
            candidates *= _CANDIDATE_GROWTH

    def _exact(
        self, question: Question, matrix: Matrix, queries: Floats, copy: QuantizedMatrix, among: Ints | None = None
    ) -> Ranked | None:
        """Return the best of all rows, or of those `among` which they are sought.

        The result is `None` if so many are close that comparing every one is faster.
        """
        count = question.count or self.settings.search.k
        candidates = max(_CANDIDATES, _CANDIDATES_EACH * count)
        most = len(matrix) // _RANDOM_ACCESS_COST if among is None else len(among) - 1
        while candidates <= most:
            nearest = copy.candidates(queries, candidates, among)
            if self._is_large(matrix):
                matrix.prefetch(nearest.rows)
            found = self._best(question, matrix, scores_of(matrix, queries, nearest.rows), nearest.rows, count)
            if len(found) == count and found.scores[-1] >= nearest.floor:
                return found
            candidates *= _CANDIDATE_GROWTH
        return None

    def _index(self, matrix: Matrix) -> ApproximateIndex | None:
        """Open the index of vectors that do not fit in memory; the last one is kept. None if none finds enough."""
        if matrix.key not in self._indexes:
            with self.progress.stage("index"):
                self._indexes = {matrix.key: open_approximate(matrix, self.library.cache, self.settings.search.probe)}
        return self._indexes[matrix.key]

    def _copy(self, matrix: Matrix) -> QuantizedMatrix | None:
        """Return a quantized copy of many vectors, if there is one or it will be of use again; the last one is kept."""
        if len(matrix) <= _FAST_ROWS:
            return None
        copy = self._copies.get(matrix.key) or self._kept_copy(matrix)
        if copy is None and not self._is_large(matrix) and (self.lasting or matrix.key in self._copies):
            copy = quantized(matrix)
        self._copies = {matrix.key: copy}
        return copy

    def _kept_copy(self, matrix: Matrix) -> QuantizedMatrix | None:
        """Open the copy in the cache; the first search of a whole library, or of a large part, makes it."""
        found = kept_quantized(matrix, self.library.cache, not self._is_large(matrix))
        if found or matrix.key in self._copies or not (self._is_large(matrix) or self._is_whole(matrix)):
            return found
        with self.progress.stage("index"):
            return keep_quantized(matrix, self.library.cache)

    def _is_whole(self, matrix: Matrix) -> bool:
        """Tell whether many frames are searched, those of all videos that have such vectors."""
        videos, states = self._known_videos()
        having = sum(has_vectors(states, video, matrix.space.name) for video in videos)
        return len(matrix) >= _KEPT_ROWS and len(matrix.segments) == having

    def _known_videos(self) -> tuple[list[VideoRecord], States]:
        """Return the videos of the library and their states, read anew when the catalog has changed."""
        version, catalog = self.library.catalog.version(), self.library.catalog
        if self._known is None or self._known[0] != version:
            videos = catalog.videos()
            self._known = version, videos, {video.id: catalog.spaces(video.id) for video in videos}
        _, videos, states = self._known
        if not videos:
            raise UsageError("The library is empty.", f"{command('ingest', '--help')} explains how to add videos.")
        return videos, states

    def _frame(self, near: FrameTime, video: VideoRecord, space: Space) -> Floats:
        """Return the stored vector of the frame that is shown at a time."""
        rows = open_matrix(self.library, [video], space, self.progress).segments[0].rows
        if near.time > max(video.seconds, float(rows.times[-1])) + _TIME_TOLERANCE:
            raise UsageError(f"{video.name} ends at {clock(video.seconds)}.", "Give an earlier time.")
        shown = int(np.searchsorted(rows.times, near.time + _TIME_TOLERANCE, side="right")) - 1
        return np.asarray(rows.vectors[max(0, shown)][None], np.float32)

    def _embedder(self, space: str, videos: Sequence[VideoRecord], states: States) -> Embedder:
        """Open the embedder of a space; CLIP sees of a picture what it saw of the frames of the videos."""
        stored = (states[video.id][space] for video in videos if space in states[video.id])
        clip = library_view(self.settings.clip, stored)
        key = space, clip.view
        if key not in self._embedders:
            self._embedders[key] = open_embedder(space, clip)
        return self._embedders[key]

    def _text_embedder(self, matrix: Matrix) -> TextEmbedder | None:
        """Return the open embedder that made the vectors, if it embeds texts."""
        found = next((one for one in self._embedders.values() if one.space == matrix.space), None)
        return found if isinstance(found, TextEmbedder) else None

    def _queries(self, question: Question, matrix: Matrix, embedder: Embedder | None) -> Floats:
        queries = vectors_of(question, embedder, [s.video for s in matrix.segments], self.settings)
        if queries.shape[1] != matrix.space.dimension:
            raise UsageError(
                f"The vector has {queries.shape[1]} numbers, but the {matrix.space.name} space has "
                f"{matrix.space.dimension}.",
                "Make it with the model of that space, or choose another space with --space.",
            )
        return queries

    def _matrix(self, videos: Sequence[VideoRecord], space: str, states: States) -> Matrix:
        """Open the vectors of the videos; they are kept until the videos or their records change."""
        generation = self.library.store.generation
        key = (space, generation, *((video.id, states[video.id][space]) for video in videos))
        if key not in self._matrices:
            self._matrices = {known: matrix for known, matrix in self._matrices.items() if known[0] != space}
            identity = states[videos[0].id][space].space
            size = sum(states[video.id][space].vectors for video in videos) * identity.dimension * 4
            # A check reads every byte, which takes too long if the vectors do not fit in memory.
            check = size <= self.settings.search.memory_gb * 1e9
            self._matrices[key] = open_matrix(self.library, videos, identity, self.progress, check)
        return self._matrices[key]


@contextmanager
def open_finder(settings: Settings, progress: Progress, lasting: bool = False) -> Iterator[Finder]:
    """Open the library for questions; `lasting` prepares for many of them.

    Example:
        with open_finder(settings, SILENT) as finder:
            hits = finder.ask(Question(text="beach")).hits
    """
    with open_library(settings) as library:
        yield Finder(library, settings, progress, lasting)


def _within(matrix: Matrix, question: Question, named: Sequence[str]) -> Ints:
    """Return the rows of the named videos within the times of the question, ends included."""
    wanted = set(named)
    after = -np.inf if question.after is None else question.after - _TIME_TOLERANCE
    before = np.inf if question.before is None else question.before + _TIME_TOLERANCE
    within = (matrix.times >= after) & (matrix.times <= before)
    for segment, start in zip(matrix.segments, matrix.starts.tolist(), strict=False):
        if segment.video.id not in wanted:
            within[start : start + len(segment.rows)] = False
    return np.flatnonzero(within)

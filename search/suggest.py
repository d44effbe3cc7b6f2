"""Suggest words that do find something: everyday words, compared with the frames and with the query."""

from collections.abc import Callable
from functools import cache
from itertools import islice
from pathlib import Path

import numpy as np

from ..index.matrix import Matrix
from ..ingest.models.embedder import TextEmbedder
from ..media.types import Floats, Ints
from .text_vectors import text_vectors

_FILE = Path(__file__).with_name("words.txt")
"""Nouns and verbs of everyday scenes."""
_SHOWN = 5
"""Words that are suggested at most."""
_TRIED = 12
"""Words that are searched for at most, until enough find something; each takes as long as the query."""
_PROMISING = 40
"""Words among which those nearest to the query are tried."""
_SAMPLED = 20_000
"""Frames with which all words are compared: spread over the library they show what is in it."""
_SAME_TEXT = 0.999
"""Cosine above which two words mean the same to a model."""
_SYNONYMS = 4
"""Words that may mean the same; more of them are words that a model does not know."""


@cache
def everyday_words() -> tuple[str, ...]:
    """Return the words that can be suggested."""
    return tuple(_FILE.read_text(encoding="utf-8").split())


def suggested_words(
    query: Floats, matrix: Matrix, rows: Ints, embedder: TextEmbedder, folder: Path, finds: Callable[[Floats], bool]
) -> tuple[str, ...]:
    """Return words that `finds` something, those nearest to the query first."""
    words = everyday_words()
    vectors = text_vectors("words", words, embedder, folder)
    sample = matrix.vectors(rows[:: max(1, len(rows) // _SAMPLED)])
    if not len(sample):
        return ()
    scores = sample @ vectors.T
    spread = np.maximum(scores.std(axis=0), np.finfo(np.float32).tiny)
    promise = np.where(_known(vectors), (scores.max(axis=0) - np.median(scores, axis=0)) / spread, -np.inf)
    promising = np.argsort(-promise)[:_PROMISING]
    promising = promising[np.isfinite(promise[promising])]
    nearest = promising[np.argsort(-(vectors[promising] @ query[0]), kind="stable")][:_TRIED]
    found = (words[word] for word in nearest.tolist() if finds(vectors[word][None]))
    return tuple(islice(found, _SHOWN))


def _known(vectors: Floats) -> "np.ndarray[tuple[int], np.dtype[np.bool_]]":
    """Tell which words a model knows: to a small one, all others are the same."""
    return np.asarray((vectors @ vectors.T > _SAME_TEXT).sum(axis=1) <= _SYNONYMS)

"""Approximate search: an index proposes candidate rows, which the matrix then compares exactly.

Neighbouring frames are alike, so the lists of the inverted file are runs of frames: no clustering is needed, and what
is left of a frame after the mean of its run is small enough for one bit per number (product quantisation, compared
by FAISS's fast scan). The recall is measured when an index is built. An index that misses too much is not used.
"""

import contextlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ..media.files import atomic
from ..media.types import Floats, Ints
from ..media.untrusted import UntrustedError, read_object, validate
from .matrix import Matrix

SUFFIX = ".faiss"

_FACTS_SUFFIX = f"{SUFFIX}.json"
"""Ends the name of the file beside an index that holds its measured recall."""

_FORMAT = 2
"""Changes when indexes of an earlier version have to be built again; those of 0.1 had no such file."""

_LEAST_ROWS = 1024
"""Rows below which an index cannot be trained, and is of no use."""

_LEAST_COSINE = 0.875
"""Cosine of neighbouring frames below which a run ends: a cut."""

_MEAN_RUN = 24
"""At most one pair of neighbours in so many ends a run, however little alike they are: each run costs the time of 32
frames."""

_LONGEST_RUN = 96
"""Frames of a run: a multiple of the 32 that fast scan compares at once."""

_NUMBERS_PER_CODE = (4, 2)
"""Numbers of a vector that share a code of four bits, the fewest bits first. With 8, real texts found .992 of the ten
best among 2,048 candidates in a million vectors of bench/search.py; with 4 they find .996. Unrelated pictures may need
2."""

_CODE_BITS = 4
"""What fast scan compares."""

_ITERATIONS = 8
"""Iterations of k-means, which places the codes."""

_PROBES = 48
"""Searches by which the recall is measured."""

_TOP = 10
"""Best rows that these should find."""

_LEAST_RECALL = 0.995
"""Share of them that an index has to find."""

_NEAR, _FAR = 0.95, 0.17
"""Cosines of two kinds of probes with a frame: an image is close to its frame, a text hardly closer than to any other
direction. The best cosines of SigLIP 2 between texts and images are about .16."""

_SEED = 0


class Effort(NamedTuple):
    """How much of an index is searched: the share of its runs, and the candidates taken from them."""

    share: float
    candidates: int


_EFFORTS = (Effort(0.1, 4096), Effort(0.2, 8192), Effort(0.5, 8192), Effort(1.0, 16384))
"""Tried in this order, until the recall suffices."""


@dataclass(frozen=True)
class IndexFacts:
    """The recall of an index, measured when it was built, and the effort that it takes."""

    format: int
    rows: int
    bytes: int
    recall: float
    share: float
    candidates: int

    @property
    def suffices(self) -> bool:
        """Whether the index finds enough to be used."""
        return self.recall >= _LEAST_RECALL


class ApproximateIndex:
    """Finds candidates for the best rows."""

    def __init__(self, index: Any, facts: IndexFacts) -> None:
        self._index, self.facts = index, facts

    def candidates(self, queries: Floats, count: int) -> Ints:
        """Return at least about `count` rows for each query, without repeats and in ascending order."""
        return _search(self._index, queries, max(count, self.facts.candidates))


def open_approximate(matrix: Matrix, folder: Path, share: float) -> ApproximateIndex | None:
    """Open the index of a matrix, or build it and keep it in `folder` for the next process.

    A search visits at least that `share` of the runs, those with the best means first. The result is None if every
    frame has to be compared, since no index finds enough.
    """
    file = folder / f"{matrix.key[:32]}{SUFFIX}"
    facts = _read_facts(file, len(matrix))
    index = _read(file, facts) if facts and facts.suffices else None
    if facts is None or (facts.suffices and index is None):
        index, facts = _best_index(matrix, share)
        _write(index, facts, file)
    if index is None or not facts.suffices:
        return None
    _set_share(index, max(share, facts.share))
    return ApproximateIndex(index, facts)


def _best_index(matrix: Matrix, share: float) -> tuple[Any, IndexFacts]:
    """Build the smallest index that finds enough; else None, with the facts of the last."""
    facts = IndexFacts(_FORMAT, len(matrix), 0, 0.0, 1.0, 0)
    if len(matrix) < _LEAST_ROWS:
        return None, facts
    probes = _Probes(matrix)
    for numbers in _NUMBERS_PER_CODE:
        index = _build(matrix, numbers)
        for effort in _EFFORTS:
            _set_share(index, max(share, effort.share))
            recall = probes.recall(index, effort.candidates)
            facts = IndexFacts(_FORMAT, len(matrix), 0, recall, effort.share, effort.candidates)
            if facts.suffices:
                return index, facts
    return None, facts


class _Probes:
    """Queries like images and like texts, and the scores of their best rows among all."""

    def __init__(self, matrix: Matrix) -> None:
        self._matrix = matrix
        self._queries = _probe_queries(matrix)
        best = np.full((_PROBES, _TOP), -np.inf, np.float32)
        for vectors in matrix.blocks():
            scores = self._queries @ vectors.T
            better = np.flatnonzero(scores.max(axis=1) > best.min(axis=1))
            found = np.concatenate([best[better], scores[better]], axis=1)
            best[better] = np.partition(found, found.shape[1] - _TOP, axis=1)[:, -_TOP:]
        # Sums in another order differ in the last bits.
        self._least = best.min(axis=1) - 1e-5

    def recall(self, index: Any, candidates: int) -> float:
        """Return the share of the best rows that are among the candidates."""
        found = 0
        for query, least in zip(self._queries, self._least, strict=True):
            rows = _search(index, query[None], candidates)
            found += min(_TOP, int((self._matrix.vectors(rows) @ query >= least).sum()))
        return found / (_TOP * _PROBES)


def _probe_queries(matrix: Matrix) -> Floats:
    """Draw queries like images, like texts far from all images, and like texts that tell two images apart."""
    rng = np.random.default_rng(_SEED)
    frames = matrix.vectors(np.sort(rng.choice(len(matrix), _PROBES, replace=False)))
    noise = rng.standard_normal(frames.shape).astype(np.float32)
    noise /= np.linalg.norm(noise, axis=1, keepdims=True)
    queries = frames - np.roll(frames, _PROBES // 2, axis=0)
    for kind, cosine in enumerate((_NEAR, _FAR)):
        queries[kind::3] = (cosine * frames + (1 - cosine**2) ** 0.5 * noise)[kind::3]
    lengths = np.linalg.norm(queries, axis=1, keepdims=True)
    return np.asarray(queries / np.maximum(lengths, np.finfo(np.float32).tiny), np.float32)


def _search(index: Any, queries: Floats, count: int) -> Ints:
    found = index.search(_padded(queries, index.d), min(count, index.ntotal))[1]
    return np.unique(found[found >= 0]).astype(np.int64)


def _set_share(index: Any, share: float) -> None:
    index.nprobe = max(1, round(min(1.0, share) * index.nlist))


@dataclass(frozen=True)
class _CodedRuns:
    """Runs of rows: how many rows each has, their means, and the codes of what is left of each row."""

    lengths: Ints
    means: Floats
    codes: Any


def _build(matrix: Matrix, numbers: int) -> Any:
    """Index every row under its number in the matrix."""
    import faiss

    least, codes = _trained(matrix, numbers)
    parts = [_coded(_padded(vectors, codes.d), least, codes) for vectors in matrix.blocks()]
    lengths, means = np.concatenate([p.lengths for p in parts]), np.concatenate([p.means for p in parts])
    metric = faiss.METRIC_INNER_PRODUCT
    quantizer: Any = faiss.IndexScalarQuantizer(codes.d, faiss.ScalarQuantizer.QT_8bit, metric)
    quantizer.train(means)
    quantizer.add(means)
    lists = faiss.IndexIVFPQ(quantizer, codes.d, len(means), codes.M, _CODE_BITS, metric)
    lists.pq, lists.is_trained = codes, True
    _fill(lists, lengths, np.concatenate([p.codes for p in parts]))
    index = faiss.IndexIVFPQFastScan(lists)
    # Python would free the quantizer before the index.
    quantizer.this.disown()
    index.own_fields = True
    return index


def _fill(lists: Any, lengths: Ints, codes: Any) -> None:
    """Make each run a list, as adding vectors to an index would do with those of a cluster."""
    import faiss

    rows, start = np.arange(len(codes), dtype=np.int64), 0
    for number, length in enumerate(lengths.tolist()):
        end = start + length
        own_rows, own_codes = rows[start:end], codes[start:end]
        lists.invlists.add_entries(number, length, faiss.swig_ptr(own_rows), faiss.swig_ptr(own_codes))
        start = end
    lists.ntotal = len(codes)


def _trained(matrix: Matrix, numbers: int) -> tuple[float, Any]:
    """Return the cosine below which a run ends, and the codes, learned from stretches of the matrix."""
    import faiss

    width = -(-matrix.space.dimension // numbers) * numbers
    stretches = [_padded(vectors, width) for vectors in matrix.stretches()]
    cosines = np.concatenate([_neighbour_cosines(vectors) for vectors in stretches])
    least = min(_LEAST_COSINE, float(np.quantile(cosines, 1 / _MEAN_RUN)))
    codes = faiss.ProductQuantizer(width, width // numbers, _CODE_BITS)
    codes.cp.niter, codes.cp.seed = _ITERATIONS, _SEED
    # Unordered pictures give few training rows per block; fewer rows than usual are no reason for a warning.
    codes.cp.min_points_per_centroid = 1
    codes.train(np.concatenate([_residuals(vectors, *_runs(vectors, least)) for vectors in stretches]))
    # With them transposed, coding takes two thirds of the time.
    codes.sync_transposed_centroids()
    return least, codes


def _coded(vectors: Floats, least: float, codes: Any) -> _CodedRuns:
    lengths, means = _runs(vectors, least)
    return _CodedRuns(lengths, means, codes.compute_codes(_residuals(vectors, lengths, means)))


def _runs(vectors: Floats, least: float) -> tuple[Ints, Floats]:
    """Split rows into runs of frames that are alike; return the length and the mean of each."""
    from scipy.sparse import csr_array

    cuts = np.flatnonzero(_neighbour_cosines(vectors) < least) + 1
    bounds = np.array([0, *cuts, len(vectors)], np.int64)
    # Long runs are split evenly.
    parts = [
        start + length * np.arange(pieces) // pieces
        for start, length in zip(bounds[:-1].tolist(), np.diff(bounds).tolist(), strict=True)
        if (pieces := -(-length // _LONGEST_RUN))
    ]
    starts = np.append(np.concatenate(parts), len(vectors))
    lengths = np.diff(starts)
    members = csr_array((np.repeat(1 / lengths, lengths).astype(np.float32), np.arange(len(vectors)), starts))
    return lengths, np.asarray(members @ vectors, np.float32)


def _residuals(vectors: Floats, lengths: Ints, means: Floats) -> Floats:
    return np.asarray(vectors - np.repeat(means, lengths, axis=0), np.float32)


def _neighbour_cosines(vectors: Floats) -> Floats:
    return np.asarray(np.einsum("ij,ij->i", vectors[1:], vectors[:-1]), np.float32)


def _padded(vectors: Floats, width: int) -> Floats:
    """Append zeros, which change no cosine, up to a multiple of the numbers per code."""
    lacking = width - vectors.shape[1]
    return np.ascontiguousarray(np.pad(vectors, ((0, 0), (0, lacking))) if lacking else vectors, np.float32)


def _read_facts(file: Path, rows: int) -> IndexFacts | None:
    """Read what was measured of an index; None where it is missing, damaged or of another version or size."""
    try:
        facts = validate(IndexFacts, read_object(_facts_file(file)))
    except (OSError, UntrustedError):
        return None
    return facts if (facts.format, facts.rows) == (_FORMAT, rows) else None


def _read(file: Path, facts: IndexFacts) -> Any:
    """Map the index of an earlier process into memory; None where it is missing or damaged."""
    import faiss

    try:
        if file.stat().st_size != facts.bytes:
            return None
        index = faiss.read_index(str(file), faiss.IO_FLAG_MMAP_IFC)
        return index if index.ntotal == facts.rows and isinstance(index, faiss.IndexIVFPQFastScan) else None
    except (OSError, RuntimeError, AttributeError):
        return None


def _write(index: Any, facts: IndexFacts, file: Path) -> None:
    """Keep an index and its facts if there is room, and delete those of earlier states of the library."""
    import faiss

    with contextlib.suppress(RuntimeError, OSError):
        if index is not None:
            with atomic(file, parents=True) as part:
                faiss.write_index(index, str(part))
        size = 0 if index is None else file.stat().st_size
        with atomic(_facts_file(file), parents=True) as part:
            part.write_text(json.dumps(asdict(facts) | {"bytes": size}), encoding="utf-8")
        for old in file.parent.glob(f"[!.]*{SUFFIX}*"):
            if old != _facts_file(file) and (old != file or index is None):
                old.unlink(missing_ok=True)


def _facts_file(file: Path) -> Path:
    return file.with_suffix(_FACTS_SUFFIX)

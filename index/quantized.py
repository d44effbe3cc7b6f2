"""An 8-bit copy of all vectors, a quarter as large: exact search over it takes a fraction of the time.

Its rounding errors are bounded, which bounds the score of every row that is not a candidate. The copy is kept in the
library's cache and mapped into memory, so that a new process can use it at once.
"""

import contextlib
import json
import zlib
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ..media.files import atomic
from ..media.types import Floats, Ints
from ..media.untrusted import open_regular, parse_json, validate
from .matrix import Matrix, will_need
from .vectors import collection_name
from .verified import VerifiedFiles

SUFFIX = ".int8"

_MAGIC = "reelweave int8 1"

_HEAD = 1 << 16
"""Bytes before the codes: the facts as JSON, padded with spaces."""

_LEVELS = 127
"""Largest absolute value of a signed number of 8 bits."""

_OFFSET = 128
"""What FAISS adds to signed codes."""

_BLOCK = 512
"""Rows that are coded at once: few enough to stay in the cache of a processor core."""

_MARGIN = 1.25
"""How far the numbers of all vectors may exceed those of the sample that the step is chosen by."""

_MOST_OUTSIDE = 1024
"""Rows that may exceed the range of the codes nevertheless: they are always candidates."""

_SIGMAS = 8
"""Standard deviations that the sum of a row's rounding errors exceeds once in 10^15 rows."""

_TURNED = 64
"""Largest dimensions, which are rotated. Networks have a few of many times the usual size: in steps that fit these, all
others would be too coarse. Rotated, each is spread over so many."""

_Codes = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class CandidateRows:
    """Rows that may be the best, in ascending order; all others score less than `floor`."""

    rows: Ints
    floor: float


@dataclass(frozen=True)
class _Facts:
    """How vectors became codes."""

    key: str
    rows: int
    dimension: int
    turned: list[int]
    step: float
    outside: list[int] = field(default_factory=list)
    sum: int = 0
    magic: str = _MAGIC


class QuantizedMatrix:
    """An 8-bit copy of a matrix."""

    def __init__(self, facts: _Facts, codes: _Codes) -> None:
        import faiss

        self._facts, self._codes = facts, codes
        self._outside = np.array(facts.outside, np.int64)
        kind = faiss.ScalarQuantizer.QT_8bit_direct_signed
        self._quantizer: Any = faiss.ScalarQuantizer(facts.dimension, kind)

    def candidates(self, queries: Floats, count: int, among: Ints | None = None) -> CandidateRows:
        """Return about `count` rows for each query, of all or `among` some in ascending order."""
        if among is not None:
            will_need(self._codes, among)
        codes = self._codes if among is None else self._codes[among]
        found = [self._best(query, codes, count) for query in _turned(queries, self._facts.turned)]
        rows, outside = np.concatenate([rows for rows, _ in found]), self._outside
        if among is not None:
            rows, outside = among[rows], np.intersect1d(outside, among)
        return CandidateRows(np.union1d(rows, outside), max(floor for _, floor in found))

    def _best(self, query: Floats, codes: _Codes, count: int) -> tuple[Ints, float]:
        """Return the best rows by their codes, and a score that all others are below."""
        import faiss

        # FAISS compares codes with a query of whole numbers, and drops what is behind the point in widths of 64 n.
        step = max(float(np.abs(query).max()), float(np.finfo(np.float32).tiny)) / _LEVELS
        levels, codes = np.rint(query / np.float32(step)), np.ascontiguousarray(codes)
        scores, rows = np.full(count, -np.inf, np.float32), np.full(count, -1, np.int64)
        scanner = self._quantizer.select_InvertedListScanner(faiss.METRIC_INNER_PRODUCT, None, True, None)
        scanner.set_query(faiss.swig_ptr(levels))
        scanner.set_list(0, 0)
        best = faiss.swig_ptr(scores), faiss.swig_ptr(rows), count
        scanner.scan_codes(len(codes), faiss.swig_ptr(codes), None, *best)
        # The error of a number is uniform over one step, so its standard deviation is step / sqrt(12). Errors of a row
        # are multiplied by the query, and those of the query by a row, which has the length one.
        error = _SIGMAS * np.hypot(float(np.linalg.norm(query)) * self._facts.step, step) / 12**0.5
        floor = float(scores.min() * step * self._facts.step + error) if count < len(codes) else -np.inf
        return rows[rows >= 0], floor


def quantized(matrix: Matrix) -> QuantizedMatrix:
    """Make a copy in memory."""
    codes: _Codes = np.empty((len(matrix), matrix.space.dimension), np.uint8)
    facts = _fitted(matrix, lambda start, block: codes.__setitem__(slice(start, start + len(block)), block))
    return QuantizedMatrix(facts, codes)


def kept_quantized(matrix: Matrix, folder: Path, check: bool) -> QuantizedMatrix | None:
    """Map the copy that an earlier process kept in a folder; None where there is none of these vectors.

    `check` verifies its checksum if it is not known to be undamaged.
    """
    file = _file(matrix, folder)
    verified = VerifiedFiles(folder)
    check = check and not verified.has(file)
    found = _read(file, check)
    if found is None or (found[0].key, found[0].rows, found[0].dimension) != _identity(matrix):
        return None
    if check:
        verified.add(file)
        verified.save()
    return QuantizedMatrix(*found)


def keep_quantized(matrix: Matrix, folder: Path) -> QuantizedMatrix | None:
    """Make a copy and keep it in a folder instead of an earlier one; None where it cannot be written."""
    file = _file(matrix, folder)
    with contextlib.suppress(OSError):
        with atomic(file, parents=True) as part, part.open("wb") as out:

            def write(start: int, block: _Codes) -> None:
                out.seek(_HEAD + start * matrix.space.dimension)
                out.write(block.data)

            facts = _fitted(matrix, write)
            out.seek(0)
            out.write(json.dumps(asdict(facts)).encode().ljust(_HEAD))
        return kept_quantized(matrix, folder, False)
    return None


def is_sound(file: Path) -> bool:
    """Tell whether a copy is undamaged, be it up to date or not."""
    return _read(file, True) is not None


def _file(matrix: Matrix, folder: Path) -> Path:
    return folder / f"{collection_name('all', matrix.space.name)}{SUFFIX}"


def _identity(matrix: Matrix) -> tuple[str, int, int]:
    return matrix.key, len(matrix), matrix.space.dimension


def _read(file: Path, check: bool) -> tuple[_Facts, _Codes] | None:
    """Read the facts of a copy and map its codes; None where it is missing or damaged."""
    try:
        with open_regular(file) as opened:
            facts = validate(_Facts, parse_json(opened.read(_HEAD).decode()))
        shape = facts.rows, facts.dimension
        if not _is_plausible(facts) or file.stat().st_size != _HEAD + shape[0] * shape[1]:
            return None
        codes = np.asarray(np.memmap(file, np.uint8, "r", _HEAD, shape))
        return (facts, codes) if not check or zlib.crc32(codes.data) == facts.sum else None
    except (OSError, ValueError):
        return None


def _is_plausible(facts: _Facts) -> bool:
    """Tell whether facts that were read can be used without harm."""
    places = ((facts.turned, facts.dimension), (facts.outside, facts.rows))
    return (
        facts.magic == _MAGIC
        and min(facts.rows, facts.dimension, facts.step) > 0
        and all(0 <= one < end for found, end in places for one in found)
        and len(facts.turned).bit_count() == 1
    )


def _fitted(matrix: Matrix, write: Callable[[int, _Codes], None]) -> _Facts:
    """Code all rows in steps that fit nearly all of them, and write the codes."""
    sample = np.concatenate(list(matrix.stretches()))
    most = 1 << (min(_TURNED, matrix.space.dimension).bit_length() - 1)
    turned = np.sort(np.argsort(-np.abs(sample).max(axis=0))[:most]).tolist()
    step = max(_MARGIN * float(np.abs(_turned(sample, turned)).max()), float(np.finfo(np.float32).tiny)) / _LEVELS
    while True:
        facts, start = _Facts(*_identity(matrix), turned, step), 0
        outside: list[int] = []
        total = 0
        for block, beyond in _coded(matrix, facts):
            write(start, block)
            total = zlib.crc32(block.data, total)
            outside += (start + beyond).tolist()
            start += len(block)
            if len(outside) > _MOST_OUTSIDE:
                break
        else:
            return _Facts(*_identity(matrix), turned, step, outside, total)
        step *= _MARGIN


def _coded(matrix: Matrix, facts: _Facts) -> Iterator[tuple[_Codes, Ints]]:
    """Yield the codes of each block, and the positions of the rows that exceed their range."""
    for vectors in (block[at : at + _BLOCK] for block in matrix.blocks() for at in range(0, len(block), _BLOCK)):
        levels = _turned(vectors, facts.turned)
        levels *= np.float32(1 / facts.step)
        beyond = np.zeros(0, np.int64)
        if max(levels.max(), -levels.min()) > _LEVELS:
            beyond = np.flatnonzero(np.abs(levels).max(axis=1) > _LEVELS)
            np.clip(levels, -_LEVELS, _LEVELS, out=levels)
        # Cut off by the conversion, half a step more rounds to the nearest.
        levels += _OFFSET + 0.5
        yield levels.astype(np.uint8), beyond


def _turned(vectors: Floats, dimensions: list[int]) -> Floats:
    """Rotate some dimensions among themselves, a power of two of them, which changes no cosine."""
    turned = np.array(vectors, np.float32)
    turned[:, dimensions] = turned[:, dimensions] @ _rotation(len(dimensions))
    return turned


@cache
def _rotation(size: int) -> Floats:
    """Return Hadamard's matrix, scaled to a rotation: each result has an equal share of every dimension."""
    made: Floats = np.ones((1, 1), np.float32)
    while len(made) < size:
        made = np.asarray(np.block([[made, made], [made, -made]]) / 2**0.5, np.float32)
    return made

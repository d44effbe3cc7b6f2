"""Reuse an order that an earlier run found from identical input."""

from collections.abc import Callable
from functools import cache
from hashlib import blake2b
from pathlib import Path
from typing import Any, Protocol, TypeAlias

import numpy as np
import numpy.typing as npt

from ..settings import SolveSettings
from .cost.prices import JoinCosts
from .order import OrderResult
from .order_input import OrderInput
from .path.find import RowPath

Arrays: TypeAlias = dict[str, npt.NDArray[Any]]


class OrderCache(Protocol):
    """Store named arrays under a key."""

    def get(self, key: str) -> Arrays | None:
        """Return the arrays of a key, if it is stored."""
        ...

    def put(self, key: str, arrays: Arrays) -> None:
        """Store arrays under a key."""
        ...


class NoOrderCache:
    """A cache that stores nothing."""

    def get(self, key: str) -> Arrays | None:
        return None

    def put(self, key: str, arrays: Arrays) -> None:
        pass


def cached_order(
    cache: OrderCache, rows: OrderInput, space: str, settings: SolveSettings, solve: Callable[[], OrderResult]
) -> OrderResult:
    """Return the cached order, or solve and cache it; a search that was stopped early is not cached.

    Only films small enough to price all pairs are cached: the costs of longer films are larger than their vectors.
    """
    if len(rows) > settings.dense_limit or rows.matcher is not None:
        return solve()
    key = _key(rows, space, settings)
    stored = cache.get(key)
    if stored is not None and (cached := _from_arrays(stored, len(rows))):
        return cached
    found = solve()
    if not found.path.interrupted:
        cache.put(key, _to_arrays(found))
    return found


def _key(rows: OrderInput, space: str, settings: SolveSettings) -> str:
    """Digest everything that the order depends on, including this package's source."""
    digest = blake2b(
        f"{_source_digest()} {space} {settings.model_dump_json()} {rows.from_video}".encode(), digest_size=16
    )
    # Chroma normalises vectors again, so that stored ones differ in the last bit from those that were just made.
    vectors = None if space == "appearance" and settings.price != "cosine" else rows.vectors
    for part in (vectors, rows.luma, rows.files, rows.joins, rows.chroma):
        if part is not None:
            digest.update(f"{part.dtype} {part.shape}".encode())
            digest.update(np.ascontiguousarray(part).data)
    return digest.hexdigest()


@cache
def _source_digest() -> str:
    digest = blake2b(digest_size=16)
    for module in sorted(Path(__file__).parent.rglob("*.py")):
        digest.update(module.read_bytes())
    return digest.hexdigest()


def _to_arrays(found: OrderResult) -> Arrays:
    assert found.costs.matrix is not None
    path = found.path
    bound = np.nan if path.lower_bound is None else path.lower_bound
    agreement = np.nan if found.agreement is None else found.agreement
    return {
        "order": np.array(path.order, np.int64),
        "numbers": np.array([path.cost, bound, found.costs.scale, found.band, found.seconds, agreement]),
        "flags": np.array([found.recurring, found.loop]),
        "names": np.array([path.solver, found.price]),
        "matrix": found.costs.matrix,
        "neighbours": np.array(found.costs.neighbours, np.int64),
        "orderless": np.array(sorted(found.orderless), np.int64),
        "halves": found.halves,
    }


def _from_arrays(stored: Arrays, count: int) -> OrderResult | None:
    """Restore an order of `count` rows; return None if the arrays are not what `_to_arrays` wrote."""
    try:
        cost, bound, scale, band, seconds, agreed = stored["numbers"].tolist()
        recurring, loop = stored["flags"].tolist()
        solver, price = stored["names"].tolist()
        matrix, order, neighbours = stored["matrix"], stored["order"], stored["neighbours"]
        halves = stored["halves"]
        orderless = frozenset(stored["orderless"].astype(np.int64).tolist())
    except (KeyError, TypeError, ValueError):
        return None
    # Fewer than two rows have no neighbours, and empty lists become an array of floats.
    near = neighbours.size == 0 or (neighbours.dtype.kind == "i" and 0 <= neighbours.min() <= neighbours.max() < count)
    if matrix.shape != (count, count) or matrix.dtype.kind != "i" or len(neighbours) != count or not near:
        return None
    if order.dtype.kind != "i" or not np.array_equal(np.sort(order), np.arange(count)):
        return None
    if halves.dtype.kind != "i" or not all(np.array_equal(np.sort(path), np.arange(count)) for path in halves):
        return None
    costs = JoinCosts(neighbours.tolist(), scale, matrix)
    path = RowPath(order.tolist(), cost, None if np.isnan(bound) else bound, str(solver))
    agreement = None if np.isnan(agreed) else agreed
    flags = bool(recurring), bool(loop)
    return OrderResult(path, costs, str(price), band, seconds, agreement, orderless, *flags, halves)

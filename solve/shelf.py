"""An order found once is not looked for again while everything that it was found from is the same."""

from collections.abc import Callable
from functools import cache
from hashlib import blake2b
from pathlib import Path
from typing import Any, Protocol, TypeAlias

import numpy as np
import numpy.typing as npt

from ..settings import Solve as SolveSettings
from .costs import JoinCosts, dense_rows
from .order import Ordered, Rows
from .path import Path as RowPath

Arrays: TypeAlias = dict[str, npt.NDArray[Any]]


class Shelf(Protocol):
    """Where named arrays are kept under a key."""

    def take(self, key: str) -> Arrays | None: ...

    def put(self, key: str, arrays: Arrays) -> None: ...


class NoShelf:
    """Keeps nothing."""

    def take(self, key: str) -> Arrays | None:
        return None

    def put(self, key: str, arrays: Arrays) -> None:
        pass


def shelved(shelf: Shelf, rows: Rows, space: str, settings: SolveSettings, solve: Callable[[], Ordered]) -> Ordered:
    """The order on the shelf, else the one that is found now; one that was stopped early is not worth keeping.

    Only films small enough for all pairs are kept: the costs of longer ones are larger than their vectors.
    """
    if len(rows) > settings.dense_limit or rows.matcher is not None:
        return solve()
    key = _key(rows, space, settings)
    known = shelf.take(key)
    if known is not None and (kept := _unpacked(known, len(rows))):
        return kept
    found = solve()
    if not found.path.interrupted:
        shelf.put(key, _packed(found))
    return found


def _key(rows: Rows, space: str, settings: SolveSettings) -> str:
    """A digest of what the order depends on, this program included."""
    made = blake2b(f"{_program()} {space} {settings.model_dump_json()} {rows.from_video}".encode(), digest_size=16)
    for part in (rows.vectors, rows.luma, rows.files, rows.joins, rows.chroma):
        if part is not None:
            made.update(f"{part.dtype} {part.shape}".encode())
            made.update(np.ascontiguousarray(part).data)
    return made.hexdigest()


@cache
def _program() -> str:
    made = blake2b(digest_size=16)
    for module in sorted(Path(__file__).parent.glob("*.py")):
        made.update(module.read_bytes())
    return made.hexdigest()


def _packed(found: Ordered) -> Arrays:
    assert found.costs.matrix is not None
    path = found.path
    bound = np.nan if path.lower_bound is None else path.lower_bound
    return {
        "order": np.array(path.order, np.int64),
        "numbers": np.array([path.cost, bound, found.costs.scale, found.band, found.seconds]),
        "names": np.array([path.solver, found.price]),
        "matrix": found.costs.matrix,
        "neighbours": np.array(found.costs.neighbours, np.int64),
        "orderless": np.array(sorted(found.orderless), np.int64),
    }


def _unpacked(known: Arrays, count: int) -> Ordered | None:
    """The order of so many rows that arrays hold; None where they are not what was packed."""
    try:
        cost, bound, scale, band, seconds = known["numbers"].tolist()
        solver, price = known["names"].tolist()
        matrix, order, neighbours = known["matrix"], known["order"], known["neighbours"]
        orderless = frozenset(known["orderless"].astype(np.int64).tolist())
    except (KeyError, TypeError, ValueError):
        return None
    # Those of fewer than two rows have no neighbours, and empty lists become an array of floats.
    near = neighbours.size == 0 or (neighbours.dtype.kind == "i" and 0 <= neighbours.min() <= neighbours.max() < count)
    if matrix.shape != (count, count) or matrix.dtype.kind != "i" or len(neighbours) != count or not near:
        return None
    if order.dtype.kind != "i" or not np.array_equal(np.sort(order), np.arange(count)):
        return None
    costs = JoinCosts(dense_rows(matrix), neighbours.tolist(), scale, matrix)
    path = RowPath(order.tolist(), cost, None if np.isnan(bound) else bound, str(solver))
    return Ordered(path, costs, str(price), band, seconds, orderless)

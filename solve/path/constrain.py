"""A path as the user wants it: the cheapest found in which all that was said holds."""

from collections.abc import Iterator, Sequence

from ...settings import SolveSettings
from ..constraints import Pair, chains
from ..cost.prices import JoinCosts
from ..stop import StopCondition
from .local import improve
from .pinned import PinnedRows, cost_subset, pinned_costs, pinned_rows
from .precedence import enforce_precedence

_KICKS_PER_ROW = 5
_MOST_KICKS = 10_000


def constrain(path: Sequence[int], costs: JoinCosts, ties: PinnedRows, settings: SolveSettings) -> list[int]:
    """The path itself where it will do one way or the other; else one solved under the ties.

    The path may hold only some of the rows of the costs.
    """
    fitting = [way for way in (list(path), list(path)[::-1]) if holds(way, ties)]
    if fitting:
        return fitting[0]
    rows = sorted(path)
    new = {row: number for number, row in enumerate(rows)}
    found = _solved([new[row] for row in path], cost_subset(costs, rows), pinned_rows(ties, new), settings)
    return [rows[number] for number in found]


def holds(path: Sequence[int], ties: PinnedRows) -> bool:
    place = {row: number for number, row in enumerate(path)}
    return (
        (ties.first is None or path[0] == ties.first)
        and (ties.last is None or path[-1] == ties.last)
        and all(place[a] < place[b] for a, b in ties.before)
        and all(abs(place[a] - place[b]) == 1 for a, b in ties.adjacent)
    )


def _solved(path: list[int], costs: JoinCosts, ties: PinnedRows, settings: SolveSettings) -> list[int]:
    tied = pinned_costs(costs, ties)
    watch = StopCondition().for_seconds(settings.time_limit)
    kicks = min(_KICKS_PER_ROW * len(tied), _MOST_KICKS)
    start = _stitched(path, len(costs), ties)
    start = improve(start, tied, kicks=kicks, seed=settings.seed, watch=watch)
    ways = [way for way in (start, start[::-1]) if _ends_fit(way, len(costs), ties)]
    for way in ways:
        if holds([row for row in way if row < len(costs)], PinnedRows(before=ties.before)):
            return [row for row in way if row < len(costs)]
    pairs = [*ties.before, *_guarded(len(costs), ties)]
    solved = [enforce_precedence(way, tied, pairs, watch) for way in ways]
    return [row for row in min(solved, key=tied.of) if row < len(costs)]


def _guarded(count: int, ties: PinnedRows) -> Iterator[Pair]:
    """What keeps a piece of the path from being turned round together with its guard."""
    for row in {row for pair in ties.before for row in pair}:
        if ties.first is not None:
            yield count, row
        if ties.last is not None:
            yield row, count + len(ties.ends) - 1


def _ends_fit(path: Sequence[int], count: int, ties: PinnedRows) -> bool:
    within = [row for row in path if row < count]
    return holds(within, PinnedRows(ties.first, ties.last))


def _stitched(path: Sequence[int], count: int, ties: PinnedRows) -> list[int]:
    """The path with each chain of tied rows in the place of its first, and the ends and their guards outside."""
    tied = chains(ties.adjacent)
    home = {row: chain for chain in tied for row in chain}
    pieces: list[list[int]] = []
    seen: set[int] = set()
    for row in path:
        if row not in seen:
            pieces.append(home.get(row, [row]))
            seen.update(pieces[-1])
    guard = count
    for end, back in ((ties.first, False), (ties.last, True)):
        if end is None:
            continue
        piece = next(piece for piece in pieces if end in piece)
        pieces.remove(piece)
        outwards = piece if piece[0] == end else piece[::-1]
        pieces.insert(len(pieces) if back else 0, [*outwards[::-1], guard] if back else [guard, *outwards])
        guard += 1
    return [row for piece in pieces for row in piece]

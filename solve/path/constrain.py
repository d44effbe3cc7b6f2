"""Solve for the cheapest path that satisfies the user's constraints."""

from collections.abc import Iterator, Sequence

from ...settings import SolveSettings
from ..constraints import Pair, chains
from ..cost.prices import JoinCosts
from ..stop import StopCondition
from .local import improve
from .pinned import PinnedRows, cost_subset, pinned_costs, pinned_rows
from .precedence import enforce_precedence

_KICKS_PER_ROW = 5
"""Kicks under pinned costs, which no bound can end early."""
_MOST_KICKS = 10_000
"""Limits the time that long films take."""


def constrain(path: Sequence[int], costs: JoinCosts, pins: PinnedRows, settings: SolveSettings) -> list[int]:
    """Return the path if it satisfies the pins in either direction; else solve it again under the pins.

    `path` may hold only some of the rows of `costs`.
    """
    for direction in (list(path), list(path)[::-1]):
        if holds(direction, pins):
            return direction
    rows = sorted(path)
    new = {row: number for number, row in enumerate(rows)}
    found = _solve_pinned([new[row] for row in path], cost_subset(costs, rows), pinned_rows(pins, new), settings)
    solved = [rows[number] for number in found]
    if pins.first is None and pins.last is None and not pins.before:
        # Nothing tells the direction, so a correction does not turn the film around.
        return _in_direction_of(path, solved)
    return solved


def _in_direction_of(path: Sequence[int], other: list[int]) -> list[int]:
    """Return a path over the same rows in the direction in which more of it runs as `path` does."""
    place = {row: number for number, row in enumerate(path)}
    middle = (len(path) - 1) / 2
    agreement = sum((number - middle) * (place[row] - middle) for number, row in enumerate(other))
    return other if agreement >= 0 else other[::-1]


def holds(path: Sequence[int], pins: PinnedRows) -> bool:
    """Return whether a path satisfies the pins."""
    place = {row: number for number, row in enumerate(path)}
    return (
        (pins.first is None or path[0] == pins.first)
        and (pins.last is None or path[-1] == pins.last)
        and all(place[a] < place[b] for a, b in pins.before)
        and all(abs(place[a] - place[b]) == 1 for a, b in pins.adjacent)
    )


def _solve_pinned(path: list[int], costs: JoinCosts, pins: PinnedRows, settings: SolveSettings) -> list[int]:
    pinned = pinned_costs(costs, pins)
    stop = StopCondition().for_seconds(settings.time_limit)
    kicks = min(_KICKS_PER_ROW * len(pinned), _MOST_KICKS)
    start = _pinned_start(path, len(costs), pins)
    start = improve(start, pinned, kicks=kicks, seed=settings.seed, stop=stop)
    ends = PinnedRows(pins.first, pins.last)
    directions = [path for path in (start, start[::-1]) if holds(_without_guards(path, len(costs)), ends)]
    for direction in directions:
        if holds(found := _without_guards(direction, len(costs)), PinnedRows(before=pins.before)):
            return found
    pairs = [*pins.before, *_guard_pairs(len(costs), pins)]
    solved = [enforce_precedence(direction, pinned, pairs, stop) for direction in directions]
    return _without_guards(min(solved, key=pinned.of), len(costs))


def _guard_pairs(count: int, pins: PinnedRows) -> Iterator[Pair]:
    """Yield pairs that keep a reversal from moving an end of the path together with its guard."""
    for row in {row for pair in pins.before for row in pair}:
        if pins.first is not None:
            yield count, row
        if pins.last is not None:
            yield row, count + len(pins.ends) - 1


def _without_guards(path: Sequence[int], count: int) -> list[int]:
    return [row for row in path if row < count]


def _pinned_start(path: Sequence[int], count: int, pins: PinnedRows) -> list[int]:
    """Return the path with each chain moved to its first row, and the pinned ends with their guards moved outside."""
    chain_of = {row: chain for chain in chains(pins.adjacent) for row in chain}
    pieces: list[list[int]] = []
    seen: set[int] = set()
    for row in path:
        if row not in seen:
            pieces.append(chain_of.get(row, [row]))
            seen.update(pieces[-1])
    guard = count
    for end, back in ((pins.first, False), (pins.last, True)):
        if end is None:
            continue
        piece = next(piece for piece in pieces if end in piece)
        pieces.remove(piece)
        outward = piece if piece[0] == end else piece[::-1]
        pieces.insert(len(pieces) if back else 0, [*outward[::-1], guard] if back else [guard, *outward])
        guard += 1
    return [row for piece in pieces for row in piece]

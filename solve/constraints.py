"""The user's constraints on an order, and the check that all of them can hold at once."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from graphlib import CycleError, TopologicalSorter
from itertools import pairwise
from typing import Any, Self

from ..errors import UsageError
from ..media.ranges import expand, expand_once, parse_ranges, shortened, unknown_number, whole_number

Pair = tuple[int, int]


@dataclass(frozen=True)
class Constraints:
    """Constraints on an order.

    Frames are given by their index in the file, shots by the numbers that `solve` assigns without constraints.
    """

    first: int | None = None
    last: int | None = None
    before: tuple[Pair, ...] = ()
    adjacent: tuple[Pair, ...] = ()
    keep: tuple[int, ...] = ()
    drop: tuple[int, ...] = ()
    keep_shot: tuple[int, ...] = ()
    drop_shot: tuple[int, ...] = ()
    flip_shot: tuple[int, ...] = ()
    shot_order: tuple[int, ...] = ()
    cut_after: tuple[int, ...] = ()
    join_after: tuple[int, ...] = ()
    ranges: tuple[tuple[str, tuple[range, ...]], ...] = ()
    """Lists by field name, as parsed. They are expanded only once the number of frames is known, so that a huge
    range cannot exhaust memory.
    """

    def __bool__(self) -> bool:
        return bool(self.given() or self.ranges)

    def given(self) -> dict[str, object]:
        """Return the constraints that are set, by name."""
        values = ((field.name, getattr(self, field.name)) for field in fields(self) if field.name != "ranges")
        return {name: value for name, value in values if value not in (None, ())}

    def of_frames(self, frames: Collection[int]) -> Self:
        """Expand lists of frames.

        Raises:
            UsageError: A list names a frame that is not among `frames`.
        """
        return self._expanded(_LISTS_OF_FRAMES, frames, "frame")

    def of_shots(self, shots: Collection[int]) -> Self:
        """Expand lists of shots.

        Raises:
            UsageError: A list names a shot that is not among `shots`.
        """
        return self._expanded(_LISTS_OF_SHOTS, shots, "shot")

    def _expanded(self, names: Collection[str], known: Collection[int], noun: str) -> Self:
        found: dict[str, Any] = {}
        for name, ranges in self.ranges:
            if name in names:
                resolve = expand_once if name in _EACH_ONCE else expand
                numbers = resolve(ranges, known, option_of(name), noun)
                found[name] = tuple(dict.fromkeys([*getattr(self, name), *numbers]))
        left = tuple(one for one in self.ranges if one[0] not in names)
        return replace(self, **found, ranges=left) if found else self

    @property
    def placed(self) -> set[int]:
        """Frames that the user gives a position, and which therefore play."""
        ends = {frame for frame in (self.first, self.last) if frame is not None}
        return ends | {frame for pair in (*self.before, *self.adjacent) for frame in pair}

    @property
    def fixes_direction(self) -> bool:
        """Whether the constraints fix the direction of the film."""
        return bool(self.before or self.flip_shot) or self.first is not None or self.last is not None

    def pairs(self) -> Iterator[tuple[str, Pair]]:
        """Yield each pair with the option that sets it."""
        for name in ("before", "adjacent"):
            for a, b in getattr(self, name):
                yield f"--{name} {a}:{b}", (a, b)

    def named_frames(self) -> Iterator[tuple[str, int]]:
        """Yield each named frame with the option that names it."""
        for name in ("first", "last"):
            if (frame := getattr(self, name)) is not None:
                yield f"--{name} {frame}", frame
        for option, pair in self.pairs():
            yield from ((option, frame) for frame in pair)
        for name in ("keep", "drop"):
            yield from ((f"--{name} {frame}", frame) for frame in getattr(self, name))


NO_CONSTRAINTS = Constraints()

_LISTS_OF_FRAMES = ("keep", "drop", "cut_after", "join_after")
_LISTS_OF_SHOTS = ("keep_shot", "drop_shot", "flip_shot", "shot_order")
_EACH_ONCE = ("flip_shot", "shot_order", "cut_after", "join_after")
"""Lists in which a repeated number is an error: it would mean nothing, or undo itself."""


def option_of(name: str) -> str:
    """Return the command-line option for a field."""
    return f"--{name.replace('_', '-')}"


def parse_constraints(
    first: int | None = None,
    last: int | None = None,
    before: Sequence[str] | None = None,
    adjacent: Sequence[str] | None = None,
    keep: Sequence[str] | None = None,
    drop: Sequence[str] | None = None,
    keep_shot: Sequence[str] | None = None,
    drop_shot: Sequence[str] | None = None,
    flip_shot: Sequence[str] | None = None,
    shot_order: str | None = None,
    cut_after: Sequence[str] | None = None,
    join_after: Sequence[str] | None = None,
) -> Constraints:
    """Parse constraints from text: pairs as A:B, several frames or shots as 3,7-9.

    Lists stay unexpanded until `of_frames` and `of_shots` know the valid numbers.

    Raises:
        UsageError: A text is not a pair or a range.
    """
    lists = {
        "keep": keep,
        "drop": drop,
        "keep_shot": keep_shot,
        "drop_shot": drop_shot,
        "flip_shot": flip_shot,
        "shot_order": [shot_order] if shot_order else [],
        "cut_after": cut_after,
        "join_after": join_after,
    }
    return Constraints(
        first=first,
        last=last,
        before=tuple(_pair("--before", text) for text in before or ()),
        adjacent=tuple(_pair("--adjacent", text) for text in adjacent or ()),
        ranges=tuple((name, parse_ranges(texts, option_of(name))) for name, texts in lists.items() if texts),
    )


def _pair(option: str, text: str) -> Pair:
    a, _, b = text.partition(":")
    left, right = whole_number(a), whole_number(b)
    if left is None or right is None:
        raise UsageError(
            f"{option} {shortened(text)}: this is not a pair of frames.", f"Write two numbers: {option} 12:57."
        )
    return left, right


def check_constraints(constraints: Constraints, frames: Collection[int]) -> None:
    """Check that constraints name existing frames and can all hold.

    Raises:
        UsageError: Names the options that are wrong or contradict each other.
    """
    known = set(frames)
    for option, named in constraints.named_frames():
        if named not in known:
            raise unknown_number(shortened(option), named, known, "frame")
    for option, named in constraints.named_frames():
        if named in constraints.drop and not option.startswith("--drop"):
            raise contradiction([option, f"--drop {named}"])
    for frame in constraints.cut_after:
        if frame in constraints.join_after:
            raise contradiction([f"--cut-after {frame}", f"--join-after {frame}"])
    for option, (a, b) in constraints.pairs():
        if a == b:
            raise UsageError(f"{option} names the same frame twice.", "Name two different frames.")
    if constraints.first is not None and constraints.first == constraints.last and len(known) > 1:
        raise contradiction([f"--first {constraints.first}", f"--last {constraints.last}"])
    _check_order(constraints, len(known) - len(set(constraints.drop)))


def chains(adjacent: Sequence[Pair]) -> list[list[int]]:
    """Join adjacent pairs into chains of frames that play one after another, in either direction.

    Raises:
        UsageError: A frame has more than two neighbours, or the pairs form a cycle.
    """
    links: dict[int, list[int]] = {}
    for a, b in {(min(pair), max(pair)) for pair in adjacent}:
        links.setdefault(a, []).append(b)
        links.setdefault(b, []).append(a)
    for frame, neighbours in links.items():
        if len(neighbours) > 2:
            raise contradiction([f"--adjacent {frame}:{other}" for other in sorted(neighbours)])
    found, seen = [], set[int]()
    for end in sorted(frame for frame, neighbours in links.items() if len(neighbours) == 1):
        if end not in seen:
            found.append(_walk_chain(end, links))
            seen.update(found[-1])
    cycle_frames = sorted(links.keys() - seen)
    if cycle_frames:
        raise contradiction([f"--adjacent {a}:{b}" for a, b in adjacent if a in cycle_frames])
    return found


def _walk_chain(end: int, links: Mapping[int, Sequence[int]]) -> list[int]:
    chain = [end]
    while following := [frame for frame in links[chain[-1]] if frame not in chain[-2:]]:
        chain.append(following[0])
    return chain


def _check_order(constraints: Constraints, playing: int) -> None:
    """Check that `before`, `first` and `last` form no cycle.

    A chain counts as one node, numbered below zero, because no other frame can play between its frames.
    """
    tied_chains = chains(constraints.adjacent)
    chain_of = {frame: number for number, chain in enumerate(tied_chains) for frame in chain}
    for chain in tied_chains:
        _check_chain(constraints, chain, playing)
    reasons: dict[Pair, str] = {}
    for option, a, b in _orders(constraints):
        left, right = (-1 - chain_of[frame] if frame in chain_of else frame for frame in (a, b))
        if left != right:
            reasons.setdefault((left, right), option)
    after: dict[int, set[int]] = {}
    for left, right in reasons:
        after.setdefault(right, set()).add(left)
    try:
        TopologicalSorter(after).prepare()
    except CycleError as cycle:
        raise contradiction([reasons[join] for join in pairwise(cycle.args[1])]) from None


def _check_chain(constraints: Constraints, chain: Sequence[int], playing: int) -> None:
    """Check that `first` and `last` are ends of the chain, and that all constraints agree on its direction."""
    tied_chains = [f"--adjacent {a}:{b}" for a, b in pairwise(chain)]
    forwards: dict[bool, str] = {}
    place = {frame: number for number, frame in enumerate(chain)}
    for option, a, b in _orders(constraints):
        if a in place and b in place:
            forwards[place[a] < place[b]] = option
    for option, end, starts in (("--first", constraints.first, True), ("--last", constraints.last, False)):
        if end in place:
            if end not in (chain[0], chain[-1]):
                raise contradiction([f"{option} {end}", *tied_chains])
            forwards[(end == chain[0]) == starts] = f"{option} {end}"
    if len(forwards) > 1:
        raise contradiction([*forwards.values(), *tied_chains])
    if constraints.first in place and constraints.last in place and len(chain) < playing:
        raise contradiction([f"--first {constraints.first}", f"--last {constraints.last}", *tied_chains])


def _orders(constraints: Constraints) -> Iterator[tuple[str, int, int]]:
    """Yield which frame must play before which, with the option that says so."""
    for a, b in constraints.before:
        yield f"--before {a}:{b}", a, b
    for other in sorted(constraints.placed):
        if constraints.first is not None and other != constraints.first:
            yield f"--first {constraints.first}", constraints.first, other
        if constraints.last is not None and other != constraints.last:
            yield f"--last {constraints.last}", other, constraints.last


def contradiction(options: Sequence[str]) -> UsageError:
    """Build the error for options that contradict each other."""
    return UsageError(f"These cannot all hold: {', '.join(dict.fromkeys(options))}.", "Remove or correct one of them.")

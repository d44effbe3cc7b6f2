"""What the user knows of a film, and whether all of it can hold at once."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from graphlib import CycleError, TopologicalSorter
from itertools import pairwise
from typing import Any, Self

from ..errors import UsageError
from ..ranges import expanded, in_turn, parse_ranges, shortened, unknown, whole_number

Pair = tuple[int, int]


@dataclass(frozen=True)
class Wishes:
    """Frames by their index in the file, shots by the numbers that `solve` gives them when nothing is wished."""

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
    ranges: tuple[tuple[str, tuple[range, ...]], ...] = ()
    """Lists by the name of their field, as they were read: no range is expanded before it is known how far it may
    reach."""

    def __bool__(self) -> bool:
        return bool(self.given() or self.ranges)

    def given(self) -> dict[str, object]:
        """The wishes that were made, by name."""
        values = ((field.name, getattr(self, field.name)) for field in fields(self) if field.name != "ranges")
        return {name: value for name, value in values if value not in (None, ())}

    def of_frames(self, frames: Collection[int]) -> Self:
        """The same with lists of frames expanded; UsageError where they name what is not among `frames`."""
        return self._expanded(_LISTS_OF_FRAMES, frames, "frame")

    def of_shots(self, shots: Collection[int]) -> Self:
        """The same with lists of shots expanded; UsageError where they name what is not among `shots`."""
        return self._expanded(_LISTS_OF_SHOTS, shots, "shot")

    def _expanded(self, names: Collection[str], known: Collection[int], noun: str) -> Self:
        found: dict[str, Any] = {}
        for name, ranges in self.ranges:
            if name in names:
                expand = in_turn if name in _EACH_ONCE else expanded
                numbers = expand(ranges, known, option_of(name), noun)
                found[name] = tuple(dict.fromkeys([*getattr(self, name), *numbers]))
        left = tuple(one for one in self.ranges if one[0] not in names)
        return replace(self, **found, ranges=left) if found else self

    @property
    def placed(self) -> set[int]:
        """The frames that the user puts somewhere, and which therefore play."""
        ends = {frame for frame in (self.first, self.last) if frame is not None}
        return ends | {frame for pair in (*self.before, *self.adjacent) for frame in pair}

    @property
    def say_direction(self) -> bool:
        return bool(self.before or self.flip_shot) or self.first is not None or self.last is not None

    def pairs(self) -> Iterator[tuple[str, Pair]]:
        """Each pair, with the option that says it."""
        for name in ("before", "adjacent"):
            for a, b in getattr(self, name):
                yield f"--{name} {a}:{b}", (a, b)

    def frames_named(self) -> Iterator[tuple[str, int]]:
        """Each frame that is named, with the option that names it."""
        for name in ("first", "last"):
            if (frame := getattr(self, name)) is not None:
                yield f"--{name} {frame}", frame
        for option, pair in self.pairs():
            yield from ((option, frame) for frame in pair)
        for name in ("keep", "drop"):
            yield from ((f"--{name} {frame}", frame) for frame in getattr(self, name))


NO_WISHES = Wishes()

_LISTS_OF_FRAMES = ("keep", "drop")
_LISTS_OF_SHOTS = ("keep_shot", "drop_shot", "flip_shot", "shot_order")
_EACH_ONCE = ("flip_shot", "shot_order")
"""Lists in which a number that is there twice means nothing, or takes back what it said."""


def option_of(name: str) -> str:
    """The option that says a wish."""
    return f"--{name.replace('_', '-')}"


def read_wishes(
    first: int | None = None,
    last: int | None = None,
    before: Sequence[str] = (),
    adjacent: Sequence[str] = (),
    keep: Sequence[str] = (),
    drop: Sequence[str] = (),
    keep_shot: Sequence[str] = (),
    drop_shot: Sequence[str] = (),
    flip_shot: Sequence[str] = (),
    shot_order: str = "",
) -> Wishes:
    """Wishes as people write them: pairs as A:B, several frames or shots as 3,7-9.

    Lists stay unexpanded until `of_frames` and `of_shots` are told how many there are.
    """
    lists = {
        "keep": keep,
        "drop": drop,
        "keep_shot": keep_shot,
        "drop_shot": drop_shot,
        "flip_shot": flip_shot,
        "shot_order": [shot_order] if shot_order else [],
    }
    return Wishes(
        first=first,
        last=last,
        before=tuple(_pair("--before", text) for text in before),
        adjacent=tuple(_pair("--adjacent", text) for text in adjacent),
        ranges=tuple((name, parse_ranges(texts, option_of(name))) for name, texts in lists.items() if texts),
    )


def _pair(option: str, text: str) -> Pair:
    a, _, b = text.partition(":")
    left, right = whole_number(a), whole_number(b)
    if left is None or right is None:
        raise UsageError(f"{option} {shortened(text)}: that is no pair.", f"Write two numbers: {option} 12:57.")
    return left, right


def check_wishes(wishes: Wishes, frames: Collection[int]) -> None:
    """Refuse wishes that name what is not there, and those that cannot all hold, by their names."""
    known = set(frames)
    for option, named in wishes.frames_named():
        if named not in known:
            raise unknown(shortened(option), named, known, "frame")
    for option, named in wishes.frames_named():
        if named in wishes.drop and not option.startswith("--drop"):
            raise contradiction([option, f"--drop {named}"])
    for option, (a, b) in wishes.pairs():
        if a == b:
            raise UsageError(f"{option}: that is the same frame twice.", "Name two frames.")
    if wishes.first is not None and wishes.first == wishes.last and len(known) > 1:
        raise contradiction([f"--first {wishes.first}", f"--last {wishes.last}"])
    _check_order(wishes, len(known) - len(set(wishes.drop)))


def chains(adjacent: Sequence[Pair]) -> list[list[int]]:
    """Frames that play one after another, one way or the other."""
    links: dict[int, list[int]] = {}
    for a, b in {(min(pair), max(pair)) for pair in adjacent}:
        links.setdefault(a, []).append(b)
        links.setdefault(b, []).append(a)
    for frame, beside in links.items():
        if len(beside) > 2:
            raise contradiction([f"--adjacent {frame}:{other}" for other in sorted(beside)])
    found, seen = [], set[int]()
    for end in sorted(frame for frame, beside in links.items() if len(beside) == 1):
        if end not in seen:
            found.append(_walked(end, links))
            seen.update(found[-1])
    ring = sorted(links.keys() - seen)
    if ring:
        raise contradiction([f"--adjacent {a}:{b}" for a, b in adjacent if a in ring])
    return found


def _walked(end: int, links: Mapping[int, Sequence[int]]) -> list[int]:
    chain = [end]
    while ahead := [frame for frame in links[chain[-1]] if frame not in chain[-2:]]:
        chain.append(ahead[0])
    return chain


def _check_order(wishes: Wishes, playing: int) -> None:
    """Chains count as one frame, numbered below zero: nothing else can play between their frames."""
    tied = chains(wishes.adjacent)
    home = {frame: number for number, chain in enumerate(tied) for frame in chain}
    for chain in tied:
        _check_chain(wishes, chain, playing)
    reasons: dict[Pair, str] = {}
    for option, a, b in _orders(wishes):
        left, right = (-1 - home[frame] if frame in home else frame for frame in (a, b))
        if left != right:
            reasons.setdefault((left, right), option)
    after: dict[int, set[int]] = {}
    for left, right in reasons:
        after.setdefault(right, set()).add(left)
    try:
        TopologicalSorter(after).prepare()
    except CycleError as cycle:
        raise contradiction([reasons[join] for join in pairwise(cycle.args[1])]) from None


def _check_chain(wishes: Wishes, chain: Sequence[int], playing: int) -> None:
    """That the film's ends are the chain's ends, and that everything wants to walk it the same way."""
    tied = [f"--adjacent {a}:{b}" for a, b in pairwise(chain)]
    forwards: dict[bool, str] = {}
    place = {frame: number for number, frame in enumerate(chain)}
    for option, a, b in _orders(wishes):
        if a in place and b in place:
            forwards[place[a] < place[b]] = option
    for option, end, starts in (("--first", wishes.first, True), ("--last", wishes.last, False)):
        if end in place:
            if end not in (chain[0], chain[-1]):
                raise contradiction([f"{option} {end}", *tied])
            forwards[(end == chain[0]) == starts] = f"{option} {end}"
    if len(forwards) > 1:
        raise contradiction([*forwards.values(), *tied])
    if wishes.first in place and wishes.last in place and len(chain) < playing:
        raise contradiction([f"--first {wishes.first}", f"--last {wishes.last}", *tied])


def _orders(wishes: Wishes) -> Iterator[tuple[str, int, int]]:
    """Which frame is to play before which, and why."""
    for a, b in wishes.before:
        yield f"--before {a}:{b}", a, b
    for other in sorted(wishes.placed):
        if wishes.first is not None and other != wishes.first:
            yield f"--first {wishes.first}", wishes.first, other
        if wishes.last is not None and other != wishes.last:
            yield f"--last {wishes.last}", other, wishes.last


def contradiction(options: Sequence[str]) -> UsageError:
    return UsageError(
        f"These cannot all hold: {', '.join(dict.fromkeys(options))}.", "Leave out or correct one of them."
    )

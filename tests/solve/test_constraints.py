"""The user's constraints hold in the order at the least cost, and are refused if they cannot hold."""

from collections.abc import Sequence
from itertools import pairwise, permutations
from typing import Any

import numpy as np
import pytest
from films import SIZE, either_way, film_of, other_film, shuffled
from helpers import pictures
from hypothesis import given, settings
from hypothesis import strategies as st

from reelweave.errors import UsageError
from reelweave.evaluate.drawn.film import draw_foreign
from reelweave.media.types import Picture
from reelweave.progress import SilentProgress
from reelweave.settings import load
from reelweave.solve.arrange import arrange
from reelweave.solve.arrangement import Arrangement
from reelweave.solve.constraints import Constraints, check_constraints, parse_constraints
from reelweave.solve.cost.prices import JoinCosts, dense_costs, sparse_costs
from reelweave.solve.path.constrain import constrain, holds
from reelweave.solve.path.find import sketch_path
from reelweave.solve.path.pinned import PinnedRows
from reelweave.solve.repeats import RepeatGroups, split_groups
from reelweave.solve.shots import NumberedShot, constraints_in_frames
from reelweave.solve.solve_input import SolveInput

_SETTINGS = load()
_ROWS = 7


def constrained(film: SolveInput, **constraints: Any) -> Arrangement:
    return arrange(film, _SETTINGS, SilentProgress(), Constraints(**constraints))


def costs_of(points: np.ndarray[Any, Any], dense: bool) -> JoinCosts:
    distances = np.linalg.norm(points[:, None] - points[None], axis=2)
    if dense:
        return dense_costs(distances, 5)
    ends = np.stack(np.triu_indices(len(points), 1), axis=1)
    near = np.sort(distances, axis=1)[:, 4]
    some = ends[distances[ends[:, 0], ends[:, 1]] <= np.minimum(near[ends[:, 0]], near[ends[:, 1]])]
    return sparse_costs(len(points), some, distances[some[:, 0], some[:, 1]].astype(np.float32), 5)


@st.composite
def satisfiable_pins(draw: st.DrawFn) -> PinnedRows:
    """Draw pins that can hold together, because they hold in some order."""
    order = draw(st.permutations(range(_ROWS)))
    places = st.tuples(st.integers(0, _ROWS - 1), st.integers(0, _ROWS - 1)).filter(lambda pair: pair[0] < pair[1])
    return PinnedRows(
        first=order[0] if draw(st.booleans()) else None,
        last=order[-1] if draw(st.booleans()) else None,
        before=tuple((order[a], order[b]) for a, b in draw(st.lists(places, max_size=4))),
        adjacent=tuple((order[at], order[at + 1]) for at in draw(st.sets(st.integers(0, _ROWS - 2), max_size=3))),
    )


@settings(deadline=None, max_examples=60)
@given(satisfiable_pins(), st.integers(0, 1000), st.booleans())
def test_all_constraints_hold(pins: PinnedRows, seed: int, dense: bool) -> None:
    costs = costs_of(np.random.default_rng(seed).normal(size=(_ROWS, 2)), dense)
    found = constrain(sketch_path(costs, _SETTINGS.solve).path, costs, pins, _SETTINGS.solve)
    assert sorted(found) == list(range(_ROWS))
    assert holds(found, pins)


def test_precedence_costs_hardly_more_than_the_optimum() -> None:
    excess = []
    for seed in range(40):
        chance = np.random.default_rng(seed)
        order, costs = chance.permutation(_ROWS).tolist(), costs_of(chance.normal(size=(_ROWS, 2)), dense=True)
        pairs = [sorted(chance.choice(_ROWS, 2, replace=False).tolist()) for _ in range(3)]
        pins = PinnedRows(before=tuple((order[a], order[b]) for a, b in pairs))
        found = constrain(sketch_path(costs, _SETTINGS.solve).path, costs, pins, _SETTINGS.solve)
        best = min(costs.of(path) for path in permutations(range(_ROWS)) if holds(path, pins))
        excess.append(costs.of(found) / best - 1)
    assert np.mean(excess) < 0.01


@pytest.mark.parametrize(
    "pins",
    [PinnedRows(first=3), PinnedRows(last=0), PinnedRows(first=2, last=5), PinnedRows(adjacent=((0, 4), (4, 2)))],
    ids=["first", "last", "both ends", "neighbours"],
)
@pytest.mark.parametrize("seed", range(4))
def test_pinned_ends_and_neighbours_are_reached_at_the_least_cost(pins: PinnedRows, seed: int) -> None:
    costs = costs_of(np.random.default_rng(seed).normal(size=(_ROWS, 2)), dense=True)
    found = constrain(sketch_path(costs, _SETTINGS.solve).path, costs, pins, _SETTINGS.solve)
    assert costs.of(found) == min(costs.of(path) for path in permutations(range(_ROWS)) if holds(path, pins))


def test_a_path_that_satisfies_its_pins_is_kept_or_reversed() -> None:
    costs = costs_of(np.random.default_rng(0).normal(size=(_ROWS, 2)), dense=True)
    path = [4, 1, 0, 3, 2, 6, 5]
    assert constrain(path, costs, PinnedRows(before=((4, 3),)), _SETTINGS.solve) == path
    assert constrain(path, costs, PinnedRows(before=((3, 4),), adjacent=((1, 0),)), _SETTINGS.solve) == path[::-1]


@pytest.mark.parametrize("turned", [False, True])
def test_a_correction_that_tells_no_direction_does_not_turn_the_film_around(turned: bool) -> None:
    costs = costs_of(np.arange(30.0)[:, None] * [1, 0], dense=True)
    path = list(range(30))[:: -1 if turned else 1]
    for moved in range(3, 27):
        found = constrain(path, costs, PinnedRows(adjacent=((moved - 1, moved + 1),)), _SETTINGS.solve)
        assert (found.index(0) > found.index(29)) == turned


def test_part_of_a_film_is_constrained_on_its_own() -> None:
    costs = costs_of(np.arange(10.0)[:, None] * [1, 0], dense=True)
    assert constrain([8, 6, 4, 2], costs, PinnedRows(first=2), _SETTINGS.solve) == [2, 4, 6, 8]
    assert constrain([8, 6, 4, 2], costs, PinnedRows(first=4, before=((8, 2),)), _SETTINGS.solve)[0] == 4


def test_constraints_hold_even_without_any_time() -> None:
    costs = costs_of(np.random.default_rng(1).normal(size=(40, 2)), dense=True)
    pins = PinnedRows(first=3, last=9, before=((20, 5), (5, 31), (31, 2)), adjacent=((7, 8), (8, 30)))
    hurried = _SETTINGS.solve.model_copy(update={"time_limit": 0.0})
    assert holds(constrain(list(range(40)), costs, pins, hurried), pins)


@pytest.fixture(scope="module")
def frames() -> list[Picture]:
    return pictures(40, SIZE)


@pytest.fixture(scope="module")
def places() -> list[int]:
    return shuffled(40)


@pytest.fixture(scope="module")
def one_shot(frames: list[Picture], places: list[int]) -> SolveInput:
    return film_of([frames[place] for place in places])


@pytest.mark.parametrize(("a", "b"), [(3, 30), (30, 3), (10, 11)])
def test_one_known_pair_fixes_the_direction(one_shot: SolveInput, places: list[int], a: int, b: int) -> None:
    found = constrained(one_shot, before=((places.index(a), places.index(b)),))
    assert [places[frame] for frame in found.order] == sorted(range(40), reverse=a > b)
    assert found.direction_known


def test_without_constraints_on_the_direction_it_is_unknown(one_shot: SolveInput) -> None:
    assert not constrained(one_shot).direction_known
    assert not constrained(one_shot, adjacent=((0, 1),), keep=(3,)).direction_known


def test_the_film_begins_and_ends_where_the_user_says(one_shot: SolveInput, places: list[int]) -> None:
    first, last = places.index(20), places.index(5)
    found = constrained(one_shot, first=first, last=last)
    assert (found.order[0], found.order[-1]) == (first, last)
    assert sorted(found.order) == list(range(40))


def test_a_join_that_the_user_set_is_certain(one_shot: SolveInput, places: list[int]) -> None:
    a, b = places.index(4), places.index(25)
    found = constrained(one_shot, adjacent=((a, b),))
    joins = [set(join) for join in pairwise(found.order)]
    assert found.confidence[joins.index({a, b})] == 1.0


def test_a_frame_that_the_user_drops_does_not_take_its_repeats_along(frames: list[Picture]) -> None:
    """The user named only that frame."""
    film = film_of([*frames, frames[7], frames[7]])
    found = constrained(film, drop=(7,))
    assert [(dropped.frame, dropped.reason) for dropped in found.dropped] == [(7, "user")]
    assert len(found.order) == 41


def test_frames_that_the_user_keeps_or_places_play_even_if_foreign(frames: list[Picture]) -> None:
    film = film_of([*frames, *other_film(2)])
    assert [dropped.frame for dropped in constrained(film).dropped] == [40, 41]
    assert [dropped.frame for dropped in constrained(film, keep=(40,)).dropped] == [41]
    assert constrained(film, last=41).order[-1] == 41
    assert constrained(film, adjacent=((40, 41),)).dropped == []


@pytest.fixture(scope="module")
def two_shots(frames: list[Picture]) -> SolveInput:
    """A shot of 40 and one of 30 frames, neither in order, and a group of three that is dropped."""
    unrelated = next(draw_foreign(1, SIZE, seed=2))
    film = [*frames, *other_film(30), *(np.roll(unrelated, 2 * step, axis=1) for step in range(3))]
    return film_of([film[place] for place in _MIXED])


_MIXED = shuffled(73)


def shots_of(found: Arrangement) -> list[tuple[int | None, list[int]]]:
    """Return the number and the true positions of each shot."""
    return [(s.number, [_MIXED[frame] for frame in found.order[s.start : s.start + s.length]]) for s in found.shots]


def test_shots_and_dropped_groups_are_numbered(two_shots: SolveInput) -> None:
    found = constrained(two_shots)
    assert [number for number, _ in shots_of(found)] == [1, 2]
    assert sorted(either_way(shot) for _, shot in shots_of(found)) == [list(range(40)), list(range(40, 70))]
    assert {(dropped.shot, _MIXED[dropped.frame]) for dropped in found.dropped} == {(3, 70), (3, 71), (3, 72)}


def test_a_shot_is_flipped_and_the_other_left_alone(two_shots: SolveInput) -> None:
    plain, found = constrained(two_shots), constrained(two_shots, flip_shot=(2,))
    (_, first), (_, second) = shots_of(plain)
    assert shots_of(found) == [(1, first), (2, second[::-1])]
    assert found.direction_known


def test_shots_play_in_the_requested_order_and_keep_their_numbers(two_shots: SolveInput) -> None:
    (_, first), (_, second) = shots_of(constrained(two_shots))
    assert shots_of(constrained(two_shots, shot_order=(2, 1))) == [(2, second), (1, first)]
    assert shots_of(constrained(two_shots, shot_order=(2, 1), flip_shot=(1, 2))) == [
        (2, second[::-1]),
        (1, first[::-1]),
    ]


def test_a_pair_within_a_shot_flips_only_that_shot(two_shots: SolveInput) -> None:
    (_, first), (_, second) = shots_of(constrained(two_shots))
    late, early = _MIXED.index(first[30]), _MIXED.index(first[3])
    found = constrained(two_shots, shot_order=(1, 2), before=((late, early),))
    assert shots_of(found) == [(1, first[::-1]), (2, second)]


def test_neighbours_from_two_shots_meet_at_the_cut(two_shots: SolveInput) -> None:
    (_, first), (_, second) = shots_of(constrained(two_shots))
    a, b = _MIXED.index(first[0]), _MIXED.index(second[-1])
    found = constrained(two_shots, shot_order=(1, 2), adjacent=((a, b),))
    assert shots_of(found) == [(1, first[::-1]), (2, second[::-1])]


def test_a_shot_is_dropped_and_a_dropped_group_kept(two_shots: SolveInput) -> None:
    (_, first), (_, second) = shots_of(constrained(two_shots))
    found = constrained(two_shots, drop_shot=(1,), keep_shot=(3,))
    assert {dropped.reason for dropped in found.dropped} == {"user"}
    assert sorted(_MIXED[dropped.frame] for dropped in found.dropped) == sorted(first)
    assert sorted(_MIXED[frame] for frame in found.order) == sorted([*second, 70, 71, 72])
    assert {number for number, _ in shots_of(found)} == {2, 3}


def test_a_shot_is_cut_after_a_frame_and_its_parts_are_moved_and_flipped(two_shots: SolveInput) -> None:
    (_, first), (_, second) = shots_of(constrained(two_shots))
    cut = _MIXED.index(first[9])
    found = constrained(two_shots, cut_after=(cut,))
    assert shots_of(found) == [(1, first[:10]), (4, first[10:]), (2, second)]
    assert found.order.index(cut) in found.undetermined
    assert shots_of(constrained(two_shots, cut_after=(cut,), flip_shot=(4,))) == [
        (1, first[:10]),
        (4, first[:9:-1]),
        (2, second),
    ]
    moved = constrained(two_shots, cut_after=(cut,), shot_order=(4, 2, 1))
    assert shots_of(moved) == [(4, first[10:]), (2, second), (1, first[:10])]
    left = shots_of(constrained(two_shots, cut_after=(cut,), drop_shot=(4,)))
    assert sorted((number, sorted(shot)) for number, shot in left) == [(1, sorted(first[:10])), (2, sorted(second))]


def test_cuts_are_numbered_in_the_order_in_which_they_are_named(two_shots: SolveInput) -> None:
    (_, first), (_, second) = shots_of(constrained(two_shots))
    late, early = (_MIXED.index(first[place]) for place in (29, 9))
    found = constrained(two_shots, cut_after=(late, early))
    assert shots_of(found) == [(1, first[:10]), (5, first[10:30]), (4, first[30:]), (2, second)]


def test_joined_shots_are_one_which_is_flipped_as_a_whole(two_shots: SolveInput) -> None:
    (_, first), (_, second) = shots_of(constrained(two_shots))
    join = _MIXED.index(first[-1])
    assert shots_of(constrained(two_shots, join_after=(join,))) == [(1, first + second)]
    flipped = constrained(two_shots, join_after=(join,), flip_shot=(1,))
    assert shots_of(flipped) == [(1, (first + second)[::-1])]
    cut = _MIXED.index(second[4])
    both = constrained(two_shots, join_after=(join,), cut_after=(cut,))
    assert shots_of(both) == [(1, first + second[:5]), (4, second[5:])]


def test_cuts_and_joins_that_cannot_be_made_are_refused_by_name(two_shots: SolveInput) -> None:
    plain = constrained(two_shots)
    (_, first), (_, second) = shots_of(plain)
    inner, end, last = (_MIXED.index(place) for place in (first[3], first[-1], second[-1]))
    for constraints, named in [
        ({"cut_after": (end,)}, f"--cut-after {end}"),
        ({"cut_after": (last,)}, f"--cut-after {last}"),
        ({"cut_after": (plain.dropped[0].frame,)}, f"--cut-after {plain.dropped[0].frame}"),
        ({"join_after": (inner,)}, f"--join-after {inner}"),
        ({"join_after": (last,)}, f"--join-after {last}"),
        ({"join_after": (end,), "flip_shot": (2,)}, "The shots are 1, 3"),
        ({"join_after": (end,), "cut_after": (end,)}, f"--join-after {end}"),
    ]:
        with pytest.raises(UsageError, match=named):
            constrained(two_shots, **constraints)


def test_repeats_stay_on_one_side_of_a_cut(frames: list[Picture]) -> None:
    film = film_of([*frames[:20], frames[7], *frames[20:]])
    order = constrained(film).order
    first, second = (frame for frame in order if frame in (7, 20))
    found = constrained(film, cut_after=(first,))
    ends = {found.order[shot.start + shot.length - 1] for shot in found.shots}
    assert second in ends
    assert first not in ends


def test_the_same_constraints_give_the_same_arrangement(two_shots: SolveInput) -> None:
    a, b = (constrained(two_shots, drop=(3, 4), before=((9, 5), (5, 20), (20, 60)), flip_shot=()) for _ in range(2))
    assert (a.order, a.shots, a.confidence) == (b.order, b.shots, b.confidence)


REFUSED: dict[str, tuple[dict[str, Any], Sequence[str]]] = {
    "a frame that is not there": ({"first": 99}, ["--first 99", "frame 99"]),
    "a frame twice": ({"before": ((3, 3),)}, ["--before 3:3"]),
    "first and last": ({"first": 3, "last": 3}, ["--first 3", "--last 3"]),
    "kept and dropped": ({"keep": (5,), "drop": (5,)}, ["--keep 5", "--drop 5"]),
    "placed and dropped": ({"before": ((5, 6),), "drop": (6,)}, ["--before 5:6", "--drop 6"]),
    "round in a circle": (
        {"before": ((1, 2), (2, 3), (3, 1), (7, 8))},
        ["--before 1:2", "--before 2:3", "--before 3:1"],
    ),
    "something before the first": ({"first": 4, "before": ((9, 4),)}, ["--first 4", "--before 9:4"]),
    "something after the last": ({"last": 4, "before": ((4, 9),)}, ["--last 4", "--before 4:9"]),
    "three neighbours": (
        {"adjacent": ((1, 2), (1, 3), (4, 1))},
        ["--adjacent 1:2", "--adjacent 1:3", "--adjacent 1:4"],
    ),
    "a ring of neighbours": (
        {"adjacent": ((1, 2), (2, 3), (3, 1))},
        ["--adjacent 1:2", "--adjacent 2:3", "--adjacent 3:1"],
    ),
    "two neighbours of the first": (
        {"first": 2, "adjacent": ((1, 2), (2, 3))},
        ["--first 2", "--adjacent 1:2", "--adjacent 2:3"],
    ),
    "between neighbours": (
        {"adjacent": ((1, 2),), "before": ((1, 5), (5, 2))},
        ["--before 1:5", "--before 5:2"],
    ),
    "neighbours walked both ways": (
        {"adjacent": ((1, 2), (2, 3)), "before": ((1, 2), (3, 2))},
        ["--before 1:2", "--before 3:2"],
    ),
    "both ends of the film in one chain": (
        {"first": 1, "last": 3, "adjacent": ((1, 2), (2, 3))},
        ["--first 1", "--last 3"],
    ),
    "nothing left": ({"drop_shot": (1, 2)}, ["No frame"]),
    "a shot that is not there": ({"flip_shot": (9,)}, ["--flip-shot 9", "1 to 3"]),
    "a shot kept and dropped": ({"keep_shot": (3,), "drop_shot": (3,)}, ["--keep-shot 3", "--drop-shot 3"]),
    "a dropped shot turned": ({"drop_shot": (1,), "flip_shot": (1,)}, ["--flip-shot 1", "--drop-shot 1"]),
    "an order that lacks a shot": ({"shot_order": (2,)}, ["--shot-order 2", "shot 1"]),
    "an order with a shot twice": ({"shot_order": (1, 2, 1)}, ["--shot-order 1,2,1"]),
    "an order with a dropped group": ({"shot_order": (1, 2, 3)}, ["--shot-order 1,2,3", "shot 3"]),
}


@pytest.mark.parametrize(("constraints", "named"), REFUSED.values(), ids=REFUSED)
def test_impossible_constraints_are_refused_by_name(
    two_shots: SolveInput, constraints: dict[str, Any], named: Sequence[str]
) -> None:
    with pytest.raises(UsageError) as refused:
        constrained(two_shots, **constraints)
    message = str(refused.value)
    assert [name for name in named if name not in message] == []
    assert "--before 7:8" not in message


def test_constraints_that_contradict_the_order_of_shots_are_refused(two_shots: SolveInput) -> None:
    (_, first), (_, second) = shots_of(constrained(two_shots))
    a, b = _MIXED.index(first[3]), _MIXED.index(second[3])
    for constraints, named in [
        ({"before": ((b, a),)}, f"--before {b}:{a}"),
        ({"first": b}, f"--first {b}"),
        ({"last": a}, f"--last {a}"),
    ]:
        with pytest.raises(UsageError, match=named) as refused:
            constrained(two_shots, shot_order=(1, 2), **constraints)
        assert "--shot-order 1,2" in str(refused.value)
    late = _MIXED.index(first[9])
    with pytest.raises(UsageError, match=f"--before {a}:{late}") as refused:
        constrained(two_shots, flip_shot=(1,), before=((a, late),))
    assert "--flip-shot 1" in str(refused.value)


def test_repeating_a_constraint_is_not_a_contradiction() -> None:
    check_constraints(Constraints(first=1, before=((1, 2), (1, 2)), adjacent=((1, 2), (2, 1)), keep=(3, 3)), range(10))
    check_constraints(Constraints(first=0, last=2, adjacent=((0, 1), (1, 2))), range(3))


@pytest.mark.parametrize(
    "constraints", [{"shot_order": (1, 1)}, {"flip_shot": (1, 1)}, {"shot_order": (1, 2)}], ids=str
)
def test_repeated_or_unknown_shots_are_refused_in_a_film_of_one_shot(constraints: dict[str, Any]) -> None:
    shots = [NumberedShot(1, list(range(10)), plays=True)]
    with pytest.raises(UsageError, match=next(iter(constraints)).replace("_", "-")):
        constraints_in_frames(Constraints(**constraints), shots)


@pytest.mark.parametrize("order", ["1,1", "1-2", "1-999999999", "1,1-1"])
def test_an_order_of_shots_must_name_each_shot_once(order: str) -> None:
    with pytest.raises(UsageError, match="--shot-order"):
        parse_constraints(shot_order=order).of_shots([1])


READ: dict[str, tuple[dict[str, Any], Constraints]] = {
    "nothing": ({}, Constraints()),
    "pairs": ({"before": ["1:2", "3:4"]}, Constraints(before=((1, 2), (3, 4)))),
    "ranges": ({"drop": ["3,7-9", "8"]}, Constraints(drop=(3, 7, 8, 9))),
    "shots": ({"shot_order": "2,1,3", "flip_shot": ["2"]}, Constraints(shot_order=(2, 1, 3), flip_shot=(2,))),
    "the first frame": ({"first": 0}, Constraints(first=0)),
}


@pytest.mark.parametrize(("texts", "expected"), READ.values(), ids=READ)
def test_constraints_are_parsed_as_people_write_them(texts: dict[str, Any], expected: Constraints) -> None:
    read = parse_constraints(**texts)
    assert read.of_frames(range(10)).of_shots(range(1, 4)) == expected
    assert bool(read) == bool(expected) == bool(texts)


@pytest.mark.parametrize(
    "texts",
    [
        {"before": ["12"]},
        {"adjacent": ["1:2:3"]},
        {"keep": ["a"]},
        {"drop": ["9-3"]},
        {"drop": ["-3"]},
        {"keep": ["1,"]},
    ],
    ids=str,
)
def test_invalid_constraints_are_refused(texts: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match=f"--{next(iter(texts))} "):
        parse_constraints(**texts)


@settings(deadline=None)
@given(st.lists(st.integers(0, 9), min_size=1, max_size=10), st.sets(st.integers(0, 9)))
def test_a_frame_split_off_stands_for_itself_and_the_others_stay_together(picks: list[int], chosen: set[int]) -> None:
    first: dict[int, int] = {}
    groups = RepeatGroups(np.array([first.setdefault(pick, row) for row, pick in enumerate(picks)]))
    rows = sorted(row for row in chosen if row < len(picks))
    members = split_groups(groups, rows).members()
    assert all(members[row] == [row] for row in rows)
    others = [[row for row in group if row not in rows] for group in groups.members().values()]
    assert sorted(group for leader, group in members.items() if leader not in rows) == sorted(filter(None, others))
    assert all(leader == min(group) for leader, group in members.items())

"""What the user says holds in the order that comes out, at the least cost, and is refused where it cannot hold."""

from collections.abc import Sequence
from itertools import pairwise, permutations
from typing import Any

import numpy as np
import pytest
from helpers import pictures
from hypothesis import given, settings
from hypothesis import strategies as st

from films import SIZE, either_way, film_of, other_film, shuffled
from reelweave.errors import UsageError
from reelweave.evaluate.film import draw_foreign
from reelweave.frames import Picture
from reelweave.progress import Silent
from reelweave.settings import load
from reelweave.solve.arrange import Arrangement, Film, arrange
from reelweave.solve.collapse import Groups, apart
from reelweave.solve.constrain import constrain, holds
from reelweave.solve.costs import JoinCosts, dense_costs, sparse_costs
from reelweave.solve.numbered import NumberedShot, in_frames
from reelweave.solve.path import sketch_path
from reelweave.solve.tied import Ties
from reelweave.solve.wishes import Wishes, check_wishes, read_wishes

_SETTINGS = load()
_ROWS = 7


def wished(film: Film, **said: Any) -> Arrangement:
    return arrange(film, _SETTINGS, Silent(), Wishes(**said))


def costs_of(points: np.ndarray[Any, Any], dense: bool) -> JoinCosts:
    distances = np.linalg.norm(points[:, None] - points[None], axis=2)
    if dense:
        return dense_costs(distances, 5)
    ends = np.stack(np.triu_indices(len(points), 1), axis=1)
    near = np.sort(distances, axis=1)[:, 4]
    some = ends[distances[ends[:, 0], ends[:, 1]] <= np.minimum(near[ends[:, 0]], near[ends[:, 1]])]
    return sparse_costs(len(points), some, distances[some[:, 0], some[:, 1]].astype(np.float32), 5)


@st.composite
def said(draw: st.DrawFn) -> Ties:
    """Ties that can hold together, since they hold in some order."""
    order = draw(st.permutations(range(_ROWS)))
    places = st.tuples(st.integers(0, _ROWS - 1), st.integers(0, _ROWS - 1)).filter(lambda pair: pair[0] < pair[1])
    return Ties(
        first=order[0] if draw(st.booleans()) else None,
        last=order[-1] if draw(st.booleans()) else None,
        before=tuple((order[a], order[b]) for a, b in draw(st.lists(places, max_size=4))),
        adjacent=tuple((order[at], order[at + 1]) for at in draw(st.sets(st.integers(0, _ROWS - 2), max_size=3))),
    )


@settings(deadline=None, max_examples=60)
@given(said(), st.integers(0, 1000), st.booleans())
def test_all_that_was_said_holds(ties: Ties, seed: int, dense: bool) -> None:
    costs = costs_of(np.random.default_rng(seed).normal(size=(_ROWS, 2)), dense)
    found = constrain(sketch_path(costs, _SETTINGS.solve).path, costs, ties, _SETTINGS.solve)
    assert sorted(found) == list(range(_ROWS))
    assert holds(found, ties)


def test_what_comes_before_costs_next_to_nothing_more_than_it_must() -> None:
    dearer = []
    for seed in range(40):
        chance = np.random.default_rng(seed)
        order, costs = chance.permutation(_ROWS).tolist(), costs_of(chance.normal(size=(_ROWS, 2)), dense=True)
        pairs = [sorted(chance.choice(_ROWS, 2, replace=False).tolist()) for _ in range(3)]
        ties = Ties(before=tuple((order[a], order[b]) for a, b in pairs))
        found = constrain(sketch_path(costs, _SETTINGS.solve).path, costs, ties, _SETTINGS.solve)
        best = min(costs.of(path) for path in permutations(range(_ROWS)) if holds(path, ties))
        dearer.append(costs.of(found) / best - 1)
    assert np.mean(dearer) < 0.01


@pytest.mark.parametrize(
    "ties",
    [Ties(first=3), Ties(last=0), Ties(first=2, last=5), Ties(adjacent=((0, 4), (4, 2)))],
    ids=["first", "last", "both ends", "neighbours"],
)
@pytest.mark.parametrize("seed", range(4))
def test_ends_and_neighbours_are_had_at_the_least_cost(ties: Ties, seed: int) -> None:
    costs = costs_of(np.random.default_rng(seed).normal(size=(_ROWS, 2)), dense=True)
    found = constrain(sketch_path(costs, _SETTINGS.solve).path, costs, ties, _SETTINGS.solve)
    assert costs.of(found) == min(costs.of(path) for path in permutations(range(_ROWS)) if holds(path, ties))


def test_a_path_on_which_all_holds_already_is_left_alone_or_turned_round() -> None:
    costs = costs_of(np.random.default_rng(0).normal(size=(_ROWS, 2)), dense=True)
    path = [4, 1, 0, 3, 2, 6, 5]
    assert constrain(path, costs, Ties(before=((4, 3),)), _SETTINGS.solve) == path
    assert constrain(path, costs, Ties(before=((3, 4),), adjacent=((1, 0),)), _SETTINGS.solve) == path[::-1]


def test_part_of_a_film_is_constrained_by_itself() -> None:
    costs = costs_of(np.arange(10.0)[:, None] * [1, 0], dense=True)
    assert constrain([8, 6, 4, 2], costs, Ties(first=2), _SETTINGS.solve) == [2, 4, 6, 8]
    assert constrain([8, 6, 4, 2], costs, Ties(first=4, before=((8, 2),)), _SETTINGS.solve)[0] == 4


def test_no_time_at_all_still_gives_what_was_said() -> None:
    costs = costs_of(np.random.default_rng(1).normal(size=(40, 2)), dense=True)
    ties = Ties(first=3, last=9, before=((20, 5), (5, 31), (31, 2)), adjacent=((7, 8), (8, 30)))
    hurried = _SETTINGS.solve.model_copy(update={"time_limit": 0.0})
    assert holds(constrain(list(range(40)), costs, ties, hurried), ties)


@pytest.fixture(scope="module")
def frames() -> list[Picture]:
    return pictures(40, SIZE)


@pytest.fixture(scope="module")
def places() -> list[int]:
    return shuffled(40)


@pytest.fixture(scope="module")
def one_shot(frames: list[Picture], places: list[int]) -> Film:
    return film_of([frames[place] for place in places])


@pytest.mark.parametrize(("a", "b"), [(3, 30), (30, 3), (10, 11)])
def test_one_known_pair_settles_the_direction(one_shot: Film, places: list[int], a: int, b: int) -> None:
    found = wished(one_shot, before=((places.index(a), places.index(b)),))
    assert [places[frame] for frame in found.order] == sorted(range(40), reverse=a > b)
    assert found.direction_known


def test_the_direction_of_a_film_of_which_nothing_is_known_is_unknown(one_shot: Film) -> None:
    assert not wished(one_shot).direction_known
    assert not wished(one_shot, adjacent=((0, 1),), keep=(3,)).direction_known


def test_the_film_begins_and_ends_where_the_user_says(one_shot: Film, places: list[int]) -> None:
    first, last = places.index(20), places.index(5)
    found = wished(one_shot, first=first, last=last)
    assert (found.order[0], found.order[-1]) == (first, last)
    assert sorted(found.order) == list(range(40))


def test_a_join_that_the_user_made_is_sure(one_shot: Film, places: list[int]) -> None:
    a, b = places.index(4), places.index(25)
    found = wished(one_shot, adjacent=((a, b),))
    joins = [set(join) for join in pairwise(found.order)]
    assert found.confidence[joins.index({a, b})] == 1.0


def test_a_frame_that_the_user_drops_goes_alone(frames: list[Picture]) -> None:
    """Its repeats stay, for it was not them that he named."""
    film = film_of([*frames, frames[7], frames[7]])
    found = wished(film, drop=(7,))
    assert [(dropped.frame, dropped.reason) for dropped in found.dropped] == [(7, "user")]
    assert len(found.order) == 41


def test_frames_that_the_user_keeps_or_places_play_however_foreign(frames: list[Picture]) -> None:
    film = film_of([*frames, *other_film(2)])
    assert [dropped.frame for dropped in wished(film).dropped] == [40, 41]
    assert [dropped.frame for dropped in wished(film, keep=(40,)).dropped] == [41]
    assert wished(film, last=41).order[-1] == 41
    assert wished(film, adjacent=((40, 41),)).dropped == []


@pytest.fixture(scope="module")
def two_shots(frames: list[Picture]) -> Film:
    """A shot of 40 and one of 30 frames, neither in order, and a group of three that is dropped."""
    stranger = next(draw_foreign(1, SIZE, seed=2))
    film = [*frames, *other_film(30), *(np.roll(stranger, 2 * step, axis=1) for step in range(3))]
    return film_of([film[place] for place in _MIXED])


_MIXED = shuffled(73)


def shots_of(found: Arrangement) -> list[tuple[int | None, list[int]]]:
    """Number and true places of each shot."""
    return [(s.number, [_MIXED[frame] for frame in found.order[s.start : s.start + s.length]]) for s in found.shots]


def test_shots_have_numbers_and_so_has_the_group_that_was_dropped(two_shots: Film) -> None:
    found = wished(two_shots)
    assert [number for number, _ in shots_of(found)] == [1, 2]
    assert sorted(either_way(shot) for _, shot in shots_of(found)) == [list(range(40)), list(range(40, 70))]
    assert {(dropped.shot, _MIXED[dropped.frame]) for dropped in found.dropped} == {(3, 70), (3, 71), (3, 72)}


def test_a_shot_is_turned_round_and_the_other_left(two_shots: Film) -> None:
    plain, found = wished(two_shots), wished(two_shots, flip_shot=(2,))
    (_, first), (_, second) = shots_of(plain)
    assert shots_of(found) == [(1, first), (2, second[::-1])]
    assert found.direction_known


def test_shots_play_in_the_order_wished_for_and_keep_their_numbers(two_shots: Film) -> None:
    (_, first), (_, second) = shots_of(wished(two_shots))
    assert shots_of(wished(two_shots, shot_order=(2, 1))) == [(2, second), (1, first)]
    assert shots_of(wished(two_shots, shot_order=(2, 1), flip_shot=(1, 2))) == [(2, second[::-1]), (1, first[::-1])]


def test_a_pair_within_a_shot_turns_only_that_shot(two_shots: Film) -> None:
    (_, first), (_, second) = shots_of(wished(two_shots))
    late, early = _MIXED.index(first[30]), _MIXED.index(first[3])
    found = wished(two_shots, shot_order=(1, 2), before=((late, early),))
    assert shots_of(found) == [(1, first[::-1]), (2, second)]


def test_neighbours_from_two_shots_meet_at_the_cut(two_shots: Film) -> None:
    (_, first), (_, second) = shots_of(wished(two_shots))
    a, b = _MIXED.index(first[0]), _MIXED.index(second[-1])
    found = wished(two_shots, shot_order=(1, 2), adjacent=((a, b),))
    assert shots_of(found) == [(1, first[::-1]), (2, second[::-1])]


def test_a_shot_is_dropped_and_a_dropped_group_kept(two_shots: Film) -> None:
    (_, first), (_, second) = shots_of(wished(two_shots))
    found = wished(two_shots, drop_shot=(1,), keep_shot=(3,))
    assert {dropped.reason for dropped in found.dropped} == {"user"}
    assert sorted(_MIXED[dropped.frame] for dropped in found.dropped) == sorted(first)
    assert sorted(_MIXED[frame] for frame in found.order) == sorted([*second, 70, 71, 72])
    assert {number for number, _ in shots_of(found)} == {2, 3}


def test_the_same_wishes_give_the_same_arrangement(two_shots: Film) -> None:
    a, b = (wished(two_shots, drop=(3, 4), before=((9, 5), (5, 20), (20, 60)), flip_shot=()) for _ in range(2))
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


@pytest.mark.parametrize(("said", "named"), REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_is_refused_by_name(two_shots: Film, said: dict[str, Any], named: Sequence[str]) -> None:
    with pytest.raises(UsageError) as refused:
        wished(two_shots, **said)
    told = str(refused.value)
    assert [name for name in named if name not in told] == []
    assert "--before 7:8" not in told


def test_wishes_against_the_order_of_the_shots_are_refused(two_shots: Film) -> None:
    (_, first), (_, second) = shots_of(wished(two_shots))
    a, b = _MIXED.index(first[3]), _MIXED.index(second[3])
    for said, named in [
        ({"before": ((b, a),)}, f"--before {b}:{a}"),
        ({"first": b}, f"--first {b}"),
        ({"last": a}, f"--last {a}"),
    ]:
        with pytest.raises(UsageError, match=named) as refused:
            wished(two_shots, shot_order=(1, 2), **said)
        assert "--shot-order 1,2" in str(refused.value)
    late = _MIXED.index(first[9])
    with pytest.raises(UsageError, match=f"--before {a}:{late}") as refused:
        wished(two_shots, flip_shot=(1,), before=((a, late),))
    assert "--flip-shot 1" in str(refused.value)


def test_wishes_that_ask_for_the_same_thing_twice_are_no_contradiction() -> None:
    check_wishes(Wishes(first=1, before=((1, 2), (1, 2)), adjacent=((1, 2), (2, 1)), keep=(3, 3)), range(10))
    check_wishes(Wishes(first=0, last=2, adjacent=((0, 1), (1, 2))), range(3))


@pytest.mark.parametrize("said", [{"shot_order": (1, 1)}, {"flip_shot": (1, 1)}, {"shot_order": (1, 2)}], ids=str)
def test_shots_named_twice_or_not_there_are_refused_in_a_film_of_one_shot(said: dict[str, Any]) -> None:
    shots = [NumberedShot(1, list(range(10)), plays=True)]
    with pytest.raises(UsageError, match=next(iter(said)).replace("_", "-")):
        in_frames(Wishes(**said), shots)


@pytest.mark.parametrize("order", ["1,1", "1-2", "1-999999999", "1,1-1"])
def test_an_order_of_shots_names_each_shot_there_is_once(order: str) -> None:
    with pytest.raises(UsageError, match="--shot-order"):
        read_wishes(shot_order=order).of_shots([1])


READ: dict[str, tuple[dict[str, Any], Wishes]] = {
    "nothing": ({}, Wishes()),
    "pairs": ({"before": ["1:2", "3:4"]}, Wishes(before=((1, 2), (3, 4)))),
    "ranges": ({"drop": ["3,7-9", "8"]}, Wishes(drop=(3, 7, 8, 9))),
    "shots": ({"shot_order": "2,1,3", "flip_shot": ["2"]}, Wishes(shot_order=(2, 1, 3), flip_shot=(2,))),
    "the first frame": ({"first": 0}, Wishes(first=0)),
}


@pytest.mark.parametrize(("texts", "wishes"), READ.values(), ids=READ)
def test_wishes_are_read_as_people_write_them(texts: dict[str, Any], wishes: Wishes) -> None:
    read = read_wishes(**texts)
    assert read.of_frames(range(10)).of_shots(range(1, 4)) == wishes
    assert bool(read) == bool(wishes) == bool(texts)


_NO_WISHES = [("before", "12"), ("adjacent", "1:2:3"), ("keep", "a"), ("drop", "9-3"), ("drop", "-3"), ("keep", "1,")]


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
def test_what_is_no_wish_is_refused(texts: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match=f"--{next(iter(texts))} "):
        read_wishes(**texts)


@settings(deadline=None)
@given(st.lists(st.integers(0, 9), min_size=1, max_size=10), st.sets(st.integers(0, 9)))
def test_a_frame_set_apart_stands_for_itself_and_the_others_stay_together(picks: list[int], chosen: set[int]) -> None:
    first: dict[int, int] = {}
    groups = Groups(np.array([first.setdefault(pick, row) for row, pick in enumerate(picks)]))
    rows = sorted(row for row in chosen if row < len(picks))
    members = apart(groups, rows).members()
    assert all(members[row] == [row] for row in rows)
    others = [[row for row in group if row not in rows] for group in groups.members().values()]
    assert sorted(group for leader, group in members.items() if leader not in rows) == sorted(filter(None, others))
    assert all(leader == min(group) for leader, group in members.items())

"""Arranging a film: exact on drawn films, repeats next to each other, foreign frames dropped with their reasons."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pytest
from films import SIZE as _SIZE
from films import either_way, film_of, other_film, shuffled
from helpers import pictures
from hypothesis import given, settings
from hypothesis import strategies as st

from reelweave.evaluate.drawn.film import draw_foreign
from reelweave.index.neighbours import nearest
from reelweave.media.types import NeighbourGraph, Picture
from reelweave.progress import SilentProgress
from reelweave.settings import load
from reelweave.solve import film_order
from reelweave.solve.arrange import arrange
from reelweave.solve.arrangement import Arrangement
from reelweave.solve.constraints import Constraints
from reelweave.solve.order import OrderResult
from reelweave.solve.repeats import RepeatGroups, collapse
from reelweave.solve.solve_input import SolveInput

Luma = npt.NDArray[np.uint8]

_LEVEL = load().ingest.duplicate_level


def arranged(film: SolveInput, **changes: Any) -> Arrangement:
    return arrange(film, load({key.replace("__", "."): value for key, value in changes.items()}), SilentProgress())


def check(found: Arrangement, indices: Sequence[int]) -> None:
    """Check what holds for every arrangement."""
    assert sorted(found.order + [dropped.frame for dropped in found.dropped]) == sorted(indices)
    assert [dropped.frame for dropped in found.dropped] == sorted(dropped.frame for dropped in found.dropped)
    assert len(found.confidence) == max(0, len(found.order) - 1)
    assert all(0 <= value <= 1 for value in found.confidence)
    assert sum(shot.length for shot in found.shots) == len(found.order)
    assert [shot.start for shot in found.shots] == [0, *np.cumsum([shot.length for shot in found.shots])[:-1]][
        : len(found.shots)
    ]


@pytest.fixture(scope="module")
def frames() -> list[Picture]:
    return pictures(40, _SIZE)


@pytest.fixture(scope="module")
def foreign() -> list[Picture]:
    return list(draw_foreign(4, _SIZE, seed=2))


@pytest.mark.parametrize("kind", ["video", "pictures"])
@pytest.mark.parametrize("price", ["auto", "huber", "cosine"])
def test_a_shuffled_film_is_put_in_order(frames: list[Picture], kind: Literal["video", "pictures"], price: str) -> None:
    places = shuffled(40)
    found = arranged(film_of([frames[place] for place in places], kind=kind), solve__price=price)
    check(found, range(40))
    assert either_way([places[row] for row in found.order]) == list(range(40))
    assert found.dropped == []
    assert len(found.shots) == 1


def test_vectors_of_another_space_are_ordered_by_those_vectors(frames: list[Picture]) -> None:
    places = shuffled(40)
    found = arranged(film_of([frames[place] for place in places], space="clip"))
    assert found.ordered.price == "cosine"
    assert either_way([places[row] for row in found.order]) == list(range(40))


def with_halves(monkeypatch: pytest.MonkeyPatch, exchange: Callable[[list[int]], list[int]]) -> None:
    """Let the paths by halves of the pictures be those that `exchange` makes of the path found."""
    found = film_order.cached_order

    def exchanged(*given: Any) -> OrderResult:
        ordered = found(*given)
        return replace(ordered, halves=np.array([exchange(ordered.path.order)] * 4, np.int64))

    monkeypatch.setattr(film_order, "cached_order", exchanged)


def test_a_shot_whose_stretches_halves_exchange_is_undetermined_between_them(
    frames: list[Picture], monkeypatch: pytest.MonkeyPatch
) -> None:
    with_halves(monkeypatch, lambda path: [*path[30:], *path[10:20], *path[:10], *path[20:30]])
    found = arranged(film_of([frames[place] for place in shuffled(40)]))
    assert [shot.undetermined for shot in found.shots] == ["exchangeable"]
    assert found.undetermined == [9, 19, 29]
    assert not {join.at for join in found.review.weak} & {9, 19, 29}


def test_a_shot_whose_order_halves_share_is_determined(frames: list[Picture], monkeypatch: pytest.MonkeyPatch) -> None:
    with_halves(monkeypatch, lambda path: [*path[38:], *path[:38]][::-1])
    found = arranged(film_of([frames[place] for place in shuffled(40)]))
    assert [shot.undetermined for shot in found.shots] == [None]
    assert found.undetermined == []


def test_a_film_that_was_in_order_is_determined_whatever_halves_say(
    frames: list[Picture], monkeypatch: pytest.MonkeyPatch
) -> None:
    with_halves(monkeypatch, lambda path: [*path[::2], *path[1::2]])
    assert [shot.undetermined for shot in arranged(film_of(frames)).shots] == [None]


def test_a_film_in_order_stays_as_it_is(frames: list[Picture]) -> None:
    assert arranged(film_of(frames)).order == list(range(40))


def test_frames_are_identified_by_their_index_in_the_file(frames: list[Picture]) -> None:
    """If only every seventh frame was ingested, rows and frames differ."""
    places = shuffled(40)
    plain = arranged(film_of([frames[place] for place in places]))
    sampled = arranged(film_of([frames[place] for place in places], indices=range(5, 285, 7)))
    check(sampled, range(5, 285, 7))
    assert either_way([(frame - 5) // 7 for frame in sampled.order]) == either_way(plain.order)


def test_foreign_frames_are_dropped_and_their_nearest_frames_listed(
    frames: list[Picture], foreign: list[Picture]
) -> None:
    mixed = [*frames, *foreign]
    places = shuffled(44)
    film = film_of([mixed[place] for place in places])
    found = arranged(film)
    check(found, range(44))
    assert [dropped.frame for dropped in found.dropped] == [row for row in range(44) if places[row] >= 40]
    assert either_way([places[row] for row in found.order]) == list(range(40))
    for dropped in found.dropped:
        assert dropped.reason == "outlier"
        assert dropped.score >= 1
        chords = np.linalg.norm(film.rows.vectors - film.rows.vectors[dropped.frame], axis=1)
        chords[dropped.frame] = np.inf
        assert [near.distance for near in dropped.neighbours] == pytest.approx(np.sort(chords)[:3], abs=1e-3)
        assert [near.distance for near in dropped.neighbours] == pytest.approx(
            [chords[near.frame] for near in dropped.neighbours], abs=1e-3
        )


def test_a_burst_from_another_film_is_dropped_as_one_group(frames: list[Picture]) -> None:
    found = arranged(film_of([*frames[:20], *other_film(4), *frames[20:]]), outliers__min_group=6)
    assert [(dropped.frame, dropped.reason) for dropped in found.dropped] == [(row, "foreign") for row in range(20, 24)]
    assert len({dropped.component for dropped in found.dropped}) == 1
    assert either_way(found.order) == [row for row in range(44) if not 20 <= row < 24]


def test_a_frame_that_resembles_the_film_in_all_but_its_colours_is_dropped(frames: list[Picture]) -> None:
    tinted = np.ascontiguousarray(frames[10][..., [0, 2, 1]])
    film = film_of([*frames[:24], tinted])
    assert arranged(replace(film, colours=None)).dropped == []
    assert [(dropped.frame, dropped.reason) for dropped in arranged(film).dropped] == [(24, "outlier")]


def test_a_second_shot_is_kept_and_ordered_by_itself(frames: list[Picture]) -> None:
    both = [*frames, *other_film(30)]
    places = shuffled(70)
    found = arranged(film_of([both[place] for place in places]))
    check(found, range(70))
    assert found.dropped == []
    played = [[places[row] for row in found.order[s.start : s.start + s.length]] for s in found.shots]
    assert sorted(either_way(shot) for shot in played) == [list(range(40)), list(range(40, 70))]


def test_an_outlier_rule_that_does_not_fit_drops_nothing_and_says_so(frames: list[Picture]) -> None:
    notes: list[str] = []

    class NotesProgress(SilentProgress):
        def note(self, text: str) -> None:
            notes.append(text)

    film = film_of([*frames[:6], *draw_foreign(6, _SIZE, seed=2)])
    found = arrange(film, load({"outliers.max_share": 0.2}), NotesProgress())
    check(found, range(12))
    assert found.dropped == []
    assert any("6 of 12" in note for note in notes)


def test_repeats_are_put_back_next_to_each_other(frames: list[Picture]) -> None:
    content = [*range(40), *([7] * 3), *([20] * 30), 0]
    places = shuffled(len(content))
    found = arranged(film_of([frames[content[place]] for place in places]), neighbours__k=12)
    check(found, range(len(content)))
    assert either_way([content[places[row]] for row in found.order]) == sorted(content)
    between = [at for at, (a, b) in enumerate(pairwise(found.order)) if content[places[a]] == content[places[b]]]
    assert found.undetermined == between
    sizes = [content.count(content[places[found.order[at]]]) for at in between]
    assert [found.confidence[at] for at in between] == pytest.approx([1 / size for size in sizes], abs=1e-4)
    assert min(value for at, value in enumerate(found.confidence) if at not in between) > 0.9
    assert not {join.at for join in found.review.weak} & {*between}


def test_repeats_of_a_foreign_frame_are_dropped_with_it(frames: list[Picture], foreign: list[Picture]) -> None:
    found = arranged(film_of([*frames, foreign[0], foreign[0], foreign[0]]), outliers__min_group=6)
    assert [dropped.frame for dropped in found.dropped] == [40, 41, 42]
    assert len({(dropped.score, dropped.component) for dropped in found.dropped}) == 1


def test_the_evidence_is_what_the_verdict_was_based_on(frames: list[Picture], foreign: list[Picture]) -> None:
    film = film_of([*frames, foreign[0], frames[3], frames[3], foreign[1]], indices=range(100, 144))
    found = arranged(film)
    seen = found.evidence
    assert seen.frames.tolist() == [*range(100, 141), 143]
    assert seen.repeats == {103: [141, 142]}
    assert len(seen.graph) == len(seen.verdict.dropped) == len(seen.frames)
    vectors = film.rows.vectors[seen.frames - 100]
    expected = np.linalg.norm(vectors[:, None] - vectors[seen.graph.indices], axis=2)
    assert np.allclose(seen.graph.distances, expected, atol=1e-5)
    assert seen.frames[seen.verdict.dropped].tolist() == [dropped.frame for dropped in found.dropped] == [140, 143]
    assert [dropped.score for dropped in found.dropped] == pytest.approx(
        seen.verdict.score[seen.verdict.dropped].tolist(), abs=1e-4
    )


@pytest.mark.parametrize("count", [1, 2, 3, 5])
@pytest.mark.parametrize("alike", [False, True])
def test_a_film_of_very_few_frames_is_arranged(frames: list[Picture], count: int, alike: bool) -> None:
    found = arranged(film_of([frames[3]] * count if alike else frames[:count]))
    check(found, range(count))
    assert either_way(found.order) == list(range(count))


def test_a_flat_film_is_arranged() -> None:
    found = arranged(film_of([np.full((108, 192, 3), level, np.uint8) for level in (0, 60, 30, 90, 120, 30)]))
    check(found, range(6))
    assert found.dropped == []


def test_the_same_film_gives_the_same_arrangement(frames: list[Picture], foreign: list[Picture]) -> None:
    mixed = [*frames, *foreign, frames[2]]
    film = film_of([mixed[place] for place in shuffled(45)], kind="video")
    first, second = arranged(film), arranged(film)
    assert (first.order, first.dropped, first.shots) == (second.order, second.dropped, second.shots)
    assert first.confidence == second.confidence


_CHANCE = np.random.default_rng(0)


def noise(count: int, base: Picture | None = None) -> list[Picture]:
    """Return noise, or one picture with noise added."""
    if base is None:
        return [_CHANCE.integers(0, 256, (_SIZE[1], _SIZE[0], 3), np.uint8) for _ in range(count)]
    spoilt = [base + _CHANCE.normal(0, 8, base.shape) for _ in range(count)]
    return [np.clip(picture, 0, 255).astype(np.uint8) for picture in spoilt]


_BLACK = np.zeros((_SIZE[1], _SIZE[0], 3), np.uint8)


@pytest.mark.parametrize(
    "film",
    [
        pictures(2, _SIZE),
        [pictures(1, _SIZE)[0]] * 50,
        [_BLACK] * 30,
        noise(43),
        noise(3),
        noise(30, pictures(1, _SIZE)[0]),
        [pictures(1, _SIZE, seed)[0] for seed in range(4)],
    ],
    ids=["two", "identical", "black", "noise", "little noise", "a still scene with noise", "unlike"],
)
def test_an_order_without_evidence_is_undetermined(film: list[Picture]) -> None:
    found = arranged(film_of(film))
    check(found, range(len(film)))
    assert found.undetermined == list(range(len(found.order) - 1))
    assert found.confidence == pytest.approx([1 / len(found.order)] * (len(found.order) - 1), abs=1e-4)
    assert found.review.weak == []


def test_frames_that_the_price_cannot_distinguish_are_undetermined() -> None:
    """Flat pictures differ only in their level, which the Huber price ignores."""
    flat = [np.full((_SIZE[1], _SIZE[0], 3), level, np.uint8) for level in range(0, 240, 24)]
    found = arranged(film_of(flat), solve__price="huber")
    assert found.ordered.path.cost == 0
    assert found.undetermined == list(range(9))


@pytest.mark.parametrize("count", [3, 5, 8, 40])
@pytest.mark.parametrize("noisy", [False, True])
def test_an_order_that_the_pictures_decide_is_not_undetermined(frames: list[Picture], count: int, noisy: bool) -> None:
    film = [noise(1, picture)[0] if noisy else picture for picture in frames[:count]]
    assert arranged(film_of(film)).undetermined == []


def test_a_still_stretch_is_undetermined_only_within_itself(frames: list[Picture]) -> None:
    """Whether its frames are identical or differ only by noise."""
    same = arranged(film_of([*frames[:15], *[frames[15]] * 9, *frames[16:]]))
    assert same.order == list(range(48))
    assert same.undetermined == list(range(15, 23))
    long = pictures(80, _SIZE)
    noisy = arranged(film_of([*long[:30], *noise(30, long[30]), *long[31:]]))
    inside = [noisy.order.index(frame) for frame in range(30, 60)]
    assert (
        {*range(min(inside) + 2, max(inside) - 2)}
        <= {*noisy.undetermined}
        <= {*range(min(inside) - 2, max(inside) + 2)}
    )


def test_the_order_of_shots_is_undetermined(frames: list[Picture]) -> None:
    found = arranged(film_of([*frames, *other_film(30)]))
    assert found.undetermined == [found.shots[1].start - 1]
    decided = [value for at, value in enumerate(found.confidence) if at not in found.undetermined]
    assert min(decided) > 0.9


def test_a_join_that_the_user_set_is_determined() -> None:
    film = film_of([_BLACK] * 6)
    found = arrange(film, load(), SilentProgress(), Constraints(adjacent=((1, 4),)))
    at = next(at for at, join in enumerate(pairwise(found.order)) if {*join} == {1, 4})
    assert found.confidence[at] == 1
    assert found.undetermined == [join for join in range(5) if join != at]
    two = arrange(film_of(pictures(2, _SIZE)), load(), SilentProgress(), Constraints(first=1))
    assert (two.order, two.undetermined, two.confidence) == ([1, 0], [], [1.0])


def fixed_graph(count: int, k: int) -> NeighbourGraph:
    """Return a graph in which the k neighbours of a row are the first k others."""
    near = [[other for other in range(count) if other != row][:k] for row in range(count)]
    return NeighbourGraph(np.array(near, np.int64).reshape(count, -1), np.zeros((count, min(k, count - 1)), np.float32))


def levels(*values: float) -> Luma:
    """Return flat pictures whose mean grey level is the value, to a quarter."""
    planes = np.zeros((len(values), 2, 2), np.uint8)
    for plane, value in zip(planes, values, strict=True):
        plane[:] = int(value)
        plane.ravel()[: round(4 * (value % 1))] += 1
    return planes


COLLAPSED: dict[str, tuple[Luma, float, list[int]]] = {
    "all different": (levels(1, 5, 9), 0.5, [0, 1, 2]),
    "all the same": (levels(5, 5, 5, 5), 0.5, [0, 0, 0, 0]),
    "pairs apart": (levels(1, 9, 1, 9), 0.5, [0, 1, 0, 1]),
    "nearly the same": (levels(5, 5.25, 5), 0.5, [0, 0, 0]),
    "at the level": (levels(5, 5.5), 0.5, [0, 1]),
    "a slow fade": (levels(5, 5.25, 5.5, 5.75, 6), 0.5, [0, 0, 2, 2, 4]),
    "nearer to the later leader": (levels(5, 5.75, 5.5), 0.6, [0, 1, 1]),
    "a level of nothing": (levels(5, 5), 0.0, [0, 1]),
}


@pytest.mark.parametrize(("planes", "level", "leader"), COLLAPSED.values(), ids=COLLAPSED)
def test_a_frame_is_a_repeat_of_an_earlier_frame_that_looks_like_it(
    planes: Luma, level: float, leader: list[int]
) -> None:
    assert collapse(planes, fixed_graph(len(planes), 10), level).leader.tolist() == leader


@pytest.mark.parametrize("make", [lambda n: np.arange(n), lambda n: np.array(shuffled(n))], ids=["in order", "mixed"])
@pytest.mark.parametrize("repeats", [10, 100, 400])
def test_more_repeats_than_neighbours_are_still_one_frame(
    frames: list[Picture], repeats: int, make: Callable[[int], npt.NDArray[np.int64]]
) -> None:
    content = np.concatenate([np.full(repeats, 0), np.arange(1, 40)])[make(repeats + 39)]
    film = film_of([frames[place] for place in content])
    leader = collapse(film.luma, nearest(film.rows.vectors, 24), _LEVEL).leader
    assert len(set(leader[content == 0].tolist())) == 1
    assert len(set(leader.tolist())) == 40


@st.composite
def films(draw: st.DrawFn) -> tuple[Luma, NeighbourGraph, float]:
    values = draw(st.lists(st.integers(0, 24), min_size=2, max_size=30))
    return (
        levels(*(value / 4 for value in values)),
        fixed_graph(len(values), draw(st.integers(1, 8))),
        draw(st.floats(0, 3)),
    )


@settings(deadline=None)
@given(films())
def test_every_frame_belongs_to_one_leader_the_earliest_of_its_group(
    film: tuple[Luma, NeighbourGraph, float],
) -> None:
    planes, graph, level = film
    groups = collapse(planes, graph, level)
    members = groups.members()
    assert sorted(row for rows in members.values() for row in rows) == list(range(len(planes)))
    assert list(members) == groups.leaders.tolist()
    for leader, rows in members.items():
        assert rows[0] == leader == min(rows)
        assert groups.leader[leader] == leader
        far = np.abs(planes[rows].astype(float) - planes[leader]).mean(axis=(1, 2))
        assert (far[1:] < level).all()


def test_a_film_without_frames_has_no_groups() -> None:
    groups = collapse(np.zeros((0, 2, 2), np.uint8), nearest(np.zeros((0, 4), np.float32), 5), _LEVEL)
    assert groups.leaders.tolist() == []
    assert groups == RepeatGroups(groups.leader)
    assert groups.members() == {}

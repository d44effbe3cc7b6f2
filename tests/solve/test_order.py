"""Which price orders a film, when motion is measured, and when the file order is kept."""

from collections.abc import Callable
from functools import cache

import numpy as np
import numpy.typing as npt
import pytest

from reelweave.errors import UsageError
from reelweave.index.neighbours import nearest
from reelweave.ingest.models.appearance import AppearanceEmbedder
from reelweave.progress import SilentProgress
from reelweave.settings import SolveSettings, load
from reelweave.solve.confidence import join_confidence
from reelweave.solve.cost.echo import EchoCorrectedPrice, echo_corrected
from reelweave.solve.cost.flow import FlowPrice, normalised
from reelweave.solve.cost.prices import HuberPrice, dense_costs
from reelweave.solve.order import OrderResult, order_rows
from reelweave.solve.order_input import OrderInput
from reelweave.solve.path.fit import band, file_order_holds

Luma = npt.NDArray[np.uint8]
Ints = npt.NDArray[np.int64]


def settings(**changes: object) -> SolveSettings:
    return load({f"solve.{key}": value for key, value in changes.items()}).solve


@cache
def panned(frames: int, step: float) -> Luma:
    """A camera that glides over a texture of blobs."""
    import cv2

    rng = np.random.default_rng(5)
    world = cv2.GaussianBlur(rng.random((120, 200 + int(frames * step)), np.float32), (0, 0), 3)
    world = np.asarray(cv2.normalize(world, None, 0, 255, cv2.NORM_MINMAX), np.float32)
    views = [
        cv2.warpAffine(world, np.array([[1, 0, -step * index], [0, 1, 0]], np.float32), (160, 90))
        for index in range(frames)
    ]
    return np.rint(np.stack(views)).astype(np.uint8)


def rows_of(luma: Luma, from_video: bool = True) -> OrderInput:
    vectors = AppearanceEmbedder().embed([np.repeat(plane[..., None], 3, axis=2) for plane in luma])
    near = nearest(vectors, 24).indices
    joins = np.stack([np.repeat(np.arange(len(luma)), near.shape[1]), near.ravel()], axis=1)
    return OrderInput(vectors, luma, np.arange(len(luma)), joins, from_video)


def ordered(luma: Luma, **changes: object) -> OrderResult:
    return order_rows(rows_of(luma), "appearance", settings(**changes), SilentProgress())


def line_costs(count: int, noise: float = 0.0) -> npt.NDArray[np.float64]:
    places = np.arange(count) + noise * np.random.default_rng(1).standard_normal(count)
    return np.abs(places[:, None] - places[None])


def shuffled(count: int, seed: int = 3) -> Ints:
    return np.random.default_rng(seed).permutation(count)


@pytest.mark.parametrize("doubt", [1.75, 0.1], ids=["by looks", "by motion too"])
def test_a_shuffled_film_is_ordered(doubt: float) -> None:
    mix = shuffled(60)
    found = mix[ordered(panned(60, 2.0)[mix], doubt=doubt).path.order]
    assert found.tolist() in (list(range(60)), list(range(59, -1, -1)))


@pytest.mark.parametrize("dense_limit", [1500, 0], ids=["all pairs", "candidates"])
@pytest.mark.parametrize("price", ["flow", "sift"])
def test_a_measured_price_orders_a_film(price: str, dense_limit: int) -> None:
    mix = shuffled(60)
    done = ordered(panned(60, 2.0)[mix], price=price, dense_limit=dense_limit)
    assert done.price == price
    assert mix[done.path.order].tolist() in (list(range(60)), list(range(59, -1, -1)))


def test_the_base_price_decides_where_nothing_could_be_measured() -> None:
    steps = np.repeat(np.arange(0, 240, 8, dtype=np.uint8), 90 * 160).reshape(30, 90, 160)
    steps[:, :, :80] = 0
    mix = shuffled(30)
    by_sift, by_looks = (ordered(steps[mix], price=price).path.order for price in ("sift", "huber"))
    assert by_sift == by_looks


def test_motion_is_refused_if_the_pictures_are_too_small() -> None:
    with pytest.raises(UsageError) as refused:
        ordered(panned(30, 2.0)[:, :20, :20], price="flow")
    assert "--price" in refused.value.remedy


@pytest.mark.parametrize(
    ("changes", "looked"),
    [({"doubt": 0.1}, True), ({"doubt": 50.0}, False), ({"doubt": 0.1, "flow_limit": 10}, False)],
    ids=["in doubt", "sure", "too long a film"],
)
def test_motion_is_measured_only_in_doubtful_and_short_films(
    changes: dict[str, object], looked: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = []
    measure = FlowPrice.measure

    def watched(self: FlowPrice, joins: object, *rest: Callable[[], bool]) -> None:
        calls.append(1)
        measure(self, joins, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(FlowPrice, "measure", watched)
    ordered(panned(40, 2.0)[shuffled(40)], **changes)
    assert bool(calls) is looked


def test_motion_separates_frames_that_look_alike() -> None:
    """After a step of a fast pan two frames look no more alike than unrelated ones, but warped onto each other they
    match.
    """
    film = panned(30, 6.0)
    flow = FlowPrice(film, SilentProgress())
    flow.measure((a, b) for a in range(30) for b in range(a + 1, 30))
    prices = dict(zip(map(tuple, flow.joins().tolist()), flow.prices().tolist(), strict=True))
    right = [prices[a, a + 1] for a in range(29)]
    wrong = [prices[a, a + 10] for a in range(20)]
    assert max(right) < min(wrong)


def test_normalised_values_do_not_depend_on_their_scale() -> None:
    joins = np.array([[0, 1], [1, 2], [0, 2]])
    values = np.array([1.0, 2.0, 4.0])
    assert np.allclose(normalised(values, joins, 3), normalised(1000 * values, joins, 3))


@pytest.mark.parametrize("changes", [{}, {"doubt": 0.1}], ids=["by looks", "by motion too"])
def test_a_file_in_order_is_kept(changes: dict[str, object]) -> None:
    assert ordered(panned(60, 2.0), **changes).path.order == list(range(60))


@pytest.mark.parametrize(
    ("order", "stands"),
    [
        (list(range(40)), True),
        ([*range(20), 21, 20, *range(22, 40)], False),
        ([*range(10), *range(25, 40), *range(10, 25)], False),
        (shuffled(40).tolist(), False),
    ],
    ids=["in order", "two swapped", "a stretch elsewhere", "shuffled"],
)
def test_the_file_order_is_kept_only_if_no_frame_is_out_of_place(order: list[int], stands: bool) -> None:
    filed = dense_costs(line_costs(40)[np.ix_(order, order)], 10)
    assert file_order_holds(np.argsort(order).tolist(), filed, slack=5e-4) is stands


@pytest.mark.parametrize(("order", "stands"), [(list(range(40)), True), (shuffled(40).tolist(), False)])
def test_a_noisy_shuffled_file_is_not_kept_in_file_order(order: list[int], stands: bool) -> None:
    filed = dense_costs((100 + line_costs(40))[np.ix_(order, order)], 10)
    assert file_order_holds(np.argsort(order).tolist(), filed, slack=5e-4) is stands


def test_the_band_is_low_on_the_right_path_and_high_on_a_wrong_one() -> None:
    costs = dense_costs(line_costs(50, noise=0.1), 10)
    assert band(list(range(50)), costs) < 1.75 < band(shuffled(50).tolist(), costs)


def echoing(still: Luma, strength: float) -> Luma:
    """Frames with noise of their own, into which each takes over some of the noise of the one before it."""
    rng = np.random.default_rng(2)
    noise = rng.normal(0, 3, still.shape)
    for place in range(1, len(still)):
        noise[place] = strength * noise[place - 1] + (1 - strength**2) ** 0.5 * noise[place]
    return np.clip(np.rint(still + noise), 0, 255).astype(np.uint8)


def test_the_echo_between_neighbours_in_a_shuffled_file_is_corrected() -> None:
    mix = shuffled(120)
    rows = rows_of(echoing(panned(120, 0.02)[mix], 0.7))
    plain = HuberPrice(rows.luma)
    better = echo_corrected(plain, rows.files, rows.joins)
    adjacent, apart = np.arange(100), np.arange(100) + 15
    before = plain.pairs(adjacent, adjacent + 1).mean() / plain.pairs(adjacent, apart).mean()
    after = better.pairs(adjacent, adjacent + 1).mean() / better.pairs(adjacent, apart).mean()
    assert before < after <= 1.2
    assert np.array_equal(better.pairs(adjacent, apart), plain.pairs(adjacent, apart))


@pytest.mark.parametrize("count", [120, 20], ids=["a file in order", "too few frames"])
def test_without_echo_the_price_is_unchanged(count: int) -> None:
    rows = rows_of(panned(120, 2.0)[:count])
    assert isinstance(echo_corrected(HuberPrice(rows.luma), rows.files, rows.joins), HuberPrice)


def test_a_file_known_to_be_shuffled_is_corrected_even_if_its_neighbours_look_alike() -> None:
    rows = rows_of(panned(120, 2.0))
    corrected = echo_corrected(HuberPrice(rows.luma), rows.files, rows.joins, shuffled=True)
    assert isinstance(corrected, EchoCorrectedPrice)
    assert corrected.correction(np.array([0]), np.array([1])) > 0


def test_confidence_is_a_probability_and_low_for_ambiguous_joins() -> None:
    found = ordered(np.concatenate([panned(30, 2.0), 255 - panned(30, 2.0)[:, ::-1]])[shuffled(60)])
    sure = join_confidence(found)
    assert len(sure) == 59
    assert all(0 <= chance <= 1 for chance in sure)
    scenes = shuffled(60)[found.path.order] < 30
    assert scenes[sure.index(min(sure))] != scenes[sure.index(min(sure)) + 1], "the cut is the least sure"
    doubt = sorted(1 - chance for chance in sure)
    assert doubt[-1] > 3 * doubt[-2], "one join, the cut, stands out"

"""Agreement: halves of a picture that show the same order agree, halves of noise do not, and the better price wins."""

import tracemalloc
from collections.abc import Callable, Sequence

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from reelweave.progress import SilentProgress
from reelweave.settings import load
from reelweave.solve.cost.pixels import DifferencePrice, PatchPrice, changes, small_changes
from reelweave.solve.cost.prices import dense_costs
from reelweave.solve.cost.scroll import flat_and_faint
from reelweave.solve.cost.tangent import TangentPrice
from reelweave.solve.order import OrderResult, order_rows
from reelweave.solve.order_input import OrderInput
from reelweave.solve.path.agreement import Agreement, halves, priced_parts, rate
from reelweave.solve.path.find import SketchedPath
from reelweave.solve.path.fit import PriceTrial, best_trial

Luma = npt.NDArray[np.uint8]


def moving(count: int) -> Luma:
    """A pan over a texture, so that every part of the picture moves."""
    world = cv2.GaussianBlur(np.random.default_rng(5).random((90, 400), np.float32), (0, 0), 3)
    world = np.asarray(cv2.normalize(world, None, 0, 255, cv2.NORM_MINMAX), np.float32)
    return np.stack([world[:, 2 * at : 2 * at + 160] for at in range(count)]).astype(np.uint8)


def noise(count: int) -> Luma:
    return np.random.default_rng(0).integers(0, 256, (count, 90, 160), np.uint8)


def ordered(luma: Luma, **changed: object) -> OrderResult:
    count = len(luma)
    joins = np.argwhere(~np.eye(count, dtype=bool))
    rows = OrderInput(np.zeros((count, 1), np.float32), luma, np.arange(count), joins, False)
    settings = load({f"solve.{key}": value for key, value in changed.items()}).solve
    return order_rows(rows, "appearance", settings, SilentProgress())


def test_two_halves_cover_every_pixel_once() -> None:
    masks = halves()
    for one, other in zip(masks[::2], masks[1::2], strict=True):
        assert np.array_equal(one, ~other)
        assert 0.3 < one.mean() < 0.7


@pytest.mark.parametrize("make", [changes, small_changes, DifferencePrice, TangentPrice])
def test_halves_of_a_moving_picture_agree_and_halves_of_noise_do_not(make: Callable[[Luma], PatchPrice]) -> None:
    assert rate(make(moving(30)), 30, 16).agreement.joins == 1
    assert rate(make(noise(30)), 30, 16).agreement.joins < 0.4


def test_a_rated_price_keeps_little_more_than_its_costs() -> None:
    price = changes(moving(60))
    tracemalloc.start()
    try:
        rated = rate(price, 60, 16)
        kept, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    costs = [one.matrix for one in (rated.costs, *rated.halves) if one.matrix is not None]
    assert len(costs) == 5
    assert kept < 2 * sum(matrix.nbytes for matrix in costs)


def ball(count: int) -> Luma:
    """A small ball that crosses a noisy wall."""
    frames = np.random.default_rng(3).normal(128, 1, (count, 90, 160)).clip(0, 255).astype(np.uint8)
    for at, frame in enumerate(frames):
        cv2.circle(frame, (10 + round(140 * at / count), 30 + at), 6, 20, -1)
    return frames


def page(tops: Sequence[int]) -> Luma:
    """A page of short lines, of which each picture shows the part that begins at a top."""
    rng = np.random.default_rng(2)
    paper = np.full((max(tops) + 90, 160), 240, np.uint8)
    for top in range(2, len(paper) - 4, 6):
        for left in range(10, int(rng.integers(60, 150)), 12):
            paper[top : top + 3, left : left + int(rng.integers(3, 11))] = 60
    return np.stack([paper[top : top + 90] for top in tops]).astype(np.uint8)


def test_a_page_that_scrolls_by_several_lines_is_put_in_order() -> None:
    rng = np.random.default_rng(0)
    shuffled = rng.permutation(40)
    tops = np.cumsum(6 * rng.integers(1, 5, 40))[shuffled]
    found = ordered(page(tops.tolist()))
    assert found.price == "scroll"
    order = [int(shuffled[row]) for row in found.path.order]
    assert order in (list(range(40)), list(range(39, -1, -1)))
    assert not found.orderless


def test_pages_are_flat_and_not_faint_and_textures_are_not_flat() -> None:
    flat, faint = flat_and_faint(page([0, 6]))
    assert flat > 0.6
    assert faint < 0.1
    assert flat_and_faint(moving(20))[0] < 0.3
    assert flat_and_faint(noise(20))[0] < 0.3


def test_light_in_the_dark_is_flat_and_faint() -> None:
    across, down = np.meshgrid(np.arange(160), np.arange(90))
    light = np.clip(120 - 2 * np.hypot(across - 80, down - 45), 16, 255).astype(np.uint8)
    flat, faint = flat_and_faint(light[None])
    assert flat > 0.3
    assert faint > 0.3


def pendulum(count: int, period: float) -> Luma:
    """A bob that swings before a plain wall: every picture is seen again in the next swing, but for the noise."""
    frames = np.random.default_rng(3).normal(128, 1, (count, 90, 160)).clip(0, 255).astype(np.uint8)
    for at, frame in enumerate(frames):
        x = 80 + 60 * np.cos(2 * np.pi * at / period + 0.3)
        cv2.circle(frame, (round(16 * x), 45 * 16), 12 * 16, 20, -1, cv2.LINE_AA, 4)
    return frames


def test_the_order_of_a_pendulum_is_not_determined_and_that_of_one_swing_is() -> None:
    several, one = ordered(pendulum(100, 44.4)), ordered(pendulum(40, 90)[np.random.default_rng(1).permutation(40)])
    assert several.recurring
    assert several.orderless == set(range(100))
    assert not one.recurring
    assert not one.orderless


def wheel(count: int, turn: float) -> Luma:
    """A hand that goes round before a plain wall."""
    frames = np.random.default_rng(3).normal(128, 1, (count, 90, 160)).clip(0, 255).astype(np.uint8)
    for at, frame in enumerate(frames):
        angle = 2 * np.pi * turn * at / count
        cv2.circle(frame, (round(80 + 35 * np.cos(angle)), round(45 + 35 * np.sin(angle))), 8, 20, -1, cv2.LINE_AA)
    return frames


def test_an_order_says_whether_it_closes_to_a_loop() -> None:
    mix = np.random.default_rng(1).permutation(40)
    assert ordered(wheel(40, 1)[mix]).loop
    assert not ordered(wheel(40, 0.7)[mix]).loop


def growing(count: int, width: int, grain: float, flicker: float = 0) -> Luma:
    """A bar that grows before leaves in the wind, whose differences are most of what changes."""
    rng = np.random.default_rng(7)
    frames = []
    for at in range(count):
        leaves = cv2.GaussianBlur(rng.normal(0, 1, (90, 160)).astype(np.float32), (0, 0), 1.5)
        frame = 128 + grain * leaves / leaves.std()
        if width:
            cv2.rectangle(frame, (80 - width // 2, 80 - 70 * at // count), (80 + width // 2, 90), 30.0, -1)
        frames.append(frame * (1 + flicker * rng.normal()))
    return np.array(frames).clip(0, 255).astype(np.uint8)


@pytest.mark.parametrize(
    ("width", "grain", "flicker", "determined"),
    [
        pytest.param(12, 8, 0.0, True, id="a thin thing grows"),
        pytest.param(0, 8, 0.0, False, id="nothing but wind"),
        pytest.param(0, 3, 0.08, False, id="light that flickers"),
    ],
)
def test_an_order_that_halves_share_is_determined_though_all_frames_differ_equally(
    width: int, grain: float, flicker: float, determined: bool
) -> None:
    mix = np.random.default_rng(1).permutation(50)
    found = ordered(growing(50, width, grain, flicker)[mix])
    assert (not found.orderless) is determined
    near = float((np.abs(np.diff(mix[found.path.order])) <= 3).mean())
    assert near > 0.9 if determined else near < 0.3


def smoke(count: int, lasting: float) -> Luma:
    """Smoke of which a share lasts from one frame to the next."""
    rng = np.random.default_rng(0)
    shape, shown = np.zeros((90, 160), np.float32), []
    for _ in range(count):
        new = cv2.GaussianBlur(rng.normal(0, 1, (90, 160)).astype(np.float32), (0, 0), 1.5)
        shape = lasting * shape + (1 - lasting**2) ** 0.5 * new / new.std()
        shown.append(120 + 25 * shape + rng.normal(0, 2, (90, 160)))
    return np.array(shown).clip(0, 255).astype(np.uint8)


def test_smoke_that_hardly_lasts_is_determined_and_smoke_that_does_not_is_not() -> None:
    mix = np.random.default_rng(1).permutation(50)
    lasting, new = (ordered(smoke(50, share)[mix]) for share in (0.12, 0.0))
    assert not lasting.orderless
    assert (np.abs(np.diff(mix[lasting.path.order])) == 1).mean() > 0.5
    assert new.orderless == set(range(50))


def test_both_halves_see_a_small_thing_that_moves() -> None:
    assert rate(changes(ball(30)), 30, 16).agreement.joins > 0.9


def test_halves_agree_whichever_picture_of_a_held_drawing_they_take_first() -> None:
    noise = np.random.default_rng(2).integers(-1, 2, (30, 90, 160))
    held = (moving(15)[np.repeat(np.arange(15), 2)].astype(np.int16) + noise).clip(0, 255).astype(np.uint8)
    assert rate(DifferencePrice(held), 30, 16).agreement.joins > 0.95


def test_a_page_that_scrolls_is_ordered() -> None:
    text = (np.random.default_rng(4).random((400, 40)) < 0.5).repeat(2, axis=0).repeat(4, axis=1) * np.uint8(200)
    page = np.stack([text[at * 4 : at * 4 + 90] for at in range(40)])
    mix = np.random.default_rng(1).permutation(40)
    found = ordered(page[mix])
    assert (np.abs(np.diff(mix[found.path.order])) == 1).mean() > 0.9


def worn(luma: Luma) -> Luma:
    """Pictures that jump in the gate and flicker."""
    rng, frames = np.random.default_rng(6), []
    for frame in luma.astype(np.float32):
        moved = np.float32([[1, 0, rng.normal(0, 0.8)], [0, 1, rng.normal(0, 0.8)]])  # type: ignore[call-overload]
        jumped = cv2.warpAffine(frame, moved, frame.shape[::-1], borderMode=cv2.BORDER_REPLICATE)
        frames.append(jumped * (1 + 0.1 * rng.normal()))
    return np.array(frames).clip(0, 255).astype(np.uint8)


def approaching(count: int) -> Luma:
    """A drive towards a wall."""
    world = cv2.GaussianBlur(np.random.default_rng(5).random((360, 640), np.float32), (0, 0), 12)
    world = np.asarray(cv2.normalize(world, None, 40, 210, cv2.NORM_MINMAX), np.float32)
    sizes = [1 - 0.006 * at for at in range(count)]
    return np.array([cv2.warpAffine(world, zoomed(size), (160, 90), flags=cv2.WARP_INVERSE_MAP) for size in sizes])


def zoomed(size: float) -> npt.NDArray[np.float32]:
    return np.array([[4 * size, 0, 320 * (1 - size)], [0, 4 * size, 180 * (1 - size)]], np.float32)


def test_worn_film_is_ordered_by_what_neither_a_shift_nor_the_light_explains() -> None:
    mix = np.random.default_rng(1).permutation(40)
    found = ordered(worn(approaching(40))[mix], doubt=100)
    assert found.price == "tangent"
    assert (np.abs(np.diff(mix[found.path.order])) == 1).mean() > 0.9


def test_shifts_and_light_explain_how_worn_pictures_differ_and_not_how_a_wall_approaches() -> None:
    same = np.repeat(approaching(2)[:1], 20, axis=0)
    before, after = np.arange(19), np.arange(1, 20)
    assert TangentPrice(worn(same)).explained(before, after) > 0.8
    assert TangentPrice(approaching(20)).explained(before, after) < 0.1


def test_the_whole_picture_costs_what_the_price_says() -> None:
    price = changes(moving(12))
    left, right = np.triu_indices(12, 1)
    assert np.allclose(priced_parts(price, 12)[0][left, right], price.pairs(left, right), atol=1e-6)


def test_the_plan_names_the_chosen_price_and_its_agreement() -> None:
    mix = np.random.default_rng(1).permutation(30)
    found = ordered(moving(30)[mix])
    assert found.agreement == 1
    assert found.price in ("changes", "small-changes", "difference", "coarse-difference", "tangent")
    assert (np.abs(np.diff(mix[found.path.order])) == 1).all()


@pytest.mark.parametrize("count", [1, 2, 3, 5])
def test_few_frames_are_ordered(count: int) -> None:
    assert sorted(ordered(moving(count)).path.order) == list(range(count))


def test_identical_frames_are_ordered_somehow() -> None:
    assert sorted(ordered(np.zeros((8, 90, 160), np.uint8)).path.order) == list(range(8))


@pytest.mark.parametrize("price", ["changes", "small-changes", "difference", "coarse-difference", "tangent"])
def test_a_price_can_be_chosen_by_name(price: str) -> None:
    found = ordered(moving(20), price=price)
    assert found.price == price
    assert found.agreement is None


def test_motion_must_agree_clearly_better_because_its_halves_share_one_flow() -> None:
    costs = dense_costs(np.ones((3, 3)), 2)

    def trial(name: str, joins: float) -> PriceTrial:
        return PriceTrial(name, costs, SketchedPath([0, 1, 2], 0.0), Agreement(joins, 0.0, 2.0))

    assert best_trial([trial("changes", 0.8), trial("flow", 0.85)]).name == "changes"
    assert best_trial([trial("changes", 0.8), trial("learned", 0.85)]).name == "learned"
    assert best_trial([trial("changes", 0.6), trial("flow", 0.85)]).name == "flow"


def test_a_path_that_fits_its_prices_is_kept_though_halves_agree_a_little_less() -> None:
    costs = dense_costs(np.abs(np.subtract.outer(np.arange(40), np.arange(40))).astype(float), 16)
    mixed = np.random.default_rng(0).permutation(40).tolist()

    def trial(name: str, path: list[int], joins: float) -> PriceTrial:
        return PriceTrial(name, costs, SketchedPath(path, 0.0), Agreement(joins, 0.0, 2.0))

    fits = trial("learned", list(range(40)), 0.93)
    assert best_trial([trial("changes", mixed, 0.95), fits]).name == "learned"
    assert best_trial([trial("changes", list(range(40)), 0.95), fits]).name == "changes"

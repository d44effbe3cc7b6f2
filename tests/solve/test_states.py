"""The price for screens."""

import numpy as np
import numpy.typing as npt

from reelweave.solve.cost.prices import all_pairs, dense_costs
from reelweave.solve.cost.states import StatesPrice
from reelweave.solve.path.agreement import quick_path, rate
from reelweave.solve.undetermined import interchangeable_joins

Luma = npt.NDArray[np.uint8]


def typed(frames: int, frames_per_letter: int = 1, noise: int = 0) -> Luma:
    """An editor in which a letter appears every few frames; encoding adds noise to every pixel."""
    film = np.full((frames, 90, 160), 230, np.int16)
    for at in range(frames):
        for letter in range(at // frames_per_letter + 1):
            row, column = divmod(letter, 24)
            film[at, 6 + 8 * row : 10 + 8 * row, 8 + 6 * column : 11 + 6 * column] = 40
    return (film + np.random.default_rng(0).integers(-noise, noise + 1, film.shape)).clip(0, 255).astype(np.uint8)


def pointed(columns: list[int]) -> Luma:
    """A pointer on a page that stays as it is."""
    film = np.full((len(columns), 90, 160), 230, np.uint8)
    film[:, ::9, 4:150] = 90
    for plane, column in zip(film, columns, strict=True):
        plane[40:46, column : column + 4] = 10
    return film


def test_typed_text_is_put_in_order() -> None:
    mix = np.random.default_rng(1).permutation(60)
    found = quick_path(dense_costs(all_pairs(StatesPrice(typed(60, noise=2)[mix]), np.arange(60)), 10))
    assert (np.abs(np.diff(mix[found])) == 1).all()


def test_pictures_that_encoding_alone_tells_apart_cost_nothing_and_their_order_is_undetermined() -> None:
    prices = all_pairs(StatesPrice(typed(60, 3, noise=2)), np.arange(60))
    alike = np.arange(60)[:, None] // 3 == np.arange(60) // 3
    assert not prices[alike].any()
    assert (prices[~alike] > 0).all()
    undetermined = interchangeable_joins(range(60), dense_costs(prices, 10))
    assert undetermined == [at // 3 == (at + 1) // 3 for at in range(59)]


def test_a_pointer_costs_more_the_farther_it_goes() -> None:
    price = StatesPrice(pointed([*range(10, 140, 10), 139, 144]))
    prices = all_pairs(price, np.arange(15))[0, 1:10]
    assert (np.diff(prices) > 0).all()


def test_halves_of_typed_text_agree_though_idle_frames_have_no_order() -> None:
    found = rate(StatesPrice(typed(60, 4, noise=2)), 60, 10)
    assert found.agreement.joins > 0.9


def test_the_price_is_symmetric_and_its_whole_is_the_price_of_pairs() -> None:
    price = StatesPrice(typed(20, noise=2))
    left, right = np.triu_indices(20, 1)
    assert np.allclose(price.pairs(left, right), price.pairs(right, left))
    assert np.allclose(price.by_halves(left, right)[:, 0], price.pairs(left, right))

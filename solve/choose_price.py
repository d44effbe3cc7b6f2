"""Choose the price of a join: the one asked for, or the one by which halves of the pictures agree best on the order."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ..media.types import Ints
from ..settings import SolveSettings
from .cost.echo import EchoCorrectedPrice, echo_corrected
from .cost.histogram import HistogramPrice
from .cost.pixels import DifferencePrice, PatchPrice, changes, coarse_difference, small_changes
from .cost.prices import CosinePrice, HuberPrice, JoinCosts, Price, join_costs
from .cost.scroll import ScrollPrice, flat_and_faint
from .cost.states import StatesPrice
from .cost.tangent import TangentPrice
from .order_input import OrderInput
from .path.agreement import Agreement, RateablePrice, RatedPrice, rate

_PIXEL_PRICES: dict[str, Callable[[npt.NDArray[np.uint8]], PatchPrice]] = {
    "changes": changes,
    "small-changes": small_changes,
    "difference": DifferencePrice,
    "coarse-difference": coarse_difference,
    "huber": HuberPrice,
    TangentPrice.name: TangentPrice,
}
_CHOSEN_FROM = "changes", "small-changes", "difference", "coarse-difference"
"""The prices that `auto` chooses from for any film.

Where these leave doubt, `scroll` is tried on what may be a screen, and where doubt is left, the tangent distance, which
takes twice the time, and `states` on what may be a screen unless `scroll` is the best: where a drawn page scrolls by
lines, halves by `states` agreed on more joins, and fewer were right (.87 and 1.00).
"""
_FOR_SCREENS: dict[str, Callable[[npt.NDArray[np.uint8], Ints | None], ScrollPrice | StatesPrice]] = {
    ScrollPrice.name: ScrollPrice,
    StatesPrice.name: StatesPrice,
}
WITHOUT_MOTION = "cosine", *_FOR_SCREENS
"""Prices to which optical flow has nothing to add: a page jumps by lines, and letters appear at once."""
_SCREEN = 0.3, 0.16
"""Least share of flat pixels, and most of faint slopes, of a film that is tried as a screen. Drawn pages of dense
text measure .40 and .14; of 29 clips only a plot has as much of the one and as little of the other. A game on a map,
which loses its order, measures .40 and .18.
"""
_COMMON = {"coarse-difference": 0.05, ScrollPrice.name: 0.08, StatesPrice.name: -0.25}
"""Taken from the agreement of halves that have more in common: blurred pixels, whole columns. Without it, star jumps
fell from .90 to .76 by blurred pixels, and a game on a map was ordered by scrolling. Halves by `states` have less in
common, because pixels that hardly change say nothing: on most of 18 drawn screens they agreed on up to .3 less than by
`tangent`, and the orders had .88 of the right joins against .84.

Motion learns from these prices only where they are the best: with blurred pixels a dark hand-held film lost a tenth.
"""
_SHAKEN = 0.45
"""Share of the squared difference of the most similar pictures that shifts and light explain, from which a film is
shaken. Of eleven shaken clips .46 is the least, of fifteen others .41 the most, of a dark one that is hand-held.
"""
_BY_SHIFTS = 0.2
"""Taken from the agreement of prices that know no shifts where a film is shaken: halves share its shifts. A
slow scene with shifts of 6 pixels of 640 had .15 of its right joins by `small-changes`, on which halves agreed on .86,
and .81 by the tangent distance with .81.
"""
_MOST_RATED = 400
"""Most rows for which prices are rated; a price then takes half a CPU second, four times as much for twice the rows."""
AGREED = 0.99
"""Share of agreed joins at which no other price is tried, and the pictures decide the order."""
UNDOUBTED = 0.98
"""Share from which motion is not measured however badly the path fits its prices, unless `doubt` is under 1.5."""


@dataclass(frozen=True)
class ChosenPrice:
    """The price that the search begins with; for `auto` the chosen one, and all that were rated."""

    price: Price
    costs: JoinCosts
    rated: Sequence[RatedPrice] = ()
    agreement: Agreement | None = None


def choose_price(rows: OrderInput, space: str, settings: SolveSettings) -> ChosenPrice:
    """Return the price asked for, or the one whose halves agree best."""
    if settings.price == "auto" and space == "appearance" and 2 < len(rows) <= _MOST_RATED:
        prices, rated = _rated(rows, settings.candidates)
        shaken = _is_shaken(prices[-1], rated[-1].costs)
        chosen, best = max(zip(prices, rated, strict=True), key=lambda pair: _score(pair[1], shaken))
        evidence = [one for one in rated if one is best or one.name not in _COMMON]
        return ChosenPrice(chosen, best.costs, evidence, best.agreement)
    price = _requested_price(rows, space, settings)
    costs = join_costs(price, len(rows), rows.joins, candidates=settings.candidates, dense_limit=settings.dense_limit)
    return ChosenPrice(price, costs)


def _rated(rows: OrderInput, candidates: int) -> tuple[list[RateablePrice], list[RatedPrice]]:
    """Rate one price after the other until halves of the pictures agree."""
    prices: list[RateablePrice] = []
    rated: list[RatedPrice] = []

    def agreed(price: RateablePrice) -> float:
        prices.append(price)
        rated.append(rate(price, len(rows), candidates))
        return rated[-1].agreement.believed

    shuffled = False
    for name in _CHOSEN_FROM:
        price = pixel_price(name, rows, shuffled)
        shuffled = shuffled or isinstance(price, EchoCorrectedPrice)
        if agreed(price) >= AGREED:
            return prices, rated
    flat, faint = flat_and_faint(rows.luma)
    screen, files = flat > _SCREEN[0] and faint < _SCREEN[1], rows.files if shuffled else None
    if screen:
        agreed(ScrollPrice(rows.luma, files))
    if all(one.agreement.believed < UNDOUBTED for one in rated):
        if screen and max(rated, key=_score).name != ScrollPrice.name:
            agreed(StatesPrice(rows.luma, files))
        agreed(pixel_price(TangentPrice.name, rows, shuffled))
    return prices, rated


def _is_shaken(price: Price, costs: JoinCosts) -> bool:
    """Return whether shifts and light are much of what pictures differ by that are similar but for these."""
    price = price.price if isinstance(price, EchoCorrectedPrice) else price
    if not isinstance(price, TangentPrice):
        return False
    nearest = np.array([others[0] for others in costs.neighbours], np.int64)
    return price.explained(np.arange(len(nearest)), nearest) > _SHAKEN


def _score(rated: RatedPrice, shaken: bool = False) -> float:
    by_shifts = shaken and rated.name not in (TangentPrice.name, *_FOR_SCREENS)
    return rated.agreement.score - _COMMON.get(rated.name, 0.0) - (_BY_SHIFTS if by_shifts else 0.0)


def _requested_price(rows: OrderInput, space: str, settings: SolveSettings) -> Price:
    if settings.price == "cosine" or (settings.price == "auto" and space != "appearance"):
        return CosinePrice(rows.vectors)
    if settings.price == "histogram":
        assert rows.chroma is not None
        return HistogramPrice(rows.luma, rows.chroma)
    if settings.price in _FOR_SCREENS:
        return _FOR_SCREENS[settings.price](rows.luma, None)
    return pixel_price(settings.price if settings.price in _PIXEL_PRICES else "huber", rows)


def pixel_price(name: str, rows: OrderInput, shuffled: bool = False) -> PatchPrice | EchoCorrectedPrice:
    return with_echo_corrected(_PIXEL_PRICES[name](rows.luma), rows, shuffled)


def with_echo_corrected(price: PatchPrice, rows: OrderInput, shuffled: bool = False) -> PatchPrice | EchoCorrectedPrice:
    return echo_corrected(price, rows.files, rows.joins, shuffled) if rows.from_video else price

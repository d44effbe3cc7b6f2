"""Order rows by the price whose halves agree best; where that leaves doubt, also by motion."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field, replace
from time import process_time

import numpy as np
import numpy.typing as npt

from ..errors import UsageError
from ..media.types import Floats, Ints
from ..progress import Progress, Stage
from ..settings import SolveSettings
from .cost.echo import EchoCorrectedPrice, echo_corrected
from .cost.flow import SMALLEST_SIDE, FlowPrice
from .cost.histogram import HistogramPrice
from .cost.pixels import (
    DifferencePrice,
    PatchPrice,
    blurred_changes,
    changes,
    coarse_difference,
    levelled,
    small_changes,
)
from .cost.prices import CosinePrice, HuberPrice, JoinCosts, Price, all_pairs, dense_costs, join_costs
from .cost.scroll import ScrollPrice, flat_and_faint
from .cost.sift import sift_matches
from .measured_prices import Matcher, MeasuredPrice, SharedPrice, measured_costs
from .motion import MotionCache, MotionInput, NoMotionCache, motion_trials
from .path.agreement import Agreement, RatedPrice, agreed_among, priced_parts, rate
from .path.find import RowPath, find_path, path_in_file_order
from .path.fit import PERFECT, PriceTrial, band, best_trial, file_order_holds, try_price
from .recurring import steady_order
from .stop import StopCondition
from .undetermined import EQUAL, is_loop, orderless_rows, pictures_recur

_SLACK = 5e-4
"""Share by which the file order may be more expensive than the path found and still be kept; measured on clips in
order.
"""
_SLACK_IN_DOUBT = 0.02
"""The same where the first path fits its prices badly."""


_PIXEL_PRICES: dict[str, Callable[[npt.NDArray[np.uint8]], PatchPrice]] = {
    "changes": changes,
    "small-changes": small_changes,
    "difference": DifferencePrice,
    "coarse-difference": coarse_difference,
    "blurred-changes": blurred_changes,
    "huber": HuberPrice,
}
_CHOSEN_FROM = "changes", "small-changes", "difference", "coarse-difference"
"""The prices that `auto` chooses from for any film."""
_SCROLL = "scroll"
"""The price that is motion itself: optical flow has nothing to add where a page jumps by lines."""
_MAY_SCROLL = 0.3, 0.16
"""Least share of flat pixels, and most of faint slopes, of a film that is tried with `scroll`. Drawn pages of dense
text measure .40 and .14; of 29 clips only a plot has as much of the one and as little of the other. A game on a map,
which loses its order, measures .40 and .18.
"""
_COMMON = {"coarse-difference": 0.05, _SCROLL: 0.08}
"""Taken from the agreement of halves that have more in common: blurred pixels, whole columns. Without it, star jumps
fell from .90 to .76 by blurred pixels, and a game on a map was ordered by scrolling.
"""
_NO_EVIDENCE = "coarse-difference", _SCROLL
"""Prices that are no evidence beside others unless they are the best: with blurred pixels a dark hand-held film lost a
tenth.
"""
_MOST_RATED = 400
"""Most rows for which prices are rated; a price then takes half a CPU second, four times as much for twice the rows."""
AGREED = 0.99
"""Share of agreed joins at which no other price is tried, and the pictures decide the order."""
_NEARLY_EQUAL = 0.75
"""Limit for suspecting that no order stands out; prices that count changes are nearer to equal than `huber`, which
then decides.
"""
_IN_ORDER = 0.4
"""Share of joins among rows that differ equally above which halves of the pictures show their order all the same. Drawn
bars that grow among blurred noise measure .60 and .61, the noise alone .02, and under light that flickers .06.
"""
_FEWEST_IN_ORDER = 20
"""Fewest rows that this is said of: halves of noise share some orders of three or four frames by chance."""
_DOUBTED = 0.9
"""Share of agreed joins below which motion is measured."""

_UNDOUBTED = 0.98
"""Share from which motion is not measured however badly the path fits its prices, unless `doubt` is under 1.5."""


@dataclass(frozen=True)
class OrderInput:
    """The frames to order: vectors, pictures, positions in the file, and candidate pairs."""

    vectors: Floats
    luma: npt.NDArray[np.uint8]
    files: Ints
    joins: Ints
    from_video: bool
    """Whether frames that are adjacent in the file share coding errors."""
    chroma: npt.NDArray[np.uint8] | None = None
    matcher: Matcher | None = None
    motion: MotionCache = field(default_factory=NoMotionCache)

    def __len__(self) -> int:
        return len(self.files)


@dataclass(frozen=True)
class OrderResult:
    """The path, the prices it was chosen by, and how well it fits them (1.5 is perfect)."""

    path: RowPath
    costs: JoinCosts
    price: str
    band: float
    seconds: float = 0.0
    agreement: float | None = None
    """Share of joins that paths by two halves of the pictures have in common; None where it was not measured."""
    orderless: frozenset[int] = frozenset()
    """Rows among which no order stands out. Empty for films too long to price every pair."""
    recurring: bool = False
    """Whether no order stands out because the pictures recur."""
    loop: bool = False
    """Whether the ends of the path fit together, so that the pictures do not tell where it begins."""


def order_rows(rows: OrderInput, space: str, settings: SolveSettings, progress: Progress) -> OrderResult:
    """Order rows by the fast price, and by motion where the path does not fit its own prices.

    Args:
        rows: The frames to order.
        space: The embedding space of the vectors; it selects the default price.
        settings: The settings of the solver.
        progress: Receives stages and notes, and may stop the search early.
    """
    started = process_time()
    with progress.stoppable() as stopped:
        ordered = _search(rows, _candidates(rows, space, settings), settings, progress, stopped)
    if ordered.path.interrupted:
        progress.note("Stopped early; the best order found so far is kept.")
    return replace(ordered, seconds=process_time() - started)


def _search(
    rows: OrderInput, first: "_FirstPrice", settings: SolveSettings, progress: Progress, stopped: Callable[[], bool]
) -> OrderResult:
    silent = StopCondition(stopped=stopped)
    price, costs = first.price, first.costs
    with progress.stage("order") as stage:
        trials = [try_price(price.name, costs, settings, _stop_condition(stage, costs, stopped), first.agreement)]
        stage.advance()
    if measured := _measured_price(rows, settings, progress):
        costs = measured_costs(measured, costs, trials[0].path, settings, silent)
        trials = [try_price(settings.price, costs, settings, silent)]
    if _doubtful(trials[0], rows, price, settings) and not stopped():
        motion_input = MotionInput(rows.luma, rows.files, rows.motion)
        trials += motion_trials(motion_input, price, trials[0], first.rated, settings, progress, silent)
    best = best_trial(trials)
    with progress.stage("prove") as stage:
        stop = _stop_condition(stage, best.costs, stopped)
        slack = _SLACK_IN_DOUBT if len(trials) > 1 else _SLACK
        if any(file_order_holds(one.path, one.costs, slack) for one in trials):
            path = path_in_file_order(best.costs, stop)
        else:
            path = find_path(best.costs, settings, best.sketch, stop)
        stage.advance()
    fit = round(band(path.order, best.costs), 3)
    agreed = None if best.agreement is None else round(best.agreement.believed, 3)
    loop = (agreed or 0.0) >= _DOUBTED and best.costs.matrix is not None and is_loop(path.order, best.costs.matrix)
    recurring = best is trials[0] and _recurring(path, best)
    if recurring:
        order = steady_order(rows.luma, path.order, progress, stopped)
        path = replace(_steadied(path, best.costs, order), interrupted=stopped())
    orderless = frozenset(path.order) if recurring else _orderless(rows, path, first, settings.candidates)
    return OrderResult(path, best.costs, best.name, fit, 0.0, agreed, orderless, recurring, loop)


def _steadied(path: RowPath, costs: JoinCosts, order: list[int]) -> RowPath:
    """Return a path in another order, of which no bound says anything: it was not chosen by its cost."""
    if order == path.order:
        return path
    solver = f"{path.solver} + steady motion"
    return replace(path, order=order, cost=costs.of(order) / costs.scale, lower_bound=None, solver=solver)


def _stop_condition(stage: Stage, costs: JoinCosts, stopped: Callable[[], bool]) -> StopCondition:
    """Report the falling cost in units of the price, and let the user stop the search."""

    def on_cost(cost: int, bound: float | None) -> None:
        above = f", {cost / bound - 1:.1%} above the bound" if bound and 0 < bound <= cost else ""
        stage.describe(f"cost {cost / costs.scale:.4g}{above}")

    return StopCondition(stopped=stopped, on_cost=on_cost)


@dataclass(frozen=True)
class _FirstPrice:
    """The price that the search begins with; for `auto` the chosen one, and all that were rated."""

    price: Price
    costs: JoinCosts
    rated: Sequence[RatedPrice] = ()
    agreement: Agreement | None = None


def _candidates(rows: OrderInput, space: str, settings: SolveSettings) -> _FirstPrice:
    """Return the price asked for, or the one whose halves agree best."""
    if settings.price == "auto" and space == "appearance" and 2 < len(rows) <= _MOST_RATED:
        rated = _rated(rows, settings.candidates)
        best = max(rated, key=_score)
        evidence = [one for one in rated if one is best or one.price.name not in _NO_EVIDENCE]
        return _FirstPrice(best.price, best.costs, evidence, best.agreement)
    price = _first_price(rows, space, settings)
    costs = join_costs(price, len(rows), rows.joins, candidates=settings.candidates, dense_limit=settings.dense_limit)
    return _FirstPrice(price, costs)


def _rated(rows: OrderInput, candidates: int) -> list[RatedPrice]:
    """Rate prices until halves agree by one."""
    rated: list[RatedPrice] = []
    shuffled = False
    for name in _CHOSEN_FROM:
        price = _pixel_price(name, rows, shuffled)
        shuffled = shuffled or isinstance(price, EchoCorrectedPrice)
        rated.append(rate(price, len(rows), candidates))
        if rated[-1].agreement.believed >= AGREED:
            return rated
    flat, faint = flat_and_faint(rows.luma)
    if flat > _MAY_SCROLL[0] and faint < _MAY_SCROLL[1]:
        rated.append(rate(ScrollPrice(rows.luma, rows.files if shuffled else None), len(rows), candidates))
    return rated


def _score(rated: RatedPrice) -> float:
    return rated.agreement.score - _COMMON.get(rated.price.name, 0.0)


def _first_price(rows: OrderInput, space: str, settings: SolveSettings) -> Price:
    if settings.price == "cosine" or (settings.price == "auto" and space != "appearance"):
        return CosinePrice(rows.vectors)
    if settings.price == "histogram":
        assert rows.chroma is not None
        return HistogramPrice(rows.luma, rows.chroma)
    if settings.price == _SCROLL:
        return ScrollPrice(rows.luma)
    return _pixel_price(settings.price if settings.price in _PIXEL_PRICES else "huber", rows)


def _pixel_price(name: str, rows: OrderInput, shuffled: bool = False) -> PatchPrice | EchoCorrectedPrice:
    return _echo_corrected(_PIXEL_PRICES[name](rows.luma), rows, shuffled)


def _echo_corrected(price: PatchPrice, rows: OrderInput, shuffled: bool = False) -> PatchPrice | EchoCorrectedPrice:
    return echo_corrected(price, rows.files, rows.joins, shuffled) if rows.from_video else price


def _doubtful(first: PriceTrial, rows: OrderInput, price: Price, settings: SolveSettings) -> bool:
    if settings.price != "auto" or price.name in ("cosine", _SCROLL):
        return False
    if len(rows) > settings.flow_limit or min(rows.luma.shape[1:]) < SMALLEST_SIDE:
        return False
    if first.agreement is None:
        return first.fit > settings.doubt
    agreed = first.agreement.believed
    unsure = agreed < _UNDOUBTED or settings.doubt < PERFECT
    return agreed < _DOUBTED or (unsure and first.fit > settings.doubt)


def _orderless(rows: OrderInput, path: RowPath, first: _FirstPrice, candidates: int) -> frozenset[int]:
    """Judge by the first price: prices learned from the film itself find an order even in noise."""
    matrix = first.costs.matrix
    if matrix is None:
        return frozenset()
    found = orderless_rows(path.order, matrix, _NEARLY_EQUAL if first.rated else EQUAL)
    if found and first.rated:
        found = orderless_rows(path.order, all_pairs(_pixel_price("huber", rows), np.arange(len(rows))))
    return frozenset() if found and first.rated and _in_order(found, rows, candidates) else frozenset(found)


def _in_order(some: Collection[int], rows: OrderInput, candidates: int) -> bool:
    """Return whether halves of the pictures show an order of some rows though noise makes them differ equally.

    Light that flickers would do the same, so all pictures are given the same brightness and contrast.
    """
    if len(some) < _FEWEST_IN_ORDER:
        return False
    price = _echo_corrected(DifferencePrice(levelled(rows.luma)), rows)
    halves = [dense_costs(part, candidates) for part in priced_parts(price, len(rows))[1:]]
    return agreed_among(some, halves, rows.files if rows.from_video else None) > _IN_ORDER


def _recurring(path: RowPath, first: PriceTrial) -> bool:
    """Judge paths by pixels on which halves of the pictures agree: on others, noise makes steps irregular.

    So does scrolling by several lines at a time.
    """
    agreed = first.agreement.believed if first.agreement and first.name != _SCROLL else 0.0
    return agreed >= _DOUBTED and first.costs.matrix is not None and pictures_recur(path.order, first.costs.matrix)


def _measured_price(rows: OrderInput, settings: SolveSettings, progress: Progress) -> MeasuredPrice | None:
    """Return the chosen price if it is one that is measured join by join."""
    if settings.price == "flow":
        if min(rows.luma.shape[1:]) < SMALLEST_SIDE:
            raise UsageError("The pictures are too small to measure motion.", "Choose another price: --price huber.")
        return FlowPrice(rows.luma, progress)
    if settings.price == "sift":
        return SharedPrice(rows.luma, sift_matches, progress)
    if settings.price == "match":
        assert rows.matcher is not None
        return SharedPrice(rows.luma, rows.matcher, progress)
    return None

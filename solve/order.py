"""Order rows by the price whose halves agree best; where that leaves doubt, also by motion."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field, replace
from functools import cache, partial
from time import process_time

import numpy as np

from ..errors import UsageError
from ..media.types import Ints
from ..progress import Progress, Stage
from ..settings import SolveSettings
from .choose_price import (
    AGREED,
    UNDOUBTED,
    WITHOUT_MOTION,
    ChosenPrice,
    choose_price,
    pixel_price,
    with_echo_corrected,
)
from .cost.flow import SMALLEST_SIDE, FlowPrice
from .cost.pixels import (
    DifferencePrice,
    levelled,
)
from .cost.prices import JoinCosts, Price, all_pairs
from .cost.sift import sift_matches
from .cost.tangent import TangentPrice
from .cost.trajectory import Doubles
from .measured_prices import MeasuredPrice, SharedPrice, measured_costs
from .motion import MotionInput, motion_trials
from .order_input import OrderInput
from .path.agreement import RatedPrice, agreed_among, rate
from .path.find import RowPath, find_path, path_in_file_order
from .path.fit import PERFECT, PriceTrial, band, best_trial, file_order_holds, try_price
from .recurring import film_positions, goes_straight, slows_down, steady_order
from .smooth_motion import SmoothOrder, smooth_order
from .stop import StopCondition
from .undetermined import EQUAL, is_loop, orderless_rows, pictures_recur

_SLACK = 5e-4
"""Share by which the file order may be more expensive than the path found and still be kept; measured on clips in
order.
"""
_SLACK_IN_DOUBT = 0.02
"""The same where the first path fits its prices badly."""
_NEARLY_EQUAL = 0.75
"""Limit for suspecting that no order stands out; prices that count changes are nearer to equal than `huber`, which
then decides.
"""
_IN_ORDER = 0.25
"""Share of joins among rows that differ equally above which halves of the pictures show their order all the same. Drawn
bars that grow among blurred noise measure .60 and .61; smoke, a tenth of which persists from frame to frame,
.30 to .35, and .61 to .76 of its joins are right; noise alone .02 to .17, and under light that flickers .06.
"""
_FEWEST_IN_ORDER = 20
"""Fewest rows that this is said of: halves of noise share some orders of three or four frames by chance."""
_SMOOTHER = 0.1
"""Share by which motion must change less, in halves of the pictures that a path was not found by, for it to be taken.
Star jumps, a sleeping child and drawn dancers of which the cheapest path had .19 to .89 of the joins measure .12 to
.22, and their paths by motion had .46 to 1.0. Of films whose cheapest path was better, a game and talks measure .016 to
.023, and a drawn growth in noise .075. Halves must agree on as many of its joins as of the others': in the flame of a
candle motion changes .22 less along a path that has .72 of the joins instead of .91, on which they agree less.
"""
_SURER = 0.1
"""By less, it is taken if halves agree on so much more of its joins. Smoke, whose joins by motion are wrong, gained .06
with .05.
"""
_DOUBTED = 0.9
"""Share of agreed joins below which motion is measured."""


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
    halves: Ints = field(default_factory=lambda: np.zeros((0, 0), np.int64))
    """Paths by halves of the pictures, one row each, by the chosen price and by the first one."""


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
        ordered = _search(rows, choose_price(rows, space, settings), settings, progress, stopped)
    if ordered.path.interrupted:
        progress.note("Stopped early; the best order found so far is kept.")
    return replace(ordered, seconds=process_time() - started)


def _search(
    rows: OrderInput, first: ChosenPrice, settings: SolveSettings, progress: Progress, stopped: Callable[[], bool]
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
    agreed = _agreed(best)
    loop = (agreed or 0.0) >= _DOUBTED and best.costs.matrix is not None and is_loop(path.order, best.costs.matrix)
    places = cache(partial(film_positions, rows.luma))
    recurring = best is trials[0] and _recurring(rows, path.order, best, first, settings.candidates, places)
    if recurring:
        order = steady_order(places, path.order, progress, stopped)
        path = _steadied(path, best.costs, order)
    elif not path.in_file_order:
        path, best, agreed = _by_smooth_motion(rows, path, best, first, progress, stopped)
    # A search that was stopped here is not cached either.
    path = replace(path, interrupted=path.interrupted or stopped())
    fit = round(band(path.order, best.costs), 3)
    orderless = frozenset(path.order) if recurring else _orderless(rows, path, first, settings.candidates)
    halves = _paths_by_halves(best, first)
    return OrderResult(path, best.costs, best.name, fit, 0.0, agreed, orderless, recurring, loop, halves)


def _agreed(trial: PriceTrial) -> float | None:
    return None if trial.agreement is None else round(trial.agreement.believed, 3)


def _by_smooth_motion(
    rows: OrderInput,
    path: RowPath,
    best: PriceTrial,
    first: ChosenPrice,
    progress: Progress,
    stopped: Callable[[], bool],
) -> tuple[RowPath, PriceTrial, float | None]:
    """Take the path along which motion changes least, where it changes clearly less.

    Returns:
        The path, the trial with the agreement that counts for it, and the share of joins to believe.
    """
    agreed, smooth = _agreed(best), _smooth(rows, path, best, first, progress, stopped)
    if smooth and _is_smoother(smooth, agreed or 0.0):
        best = replace(best, agreement=smooth.agreement)
        return _steadied(path, best.costs, smooth.path), best, _agreed(best)
    if smooth and smooth.gain > 0:
        # Poses that recur make halves agree by pixels, not by motion.
        agreed = min(agreed or 0.0, round(smooth.agreement.believed, 3))
    return path, best, agreed


def _smooth(
    rows: OrderInput,
    path: RowPath,
    best: PriceTrial,
    first: ChosenPrice,
    progress: Progress,
    stopped: Callable[[], bool],
) -> SmoothOrder | None:
    """Return the order in which motion changes least, where prices leave doubt."""
    if best.agreement is None or best.agreement.believed >= _DOUBTED or not first.rated or best.name in WITHOUT_MOTION:
        return None
    rated = max(first.rated, key=lambda one: one.agreement.score)
    return smooth_order(rows.luma, rated, path.order, progress, stopped)


def _is_smoother(smooth: SmoothOrder, agreed: float) -> bool:
    """Return whether motion clearly changes less in parts of the pictures that an order was not found by."""
    surer = smooth.agreement.believed - agreed
    return (smooth.gain > _SMOOTHER and surer >= 0) or (smooth.gain > 0 and surer > _SURER)


def _paths_by_halves(best: PriceTrial, first: ChosenPrice) -> Ints:
    """Return the paths by halves of the pictures, also those by pixels: halves by motion share one flow."""
    compared = [one for one in (best.agreement, first.agreement) if one]
    paths = [path for one in compared[: 1 if best.agreement is first.agreement else 2] for path in one.paths]
    return np.array(paths, np.int64).reshape(len(paths), -1 if paths else 0)


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


def _doubtful(first: PriceTrial, rows: OrderInput, price: Price, settings: SolveSettings) -> bool:
    if settings.price != "auto" or price.name in WITHOUT_MOTION:
        return False
    if len(rows) > settings.flow_limit or min(rows.luma.shape[1:]) < SMALLEST_SIDE:
        return False
    if first.agreement is None:
        return first.fit > settings.doubt
    agreed = first.agreement.believed
    # Halves share one shift, and agree more by it.
    enough = AGREED if first.name == TangentPrice.name else UNDOUBTED
    unsure = agreed < enough or settings.doubt < PERFECT
    return agreed < _DOUBTED or (unsure and first.fit > settings.doubt)


def _orderless(rows: OrderInput, path: RowPath, first: ChosenPrice, candidates: int) -> frozenset[int]:
    """Judge by the first price: prices learned from the film itself find an order even in noise."""
    matrix = first.costs.matrix
    if matrix is None:
        return frozenset()
    found = orderless_rows(path.order, matrix, _NEARLY_EQUAL if first.rated else EQUAL)
    if found and first.rated:
        found = orderless_rows(path.order, all_pairs(pixel_price("huber", rows), np.arange(len(rows))))
    return frozenset() if found and first.rated and _in_order(found, rows, first, candidates) else frozenset(found)


def _in_order(some: Collection[int], rows: OrderInput, chosen: ChosenPrice, candidates: int) -> bool:
    """Return whether halves of the pictures show an order of some rows though noise makes them differ equally.

    Light that flickers would do the same, so all pictures are given the same brightness and contrast. Where a picture
    jumps in the gate as well, only the tangent distance shows the order.
    """
    if len(some) < _FEWEST_IN_ORDER:
        return False
    files = rows.files if rows.from_video else None

    def agree(rated: RatedPrice) -> bool:
        return agreed_among(some, rated.agreement.paths, files) > _IN_ORDER

    level = with_echo_corrected(DifferencePrice(levelled(rows.luma)), rows)
    return agree(rate(level, len(rows), candidates)) or agree(_by_tangent(rows, chosen, candidates))


def _by_tangent(rows: OrderInput, chosen: ChosenPrice, candidates: int) -> RatedPrice:
    """Return what the tangent distance says of the rows; it may have been rated when the price was chosen."""
    known = next((one for one in chosen.rated if one.name == TangentPrice.name), None)
    return known or rate(pixel_price(TangentPrice.name, rows), len(rows), candidates)


def _recurring(
    rows: OrderInput,
    path: Sequence[int],
    first: PriceTrial,
    chosen: ChosenPrice,
    candidates: int,
    places: Callable[[], Doubles],
) -> bool:
    """Judge paths by pixels; noise makes steps uneven, too, so that the shape of a path counts: it closes or fits.

    So does scrolling by several lines at a time, and a film that jumps in the gate, but not by the tangent distance.
    """
    if first.agreement is None or first.costs.matrix is None or first.name in WITHOUT_MOTION:
        return False
    ends_meet = is_loop(path, first.costs.matrix)
    if not pictures_recur(path, first.costs.matrix) or not (ends_meet or _fits_recurrence(places, path, first)):
        return False
    by_tangent = _by_tangent(rows, chosen, candidates).costs.matrix
    return by_tangent is not None and pictures_recur(path, by_tangent)


def _fits_recurrence(places: Callable[[], Doubles], path: Sequence[int], first: PriceTrial) -> bool:
    """Return whether an open path goes straight, or has steps that are clearly uneven.

    Where halves of the pictures do not agree, it must go straight and be slower at its ends than usual.
    """
    assert first.agreement
    assert first.costs.matrix is not None
    if first.agreement.believed < _DOUBTED:
        return slows_down(places(), path)
    return pictures_recur(path, first.costs.matrix, clearly=True) or goes_straight(places(), path)


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

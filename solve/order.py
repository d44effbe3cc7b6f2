"""Order rows by one price; where the path fits it badly, try other prices and keep the path that fits best."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from time import process_time

import numpy as np
import numpy.typing as npt

from ..errors import UsageError
from ..media.types import Floats, Ints
from ..progress import Progress, Stage
from ..settings import SolveSettings
from .cost.echo import echo_corrected
from .cost.flow import SMALLEST_SIDE, FlowPrice
from .cost.histogram import HistogramPrice
from .cost.prices import CosinePrice, HuberPrice, JoinCosts, Price, join_costs
from .cost.sift import sift_matches
from .measured_prices import Matcher, MeasuredPrice, SharedPrice, measured_costs
from .motion import MotionCache, MotionInput, NoMotionCache, motion_trials
from .path.find import RowPath, find_path, path_in_file_order
from .path.fit import band, file_order_holds, try_price
from .stop import StopCondition
from .undetermined import orderless_rows

_SLACK = 5e-4
"""Share by which the file order may be more expensive than the path found and still be kept; measured on clips in
order.
"""
_SLACK_IN_DOUBT = 0.02
"""The same where the first path fits its prices badly."""


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
    orderless: frozenset[int] = frozenset()
    """Rows among which no order stands out. Empty for films too long to price every pair."""


def order_rows(rows: OrderInput, space: str, settings: SolveSettings, progress: Progress) -> OrderResult:
    """Order rows by the fast price, and by motion where the path does not fit its own prices.

    Args:
        rows: The frames to order.
        space: The embedding space of the vectors; it selects the default price.
        settings: The settings of the solver.
        progress: Receives stages and notes, and may stop the search early.
    """
    started = process_time()
    price = _first_price(rows, space, settings)
    costs = join_costs(price, len(rows), rows.joins, candidates=settings.candidates, dense_limit=settings.dense_limit)
    with progress.stoppable() as stopped:
        ordered = _search(rows, price, costs, settings, progress, stopped)
    if ordered.path.interrupted:
        progress.note("Stopped early; the best order found so far is kept.")
    return replace(ordered, seconds=process_time() - started)


def _search(
    rows: OrderInput,
    price: Price,
    costs: JoinCosts,
    settings: SolveSettings,
    progress: Progress,
    stopped: Callable[[], bool],
) -> OrderResult:
    silent = StopCondition(stopped=stopped)
    with progress.stage("order") as stage:
        trials = [try_price(price.name, costs, settings, _stop_condition(stage, costs, stopped))]
        stage.advance()
    first = costs
    if measured := _measured_price(rows, settings, progress):
        costs = measured_costs(measured, costs, trials[0].path, settings, silent)
        trials = [try_price(settings.price, costs, settings, silent)]
    if _doubtful(trials[0].fit, rows, price, settings) and not stopped():
        motion_input = MotionInput(rows.luma, rows.files, rows.motion)
        trials += motion_trials(motion_input, price, trials[0], settings, progress, silent)
    best = min(trials, key=lambda one: one.fit)
    with progress.stage("prove") as stage:
        stop = _stop_condition(stage, best.costs, stopped)
        slack = _SLACK_IN_DOUBT if len(trials) > 1 else _SLACK
        if any(file_order_holds(one.path, one.costs, slack) for one in trials):
            path = path_in_file_order(best.costs, stop)
        else:
            path = find_path(best.costs, settings, best.sketch, stop)
        stage.advance()
    fit = round(band(path.order, best.costs), 3)
    # Judge by the first price: prices learned from the film itself find an order even in noise.
    orderless = frozenset() if first.matrix is None else frozenset(orderless_rows(path.order, first.matrix))
    return OrderResult(path, best.costs, best.name, fit, orderless=orderless)


def _stop_condition(stage: Stage, costs: JoinCosts, stopped: Callable[[], bool]) -> StopCondition:
    """Report the falling cost in units of the price, and let the user stop the search."""

    def on_cost(cost: int, bound: float | None) -> None:
        above = f", {cost / bound - 1:.1%} above the bound" if bound and 0 < bound <= cost else ""
        stage.describe(f"cost {cost / costs.scale:.4g}{above}")

    return StopCondition(stopped=stopped, on_cost=on_cost)


def _first_price(rows: OrderInput, space: str, settings: SolveSettings) -> Price:
    if settings.price == "cosine" or (settings.price == "auto" and space != "appearance"):
        return CosinePrice(rows.vectors)
    if settings.price == "histogram":
        assert rows.chroma is not None
        return HistogramPrice(rows.luma, rows.chroma)
    price = HuberPrice(rows.luma)
    return echo_corrected(price, rows.files, rows.joins) if rows.from_video else price


def _doubtful(fit: float, rows: OrderInput, price: Price, settings: SolveSettings) -> bool:
    small = len(rows) <= settings.flow_limit and min(rows.luma.shape[1:]) >= SMALLEST_SIDE
    return price.name == "huber" and settings.price == "auto" and small and fit > settings.doubt


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

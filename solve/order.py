"""Rows into an order: by one price and, where its path does not fit it, by the price whose path fits best."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from time import process_time

import numpy as np
import numpy.typing as npt

from ..errors import UsageError
from ..frames import Floats, Ints
from ..progress import Progress, Stage
from ..settings import Solve as SolveSettings
from .costs import CosinePrice, HuberPrice, JoinCosts, Price, join_costs
from .echo import without_echo
from .fit import band, file_order_stands, trial
from .flow import SMALLEST_SIDE, FlowPrice
from .histogram import HistogramPrice
from .measured import Matcher, MeasuredPrice, SharedPrice, by_measuring
from .motion import Forgetful, MotionMemory, Scenes, motion_trials
from .path import Path, find_path, path_as_filed
from .sift import sift_matches
from .undetermined import orderless_rows
from .watch import Watch

_SLACK, _SLACK_IN_DOUBT = 5e-4, 0.02
"""How much dearer than the path found the file's own order may be and still stand: measured on clips in order."""


@dataclass(frozen=True)
class Rows:
    """The frames to order: their vectors, their pictures, their places in the file, and pairs that look alike."""

    vectors: Floats
    luma: npt.NDArray[np.uint8]
    files: Ints
    joins: Ints
    from_video: bool
    """Whether neighbours in the file share coding errors."""
    chroma: npt.NDArray[np.uint8] | None = None
    matcher: Matcher | None = None
    motion: MotionMemory = field(default_factory=Forgetful)

    def __len__(self) -> int:
        return len(self.files)


@dataclass(frozen=True)
class Ordered:
    """The path, the prices it was chosen by, and how well it fits them (1.5 is perfect)."""

    path: Path
    costs: JoinCosts
    price: str
    band: float
    seconds: float = 0.0
    orderless: frozenset[int] = frozenset()
    """Rows among which no order stands out; unknown in a film too long for the price of every pair."""


def order_rows(rows: Rows, space: str, settings: SolveSettings, progress: Progress) -> Ordered:
    """Solve by the quick price; look at motion only where the path does not fit its own prices."""
    started = process_time()
    price = _first_price(rows, space, settings)
    costs = join_costs(price, len(rows), rows.joins, candidates=settings.candidates, dense_limit=settings.dense_limit)
    with progress.stoppable() as stopped:
        ordered = _search(rows, price, costs, settings, progress, stopped)
    if ordered.path.interrupted:
        progress.note("Stopped early: the best order so far is kept.")
    return replace(ordered, seconds=process_time() - started)


def _search(
    rows: Rows,
    price: Price,
    costs: JoinCosts,
    settings: SolveSettings,
    progress: Progress,
    stopped: Callable[[], bool],
) -> Ordered:
    quiet = Watch(stopped=stopped)
    with progress.stage("order") as stage:
        trials = [trial(price.name, costs, settings, _watched(stage, costs, stopped))]
        stage.advance()
    first = costs
    if measured := _measured_price(rows, settings, progress):
        costs = by_measuring(measured, costs, trials[0].path, settings, quiet)
        trials = [trial(settings.price, costs, settings, quiet)]
    if _doubtful(trials[0].fit, rows, price, settings) and not stopped():
        scenes = Scenes(rows.luma, rows.files, rows.motion)
        trials += motion_trials(scenes, price, trials[0], settings, progress, quiet)
    best = min(trials, key=lambda one: one.fit)
    with progress.stage("prove") as stage:
        watch = _watched(stage, best.costs, stopped)
        slack = _SLACK_IN_DOUBT if len(trials) > 1 else _SLACK
        if any(file_order_stands(one.path, one.costs, slack) for one in trials):
            path = path_as_filed(best.costs, watch)
        else:
            path = find_path(best.costs, settings, best.sketch, watch)
        stage.advance()
    fit = round(band(path.order, best.costs), 3)
    # Prices that were learnt from the film itself find an order even in noise.
    orderless = frozenset() if first.matrix is None else frozenset(orderless_rows(path.order, first.matrix))
    return Ordered(path, best.costs, best.name, fit, orderless=orderless)


def _watched(stage: Stage, costs: JoinCosts, stopped: Callable[[], bool]) -> Watch:
    """The user sees the cost fall, in units of the price, and may end it."""

    def tell(cost: int, bound: float | None) -> None:
        above = f", {cost / bound - 1:.1%} above the bound" if bound and 0 < bound <= cost else ""
        stage.tell(f"cost {cost / costs.scale:.4g}{above}")

    return Watch(stopped=stopped, tell=tell)


def _first_price(rows: Rows, space: str, settings: SolveSettings) -> Price:
    if settings.price == "cosine" or (settings.price == "auto" and space != "appearance"):
        return CosinePrice(rows.vectors)
    if settings.price == "histogram":
        assert rows.chroma is not None
        return HistogramPrice(rows.luma, rows.chroma)
    price = HuberPrice(rows.luma)
    return without_echo(price, rows.files, rows.joins) if rows.from_video else price


def _doubtful(fit: float, rows: Rows, price: Price, settings: SolveSettings) -> bool:
    small = len(rows) <= settings.flow_limit and min(rows.luma.shape[1:]) >= SMALLEST_SIDE
    return price.name == "huber" and settings.price == "auto" and small and fit > settings.doubt


def _measured_price(rows: Rows, settings: SolveSettings, progress: Progress) -> MeasuredPrice | None:
    """The price that was asked for where it is one that can only be measured join by join."""
    if settings.price == "flow":
        if min(rows.luma.shape[1:]) < SMALLEST_SIDE:
            raise UsageError("The pictures are too small to see motion in.", "Choose another price: --price huber.")
        return FlowPrice(rows.luma, progress)
    if settings.price == "sift":
        return SharedPrice(rows.luma, sift_matches, progress)
    if settings.price == "match":
        assert rows.matcher is not None
        return SharedPrice(rows.luma, rows.matcher, progress)
    return None

"""Rows into an order: by one price and, where its path does not fit it, by the price whose path fits best."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import chain
from time import process_time

import numpy as np
import numpy.typing as npt

from ..frames import Floats, Ints
from ..progress import Progress, Stage
from ..settings import Solve as SolveSettings
from .costs import CosinePrice, HuberPrice, JoinCosts, Price, dense_costs, join_costs, sparse_costs
from .echo import without_echo
from .fit import band, file_order_stands
from .flow import SMALLEST_SIDE, FlowPrice, in_units
from .path import Path, find_path, path_as_filed, sketch_path
from .watch import Watch

_STEPS_LOOKED_AT = (1, 2, 3)
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


def order_rows(rows: Rows, space: str, settings: SolveSettings, progress: Progress) -> Ordered:
    """Solve by the quick price; look at motion only where the path does not fit its own prices."""
    started = process_time()
    price = _first_price(rows, space, settings)
    costs = join_costs(price, len(rows), rows.joins, candidates=settings.candidates, dense_limit=settings.dense_limit)
    with progress.stoppable() as stopped:
        ordered = _search(rows, price, costs, settings, progress, stopped)
    if ordered.path.interrupted:
        progress.note("Stopped early: kept the best order so far; Ctrl-C again to abort.")
    return replace(ordered, seconds=process_time() - started)


def _search(
    rows: Rows,
    price: Price,
    costs: JoinCosts,
    settings: SolveSettings,
    progress: Progress,
    stopped: Callable[[], bool],
) -> Ordered:
    with progress.stage("order") as stage:
        watch = _watched(stage, costs, stopped)
        sketches, names, prices = [sketch_path(costs, settings, watch)], [price.name], [costs]
        stage.advance()
    fits = [band(sketches[0].path, costs)]
    if _doubtful(fits[0], rows, price, settings) and not stopped():
        for name, other in _by_motion(rows, costs, sketches[0].path, settings, progress, stopped).items():
            names.append(name)
            prices.append(other)
            sketches.append(sketch_path(other, settings, Watch(stopped=stopped)))
            fits.append(band(sketches[-1].path, other))
    best = fits.index(min(fits))
    with progress.stage("prove") as stage:
        watch = _watched(stage, prices[best], stopped)
        slack = _SLACK_IN_DOUBT if len(prices) > 1 else _SLACK
        if any(file_order_stands(sketch.path, costs, slack) for sketch, costs in zip(sketches, prices, strict=True)):
            path = path_as_filed(prices[best], watch)
        else:
            path = find_path(prices[best], settings, sketches[best], watch)
        stage.advance()
    fit = round(band(path.order, prices[best]), 3)
    return Ordered(path, prices[best], names[best], fit)


def _watched(stage: Stage, costs: JoinCosts, stopped: Callable[[], bool]) -> Watch:
    """The user sees the cost fall, in units of the price, and may end it."""

    def tell(cost: int, bound: float | None) -> None:
        above = f", {cost / bound - 1:.1%} above the bound" if bound and 0 < bound <= cost else ""
        stage.tell(f"cost {cost / costs.scale:.4g}{above}")

    return Watch(stopped=stopped, tell=tell)


def _first_price(rows: Rows, space: str, settings: SolveSettings) -> Price:
    if settings.price == "cosine" or (settings.price == "auto" and space != "appearance"):
        return CosinePrice(rows.vectors)
    price = HuberPrice(rows.luma)
    return without_echo(price, rows.files, rows.joins) if rows.from_video else price


def _doubtful(fit: float, rows: Rows, price: Price, settings: SolveSettings) -> bool:
    small = len(rows) <= settings.flow_limit and min(rows.luma.shape[1:]) >= SMALLEST_SIDE
    return price.name == "huber" and settings.price != "huber" and small and fit > settings.doubt


def _by_motion(
    rows: Rows,
    costs: JoinCosts,
    sketch: list[int],
    settings: SolveSettings,
    progress: Progress,
    stopped: Callable[[], bool],
) -> dict[str, JoinCosts]:
    """Costs by motion, and by motion and looks together.

    A first round measures the joins that look likely; what is near on the paths found by it may have
    looked unlikely, and is measured in a second. Where the user ends it there are none, since what is half
    measured fits no path.
    """
    flow = FlowPrice(rows.luma, progress)
    flow.measure(chain(((a, b) for a, near in enumerate(costs.neighbours) for b in near), _near_on(sketch)), stopped)
    if stopped():
        return {}
    for made in _flow_costs(flow, costs, settings).values():
        flow.measure(_near_on(sketch_path(made, settings, Watch(stopped=stopped)).path), stopped)
    return {} if stopped() else _flow_costs(flow, costs, settings)


def _near_on(path: list[int]) -> list[tuple[int, int]]:
    return [(a, b) for step in _STEPS_LOOKED_AT for a, b in zip(path, path[step:], strict=False)]


def _flow_costs(flow: FlowPrice, costs: JoinCosts, settings: SolveSettings) -> dict[str, JoinCosts]:
    joins, motion = flow.joins(), flow.prices()
    looks = np.array([costs.rows[a][b] for a, b in joins.tolist()], np.float64) / costs.scale
    together = motion + in_units(looks, joins, len(costs))
    return {
        "flow": _with_rest(joins, motion, costs, settings.candidates),
        "huber + flow": _with_rest(joins, together, costs, settings.candidates),
    }


def _with_rest(joins: Ints, values: Floats, costs: JoinCosts, candidates: int) -> JoinCosts:
    """The given prices, and behind the dearest of them every other pair by its looks."""
    if costs.matrix is None:
        return sparse_costs(len(costs), joins, values, candidates)
    looks = costs.matrix / costs.scale
    best = np.where(np.eye(len(costs), dtype=bool), np.inf, looks).min(axis=1)
    distances = float(values.max()) + looks / max(float(np.median(best)), 1e-9)
    distances[joins[:, 0], joins[:, 1]] = distances[joins[:, 1], joins[:, 0]] = values
    np.fill_diagonal(distances, 0.0)
    return dense_costs(distances, candidates)

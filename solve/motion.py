"""By motion, and by what the film itself says of looks and motion: other paths where looks leave doubt."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from ..media.types import Floats, Ints, Motion
from ..progress import Progress
from ..settings import SolveSettings
from .cost.echo import EchoCorrectedPrice
from .cost.flow import SOFT, FlowPrice, normalised
from .cost.learned import learned_prices
from .cost.prices import JoinCosts, Price, dense_costs
from .measured_prices import near_pairs, with_other_pairs
from .path.fit import PriceTrial, try_price
from .path.greedy import greedy_path
from .path.local import improve
from .stop import StopCondition

_ROUNDS = 3
_NEAR, _NEAR_WIDE = 3, 8
_WIDER = 3
_NOISY = 0.25


class MotionCache(Protocol):
    """What was measured once need not be again."""

    def recall(self) -> Motion: ...

    def keep(self, motion: Motion) -> None: ...


class NoMotionCache:
    """Remembers nothing."""

    def recall(self) -> Motion:
        return {}

    def keep(self, motion: Motion) -> None:
        pass


@dataclass(frozen=True)
class MotionInput:
    """What motion is measured on: pictures, their places in the file, and what is remembered of them."""

    luma: npt.NDArray[np.uint8]
    files: Ints
    memory: MotionCache


def motion_trials(
    scenes: MotionInput,
    price: Price,
    first: PriceTrial,
    settings: SolveSettings,
    progress: Progress,
    watch: StopCondition,
) -> list[PriceTrial]:
    """A path by motion, unless noise is what moves, and one by weights learned on the path that fits best so far.

    Where the user ends it there are none, since what is half measured fits no path.
    """
    motion = scenes.memory.recall()
    evidence = _Evidence(scenes, price, first.costs, motion, settings, progress, watch)
    try:
        return _trials(evidence, _noisy(price), first, settings, watch)
    except _EndedError:
        return []
    finally:
        scenes.memory.keep(motion)


def _trials(
    evidence: "_Evidence", noisy: bool, first: PriceTrial, settings: SolveSettings, watch: StopCondition
) -> list[PriceTrial]:
    """A first round measures the joins that look likely; what is near on the paths found by it may have
    looked unlikely, and is measured as they are found.
    """
    evidence.measure(evidence.likely() + evidence.near(first.path))
    evidence.measure(evidence.near(_quick_path(evidence.costs(evidence.by_motion()))))
    found = [] if noisy else [try_price("flow", evidence.costs(evidence.by_motion()), settings, watch)]
    path = min([first, *found], key=lambda one: one.fit).path
    for _ in range(_ROUNDS - 1):
        evidence.measure(evidence.near(path))
        path = _quick_path(evidence.costs(evidence.learned(path)))
    evidence.measure(evidence.near(path))
    return [*found, try_price("learned", evidence.costs(evidence.learned(path)), settings, watch)]


class _EndedError(Exception):
    """The user wants no more of it."""


class _Evidence:
    """All that is known of some joins, and prices made of it."""

    def __init__(
        self,
        scenes: MotionInput,
        price: Price,
        looks: JoinCosts,
        motion: Motion,
        settings: SolveSettings,
        progress: Progress,
        watch: StopCondition,
    ) -> None:
        views = {"sharp": 0.0, "soft": SOFT} if settings.thorough else {"sharp": 0.0}
        self._flows = [
            FlowPrice(scenes.luma, progress, files=scenes.files, known=motion.setdefault(view, {}), blur=blur)
            for view, blur in views.items()
        ]
        self._looks, self._settings, self._stopped = looks, settings, watch.stopped
        self._wide = settings.thorough and not _noisy(price)
        self._echo: Callable[[Ints, Ints], Floats] = price.taken_off if isinstance(price, EchoCorrectedPrice) else _none

    def measure(self, joins: list[tuple[int, int]]) -> None:
        for flow in self._flows:
            flow.measure(joins, self._stopped)
        if self._stopped():
            raise _EndedError

    def likely(self) -> list[tuple[int, int]]:
        """The joins that the search tries; in a wide look also those three times as far down each frame's list."""
        near: list[list[int]] = self._looks.neighbours
        if self._wide and self._looks.matrix is not None:
            near = dense_costs(self._looks.matrix.astype(np.float64), _WIDER * self._settings.candidates).neighbours
        return [(a, b) for a, others in enumerate(near) for b in others]

    def near(self, path: list[int]) -> list[tuple[int, int]]:
        return near_pairs(path, _NEAR_WIDE if self._wide else _NEAR)

    def by_motion(self) -> Floats:
        return self._flows[0].prices(self._echo_of_joins())

    def learned(self, path: list[int]) -> Floats:
        joins, count = self._flows[0].joins(), len(self._looks)
        looks = np.array([self._looks.rows[a][b] for a, b in joins.tolist()], np.float32)
        columns = [looks]
        for flow in self._flows:
            residual, roughness, coarse, unlike = flow.measures().T
            columns.append(roughness)
            columns += [normalised(left, joins, count) + self._echo_of_joins() for left in (residual, coarse, unlike)]
        return learned_prices(np.stack(columns, axis=1), joins, path)

    def costs(self, values: Floats) -> JoinCosts:
        return with_other_pairs(self._flows[0].joins(), values, self._looks, self._settings.candidates)

    def _echo_of_joins(self) -> Floats:
        joins = self._flows[0].joins()
        return self._echo(joins[:, 0], joins[:, 1])


def _quick_path(costs: JoinCosts) -> list[int]:
    """A path to measure or to learn on, good enough without being shaken."""
    return improve(greedy_path(costs), costs, kicks=0, seed=0)


def _noisy(price: Price) -> bool:
    """Whether so much of a best join is the encoder's echo that bending would fit noise rather than motion."""
    return isinstance(price, EchoCorrectedPrice) and float(price.share[1]) > _NOISY


def _none(left: Ints, right: Ints) -> Floats:
    return np.zeros(len(left), np.float32)

"""Order by optical flow and by a learned mix of prices, where the base price leaves doubt."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from ..media.types import Floats, Ints, Motion
from ..progress import Progress
from ..settings import SolveSettings
from .cost.echo import EchoCorrectedPrice
from .cost.flow import SOFT, FlowPrice, normalised
from .cost.learned import learned_weights, weighted
from .cost.prices import JoinCosts, Price, dense_costs
from .measured_prices import near_pairs, with_other_pairs
from .path.agreement import RatedPrice, agreement, files_of, halves, quick_path
from .path.fit import PriceTrial, try_price
from .stop import StopCondition

_ROUNDS = 3
"""Rounds of learning weights; each round but the last gives a path to measure and learn on."""
_NEAR = 3
"""Rows up to this many steps apart on a path are measured."""
_NEAR_WIDE = 8
"""The same in a thorough search."""
_WIDER = 3
"""In a thorough search the candidate lists are this many times as long."""
_NOISY = 0.25
"""Share of a best join that is codec echo; above it flow would fit noise."""


class _PartPrice(Protocol):
    """Price the measured joins by the whole picture or by one of its parts."""

    def __call__(self, part: int | None = None) -> Floats: ...


class MotionCache(Protocol):
    """Motion measured in earlier runs."""

    def load(self) -> Motion:
        """Return the stored measures."""
        ...

    def save(self, motion: Motion) -> None:
        """Store all measures."""
        ...


class NoMotionCache:
    """A cache that stores nothing."""

    def load(self) -> Motion:
        return {}

    def save(self, motion: Motion) -> None:
        pass


@dataclass(frozen=True)
class MotionInput:
    """What motion is measured on: the pictures, their positions in the file, and the cache."""

    luma: npt.NDArray[np.uint8]
    files: Ints
    cache: MotionCache


def motion_trials(
    motion_input: MotionInput,
    price: Price,
    first: PriceTrial,
    rated: Sequence[RatedPrice],
    settings: SolveSettings,
    progress: Progress,
    stop: StopCondition,
) -> list[PriceTrial]:
    """Try a path by motion and a path by learned weights.

    The path by motion is left out where coding noise dominates. The weights are learned on the best path so far. If
    the user stops the measurement there are no trials, because half a measurement fits no path.

    Args:
        motion_input: What motion is measured on.
        price: The first price.
        first: The path by it.
        rated: All prices that were rated; their evidence is weighed together with motion.
        settings: The settings of the solver.
        progress: Receives stages and notes.
        stop: When to end early.
    """
    motion = motion_input.cache.load()
    evidence = _JoinEvidence(motion_input, price, first.costs, rated, motion, settings, progress, stop)
    try:
        return _trials(evidence, _noisy(price), first, settings, stop)
    except _StoppedError:
        return []
    finally:
        motion_input.cache.save(motion)


def _trials(
    evidence: "_JoinEvidence", noisy: bool, first: PriceTrial, settings: SolveSettings, stop: StopCondition
) -> list[PriceTrial]:
    """Measure in rounds: first the likely joins, then rows that each new path brings together."""
    evidence.measure(evidence.likely() + evidence.near(first.path))
    evidence.measure(evidence.near(quick_path(evidence.costs(evidence.by_motion()))))
    found = [] if noisy else [evidence.trial("flow", evidence.by_motion, settings, stop)]
    path = min([first, *found], key=lambda one: one.fit).path
    for _ in range(_ROUNDS - 1):
        evidence.measure(evidence.near(path))
        path = quick_path(evidence.costs(evidence.learned(path)()))
    evidence.measure(evidence.near(path))
    return [*found, evidence.trial("learned", evidence.learned(path), settings, stop)]


class _StoppedError(Exception):
    """The user stopped the measurement."""


class _JoinEvidence:
    """Motion measures of some joins, and the prices derived from them."""

    def __init__(
        self,
        motion_input: MotionInput,
        price: Price,
        base: JoinCosts,
        rated: Sequence[RatedPrice],
        motion: Motion,
        settings: SolveSettings,
        progress: Progress,
        stop: StopCondition,
    ) -> None:
        views = {"sharp": 0.0, "soft": SOFT} if settings.thorough else {"sharp": 0.0}
        parts = halves() if rated else None
        count = 0 if parts is None else len(parts)
        self._flows = [
            FlowPrice(
                motion_input.luma,
                progress,
                files=motion_input.files,
                known=motion.setdefault(view, {}),
                blur=blur,
                parts=parts,
                known_parts=[motion.setdefault(f"{view}/{part}", {}) for part in range(count)],
            )
            for view, blur in views.items()
        ]
        self._rated, self._parts = rated, range(count)
        self._best = max(rated, key=lambda one: one.agreement.score) if rated else None
        self._base, self._settings, self._stopped = base, settings, stop.stopped
        self._shuffled = files_of(price)
        self._wide = settings.thorough and not _noisy(price)
        self._echo: Callable[[Ints, Ints], Floats] = (
            price.correction if isinstance(price, EchoCorrectedPrice) else _no_echo
        )

    def measure(self, joins: list[tuple[int, int]]) -> None:
        for flow in self._flows:
            flow.measure(joins, self._stopped)
        if self._stopped():
            raise _StoppedError

    def likely(self) -> list[tuple[int, int]]:
        """Return the candidate joins; in a wide search, from lists three times as long."""
        near: list[list[int]] = self._base.neighbours
        if self._wide and self._base.matrix is not None:
            near = dense_costs(self._base.matrix.astype(np.float64), _WIDER * self._settings.candidates).neighbours
        return [(a, b) for a, others in enumerate(near) for b in others]

    def near(self, path: list[int]) -> list[tuple[int, int]]:
        return near_pairs(path, _NEAR_WIDE if self._wide else _NEAR)

    def by_motion(self, part: int | None = None) -> Floats:
        """Return the price by motion of each measured join, by the whole picture or by a part."""
        return self._flows[0].prices(self._echo_of_joins(), part)

    def learned(self, path: list[int]) -> "_PartPrice":
        """Return prices whose weights are learned on a path."""
        joins = self._flows[0].joins()
        weights = learned_weights(self._columns(None), joins, path)
        return lambda part=None: weighted(self._columns(part), joins, weights)

    def _columns(self, part: int | None) -> Floats:
        """Return all evidence of the measured joins, by the whole picture or by a part."""
        joins, count = self._flows[0].joins(), len(self._base)
        known = [one.costs if part is None else one.halves[part] for one in self._rated] or [self._base]
        columns = [costs.of_joins(joins).astype(np.float32) for costs in known]
        for flow in self._flows:
            residual, roughness, coarse, unlike = flow.measures(part).T
            columns.append(roughness)
            columns += [
                normalised(measure, joins, count) + self._echo_of_joins() for measure in (residual, coarse, unlike)
            ]
        return np.stack(columns, axis=1)

    def trial(self, name: str, price: "_PartPrice", settings: SolveSettings, stop: StopCondition) -> PriceTrial:
        """Sketch a path by a price, and compare the paths by the halves of the pictures."""
        parts = [self.costs(price(part), part) for part in self._parts]
        halves_agree = agreement(parts, self._shuffled) if parts else None
        return try_price(name, self.costs(price()), settings, stop, halves_agree)

    def costs(self, values: Floats, part: int | None = None) -> JoinCosts:
        base = self._base if part is None or self._best is None else self._best.halves[part]
        return with_other_pairs(self._flows[0].joins(), values, base, self._settings.candidates)

    def _echo_of_joins(self) -> Floats:
        joins = self._flows[0].joins()
        return self._echo(joins[:, 0], joins[:, 1])


def _noisy(price: Price) -> bool:
    """Return whether so much of the best joins is codec echo that flow would fit noise instead of motion."""
    return isinstance(price, EchoCorrectedPrice) and float(price.share[1]) > _NOISY


def _no_echo(measure: Ints, right: Ints) -> Floats:
    return np.zeros(len(measure), np.float32)

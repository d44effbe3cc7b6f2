"""Learn from the film itself how much each kind of evidence weighs.

On a mostly correct path, its joins should be cheaper than pairs of frames a few steps apart. The weights that achieve
this show which evidence to trust in this film: motion where things move, the base price where only noise changes.
Wrong joins are few and contradict each other, so the correct ones outweigh them.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ...media.types import Floats, Ints
from .flow import normalised

_APART = (2, 10)
"""Steps on the path (from, to) at which two rows count as not adjacent."""
_SOFTEN = 0.1
"""Added to prices before the logarithm, so that a price near 0 does not dominate."""
_RIDGE = 0.01
"""L2 regularisation of the weights."""
_MOST_STEPS = 50
"""Limit on Newton steps; 7 or 8 reach the minimum."""
_MOST_HALVINGS = 30
"""Limit on halvings of a step, which is then too small to matter."""

Doubles = npt.NDArray[np.float64]


def learned_prices(evidence: Floats, joins: Ints, path: Sequence[int]) -> Floats:
    """Return one price for each join: the weighted geometric mean of the columns of `evidence`."""
    return weighted(evidence, joins, learned_weights(evidence, joins, path))


def learned_weights(evidence: Floats, joins: Ints, path: Sequence[int]) -> Doubles:
    """Return a weight for each column of `evidence`.

    Weights are never negative, so that no film can teach that unlike frames are neighbours.
    """
    contrasts, shares = _contrasts(_logs(evidence, joins, len(path)), joins, path)
    weights = _weights(contrasts, shares) if len(contrasts) else np.zeros(evidence.shape[1])
    return weights / weights.sum() if weights.any() else np.full(len(weights), 1 / len(weights))


def weighted(evidence: Floats, joins: Ints, weights: Doubles) -> Floats:
    """Return the weighted geometric mean of the columns of `evidence`."""
    score = _logs(evidence, joins, int(joins.max(initial=0)) + 1) @ weights
    return np.asarray(np.exp(score - np.median(score)), np.float32)


def _logs(evidence: Floats, joins: Ints, count: int) -> Doubles:
    units = [normalised(column, joins, count) for column in evidence.T]
    return np.asarray(np.log(np.stack(units, axis=1).astype(np.float64) + _SOFTEN))


def _contrasts(logs: Doubles, joins: Ints, path: Sequence[int]) -> tuple[Doubles, Doubles]:
    """Return by how much each row's joins a few steps apart exceed its joins on the path; every row counts once."""
    place = np.empty(len(path), np.int64)
    place[list(path)] = np.arange(len(path))
    steps = np.abs(place[joins[:, 0]] - place[joins[:, 1]])
    ends = np.concatenate([joins[:, 0], joins[:, 1]])
    by_row = np.argsort(ends, kind="stable")
    groups = np.split(by_row % len(joins), np.cumsum(np.bincount(ends, minlength=len(path)))[:-1])
    found, shares = [np.zeros((0, logs.shape[1]))], [np.zeros(0)]
    for group in groups:
        made = group[steps[group] == 1]
        apart = group[(steps[group] >= _APART[0]) & (steps[group] <= _APART[1])]
        if len(made) and len(apart):
            found.append((logs[apart][:, None] - logs[made][None]).reshape(-1, logs.shape[1]))
            shares.append(np.full(len(found[-1]), 1 / len(found[-1])))
    return np.concatenate(found), np.concatenate(shares)


def _weights(contrasts: Doubles, shares: Doubles) -> Doubles:
    """Fit logistic weights, none below 0, that separate joins of the path from other joins.

    Newton's method, projected onto weights of at least 0. scipy.optimize does the same, but its import alone takes .5
    CPU seconds.
    """
    spread = contrasts.std(axis=0) + 1e-9
    fit = _Fit(contrasts / spread, shares / shares.sum())
    weights = np.full(contrasts.shape[1], 0.1)
    for _ in range(_MOST_STEPS):
        step = fit.newton_step(weights)
        # Halve the step until it improves the fit; from the best weights none does.
        steps = (np.maximum(weights - step / 2**halvings, 0) for halvings in range(_MOST_HALVINGS))
        better = next((found for found in steps if fit.loss(found) < fit.loss(weights)), None)
        if better is None:
            break
        weights = better
    return np.asarray(weights / spread, np.float64)


@dataclass(frozen=True)
class _Fit:
    """The regularised logistic loss of weights, a convex function."""

    contrasts: Doubles
    shares: Doubles

    def loss(self, weights: Doubles) -> float:
        margin = self.contrasts @ weights
        return float(self.shares @ np.logaddexp(0, -margin) + _RIDGE * weights @ weights)

    def newton_step(self, weights: Doubles) -> Doubles:
        """Return the step to the minimum of the quadratic approximation; weights kept at 0 stay there."""
        wrong = 1 / (1 + np.exp(np.clip(self.contrasts @ weights, -40, 40)))
        slope = 2 * _RIDGE * weights - (self.shares * wrong) @ self.contrasts
        free = (weights > 0) | (slope < 0)
        columns = self.contrasts[:, free]
        curvature = columns.T @ (columns * (self.shares * wrong * (1 - wrong))[:, None])
        curvature += 2 * _RIDGE * np.eye(columns.shape[1])
        step = np.zeros_like(weights)
        step[free] = np.linalg.solve(curvature, slope[free])
        return step

"""How much each kind of evidence weighs in this film, learned from the film itself.

On a path that is mostly right the joins it makes should be cheaper than those of frames a few steps
apart. Weights that make them so tell which evidence to trust here: motion where things move, looks where
only noise does. Wrong joins are few and contradict each other, so the weights outvote them.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from ...media.types import Floats, Ints
from .flow import normalised

_APART = (2, 10)
_SOFTEN = 0.1
_RIDGE = 0.01

_Doubles = npt.NDArray[np.float64]


def learned_prices(evidence: Floats, joins: Ints, path: Sequence[int]) -> Floats:
    """One price for each join: the weighted geometric mean of its evidence, a column for each kind of it.

    A weight is never negative, so that no film, however odd, can learn that unlike frames are neighbours.
    """
    units = [normalised(column, joins, len(path)) for column in evidence.T]
    logs = np.log(np.stack(units, axis=1).astype(np.float64) + _SOFTEN)
    contrasts, shares = _contrasts(logs, joins, path)
    weights = _weights(contrasts, shares) if len(contrasts) else np.ones(logs.shape[1])
    if not weights.any():
        weights = np.ones(logs.shape[1])
    score = logs @ weights / weights.sum()
    return np.asarray(np.exp(score - np.median(score)), np.float32)


def _contrasts(logs: _Doubles, joins: Ints, path: Sequence[int]) -> tuple[_Doubles, _Doubles]:
    """For every row, how its joins to rows a few steps off differ from those the path makes; each row counts once."""
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


def _weights(contrasts: _Doubles, shares: _Doubles) -> _Doubles:
    """The logistic weights, none under 0, that tell made joins from others."""
    from scipy.optimize import minimize

    spread = contrasts.std(axis=0) + 1e-9
    scaled, shares = contrasts / spread, shares / shares.sum()

    def loss(weights: _Doubles) -> tuple[float, _Doubles]:
        clear = scaled @ weights
        wrong = shares / (1 + np.exp(np.clip(clear, -40, 40)))
        value = float(shares @ np.logaddexp(0, -clear) + _RIDGE * weights @ weights)
        return value, 2 * _RIDGE * weights - wrong @ scaled

    start = np.full(contrasts.shape[1], 0.1)
    best = minimize(loss, start, jac=True, bounds=[(0, None)] * len(start), method="L-BFGS-B")
    return np.asarray(best.x / spread, np.float64)

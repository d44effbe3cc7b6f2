"""What the sound tells about a film: whether it was cut along with the frames and, if so, the direction of time."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import erf, exp, log, sqrt
from typing import Literal, TypeAlias

import numpy as np

from ..media.types import Floats, Ints
from .cost.sound import AMID, SliceSound
from .path.directed import Matrix, improve_directed

SoundState: TypeAlias = Literal["shuffled", "untouched", "unknown"]
"""Cut along with the frames; in its own order; or neither can be told."""

Groups: TypeAlias = Sequence[Sequence[int]]
"""Rows in playing order; those of a group look the same and keep their order in either direction."""

_FEWEST = 3
"""Audible joins and slices without which nothing is said."""
_BROKEN = 0.85
"""Where the joins of shuffled sound lie between continuous sound (0) and unrelated slices (1): encoders smooth them."""
_BROKEN_SPREAD = 0.25
"""Spread of that between files."""
_WHOLE_SPREAD = 0.1
"""Spread of the same around 0 between files with untouched sound."""
_SURE = 0.98
"""Probability from which a state is taken for known."""
_RISE = 0.15
"""How far one point of the slices rises from continuous (0) to unrelated (1) if the sound was cut there."""
_RISE_ERRORS = 4.0
"""Standard errors of such a rise, so that it is no accident."""
_SUREST = 0.9999
"""Highest probability that is given: only the user is certain."""
_CLEAR = 3.0
"""Standard errors from which a shot is turned against the direction of the film."""
SOUND_LIMIT = 500
"""Films of up to so many frames are ordered by sound too; the sound of all pairs of 500 takes a second."""
_PRICE_WEIGHTS = (2.0, 4.0, 8.0, 16.0)
"""Log odds against a join whose pictures cost e times as much, from films that pictures order badly to those that they
order well."""
_LEAST_GAIN = 5.0
"""Log odds by which an order must be better than the one given."""
_NEARLY_BEST = 0.8
"""Of the weights with so large a share of the best gain, the one that trusts the pictures most is taken."""
_PRICE_FLOOR = 0.1
"""Added to prices, in multiples of the median join, so that two equal pictures are no proof."""
_ROUNDS = 2
"""Rounds of ordering by pictures and sound; the second knows better how far true joins break."""
_DRAWS = 3
"""Unrelated slices that each slice is joined with."""


@dataclass(frozen=True)
class SoundVerdict:
    """Whether the sound was cut along with the frames, the probability of that, and on how many joins it rests."""

    state: SoundState = "unknown"
    confidence: float = 0.0
    joins: int = 0


def judge_sound(sound: SliceSound, frames: Ints, order: Sequence[int] = ()) -> SoundVerdict:
    """Find out whether the sound was cut along with the frames.

    The joins between neighbours in the file are compared with points inside slices and with joins of unrelated slices.
    Where an order is known, the joins that it breaks are judged first: a film cut into a few long stretches breaks
    the sound at no others.

    Args:
        sound: The sound of every row.
        frames: The frame of every row, ascending.
        order: Rows in playing order.
    """
    neighbours = np.flatnonzero(np.diff(frames) == 1)
    joins = _broken_joins(neighbours, order)
    if 0 < len(joins) < len(neighbours) and (found := _judge(sound, joins)).state != "unknown":
        return found
    return _judge(sound, neighbours)


def direction_score(sound: SliceSound, played: Groups) -> float:
    """Return how clearly the sound plays in this direction, in standard errors; negative if it plays backwards."""
    return _score(_direction_differences(sound, played))


def directed(sound: SliceSound, played: Groups, starts: Sequence[int]) -> list[int]:
    """Return the groups, by number, in the direction in which the sound plays; shots that clearly differ are turned.

    Args:
        sound: The sound of every row.
        played: The groups as solved.
        starts: The first group of each shot.
    """
    shots = [list(range(first, last)) for first, last in pairwise([*starts, len(played)])]
    if direction_score(sound, played) < 0:
        shots = [shot[::-1] for shot in reversed(shots)]
    return [number for shot in shots for number in _turned(sound, played, shot)]


def ordered_by_sound(sound: SliceSound, played: Groups, prices: Matrix) -> list[int]:
    """Return the groups, by number, in the order that pictures and sound agree on; as given if sound does not help.

    How much the pictures weigh is chosen by orders found with half of the frequencies: the other half must like them
    better than the given order. Where sound is too weak to find true joins, it does not.

    Args:
        sound: The sound of every row.
        played: The groups in an order near the true one, in the true direction.
        prices: The price of joining the pictures of any two groups.
    """
    given = list(range(len(played)))
    if len(played) < _FEWEST:
        return given
    typical = max(float(np.median([prices[join] for join in pairwise(given)])), 1e-9)
    by_pictures = np.log(prices / typical + _PRICE_FLOOR)
    halves = [_SoundOrder(sound.bands(half), played) for half in (0, 1)]
    gains = {weight: _cross_gain(halves, weight * by_pictures) for weight in _PRICE_WEIGHTS}
    best = max(gains.values())
    if best < _LEAST_GAIN:
        return given
    weight = max(weight for weight, gain in gains.items() if gain >= _NEARLY_BEST * best)
    return _SoundOrder(sound, played).order(weight * by_pictures)


def _cross_gain(halves: "Sequence[_SoundOrder]", by_pictures: Matrix) -> float:
    """Return how much better each half of the sound likes the order found with the other than the given order."""
    one, other = halves
    return other.gain(one.order(by_pictures)) + one.gain(other.order(by_pictures))


class _SoundOrder:
    """The breaks between all groups, and the orders that they support."""

    def __init__(self, sound: SliceSound, played: Groups) -> None:
        first, last = (np.array([group[end] for group in played], np.int64) for end in (0, -1))
        found = sound.breaks(np.repeat(last, len(played)), np.tile(first, len(played)))
        self._breaks = found.reshape(len(played), len(played)).astype(np.float64)
        self._unrelated = _unrelated(sound)

    def order(self, by_pictures: Matrix) -> list[int]:
        order = list(range(len(by_pictures)))
        for _ in range(_ROUNDS):
            order = improve_directed(order, by_pictures + self._evidence(order))
        return order

    def gain(self, order: Sequence[int]) -> float:
        evidence = self._evidence(order)
        given = pairwise(range(len(order)))
        return float(sum(evidence[join] for join in given) - sum(evidence[join] for join in pairwise(order)))

    def _evidence(self, order: Sequence[int]) -> Matrix:
        return _break_evidence(self._breaks, order, self._unrelated)


def _break_evidence(breaks: Matrix, order: Sequence[int], unrelated: Floats) -> Matrix:
    """Return the log odds that each join is not one of an order; 0 where nothing is heard."""
    joined = _known(np.array([breaks[join] for join in pairwise(order)], np.float32))
    if len(joined) < _FEWEST or joined.mean() >= unrelated.mean():
        return np.zeros_like(breaks)
    middle = (float(np.median(joined)) + float(unrelated.mean())) / 2
    slope = float(unrelated.mean() - np.median(joined)) / max(float(joined.var() + unrelated.var()) / 2, 1e-9)
    return np.nan_to_num((breaks - middle) * max(slope, 0.0))


def _turned(sound: SliceSound, played: Groups, shot: list[int]) -> list[int]:
    backwards = direction_score(sound, [played[number] for number in shot]) < -_CLEAR
    return shot[::-1] if backwards else shot


def direction_confidence(score: float, verdict: SoundVerdict) -> float:
    """Return the probability that a direction of that score is right."""
    return min(verdict.confidence * (1 + erf(score / sqrt(2))) / 2, _SUREST)


def _broken_joins(neighbours: Ints, order: Sequence[int]) -> Ints:
    """Return the joins of the file whose two rows both play, apart from each other."""
    place = {row: at for at, row in enumerate(order)}
    apart = [
        row for row in neighbours.tolist() if row in place and row + 1 in place and abs(place[row] - place[row + 1]) > 1
    ]
    return np.array(apart, np.int64)


def _judge(sound: SliceSound, joins: Ints) -> SoundVerdict:
    found, inside, unrelated = _known(sound.breaks(joins, joins + 1)), _known(sound.inside[:, AMID]), _unrelated(sound)
    if not len(found) or min(len(inside), len(unrelated)) < _FEWEST or unrelated.mean() <= inside.mean():
        return SoundVerdict(joins=len(found))
    evidence = _evidence(found, inside, unrelated)
    sure = min(1 / (1 + exp(-min(abs(evidence), 50.0))), _SUREST)
    state: SoundState = "unknown" if sure < _SURE else "shuffled" if evidence > 0 else "untouched"
    if state == "untouched" and _cut_elsewhere(sound, float(unrelated.mean() - inside.mean())):
        return SoundVerdict(joins=len(found))
    return SoundVerdict(state, round(sure, 4), len(found))


def _cut_elsewhere(sound: SliceSound, gap: float) -> bool:
    """Return whether sound breaks at one point of the slices more than at others: late sound is cut there."""
    known = sound.inside[np.isfinite(sound.inside).all(axis=1)]
    if len(known) < _FEWEST:
        return False
    above = known - np.median(known, axis=1, keepdims=True)
    means, errors = above.mean(axis=0), above.std(axis=0) / sqrt(len(known))
    most = int(means.argmax())
    rise = float(means[most] - np.median(means))
    return rise > _RISE * gap and rise > _RISE_ERRORS * float(errors[most])


def _evidence(found: Floats, inside: Floats, unrelated: Floats) -> float:
    """Return the log odds that joins are broken rather than whole, from where their mean lies between the two kinds."""
    gap = float(unrelated.mean() - inside.mean())
    position = float(found.mean() - inside.mean()) / gap
    base = float(inside.var()) / (len(inside) / 3)  # the three cuts of a slice are hardly independent
    whole = _WHOLE_SPREAD**2 + (float(inside.var()) / len(found) + base) / gap**2
    broken = _BROKEN_SPREAD**2 + (float(unrelated.var()) / len(found) + base) / gap**2
    return _log_density(position - _BROKEN, broken) - _log_density(position, whole)


def _log_density(distance: float, variance: float) -> float:
    return -(distance**2 / variance + log(variance)) / 2


def _unrelated(sound: SliceSound) -> Floats:
    """Return the breaks between slices drawn at random, none with its neighbour."""
    rows, rng = np.arange(len(sound)), np.random.default_rng(0)
    found = []
    for _ in range(_DRAWS):
        drawn = rng.permutation(rows)
        apart = np.abs(drawn - rows) > 1
        found.append(sound.breaks(rows[apart], drawn[apart]))
    return _known(np.concatenate(found))


def _known(values: Floats) -> Floats:
    return values[np.isfinite(values)]


def _direction_differences(sound: SliceSound, played: Sequence[Sequence[int]]) -> Floats:
    """Return for each join between groups how much more the sound breaks if it plays backwards."""
    forwards = np.array([(before[-1], after[0]) for before, after in pairwise(played)], np.int64).reshape(-1, 2)
    backwards = np.array([(after[-1], before[0]) for before, after in pairwise(played)], np.int64).reshape(-1, 2)
    return _known(sound.breaks(*backwards.T) - sound.breaks(*forwards.T))


def _score(differences: Floats) -> float:
    if len(differences) < _FEWEST:
        return 0.0
    return float(differences.mean() / max(float(differences.std(ddof=1)), 1e-9)) * sqrt(len(differences))

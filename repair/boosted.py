"""Boosted trees that weigh the evidence of a stretch, as plain numbers.

`bench/weigh.py` fits them with scikit-learn and writes them; they are evaluated with NumPy.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from .detection_scores import Shares
from .forest import Nodes

FILE = Path(__file__).with_name("boosted.json")
KEPT = "kept"
"""The number that says which share of a stretch the rules of support keep,"""
MOSTLY = 0.5
"""and the share from which they keep it."""
EDGES = "is edges"
"""The number that is 1 for a stretch of sharp borders of macroblocks. What passes in front of others has some, too."""
TORN = "is torn"
"""The number that is 1 for a stretch of torn rows. Undamaged clips show more of them than of other patterns."""
SHOWN = ("is grain", "is stripes", "is blocks", "is blank")
"""The numbers that are 1 for a stretch of another pattern. Where nothing moves, undamaged clips hardly show any."""
CHANGE = "usual change"
"""The number that says how much the film changes around a stretch,"""
NOTHING = 0.1
"""and under what nothing moves: what comes and goes there is more likely a menu of a screen."""


@dataclass(frozen=True)
class BoostedTrees:
    """Trees whose leaves add up to log odds; nodes as in `forest.Forest`."""

    numbers: tuple[str, ...]
    """The names of the numbers that are weighed, in the order of the features."""
    start: float
    """The log odds before any tree."""
    least: Sequence[float]
    """The probability from which a stretch is broken, by `doubt`; none where other trees decide."""
    roots: Sequence[int]
    feature: Sequence[int]
    threshold: Sequence[float]
    left: Sequence[int]
    right: Sequence[int]
    value: Sequence[float]

    def odds(self, described: Sequence[Mapping[str, float]]) -> Shares:
        """Return the odds that each stretch is broken, over those from which it is called so."""
        least = np.array([self.least[doubt(one)] for one in described])
        return np.asarray(np.exp(self.log_odds(described)) * (1 - least) / least)

    def log_odds(self, described: Sequence[Mapping[str, float]]) -> Shares:
        """Return the log odds that each stretch is broken."""
        if not described:
            return np.empty(0)
        values = np.array([[one[name] for name in self.numbers] for one in described], np.float32)
        nodes = Nodes(self.feature, self.threshold, self.left, self.right, self.value)
        return np.asarray(self.start + sum(nodes.shares[nodes.leaves(values, root)] for root in self.roots))


def doubt(numbers: Mapping[str, float]) -> int:
    """Return 0 for a stretch that the rules of support keep, and 1 for one that they clear.

    Return 3 if that one shows torn rows, and 2 if it shows only edges, or no pattern where nothing moves.
    """
    if numbers.get(KEPT, 1.0) >= MOSTLY:
        return 0
    if numbers.get(TORN, 0.0) > 0:
        return 3
    shows = any(numbers.get(name, 0.0) > 0 for name in SHOWN)
    return 2 if numbers.get(EDGES, 0.0) > 0 or (numbers.get(CHANGE, 1.0) < NOTHING and not shows) else 1


@cache
def boosted(name: str) -> BoostedTrees:
    """Return the trees of that name.

    `damage` are for stretches of signs by themselves, `agreement` for the same beside the others, and `freeze` for
    still ones.
    """
    facts = json.loads(FILE.read_text(encoding="utf-8"))[name]
    return BoostedTrees(**facts | {"numbers": tuple(facts["numbers"])})

"""Randomised trees as plain numbers: grown by scikit-learn, kept as JSON, and read without it."""

from typing import Annotated, Self

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, Field, model_validator

from ..frames import Floats

TREES = 200
_LEAF = -1
_MOST_TREES, _MOST_NODES, _MOST_DEPTH = 2000, 2_000_000, 500
"""Of a file: ten times as many trees as are grown here, and deeper ones than sorted pictures ever need."""
_DIGITS = 6

Shares = npt.NDArray[np.float64]
Marks = npt.NDArray[np.bool_]
Share = Annotated[float, Field(ge=0, le=1)]


class Forest(BaseModel):
    """All nodes of all trees one after the other, a tree's root first and each node before those below it.

    A frame goes left where its feature is at most the threshold. `share` is how much of what came to a node in
    training was broken; a leaf has the feature -1.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    roots: Annotated[list[int], Field(max_length=_MOST_TREES)]
    feature: Annotated[list[Annotated[int, Field(ge=_LEAF)]], Field(max_length=_MOST_NODES)]
    threshold: list[Annotated[float, Field(allow_inf_nan=False)]]
    left: list[int]
    right: list[int]
    share: list[Share]

    @model_validator(mode="after")
    def _leads_down(self) -> Self:
        """Whatever a file says, no walk goes round in a circle or out of the forest."""
        count = len(self.share)
        if not count or {len(self.feature), len(self.threshold), len(self.left), len(self.right)} != {count}:
            raise ValueError("the nodes' lists are not of one length")
        below = ((node, child) for node in range(count) for child in (self.left[node], self.right[node]))
        if not all(node < child < count for node, child in below if self.feature[node] != _LEAF):
            raise ValueError("a node does not lie before those below it")
        if not self.roots or not all(0 <= root < count for root in self.roots):
            raise ValueError("a root is no node")
        if self._depth() > _MOST_DEPTH:
            raise ValueError(f"a tree is more than {_MOST_DEPTH} nodes deep")
        return self

    def _depth(self) -> int:
        """The longest way down from any node; each comes before those below it."""
        depth = [0] * len(self.feature)
        for node, feature in enumerate(self.feature):
            if feature != _LEAF:
                for child in (self.left[node], self.right[node]):
                    depth[child] = max(depth[child], depth[node] + 1)
        return max(depth)

    def judge(self, values: Floats) -> Shares:
        """For each row how sure it is that it is broken: the mean of the leaves it comes to."""
        walk = _Walk(self)
        total = np.zeros(len(values))
        for root in self.roots:
            total += walk.shares[walk.leaves(values, root)]
        return total / len(self.roots)

    def because(self, values: Floats) -> npt.NDArray[np.int64]:
        """For each row the feature that made most of the suspicion."""
        walk = _Walk(self)
        parts = np.zeros(values.shape)
        for root in self.roots:
            walk.leaves(values, root, parts)
        return np.asarray(parts.argmax(1), np.int64)


class _Walk:
    """The forest as arrays."""

    def __init__(self, forest: Forest) -> None:
        self.shares = np.array(forest.share)
        self._feature, self._threshold = np.array(forest.feature), np.array(forest.threshold)
        self._left, self._right = np.array(forest.left), np.array(forest.right)

    def leaves(self, values: Floats, root: int, parts: Shares | None = None) -> npt.NDArray[np.int64]:
        """Where each row ends; what each feature on the way made of the suspicion is added to `parts`."""
        nodes = np.full(len(values), root)
        rows = np.flatnonzero(self._feature[nodes] != _LEAF)
        while rows.size:
            at = nodes[rows]
            asked = self._feature[at]
            nodes[rows] = np.where(values[rows, asked] <= self._threshold[at], self._left[at], self._right[at])
            if parts is not None:
                parts[rows, asked] += self.shares[nodes[rows]] - self.shares[at]
            rows = rows[self._feature[nodes[rows]] != _LEAF]
        return nodes


def grown(values: Floats, broken: Marks) -> Forest:
    """A forest in which both kinds weigh the same; the same rows give the same one."""
    from sklearn.ensemble import ExtraTreesClassifier

    model = ExtraTreesClassifier(
        TREES, min_samples_leaf=2, max_features=0.3, class_weight="balanced", random_state=0, n_jobs=1
    )
    model.fit(values, broken)
    parts: dict[str, list[float]] = {name: [] for name in ("roots", "feature", "threshold", "left", "right", "share")}
    for tree in (one.tree_ for one in model.estimators_):
        first = len(parts["share"])
        leaf = tree.children_left < 0
        shares = tree.value[:, 0, 1] / tree.value[:, 0].sum(1)
        parts["roots"].append(first)
        parts["feature"] += np.where(leaf, _LEAF, tree.feature).tolist()
        parts["threshold"] += np.where(leaf, 0.0, tree.threshold).round(_DIGITS).tolist()
        parts["left"] += np.where(leaf, 0, tree.children_left + first).tolist()
        parts["right"] += np.where(leaf, 0, tree.children_right + first).tolist()
        parts["share"] += np.clip(shares, 0, 1).round(_DIGITS).tolist()
    return Forest.model_validate(parts)

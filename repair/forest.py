"""A forest of randomised trees as plain numbers: trained by scikit-learn, stored as JSON, evaluated with NumPy."""

from collections.abc import Sequence
from typing import Annotated, Self

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, Field, model_validator

from ..media.types import Floats
from .detection_scores import Marks, Shares

TREES = 200
"""Trees that are trained."""
_LEAF = -1
"""The feature of a leaf."""
_MOST_TREES = 2000
"""Bounds a file to ten times the trees that are trained here."""
_MOST_NODES = 2_000_000
"""Bounds a file to 1,000 nodes per tree at most trees."""
_MOST_DEPTH = 500
"""Bounds the walk through a tree of a file; labelled pictures never need so many splits."""
_DIGITS = 6
"""Decimals that are stored, which keeps the file short."""

Share = Annotated[float, Field(ge=0, le=1)]


class Forest(BaseModel):
    """All nodes of all trees in one list: the root of a tree first, and each node before its children.

    A row goes left where its feature is at most the threshold. `share` is the share of broken frames among the training
    rows that reached a node. A leaf has the feature -1.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    roots: Annotated[list[int], Field(max_length=_MOST_TREES)]
    feature: Annotated[list[Annotated[int, Field(ge=_LEAF)]], Field(max_length=_MOST_NODES)]
    threshold: list[Annotated[float, Field(allow_inf_nan=False)]]
    left: list[int]
    right: list[int]
    share: list[Share]

    @model_validator(mode="after")
    def _check_nodes(self) -> Self:
        """Reject cycles and indices out of range, whatever a file says."""
        count = len(self.share)
        if not count or {len(self.feature), len(self.threshold), len(self.left), len(self.right)} != {count}:
            raise ValueError("the lists of the nodes differ in length")
        below = ((node, child) for node in range(count) for child in (self.left[node], self.right[node]))
        if not all(node < child < count for node, child in below if self.feature[node] != _LEAF):
            raise ValueError("a node does not precede its children")
        if not self.roots or not all(0 <= root < count for root in self.roots):
            raise ValueError("a root is not a node")
        if self._depth() > _MOST_DEPTH:
            raise ValueError(f"a tree is more than {_MOST_DEPTH} nodes deep")
        return self

    def _depth(self) -> int:
        """Return the length of the longest path; each node precedes its children."""
        depth = [0] * len(self.feature)
        for node, feature in enumerate(self.feature):
            if feature != _LEAF:
                for child in (self.left[node], self.right[node]):
                    depth[child] = max(depth[child], depth[node] + 1)
        return max(depth)

    def _nodes(self) -> "Nodes":
        return Nodes(self.feature, self.threshold, self.left, self.right, self.share)

    def predict(self, values: Floats) -> Shares:
        """Return the probability that each row is broken: the mean share of the leaves it reaches."""
        nodes = self._nodes()
        total = np.zeros(len(values))
        for root in self.roots:
            total += nodes.shares[nodes.leaves(values, root)]
        return total / len(self.roots)

    def top_features(self, values: Floats) -> npt.NDArray[np.int64]:
        """Return for each row the index of the feature that raised its probability most."""
        nodes = self._nodes()
        contributions = np.zeros(values.shape)
        for root in self.roots:
            nodes.leaves(values, root, contributions)
        return np.asarray(contributions.argmax(1), np.int64)


class Nodes:
    """The nodes of trees as arrays; `shares` holds what each is worth."""

    def __init__(
        self,
        feature: Sequence[int],
        threshold: Sequence[float],
        left: Sequence[int],
        right: Sequence[int],
        share: Sequence[float],
    ) -> None:
        self.shares = np.array(share)
        self._feature, self._threshold = np.array(feature), np.array(threshold)
        self._left, self._right = np.array(left), np.array(right)

    def leaves(self, values: Floats, root: int, contributions: Shares | None = None) -> npt.NDArray[np.int64]:
        """Return the leaf that each row reaches, and add what each feature contributed to `contributions`."""
        nodes = np.full(len(values), root)
        rows = np.flatnonzero(self._feature[nodes] != _LEAF)
        while rows.size:
            at = nodes[rows]
            features = self._feature[at]
            nodes[rows] = np.where(values[rows, features] <= self._threshold[at], self._left[at], self._right[at])
            if contributions is not None:
                contributions[rows, features] += self.shares[nodes[rows]] - self.shares[at]
            rows = rows[self._feature[nodes[rows]] != _LEAF]
        return nodes


def train_forest(values: Floats, broken: Marks) -> Forest:
    """Train a forest with balanced classes; the same rows give the same forest."""
    from sklearn.ensemble import ExtraTreesClassifier

    model = ExtraTreesClassifier(
        TREES, min_samples_leaf=2, max_features=0.3, class_weight="balanced", random_state=0, n_jobs=1
    )
    model.fit(values, broken)
    lists: dict[str, list[float]] = {name: [] for name in ("roots", "feature", "threshold", "left", "right", "share")}
    for tree in (one.tree_ for one in model.estimators_):
        first = len(lists["share"])
        leaf = tree.children_left < 0
        shares = tree.value[:, 0, 1] / tree.value[:, 0].sum(1)
        lists["roots"].append(first)
        lists["feature"] += np.where(leaf, _LEAF, tree.feature).tolist()
        lists["threshold"] += np.where(leaf, 0.0, tree.threshold).round(_DIGITS).tolist()
        lists["left"] += np.where(leaf, 0, tree.children_left + first).tolist()
        lists["right"] += np.where(leaf, 0, tree.children_right + first).tolist()
        lists["share"] += np.clip(shares, 0, 1).round(_DIGITS).tolist()
    return Forest.model_validate(lists)

"""What a CLIP model sees of a frame: the whole, its centre, or tiles along its longer side."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any, Literal

import numpy as np

from ...media.types import Floats, Picture, Space, SpaceState
from ...settings import NetworkSettings
from .embedder import EmbeddedBatch, TextEmbedder, TwoStageEmbedder
from .known import model_value

View = Literal["whole", "crop", "tiles"]

TILES = 3
"""Squares along the longer side: one at each end and one in the middle. Together they show all of a frame up to 3:1."""
_CENTRE_CROP = "shortest"
"""open_clip's name of the preprocessing that scales the shorter side to fit and cuts off the ends of the longer one."""
_SQUASH = "squash"
"""open_clip's name of the preprocessing that scales both sides to fit."""
_MODE_FACT = "resize_mode="
"""Begins the part of a space's preprocessing that says how pictures are resized."""
_TILES_FACT = "tiles="
"""Begins the part of a space's preprocessing that says how many tiles a vector has."""


def resize_mode(view: str, trained: str) -> str:
    """Return how open_clip shall resize the pictures of a model that was trained with one of its modes.

    A model that was trained on whole pictures keeps its way of fitting them in; one that was trained on centre crops
    gets squashed ones, which bench/views.py compares with padded ones.
    """
    if view == "crop":
        return _CENTRE_CROP
    return _SQUASH if trained == _CENTRE_CROP and view != "tiles" else trained


def view_of(space: Space) -> View:
    """Return what the vectors of a CLIP space show, by its identity."""
    if tile_count(space) > 1:
        return "tiles"
    return "crop" if f"{_MODE_FACT}{_CENTRE_CROP}" in space.preprocessing.split() else "whole"


def tile_count(space: Space) -> int:
    """Return the number of tiles whose vectors make up one of a space."""
    facts = (fact.removeprefix(_TILES_FACT) for fact in space.preprocessing.split() if fact.startswith(_TILES_FACT))
    return next((int(count) for count in facts if count.isdecimal()), 1)


def differs_in_view_only(one: Space, other: Space) -> bool:
    """Tell whether one model made two kinds of vectors from different parts of the frames."""
    return view_of(one) != view_of(other) and _without_view(one) == _without_view(other)


def _without_view(space: Space) -> tuple[object, ...]:
    facts = [fact for fact in space.preprocessing.split(" ") if not fact.startswith((_MODE_FACT, _TILES_FACT))]
    return space.name, space.model, space.weights, facts


def library_view(settings: NetworkSettings, states: Iterable[SpaceState]) -> NetworkSettings:
    """Settle the view `auto`: that of most vectors that the model has in a library, and `whole` if it has none."""
    if settings.view != "auto":
        return settings
    views = Counter(
        view_of(state.space)
        for state in states
        if state.space.name == "clip" and state.space.model == model_value(settings.model) and state.vectors
    )
    return settings.model_copy(update={"view": views.most_common(1)[0][0] if views else "whole"})


class TiledEmbedder:
    """Embed square tiles of each picture, and join their vectors to one of unit length.

    The cosine of two such vectors is the mean cosine of their tiles. A text has the same vector for every tile.
    """

    def __init__(self, network: TwoStageEmbedder) -> None:
        self.network = network

    @property
    def space(self) -> Space:
        space = self.network.space
        facts = f"{space.preprocessing} {_TILES_FACT}{TILES}"
        return replace(space, preprocessing=facts, dimension=TILES * space.dimension)

    @property
    def device(self) -> str:
        """The device that the network runs on."""
        return str(getattr(self.network, "device", "cpu"))

    def embed(self, pictures: Sequence[Picture]) -> Floats:
        return _joined(self.network.embed([tile for picture in pictures for tile in tiles(picture)]))

    def prepare(self, picture: Picture) -> Any:
        return [self.network.prepare(tile) for tile in tiles(picture)]

    def finish(self, prepared: Sequence[Any]) -> EmbeddedBatch:
        done = self.network.finish([tile for picture in prepared for tile in picture])
        return done._replace(vectors=_joined(done.vectors))

    def exact(self, prepared: Sequence[Any]) -> Floats:
        return _joined(self.network.exact([tile for picture in prepared for tile in picture]))

    def embed_texts(self, texts: Sequence[str]) -> Floats:
        assert isinstance(self.network, TextEmbedder)
        return _joined(np.repeat(self.network.embed_texts(texts), TILES, axis=0))


def tiles(picture: Picture) -> list[Picture]:
    """Cut squares from a picture: at both ends and in the middle of its longer side."""
    height, width = picture.shape[:2]
    side = min(height, width)
    starts = np.linspace(0, max(height, width) - side, TILES).round().astype(int).tolist()
    return [picture[:, at : at + side] if width > height else picture[at : at + side] for at in starts]


def _joined(vectors: Floats) -> Floats:
    """Put the unit vectors of the tiles of each picture one after another."""
    return np.asarray(vectors.reshape(-1, TILES * vectors.shape[1]) * TILES**-0.5, np.float32)

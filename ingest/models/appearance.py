"""The built-in space: how a frame looks, without a model. It needs no weights and tells neighbours in time apart."""

from collections.abc import Sequence

import numpy as np

from ...media.types import Floats, Picture, Space

_WIDTH, _HEIGHT = 32, 18
_PATCH = 2
_FLOOR = 4.0
_LOOK, _DETAIL = 0.7, 0.3


class AppearanceEmbedder:
    """A small picture less its mean, and the same with every patch brought to equal contrast.

    The mean is taken off because brightness flickers; the second part keeps faint texture from drowning
    in one bright object. The shares .7 and .3 ordered real clips best.
    """

    space = Space(
        name="appearance",
        model="thumbnail 32x18 + patches 2x2",
        weights="none",
        preprocessing="area/1",
        dimension=_WIDTH * _HEIGHT * 5 // 2,
    )

    def embed(self, pictures: Sequence[Picture]) -> Floats:
        if not pictures:
            return np.zeros((0, self.space.dimension), np.float32)
        return np.stack([_describe(picture) for picture in pictures])


def _describe(picture: Picture) -> Floats:
    import cv2

    small = cv2.resize(picture, (_WIDTH, _HEIGHT), interpolation=cv2.INTER_AREA)
    planes = np.asarray(cv2.cvtColor(small.astype(np.float32) / 255, cv2.COLOR_BGR2YUV), np.float32)
    luma = planes[..., 0]
    half = cv2.resize(planes[..., 1:], (_WIDTH // 2, _HEIGHT // 2), interpolation=cv2.INTER_AREA)
    chroma = np.asarray(half, np.float32)
    look = np.concatenate([_centred(luma), *(2 * _centred(chroma[..., c]) for c in (0, 1))])
    parts = _LOOK**0.5 * _unit(look), _DETAIL**0.5 * _unit(_even(luma))
    return _unit(np.concatenate(parts)).astype(np.float32)


def _centred(plane: Floats) -> Floats:
    return np.asarray((plane - plane.mean()).ravel(), np.float32)


def _even(luma: Floats) -> Floats:
    """Every patch less its mean over its contrast."""
    tiles = luma.reshape(_HEIGHT // _PATCH, _PATCH, _WIDTH // _PATCH, _PATCH)
    mean, spread = tiles.mean(axis=(1, 3), keepdims=True), tiles.std(axis=(1, 3), keepdims=True)
    return np.asarray((tiles - mean) / (spread + _FLOOR / 255)).ravel()


def _unit(vector: Floats) -> Floats:
    """Length one; a flat picture has no direction of its own and gets a fixed one."""
    length = float(np.linalg.norm(vector))
    if length < 1e-4:
        return np.full_like(vector, len(vector) ** -0.5)
    return vector / length

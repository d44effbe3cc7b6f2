"""The built-in `appearance` space: a frame's thumbnail as a vector.

It needs no weights, and it separates frames that are neighbours in time.
"""

from collections.abc import Sequence

import numpy as np

from ...media.types import Floats, Picture, Space

_WIDTH, _HEIGHT = 32, 18
"""The thumbnail's size in pixels, at 16:9."""
_PATCH = 2
"""Side in pixels of the patches whose contrast is equalised."""
_CONTRAST_FLOOR = 4.0
"""Grey levels added to a patch's contrast, so that noise in a flat patch is not blown up."""
_LOOK_SHARE = 0.7
"""Share of the plain thumbnail in the squared length; .7 and .3 ordered real clips best."""
_DETAIL_SHARE = 0.3
"""Share of the equalised patches."""
_SHORTEST = 1e-4
"""Length below which a vector has no direction: a flat picture is left with rounding errors only."""


class AppearanceEmbedder:
    """Embed a thumbnail with its mean subtracted, followed by the same with the contrast of every patch equalised.

    The mean is subtracted because brightness flickers. The second part keeps one bright object from drowning out
    faint texture.
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
    parts = _LOOK_SHARE**0.5 * _unit(look), _DETAIL_SHARE**0.5 * _unit(_equalised(luma))
    return _unit(np.concatenate(parts)).astype(np.float32)


def _centred(plane: Floats) -> Floats:
    return np.asarray((plane - plane.mean()).ravel(), np.float32)


def _equalised(luma: Floats) -> Floats:
    """Subtract the mean of every patch and divide by its contrast."""
    tiles = luma.reshape(_HEIGHT // _PATCH, _PATCH, _WIDTH // _PATCH, _PATCH)
    mean, spread = tiles.mean(axis=(1, 3), keepdims=True), tiles.std(axis=(1, 3), keepdims=True)
    return np.asarray((tiles - mean) / (spread + _CONTRAST_FLOOR / 255)).ravel()


def _unit(vector: Floats) -> Floats:
    """Scale to length one; a flat picture has no direction of its own and gets a fixed one."""
    length = float(np.linalg.norm(vector))
    if length < _SHORTEST:
        return np.full_like(vector, len(vector) ** -0.5)
    return vector / length

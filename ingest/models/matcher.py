"""Match the keypoints of two pictures with a network: SuperPoint features with SuperGlue or LightGlue.

It needs transformers, which only the extra `match` installs.
"""

from collections.abc import Iterator
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ...errors import SpaceError
from ...media.types import Ints
from ...settings import Settings
from .network import fingerprint, loading, usable_device
from .weights import MATCHER, fetch_from_hub, local_weights, one_line

_KINDS = {"superglue": "SuperGlueForKeypointMatching", "lightglue": "LightGlueForKeypointMatching"}


class KeypointMatcher:
    """Score pairs of pictures by the share of keypoints that the network finds in both.

    Each match is weighted by the network's confidence. Every pair is a batch of its own, so that its score does not
    depend on the other pairs.
    """

    def __init__(self, model: str, device: str) -> None:
        self._model, self._wanted_device = model, device

    @cached_property
    def identity(self) -> dict[str, str]:
        """The model's name and the hash of its weights, as a plan records them."""
        return {"model": self._model, "weights": fingerprint(self._loaded, self._loaded.config.to_dict())}

    def __call__(self, luma: npt.NDArray[np.uint8], pairs: Ints) -> Iterator[float]:
        """Yield the score, from 0 to 1, of each pair of luma planes; a row of `pairs` has two positions in `luma`.

        Raises:
            SpaceError: If the model cannot be loaded or fails on its device.
        """
        import torch

        for pair in pairs:
            planes = np.repeat(luma[pair][None, :, None], 3, axis=2).astype(np.float32) / 255
            try:
                with torch.no_grad():
                    found = self._loaded(torch.from_numpy(planes).to(self._device))
            except RuntimeError as failed:
                raise SpaceError(
                    f"{self._model} failed on {self._device}: {one_line(failed)}.", "Set clip.device to cpu."
                ) from failed
            yield _match_share(found.matches[0, 0], found.matching_scores[0, 0], found.mask[0])

    @cached_property
    def _device(self) -> str:
        return usable_device(self._wanted_device)

    @cached_property
    def _loaded(self) -> Any:
        if find_spec("transformers") is None:
            raise SpaceError(
                "--price match needs transformers, which is not installed.",
                "Run `pip install '.[match]'`, or give another --price.",
            )
        place = local_weights(self._model, MATCHER) or fetch_from_hub(self._model, MATCHER)
        with loading(f"The {MATCHER.noun} {self._model}", MATCHER.remedy):
            return _open(self._model, place).to(self._device).eval()


def _open(name: str, place: Path) -> Any:
    """Load a model from disk and refuse incomplete weights, which transformers fills in at random."""
    import transformers
    from transformers.utils import logging

    logging.disable_progress_bar()
    kind = transformers.AutoConfig.from_pretrained(place, local_files_only=True).model_type
    if kind not in _KINDS:
        raise SpaceError(f"{name} is a {kind} model, which does not match keypoints.", MATCHER.remedy)
    model, loading = getattr(transformers, _KINDS[kind]).from_pretrained(
        place, local_files_only=True, output_loading_info=True
    )
    wrong = [*loading["missing_keys"], *loading["mismatched_keys"]]
    if wrong:
        raise SpaceError(
            f"The weights of {name} do not fit: {wrong[0]} is missing or has another shape.", MATCHER.remedy
        )
    return model


def _match_share(matches: Any, scores: Any, mask: Any) -> float:
    keypoints = int(mask.sum(dim=1).min())
    return min(1.0, float(scores[matches >= 0].sum()) / keypoints) if keypoints else 0.0


def matcher_for(settings: Settings) -> KeypointMatcher | None:
    """Return the matcher if the settings ask for `solve.price = "match"`."""
    return (
        KeypointMatcher(settings.solve.match_model, settings.clip.device) if settings.solve.price == "match" else None
    )

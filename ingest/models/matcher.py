"""What two pictures have in common, by a network: SuperPoint's features matched by SuperGlue or LightGlue.

Its library, transformers, is no part of the usual installation: it comes with the extra `match`.
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
from .network import fingerprint, silence, usable_device
from .weights import MATCHER, fetch_from_hub, local_weights, one_line

_KINDS = {"superglue": "SuperGlueForKeypointMatching", "lightglue": "LightGlueForKeypointMatching"}


class KeypointMatcher:
    """Pictures and pairs of them to the share of features that the network finds in both.

    Each match counts by how sure the network is of it; every pair is looked at by itself, so that none
    depends on which others were asked for.
    """

    def __init__(self, model: str, device: str) -> None:
        self._model, self._wanted_device = model, device

    @cached_property
    def identity(self) -> dict[str, str]:
        return {"model": self._model, "weights": fingerprint(self._loaded, self._loaded.config.to_dict())}

    def __call__(self, luma: npt.NDArray[np.uint8], pairs: Ints) -> Iterator[float]:
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
            yield _shared(found.matches[0, 0], found.matching_scores[0, 0], found.mask[0])

    @cached_property
    def _device(self) -> str:
        return usable_device(self._wanted_device)

    @cached_property
    def _loaded(self) -> Any:
        if find_spec("transformers") is None:
            raise SpaceError(
                "The price match needs transformers, which is not installed.",
                "`pip install 'reelweave[match]'` brings it; or give another --price.",
            )
        place = local_weights(self._model, MATCHER) or fetch_from_hub(self._model, MATCHER)
        try:
            with silence():
                return _open(self._model, place).to(self._device).eval()
        except SpaceError:
            raise
        except Exception as failed:  # transformers raises many classes for the same few causes
            raise SpaceError(
                f"The {MATCHER.noun} {self._model} cannot be loaded: {one_line(failed)}.", MATCHER.remedy
            ) from failed


def _open(name: str, place: Path) -> Any:
    """From the disk, and whole: transformers makes up what the weights lack."""
    import transformers
    from transformers.utils import logging

    logging.disable_progress_bar()
    kind = transformers.AutoConfig.from_pretrained(place, local_files_only=True).model_type
    if kind not in _KINDS:
        raise SpaceError(f"{name} is a model of the kind {kind}, which matches no features.", MATCHER.remedy)
    model, told = getattr(transformers, _KINDS[kind]).from_pretrained(
        place, local_files_only=True, output_loading_info=True
    )
    wrong = [*told["missing_keys"], *told["mismatched_keys"]]
    if wrong:
        raise SpaceError(
            f"The weights of {name} do not fit: {wrong[0]} is missing or of another shape.", MATCHER.remedy
        )
    return model


def _shared(matches: Any, scores: Any, mask: Any) -> float:
    fewer = int(mask.sum(dim=1).min())
    return min(1.0, float(scores[matches >= 0].sum()) / fewer) if fewer else 0.0


def matcher_for(settings: Settings) -> KeypointMatcher | None:
    return (
        KeypointMatcher(settings.solve.match_model, settings.clip.device) if settings.solve.price == "match" else None
    )

"""CLIP through open_clip, loaded so that anything but the asked-for model is an error."""

import hashlib
import warnings
from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np

from ..errors import SpaceError
from ..frames import Floats, Picture, Space
from ..settings import Clip as ClipSettings

_FETCH = "Give --space appearance to do without it, set clip.model to a local-dir: with weights, or go online once."


class Clip:
    """The image tower of a CLIP model as an Embedder; the weights are loaded at the first use."""

    def __init__(self, settings: ClipSettings) -> None:
        self._settings = settings

    @cached_property
    def space(self) -> Space:
        model, _ = self._loaded
        return Space(
            name="clip",
            model=self._settings.model,
            weights=_weights_hash(model),
            preprocessing=_stated(getattr(model.visual, "preprocess_cfg", {})),
            dimension=len(self.embed([np.zeros((8, 8, 3), np.uint8)])[0]),
        )

    def embed(self, pictures: Sequence[Picture]) -> Floats:
        import torch
        from PIL import Image

        model, preprocess = self._loaded
        parts: list[Floats] = []
        for start in range(0, len(pictures), self._settings.batch):
            chosen = pictures[start : start + self._settings.batch]
            batch = torch.stack([preprocess(Image.fromarray(np.ascontiguousarray(p[..., ::-1]))) for p in chosen])
            with torch.no_grad():
                vectors = model.encode_image(batch.to(self._device), normalize=True)
            parts.append(vectors.float().cpu().numpy())
        return np.concatenate(parts) if parts else np.zeros((0, self.space.dimension), np.float32)

    @cached_property
    def _device(self) -> str:
        import torch

        if self._settings.device != "auto":
            return self._settings.device
        if torch.cuda.is_available():
            return "cuda"
        return "mps" if torch.backends.mps.is_available() else "cpu"

    @cached_property
    def _loaded(self) -> tuple[Any, Any]:
        import open_clip

        name, tag = _name_and_tag(self._settings.model)
        try:
            with warnings.catch_warnings():
                # A model run with another activation than it was trained with only warns, and gives other numbers.
                warnings.filterwarnings("error", message="QuickGELU mismatch")
                loaded: Any = open_clip.create_model_from_pretrained(name, tag, device=self._device)
        except Exception as failed:  # open_clip and the hub raise many classes for the same few causes
            raise SpaceError(
                f"The CLIP model {self._settings.model} cannot be loaded: {_first_line(failed)}", _FETCH
            ) from failed
        model, preprocess = loaded
        return model.eval(), preprocess


def _name_and_tag(model: str) -> tuple[str, str | None]:
    if ":" in model:
        return model, None
    name, _, tag = model.partition("/")
    if not tag:
        raise SpaceError(
            f"The model {model!r} names no weights, so it would run on random ones.",
            f"Set clip.model to {model}/PRETRAINED, for example {model}/laion2b_s34b_b79k.",
        )
    return name, tag


def _weights_hash(model: Any) -> str:
    digest = hashlib.sha256()
    for name, tensor in sorted(model.state_dict().items()):
        digest.update(name.encode())
        digest.update(np.ascontiguousarray(tensor.detach().float().cpu().numpy()).tobytes())
    return digest.hexdigest()[:16]


def _stated(preprocessing: Any) -> str:
    facts = dict(preprocessing) if isinstance(preprocessing, dict) else vars(preprocessing)
    return " ".join(f"{key}={facts[key]}" for key in sorted(facts))


def _first_line(failed: Exception) -> str:
    return (str(failed).strip().splitlines() or [type(failed).__name__])[0]

"""CLIP through open_clip, loaded so that anything but the asked-for model is an error."""

import hashlib
import json
import logging
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import SpaceError
from ..frames import Floats, Picture, Space
from ..settings import Clip as ClipSettings
from .weights import CONFIG, fetched, located, one_line

_DO_WITHOUT = "Correct it, set clip.model to another, or give --space appearance to do without."


class Clip:
    """The image tower of a CLIP model as an Embedder; the weights are loaded at the first use."""

    def __init__(self, settings: ClipSettings) -> None:
        self._settings = settings

    @cached_property
    def space(self) -> Space:
        model, _, architecture = self._loaded
        return Space(
            name="clip",
            model=self._settings.model,
            weights=_hash(model, architecture),
            preprocessing=_stated(model.visual.preprocess_cfg),
            dimension=len(self.embed([np.zeros((8, 8, 3), np.uint8)])[0]),
        )

    def embed(self, pictures: Sequence[Picture]) -> Floats:
        if not pictures:
            return np.zeros((0, self.space.dimension), np.float32)
        size = self._settings.batch
        return np.concatenate([self._forward(pictures[at : at + size]) for at in range(0, len(pictures), size)])

    def _forward(self, pictures: Sequence[Picture]) -> Floats:
        import torch
        from PIL import Image

        model, preprocess, _ = self._loaded
        batch = torch.stack([preprocess(Image.fromarray(np.ascontiguousarray(p[..., ::-1]))) for p in pictures])
        try:
            with torch.no_grad():
                vectors = model.encode_image(batch.to(self._device), normalize=True).float().cpu().numpy()
        except RuntimeError as failed:
            raise SpaceError(
                f"{self._settings.model} failed on {self._device}: {one_line(failed)}.",
                "Where memory ran out, lower clip.batch; or set clip.device to cpu.",
            ) from failed
        if not np.isfinite(vectors).all():
            raise SpaceError(f"{self._settings.model} makes vectors that are no numbers.", _DO_WITHOUT)
        return np.asarray(vectors, np.float32)

    @cached_property
    def _device(self) -> str:
        return usable_device(self._settings.device)

    @cached_property
    def _loaded(self) -> tuple[Any, Any, Mapping[str, Any]]:
        """The model, its preprocessing and its architecture."""
        name = self._settings.model
        place = located(name) or fetched(name)
        try:
            with _silence():
                model, preprocess, architecture = _open(name, place, self._device)
        except SpaceError:
            raise
        except Exception as failed:  # open_clip raises many classes for the same few causes
            raise SpaceError(f"The CLIP model {name} cannot be loaded: {one_line(failed)}.", _DO_WITHOUT) from failed
        return model.eval(), preprocess, architecture


def usable_device(wanted: str) -> str:
    """The device that was asked for, or under auto the fastest that takes a tensor."""
    for name in ("cuda", "mps", "cpu") if wanted == "auto" else (wanted,):
        if name == "cpu" or _works(name):
            return name
    raise SpaceError(f"torch cannot use {wanted} on this machine.", "Set clip.device to auto or cpu.")


def _works(device: str) -> bool:
    """Tried, not asked: a card whose driver is too old or whose memory is full is there all the same."""
    import torch

    try:
        with _silence():
            return bool(torch.ones(2, device=device).sum().item() == 2)
    except Exception:  # each build of torch refuses a missing device with another class
        return False


def _open(name: str, place: Path, device: str) -> tuple[Any, Any, Mapping[str, Any]]:
    """Always from the disk, by the strict way: open_clip runs on random weights where it finds none."""
    import open_clip

    if place.is_dir():
        _check_preprocessing(place)
        folder = f"local-dir:{place}"
        return *open_clip.create_model_from_pretrained(folder, device=device), open_clip.get_model_config(folder)
    family, _, tag = name.partition("/")
    trained, architecture = open_clip.get_pretrained_cfg(family, tag), open_clip.get_model_config(family)
    _check_activation(family, tag, bool(trained.get("quick_gelu")), bool(architecture.get("quick_gelu")))
    preprocessing = {f"image_{key}": trained.get(key) for key in ("mean", "std", "interpolation", "resize_mode")}
    created = open_clip.create_model_from_pretrained(family, str(place), device=device, **preprocessing)
    return *created, architecture


def _check_preprocessing(folder: Path) -> None:
    """open_clip passes over a key that it does not know, and so over a change of every vector."""
    from open_clip.transform import PreprocessCfg

    stated = json.loads((folder / CONFIG).read_text(encoding="utf-8")).get("preprocess_cfg") or {}
    if unknown := sorted(set(stated) - set(vars(PreprocessCfg()))):
        raise SpaceError(
            f"{folder / CONFIG} asks for preprocessing that open_clip does not know: {', '.join(unknown)}.",
            "Correct preprocess_cfg there, or upgrade open_clip_torch.",
        )


def _check_activation(family: str, tag: str, trained: bool, runs: bool) -> None:
    """A model run with another activation than it was trained with gives other numbers; open_clip only warns."""
    if trained != runs:
        other = f"{family}-quickgelu" if trained else family.removesuffix("-quickgelu")
        raise SpaceError(
            f"The weights {tag} of {family} were trained with another activation (QuickGELU) than {family} has.",
            f"Set clip.model to {other}/{tag}.",
        )


@contextmanager
def _silence() -> Iterator[None]:
    """Libraries talk while they load; what matters of it is checked here and said in our own words."""
    before = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)


def _hash(model: Any, architecture: Mapping[str, Any]) -> str:
    """Of every tensor and of how they are put together: the same weights under another activation are another model."""
    digest = hashlib.sha256(json.dumps(architecture, sort_keys=True).encode())
    for name, tensor in sorted(model.state_dict().items()):
        digest.update(name.encode())
        digest.update(np.ascontiguousarray(tensor.detach().float().cpu().numpy()).tobytes())
    return digest.hexdigest()[:16]


def _stated(preprocessing: Mapping[str, Any]) -> str:
    return " ".join(f"{key}={preprocessing[key]}" for key in sorted(preprocessing))

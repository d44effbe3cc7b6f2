"""What every neural network here has in common: where it runs, how it is told from others, and how it is fed."""

import hashlib
import json
import logging
import threading
import warnings
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ..errors import SpaceError
from ..frames import Floats, Picture, Space
from ..settings import Clip as NetworkSettings
from .embedder import Made
from .weights import Family, fetched, located, one_line

_NO_LENGTH = 1e-6
_loading = threading.RLock()
"""Held while a model is loaded, exported or tried on a device: libraries keep what they do meanwhile per process."""


class Loaded(NamedTuple):
    model: Any
    preprocess: Callable[[Any], Any]
    architecture: Mapping[str, Any]
    preprocessing: Mapping[str, Any]


class Network(ABC):
    """An image network as an Embedder; its weights are loaded at the first use, and anything else is an error."""

    family: Family
    mend: str
    """What to do about a model that is here and does not work."""

    def __init__(self, space: str, model: str, settings: NetworkSettings) -> None:
        self._space, self._model, self._settings = space, model, settings
        self._kept: Loaded | None = None

    @abstractmethod
    def _open(self, place: Path, device: str) -> Loaded:
        """Load the model from the disk, strictly."""

    @abstractmethod
    def encode(self, model: Any, batch: Any) -> Any:
        """One vector a picture, by the model or a copy of it."""

    @property
    def model(self) -> Any:
        return self._loaded.model

    @cached_property
    def space(self) -> Space:
        loaded = self._loaded
        return Space(
            name=self._space,
            model=self._model,
            weights=fingerprint(loaded.model, loaded.architecture),
            preprocessing=stated(loaded.preprocessing),
            dimension=len(self.embed([np.zeros((8, 8, 3), np.uint8)])[0]),
        )

    def embed(self, pictures: Sequence[Picture]) -> Floats:
        if not pictures:
            return np.zeros((0, self.space.dimension), np.float32)
        size = self._settings.batch
        parts = (pictures[at : at + size] for at in range(0, len(pictures), size))
        return np.concatenate([self.exact([self.prepare(picture) for picture in part]) for part in parts])

    def prepare(self, picture: Picture) -> Any:
        import cv2
        from PIL import Image

        return self._loaded.preprocess(Image.fromarray(cv2.cvtColor(picture, cv2.COLOR_BGR2RGB)))

    def exact(self, prepared: Sequence[Any]) -> Floats:
        if not prepared:
            return np.zeros((0, self.space.dimension), np.float32)
        return self._vectors(self.batches(prepared), self.encode)

    def finish(self, prepared: Sequence[Any]) -> Made:
        return Made(self.exact(prepared))

    def batches(self, prepared: Sequence[Any]) -> Iterator[Any]:
        import torch

        size = self._settings.batch
        return (torch.stack(list(prepared[at : at + size])) for at in range(0, len(prepared), size))

    def _vectors(self, batches: Iterable[Any], encode: Callable[[Any, Any], Any]) -> Floats:
        """One unit vector for each row of the batches."""
        import torch

        model = self._loaded.model
        try:
            with torch.no_grad():
                parts = [encode(model, batch.to(self.device)).float().cpu().numpy() for batch in batches]
        except RuntimeError as failed:
            raise SpaceError(
                f"{self._model} failed on {self.device}: {one_line(failed)}.",
                "Where memory ran out, lower clip.batch; or set clip.device to cpu.",
            ) from failed
        vectors = np.asarray(np.concatenate(parts), np.float32)
        if not np.isfinite(vectors).all():
            raise SpaceError(f"{self._model} makes vectors that are no numbers.", self.mend)
        return units(vectors)

    @cached_property
    def device(self) -> str:
        return usable_device(self._settings.device)

    @property
    def _loaded(self) -> Loaded:
        """The model, loaded once however many threads ask for it at the same time."""
        if self._kept is None:
            with _loading:
                self._kept = self._kept or self._load()
        return self._kept

    def _load(self) -> Loaded:
        place = located(self._model, self.family) or fetched(self._model, self.family)
        try:
            with silence():
                loaded = self._open(place, self.device)
        except SpaceError:
            raise
        except Exception as failed:  # model libraries raise many classes for the same few causes
            raise SpaceError(
                f"The {self.family.noun} {self._model} cannot be loaded: {one_line(failed)}.", self.mend
            ) from failed
        loaded.model.eval()
        return loaded


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
        with silence():
            return bool(torch.ones(2, device=device).sum().item() == 2)
    except Exception:  # each build of torch refuses a missing device with another class
        return False


@contextmanager
def silence() -> Iterator[None]:
    """Mute what libraries say while they load; what matters of it is checked here and said in our own words.

    What is muted belongs to the process. One thread at a time mutes it, so that none takes another's silence for how
    things were before, and leaves the process mute.
    """
    with _loading:
        before = logging.root.manager.disable
        logging.disable(logging.CRITICAL)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                yield
        finally:
            logging.disable(before)


def fingerprint(model: Any, architecture: Mapping[str, Any]) -> str:
    """Of every tensor and of how they are put together: the same weights under another activation are another model."""
    digest = hashlib.sha256(json.dumps(architecture, sort_keys=True).encode())
    for name, tensor in sorted(model.state_dict().items()):
        digest.update(name.encode())
        digest.update(np.ascontiguousarray(tensor.detach().float().cpu().numpy()).tobytes())
    return digest.hexdigest()[:16]


def stated(preprocessing: Mapping[str, Any]) -> str:
    return " ".join(f"{key}={preprocessing[key]}" for key in sorted(preprocessing))


def units(vectors: Floats) -> Floats:
    """Length one; a picture in which a network sees nothing gets a fixed direction."""
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    blank = np.full_like(vectors, vectors.shape[1] ** -0.5)
    return np.where(lengths < _NO_LENGTH, blank, vectors / np.maximum(lengths, _NO_LENGTH)).astype(np.float32)

"""Share what all neural networks need: choosing a device, loading, hashing weights and embedding in batches."""

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

from ...errors import SpaceError
from ...media.types import Floats, Picture, Space
from ...settings import NetworkSettings
from .embedder import EmbeddedBatch
from .weights import ModelFamily, fetch_from_hub, local_weights, one_line

_SHORTEST = 1e-6
"""Length below which a vector has no direction, and below which dividing by it would only blow up rounding errors."""
_PROBE_PICTURE = (8, 8, 3)
"""The shape of the black picture that is embedded to find out a model's dimension; any shape will do."""
_loading = threading.RLock()
"""Held while a model is loaded, exported or tried on a device, because libraries keep such state per process."""


class LoadedNetwork(NamedTuple):
    """A model in memory, and what its vectors depend on besides its weights."""

    model: Any
    preprocess: Callable[[Any], Any]
    architecture: Mapping[str, Any]
    preprocessing: Mapping[str, Any]


class NetworkEmbedder(ABC):
    """Embed pictures with a network; its weights are loaded strictly, and not before the first use."""

    family: ModelFamily
    remedy: str
    """What the user can do about a model that is on this machine and does not work."""

    def __init__(self, space: str, model: str, settings: NetworkSettings) -> None:
        self._space, self._model, self._settings = space, model, settings
        self._network: LoadedNetwork | None = None

    @abstractmethod
    def _open(self, place: Path, device: str) -> LoadedNetwork:
        """Load the model from disk and refuse whatever does not fit."""

    @abstractmethod
    def encode(self, model: Any, batch: Any) -> Any:
        """Return one vector per picture, by the model or a copy of it."""

    @property
    def model(self) -> Any:
        """The torch module."""
        return self._loaded.model

    @cached_property
    def space(self) -> Space:
        """The identity of the vectors, by the loaded weights rather than their file."""
        loaded = self._loaded
        return Space(
            name=self._space,
            model=self._model,
            weights=fingerprint(loaded.model, loaded.architecture),
            preprocessing=" ".join(f"{key}={value}" for key, value in sorted(loaded.preprocessing.items())),
            dimension=len(self.embed([np.zeros(_PROBE_PICTURE, np.uint8)])[0]),
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

    def finish(self, prepared: Sequence[Any]) -> EmbeddedBatch:
        return EmbeddedBatch(self.exact(prepared))

    def batches(self, prepared: Sequence[Any]) -> Iterator[Any]:
        """Stack prepared pictures into tensors of `clip.batch` rows."""
        import torch

        size = self._settings.batch
        return (torch.stack(list(prepared[at : at + size])) for at in range(0, len(prepared), size))

    def _vectors(self, batches: Iterable[Any], encode: Callable[[Any, Any], Any]) -> Floats:
        """Return one unit vector for each row of the batches."""
        import torch

        model = self._loaded.model
        try:
            with torch.no_grad():
                parts = [encode(model, batch.to(self.device)).float().cpu().numpy() for batch in batches]
        except RuntimeError as failed:
            raise SpaceError(
                f"{self._model} failed on {self.device}: {one_line(failed)}.",
                "If memory ran out, lower clip.batch; or set clip.device to cpu.",
            ) from failed
        vectors = np.asarray(np.concatenate(parts), np.float32)
        if not np.isfinite(vectors).all():
            raise SpaceError(f"{self._model} returns vectors that are not finite.", self.remedy)
        return unit_rows(vectors)

    @cached_property
    def device(self) -> str:
        """The device that the network runs on."""
        return usable_device(self._settings.device)

    @property
    def _loaded(self) -> LoadedNetwork:
        """The model, loaded once even if several threads ask for it at the same time."""
        if self._network is None:
            with _loading:
                self._network = self._network or self._load()
        return self._network

    def _load(self) -> LoadedNetwork:
        place = local_weights(self._model, self.family) or fetch_from_hub(self._model, self.family)
        with loading(f"The {self.family.noun} {self._model}", self.remedy):
            loaded = self._open(place, self.device)
        loaded.model.eval()
        return loaded


def usable_device(wanted: str) -> str:
    """Return the requested device or, for `auto`, the fastest that works."""
    for name in ("cuda", "mps", "cpu") if wanted == "auto" else (wanted,):
        if name == "cpu" or _works(name):
            return name
    raise SpaceError(f"torch cannot use {wanted} on this machine.", "Set clip.device to auto or cpu.")


def _works(device: str) -> bool:
    """Try the device, because torch also lists cards with a driver too old or with full memory."""
    import torch

    try:
        with silence():
            return bool(torch.ones(2, device=device).sum().item() == 2)
    except Exception:  # each build of torch raises another class for a missing device
        return False


@contextmanager
def silence() -> Iterator[None]:
    """Suppress logs and warnings of libraries while they load; what matters is checked and reported here.

    Log levels and warning filters belong to the process. One thread at a time changes them, so that none restores
    the state that another has set.
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


@contextmanager
def loading(subject: str, remedy: str) -> Iterator[None]:
    """Load something quietly, and turn any error into a SpaceError."""
    try:
        with silence():
            yield
    except SpaceError:
        raise
    except Exception as failed:  # model libraries raise many classes for the same causes
        raise SpaceError(f"{subject} cannot be loaded: {one_line(failed)}.", remedy) from failed


def fingerprint(model: Any, architecture: Mapping[str, Any]) -> str:
    """Hash every tensor and the architecture: the same weights with another activation are another model."""
    digest = hashlib.sha256(json.dumps(architecture, sort_keys=True).encode())
    for name, tensor in sorted(model.state_dict().items()):
        digest.update(name.encode())
        digest.update(np.ascontiguousarray(tensor.detach().float().cpu().numpy()).tobytes())
    return digest.hexdigest()[:16]


def unit_rows(vectors: Floats) -> Floats:
    """Scale rows to length one; a row without length gets a fixed direction."""
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    blank = np.full_like(vectors, vectors.shape[1] ** -0.5)
    return np.where(lengths < _SHORTEST, blank, vectors / np.maximum(lengths, _SHORTEST)).astype(np.float32)

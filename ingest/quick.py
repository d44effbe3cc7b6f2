"""A network that takes in frames the quickest way this machine has, as far as it stays close to the exact one."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..frames import Floats, Picture, Space
from ..settings import Clip as NetworkSettings
from .embedder import CLOSE, Embedder, Made
from .network import Network
from .trial import Trial
from .ways import Way


def quickened(embedder: Embedder, settings: NetworkSettings, folder: Path, note: Callable[[str], None]) -> Embedder:
    """The embedder as ingest uses it; what is asked of a library is always embedded exactly."""
    return Quick(embedder, settings.speed, folder, note) if isinstance(embedder, Network) else embedder


class Quick:
    """An Embedder in two stages. One picture of every batch is embedded exactly as well: where the two are not close,
    the whole batch is exact, which depends on nothing but the batch."""

    def __init__(self, network: Network, speed: str, folder: Path, note: Callable[[str], None]) -> None:
        self._network, self._note = network, note
        self._trial = Trial(network, speed, folder, note)
        self._way: Way | None = None
        self._chosen = self._told = False

    @property
    def space(self) -> Space:
        return self._network.space

    def embed(self, pictures: Sequence[Picture]) -> Floats:
        return self._network.embed(pictures)

    def prepare(self, picture: Picture) -> Any:
        return self._network.prepare(picture)

    def exact(self, prepared: Sequence[Any]) -> Floats:
        return self._network.exact(prepared)

    def finish(self, prepared: Sequence[Any]) -> Made:
        if not prepared:
            return Made(self.exact(prepared))
        if not self._chosen:
            self._way, self._chosen = self._trial.way(prepared), True
        return self._made(prepared, self._way) if self._way else Made(self.exact(prepared))

    def _made(self, prepared: Sequence[Any], way: Way) -> Made:
        first = way.run(prepared[:1])
        cosine = float(self.exact(prepared[:1])[0] @ first[0])
        if not cosine >= CLOSE:
            self._tell(way, cosine)
            return Made(self.exact(prepared))
        rest = [way.run(prepared[1:])] if len(prepared) > 1 else []
        return Made(np.concatenate([first, *rest]), way.name, cosine)

    def _tell(self, way: Way, cosine: float) -> None:
        if not self._told:
            self._note(
                f"{self.space.model}: {way.name} strays here (cosine {cosine:.4f}); such frames are made exactly."
            )
        self._told = True

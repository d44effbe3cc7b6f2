"""What every embedding space can do, and which of them this machine has."""

from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol, runtime_checkable

from ...media.types import Floats, Picture, Space


class Embedder(Protocol):
    """Turns pictures into vectors of one space; the same picture always gives the same vector."""

    @property
    def space(self) -> Space: ...

    def embed(self, pictures: Sequence[Picture]) -> Floats:
        """One unit vector a picture."""
        ...


EXACT = "exact"
"""How vectors are made where nothing is given up for speed."""

CLOSE = 0.999
"""The cosine to its exact vector that a vector made or shared to save time has at least."""


class EmbeddedBatch(NamedTuple):
    """Vectors, how they were made, and the lowest cosine to exact ones of those that were looked at."""

    vectors: Floats
    way: str = EXACT
    cosine: float = 1.0


@runtime_checkable
class TwoStageEmbedder(Protocol):
    """An Embedder whose work comes in two parts, so that one thread can do the first while another does the second."""

    @property
    def space(self) -> Space: ...

    def embed(self, pictures: Sequence[Picture]) -> Floats: ...

    def prepare(self, picture: Picture) -> Any:
        """All that needs the picture."""
        ...

    def finish(self, prepared: Sequence[Any]) -> EmbeddedBatch:
        """The vectors, made in the quickest way that is close enough."""
        ...

    def exact(self, prepared: Sequence[Any]) -> Floats: ...


@runtime_checkable
class TextEmbedder(Protocol):
    """Turns words into vectors of a space of pictures: what they say lies near the pictures that show it."""

    @property
    def space(self) -> Space: ...

    def embed_texts(self, texts: Sequence[str]) -> Floats:
        """One unit vector a text."""
        ...

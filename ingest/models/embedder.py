"""Define what every embedder can do: pictures, or texts, to unit vectors of one space."""

from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol, runtime_checkable

from ...media.types import Floats, Picture, Space


class Embedder(Protocol):
    """Turn pictures into vectors of one space; the same picture always gives the same vector."""

    @property
    def space(self) -> Space: ...

    def embed(self, pictures: Sequence[Picture]) -> Floats:
        """Return one unit vector per picture."""
        ...


EXACT = "exact"
"""The backend that trades no accuracy for speed."""

CLOSE = 0.999
"""The lowest cosine to the exact vector at which a faster or shared vector is accepted."""


class EmbeddedBatch(NamedTuple):
    """Vectors, the backend that made them, and the lowest cosine to an exact vector among those checked."""

    vectors: Floats
    way: str = EXACT
    cosine: float = 1.0


@runtime_checkable
class TwoStageEmbedder(Protocol):
    """An Embedder whose work has two stages, so that one thread can prepare pictures while another runs the network."""

    @property
    def space(self) -> Space: ...

    def embed(self, pictures: Sequence[Picture]) -> Floats: ...

    def prepare(self, picture: Picture) -> Any:
        """Do all the work that needs the picture."""
        ...

    def finish(self, prepared: Sequence[Any]) -> EmbeddedBatch:
        """Return the vectors, made by the fastest backend that is close enough."""
        ...

    def exact(self, prepared: Sequence[Any]) -> Floats:
        """Return the exact vectors."""
        ...


@runtime_checkable
class TextEmbedder(Protocol):
    """Turn texts into vectors of a picture space, near the pictures that show what they describe."""

    @property
    def space(self) -> Space: ...

    def embed_texts(self, texts: Sequence[str]) -> Floats:
        """Return one unit vector per text."""
        ...

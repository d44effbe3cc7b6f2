"""What every embedding space can do, and which of them this machine has."""

from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol, runtime_checkable

from ..errors import UsageError, command
from ..frames import Floats, Picture, Space
from ..settings import TIMM_SPACE
from ..settings import Clip as NetworkSettings
from .weights import weights_here


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


class Made(NamedTuple):
    """Vectors, how they were made, and the lowest cosine to exact ones of those that were looked at."""

    vectors: Floats
    way: str = EXACT
    cosine: float = 1.0


@runtime_checkable
class Staged(Protocol):
    """An Embedder whose work comes in two parts, so that one thread can do the first while another does the second."""

    @property
    def space(self) -> Space: ...

    def embed(self, pictures: Sequence[Picture]) -> Floats: ...

    def prepare(self, picture: Picture) -> Any:
        """All that needs the picture."""
        ...

    def finish(self, prepared: Sequence[Any]) -> Made:
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


def open_embedder(name: str, settings: NetworkSettings) -> Embedder:
    """The embedder of a space; a SpaceError says how to get one that is not here."""
    if name == "appearance":
        from .appearance import Appearance

        return Appearance()
    if name == "clip":
        from .clip import Clip

        return Clip(settings)
    if name.startswith(TIMM_SPACE):
        from .backbone import Backbone

        return Backbone(name, settings)
    raise UsageError(f"There is no embedding space {name!r}.", "The spaces are appearance, clip and timm:MODEL.")


def network_here(name: str, settings: NetworkSettings) -> bool:
    """Whether the model of a space that needs one can be loaded without the network."""
    from .families import CLIP, TIMM

    if name == "clip":
        return weights_here(settings.model, CLIP)
    return weights_here(name.removeprefix(TIMM_SPACE), TIMM)


def fetching(name: str, settings: NetworkSettings) -> str:
    """What to do first, as a sentence with a space before it, where the weights of a space are not here."""
    if (name != "clip" and not name.startswith(TIMM_SPACE)) or network_here(name, settings):
        return ""
    model = [] if name == "clip" else [name]
    return f" Its weights are not on this machine: {command('models', 'fetch', *model)} brings them."

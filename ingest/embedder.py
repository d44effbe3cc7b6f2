"""What every embedding space can do, and which of them this machine has."""

from collections.abc import Sequence
from typing import Protocol

from ..errors import UsageError
from ..frames import Floats, Picture, Space
from ..settings import Clip as ClipSettings


class Embedder(Protocol):
    """Turns pictures into vectors of one space; the same picture always gives the same vector."""

    @property
    def space(self) -> Space: ...

    def embed(self, pictures: Sequence[Picture]) -> Floats:
        """One unit vector a picture."""
        ...


def open_embedder(name: str, settings: ClipSettings) -> Embedder:
    """The embedder of a space; a SpaceError says how to get one that is not here."""
    if name == "appearance":
        from .appearance import Appearance

        return Appearance()
    if name == "clip":
        from .clip import Clip

        return Clip(settings)
    raise UsageError(f"There is no embedding space {name!r}.", "The spaces are appearance and clip.")

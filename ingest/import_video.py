"""Import a video's vectors, made here or elsewhere, from exported files."""

from pathlib import Path
from typing import TYPE_CHECKING

from ..progress import Progress, SilentProgress
from ..settings import Settings

if TYPE_CHECKING:
    from ..index.transfer import Imported


def import_video(folder: Path, settings: Settings, progress: Progress | None = None) -> "Imported":
    """Add the vectors in a folder such as `export_video` writes to the library, under their own identity."""
    from ..index.library import open_library
    from ..index.transfer import import_vectors
    from .models.appearance import AppearanceEmbedder

    with open_library(settings) as library:
        return import_vectors(library, folder, settings, progress or SilentProgress(), AppearanceEmbedder.space)

"""Frames that were found, as pictures of full size in folders, named by their rank."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from ..errors import RenderError, UsageError
from ..frames import VideoRecord
from ..progress import Progress
from .gather import Place, gathered
from .sheet import save_picture

_DIGITS = 3
EXPORTED = "[0-9]*_*_[0-9]*.jpg"
"""What exported pictures are called."""


def check_folder(folder: Path, parts: Sequence[str]) -> None:
    """Refuse a place where pictures of a search would mix with something else."""
    if folder.exists() and not folder.is_dir():
        raise UsageError(f"{folder} is a file.", "Give the name of a folder.")
    for part in (folder / part for part in parts):
        if part.exists() and not part.is_dir():
            raise UsageError(f"{part} is a file.", "Give another folder.")
        if part.exists() and not all(file.is_file() and file.match(EXPORTED) for file in part.iterdir()):
            raise UsageError(f"{part} holds other files already.", "Give another folder, or empty this one.")


def export(
    folder: Path, parts: Mapping[str, Sequence[Place]], videos: dict[str, VideoRecord], progress: Progress
) -> list[Path]:
    """Write each part into a folder of its own; a frame that is in several is decoded once.

    Pictures of an earlier search go once the new ones are there.
    """
    earlier = {file for part in parts for file in (folder / part).glob(EXPORTED)}
    names: dict[Place, list[Path]] = {}
    try:
        for part, places in parts.items():
            (folder / part).mkdir(parents=True, exist_ok=True)
            digits = max(_DIGITS, len(str(len(places))))
            for rank, place in enumerate(places, 1):
                if place.video in videos:
                    name = f"{rank:0{digits}}_{place.video}_{place.frame}.jpg"
                    names.setdefault(place, []).append(folder / part / name)
    except OSError as failed:
        raise RenderError(f"{folder} cannot be written: {failed.strerror}.", "Give another folder.") from failed
    written = [
        save_picture(picture, file)
        for place, picture in gathered(list(names), videos, progress)
        for file in names[place]
    ]
    for file in earlier - set(written):
        file.unlink(missing_ok=True)
    return written

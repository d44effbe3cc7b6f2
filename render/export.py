"""Frames that were found, as pictures of full size in folders, named by their rank."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from ..errors import RenderError, UsageError
from ..frames import VideoRecord
from ..progress import Progress
from .gather import Place, gathered
from .sheet import save_picture

_DIGITS = 3


def check_folder(folder: Path, parts: Sequence[str]) -> None:
    """Refuse a place where pictures of two searches would mix."""
    if folder.exists() and not folder.is_dir():
        raise UsageError(f"{folder} is a file.", "Give the name of a folder.")
    for part in parts:
        if (folder / part).exists() and any((folder / part).iterdir()):
            raise UsageError(f"{folder / part} holds pictures already.", "Give another folder, or empty this one.")


def export(
    folder: Path, parts: Mapping[str, Sequence[Place]], videos: dict[str, VideoRecord], progress: Progress
) -> list[Path]:
    """Write each part into a folder of its own; a frame that is in several is decoded once."""
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
    return [
        save_picture(picture, file)
        for place, picture in gathered(list(names), videos, progress)
        for file in names[place]
    ]

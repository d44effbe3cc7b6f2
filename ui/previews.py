"""Previews: small frames of a stretch of film side by side in one picture, which the page plays under the pointer."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ..media.types import Picture
from ..render.report.contact_sheet import save_picture

FRAMES = 16
"""Frames of a preview: with proxies of 160 x 90 a picture of 2560 x 90 and about 40 kB."""


@dataclass(frozen=True)
class Preview:
    """The file of a preview, how many frames it has, and the size of one."""

    file: Path
    frames: int
    width: int
    height: int


def write_preview(frames: Sequence[Picture], file: Path) -> Preview:
    """Write frames of one size side by side."""
    import numpy as np

    height, width = frames[0].shape[:2]
    save_picture(np.hstack(frames), file)
    return Preview(file, len(frames), width, height)

"""Drawn films with snow in some frames, and folders of pictures sorted by somebody who knows which."""

import shutil
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
from helpers import pictures, write_clip

from reelweave.media.types import Picture
from reelweave.repair.labels import BROKEN, CLEAN, UNSORTED, read_name

SIZE = (192, 108)
LENGTH = 72
RUNS = ((10, 1), (20, 2), (34, 1), (47, 3), (60, 1))
SNOWY = frozenset(start + place for start, length in RUNS for place in range(length))


def snowy_film(path: Path, seed: int, snowy: Iterable[int] = SNOWY) -> Path:
    frames, rng = pictures(LENGTH, SIZE, seed), np.random.default_rng(seed)
    for place in snowy:
        frames[place] = with_snow(frames[place], rng)
    return write_clip(path, frames, crf=12)


def with_snow(picture: Picture, rng: np.random.Generator) -> Picture:
    """A band of noise across the picture."""
    spoilt = picture.copy()
    top = int(rng.integers(0, spoilt.shape[0] // 2))
    band = spoilt[top : top + spoilt.shape[0] // 3]
    band[:] = rng.integers(0, 256, band.shape)
    return spoilt


def sort_pictures(folder: Path, snowy: Iterable[int] = SNOWY) -> None:
    """Move what waits to where it belongs."""
    for picture in sorted((folder / UNSORTED).iterdir()):
        sample = read_name(picture.name)
        assert sample
        shutil.move(picture, folder / (BROKEN if sample.frame in set(snowy) else CLEAN) / picture.name)


def names(folder: Path) -> Sequence[str]:
    return sorted(file.name for file in folder.iterdir())

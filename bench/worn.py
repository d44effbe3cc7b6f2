"""Make copies of clips that look like worn film, or whose camera shakes: python bench/worn.py CLIPS COPIES --clips NAME

Copies have the names of their clips, so that `bench/order.py COPIES` reports them in the same halves. Worn film jumps
in the gate, flickers, and has scratches, dust and grain, all of it drawn at random with the clip's name as the seed.
"""

import argparse
import sys
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

import numpy as np
import numpy.typing as npt

from reelweave.errors import ReelweaveError, UsageError
from reelweave.evaluate.degradations import grain
from reelweave.evaluate.drawn.film import encode_pictures
from reelweave.media.source import open_source, shrunk
from reelweave.media.types import Picture

Floats = npt.NDArray[np.float32]

_SIDE = 180
"""Short side of a copy."""
_WIDTH = 640
"""Shifts are given in pixels of a picture this wide."""
_WEAVE = 1.5
"""Standard deviation, in such pixels, of how far film at wear 1 is from its place in the gate, each way."""
_FLICKER = 0.06
"""Standard deviation of its exposure, as a share."""
_DUST = 8.0
"""Specks on a frame."""
_SCRATCHES = 1.5
"""Scratches on a frame; each stays in its place for ten frames or so."""
_GRAIN = 5.0
"""Standard deviation of its grain in grey levels."""
_LASTS = 0.9
"""Share of its position that a shaking camera keeps from one frame to the next."""


@dataclass
class Wear:
    """What happens to the frames of a clip, one after the other."""

    worn: float
    shake: float
    rng: np.random.Generator
    _at: Floats = field(default_factory=lambda: np.zeros(2, np.float32))
    _scratches: list[float] = field(default_factory=list)

    def of(self, picture: Picture) -> Picture:
        """Return a worn copy of the next frame."""
        import cv2

        height, width = picture.shape[:2]
        self._at = _LASTS * self._at + self.rng.normal(0, self.shake * (1 - _LASTS**2) ** 0.5, 2).astype(np.float32)
        across, down = (self._at + self.rng.normal(0, _WEAVE * self.worn, 2)) * width / _WIDTH
        shift = np.array([[1, 0, across], [0, 1, down]], np.float32)
        moved = cv2.warpAffine(picture, shift, (width, height), borderMode=cv2.BORDER_REPLICATE)
        if not self.worn:
            return np.asarray(moved, np.uint8)
        lit = np.clip(moved * (1 + self.rng.normal(0, _FLICKER * self.worn)), 0, 255).astype(np.uint8)
        self._scratch(lit)
        for _ in range(self.rng.poisson(_DUST * self.worn)):
            at = self.rng.integers(0, (width, height)).tolist()
            cv2.circle(lit, at, int(self.rng.integers(1, 3)), [int(self.rng.choice([20, 230]))] * 3, -1)
        grain(lit.reshape(-1, 3), _GRAIN * self.worn, self.rng)
        return lit

    def _scratch(self, picture: Picture) -> None:
        width = picture.shape[1]
        kept = [at + self.rng.normal(0, 0.5) for at in self._scratches if self.rng.random() < _LASTS]
        fresh = self.rng.poisson(_SCRATCHES * self.worn * (1 - _LASTS))
        self._scratches = [*kept, *self.rng.uniform(0, width - 1, fresh).tolist()]
        for at in self._scratches:
            column = picture[:, int(np.clip(at, 0, width - 1))]
            column[:] = np.minimum(column.astype(np.int16) + 60, 255)


def copy(clip: Path, target: Path, chosen: argparse.Namespace) -> None:
    """Write a worn copy of every n-th frame of a clip."""
    source = open_source(clip)
    wear = Wear(chosen.worn, chosen.shake, np.random.default_rng(zlib.crc32(clip.stem.encode())))
    kept = islice(source.frames(), 0, chosen.frames * chosen.every, chosen.every)
    pictures = [wear.of(_even(shrunk(frame.picture, _SIDE))) for frame in kept]
    height, width = pictures[0].shape[:2]
    encode_pictures(iter(pictures), len(pictures), target, source.info().fps, (width, height))


def _even(picture: Picture) -> Picture:
    return picture[: picture.shape[0] // 2 * 2, : picture.shape[1] // 2 * 2]


def copies(chosen: argparse.Namespace) -> Iterator[Path]:
    chosen.copies.mkdir(parents=True, exist_ok=True)
    for name in chosen.clips:
        target = chosen.copies / f"{name}.mkv"
        copy(_named(name, chosen.folder), target, chosen)
        yield target


def _named(name: str, folder: Path) -> Path:
    found = next((path for path in sorted(folder.iterdir()) if path.stem == name), None)
    if found is None:
        raise UsageError(f"There is no clip {name} in {folder}.")
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("folder", type=Path, metavar="CLIPS")
    add("copies", type=Path, metavar="COPIES")
    add("--clips", nargs="+", required=True, metavar="NAME", help="without their endings")
    add("--worn", type=float, default=0.0, help="how worn: 1 is visibly old film")
    add("--shake", type=float, default=0.0, help=f"how far the camera shakes, in pixels of a picture {_WIDTH} wide")
    add("--every", type=int, default=2, help="keep every n-th frame")
    add("--frames", type=int, default=150, help="length of a copy")
    try:
        for path in copies(parser.parse_args()):
            print(path)
    except ReelweaveError as failed:
        sys.exit(f"{failed}")


if __name__ == "__main__":
    main()

"""Draw the film of the tour: two shots whose frames are shuffled, with pictures that do not belong to it."""

import tempfile
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import numpy as np

from ...evaluate.drawn.film import draw_foreign, encode_pictures, film_frames
from ...evaluate.scramble import ScrambleOptions, scramble
from ...media.types import Picture
from ...progress import Progress
from ..context import PageContext
from ..strings import STRINGS

_LANDSCAPE, _PATTERN = 72, 48
"""Frames of the two shots."""
_SIZE = (480, 270)
_RATE = Fraction(24)
_WIDE = (900, 270)
"""The pattern that the second shot pans over."""
_PACE = 4
"""Pixels that it pans by in a frame."""
_SCRAMBLE = ScrambleOptions(seed=1, foreign=4)


def draw_demo(context: PageContext, progress: Progress) -> Path:
    """Write the film among the uploads; it is the same every time, so that the library has it once."""
    folder = Path(tempfile.mkdtemp(prefix="demo-", dir=context.uploads))
    with progress.stage("draw a film") as stage:
        encode_pictures(_pictures(), _LANDSCAPE + _PATTERN, folder / "original.mp4", _RATE, _SIZE)
        scramble(folder / "original.mp4", folder / STRINGS.reconstruct.demo_film, _SCRAMBLE)
        stage.advance()
    return folder / STRINGS.reconstruct.demo_film


def _pictures() -> Iterator[Picture]:
    yield from film_frames(_LANDSCAPE, _SIZE)
    # The third kind of pattern, large polygons, is as far from the landscape as a cut needs.
    *_, pattern = draw_foreign(3, _WIDE, seed=2)
    for left in range(0, _PATTERN * _PACE, _PACE):
        yield np.ascontiguousarray(pattern[:, left : left + _SIZE[0]])

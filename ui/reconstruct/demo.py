"""Draw the film of the tour: two shots whose frames are shuffled, with pictures that do not belong to it."""

import tempfile
from fractions import Fraction
from itertools import chain
from pathlib import Path

from ...evaluate.drawn.film import encode_pictures, film_frames
from ...evaluate.scramble import ScrambleOptions, scramble
from ...progress import Progress
from ..context import PageContext
from ..strings import STRINGS

_SHOTS = ((72, 0), (48, 5))
"""Frames of each shot, and the seed of its landscape."""
_SIZE = (480, 270)
_RATE = Fraction(24)
_SCRAMBLE = ScrambleOptions(seed=1, foreign=4)


def draw_demo(context: PageContext, progress: Progress) -> Path:
    """Write the film among the uploads; it is the same every time, so that the library has it once."""
    folder = Path(tempfile.mkdtemp(prefix="demo-", dir=context.uploads))
    with progress.stage("draw a film") as stage:
        pictures = chain.from_iterable(film_frames(count, _SIZE, seed) for count, seed in _SHOTS)
        encode_pictures(pictures, sum(count for count, _ in _SHOTS), folder / "original.mp4", _RATE, _SIZE)
        scramble(folder / "original.mp4", folder / STRINGS.reconstruct.demo_film, _SCRAMBLE)
        stage.advance()
    return folder / STRINGS.reconstruct.demo_film

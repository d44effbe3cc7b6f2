"""What an order is found from: the frames as vectors and pictures, and their positions in the file."""

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from ..media.types import Floats, Ints
from .measured_prices import Matcher
from .motion import MotionCache, NoMotionCache


@dataclass(frozen=True)
class OrderInput:
    """The frames to order: vectors, pictures, positions in the file, and candidate pairs."""

    vectors: Floats
    luma: npt.NDArray[np.uint8]
    files: Ints
    joins: Ints
    from_video: bool
    """Whether frames that are adjacent in the file share coding errors."""
    chroma: npt.NDArray[np.uint8] | None = None
    matcher: Matcher | None = None
    motion: MotionCache = field(default_factory=NoMotionCache)

    def __len__(self) -> int:
        return len(self.files)

"""What an arrangement is found from: the stored frames of a film, and what is known of them."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import numpy.typing as npt

from ..media.types import Floats, FrameRows, NeighbourGraph
from .colours import Yuv
from .cost.sound import SliceSound
from .measured_prices import Matcher
from .motion import MotionCache, NoMotionCache
from .order_cache import NoOrderCache, OrderCache


@dataclass(frozen=True)
class SolveInput:
    """Everything that solving reads. `nearest` builds the kNN graph: this package has no index of its own."""

    rows: FrameRows
    luma: npt.NDArray[np.uint8]
    nearest: Callable[[Floats, int], NeighbourGraph]
    space: str
    kind: Literal["video", "pictures"]
    chroma: npt.NDArray[np.uint8] | None = None
    """The two chroma planes of every frame, half the luma's sides. Needed for the price `histogram`."""
    matcher: Matcher | None = None
    """Needed for the price `match`; passed in, so that this package needs no network of its own."""
    motion: MotionCache = field(default_factory=NoMotionCache)
    colours: Yuv | None = None
    """Reads a row's small picture in colour; without it, small groups are judged by their vectors alone."""
    cache: OrderCache = field(default_factory=NoOrderCache)
    """Orders of earlier runs."""
    sound: SliceSound | None = None
    """The sound of every row, where there is any."""

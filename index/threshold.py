"""Where hits end: at a cosine, or at a share of the best."""

from typing import Literal

Threshold = float | Literal["auto", "calibrated"] | None


def auto_cut(best: float, share: float) -> float:
    """The cosine that is that share of the best; under 0, as far below it as it would be above."""
    return best - (1 - share) * abs(best)

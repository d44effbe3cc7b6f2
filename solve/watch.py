"""What a search answers to while it runs: the clock, the user's wish to stop, and who is told how it goes."""

from collections.abc import Callable
from dataclasses import dataclass
from time import monotonic
from typing import Self


def _never() -> bool:
    return False


def _nobody(cost: int) -> None:
    pass


@dataclass(frozen=True)
class Watch:
    """Searches look at it between moves, never within one, so that what they hold is a path at all times."""

    deadline: float = float("inf")
    stopped: Callable[[], bool] = _never
    tell: Callable[[int], None] = _nobody

    def over(self) -> bool:
        return self.stopped() or monotonic() > self.deadline

    def for_seconds(self, seconds: float) -> Self:
        return type(self)(monotonic() + seconds, self.stopped, self.tell)

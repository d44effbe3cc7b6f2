"""What a search answers to while it runs: the clock, the user's wish to stop, and who is told how it goes."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from time import monotonic
from typing import Self, TypeAlias

Stopped: TypeAlias = Callable[[], bool]
"""Whether the user wants the work to end with what it has."""


def never() -> bool:
    return False


def _nobody(cost: int, bound: float | None) -> None:
    pass


@dataclass(frozen=True)
class StopCondition:
    """Searches look at it between moves, never within one, so that what they hold is a path at all times."""

    deadline: float = float("inf")
    stopped: Stopped = never
    tell: Callable[[int, float | None], None] = _nobody
    bound: float | None = None
    """What any path costs at least, where that is known."""

    def over(self) -> bool:
        return self.stopped() or monotonic() > self.deadline

    def report(self, cost: int) -> None:
        self.tell(cost, self.bound)

    def for_seconds(self, seconds: float) -> Self:
        return replace(self, deadline=monotonic() + seconds)

    def knowing(self, bound: float) -> Self:
        return replace(self, bound=bound)

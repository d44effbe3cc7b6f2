"""Stop conditions of a search: a deadline, the user's request, and a callback that reports the cost."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from time import monotonic
from typing import Self, TypeAlias

Stopped: TypeAlias = Callable[[], bool]
"""Return whether the user wants the work to end with what it has."""


def never() -> bool:
    """Never stop."""
    return False


def _ignore(cost: int, bound: float | None) -> None:
    pass


@dataclass(frozen=True)
class StopCondition:
    """Checked between moves of a search, never within one, so that the search always holds a complete path."""

    deadline: float = float("inf")
    stopped: Stopped = never
    on_cost: Callable[[int, float | None], None] = _ignore
    bound: float | None = None
    """A proven lower bound of the cost, if known."""

    def reached(self) -> bool:
        """Return whether the search should end now."""
        return self.stopped() or monotonic() > self.deadline

    def report(self, cost: int) -> None:
        """Report the current cost."""
        self.on_cost(cost, self.bound)

    def for_seconds(self, seconds: float) -> Self:
        """Return the same condition with a deadline from now."""
        return replace(self, deadline=monotonic() + seconds)

    def with_bound(self, bound: float) -> Self:
        """Return the same condition with a proven lower bound."""
        return replace(self, bound=bound)

"""Queue the jobs that write to the library instead of refusing all but one."""

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Condition

from ..progress import Progress
from .strings import STRINGS

# How often a waiting job checks whether it was cancelled, in seconds.
_CHECK_INTERVAL = 0.2


class WriteQueue:
    """First come, first served; a job that is cancelled leaves the queue."""

    def __init__(self) -> None:
        self._tickets: list[object] = []
        self._changed = Condition()

    @contextmanager
    def turn(self, progress: Progress) -> Iterator[None]:
        """Wait until all earlier jobs have left the block, and report the position in the queue meanwhile."""
        ticket = object()
        with self._changed:
            self._tickets.append(ticket)
        try:
            if self._tickets[0] is not ticket:
                self._wait(ticket, progress)
            yield
        finally:
            with self._changed:
                self._tickets.remove(ticket)
                self._changed.notify_all()

    def _wait(self, ticket: object, progress: Progress) -> None:
        with progress.stage("wait") as stage:
            while place := self._tickets.index(ticket):
                # Raises if the job was cancelled.
                stage.describe(STRINGS.jobs.jobs_ahead(place))
                with self._changed:
                    self._changed.wait(_CHECK_INTERVAL)

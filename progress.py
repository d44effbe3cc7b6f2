"""Protocol by which long-running work reports progress, its silent default, and interruption by signals.

The command line draws progress, the page streams it, and library calls ignore it.
"""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from types import FrameType
from typing import Protocol


class Stage(Protocol):
    """One step of the work, with a bar of its own."""

    def advance(self, steps: int = 1) -> None: ...

    def describe(self, text: str) -> None:
        """Show the state of the stage in place of the last text."""
        ...


class Progress(Protocol):
    """Receiver of progress reports."""

    def stage(self, name: str, total: int | None = None) -> AbstractContextManager[Stage]:
        """Open a stage.

        Args:
            name: What is being done.
            total: Number of steps; None if it is unknown.
        """
        ...

    def note(self, text: str) -> None:
        """Show a line that the user should see but need not act on."""
        ...

    def stoppable(self) -> AbstractContextManager[Callable[[], bool]]:
        """Mark work that can stop early and keep its result so far; the callable tells whether to stop."""
        ...


class SilentProgress:
    """Progress that shows nothing."""

    @contextmanager
    def stage(self, name: str, total: int | None = None) -> Iterator[Stage]:
        yield self

    def advance(self, steps: int = 1) -> None:
        pass

    def describe(self, text: str) -> None:
        pass

    def note(self, text: str) -> None:
        pass

    @contextmanager
    def stoppable(self) -> Iterator[Callable[[], bool]]:
        yield lambda: False


class TitledProgress:
    """Progress that prefixes each stage with a title and passes it on."""

    def __init__(self, progress: Progress, title: str) -> None:
        self._progress, self._title = progress, title

    def stage(self, name: str, total: int | None = None) -> AbstractContextManager[Stage]:
        return self._progress.stage(f"{self._title}: {name}", total)

    def note(self, text: str) -> None:
        self._progress.note(text)

    def stoppable(self) -> AbstractContextManager[Callable[[], bool]]:
        return self._progress.stoppable()


def noting(progress: Progress) -> "NotingProgress":
    """Wrap a progress so that it shows each note once; return it unchanged if it already does."""
    return progress if isinstance(progress, NotingProgress) else NotingProgress(progress)


class NotingProgress(TitledProgress):
    """Progress that shows each note once, and keeps the notes."""

    def __init__(self, progress: Progress) -> None:
        super().__init__(progress, "")
        self.notes: list[str] = []

    def stage(self, name: str, total: int | None = None) -> AbstractContextManager[Stage]:
        return self._progress.stage(name, total)

    def note(self, text: str) -> None:
        if text not in self.notes:
            self.notes.append(text)
            self._progress.note(text)


SILENT = SilentProgress()


@contextmanager
def deferred_interrupt(*signals: signal.Signals) -> Iterator[Callable[[], bool]]:
    """Turn the first of these signals into a request to stop, and let the next one act as before.

    Yields:
        A callable that tells whether a stop was requested; the work calls it where nothing is half done.
    """
    received: list[int] = []
    previous = {number: signal.getsignal(number) for number in signals}
    # Only the main thread can set handlers; an ignored signal stays ignored.
    can_handle = threading.current_thread() is threading.main_thread()
    handled = [number for number in signals if can_handle and callable(previous[number])]

    def restore() -> None:
        for number in handled:
            signal.signal(number, previous[number])

    def request_stop(number: int, frame: FrameType | None) -> None:
        restore()
        received.append(number)

    for number in handled:
        signal.signal(number, request_stop)
    try:
        yield lambda: bool(received)
    finally:
        restore()

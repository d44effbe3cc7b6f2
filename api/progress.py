"""Show progress in a notebook, and log notes elsewhere."""

import logging
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any

from ..progress import Progress, SilentProgress, Stage, deferred_interrupt
from .html import render

_LOGGER = "reelweave"
"""The logger of notes."""
_INTERVAL = 0.2
"""Least seconds between two drawings: the browser needs no more, and each is a message to it."""
_FINISHED = 8
"""Most finished stages that stay visible."""


def default_progress() -> Progress:
    """Return bars in a notebook, and a progress that logs notes elsewhere."""
    return NotebookProgress() if in_notebook() else LoggedProgress()


def in_notebook() -> bool:
    """Tell whether this process is the kernel of a notebook."""
    if "IPython" not in sys.modules:
        return False
    from IPython import get_ipython

    return hasattr(get_ipython(), "kernel")


class LoggedProgress(SilentProgress):
    """Log notes under the name of the package, at the level INFO, and show no progress."""

    def note(self, text: str) -> None:
        logging.getLogger(_LOGGER).info(text)


@dataclass
class _Row:
    """A stage as it is shown."""

    name: str
    total: int | None
    changed: Callable[[], None]
    done: int = 0
    status: str = ""
    seconds: float | None = None
    started: float = field(default_factory=perf_counter)

    def advance(self, steps: int = 1) -> None:
        self.done += steps
        self.changed()

    def describe(self, text: str) -> None:
        self.status = text
        self.changed()


class NotebookProgress(SilentProgress):
    """Show a bar per stage and a line per note below the cell, drawn anew in place. Needs no widgets."""

    def __init__(self) -> None:
        self._rows: list[_Row] = []
        self._notes: list[str] = []
        self._handle: Any = None
        self._drawn = 0.0

    @contextmanager
    def stage(self, name: str, total: int | None = None) -> Iterator[Stage]:
        row = _Row(name, total, self._changed)
        self._rows = [*[one for one in self._rows if one.seconds is not None][-_FINISHED:], *self._running(), row]
        self._draw()
        try:
            yield row
        finally:
            row.seconds = perf_counter() - row.started
            self._draw()

    def note(self, text: str) -> None:
        self._notes.append(text)
        self._draw()

    @contextmanager
    def stoppable(self) -> Iterator[Callable[[], bool]]:
        with deferred_interrupt(signal.SIGINT) as interrupted:
            yield interrupted
            if interrupted():
                self.note("This stage was ended early; interrupt again to end the whole cell.")

    def _running(self) -> list[_Row]:
        return [row for row in self._rows if row.seconds is None]

    def _changed(self) -> None:
        if perf_counter() - self._drawn >= _INTERVAL:
            self._draw()

    def _draw(self) -> None:
        import IPython.display as notebook

        self._drawn = perf_counter()
        shown = notebook.HTML(render("progress", self._rows, self._notes))  # type: ignore[no-untyped-call]
        if self._handle is None:
            self._handle = notebook.display(shown, display_id=True)  # type: ignore[no-untyped-call]
        else:
            self._handle.update(shown)

"""Show progress on stderr: bars on a terminal, one line per stage elsewhere."""

import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import perf_counter
from typing import TYPE_CHECKING

from ..progress import Progress, SilentProgress, Stage, deferred_interrupt
from .color import is_colored, styled

if TYPE_CHECKING:
    from rich.progress import Progress as Rich
    from rich.progress import TaskID


_FINISHED_BARS = 8
"""Most bars of finished stages that stay visible, so that those of a thousand films do not fill the terminal."""

_LINES = 10
"""Most progress lines that a stage writes to a log, however long it takes."""

_LINE_INTERVAL = 5.0
"""Least seconds between two lines of one stage, so that quick stages have none but the last."""


def terminal_progress(quiet: bool = False) -> Progress:
    """Return the kind of progress that suits stderr."""
    if quiet:
        return QuietProgress()
    return BarProgress() if sys.stderr.isatty() else LineProgress()


class QuietProgress(SilentProgress):
    """Print notes and no progress."""

    def note(self, text: str) -> None:
        print(f"{styled('note:', sys.stderr, fg='yellow')} {text}", file=sys.stderr, flush=True)

    @contextmanager
    def stoppable(self) -> Iterator[Callable[[], bool]]:
        with deferred_interrupt(signal.SIGINT) as interrupted:
            yield interrupted
            if interrupted():
                self.note("Ctrl-C ended this stage early; press it again to end the whole command.")


class LineProgress(QuietProgress):
    """Print a line when a stage ends and, during a long one, a line with the time left after each tenth of it.

    Lines are only ever added, since a log cannot take back what it shows.
    """

    @contextmanager
    def stage(self, name: str, total: int | None = None) -> Iterator[Stage]:
        counter, started = _LineCounter(name, total), perf_counter()
        yield counter
        count = f"{counter.done} in " if counter.done > 1 else ""
        status = f", {counter.status}" if counter.status else ""
        print(f"{name}: {count}{perf_counter() - started:.1f} s{status}", file=sys.stderr, flush=True)


class BarProgress(QuietProgress):
    """Show a bar per stage, with count and time left. Nested stages share one display, since rich allows only one."""

    def __init__(self) -> None:
        self._rich: Rich | None = None

    @contextmanager
    def stage(self, name: str, total: int | None = None) -> Iterator[Stage]:
        with self._display() as rich:
            task = rich.add_task(name, total=total, status="")
            yield _Bar(rich, task)
            finished = next(t for t in rich.tasks if t.id == task)
            rich.update(task, total=finished.completed, completed=finished.completed)
            for old in [t for t in rich.tasks if t.finished][:-_FINISHED_BARS]:
                rich.remove_task(old.id)

    def note(self, text: str) -> None:
        if self._rich is None:
            super().note(text)
        else:
            self._rich.console.print(f"note: {text}", markup=False, highlight=False, soft_wrap=True)

    @contextmanager
    def _display(self) -> "Iterator[Rich]":
        if self._rich is not None:
            yield self._rich
            return
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
        from rich.progress import Progress as Rich

        columns = (
            TextColumn("{task.description:>24}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            TextColumn("{task.fields[status]}"),
        )
        # Redirect stdout above the bars only if it goes to the same terminal.
        console = Console(stderr=True, no_color=not is_colored(sys.stderr))
        rich = Rich(*columns, console=console, redirect_stdout=sys.stdout.isatty())
        with rich as self._rich:
            try:
                yield self._rich
            finally:
                self._rich = None


class _Bar:
    def __init__(self, rich: "Rich", task: "TaskID") -> None:
        self._rich, self._task = rich, task

    def advance(self, steps: int = 1) -> None:
        self._rich.advance(self._task, steps)

    def describe(self, text: str) -> None:
        self._rich.update(self._task, status=text)


class _LineCounter:
    """Print the count and the time left after each part of a stage."""

    def __init__(self, name: str, total: int | None) -> None:
        self._name, self._total, self.done, self.status = name, total, 0, ""
        self._started = self._last_line = perf_counter()
        self._shown = 0

    def describe(self, text: str) -> None:
        self.status = text

    def advance(self, steps: int = 1) -> None:
        self.done += steps
        if not self._total or not 0 < self.done < self._total:
            return
        part, now = _LINES * self.done // self._total, perf_counter()
        if part == self._shown or now - self._last_line < _LINE_INTERVAL:
            return
        self._shown, self._last_line = part, now
        left = (now - self._started) * (self._total - self.done) / self.done
        time = f"{left / 60:.0f} min" if left >= 60 else f"{left:.0f} s"
        print(f"{self._name}: {self.done} of {self._total}, {time} left", file=sys.stderr, flush=True)

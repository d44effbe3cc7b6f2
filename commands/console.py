"""Progress on a terminal: bars where somebody watches, one line a stage where not; always on stderr."""

import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import perf_counter
from typing import TYPE_CHECKING

from ..progress import Progress, Stage, deferred_interrupt

if TYPE_CHECKING:
    from rich.progress import Progress as Rich
    from rich.progress import TaskID


_SHOWN = 8
"""Bars of stages that have ended; a terminal has no room for those of a thousand films."""

_PAUSE = 30.0
"""Seconds between two lines of one stage."""


def terminal_progress(quiet: bool = False) -> Progress:
    """The progress that fits where stderr goes."""
    if quiet:
        return QuietProgress()
    return BarProgress() if sys.stderr.isatty() else LineProgress()


class QuietProgress:
    """Says what the user should see, and nothing of how far it is."""

    @contextmanager
    def stage(self, name: str, total: int | None = None) -> Iterator[Stage]:
        yield _Counter()

    def note(self, text: str) -> None:
        print(f"note: {text}", file=sys.stderr, flush=True)

    @contextmanager
    def stoppable(self) -> Iterator[Callable[[], bool]]:
        with deferred_interrupt(signal.SIGINT) as wanted:
            yield wanted
            if wanted():
                self.note("Ctrl-C was heard; once more ends the whole command.")


class LineProgress(QuietProgress):
    """A line when a stage ends and, while a long one lasts, one with the time left, for logs."""

    @contextmanager
    def stage(self, name: str, total: int | None = None) -> Iterator[Stage]:
        counter, started = _Reporter(name, total), perf_counter()
        yield counter
        count = f"{counter.done} in " if counter.done > 1 else ""
        told = f", {counter.told}" if counter.told else ""
        print(f"{name}: {count}{perf_counter() - started:.1f} s{told}", file=sys.stderr, flush=True)


class BarProgress(QuietProgress):
    """A bar a stage, with count and time left; stages within stages share one display, as a terminal has but one."""

    def __init__(self) -> None:
        self._rich: Rich | None = None

    @contextmanager
    def stage(self, name: str, total: int | None = None) -> Iterator[Stage]:
        with self._display() as rich:
            task = rich.add_task(name, total=total, told="")
            yield _Bar(rich, task)
            finished = next(t for t in rich.tasks if t.id == task)
            rich.update(task, total=finished.completed, completed=finished.completed)
            for old in [t for t in rich.tasks if t.finished][:-_SHOWN]:
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
            TextColumn("{task.fields[told]}"),
        )
        # Data that is printed meanwhile goes above the bars only where it is shown on the same terminal.
        rich = Rich(*columns, console=Console(stderr=True), redirect_stdout=sys.stdout.isatty())
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

    def tell(self, text: str) -> None:
        self._rich.update(self._task, told=text)


class _Counter:
    def __init__(self) -> None:
        self.done, self.told = 0, ""

    def advance(self, steps: int = 1) -> None:
        self.done += steps

    def tell(self, text: str) -> None:
        self.told = text


class _Reporter(_Counter):
    """Says now and then how far a stage is, and how long it will take at this pace."""

    def __init__(self, name: str, total: int | None) -> None:
        super().__init__()
        self._name, self._total = name, total
        self._started = self._said = perf_counter()

    def advance(self, steps: int = 1) -> None:
        super().advance(steps)
        now = perf_counter()
        if not self._total or not 0 < self.done < self._total or now - self._said < _PAUSE:
            return
        self._said = now
        left = (now - self._started) * (self._total - self.done) / self.done
        time = f"{left / 60:.0f} min" if left >= 60 else f"{left:.0f} s"
        print(f"{self._name}: {self.done} of {self._total}, {time} left", file=sys.stderr, flush=True)

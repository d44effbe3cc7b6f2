"""Long work beside the page's event loop: one job for each open page, watched while it runs, ended when asked."""

import threading
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from time import monotonic
from typing import Any

from ..errors import UsageError
from ..progress import Progress

Work = Callable[[Progress], Any]


class Cancelled(KeyboardInterrupt):
    """Raised in the work itself, which then clears up as after Ctrl-C: what was stored is kept."""


@dataclass(frozen=True)
class JobStatus:
    """How far a job is: its innermost stage, and the notes so far."""

    stage: str = ""
    done: int = 0
    total: int | None = None
    told: str = ""
    seconds_left: float | None = None
    notes: tuple[str, ...] = ()
    may_stop: bool = False
    """Whether it can end early with what it has."""
    outer: "JobStatus | None" = None
    """The whole that the stage is a part of, where its length is known."""

    @property
    def share(self) -> float | None:
        return min(1.0, self.done / self.total) if self.total else None


@dataclass
class _Stage:
    job: "Job"
    name: str
    total: int | None
    started: float = field(default_factory=monotonic)
    moved: float = field(default_factory=monotonic)
    done: int = 0
    told: str = ""

    def advance(self, steps: int = 1) -> None:
        self.done += steps
        self.moved = monotonic()
        self.job.changed()

    def tell(self, text: str) -> None:
        self.told = text
        self.job.changed()

    def seen(self) -> JobStatus:
        return JobStatus(self.name, self.done, self.total, self.told, self._seconds_left())

    def _seconds_left(self) -> float | None:
        if not self.total or not 0 < self.done < self.total:
            return None
        # Long steps, such as whole files, are counted down while nothing is heard of them.
        expected = (self.moved - self.started) * (self.total - self.done) / self.done
        return max(0.0, expected - (monotonic() - self.moved))


class Job:
    """Work in a thread of its own, which is also the progress that the work reports to."""

    def __init__(self, work: Work, kind: str = "") -> None:
        self._work = work
        self.kind = kind
        self._stages: list[_Stage] = []
        self._notes: list[str] = []
        self._news = threading.Event()
        self._cancelled, self._enough, self._ended = threading.Event(), threading.Event(), threading.Event()
        self.superseded = False
        """Whether newer work took its place, so that nobody wants to hear how it ended."""
        self._stoppable = 0
        self._result: Any = None
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="reelweave job")
        self._thread.start()

    def cancel(self) -> None:
        """End the work at its next step; nothing that was stored is lost."""
        self._cancelled.set()

    def enough(self) -> None:
        """End a search early with the best it has found."""
        self._enough.set()

    @property
    def running(self) -> bool:
        return not self._ended.is_set()

    def watch(self, pause: float = 0.2) -> Iterator[JobStatus]:
        """How far it is, now and whenever there is news, until it has ended."""
        yield self.seen()
        while not self._ended.wait(pause):
            if self._news.is_set():
                self._news.clear()
                yield self.seen()

    def wait(self) -> None:
        self._thread.join()

    def result(self) -> Any:
        """What the work returned, once it has ended; what it raised is raised here."""
        self.wait()
        if self._failure is not None:
            raise self._failure
        return self._result

    def seen(self) -> JobStatus:
        stages, notes = list(self._stages), tuple(self._notes)
        if not stages:
            return JobStatus(notes=notes)
        may_stop = self._stoppable > 0 and not self._enough.is_set()
        outer = stages[0].seen() if len(stages) > 1 and stages[0].total else None
        return replace(stages[-1].seen(), notes=notes, may_stop=may_stop, outer=outer)

    def changed(self) -> None:
        self._news.set()
        if self._cancelled.is_set():
            raise Cancelled

    @contextmanager
    def stage(self, name: str, total: int | None = None) -> Iterator[_Stage]:
        stage = _Stage(self, name, total)
        self._stages.append(stage)
        try:
            self.changed()
            yield stage
        finally:
            self._stages.remove(stage)
            self._news.set()

    def note(self, text: str) -> None:
        self._notes.append(text)
        self._news.set()

    @contextmanager
    def stoppable(self) -> Iterator[Callable[[], bool]]:
        self._stoppable += 1
        self._news.set()
        try:
            yield lambda: self._enough.is_set() or self._cancelled.is_set()
        finally:
            self._stoppable -= 1

    def _run(self) -> None:
        try:
            self._result = self._work(self)
        except BaseException as failed:  # the page that watches tells it
            self._failure = failed
            _let_go(failed)
        finally:
            self._ended.set()


def _let_go(failure: BaseException | None) -> None:
    """A failure that is kept would keep what its work had in hand: a decoder that waits, or pictures."""
    while failure:
        traceback.clear_frames(failure.__traceback__)
        failure = failure.__cause__ or failure.__context__


class Jobs:
    """The jobs of all open pages, by session."""

    def __init__(self) -> None:
        self._jobs: dict[str, Job] = {}
        self._left: list[Job] = []
        """Work of pages that are gone, until it has ended."""
        self._lock = threading.Lock()
        self._closed = False

    def start(self, session: str | None, work: Work, kind: str = "") -> Job:
        """Begin work for a page that has none under way, or only some of the same kind, whose place it takes."""
        key = session or ""
        while True:
            with self._lock:
                old = self._jobs.get(key)
                if self._closed:
                    raise UsageError("The page is being closed.", "Start `reelweave ui` again.")
                if old is None or not old.running:
                    self._jobs[key] = Job(work, kind)
                    return self._jobs[key]
                if not kind or old.kind != kind:
                    raise UsageError("Something is still running on this page.", "Wait for it to end, or cancel it.")
            old.superseded = True
            old.cancel()
            old.wait()

    def of(self, session: str | None) -> Job | None:
        return self._jobs.get(session or "")

    def cancel(self, session: str | None) -> None:
        if job := self.of(session):
            job.cancel()

    def enough(self, session: str | None) -> None:
        if job := self.of(session):
            job.enough()

    def leave(self, session: str | None) -> None:
        """Cancel what a page that is gone had under way, and keep nothing of what it made."""
        with self._lock:
            self._left = [job for job in self._left if job.running]
            if job := self._jobs.pop(session or "", None):
                job.cancel()
                self._left += [job] * job.running

    def close(self) -> None:
        """Cancel every job, and wait until each has left its work in order."""
        with self._lock:
            self._closed = True
            jobs = [*self._jobs.values(), *self._left]
        for job in jobs:
            job.cancel()
        for job in jobs:
            job.wait()

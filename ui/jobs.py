"""Long-running work in threads of its own: one job per session, with live status and cancellation."""

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

# Bounds how often a page is updated, in seconds.
_UPDATE_INTERVAL = 0.2


class Cancelled(KeyboardInterrupt):
    """Raised inside the work, which then cleans up as it does after Ctrl-C and keeps what it has stored."""


@dataclass(frozen=True)
class JobStatus:
    """The innermost stage of a job, and the notes so far."""

    stage: str = ""
    done: int = 0
    total: int | None = None
    detail: str = ""
    seconds_left: float | None = None
    notes: tuple[str, ...] = ()
    can_stop_early: bool = False
    """Whether the job can end now and return its best result so far."""
    outer: "JobStatus | None" = None
    """The outermost stage, if it contains this one and its length is known."""

    @property
    def share(self) -> float | None:
        return min(1.0, self.done / self.total) if self.total else None


@dataclass
class _Stage:
    job: "Job"
    name: str
    total: int | None
    started: float = field(default_factory=monotonic)
    advanced: float = field(default_factory=monotonic)
    done: int = 0
    detail: str = ""

    def advance(self, steps: int = 1) -> None:
        self.done += steps
        self.advanced = monotonic()
        self.job.report_change()

    def describe(self, text: str) -> None:
        self.detail = text
        self.job.report_change()

    def status(self) -> JobStatus:
        return JobStatus(self.name, self.done, self.total, self.detail, self._seconds_left())

    def _seconds_left(self) -> float | None:
        if not self.total or not 0 < self.done < self.total:
            return None
        # Count down during a long step, such as a whole file, which reports nothing until it ends.
        expected = (self.advanced - self.started) * (self.total - self.done) / self.done
        return max(0.0, expected - (monotonic() - self.advanced))


class Job:
    """Run work in a thread; the job is also the `Progress` that the work reports to."""

    def __init__(self, work: Work, kind: str = "") -> None:
        self._work = work
        self.kind = kind
        self._stages: list[_Stage] = []
        self._notes: list[str] = []
        self._changed = threading.Event()
        self._cancelled, self._stop_early, self._ended = threading.Event(), threading.Event(), threading.Event()
        self.superseded = False
        """Whether newer work has replaced this job, so that its end is not reported."""
        self._stoppable = 0
        self._result: Any = None
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="reelweave job")
        self._thread.start()

    def cancel(self) -> None:
        """End the work at its next step, with `Cancelled`."""
        self._cancelled.set()

    def stop_early(self) -> None:
        """Ask the work to end with the best result it has found."""
        self._stop_early.set()

    @property
    def running(self) -> bool:
        return not self._ended.is_set()

    def updates(self, interval: float = _UPDATE_INTERVAL) -> Iterator[JobStatus]:
        """Yield the status now and after every change, at most once per interval, until the job ends."""
        yield self.status()
        while not self._ended.wait(interval):
            if self._changed.is_set():
                self._changed.clear()
                yield self.status()

    def wait(self) -> None:
        self._thread.join()

    def result(self) -> Any:
        """Wait for the end; return what the work returned, or raise what it raised."""
        self.wait()
        if self._failure is not None:
            raise self._failure
        return self._result

    def status(self) -> JobStatus:
        stages, notes = list(self._stages), tuple(self._notes)
        if not stages:
            return JobStatus(notes=notes)
        can_stop_early = self._stoppable > 0 and not self._stop_early.is_set()
        outer = stages[0].status() if len(stages) > 1 and stages[0].total else None
        return replace(stages[-1].status(), notes=notes, can_stop_early=can_stop_early, outer=outer)

    def report_change(self) -> None:
        """Wake up `updates`; raise `Cancelled` in the work if the job was cancelled."""
        self._changed.set()
        if self._cancelled.is_set():
            raise Cancelled

    @contextmanager
    def stage(self, name: str, total: int | None = None) -> Iterator[_Stage]:
        stage = _Stage(self, name, total)
        self._stages.append(stage)
        try:
            self.report_change()
            yield stage
        finally:
            self._stages.remove(stage)
            self._changed.set()

    def note(self, text: str) -> None:
        self._notes.append(text)
        self._changed.set()

    @contextmanager
    def stoppable(self) -> Iterator[Callable[[], bool]]:
        self._stoppable += 1
        self._changed.set()
        try:
            yield lambda: self._stop_early.is_set() or self._cancelled.is_set()
        finally:
            self._stoppable -= 1

    def _run(self) -> None:
        try:
            self._result = self._work(self)
        except BaseException as failed:  # reported by `result`
            self._failure = failed
            _clear_frames(failed)
        finally:
            self._ended.set()


def _clear_frames(failure: BaseException | None) -> None:
    """Release the locals of the failed work: a stored exception would keep its decoders and pictures alive."""
    while failure:
        traceback.clear_frames(failure.__traceback__)
        failure = failure.__cause__ or failure.__context__


class Jobs:
    """The latest job of each session."""

    def __init__(self) -> None:
        self._jobs: dict[str, Job] = {}
        self._orphans: list[Job] = []
        """Jobs of closed windows that have not ended yet."""
        self._lock = threading.Lock()
        self._closed = False

    def start(self, session: str | None, work: Work, kind: str = "") -> Job:
        """Start a job, or replace the running one if both are of the same kind.

        Raises:
            UsageError: The session has a running job of another kind, or the page is closing.
        """
        key = session or ""
        while True:
            with self._lock:
                old = self._jobs.get(key)
                if self._closed:
                    raise UsageError("The page is closing.", "Start `reelweave ui` again.")
                if old is None or not old.running:
                    self._jobs[key] = Job(work, kind)
                    return self._jobs[key]
                if not kind or old.kind != kind:
                    raise UsageError("Another job is still running on this page.", "Wait for it to end, or cancel it.")
            old.superseded = True
            old.cancel()
            old.wait()

    def of(self, session: str | None) -> Job | None:
        return self._jobs.get(session or "")

    def cancel(self, session: str | None) -> None:
        if job := self.of(session):
            job.cancel()

    def stop_early(self, session: str | None) -> None:
        if job := self.of(session):
            job.stop_early()

    def leave(self, session: str | None) -> None:
        """Cancel the job of a closed window and drop its result."""
        with self._lock:
            self._orphans = [job for job in self._orphans if job.running]
            if job := self._jobs.pop(session or "", None):
                job.cancel()
                self._orphans += [job] * job.running

    def close(self) -> None:
        """Cancel every job and wait until all have cleaned up."""
        with self._lock:
            self._closed = True
            jobs = [*self._jobs.values(), *self._orphans]
        for job in jobs:
            job.cancel()
        for job in jobs:
            job.wait()

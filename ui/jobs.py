"""Long-running work in threads of its own: one job per session, with live status and cancellation."""

import threading
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from time import monotonic
from typing import Any

from ..errors import UsageError
from ..progress import Progress
from .forecast import Forecast, History
from .sessions import WithFolder, delete_files
from .strings import STRINGS
from .wording import step_of

Work = Callable[[Progress], Any]

# Bounds how often a page is updated, in seconds.
_UPDATE_INTERVAL = 0.2
# A step that reports nothing is shown again this often, in seconds, since its time left goes on.
_QUIET_INTERVAL = 1.0


class BusyError(UsageError):
    """The tab has a running job already."""


class Cancelled(KeyboardInterrupt):
    """Raised inside the work, which then cleans up as it does after Ctrl-C and keeps what it has stored."""


@dataclass(frozen=True)
class JobStatus:
    """The innermost stage of a job, how much of the whole job is done, and the notes so far."""

    stage: str = ""
    done: int = 0
    total: int | None = None
    detail: str = ""
    seconds_left: float | None = None
    notes: tuple[str, ...] = ()
    can_stop_early: bool = False
    """Whether the job can end now and return its best result so far."""
    share: float | None = None
    """The share of the whole job that is done, where it is known."""


@dataclass
class _Stage:
    job: "Job"
    name: str
    total: int | None
    done: int = 0
    detail: str = ""

    def advance(self, steps: int = 1) -> None:
        self.done += steps
        self.job.count(self)
        self.job.report_change()

    def describe(self, text: str) -> None:
        self.detail = text
        self.job.report_change()


class Job:
    """Run work in a thread; the job is also the `Progress` that the work reports to."""

    def __init__(
        self, work: Work, kind: str = "", forecast: Forecast | None = None, owner: str = "", run: str = ""
    ) -> None:
        self._work = work
        self.owner = owner
        """The panel that shows the job; empty once its window is closed."""
        self.run = run
        """The run that the job belongs to, by which another window may take it over."""
        self._forecast = forecast or Forecast("", History())
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
        """Yield the status now, after every change and now and then, at most once per interval, until the job ends."""
        yield self.status()
        shown = monotonic()
        while not self._ended.wait(interval):
            if self._changed.is_set() or monotonic() - shown >= _QUIET_INTERVAL:
                self._changed.clear()
                shown = monotonic()
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
        share, seconds_left = self._forecast.outlook() if self.running else (None, None)
        if not stages:
            return JobStatus(notes=notes, share=share, seconds_left=seconds_left)
        can_stop_early = self._stoppable > 0 and not self._stop_early.is_set()
        now = stages[-1]
        return JobStatus(now.name, now.done, now.total, now.detail, seconds_left, notes, can_stop_early, share)

    def count(self, stage: _Stage) -> None:
        """Tell the forecast what the outermost stage has done: a stage inside it is a part of it."""
        if self._stages and stage is self._stages[0]:
            self._forecast.advance(stage.done)

    def report_change(self) -> None:
        """Wake up `updates`; raise `Cancelled` in the work if the job was cancelled."""
        self._changed.set()
        if self._cancelled.is_set():
            raise Cancelled

    @contextmanager
    def stage(self, name: str, total: int | None = None) -> Iterator[_Stage]:
        stage = _Stage(self, name, total)
        self._stages.append(stage)
        if stage is self._stages[0]:
            self._forecast.begin(step_of(name), total)
        try:
            self.report_change()
            yield stage
        finally:
            if stage is self._stages[0]:
                self._forecast.end()
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
            self._forecast.succeeded()
        except BaseException as failed:  # reported by `result`
            self._failure = failed
            _clear_frames(failed)
        finally:
            self._ended.set()
            if not self.owner and isinstance(self._result, WithFolder):
                # No window waits for it any more.
                delete_files(self._result)


def _clear_frames(failure: BaseException | None) -> None:
    """Release the locals of the failed work: a stored exception would keep its decoders and pictures alive."""
    while failure:
        traceback.clear_frames(failure.__traceback__)
        failure = failure.__cause__ or failure.__context__


class Jobs:
    """The latest job of each panel: a tab in a session."""

    def __init__(self, history: History | None = None) -> None:
        self._history = history or History()
        self._jobs: dict[str, Job] = {}
        self._orphans: list[Job] = []
        """Jobs of closed windows that have not ended yet."""
        self._lock = threading.RLock()
        self._closed = False

    def start(self, key: str, work: Work, kind: str = "", name: str = "", run: str = "") -> Job:
        """Start a job, or replace the running one if both are of the same kind.

        Args:
            key: The panel whose job it is.
            work: The work itself.
            kind: Only a job of the same kind replaces a running one.
            name: What kind of work it is, to forecast how long it takes.
            run: The run that it belongs to; such a job outlives its window.

        Raises:
            BusyError: The panel has a running job of another kind.
            UsageError: The page is closing.
        """
        while True:
            with self._lock:
                old = self._jobs.get(key)
                if self._closed:
                    raise UsageError(*STRINGS.errors.closing)
                if old is None or not old.running:
                    self._jobs[key] = Job(work, kind, Forecast(name, self._history), key, run)
                    return self._jobs[key]
                if not kind or old.kind != kind:
                    raise BusyError(*STRINGS.errors.busy)
            old.superseded = True
            old.cancel()
            old.wait()

    def of(self, key: str) -> Job | None:
        return self._jobs.get(key)

    def cancel(self, key: str) -> None:
        if job := self.of(key):
            job.cancel()

    def stop_early(self, key: str) -> None:
        if job := self.of(key):
            job.stop_early()

    def of_run(self, run: str) -> Job | None:
        """Return the job that is running for a run, whichever window shows it, or none."""
        with self._lock:
            jobs = [*self._jobs.values(), *self._orphans]
        return next((job for job in jobs if run and job.run == run and job.running), None)

    def take_over(self, run: str, key: str) -> Job | None:
        """Let a panel show the running job of a run in place of the one that has shown it so far."""
        with self._lock:
            if job := self.of_run(run):
                self._jobs = {other: theirs for other, theirs in self._jobs.items() if theirs is not job}
                self._orphans = [other for other in self._orphans if other is not job]
                self._jobs[key], job.owner = job, key
            return job

    def leave(self, session: str | None) -> None:
        """Forget the jobs of a closed window. Those of a run go on, the others are cancelled."""
        with self._lock:
            self._orphans = [job for job in self._orphans if job.running]
            for key in [key for key in self._jobs if key.partition("/")[0] == (session or "")]:
                job = self._jobs.pop(key)
                job.owner = ""
                if not job.run:
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

"""Long work beside the page: watched while it runs, ended when asked, one for each window."""

import gc
import threading
import weakref
from collections.abc import Iterator
from typing import Any

import pytest
from runs import wait_until

from reelweave.errors import SourceError, UsageError
from reelweave.progress import Progress
from reelweave.ui.jobs import Cancelled, Job, Jobs


class Gate:
    """Work that goes on only when it is let."""

    def __init__(self) -> None:
        self.steps = threading.Semaphore(0)
        self.cleared = False

    def __call__(self, progress: Progress) -> str:
        try:
            with progress.stage("count", 4) as stage:
                progress.note("look here")
                for _ in range(4):
                    self.steps.acquire()
                    stage.advance()
            return "counted"
        finally:
            self.cleared = True


def test_a_watcher_sees_the_stage_its_count_and_the_notes_and_gets_the_result() -> None:
    gate = Gate()
    job = Job(gate)
    seen = []
    for now in job.watch(pause=0.01):
        if not seen or now != seen[-1]:
            seen.append(now)
            gate.steps.release()
    assert [now.done for now in seen if now.stage == "count"] == sorted(
        now.done for now in seen if now.stage == "count"
    )
    assert seen[-1].notes == ("look here",)
    assert all(now.total == 4 for now in seen if now.stage)
    assert job.result() == "counted"


def test_time_left_is_told_once_something_is_done() -> None:
    gate = Gate()
    job = Job(gate)
    gate.steps.release(2)
    wait_until(lambda: job.seen().done == 2)
    half = job.seen()
    assert half.seconds_left is not None
    assert half.seconds_left >= 0
    assert half.share == 0.5
    gate.steps.release(2)
    assert job.result() == "counted"
    assert job.seen().seconds_left is None


def test_cancelled_work_ends_at_its_next_step_and_clears_up() -> None:
    gate = Gate()
    job = Job(gate)
    job.cancel()
    gate.steps.release()
    with pytest.raises(Cancelled):
        job.result()
    assert gate.cleared


def test_work_that_may_stop_early_is_told_of_a_cancel_before_its_next_stage() -> None:
    reached = threading.Event()

    def search(progress: Progress) -> None:
        with progress.stoppable() as wanted:
            reached.set()
            while not wanted():
                pass
        with progress.stage("next"):
            pytest.fail("a cancelled job went on")

    job = Job(search)
    reached.wait()
    job.cancel()
    with pytest.raises(Cancelled):
        job.result()


def test_what_the_work_raises_is_raised_where_it_is_awaited() -> None:
    def fail(progress: Progress) -> None:
        raise SourceError("no video")

    with pytest.raises(SourceError, match="no video"):
        Job(fail).result()


def test_what_failed_work_had_open_is_closed_though_its_failure_is_kept() -> None:
    closed = threading.Event()

    def frames() -> Iterator[int]:
        try:
            yield from range(3)
        finally:
            closed.set()

    def fail(progress: Progress) -> None:
        decoder = frames()
        for _ in decoder:
            try:
                raise ValueError("damaged")
            except ValueError as failed:
                raise SourceError("no video") from failed

    job = Job(fail)
    job.wait()
    assert closed.is_set()
    with pytest.raises(SourceError):
        job.result()


def test_a_window_has_one_job_and_windows_do_not_disturb_one_another() -> None:
    jobs, one, two = Jobs(), Gate(), Gate()
    first = jobs.start("one", one)
    with pytest.raises(UsageError, match="still running"):
        jobs.start("one", two)
    second = jobs.start("two", two)
    jobs.cancel("one")
    one.steps.release()
    two.steps.release(4)
    assert second.result() == "counted"
    with pytest.raises(Cancelled):
        first.result()
    assert jobs.start("one", lambda progress: "again").result() == "again"


def test_newer_work_takes_the_place_of_its_own_kind_alone() -> None:
    jobs, gate = Jobs(), Gate()
    old = jobs.start("one", gate, "desk")
    found: list[str] = []
    newer = threading.Thread(target=lambda: found.append(jobs.start("one", lambda progress: "new", "desk").result()))
    newer.start()
    wait_until(lambda: old.superseded)
    assert jobs.start("two", lambda progress: "beside").result() == "beside"
    wait_until(lambda: gate.steps.release() or not newer.is_alive())
    assert found == ["new"]
    assert gate.cleared
    other = Gate()
    still = jobs.start("one", other)
    with pytest.raises(UsageError, match="still running"):
        jobs.start("one", lambda progress: "new", "desk")
    other.steps.release(4)
    assert still.result() == "counted"
    assert not still.superseded


def test_closing_ends_every_job_and_takes_no_more() -> None:
    jobs, gate = Jobs(), Gate()
    job = jobs.start("one", gate)
    gate.steps.release(1)
    closing = threading.Thread(target=jobs.close)
    closing.start()
    while closing.is_alive():
        gate.steps.release()
    assert not job.running
    with pytest.raises(UsageError):
        jobs.start("two", lambda progress: None)


def test_what_a_window_made_goes_with_it() -> None:
    jobs = Jobs()
    job = jobs.start("one", lambda progress: {"a film"})
    job.wait()
    made = weakref.ref(job)
    del job
    jobs.start("two", lambda progress: {"another"}).wait()
    jobs.leave("one")
    gc.collect()
    assert made() is None
    assert jobs.of("two") is not None


def test_closing_waits_for_the_work_of_windows_that_are_gone() -> None:
    jobs, gate = Jobs(), Gate()
    job = jobs.start("one", gate)
    wait_until(lambda: job.seen().notes != ())
    jobs.leave("one")
    assert jobs.of("one") is None
    closing = threading.Thread(target=jobs.close)
    closing.start()
    assert job.running
    gate.steps.release()
    closing.join()
    assert gate.cleared


def test_nothing_happens_where_there_is_no_job_to_cancel() -> None:
    jobs: Any = Jobs()
    jobs.cancel("nobody")
    assert jobs.of("nobody") is None

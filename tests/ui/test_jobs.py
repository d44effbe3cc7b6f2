"""Jobs report their status, can be cancelled, and run one per session."""

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
    """Work that does one step for each permit."""

    def __init__(self) -> None:
        self.steps = threading.Semaphore(0)
        self.cleaned_up = False

    def __call__(self, progress: Progress) -> str:
        try:
            with progress.stage("count", 4) as stage:
                progress.note("look here")
                for _ in range(4):
                    self.steps.acquire()
                    stage.advance()
            return "counted"
        finally:
            self.cleaned_up = True


def test_updates_show_the_stage_its_count_and_the_notes() -> None:
    gate = Gate()
    job = Job(gate)
    seen = []
    for status in job.updates(interval=0.01):
        if not seen or status != seen[-1]:
            seen.append(status)
            gate.steps.release()
    counts = [status.done for status in seen if status.stage == "count"]
    assert counts == sorted(counts)
    assert seen[-1].notes == ("look here",)
    assert all(status.total == 4 for status in seen if status.stage)
    assert job.result() == "counted"


def test_the_time_left_is_estimated_after_the_first_step() -> None:
    gate = Gate()
    job = Job(gate)
    gate.steps.release(2)
    wait_until(lambda: job.status().done == 2)
    half = job.status()
    assert half.seconds_left is not None
    assert half.seconds_left >= 0
    assert half.share == 0.5
    gate.steps.release(2)
    assert job.result() == "counted"
    assert job.status().seconds_left is None


def test_cancelled_work_ends_at_its_next_step_and_cleans_up() -> None:
    gate = Gate()
    job = Job(gate)
    job.cancel()
    gate.steps.release()
    with pytest.raises(Cancelled):
        job.result()
    assert gate.cleaned_up


def test_work_that_can_stop_early_ends_its_search_when_it_is_cancelled() -> None:
    reached = threading.Event()

    def search(progress: Progress) -> None:
        with progress.stoppable() as stopped:
            reached.set()
            while not stopped():
                pass
        with progress.stage("next"):
            pytest.fail("a cancelled job went on")

    job = Job(search)
    reached.wait()
    job.cancel()
    with pytest.raises(Cancelled):
        job.result()


def test_the_result_raises_what_the_work_raised() -> None:
    def fail(progress: Progress) -> None:
        raise SourceError("no video")

    with pytest.raises(SourceError, match="no video"):
        Job(fail).result()


def test_a_stored_failure_keeps_no_resources_open() -> None:
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


def test_a_session_has_one_job_and_sessions_are_independent() -> None:
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


def test_a_job_replaces_a_running_one_of_the_same_kind_only() -> None:
    jobs, gate = Jobs(), Gate()
    old = jobs.start("one", gate, "state")
    results: list[str] = []
    newer = threading.Thread(target=lambda: results.append(jobs.start("one", lambda progress: "new", "state").result()))
    newer.start()
    wait_until(lambda: old.superseded)
    assert jobs.start("two", lambda progress: "two").result() == "two"
    wait_until(lambda: gate.steps.release() or not newer.is_alive())
    assert results == ["new"]
    assert gate.cleaned_up
    other = Gate()
    still = jobs.start("one", other)
    with pytest.raises(UsageError, match="still running"):
        jobs.start("one", lambda progress: "new", "state")
    other.steps.release(4)
    assert still.result() == "counted"
    assert not still.superseded


def test_closing_cancels_every_job_and_refuses_new_ones() -> None:
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


def test_the_result_of_a_closed_session_is_released() -> None:
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


def test_closing_waits_for_the_jobs_of_closed_sessions() -> None:
    jobs, gate = Jobs(), Gate()
    job = jobs.start("one", gate)
    wait_until(lambda: job.status().notes != ())
    jobs.leave("one")
    assert jobs.of("one") is None
    closing = threading.Thread(target=jobs.close)
    closing.start()
    assert job.running
    gate.steps.release()
    closing.join()
    assert gate.cleaned_up


def test_cancelling_without_a_job_does_nothing() -> None:
    jobs: Any = Jobs()
    jobs.cancel("nobody")
    assert jobs.of("nobody") is None

"""What the progress line shows while one job of a session replaces another."""

import threading
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from browser import needs_gradio

from reelweave.errors import UsageError
from reelweave.progress import Progress
from reelweave.ui.jobs import Jobs

if TYPE_CHECKING:
    from reelweave.ui.job_panel import JobStep

pytestmark = needs_gradio

_KIND = "state"


def steps_of(jobs: Jobs, result: Any, after: "JobStep | None" = None) -> "list[JobStep]":
    """Run work that returns or raises at once, and return its steps."""
    from reelweave.ui.job_panel import JobPanel

    def work(progress: Progress) -> Any:
        if isinstance(result, Exception):
            raise result
        return result

    context: Any = SimpleNamespace(jobs=jobs)
    request: Any = SimpleNamespace(session_hash="one")
    return list(JobPanel(context, "tab").run(request, work, _KIND, after))


def test_the_error_of_a_newer_job_is_not_covered_by_the_result_of_an_older_one() -> None:
    jobs = Jobs()
    older = steps_of(jobs, "order")[-1]
    assert older.output == older.text
    newer = steps_of(jobs, UsageError("These cannot all hold."))[-1]
    assert "cannot all hold" in newer.output
    assert older.output != older.text
    assert older.result == "order"


def test_a_follow_up_job_runs_only_if_no_other_job_has_started() -> None:
    jobs = Jobs()
    older = steps_of(jobs, "order")[-1]
    assert steps_of(jobs, "film", older)[-1].result == "film"
    older = steps_of(jobs, "order")[-1]
    steps_of(jobs, UsageError("These cannot all hold."))
    newest = jobs.of("one/tab")
    assert steps_of(jobs, "film", older) == []
    assert jobs.of("one/tab") is newest


def test_a_window_whose_job_was_taken_over_does_not_show_its_result() -> None:
    from reelweave.ui.job_panel import JobPanel

    jobs, release = Jobs(), threading.Event()
    context: Any = SimpleNamespace(jobs=jobs)
    request: Any = SimpleNamespace(session_hash="one")
    steps = JobPanel(context, "tab").run(request, lambda progress: release.wait(60), run="run")
    assert next(steps).running
    job = jobs.take_over("run", "two/tab")
    assert job is not None
    release.set()
    job.wait()
    assert list(steps) == []
    other: Any = SimpleNamespace(session_hash="two")
    assert list(JobPanel(context, "tab").follow(other, job))[-1].result

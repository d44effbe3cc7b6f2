"""What the page tells of work while other work of the same window begins."""

from types import SimpleNamespace
from typing import Any

import pytest

from reelweave.errors import UsageError
from reelweave.progress import Progress
from reelweave.ui.jobs import Jobs

pytest.importorskip("gradio", reason="the page needs Gradio: pip install '.[ui]'")

from reelweave.ui.job_panel import JobStep, follow

_KIND = "desk"


def steps_of(jobs: Jobs, result: Any, after: JobStep | None = None) -> list[JobStep]:
    """The steps of work that ends at once, with a result or as it fails."""

    def work(progress: Progress) -> Any:
        if isinstance(result, Exception):
            raise result
        return result

    context: Any = SimpleNamespace(jobs=jobs)
    request: Any = SimpleNamespace(session_hash="one")
    return list(follow(context, request, work, _KIND, after))


def test_why_newer_work_failed_is_not_covered_by_how_older_work_went() -> None:
    jobs = Jobs()
    older = steps_of(jobs, "order")[-1]
    assert older.shown[0] == older.told
    newer = steps_of(jobs, UsageError("These cannot all hold."))[-1]
    assert "cannot all hold" in newer.shown[0]
    assert older.shown[0] != older.told
    assert older.done == "order"


def test_work_goes_on_from_a_step_only_where_nothing_newer_has_begun() -> None:
    jobs = Jobs()
    older = steps_of(jobs, "order")[-1]
    assert steps_of(jobs, "film", older)[-1].done == "film"
    older = steps_of(jobs, "order")[-1]
    steps_of(jobs, UsageError("These cannot all hold."))
    newest = jobs.of("one")
    assert steps_of(jobs, "film", older) == []
    assert jobs.of("one") is newest

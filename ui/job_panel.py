"""The progress line of a tab, with its buttons, and the loop that runs a job and updates it."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import gradio as gr

from ..errors import ReelweaveError
from . import html
from .context import PageContext
from .jobs import Cancelled, Work


@dataclass(frozen=True)
class JobStep:
    """One update of a job for the page."""

    text: str
    """Progress, notes or an error, as HTML."""
    running: bool
    result: Any = None
    """What the work returned, in the last step of a job that succeeded."""
    is_newest: Callable[[], bool] = lambda: True
    """Tells whether the session has started no other job since."""

    @property
    def output(self) -> Any:
        """The new content of the panel; a step of an older job must not cover what a newer one reports."""
        return self.text if self.is_newest() else gr.skip()


def job_panel(context: PageContext, name: str) -> Any:
    """Build the panel and return the component to update with `JobStep.output`.

    CSS shows the buttons next to progress. A server update could arrive too late for a job that ends at once.
    """
    with gr.Row(elem_classes="rw-job"):
        text = gr.HTML(elem_id=f"{name}-status", scale=4)
        stop = gr.Button(
            "Use the best result so far",
            elem_id=f"{name}-stop",
            elem_classes="rw-stop",
            size="sm",
            scale=0,
            min_width=190,
        )
        cancel = gr.Button("Cancel", elem_id=f"{name}-cancel", variant="stop", size="sm", scale=0)

    def stop_early(request: gr.Request) -> None:
        context.jobs.stop_early(request.session_hash)

    def cancel_job(request: gr.Request) -> None:
        context.jobs.cancel(request.session_hash)

    stop.click(stop_early, None, None, queue=False, api_visibility="private")
    cancel.click(cancel_job, None, None, queue=False, api_visibility="private")
    return text


def run_job(
    context: PageContext, request: gr.Request, work: Work, kind: str = "", after: JobStep | None = None
) -> Iterator[JobStep]:
    """Run work as the session's job and yield its updates; the last one has the result or the error.

    Args:
        context: The page's jobs.
        request: Identifies the session.
        work: The work itself.
        kind: A job replaces a running one of the same kind, whose steps then end without a report.
        after: The step that this job continues from; nothing runs if another job has started since.

    Yields:
        Steps to show.
    """
    if after and not after.is_newest():
        return
    job = None

    def is_newest() -> bool:
        return context.jobs.of(request.session_hash) is job

    try:
        job = context.jobs.start(request.session_hash, work, kind)
        for status in job.updates():
            yield JobStep(html.progress(status), True, is_newest=is_newest)
        result = job.result()
        yield JobStep("".join(map(html.note, job.status().notes)), False, result, is_newest)
    except (ReelweaveError, Cancelled, OSError) as failed:
        if not (job and job.superseded):
            yield JobStep(html.error(failed), False)

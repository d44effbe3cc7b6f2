"""The progress line of a tab, with its buttons, and the loop that runs a job and updates it."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import gradio as gr

from ..errors import ReelweaveError
from . import html
from .context import PageContext
from .fields import QUIET
from .jobs import Cancelled, Job, Work
from .remedies import work_of
from .strings import STRINGS


@dataclass(frozen=True)
class JobStep:
    """One update of a job for the page."""

    text: str
    """Progress, notes or an error, as HTML."""
    running: bool
    result: Any = None
    """What the work returned, in the last step of a job that succeeded."""
    failed: bool = False
    """Whether the job ended with an error, or was cancelled."""
    is_newest: Callable[[], bool] = lambda: True
    """Tells whether the panel has started no other job since."""

    @property
    def output(self) -> Any:
        """The new content of the panel; a step of an older job must not cover what a newer one reports."""
        return self.text if self.is_newest() else gr.skip()


@dataclass(frozen=True)
class JobPanel:
    """The jobs of one tab, in each session; `text` is the component to update with `JobStep.output`."""

    context: PageContext
    name: str
    text: Any = None

    def key(self, request: gr.Request) -> str:
        return f"{request.session_hash}/{self.name}"

    def run(
        self,
        request: gr.Request,
        work: Work,
        kind: str = "",
        after: JobStep | None = None,
        name: str = "",
        resumable: bool = False,
        run: str = "",
        again: str = "",
    ) -> Iterator[JobStep]:
        """Run work as the panel's job and yield its updates; the last one has the result or the error.

        Args:
            request: Identifies the session.
            work: The work itself.
            kind: A job replaces a running one of the same kind, whose steps then end without a report.
            after: The step that this job continues from; nothing runs if another job has started since.
            name: What kind of work it is, to forecast how long it takes.
            resumable: Whether a cancelled job resumes where it left off when it is started again.
            run: The run that the job belongs to; such a job outlives its window.
            again: The CSS selector of the control that starts the work again; the tab's main button by default.

        Yields:
            Steps to show.
        """
        if after and not after.is_newest():
            return
        try:
            job = self.context.jobs.start(self.key(request), work, kind, name, run)
        except ReelweaveError as refused:
            yield JobStep(html.error(refused, panel=self.name), False, failed=True)
            return
        yield from self.follow(request, job, resumable, again)

    def follow(self, request: gr.Request, job: Job, resumable: bool = False, again: str = "") -> Iterator[JobStep]:
        """Yield the updates of a job, and its result or error, until another window takes it over."""
        key = self.key(request)

        def is_newest() -> bool:
            return self.context.jobs.of(key) is job

        try:
            for status in job.updates():
                if job.owner != key:
                    return
                yield JobStep(html.progress(status), True, is_newest=is_newest)
            if job.owner != key:
                return
            result = job.result()
            yield JobStep("".join(map(html.note, job.status().notes)), False, result, is_newest=is_newest)
        except (ReelweaveError, Cancelled, OSError) as failed:
            if not job.superseded:
                control = again or f"#{self.name}-start"
                yield JobStep(html.error(failed, resumable, control, self.name), False, failed=True)

    def remedy(self, event: gr.EventData, request: gr.Request) -> Iterator[Any]:
        """Do what a button below an error offers, and let the browser start again what had failed."""
        again = str(event.again)
        work = work_of(self.context, str(event.action), str(event.item), str(event.place))
        if work is None:
            return
        for step in self.run(request, work, name=str(event.action), resumable=True, again=again):
            done = html.remedied(step.result, again) if step.result else ""
            yield f"{step.text}{done}" if step.is_newest() else gr.skip()


def job_panel(context: PageContext, name: str) -> JobPanel:
    """Build the panel of a tab.

    CSS shows the buttons next to progress. A server update could arrive too late for a job that ends at once.
    """
    with gr.Row(elem_classes="rw-job"):
        text = gr.HTML(elem_id=f"{name}-status", scale=4, js_on_load=html.script("message"))
        stop = gr.Button(
            STRINGS.jobs.use_best,
            elem_id=f"{name}-stop",
            elem_classes="rw-stop",
            size="sm",
            scale=0,
            min_width=190,
        )
        cancel = gr.Button(STRINGS.common.cancel, elem_id=f"{name}-cancel", variant="stop", size="sm", scale=0)
    panel = JobPanel(context, name, text)

    def stop_early(request: gr.Request) -> None:
        context.jobs.stop_early(panel.key(request))

    def cancel_job(request: gr.Request) -> None:
        context.jobs.cancel(panel.key(request))

    text.click(panel.remedy, None, text, **QUIET)
    stop.click(stop_early, None, None, queue=False, api_visibility="private")
    cancel.click(cancel_job, None, None, queue=False, api_visibility="private")
    return panel

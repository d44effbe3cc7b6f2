"""A line of progress with buttons that end the work: every tab that works for long shows one."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import gradio as gr

from ..errors import ReelweaveError
from . import html
from .context import PageContext
from .jobs import Cancelled, Work


@dataclass(frozen=True)
class JobPanel:
    """What a job is shown in: both are outputs of the event that runs it."""

    told: Any
    stop: Any

    @property
    def outputs(self) -> list[Any]:
        return [self.told, self.stop]


@dataclass(frozen=True)
class JobStep:
    """What to show of a job now, for the outputs of its panel; `done` is what the work returned, once it has."""

    told: str
    running: bool
    done: Any = None
    newest: Callable[[], bool] = lambda: True
    """Whether the page has begun nothing since."""

    @property
    def shown(self) -> tuple[Any, Any]:
        """What newer work has said, maybe why it failed, is not covered by how older work went."""
        return self.told if self.newest() else gr.skip(), gr.skip()


def panel(context: PageContext, name: str) -> JobPanel:
    """The style sheet shows the buttons beside progress: what a job that ends at once would switch gets lost."""
    with gr.Row(elem_classes="rw-running"):
        told = gr.HTML(elem_id=f"{name}-told", scale=4)
        end = gr.Button(
            "Take the best so far",
            elem_id=f"{name}-enough",
            elem_classes="rw-enough",
            size="sm",
            scale=0,
            min_width=170,
        )
        stop = gr.Button("Cancel", elem_id=f"{name}-cancel", variant="stop", size="sm", scale=0)

    def enough(request: gr.Request) -> None:
        context.jobs.enough(request.session_hash)

    def cancel(request: gr.Request) -> None:
        context.jobs.cancel(request.session_hash)

    end.click(enough, None, None, queue=False, api_visibility="private")
    stop.click(cancel, None, None, queue=False, api_visibility="private")
    return JobPanel(told, stop)


def follow(
    context: PageContext, request: gr.Request, work: Work, kind: str = "", after: JobStep | None = None
) -> Iterator[JobStep]:
    """Run work in its own thread and say how far it is; the last step has its outcome, or tells why there is none.

    Work ends without a word where newer work of its kind takes its place, and does not begin where something
    has begun since the step that it goes on from.
    """
    if after and not after.newest():
        return
    job = None

    def newest() -> bool:
        return context.jobs.of(request.session_hash) is job

    try:
        job = context.jobs.start(request.session_hash, work, kind)
        for now in job.watch():
            yield JobStep(html.progress(now), True, newest=newest)
        done = job.result()
        yield JobStep(html.notes(job.seen().notes), False, done, newest)
    except (ReelweaveError, Cancelled, OSError) as failed:
        if not (job and job.superseded):
            yield JobStep(html.error_html(failed), False)

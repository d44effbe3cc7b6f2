"""The Library tab: list the indexed videos, add more, complete them and remove them."""

from collections.abc import Callable, Iterator
from typing import Any

import gradio as gr

from ...ingest.ingester import IngestResult, complete_video
from ...media.types import VideoRecord
from ...progress import Progress
from .. import html
from ..context import PageContext
from ..fields import QUIET, number
from ..job_panel import JobStep, job_panel
from . import videos

_SPACES = [
    ("Default", ""),
    ("visual similarity, to restore the order", "appearance"),
    ("visual similarity and CLIP, to search by words too", "all"),
]


def library_tab(context: PageContext) -> tuple[Callable[..., Any], list[Any], list[Any]]:
    """Build the tab; return how to refresh the list when the tab is opened."""
    with gr.Accordion("Add videos", open=True, elem_id="li-add"):
        with gr.Row():
            uploads = gr.File(label="Drop videos here", file_count="multiple", height=150, elem_id="li-uploads")
            with gr.Column():
                path = gr.Textbox(
                    "",
                    label="or enter a path or pattern on this server",
                    placeholder="~/Videos or tapes/**/*.mkv",
                    max_lines=1,
                    visible=context.local,
                    elem_id="li-path",
                )
                with gr.Row(elem_classes="rw-row"):
                    space = gr.Dropdown(_SPACES, value="", label="Index for", min_width=320, elem_id="li-space")
                    default = context.settings.ingest.fps
                    fps = number(default, label="Frames per second (0 = all)", minimum=0, elem_id="li-fps")
        go = gr.Button("Add to the library", variant="primary", elem_id="li-start")
    panel = job_panel(context, "li")
    added = gr.HTML(elem_id="li-results")
    text = gr.Textbox("", label="Filter by name", max_lines=1, elem_id="li-filter")
    count = gr.HTML(elem_id="li-count")
    listing = gr.HTML(elem_id="li-videos", js_on_load=html.script("clicks"))
    with gr.Row(visible=False) as paging:
        previous = gr.Button("Previous page", size="sm", elem_id="li-previous")
        following = gr.Button("Next page", size="sm", elem_id="li-next")
    page = gr.State(1)

    def refresh(text: str, page: int, asked: str = "") -> tuple[Any, ...]:
        """List the videos; the row of the one that is asked about asks whether to remove it."""
        shown = videos.video_page(context.settings, text, page)
        fate = videos.fate_of_source(context, shown, asked)
        summary, rows = html.render("library.summary", shown), html.render("library.listing", shown, asked, fate)
        return summary, rows, shown.page, gr.update(visible=shown.pages > 1)

    def then_refresh(
        steps: Iterator[JobStep], result: Callable[[JobStep], str], text: str, page: int
    ) -> Iterator[tuple[Any, ...]]:
        """Show a job, then the list again: even a job that failed may have changed it."""
        for step in steps:
            yield step.output, result(step), *[gr.skip()] * 4
        yield *[gr.skip()] * 2, *refresh(text, page)

    def ingest(
        request: gr.Request, given: list[str] | None, path: str, space: str, fps: float, *position: Any
    ) -> Iterator[Any]:
        results: list[IngestResult] = []

        def work(progress: Progress) -> Any:
            return videos.ingest(context, given or [], path.strip(), space, fps or 0.0, progress, results)

        yield from then_refresh(
            panel.run(request, work, name="add", resumable=True), lambda step: videos.result_list(results), *position
        )

    def clicked(event: gr.EventData, request: gr.Request, text: str, page: int) -> Iterator[Any]:
        act, video = str(event.action), str(event.item)
        if act in ("remove", "no"):
            asked = video if act == "remove" else ""
            yield *[gr.skip()] * 2, *refresh(text, page, asked)
            return

        def work(progress: Progress) -> VideoRecord:
            with context.writes.turn(progress):
                return complete_video(video, context.settings, progress, "clip" if act == "clip" else None)

        if act == "yes":
            steps, result = panel.run(request, lambda progress: videos.remove(context, video, progress)), _removed
        else:
            steps, result = panel.run(request, work, name="complete", resumable=True), _completed
        yield from then_refresh(steps, result, text, page)

    position, listed = [text, page], [count, listing, page, paging]
    outputs = [panel.text, added, *listed]
    go.click(ingest, [uploads, path, space, fps, *position], outputs, **QUIET).then(
        lambda results: None if results else gr.skip(), added, uploads, **QUIET
    )
    listing.click(clicked, position, outputs, **QUIET)
    text.change(lambda text: refresh(text, 1), text, listed, **QUIET)
    previous.click(lambda text, page: refresh(text, page - 1), position, listed, **QUIET)
    following.click(lambda text, page: refresh(text, page + 1), position, listed, **QUIET)
    return refresh, position, listed


def _completed(step: JobStep) -> str:
    return html.note(f"{step.result.name} is complete.") if step.result else ""


def _removed(step: JobStep) -> str:
    return html.note(f"Removed {step.result}.") if step.result else ""

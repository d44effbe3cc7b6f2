"""The Library tab: list the indexed videos, add more, complete them and remove them."""

from collections.abc import Callable, Iterator
from typing import Any

import gradio as gr

from ...index import manage
from ...ingest.ingester import IngestResult, complete_video
from ...progress import Progress
from .. import html
from ..context import PageContext
from ..fields import QUIET, number
from ..job_panel import JobStep, job_panel, run_job
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
    status = job_panel(context, "li")
    added = gr.HTML(elem_id="li-results")
    with gr.Column(visible=False, elem_id="li-confirm") as confirmation:
        question = gr.HTML()
        with gr.Row():
            yes = gr.Button("Yes, remove it", variant="stop", size="sm", elem_id="li-yes")
            no = gr.Button("No", size="sm", elem_id="li-no")
    text = gr.Textbox("", label="Filter by name", max_lines=1, elem_id="li-filter")
    count = gr.HTML(elem_id="li-count")
    listing = gr.HTML(elem_id="li-videos", js_on_load=html.script("clicks"))
    with gr.Row(visible=False) as paging:
        previous = gr.Button("Previous page", size="sm", elem_id="li-previous")
        following = gr.Button("Next page", size="sm", elem_id="li-next")
    page, chosen = gr.State(1), gr.State("")

    def refresh(text: str, page: int) -> tuple[Any, ...]:
        shown = videos.video_page(context.settings, text, page)
        summary, rows = html.render("library.summary", shown), html.render("library.listing", shown)
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

        yield from then_refresh(run_job(context, request, work), lambda step: videos.result_list(results), *position)

    def clicked(event: gr.EventData, request: gr.Request, *position: Any) -> Iterator[Any]:
        act, video = str(event.action), str(event.item)
        if act == "remove":
            yield *[gr.skip()] * 6, *_question(context, video)
            return
        space = "clip" if act == "clip" else None
        steps = run_job(context, request, lambda progress: complete_video(video, context.settings, progress, space))
        for outputs in then_refresh(steps, _completed, *position):
            yield *outputs, *[gr.skip()] * 3

    def remove(video: str, request: gr.Request, *position: Any) -> Iterator[Any]:
        yield *[gr.skip()] * 6, gr.update(visible=False)
        steps = run_job(context, request, lambda progress: videos.remove(context, video))
        for outputs in then_refresh(steps, _removed, *position):
            yield *outputs, gr.skip()

    position, listed = [text, page], [count, listing, page, paging]
    outputs = [status, added, *listed]
    go.click(ingest, [uploads, path, space, fps, *position], outputs, **QUIET).then(
        lambda results: None if results else gr.skip(), added, uploads, **QUIET
    )
    listing.click(clicked, position, [*outputs, confirmation, question, chosen], **QUIET)
    yes.click(remove, [chosen, *position], [*outputs, confirmation], **QUIET)
    no.click(lambda: gr.update(visible=False), None, confirmation, **QUIET)
    text.change(lambda text: refresh(text, 1), text, listed, **QUIET)
    previous.click(lambda text, page: refresh(text, page - 1), position, listed, **QUIET)
    following.click(lambda text, page: refresh(text, page + 1), position, listed, **QUIET)
    return refresh, position, listed


def _completed(step: JobStep) -> str:
    return html.note(f"{step.result.name} is complete.") if step.result else ""


def _removed(step: JobStep) -> str:
    return html.note(f"Removed {step.result}.") if step.result else ""


def _question(context: PageContext, video: str) -> tuple[Any, ...]:
    """Ask for confirmation, and say what happens to the video's own file."""
    row = next((row for row in manage.list_videos(context.settings) if row["id"] == video), None)
    if row is None:
        return gr.update(visible=False), "", ""
    uploaded = videos.is_upload(context, row["source"])
    source = "The uploaded copy will be deleted too." if uploaded else "The video file itself stays."
    return gr.update(visible=True), html.note(f"Remove {row['name']} from the library? {source}"), video

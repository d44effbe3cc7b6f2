"""The tab Library: what is in it, how more gets in, and what goes."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import gradio as gr

from ...index import manage
from ...ingest.ingester import IngestResult, complete_video
from ...progress import Progress
from .. import html
from ..context import PageContext
from ..fields import number
from ..html import CLICKS
from ..job_panel import follow, panel
from ..uploads import forget
from . import ingest_job, view

_SPACES = [
    ("as the settings say", ""),
    ("looks, for putting in order", "appearance"),
    ("looks and CLIP, for searching by words too", "all"),
]
_SURE = "Yes, remove it"


def library_tab(context: PageContext) -> tuple[Callable[..., Any], list[Any], list[Any]]:
    with gr.Accordion("Add videos", open=True, elem_id="li-add"):
        with gr.Row():
            uploads = gr.File(label="Drop videos here", file_count="multiple", height=150, elem_id="li-uploads")
            with gr.Column():
                place = gr.Textbox(
                    "",
                    label="or a folder, a file or a pattern of the machine that runs this page",
                    placeholder="~/Videos or tapes/**/*.mkv",
                    max_lines=1,
                    visible=context.alone,
                    elem_id="li-place",
                )
                with gr.Row(elem_classes="rw-row"):
                    space = gr.Dropdown(_SPACES, value="", label="Vectors", min_width=320, elem_id="li-space")
                    fps = number(
                        context.settings.ingest.fps, label="Frames a second (0: all)", minimum=0, elem_id="li-fps"
                    )
        go = gr.Button("Add to the library", variant="primary", elem_id="li-go")
    running = panel(context, "li")
    taken = gr.HTML(elem_id="li-taken")
    with gr.Column(visible=False, elem_id="li-sure") as sure:
        asked = gr.HTML()
        with gr.Row():
            yes = gr.Button(_SURE, variant="stop", size="sm", elem_id="li-yes")
            no = gr.Button("No", size="sm", elem_id="li-no")
    wanted = gr.Textbox("", label="Videos whose name holds", max_lines=1, elem_id="li-wanted")
    told = gr.HTML(elem_id="li-count")
    videos = gr.HTML(elem_id="li-videos", js_on_load=CLICKS)
    with gr.Row(visible=False) as turning:
        back = gr.Button("Earlier page", size="sm", elem_id="li-back")
        on = gr.Button("Next page", size="sm", elem_id="li-on")
    page, chosen = gr.State(1), gr.State("")

    def shown(wanted: str, page: int) -> tuple[Any, ...]:
        now = view.video_page(context.settings, wanted, page)
        return view.summary(now), view.listing(now), now.page, gr.update(visible=now.pages > 1)

    def then(steps: Iterator[tuple[Any, ...]], wanted: str, page: int) -> Iterator[tuple[Any, ...]]:
        """Steps of a job; then the list is looked up again, since even what failed may have changed it."""
        for step in steps:
            yield *step, *[gr.skip()] * 4
        yield *[gr.skip()] * 3, *shown(wanted, page)

    def take(
        request: gr.Request, given: list[str] | None, place: str, space: str, fps: float, *at: Any
    ) -> Iterator[Any]:
        done: list[IngestResult] = []

        def work(progress: Progress) -> Any:
            return ingest_job.take(context, given or [], place.strip(), space, fps or 0.0, progress, done)

        steps = follow(context, request, work)
        yield from then(((*step.shown, ingest_job.outcome(done)) for step in steps), *at)

    def pressed(event: gr.EventData, request: gr.Request, *at: Any) -> Iterator[Any]:
        act, video = str(event.act), str(event.on)
        if act == "remove":
            yield *[gr.skip()] * 7, *_question(context, video)
            return
        space = "clip" if act == "clip" else None
        steps = follow(context, request, lambda progress: complete_video(video, context.settings, progress, space))
        for step in then(((*step.shown, _complete(step.done)) for step in steps), *at):
            yield *step, *[gr.skip()] * 3

    def remove(video: str, request: gr.Request, *at: Any) -> Iterator[Any]:
        yield *[gr.skip()] * 7, gr.update(visible=False)
        steps = follow(context, request, lambda progress: _removed(context, video))
        for step in then(((*step.shown, html.note(step.done) if step.done else "") for step in steps), *at):
            yield *step, gr.skip()

    quiet: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private"}
    at, listed = [wanted, page], [told, videos, page, turning]
    outputs = [*running.outputs, taken, *listed]
    go.click(take, [uploads, place, space, fps, *at], outputs, **quiet).then(
        lambda said: None if said else gr.skip(), taken, uploads, **quiet
    )
    videos.click(pressed, at, [*outputs, sure, asked, chosen], **quiet)
    yes.click(remove, [chosen, *at], [*outputs, sure], **quiet)
    no.click(lambda: gr.update(visible=False), None, sure, **quiet)
    wanted.change(lambda wanted: shown(wanted, 1), wanted, listed, **quiet)
    back.click(lambda wanted, page: shown(wanted, page - 1), at, listed, **quiet)
    on.click(lambda wanted, page: shown(wanted, page + 1), at, listed, **quiet)
    return shown, at, listed


def _complete(done: Any) -> str:
    return html.note(f"{done.name}: complete.") if done else ""


def _question(context: PageContext, video: str) -> tuple[Any, ...]:
    """Whether it is to go, and what stays of it."""
    row = next((row for row in manage.list_videos(context.settings) if row["id"] == video), None)
    if row is None:
        return gr.update(visible=False), "", ""
    ours = _ours(context, row["source"])
    stays = "The copy that was dropped on this page goes with it." if ours else "The video's own file is not touched."
    return gr.update(visible=True), html.note(f"Remove {row['name']} from the library? {stays}"), video


def _ours(context: PageContext, source: str) -> bool:
    return bool(source) and Path(source).is_relative_to(context.given.resolve())


def _removed(context: PageContext, video: str) -> str:
    gone = manage.remove_video(video, context.settings)
    if _ours(context, gone.source):
        forget(context, [Path(gone.source)])
    return f"{gone.name} is removed."

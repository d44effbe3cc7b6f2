"""The Library tab: list the indexed videos, add more, complete them and remove them."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from typing import Any

import gradio as gr

from ...ingest.ingester import IngestResult
from ...progress import Progress
from .. import html
from ..context import PageContext
from ..fields import QUIET, number, whole_number
from ..job_panel import JobStep, job_panel
from ..strings import STRINGS
from . import videos
from .videos import EVERY, KINDS, Filter

_TEXT = STRINGS.library
_SPACES = [
    (_TEXT.space_default, ""),
    (_TEXT.space_appearance, "appearance"),
    (_TEXT.space_all, "all"),
]

_ACTIONS: dict[str, tuple[Callable[[PageContext, str, Progress], str], str]] = {
    "yes": (videos.remove, _TEXT.removed),
    "resume": (videos.resume, STRINGS.jobs.video_completed),
    "clip": (videos.add_clip, STRINGS.jobs.video_completed),
    "locate": (videos.locate, STRINGS.jobs.video_located),
    "locate_all": (videos.locate_all, STRINGS.jobs.video_located),
    "remove_all": (videos.remove_all, _TEXT.removed),
    "resume_all": (videos.resume_all, _TEXT.completed),
    "clip_all": (videos.add_clip_to_all, _TEXT.searchable),
}
"""What a button of the list does with its item, and the message about the result."""

_RESUMABLE = ("resume", "clip", "resume_all", "clip_all")


def library_tab(context: PageContext) -> tuple[Callable[..., Any], list[Any], list[Any]]:
    """Build the tab; return how to refresh the list when the tab is opened."""
    tab = _LibraryTab(context)
    tab.connect()
    return tab.refresh, tab.position, tab.listed


class _AddVideos:
    """The fields of the videos to add."""

    def __init__(self, context: PageContext) -> None:
        with gr.Accordion(_TEXT.add_videos, open=True, elem_id="li-add"):
            with gr.Row():
                self.uploads = gr.File(label=_TEXT.upload, file_count="multiple", height=150, elem_id="li-uploads")
                with gr.Column():
                    self.path = gr.Textbox(
                        "",
                        label=_TEXT.path,
                        placeholder=_TEXT.path_example,
                        max_lines=1,
                        visible=context.local,
                        elem_id="li-path",
                    )
                    with gr.Row(elem_classes="rw-row"):
                        self.space = gr.Dropdown(
                            _SPACES, value="", label=_TEXT.index_for, min_width=320, elem_id="li-space"
                        )
                        self.fps = number(context.settings.ingest.fps, label=_TEXT.rate, minimum=0, elem_id="li-fps")
            self.go = gr.Button(_TEXT.add, variant="primary", elem_id="li-start")

    @property
    def inputs(self) -> list[Any]:
        return [self.uploads, self.path, self.space, self.fps]


class _LibraryTab:
    """The components of the tab, and what happens on each event."""

    def __init__(self, context: PageContext) -> None:
        self.context = context
        self.add = _AddVideos(context)
        self.panel = job_panel(context, "li")
        self.added = gr.HTML(elem_id="li-results", js_on_load=html.script("message"))
        kinds, orders = _choices(KINDS, _TEXT.kinds), _choices(videos.SORT_ORDERS, _TEXT.orders)
        with gr.Row(elem_classes="rw-row"):
            self.text = gr.Textbox("", label=_TEXT.filter, max_lines=1, elem_id="li-filter")
            self.kind = gr.Dropdown(kinds, value=EVERY, label=_TEXT.show, elem_id="li-kind")
            self.order = gr.Dropdown(orders, value=videos.LATEST, label=_TEXT.sort, elem_id="li-sort")
        self.count = gr.HTML(elem_id="li-count")
        self.listing = gr.HTML(elem_id="li-videos", js_on_load=html.script("clicks", "bulk", "preview"))
        with gr.Row(visible=False, elem_classes="rw-row rw-paging") as self.paging:
            self.previous = gr.Button(_TEXT.previous, size="sm", elem_id="li-previous")
            self.page = number(1, label=_TEXT.page_of.format(pages=1), minimum=1, precision=0, elem_id="li-page")
            self.following = gr.Button(_TEXT.next, size="sm", elem_id="li-next")

    @property
    def position(self) -> list[Any]:
        """The fields that choose which videos are listed."""
        return [self.text, self.kind, self.page, self.order]

    @property
    def listed(self) -> list[Any]:
        return [self.count, self.listing, self.page, self.paging]

    def connect(self) -> None:
        """Attach the events."""
        add, outputs = self.add, [self.panel.text, self.added, *self.listed]
        add.go.click(self.ingest, [*add.inputs, *self.position], outputs, **QUIET).then(
            lambda results: None if results else gr.skip(), self.added, add.uploads, **QUIET
        )
        self.added.click(self.panel.remedy, None, self.panel.text, **QUIET)
        self.listing.click(self.click, self.position, outputs, **QUIET)
        filters = [self.text, self.kind, self.order]
        for field in filters:
            field.change(lambda text, kind, order: self.refresh(text, kind, 1, order), filters, self.listed, **QUIET)
        self.page.submit(self.refresh, self.position, self.listed, **QUIET)
        for button, step in ((self.previous, -1), (self.following, 1)):
            button.click(partial(self.turn, step), self.position, self.listed, **QUIET)

    def refresh(
        self, text: str, kind: str, page: float | None, order: str, asked: str = "", question: str = ""
    ) -> tuple[Any, ...]:
        """List the videos; the row of the one that is asked about asks whether to remove it, or where its file is."""
        shown = videos.video_page(self.context, Filter(text, kind), whole_number(page or 1), order)
        fate = videos.fate_of_source(self.context, shown, asked) if question == "remove" else question
        summary, rows = html.render("library.summary", shown), html.render("library.listing", shown, asked, fate)
        position = gr.update(value=shown.page, label=_TEXT.page_of.format(pages=shown.pages), maximum=shown.pages)
        return summary, rows, position, gr.update(visible=shown.pages > 1)

    def turn(self, step: int, text: str, kind: str, page: float | None, order: str) -> tuple[Any, ...]:
        return self.refresh(text, kind, (page or 1) + step, order)

    def then_refresh(
        self, steps: Iterator[JobStep], result: Callable[[JobStep], str], *position: Any
    ) -> Iterator[tuple[Any, ...]]:
        """Show a job, then the list again: even a job that failed may have changed it."""
        for step in steps:
            yield step.output, result(step), *[gr.skip()] * 4
        yield *[gr.skip()] * 2, *self.refresh(*position)

    def ingest(
        self, request: gr.Request, given: list[str] | None, path: str, space: str, fps: float, *position: Any
    ) -> Iterator[Any]:
        results: list[IngestResult] = []

        def work(progress: Progress) -> Any:
            return videos.ingest(self.context, given or [], path.strip(), space, fps or 0.0, progress, results)

        steps = self.panel.run(request, work, name="add", resumable=True)
        yield from self.then_refresh(steps, lambda step: videos.result_list(results), *position)

    def click(
        self, event: gr.EventData, request: gr.Request, text: str, kind: str, page: float | None, order: str
    ) -> Iterator[Any]:
        act, item, position = str(event.action), str(event.item), (text, kind, page, order)
        if act in ("remove", "no", "ask_place"):
            question = {"remove": "remove", "ask_place": "locate"}.get(act, "")
            yield *[gr.skip()] * 2, *self.refresh(*position, item, question)
        elif act in _ACTIONS:
            do, message = _ACTIONS[act]
            work, again = partial(do, self.context, item), _button_of(act, item)
            steps = self.panel.run(request, work, name=act, resumable=act in _RESUMABLE, again=again)
            yield from self.then_refresh(steps, lambda step: _result_note(step, message), *position)


def _button_of(act: str, item: str) -> str:
    """Return the CSS selector of the button that starts an action again, or asks for what it needs."""
    if act == "locate_all":
        button = "[data-locate-all] button"
    elif act.endswith("_all"):
        button = f"[data-bulk-action='{act}']"
    elif act == "locate":
        button = "[data-action='ask_place']"
    else:
        button = f"[data-action='{'remove' if act == 'yes' else act}'][data-item='{item}']"
    return f"#li-videos {button}"


def _choices(keys: Iterable[str], texts: Mapping[str, str]) -> list[tuple[str, str]]:
    return [(texts[key], key) for key in keys]


def _result_note(step: JobStep, text: str) -> str:
    return html.note(text.format(name=step.result)) if step.result else ""

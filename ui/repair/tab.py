"""The Repair tab: find broken frames, correct the list, and replace them."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from typing import Any

import gradio as gr

from ...errors import ReelweaveError
from ...media.ranges import read_ranges
from ...progress import Progress
from ...settings import Settings, changed
from .. import html
from ..context import PageContext
from ..fields import QUIET, make_exclusive, number, video_dropdown, whole_number
from ..job_panel import JobStep, job_panel
from ..sessions import SessionStates
from ..strings import STRINGS
from ..uploads import chosen_source
from . import label_queue, state, view
from .label_panel import label_panel
from .state import RepairState

_TEXT = STRINGS.repair
_RULES, _TRAINED = "rules", "trained"
_DETECTORS = [(_TEXT.rules, _RULES), (_TEXT.trained, _TRAINED)]
_METHODS = [
    (_TEXT.method_auto, "auto"),
    (_TEXT.method_motion, "motion"),
    (_TEXT.method_blend, "blend"),
    (_TEXT.method_hold, "hold"),
]
_REGIONS = [(_TEXT.region_auto, "auto"), (_TEXT.region_on, "on"), (_TEXT.region_off, "off")]
_LONG = [(_TEXT.long_leave, "leave"), (_TEXT.long_hold, "hold")]


def repair_tab(context: PageContext) -> tuple[Callable[..., Any], None, list[Any]]:
    """Build the tab; return how to refresh it when it is opened."""
    tab = _RepairTab(context)
    tab.connect()
    return tab.refresh, None, [tab.method, *tab.training.outputs]


class _RepairTab:
    """The components of the tab, and what happens on each event."""

    def __init__(self, context: PageContext) -> None:
        self.context = context
        with gr.Row():
            self.upload = gr.File(label=_TEXT.upload, height=150, elem_id="rp-upload")
            with gr.Column():
                self.video = video_dropdown(context.settings, STRINGS.common.or_library, "rp-video")
                label, visible = STRINGS.common.or_path, context.local
                self.path = gr.Textbox("", label=label, max_lines=1, visible=visible, elem_id="rp-path")
                self.method = gr.Radio(
                    _DETECTORS, value=_RULES, label=_TEXT.detector, visible=False, elem_id="rp-detector"
                )
                self.go = gr.Button(_TEXT.find, variant="primary", elem_id="rp-start")
        # Above the result, which would push it down when it appears.
        training_place = gr.Column()
        self.panel = job_panel(context, "rp")
        self.shown = _RepairView(context.settings)
        self.states: SessionStates[RepairState] = SessionStates()
        with training_place:
            self.training = label_panel(context, self.source_fields, self.panel)

    @property
    def source_fields(self) -> list[Any]:
        return [self.upload, self.video, self.path]

    def connect(self) -> None:
        """Attach the events."""
        shown, outputs = self.shown, [self.panel.text, *self.shown.outputs]
        self.go.click(self.find, [*self.source_fields, self.method], outputs, **QUIET)
        shown.repair.click(self.repair, shown.options, outputs, **QUIET)
        shown.listing.click(self.toggle, None, outputs, trigger_mode="multiple", **QUIET)
        shown.mark.click(self.mark, shown.frames, outputs, **QUIET)
        shown.unmark.click(self.unmark, shown.frames, outputs, **QUIET)
        make_exclusive(*self.source_fields)
        trained = self.training.use.click(lambda: gr.update(value=_TRAINED, visible=True), None, self.method, **QUIET)
        trained.then(self.find, [*self.source_fields, self.method], outputs, **QUIET)
        self.context.on_close.append(self.states.clear)

    def refresh(self) -> tuple[Any, ...]:
        has_detector = label_queue.detector(self.context.labels) is not None
        return gr.update(visible=has_detector), *self.training.refresh()

    def update(self, step: JobStep, changed: object, request: gr.Request) -> dict[Any, Any]:
        shown = self.states.show(request.session_hash, self.shown.show_all) if changed else {}
        return {self.panel.text: step.output} | shown

    def find(self, upload: str | None, video: str | None, path: str, method: str, request: gr.Request) -> Iterator[Any]:
        def work(progress: Progress) -> RepairState:
            trained = label_queue.detector(self.context.labels) if method == _TRAINED else None
            return state.begin(self.context, chosen_source(self.context, upload, video, path), trained, progress)

        for step in self.panel.run(request, work, name="find broken"):
            if step.result:
                self.states.put(request.session_hash, step.result)
            yield self.update(step, step.result, request)

    def repair(self, request: gr.Request, *options: Any) -> Iterator[Any]:
        if not (now := self.states.of(request.session_hash)):
            return

        def work(progress: Progress) -> Any:
            return state.repair(now, _settings(self.context.settings, *options), progress)

        for step in self.panel.run(request, work, name="repair"):
            new = None
            if result := step.result:
                film, strips = result
                new = self.change(request, now, partial(replace, repaired=film, strips=strips))
            yield self.update(step, new, request)

    def change(
        self, request: gr.Request, old: RepairState, edit: Callable[[RepairState], RepairState]
    ) -> RepairState | None:
        """Change the session's state, unless it is about another video by now."""
        new = self.states.change(request.session_hash, lambda now: edit(now) if now.folder == old.folder else now)
        return new if new and new.folder == old.folder else None

    def correct(
        self, request: gr.Request, text: str, edit: Callable[[RepairState, list[int]], RepairState]
    ) -> dict[Any, Any]:
        """Apply a correction to the frames that `text` names, or show why it names none."""
        if not (now := self.states.of(request.session_hash)):
            return {}
        try:
            frames = read_ranges(text, len(now.detected.verdicts), _TEXT.frames)
        except ReelweaveError as invalid:
            return {self.panel.text: html.error(invalid)}
        new = self.change(request, now, lambda now: edit(now, frames))
        return {self.panel.text: ""} | (self.states.show(request.session_hash, self.shown.show_list) if new else {})

    def toggle(self, event: gr.EventData, request: gr.Request) -> dict[Any, Any]:
        return self.correct(request, str(event.item), RepairState.toggled)

    def mark(self, text: str, request: gr.Request) -> dict[Any, Any]:
        return self.correct(request, text, lambda now, frames: now.marked(frames, True))

    def unmark(self, text: str, request: gr.Request) -> dict[Any, Any]:
        return self.correct(request, text, lambda now, frames: now.marked(frames, False))


class _RepairView:
    """The components that show a state, and the content of each."""

    def __init__(self, settings: Settings) -> None:
        with gr.Column(visible=False, elem_classes="rw-result", elem_id="rp-result") as self.container:
            self.summary = gr.HTML(elem_id="rp-summary")
            self.timeline = gr.HTML(elem_id="rp-timeline", js_on_load=html.script("seek"))
            gr.Markdown(f"### {_TEXT.broken_frames}")
            self.listing = gr.HTML(elem_id="rp-list", js_on_load=html.script("clicks_and_focus"))
            with gr.Row(elem_classes="rw-row"):
                self.frames = gr.Textbox(
                    "",
                    label=_TEXT.mark_yourself,
                    placeholder=_TEXT.mark_example,
                    max_lines=1,
                    min_width=320,
                    elem_id="rp-frames",
                )
                self.mark = gr.Button(_TEXT.mark_broken, elem_id="rp-mark", size="md", scale=0, min_width=160)
                self.unmark = gr.Button(_TEXT.mark_clean, elem_id="rp-unmark", size="md", scale=0, min_width=160)
            gr.Markdown(f"### {_TEXT.repair}")
            with gr.Row(elem_classes="rw-row"):
                method = gr.Dropdown(
                    _METHODS, value=settings.repair.method, label=_TEXT.fill_method, min_width=320, elem_id="rp-method"
                )
                longest = number(settings.repair.longest, label=_TEXT.longest, minimum=1, precision=0, min_width=240)
                long = gr.Dropdown(_LONG, value=settings.repair.long, label=_TEXT.longer, elem_id="rp-long")
                region = gr.Dropdown(
                    _REGIONS, value=settings.repair.region, label=_TEXT.region, min_width=320, elem_id="rp-region"
                )
            self.repair = gr.Button(_TEXT.repair, variant="primary", elem_id="rp-repair")
            self.films = gr.HTML(elem_id="rp-films", js_on_load=html.script("players"))
        self.options = [method, longest, long, region]

    @property
    def outputs(self) -> list[Any]:
        return [self.container, self.summary, self.timeline, self.listing, self.films]

    def show_all(self, now: RepairState) -> dict[Any, Any]:
        return self.show_list(now) | {self.films: view.films(now), self.container: gr.update(visible=True)}

    def show_list(self, now: RepairState) -> dict[Any, Any]:
        """Update all but the films, so that they keep playing while the list is corrected."""
        survey = now.corrected
        return {
            self.summary: html.render("repair.summary", now, survey),
            self.timeline: view.timeline(survey),
            self.listing: view.listing(now),
        }


def _settings(settings: Settings, method: str, longest: float | None, long: str, region: str) -> Settings:
    """Return the settings with the fields applied; an empty field keeps its setting."""
    frames = whole_number(longest or settings.repair.longest)
    chosen = {"method": method, "longest": frames, "long": long, "region": region}
    return changed(settings, "repair", chosen)

"""The Reconstruct tab: restore the order of a shuffled video, and correct the result by clicks."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import gradio as gr

from ...errors import UsageError
from ...progress import Progress
from .. import html
from ..context import PageContext
from ..fields import QUIET, make_exclusive, video_dropdown
from ..job_panel import JobStep, job_panel
from ..jobs import Work
from ..runs import Run
from ..saved_files import new_id
from ..sessions import SessionStates
from ..strings import STRINGS
from . import reconstruct_job, view
from .demo import draw_demo
from .edits import apply_click
from .frame_sheets import write_sheets
from .state import ReconstructState

_TEXT = STRINGS.reconstruct
_KIND = "state"
"""The kind of all jobs on a state: a newer one replaces the running one."""


class _ReconstructView:
    """The components that show a state, and the content of each."""

    def __init__(self) -> None:
        with gr.Column(visible=False, elem_classes="rw-result") as self.container:
            self.films = gr.HTML(elem_id="rc-films", js_on_load=html.script("players"))
            with gr.Row(elem_classes="rw-row"):
                self.render = gr.Button(_TEXT.render, elem_id="rc-render", size="md", scale=0, min_width=160)
                self.reverse = gr.Button(_TEXT.render_reversed, elem_id="rc-reverse", size="md", scale=0, min_width=180)
                self.edits = gr.Button(STRINGS.common.edit_lists, elem_id="rc-edits", size="md", scale=0, min_width=140)
            self.summary = gr.HTML(elem_id="rc-summary")
            gr.Markdown(f"### {_TEXT.your_corrections}")
            with gr.Row(elem_classes="rw-row"):
                self.solve = gr.Button(_TEXT.solve, variant="primary", elem_id="rc-solve", size="md", scale=0)
                self.automatic = gr.Checkbox(
                    True,
                    label=_TEXT.automatic,
                    elem_id="rc-automatic",
                    container=False,
                    scale=0,
                    min_width=260,
                )
            gr.HTML(html.render("reconstruct.keys"), elem_id="rc-keys", js_on_load=html.script("keys"))
            self.corrections = self._clickable("rc-corrections", "undo", "corrections")
            self.selected = self._clickable("rc-selected", "escape")
            gr.Markdown(f"### {_TEXT.shots}")
            self.shots = self._clickable("rc-shots")
            gr.Markdown(f"### {_TEXT.all_frames}")
            self.browser = gr.HTML(elem_id="rc-browser", js_on_load=html.script("frame_browser"))
            gr.Markdown(f"### {_TEXT.dropped_frames}\n{_TEXT.dropped_hint}")
            self.dropped = self._clickable("rc-dropped")
            gr.Markdown(f"### {_TEXT.why}")
            self.diagnostics = self._clickable("rc-diagnostics", "seek")

    @staticmethod
    def _clickable(elem_id: str, *scripts: str) -> Any:
        return gr.HTML(elem_id=elem_id, js_on_load=html.script("clicks_and_focus", *scripts))

    @property
    def clickable(self) -> list[Any]:
        return [self.corrections, self.selected, self.shots, self.dropped, self.diagnostics, self.browser]

    @property
    def outputs(self) -> list[Any]:
        return [self.container, self.films, self.summary, *self.clickable]

    def show_all(self, state: ReconstructState) -> dict[Any, Any]:
        plan = {
            self.shots: view.shots(state),
            self.dropped: view.dropped(state),
            self.summary: view.summary(state),
            self.diagnostics: view.diagnostics(state),
            self.browser: view.frame_browser(state),
        }
        return self.show_films(state) | plan | {self.container: gr.update(visible=True)}

    def show_shots(self, state: ReconstructState) -> dict[Any, Any]:
        return {self.shots: view.shots(state), self.browser: view.frame_browser(state)}

    def show_films(self, state: ReconstructState) -> dict[Any, Any]:
        # With the corrections, since a click may have been made while the previous answer was under way.
        return {self.films: html.render("reconstruct.films", state)} | self.show_corrections(state)

    def show_corrections(self, state: ReconstructState) -> dict[Any, Any]:
        return {self.corrections: view.corrections(state), self.selected: view.selected_frame(state)}


def reconstruct_tab(context: PageContext) -> tuple[Callable[..., Any], None, list[Any]]:
    """Build the tab; return how to refresh the list of recent runs when it is opened."""
    tab = _ReconstructTab(context)
    tab.connect()
    return tab.recent_runs, None, [tab.recent]


class _ReconstructTab:
    """The components of the tab, and what happens on each event."""

    def __init__(self, context: PageContext) -> None:
        self.context = context
        with gr.Row():
            self.upload = gr.File(label=_TEXT.upload, elem_id="rc-upload", height=150)
            with gr.Column():
                self.video = video_dropdown(context.settings, STRINGS.common.or_library, "rc-video")
                self.go = gr.Button(_TEXT.start, variant="primary", elem_id="rc-start")
        self.tour = gr.HTML(html.render("reconstruct.tour"), elem_id="rc-tour", js_on_load=html.script("tour"))
        self.recent = gr.HTML(self.recent_runs(), elem_id="rc-recent", js_on_load=html.script("clicks"))
        self.address = gr.HTML("", elem_id="rc-address", js_on_load=html.script("address"))
        self.panel = job_panel(context, "rc")
        self.shown = _ReconstructView()
        self.states: SessionStates[ReconstructState] = SessionStates()

    def connect(self) -> None:
        """Attach the events."""
        shown, outputs = self.shown, [self.panel.text, self.recent, self.address, *self.shown.outputs]
        self.go.click(self.start, [self.upload, self.video], outputs, **QUIET)
        for button, key in ((shown.render, "film"), (shown.reverse, "reversed"), (shown.edits, "edits")):
            button.click(self.film_maker(key), None, outputs, **QUIET)
        shown.solve.click(self.solve, None, outputs, trigger_mode="multiple", **QUIET)
        for component in shown.clickable:
            # Accept the next click while the previous one is being answered.
            component.click(self.click, shown.automatic, outputs, trigger_mode="multiple", **QUIET)
        self.tour.click(self.start_demo, None, outputs, **QUIET)
        for component in (self.recent, self.address):
            component.click(self.reopen, None, outputs, **QUIET)
        make_exclusive(self.upload, self.video)
        self.context.on_close.append(self.states.clear)

    def recent_runs(self) -> str:
        runs = [(run, self.context.jobs.of_run(run.id) is not None) for run in self.context.runs.recent()]
        return html.render("reconstruct.recent", runs)

    def update(
        self, step: JobStep, show: Callable[[ReconstructState], dict[Any, Any]], changed: object, request: gr.Request
    ) -> dict[Any, Any]:
        shown = self.states.show(request.session_hash, show) if changed else {}
        return {self.panel.text: step.output} | shown

    def start(self, upload: str | None, video: str | None, request: gr.Request) -> Iterator[Any]:
        yield from self.begin(Run(new_id(), video or "", ""), upload, request)

    def start_demo(self, request: gr.Request) -> Iterator[Any]:
        yield from self.begin(Run(new_id(), "", ""), None, request, demo=True)

    def begin(self, run: Run, upload: str | None, request: gr.Request, demo: bool = False) -> Iterator[Any]:
        def work(progress: Progress) -> ReconstructState:
            given = str(draw_demo(self.context, progress)) if demo else upload
            return reconstruct_job.begin(self.context, given, run.video, progress, run.id, run.constraints)

        yield {self.address: html.render("reconstruct.address", run.id)}
        yield from self.follow(self.panel.run(request, work, name="restore", resumable=True, run=run.id), request)

    def follow(self, steps: Iterator[JobStep], request: gr.Request) -> Iterator[Any]:
        """Show a job that ends with a state, and render its film if nothing is corrected."""
        state = None
        for step in steps:
            if state := step.result:
                self.states.put(request.session_hash, state)
            recent = {} if step.running else {self.recent: self.recent_runs()}
            yield self.update(step, self.shown.show_all, state, request) | recent
        if state and not state.constraints:
            yield from self.make_film("film", state, request, step)

    def reopen(self, event: gr.EventData, request: gr.Request) -> Iterator[Any]:
        """Open an earlier run, or take over its job if that is still running."""
        run_id, shown_state = str(event.item), self.states.of(request.session_hash)
        if str(event.action) == "forget":
            self.context.runs.forget(run_id)
            yield {self.recent: self.recent_runs()}
        elif shown_state and shown_state.run == run_id:
            return
        elif job := self.context.jobs.take_over(run_id, self.panel.key(request)):
            yield {self.address: html.render("reconstruct.address", run_id)}
            yield from self.follow(self.panel.follow(request, job, resumable=True), request)
        elif run := self.context.runs.get(run_id):
            yield from self.begin(run, None, request)

    def film_maker(self, key: str) -> Callable[[gr.Request], Iterator[Any]]:
        def make(request: gr.Request) -> Iterator[Any]:
            if state := self.states.of(request.session_hash):
                yield from self.make_film(key, state, request)

        return make

    def make_film(
        self, key: str, state: ReconstructState, request: gr.Request, after: JobStep | None = None
    ) -> Iterator[Any]:
        work: dict[str, Work] = {
            "film": lambda progress: reconstruct_job.render(self.context, state, False, progress),
            "reversed": lambda progress: reconstruct_job.render(self.context, state, True, progress),
            "preview": lambda progress: reconstruct_job.write_preview(state, progress),
            "edits": lambda progress: reconstruct_job.write_edits(self.context, state, progress),
        }
        for step in self.panel.run(request, work[key], _KIND, after, "preview" if key == "preview" else "render"):
            new = None
            if film := step.result:
                new = self.states.change(request.session_hash, lambda now: now.with_film(key, film, state.plan))
            yield self.update(step, self.shown.show_films, new, request)

    def solve(self, request: gr.Request) -> Iterator[Any]:
        """Solve with the corrections; this cancels a render of the old plan."""
        if not (state := self.states.of(request.session_hash)):
            return

        def work(progress: Progress) -> ReconstructState:
            return reconstruct_job.solve_again(self.context, state, progress)

        new = None
        for step in self.panel.run(request, work, _KIND, name="solve"):
            if solved := step.result:
                new = self.states.change(request.session_hash, lambda now: now.with_plan_of(solved))
            yield self.update(step, self.shown.show_all, new, request)
        if new:
            yield from self.make_film("preview", new, request, step)

    def click(self, automatic: bool, event: gr.EventData, request: gr.Request) -> Iterator[Any]:
        if event.action == "browse":
            yield from self.browse(request)
            return
        before = self.states.of(request.session_hash)
        try:
            now = self.apply(event, request)
        except UsageError as refused:
            yield {self.panel.text: html.error(refused)}
            return
        if now and before:
            yield self.states.show(request.session_hash, self.shown.show_corrections)
            if automatic and now.constraints != before.constraints:
                yield from self.solve(request)
            elif now.shots != before.shots:
                yield self.states.show(request.session_hash, self.shown.show_shots)

    def apply(self, event: gr.EventData, request: gr.Request) -> ReconstructState | None:
        """Apply a click to the state, and save the corrections if it changed them."""
        session, action, item = request.session_hash, str(event.action), str(event.item)
        before = self.states.of(session)
        now = self.states.change(session, lambda state: apply_click(state, action, item))
        if now and before and now.constraints != before.constraints:
            saved = reconstruct_job.save_run(self.context, reconstruct_job.saved_run(now))
            return self.states.change(session, lambda state: replace(state, saved=saved))
        return now

    def browse(self, request: gr.Request) -> Iterator[Any]:
        """Draw the frames when they are first asked for: a long film takes seconds."""
        if not (state := self.states.of(request.session_hash)) or state.sheets:
            return
        for step in self.panel.run(request, lambda progress: write_sheets(state, progress), name="draw frames"):
            new = None
            if sheets := step.result:
                new = self.states.change(request.session_hash, lambda now: now.with_sheets(tuple(sheets), state))
            yield self.update(step, self.shown.show_all, new, request)

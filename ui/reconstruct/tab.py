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
    with gr.Row():
        upload = gr.File(label=_TEXT.upload, elem_id="rc-upload", height=150)
        with gr.Column():
            video = video_dropdown(context.settings, STRINGS.common.or_library, "rc-video")
            go = gr.Button(_TEXT.start, variant="primary", elem_id="rc-start")
    tour = gr.HTML(html.render("reconstruct.tour"), elem_id="rc-tour", js_on_load=html.script("tour"))
    recent = gr.HTML(_recent(context), elem_id="rc-recent", js_on_load=html.script("clicks"))
    address = gr.HTML("", elem_id="rc-address", js_on_load=html.script("address"))
    panel = job_panel(context, "rc")
    shown = _ReconstructView()
    states: SessionStates[ReconstructState] = SessionStates()
    context.on_close.append(states.clear)

    def update(
        step: JobStep, show: Callable[[ReconstructState], dict[Any, Any]], changed: object, request: gr.Request
    ) -> dict[Any, Any]:
        return {panel.text: step.output} | (states.show(request.session_hash, show) if changed else {})

    def start(upload: str | None, video: str | None, request: gr.Request) -> Iterator[Any]:
        run = new_id()
        yield from begin(Run(run, video or "", ""), upload, request)

    def begin(run: Run, upload: str | None, request: gr.Request, demo: bool = False) -> Iterator[Any]:
        def work(progress: Progress) -> ReconstructState:
            given = str(draw_demo(context, progress)) if demo else upload
            return reconstruct_job.begin(context, given, run.video, progress, run.id, run.constraints)

        yield {address: html.render("reconstruct.address", run.id)}
        yield from follow(panel.run(request, work, name="restore", resumable=True, run=run.id), request)

    def follow(steps: Iterator[JobStep], request: gr.Request) -> Iterator[Any]:
        """Show a job that ends with a state, and render its film if nothing is corrected."""
        state = None
        for step in steps:
            if state := step.result:
                states.put(request.session_hash, state)
            yield update(step, shown.show_all, state, request) | ({} if step.running else {recent: _recent(context)})
        if state and not state.constraints:
            yield from make_film("film", state, request, step)

    def start_demo(request: gr.Request) -> Iterator[Any]:
        yield from begin(Run(new_id(), "", ""), None, request, demo=True)

    def reopen(event: gr.EventData, request: gr.Request) -> Iterator[Any]:
        """Open an earlier run, or take over its job if that is still running."""
        run_id, shown_state = str(event.item), states.of(request.session_hash)
        if str(event.action) == "forget":
            context.runs.forget(run_id)
            yield {recent: _recent(context)}
        elif shown_state and shown_state.run == run_id:
            return
        elif job := context.jobs.take_over(run_id, panel.key(request)):
            yield {address: html.render("reconstruct.address", run_id)}
            yield from follow(panel.follow(request, job, resumable=True), request)
        elif run := context.runs.get(run_id):
            yield from begin(run, None, request)

    def make_film(
        key: str, state: ReconstructState, request: gr.Request, after: JobStep | None = None
    ) -> Iterator[Any]:
        work: dict[str, Work] = {
            "film": lambda progress: reconstruct_job.render(context, state, False, progress),
            "reversed": lambda progress: reconstruct_job.render(context, state, True, progress),
            "preview": lambda progress: reconstruct_job.write_preview(state, progress),
            "edits": lambda progress: reconstruct_job.write_edits(context, state, progress),
        }
        for step in panel.run(request, work[key], _KIND, after, "preview" if key == "preview" else "render"):
            new = None
            if film := step.result:
                new = states.change(request.session_hash, lambda now: now.with_film(key, film, state.plan))
            yield update(step, shown.show_films, new, request)

    def render(request: gr.Request) -> Iterator[Any]:
        if state := states.of(request.session_hash):
            yield from make_film("film", state, request)

    def reverse(request: gr.Request) -> Iterator[Any]:
        if state := states.of(request.session_hash):
            yield from make_film("reversed", state, request)

    def edits(request: gr.Request) -> Iterator[Any]:
        if state := states.of(request.session_hash):
            yield from make_film("edits", state, request)

    def solve(request: gr.Request) -> Iterator[Any]:
        """Solve with the corrections; this cancels a render of the old plan."""
        if not (state := states.of(request.session_hash)):
            return

        def work(progress: Progress) -> ReconstructState:
            return reconstruct_job.solve_again(context, state, progress)

        new = None
        for step in panel.run(request, work, _KIND, name="solve"):
            if solved := step.result:
                new = states.change(request.session_hash, lambda now: now.with_plan_of(solved))
            yield update(step, shown.show_all, new, request)
        if new:
            yield from make_film("preview", new, request, step)

    def click(automatic: bool, event: gr.EventData, request: gr.Request) -> Iterator[Any]:
        if event.action == "browse":
            yield from browse(request)
            return
        before = states.of(request.session_hash)
        try:
            now = states.change(
                request.session_hash, lambda state: apply_click(state, str(event.action), str(event.item))
            )
        except UsageError as refused:
            yield {panel.text: html.error(refused)}
            return
        if now and before and now.constraints != before.constraints:
            saved = reconstruct_job.save_run(context, reconstruct_job.saved_run(now))
            now = states.change(request.session_hash, lambda state: replace(state, saved=saved))
        if now and before:
            yield states.show(request.session_hash, shown.show_corrections)
            if automatic and now.constraints != before.constraints:
                yield from solve(request)
            elif now.shots != before.shots:
                yield states.show(request.session_hash, shown.show_shots)

    def browse(request: gr.Request) -> Iterator[Any]:
        """Draw the frames when they are first asked for: a long film takes seconds."""
        if not (state := states.of(request.session_hash)) or state.sheets:
            return
        for step in panel.run(request, lambda progress: write_sheets(state, progress), name="draw frames"):
            new = None
            if sheets := step.result:
                new = states.change(request.session_hash, lambda now: now.with_sheets(tuple(sheets), state))
            yield update(step, shown.show_all, new, request)

    outputs = [panel.text, recent, address, *shown.outputs]
    go.click(start, [upload, video], outputs, **QUIET)
    shown.render.click(render, None, outputs, **QUIET)
    shown.reverse.click(reverse, None, outputs, **QUIET)
    shown.edits.click(edits, None, outputs, **QUIET)
    shown.solve.click(solve, None, outputs, trigger_mode="multiple", **QUIET)
    for component in shown.clickable:
        # Accept the next click while the previous one is being answered.
        component.click(click, shown.automatic, outputs, trigger_mode="multiple", **QUIET)
    tour.click(start_demo, None, outputs, **QUIET)
    for component in (recent, address):
        component.click(reopen, None, outputs, **QUIET)
    make_exclusive(upload, video)
    return lambda: _recent(context), None, [recent]


def _recent(context: PageContext) -> str:
    runs = [(run, context.jobs.of_run(run.id) is not None) for run in context.runs.recent()]
    return html.render("reconstruct.recent", runs)

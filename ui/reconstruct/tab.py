"""The tab Reconstruct: a shuffled video in, the film in order out, with all that can be corrected."""

from collections.abc import Callable, Iterator
from typing import Any

import gradio as gr

from ..context import PageContext
from ..fields import either, one_of
from ..job_panel import JobStep, follow, panel
from ..jobs import Work
from . import reconstruct_job, view
from .edits import clicked
from .state import ReconstructState, ReconstructStates

_CLICKS = """
element.addEventListener('click', event => {
  const pressed = event.target.closest('[data-act]');
  if (!pressed || !element.contains(pressed)) return;
  const again = `[data-act="${pressed.dataset.act}"][data-on="${pressed.dataset.on}"]`;
  window.reelweavePressed = {element, again};
  trigger('click', {act: pressed.dataset.act, on: pressed.dataset.on});
});
watch('value', () => {
  const last = window.reelweavePressed;
  if (last && last.element === element && document.activeElement === document.body) {
    const pressed = element.querySelector(last.again);
    if (pressed) pressed.focus({preventScroll: true});
  }
});
"""
"""A click goes to the server with what it was on, and the keyboard stays where it was when the answer comes."""

_BOTH = """
element.addEventListener('click', event => {
  if (!event.target.closest('[data-play]')) return;
  const films = [...element.querySelectorAll('video')];
  const play = films.some(film => film.paused);
  films.forEach(film => { if (play) { film.currentTime = 0; film.play(); } else { film.pause(); } });
});
"""

_KIND = "state"
"""Work on a state gives way to newer work on it, but nothing else does."""


class _Desk:
    """The parts of the page that show a state, and what each of them shows of it."""

    def __init__(self) -> None:
        with gr.Column(visible=False, elem_classes="rw-desk") as self.all:
            self.films = gr.HTML(elem_id="rc-films", js_on_load=_BOTH)
            with gr.Row(elem_classes="rw-row"):
                self.render = gr.Button("Render the film", elem_id="rc-render", size="md", scale=0, min_width=160)
                self.reverse = gr.Button("Render it reversed", elem_id="rc-reverse", size="md", scale=0, min_width=180)
            self.summary = gr.HTML(elem_id="rc-summary")
            gr.Markdown("### What you know of it")
            with gr.Row(elem_classes="rw-row"):
                self.solve = gr.Button("Solve again", variant="primary", elem_id="rc-solve", size="md", scale=0)
                self.at_once = gr.Checkbox(
                    True,
                    label="at once, after every click",
                    elem_id="rc-at-once",
                    container=False,
                    scale=0,
                    min_width=260,
                )
            self.said = self._surface("rc-said")
            self.hand = self._surface("rc-hand")
            gr.Markdown("### Shots")
            self.shots = self._surface("rc-shots")
            gr.Markdown("### Dropped frames\nA click puts one back.")
            self.dropped = self._surface("rc-dropped")
            gr.Markdown("### Why this order")
            self.pictures = self._surface("rc-pictures")

    @staticmethod
    def _surface(name: str) -> Any:
        return gr.HTML(elem_id=name, js_on_load=_CLICKS)

    @property
    def surfaces(self) -> list[Any]:
        return [self.said, self.hand, self.shots, self.dropped, self.pictures]

    def all_of(self, state: ReconstructState) -> dict[Any, Any]:
        plan = {self.shots: view.shots(state), self.dropped: view.dropped(state)}
        facts = {self.summary: view.summary(state), self.pictures: view.pictures(state)}
        return self.films_of(state) | self.said_of(state) | plan | facts | {self.all: gr.update(visible=True)}

    def films_of(self, state: ReconstructState) -> dict[Any, Any]:
        return {self.films: view.films(state)}

    def said_of(self, state: ReconstructState) -> dict[Any, Any]:
        return {self.said: view.said(state), self.hand: view.in_hand(state)}

    @property
    def outputs(self) -> list[Any]:
        return [self.all, self.films, self.summary, *self.surfaces]


def reconstruct_tab(context: PageContext) -> None:
    with gr.Row():
        upload = gr.File(label="Drop a video here", elem_id="rc-upload", height=150)
        with gr.Column():
            picked = one_of(context.settings, "or pick one of the library", "rc-picked")
            go = gr.Button("Put in order", variant="primary", elem_id="rc-go")
    running = panel(context, "rc")
    shown, states = _Desk(), ReconstructStates()
    context.leaving.append(states.clear)

    def told(
        step: JobStep, show: Callable[[ReconstructState], dict[Any, Any]], state: ReconstructState | None
    ) -> dict[Any, Any]:
        seen = show(state) if state else {}
        return dict(zip(running.outputs, step.shown, strict=True)) | seen

    def start(upload: str | None, picked: str | None, request: gr.Request) -> Iterator[Any]:
        state = None
        for step in follow(context, request, lambda progress: reconstruct_job.begin(context, upload, picked, progress)):
            if state := step.done:
                states.put(request.session_hash, state)
            yield told(step, shown.all_of, state)
        if state:
            yield from filmed("film", state, request, step)

    def filmed(key: str, state: ReconstructState, request: gr.Request, after: JobStep | None = None) -> Iterator[Any]:
        work: dict[str, Work] = {
            "film": lambda progress: reconstruct_job.render(context, state, False, progress),
            "reversed": lambda progress: reconstruct_job.render(context, state, True, progress),
            "glimpse": lambda progress: reconstruct_job.write_preview(state, progress),
        }
        for step in follow(context, request, work[key], _KIND, after):
            now = None
            if film := step.done:
                now = states.change(request.session_hash, lambda now: now.with_film(key, film, state.plan))
            # A choice that was made while the answer before this one was under way is shown for certain.
            yield told(step, lambda state: shown.films_of(state) | shown.said_of(state), now)

    def render(request: gr.Request) -> Iterator[Any]:
        if state := states.of(request.session_hash):
            yield from filmed("film", state, request)

    def reverse(request: gr.Request) -> Iterator[Any]:
        if state := states.of(request.session_hash):
            yield from filmed("reversed", state, request)

    def solve(request: gr.Request) -> Iterator[Any]:
        """A film of the old order that is being rendered is not waited for."""
        if not (state := states.of(request.session_hash)):
            return
        now = None
        for step in follow(
            context, request, lambda progress: reconstruct_job.solve_again(context, state, progress), _KIND
        ):
            if found := step.done:
                now = states.change(request.session_hash, lambda now: now.taking(found))
            yield told(step, shown.all_of, now)
        if now:
            yield from filmed("glimpse", now, request, step)

    def click(at_once: bool, event: gr.EventData, request: gr.Request) -> Iterator[Any]:
        before = states.of(request.session_hash)
        now = states.change(request.session_hash, lambda state: clicked(state, str(event.act), str(event.on)))
        if now and before:
            yield shown.said_of(now)
            if at_once and now.said != before.said:
                yield from solve(request)

    outputs = [*running.outputs, *shown.outputs]
    quiet: Any = {"show_progress": "hidden", "api_visibility": "private"}
    go.click(start, [upload, picked], outputs, **quiet)
    shown.render.click(render, None, outputs, **quiet)
    shown.reverse.click(reverse, None, outputs, **quiet)
    shown.solve.click(solve, None, outputs, trigger_mode="multiple", **quiet)
    for surface in shown.surfaces:
        # While one click is answered the next is taken already.
        surface.click(click, shown.at_once, outputs, trigger_mode="multiple", **quiet)
    either(upload, picked)

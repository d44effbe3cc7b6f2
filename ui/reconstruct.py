"""The tab Reconstruct: a shuffled video in, the film in order out, with all that can be corrected."""

from collections.abc import Callable, Iterator
from typing import Any

import gradio as gr

from . import reworking, strips
from .clicks import clicked
from .desk import Desk, Desks
from .fields import either, one_of
from .house import House
from .jobs import Work
from .running import Step, follow, panel

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

_KIND = "desk"
"""Work on a desk gives way to newer work on it, but nothing else does."""


class _Desk:
    """The parts of the page that show a desk, and what each of them shows of it."""

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

    def all_of(self, desk: Desk) -> dict[Any, Any]:
        plan = {self.shots: strips.shots(desk), self.dropped: strips.dropped(desk)}
        facts = {self.summary: strips.summary(desk), self.pictures: strips.pictures(desk)}
        return self.films_of(desk) | self.said_of(desk) | plan | facts | {self.all: gr.update(visible=True)}

    def films_of(self, desk: Desk) -> dict[Any, Any]:
        return {self.films: strips.films(desk)}

    def said_of(self, desk: Desk) -> dict[Any, Any]:
        return {self.said: strips.said(desk), self.hand: strips.in_hand(desk)}

    @property
    def outputs(self) -> list[Any]:
        return [self.all, self.films, self.summary, *self.surfaces]


def tab(house: House) -> None:
    with gr.Row():
        upload = gr.File(label="Drop a video here", elem_id="rc-upload", height=150)
        with gr.Column():
            picked = one_of(house.settings, "or pick one of the library", "rc-picked")
            go = gr.Button("Put in order", variant="primary", elem_id="rc-go")
    running = panel(house, "rc")
    shown, desks = _Desk(), Desks()
    house.leaving.append(desks.clear)

    def told(step: Step, show: Callable[[Desk], dict[Any, Any]], desk: Desk | None) -> dict[Any, Any]:
        seen = show(desk) if desk else {}
        return dict(zip(running.outputs, step.shown, strict=True)) | seen

    def start(upload: str | None, picked: str | None, request: gr.Request) -> Iterator[Any]:
        desk = None
        for step in follow(house, request, lambda progress: reworking.begin(house, upload, picked, progress)):
            if desk := step.done:
                desks.put(request.session_hash, desk)
            yield told(step, shown.all_of, desk)
        if desk:
            yield from filmed("film", desk, request, step)

    def filmed(key: str, desk: Desk, request: gr.Request, after: Step | None = None) -> Iterator[Any]:
        work: dict[str, Work] = {
            "film": lambda progress: reworking.render(house, desk, False, progress),
            "reversed": lambda progress: reworking.render(house, desk, True, progress),
            "glimpse": lambda progress: reworking.glimpse(desk, progress),
        }
        for step in follow(house, request, work[key], _KIND, after):
            now = None
            if film := step.done:
                now = desks.change(request.session_hash, lambda now: now.with_film(key, film, desk.plan))
            # A choice that was made while the answer before this one was under way is shown for certain.
            yield told(step, lambda desk: shown.films_of(desk) | shown.said_of(desk), now)

    def render(request: gr.Request) -> Iterator[Any]:
        if desk := desks.of(request.session_hash):
            yield from filmed("film", desk, request)

    def reverse(request: gr.Request) -> Iterator[Any]:
        if desk := desks.of(request.session_hash):
            yield from filmed("reversed", desk, request)

    def solve(request: gr.Request) -> Iterator[Any]:
        """A film of the old order that is being rendered is not waited for."""
        if not (desk := desks.of(request.session_hash)):
            return
        now = None
        for step in follow(house, request, lambda progress: reworking.solve_again(house, desk, progress), _KIND):
            if found := step.done:
                now = desks.change(request.session_hash, lambda now: now.taking(found))
            yield told(step, shown.all_of, now)
        if now:
            yield from filmed("glimpse", now, request, step)

    def click(at_once: bool, event: gr.EventData, request: gr.Request) -> Iterator[Any]:
        before = desks.of(request.session_hash)
        now = desks.change(request.session_hash, lambda desk: clicked(desk, str(event.act), str(event.on)))
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

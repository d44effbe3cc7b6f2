"""The tab Reconstruct: a shuffled video in, the film in order out, with all that can be corrected."""

from collections.abc import Iterator
from typing import Any

import gradio as gr

from .. import upkeep
from . import reworking, strips
from .clicks import clicked
from .desk import Desk
from .house import House
from .running import follow, panel

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


class _Desk:
    """The parts of the page that show a desk, and what each of them shows of it."""

    def __init__(self) -> None:
        self.state = gr.State(None, delete_callback=reworking.put_away)
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
        rest = {
            self.summary: strips.summary(desk),
            self.pictures: strips.pictures(desk),
            self.all: gr.update(visible=True),
        }
        return self.films_of(desk) | self.clicks_of(desk) | plan | rest

    def films_of(self, desk: Desk) -> dict[Any, Any]:
        return {self.state: desk, self.films: strips.films(desk)}

    def clicks_of(self, desk: Desk) -> dict[Any, Any]:
        return {self.state: desk, self.said: strips.said(desk), self.hand: strips.in_hand(desk)}

    @property
    def outputs(self) -> list[Any]:
        return [self.state, self.all, self.films, self.summary, *self.surfaces]


def tab(house: House) -> None:
    with gr.Row():
        upload = gr.File(label="Drop a video here", elem_id="rc-upload", height=150)
        with gr.Column():
            picked = gr.Dropdown(_videos(house), label="or pick one of the library", value=None, elem_id="rc-picked")
            go = gr.Button("Put in order", variant="primary", elem_id="rc-go")
    running = panel(house, "rc")
    shown = _Desk()

    def told(step: Any) -> dict[Any, Any]:
        return dict(zip(running.outputs, step.shown, strict=True))

    def start(upload: str | None, picked: str | None, old: Desk | None, request: gr.Request) -> Iterator[Any]:
        desk = None
        for step in follow(house, request, lambda progress: reworking.begin(house, upload, picked, progress)):
            desk = step.done
            yield told(step) | (shown.all_of(desk) if desk else {})
        if desk:
            reworking.put_away(old)
            yield from rendered(desk, False, request)

    def rendered(desk: Desk, backwards: bool, request: gr.Request) -> Iterator[Any]:
        for step in follow(house, request, lambda progress: reworking.render(house, desk, backwards, progress)):
            yield told(step) | (shown.films_of(step.done) if step.done else {})

    def render(desk: Desk, request: gr.Request) -> Iterator[Any]:
        yield from rendered(desk, False, request)

    def reverse(desk: Desk, request: gr.Request) -> Iterator[Any]:
        yield from rendered(desk, True, request)

    def solve(desk: Desk, request: gr.Request) -> Iterator[Any]:
        solved = None
        for step in follow(house, request, lambda progress: reworking.solve_again(house, desk, progress)):
            solved = step.done
            yield told(step) | (shown.all_of(solved) if solved else {})
        if solved:
            found = solved
            for step in follow(house, request, lambda progress: reworking.glimpse(found, progress)):
                yield told(step) | (shown.films_of(step.done) if step.done else {})

    def click(desk: Desk, at_once: bool, event: gr.EventData, request: gr.Request) -> Iterator[Any]:
        changed = clicked(desk, str(event.act), str(event.on))
        yield shown.clicks_of(changed)
        if at_once and changed.said != desk.said:
            yield from solve(changed, request)

    outputs = [*running.outputs, *shown.outputs]
    quiet: Any = {"show_progress": "hidden", "api_visibility": "private"}
    go.click(start, [upload, picked, shown.state], outputs, **quiet)
    shown.render.click(render, shown.state, outputs, **quiet)
    shown.reverse.click(reverse, shown.state, outputs, **quiet)
    shown.solve.click(solve, shown.state, outputs, **quiet)
    for surface in shown.surfaces:
        surface.click(click, [shown.state, shown.at_once], outputs, **quiet)
    upload.upload(lambda: None, None, picked, **quiet)
    picked.input(lambda: None, None, upload, **quiet)
    picked.focus(lambda: gr.update(choices=_videos(house)), None, picked, **quiet)


def _videos(house: House) -> list[tuple[str, str]]:
    return [(row["name"], row["id"]) for row in upkeep.list_videos(house.settings)]

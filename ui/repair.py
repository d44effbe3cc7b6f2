"""The tab Repair: broken frames are found, corrected by who looks at them, and replaced."""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import gradio as gr

from ..errors import ReelweaveError
from ..progress import Progress
from ..ranges import read_ranges
from ..settings import Settings, changed
from . import case, found, labels, parts, teach, words
from .case import Case, Cases
from .fields import either, number, one_of, whole
from .house import House
from .running import Step, follow, panel

_RULES, _TRAINED = "rules, without training", "the detector trained here"
_METHODS = [
    ("auto: motion where it fits, else blend", "auto"),
    ("motion: things go on their way", "motion"),
    ("blend: one side fades into the other", "blend"),
    ("hold: the nearer clean frame", "hold"),
]
_LONG = [("stay as they are", "leave"), ("hold the nearest clean frame", "hold")]

_PLAYING = """
let span = null;
const films = () => [...element.querySelectorAll('video')];
const start = at => films().forEach(film => { film.currentTime = at; film.play(); });
element.addEventListener('click', event => {
    const pressed = event.target.closest('button');
    if (!pressed || !films().length) return;
    if (pressed.dataset.from) {
        span = {from: +pressed.dataset.from, to: +pressed.dataset.to};
        films()[0].scrollIntoView({block: 'nearest', behavior: 'smooth'});
        start(span.from);
    } else if (pressed.matches('[data-play]')) {
        span = null;
        if (films().some(film => film.paused)) start(0); else films().forEach(film => film.pause());
    } else if (pressed.matches('[data-slow]')) {
        const slow = pressed.getAttribute('aria-pressed') !== 'true';
        pressed.setAttribute('aria-pressed', String(slow));
        films().forEach(film => { film.playbackRate = slow ? 0.25 : 1; });
    }
});
element.addEventListener('timeupdate', event => {
    if (span && event.target === films()[0] && event.target.currentTime > span.to) start(span.from);
}, true);
watch('value', () => { span = null; });
"""
"""Both films play together, and around a gap over and over."""


def tab(house: House) -> tuple[Callable[..., Any], None, list[Any]]:
    with gr.Row():
        upload = gr.File(label="Drop a video here", height=150, elem_id="rp-upload")
        with gr.Column():
            picked = one_of(house.settings, "or pick one of the library", "rp-picked")
            place = gr.Textbox(
                "",
                label="or name a file of the machine that runs this page",
                max_lines=1,
                visible=house.alone,
                elem_id="rp-place",
            )
            judge = gr.Radio([_RULES, _TRAINED], value=_RULES, label="Look by", visible=False, elem_id="rp-judge")
            go = gr.Button("Look for broken frames", variant="primary", elem_id="rp-go")
    running = panel(house, "rp")
    shown, cases = _Case(house.settings), Cases()
    house.leaving.append(cases.clear)

    def told(step: Step, now: Case | None) -> dict[Any, Any]:
        return dict(zip(running.outputs, step.shown, strict=True)) | (shown.all_of(now) if now else {})

    def look(upload: str | None, picked: str | None, place: str, judge: str, request: gr.Request) -> Iterator[Any]:
        def work(progress: Progress) -> Case:
            trained = labels.detector(house.labels) if judge == _TRAINED else None
            return case.begin(house, case.source_of(house, upload, picked, place), trained, progress)

        for step in follow(house, request, work):
            if step.done:
                cases.put(request.session_hash, step.done)
            yield told(step, step.done)

    def repair(request: gr.Request, *chosen: Any) -> Iterator[Any]:
        if not (now := cases.of(request.session_hash)):
            return

        def work(progress: Progress) -> Any:
            return case.repair(now, _settings(house.settings, *chosen), progress)

        for step in follow(house, request, work):
            new = None
            if done := step.done:
                new = cases.change(request.session_hash, now.folder, partial(Case.repaired, done=done))
            yield told(step, new)

    def changed(request: gr.Request, text: str, how: Callable[[Case, list[int]], Case]) -> dict[Any, Any]:
        """What was said of frames; or why it means none."""
        if not (now := cases.of(request.session_hash)):
            return {}
        try:
            frames = read_ranges(text, len(now.looked.verdicts), "Frames")
        except ReelweaveError as wrong:
            return {running.told: words.trouble(wrong)}
        new = cases.change(request.session_hash, now.folder, lambda now: how(now, frames))
        return {running.told: ""} | (shown.list_of(new) if new else {})

    def toggle(event: gr.EventData, request: gr.Request) -> dict[Any, Any]:
        return changed(request, str(event.on), Case.toggled)

    def mark(text: str, request: gr.Request) -> dict[Any, Any]:
        return changed(request, text, lambda now, frames: now.marked(frames, True))

    def unmark(text: str, request: gr.Request) -> dict[Any, Any]:
        return changed(request, text, lambda now, frames: now.marked(frames, False))

    quiet: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private"}
    given, outputs = [upload, picked, place], [*running.outputs, *shown.outputs]
    learnt = teach.panel_of(house, given, running)
    go.click(look, [*given, judge], outputs, **quiet)
    shown.repair.click(repair, shown.choices, outputs, **quiet)
    shown.listing.click(toggle, None, outputs, trigger_mode="multiple", **quiet)
    shown.mark.click(mark, shown.frames, outputs, **quiet)
    shown.unmark.click(unmark, shown.frames, outputs, **quiet)
    either(upload, picked, place)

    def use() -> Any:
        return gr.update(value=_TRAINED, visible=True)

    learnt.use.click(use, None, judge, **quiet).then(look, [*given, judge], outputs, **quiet)

    def opened() -> tuple[Any, ...]:
        return gr.update(visible=labels.detector(house.labels) is not None), *learnt.opened()

    return opened, None, [judge, *learnt.outputs]


class _Case:
    """The parts of the page that show a case, and what each of them shows of it."""

    def __init__(self, settings: Settings) -> None:
        with gr.Column(visible=False, elem_classes="rw-desk", elem_id="rp-case") as self.all:
            self.summary = gr.HTML(elem_id="rp-summary")
            self.timeline = gr.HTML(elem_id="rp-timeline")
            gr.Markdown("### Broken frames")
            self.listing = gr.HTML(elem_id="rp-list", js_on_load=parts.CLICKS + parts.FOCUS)
            with gr.Row(elem_classes="rw-row"):
                self.frames = gr.Textbox(
                    "",
                    label="Frames that you know better",
                    placeholder="3, 229-267",
                    max_lines=1,
                    min_width=320,
                    elem_id="rp-frames",
                )
                self.mark = gr.Button("They are broken", elem_id="rp-mark", size="md", scale=0, min_width=160)
                self.unmark = gr.Button("They are clean", elem_id="rp-unmark", size="md", scale=0, min_width=160)
            gr.Markdown("### Repair")
            with gr.Row(elem_classes="rw-row"):
                method = gr.Dropdown(
                    _METHODS, value=settings.repair.method, label="In their place", min_width=320, elem_id="rp-method"
                )
                longest = number(
                    settings.repair.longest, label="Longest gap that is filled", minimum=1, precision=0, min_width=240
                )
                long = gr.Dropdown(_LONG, value=settings.repair.long, label="Longer ones", elem_id="rp-long")
            self.repair = gr.Button("Repair", variant="primary", elem_id="rp-repair")
            self.films = gr.HTML(elem_id="rp-films", js_on_load=_PLAYING)
        self.choices = [method, longest, long]

    @property
    def outputs(self) -> list[Any]:
        return [self.all, self.summary, self.timeline, self.listing, self.films]

    def all_of(self, now: Case) -> dict[Any, Any]:
        return self.list_of(now) | {self.films: found.films(now), self.all: gr.update(visible=True)}

    def list_of(self, now: Case) -> dict[Any, Any]:
        """Without the films, which go on playing while the list is corrected."""
        seen = {self.summary: found.summary(now), self.timeline: found.timeline(now.seen)}
        return seen | {self.listing: found.listing(now)}


def _settings(settings: Settings, method: str, longest: float | None, long: str) -> Settings:
    """A field that was emptied counts as the settings have it."""
    chosen = {"method": method, "longest": whole(longest or settings.repair.longest), "long": long}
    return changed(settings, "repair", chosen)

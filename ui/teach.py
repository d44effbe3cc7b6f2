"""The part of the tab Repair in which a detector is taught: doubtful frames are sorted by two keys, and learnt from."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import gradio as gr

from .. import teaching
from ..breakup.train import Taught
from ..progress import Progress
from ..teaching import Labelled
from . import labels, parts
from .case import source_of
from .fields import number, whole
from .house import House
from .labels import Sorting
from .running import Panel, follow

_COUNT = 40


@dataclass(frozen=True)
class Lesson:
    """What the tab must know of this part: what opening it fills, and the button that uses what was learnt."""

    house: House
    state: Any
    card: Any
    use: Any

    @property
    def outputs(self) -> list[Any]:
        return [self.state, self.card, self.use]

    def opened(self) -> tuple[Any, ...]:
        now = labels.sorting(self.house.labels, self.house.settings)
        return now, labels.card(now), gr.update(visible=labels.detector(self.house.labels) is not None)


def panel_of(house: House, given: list[Any], running: Panel) -> Lesson:
    """`given` are the fields that say which video it is."""
    with gr.Accordion("Teach it your own recordings", open=False, elem_id="rp-teach"):
        gr.HTML(labels.folder_told(house.labels))
        with gr.Row(elem_classes="rw-row"):
            count = number(_COUNT, label="Pictures of the video above", minimum=1, precision=0, scale=0, min_width=240)
            pick = gr.Button("Pick doubtful frames", elem_id="rp-pick", size="md", scale=0, min_width=200)
        card = gr.HTML(elem_id="rp-card", js_on_load=parts.CLICKS + labels.KEYS)
        with gr.Row(elem_classes="rw-row"):
            precision = number(
                0, label="Precision wanted (0: best balance)", minimum=0, maximum=1, step=0.05, scale=0, min_width=300
            )
            train = gr.Button("Train", elem_id="rp-train", size="md", scale=0, min_width=120)
            use = gr.Button("Look with this detector", elem_id="rp-use", size="md", scale=0, visible=False)
        learnt = gr.HTML(elem_id="rp-learnt")
    state = gr.State(Sorting(house.labels))

    def picked(request: gr.Request, count: float | None, now: Sorting, *given: Any) -> Iterator[Any]:
        def work(progress: Progress) -> Labelled:
            source, known = source_of(house, *given), labels.detector(house.labels)
            wanted = whole(count or _COUNT)
            return teaching.label([source], house.labels, house.settings, progress, count=wanted, detector=known)

        for step in follow(house, request, work):
            if step.running:
                yield *step.shown, gr.skip(), gr.skip()
                continue
            # Also of work that was cancelled there may be pictures.
            now = labels.sorting(house.labels, house.settings, now.done)
            yield *step.shown, now, labels.card(now)

    def pressed(now: Sorting, event: gr.EventData) -> tuple[Any, ...]:
        now = now.pressed(str(event.act), str(event.on))
        return now, labels.card(now)

    def trained(precision: float | None, request: gr.Request) -> Iterator[Any]:
        def work(progress: Progress) -> Taught:
            with progress.stage("learn from what was sorted"):
                return teaching.train(house.labels, house.settings, precision=precision or None)

        for step in follow(house, request, work):
            yield *step.shown, *((labels.result(step.done), gr.update(visible=True)) if step.done else [gr.skip()] * 2)

    quiet: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private"}
    pick.click(picked, [count, state, *given], [*running.outputs, state, card], **quiet)
    card.click(pressed, state, [state, card], **quiet)
    train.click(trained, precision, [*running.outputs, learnt, use], **quiet)
    return Lesson(house, state, card, use)

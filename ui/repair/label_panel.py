"""The training section of the Repair tab: label doubtful frames with two keys, and train a detector on them."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import gradio as gr

from ...progress import Progress
from ...repair import labelling
from ...repair.labelling import Labelled
from ...repair.training import LEAST, TrainingResult
from .. import html
from ..context import PageContext
from ..fields import QUIET, number, whole_number
from ..job_panel import JobPanel
from ..strings import STRINGS
from ..uploads import chosen_source
from . import label_queue
from .label_queue import LabelQueue

_TEXT = STRINGS.labels

# Bounds one round of labelling; the user may ask for more.
_COUNT = 40


@dataclass(frozen=True)
class LabelPanel:
    """What the tab needs of this section: what to refresh when it is opened, and the button that uses the detector."""

    context: PageContext
    state: Any
    card: Any
    use: Any

    @property
    def outputs(self) -> list[Any]:
        return [self.state, self.card, self.use]

    def refresh(self) -> tuple[Any, ...]:
        queue = label_queue.read_queue(self.context.labels, self.context.settings)
        return queue, label_queue.card(queue), gr.update(visible=label_queue.detector(self.context.labels) is not None)


def label_panel(context: PageContext, source_fields: list[Any], panel: JobPanel) -> LabelPanel:
    """Build the section; `source_fields` name the video, and `panel` runs the jobs."""
    with gr.Accordion(_TEXT.title, open=False, elem_id="rp-training"):
        gr.HTML(html.render("labels.folder_note", context.labels, LEAST))
        with gr.Row(elem_classes="rw-row"):
            count = number(_COUNT, label=_TEXT.pictures, minimum=1, precision=0, scale=0, min_width=240)
            pick = gr.Button(_TEXT.pick, elem_id="rp-pick", size="md", scale=0, min_width=200)
        card = gr.HTML(elem_id="rp-label", js_on_load=html.script("clicks", "label_keys"))
        with gr.Row(elem_classes="rw-row"):
            precision = number(0, label=_TEXT.precision_target, minimum=0, maximum=1, step=0.05, scale=0, min_width=300)
            train = gr.Button(_TEXT.train, elem_id="rp-train", size="md", scale=0, min_width=120)
            use = gr.Button(_TEXT.use, elem_id="rp-use", size="md", scale=0, visible=False)
        training = gr.HTML(elem_id="rp-trained")
    state = gr.State(LabelQueue(context.labels))

    def pick_frames(request: gr.Request, count: float | None, queue: LabelQueue, *fields: Any) -> Iterator[Any]:
        def work(progress: Progress) -> Labelled:
            source, detector = chosen_source(context, *fields), label_queue.detector(context.labels)
            pictures = whole_number(count or _COUNT)
            return labelling.label_frames(
                [source], context.labels, context.settings, progress, count=pictures, detector=detector
            )

        for step in panel.run(request, work, name="pick frames"):
            if step.running:
                yield step.output, gr.skip(), gr.skip()
                continue
            # Even a cancelled job may have written pictures.
            queue = label_queue.read_queue(context.labels, context.settings, queue.done)
            yield step.output, queue, label_queue.card(queue)

    def label(queue: LabelQueue, event: gr.EventData) -> tuple[Any, ...]:
        queue = queue.after(str(event.action), str(event.item))
        return queue, label_queue.card(queue)

    def train_detector(precision: float | None, request: gr.Request) -> Iterator[Any]:
        def work(progress: Progress) -> TrainingResult:
            with progress.stage("train the detector"):
                return labelling.train_detector(context.labels, context.settings, precision=precision or None)

        for step in panel.run(request, work, name="train"):
            done = (
                (html.render("labels.result", step.result), gr.update(visible=True)) if step.result else [gr.skip()] * 2
            )
            yield step.output, *done

    pick.click(pick_frames, [count, state, *source_fields], [panel.text, state, card], **QUIET)
    card.click(label, state, [state, card], **QUIET)
    train.click(train_detector, precision, [panel.text, training, use], **QUIET)
    return LabelPanel(context, state, card, use)

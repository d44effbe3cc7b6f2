"""The fields of the Search tab."""

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import gradio as gr
import numpy as np

from ...errors import ReelweaveError
from ...index import manage
from ...media.pictures import read_picture
from ...media.source import scaled_size
from ...media.timecode import clock
from ...search.question import read_near
from .. import html
from ..context import PageContext
from ..fields import QUIET, video_choices, video_dropdown, whole_number
from ..strings import STRINGS
from ..uploads import uploaded_file
from .fields import SearchFields

_TEXT = STRINGS.search
_THRESHOLDS = [
    (_TEXT.threshold_none, ""),
    (_TEXT.threshold_auto, "auto"),
    (_TEXT.threshold_calibrated, "calibrated"),
    (_TEXT.threshold_score, "score"),
]
_SPACES = [(_TEXT.space_automatic, ""), (_TEXT.space_content, "clip"), (_TEXT.space_appearance, "appearance")]
_LEAST_SCORE = 0.25
"""What the field for a score shows at first: a fair match in CLIP's space."""
_MOST_RESULTS = 100
"""What the slider offers; each result has pictures on the page."""
_PREVIEW_SIZE = 160
"""The short side of the preview below the upload field, in pixels."""


class SearchForm:
    """The fields of a search."""

    def __init__(self, context: PageContext) -> None:
        settings = context.settings
        self._context, self._default_count = context, settings.search.k
        self._most = max(_MOST_RESULTS, self._default_count)
        self.text = gr.Textbox("", label=_TEXT.words, placeholder=_TEXT.words_example, elem_id="se-text", max_lines=3)
        self.picture = gr.File(label=_TEXT.picture, elem_id="se-picture", height=150)
        self.preview = gr.HTML(elem_id="se-preview")
        self.near = gr.State("")
        self.near_note = gr.HTML(elem_id="se-near", js_on_load=html.script("clicks"))
        self.go = gr.Button(_TEXT.start, variant="primary", elem_id="se-start")
        with gr.Accordion(_TEXT.filters, open=False, elem_id="se-filters"):
            self.videos = video_dropdown(settings, _TEXT.videos, "se-videos", several=True)
            self.name = gr.Textbox("", label=_TEXT.names, placeholder=_TEXT.names_example, elem_id="se-name")
            with gr.Row():
                self.after = _small(_TEXT.after, "0:30", "se-after")
                self.before = _small(_TEXT.before, "12:00", "se-before")
            with gr.Row():
                self.since = _small(_TEXT.since, "2026-05-17", "se-since")
                self.until = _small(_TEXT.until, "2026", "se-until")
            with gr.Row():
                self.min_length = _small(_TEXT.min_length, "0:10", "se-min-length")
                self.max_length = _small(_TEXT.max_length, "1:00:00", "se-max-length")
            self.count = gr.Slider(
                1,
                self._most,
                value=self._default_count,
                step=1,
                label=_TEXT.max_results,
                elem_id="se-count",
            )
            self.threshold = gr.Dropdown(_THRESHOLDS, value="", label=_TEXT.threshold, elem_id="se-threshold")
            self.score = gr.Number(_LEAST_SCORE, label=_TEXT.score_field, visible=False, step=0.01, elem_id="se-score")
            self.moments = gr.Checkbox(label=_TEXT.clips, elem_id="se-moments")
            self.space = gr.Dropdown(_SPACES, value="", label=_TEXT.space, elem_id="se-space")

    @property
    def inputs(self) -> list[Any]:
        return [self.picture, self.near, self.text, self.videos, *self._texts.values(), *self._others]

    @property
    def outputs(self) -> list[Any]:
        return [*self.inputs, self.near_note]

    @property
    def _texts(self) -> Mapping[str, Any]:
        names = ("name", "after", "before", "since", "until", "min_length", "max_length", "space")
        return {name: getattr(self, name) for name in names}

    @property
    def typed(self) -> list[Any]:
        """The fields in which Enter searches."""
        return [self.text, *(field for name, field in self._texts.items() if name != "space")]

    @property
    def _others(self) -> list[Any]:
        return [self.count, self.threshold, self.score, self.moments]

    def read(self, near: str, text: str, videos: list[str], *values: Any) -> SearchFields:
        """Return what the fields hold."""
        texts, (count, threshold, score, moments) = values[:-4], values[-4:]
        return SearchFields(
            text=text,
            near=near,
            videos=tuple(videos),
            count=0 if whole_number(count) == self._default_count else whole_number(count),
            threshold=str(score) if threshold == "score" else threshold,
            moments=moments,
            **dict(zip(self._texts, (value or "" for value in texts), strict=True)),
        )

    def fill(self, fields: SearchFields, picture: Path | None) -> dict[Any, Any]:
        """Return the updates that show a search in the fields."""
        is_score = fields.threshold not in dict(_THRESHOLDS).values()
        choices = video_choices(self._context.settings, fields.videos)
        return {
            self.text: fields.text,
            self.picture: str(picture) if picture else None,
            self.near: fields.near,
            self.near_note: self.show_near(fields.near),
            self.videos: gr.update(choices=choices, value=list(fields.videos)),
            self.count: min(fields.count or self._default_count, self._most),
            self.threshold: "score" if is_score else fields.threshold,
            self.score: gr.update(value=_score(fields.threshold) if is_score else _LEAST_SCORE, visible=is_score),
            self.moments: fields.moments,
        } | {field: getattr(fields, name) for name, field in self._texts.items()}

    def connect(self) -> None:
        """Attach the events that concern the fields alone."""
        self.near_note.click(lambda: ("", ""), None, [self.near, self.near_note], **QUIET)
        self.picture.change(partial(_preview, self._context), self.picture, self.preview, **QUIET)
        self.threshold.change(lambda chosen: gr.update(visible=chosen == "score"), self.threshold, self.score, **QUIET)

    def show_near(self, near: str) -> str:
        """Name the frame of the library that is searched for, with a button to forget it."""
        if not near:
            return ""
        try:
            frame = read_near(near)
            name = str(manage.show_video(frame.video, self._context.settings)["name"])
        except ReelweaveError as failed:
            return html.error(failed)
        return html.render("search.near", name, clock(frame.time))


def _small(label: str, example: str, elem_id: str) -> Any:
    return gr.Textbox("", label=label, placeholder=example, max_lines=1, min_width=110, elem_id=elem_id)


def _score(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return _LEAST_SCORE


def _preview(context: PageContext, upload: str | None) -> str:
    """Show the uploaded picture small, or why it is not a picture."""
    import cv2

    if upload is None:
        return ""
    try:
        picture = read_picture(uploaded_file(context, upload))
    except (ReelweaveError, OSError) as failed:
        return html.error(failed)
    size = scaled_size(picture.shape[1], picture.shape[0], _PREVIEW_SIZE)
    small = np.asarray(cv2.resize(picture, size), np.uint8)
    return html.render("search.preview", small)

"""The Search tab: find frames by words, by a picture or by a frame of the library; play them, export and save them."""

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import gradio as gr
import numpy as np

from ...errors import ReelweaveError
from ...index import manage
from ...media.pictures import read_picture
from ...media.ranges import number_below
from ...media.source import scaled_size
from ...media.timecode import clock
from ...progress import Progress
from ...search.question import read_near
from .. import html
from ..context import PageContext
from ..fields import QUIET, video_choices, video_dropdown, whole_number
from ..job_panel import JobStep, job_panel
from ..remedies import SMALL_MODEL, download_model
from ..sessions import delete_files
from ..strings import STRINGS
from ..uploads import uploaded_file
from . import results
from .fields import SearchFields
from .results import EXPORTS, Export, ShownResult
from .saved import SavedSearches, saved_link
from .words import add_vectors, words_state
from .worker import SearchWorker

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
_BUTTON_WIDTH = 130
"""Pixels of the buttons below the results, five of which fit in a row on a laptop."""
_PREVIEW_SIZE = 160
"""The short side of the preview below the upload field, in pixels."""
_SCROLL_TO_PLAYER = "() => document.getElementById('se-player').scrollIntoView({block: 'nearest', behavior: 'smooth'})"


class _Form:
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


def search_tab(context: PageContext) -> tuple[Callable[..., Any], None, list[Any]]:
    """Build the tab; return how to refresh the list of saved searches when it is opened."""
    worker, searches = SearchWorker(context), SavedSearches(context.videos.with_name("searches"))
    with gr.Row():
        with gr.Column(scale=1, min_width=280):
            words = gr.HTML(_words(context), elem_id="se-words", js_on_load=html.script("clicks"))
            saved = gr.HTML(_saved(searches), elem_id="se-saved", js_on_load=html.script("clicks", "rename"))
            form = _Form(context)
            address = gr.HTML("", elem_id="se-address", js_on_load=html.script("search_address"))
        with gr.Column(scale=3, min_width=320):
            panel = job_panel(context, "se")
            summary = gr.HTML(elem_id="se-summary")
            player = gr.HTML(elem_id="se-player")
            gallery = gr.HTML(elem_id="se-gallery", js_on_load=html.script("clicks", "select", "preview"))
            with gr.Column(visible=False) as tools:
                picked = gr.HTML(elem_id="se-picked")
                with gr.Row():
                    exports = {
                        kind: gr.Button(name, size="sm", elem_id=f"se-{kind}", min_width=_BUTTON_WIDTH)
                        for kind, (name, _) in EXPORTS.items()
                    }
                    save = gr.Button(_TEXT.save, size="sm", elem_id="se-save", min_width=_BUTTON_WIDTH)
            files = gr.HTML(elem_id="se-files")
    last = gr.State(None, delete_callback=delete_files)
    chosen = gr.State([])

    def search(
        request: gr.Request, old: ShownResult | None, upload: str | None, near: str, text: str, *values: Any
    ) -> Iterator[Any]:
        def work(progress: Progress) -> ShownResult:
            # The picture is looked for and the fields are read in the job, which reports what is wrong with them.
            picture = uploaded_file(context, upload) if upload else None
            return results.ask(context, worker, form.read(near, text, *values), picture, progress)

        if near and (text.strip() or upload):
            # What was entered since replaces the frame.
            near = ""
            yield {form.near: "", form.near_note: ""}
        yield from follow(panel.run(request, work, name="search"), old)

    def follow(steps: Iterator[JobStep], old: ShownResult | None, saved_as: str = "") -> Iterator[Any]:
        for step in steps:
            shown = show(step.result, saved_as) if step.result else clear() if step.failed else {}
            yield {panel.text: step.output} | shown
            if not step.running:
                # Not when the tab is opened: an answer that arrives while it is drawn may empty a field.
                yield {words: _words(context)}
            if step.result or step.failed:
                delete_files(old)

    def open_search(
        request: gr.Request, old: ShownResult | None, fields: SearchFields, picture: Path | None, saved_as: str = ""
    ) -> Iterator[Any]:
        """Show a search in the fields, and run it."""
        yield form.fill(fields, picture)
        work = partial(results.ask, context, worker, fields, picture)
        yield from follow(panel.run(request, work, name="search"), old, saved_as)

    def open_link(link: str, old: ShownResult | None, request: gr.Request) -> Iterator[Any]:
        """Open a saved search, or the one that an address spells out."""
        try:
            if link.startswith(saved_link("")):
                search_id = link.removeprefix(saved_link(""))
                found = searches.open(search_id, context.uploads)
                yield from open_search(request, old, *found, saved_as=search_id)
            else:
                yield from open_search(request, old, SearchFields.of_link(link), None)
        except ReelweaveError as failed:
            yield {panel.text: html.error(failed)}

    def show(found: ShownResult, saved_as: str) -> dict[Any, Any]:
        some = bool(found.items)
        link = saved_link(saved_as) if saved_as else "" if found.picture else found.fields.link
        return {
            last: found,
            address: html.render("search.address", link),
            summary: html.render("search.summary", found) if some else html.note(found.result.why_nothing),
            gallery: results.gallery(found) if some else "",
            tools: gr.update(visible=some),
            chosen: [],
            picked: html.render("search.picked", 0),
            player: "",
            files: "",
        }

    def clear() -> dict[Any, Any]:
        """Show nothing of the previous search, whose results do not answer this one."""
        empty = dict.fromkeys((summary, gallery, player, files), "")
        return {last: None, tools: gr.update(visible=False)} | empty

    def click(found: ShownResult | None, event: gr.EventData, request: gr.Request) -> Iterator[Any]:
        """Play a result, look for frames like it, or note which results are selected."""
        if found is None:
            return
        if event.action == "select":
            numbers = found.numbers(str(event.item))
            yield {chosen: numbers, picked: html.render("search.picked", len(numbers))}
        elif (number := number_below(str(event.item), len(found.items))) is None:
            return
        elif event.action == "similar":
            fields = found.fields.model_copy(update={"text": "", "near": found.near(number)})
            yield from open_search(request, found, fields, None)
        else:
            for step in panel.run(request, partial(results.play, context, found, number)):
                yield {panel.text: step.output} | ({player: step.result} if step.result else {})

    def exporter(kind: Export) -> Any:
        def run(found: ShownResult, links: str, numbers: list[int], request: gr.Request) -> Iterator[Any]:
            work = partial(results.export, context, found, numbers, kind)
            for step in panel.run(request, work, name=f"export {kind}"):
                yield step.output, f"{links or ''}{step.result}" if step.result else gr.skip()

        return run

    def keep(found: ShownResult | None) -> dict[Any, Any]:
        """Save the search that is shown, and ask for its name."""
        if found is None:
            return {}
        try:
            search_id = searches.add(found.fields, found.picture)
        except ReelweaveError as failed:
            return {panel.text: html.error(failed)}
        return {saved: _saved(searches, search_id), address: html.render("search.address", saved_link(search_id))}

    def manage_saved(old: ShownResult | None, event: gr.EventData, request: gr.Request) -> Iterator[Any]:
        """Open, rename or remove a saved search."""
        act, item = str(event.action), str(event.item)
        if act == "open":
            yield from open_link(saved_link(item), old, request)
            return
        if act == "renamed":
            searches.rename(*item.partition(" ")[::2])
        elif act == "forget":
            searches.remove(item)
        search_id = item.partition(" ")[0]
        yield {saved: _saved(searches, search_id if act == "rename" else "", search_id)}

    def prepare(event: gr.EventData, request: gr.Request) -> Iterator[Any]:
        """Add what the search by words lacks."""
        if event.action == "small":
            context.use_model(SMALL_MODEL)
            yield {words: _words(context)}
            return
        jobs: dict[str, Callable[[PageContext, Progress], Any]] = {"download": download_model, "add": add_vectors}
        if not (work := jobs.get(str(event.action))):
            return
        name = f"words: {event.action}"
        for step in panel.run(request, lambda progress: work(context, progress), name=name, resumable=True):
            yield {panel.text: step.output} | ({} if step.running else {words: _words(context)})

    def follow_address(old: ShownResult | None, event: gr.EventData, request: gr.Request) -> Iterator[Any]:
        yield from open_link(str(event.item), old, request)

    shown = [panel.text, last, address, summary, gallery, tools, player, files, chosen, picked, words]
    outputs = [*shown, *form.outputs, saved]
    entered = [field.submit for field in form.typed]
    gr.on([form.go.click, *entered], search, [last, *form.inputs], outputs, **QUIET)
    gallery.click(click, last, outputs, trigger_mode="multiple", **QUIET)
    address.click(follow_address, last, outputs, **QUIET)
    saved.click(manage_saved, last, outputs, **QUIET)
    save.click(keep, last, outputs, **QUIET)
    player.change(None, js=_SCROLL_TO_PLAYER, api_visibility="private")
    for kind, button in exports.items():
        button.click(exporter(kind), [last, files, chosen], [panel.text, files], **QUIET)
    form.near_note.click(lambda: ("", ""), None, [form.near, form.near_note], **QUIET)
    form.picture.change(lambda upload: _preview(context, upload), form.picture, form.preview, **QUIET)
    words.click(prepare, None, [panel.text, words], **QUIET)
    form.threshold.change(lambda chosen: gr.update(visible=chosen == "score"), form.threshold, form.score, **QUIET)
    return lambda: _saved(searches), None, [saved]


def _small(label: str, example: str, elem_id: str) -> Any:
    return gr.Textbox("", label=label, placeholder=example, max_lines=1, min_width=110, elem_id=elem_id)


def _score(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return _LEAST_SCORE


def _words(context: PageContext) -> str:
    return html.render("search.words", words_state(context.settings))


def _saved(searches: SavedSearches, renamed: str = "", focused: str = "") -> str:
    return html.render("search.saved", searches.all(), renamed, focused)


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

"""The Search tab: find frames by words, by a picture or by both; play them and export them."""

import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Literal

import gradio as gr
import numpy as np

from ...errors import ReelweaveError, UsageError
from ...media.pictures import read_picture
from ...media.ranges import number_below
from ...media.source import scaled_size
from ...media.timecode import clock
from ...media.types import Picture
from ...progress import Progress
from ...search.export import ExportOptions, export_found, pack_found, small_pictures, write_excerpt
from ...search.finder import Finder, SearchResult, vector_of
from ...search.question import Question, read_threshold
from ...search.results import Hit, Moment
from .. import html
from ..context import PageContext
from ..fields import QUIET, video_dropdown, whole_number
from ..job_panel import job_panel
from ..sessions import delete_files
from ..uploads import uploaded_file
from .words import SMALL_MODEL, add_vectors, download_model, words_state
from .worker import SearchWorker

Export = Literal["frames", "film", "sheet", "edits"]

_THRESHOLDS = [
    ("none", ""),
    ("auto: near the best", "auto"),
    ("calibrated: only strong matches", "calibrated"),
    ("a score", "score"),
]
_SPACES = [("Automatic", ""), ("Content (CLIP)", "clip"), ("Visual similarity", "appearance")]
_EXPORTS: dict[Export, tuple[str, str]] = {
    "frames": ("Frames at full size", "frames.zip"),
    "film": ("Film of the results", "found.mp4"),
    "sheet": ("Contact sheet", "found.png"),
    "edits": ("Edit lists", "found.zip"),
}
_PREVIEW_SIZE = 160
"""The short side of the preview below the upload field, in pixels."""
_SCROLL_TO_PLAYER = "() => document.getElementById('se-player').scrollIntoView({block: 'nearest', behavior: 'smooth'})"


@dataclass(frozen=True)
class ShownResult:
    """A search result with its thumbnails, and the folder of the files made from it."""

    result: SearchResult
    thumbnails: tuple[Picture, ...]
    folder: Path

    @property
    def items(self) -> Sequence[Hit | Moment]:
        return self.result.moments or self.result.hits


def search_tab(context: PageContext) -> None:
    """Build the tab."""
    worker = SearchWorker(context)
    with gr.Row():
        with gr.Column(scale=1, min_width=280):
            words = gr.HTML(_words(context), elem_id="se-words", js_on_load=html.script("clicks"))
            text = gr.Textbox("", label="Words", placeholder="beach - people", elem_id="se-text", max_lines=3)
            picture = gr.File(label="and / or a picture", elem_id="se-picture", height=150)
            preview = gr.HTML(elem_id="se-preview")
            go = gr.Button("Search", variant="primary", elem_id="se-start")
            with gr.Accordion("Filters", open=False, elem_id="se-filters"):
                videos = video_dropdown(context.settings, "Videos (all if empty)", "se-videos", several=True)
                default = context.settings.search.k
                count = gr.Slider(1, max(100, default), value=default, step=1, label="Max results", elem_id="se-count")
                threshold = gr.Dropdown(_THRESHOLDS, value="", label="Minimum score", elem_id="se-threshold")
                score = gr.Number(0.25, label="The score, -1 to 1", visible=False, step=0.01, elem_id="se-score")
                moments = gr.Checkbox(label="Group neighbouring results into clips", elem_id="se-moments")
                space = gr.Dropdown(_SPACES, value="", label="Compare by", elem_id="se-space")
        with gr.Column(scale=3, min_width=320):
            panel = job_panel(context, "se")
            summary = gr.HTML(elem_id="se-summary")
            player = gr.HTML(elem_id="se-player")
            gallery = gr.HTML(elem_id="se-gallery", js_on_load=html.script("clicks", "select"))
            with gr.Row(visible=False) as export_row:
                picked = gr.HTML(elem_id="se-picked", min_width=120)
                exports = {
                    kind: gr.Button(name, size="sm", elem_id=f"se-{kind}") for kind, (name, _) in _EXPORTS.items()
                }
            files = gr.HTML(elem_id="se-files")
    last = gr.State(None, delete_callback=delete_files)
    chosen = gr.State([])

    def search(request: gr.Request, old: ShownResult | None, *fields: Any) -> Iterator[Any]:
        for step in panel.run(request, lambda progress: _search(context, worker, progress, *fields), name="search"):
            yield {panel.text: step.output} | (show(step.result) if step.result else clear() if step.failed else {})
            if step.failed:
                # Not when the tab is opened: an answer that arrives while it is drawn may empty a field.
                yield {words: _words(context)}
            if step.result or step.failed:
                delete_files(old)

    def show(found: ShownResult) -> dict[Any, Any]:
        some = bool(found.items)
        return {
            last: found,
            summary: html.render("search.summary", found) if some else html.note(found.result.why_nothing),
            gallery: _gallery(found) if some else "",
            export_row: gr.update(visible=some),
            chosen: [],
            picked: html.render("search.picked", 0),
            player: "",
            files: "",
        }

    def clear() -> dict[Any, Any]:
        """Show nothing of the previous search, whose results do not answer this one."""
        empty = dict.fromkeys((summary, gallery, player, files), "")
        return {last: None, export_row: gr.update(visible=False)} | empty

    def play(found: ShownResult | None, event: gr.EventData, request: gr.Request) -> Iterator[Any]:
        """Play a result, look for frames like it, or note which results are selected."""
        if found is None:
            return
        if event.action == "select":
            numbers = _numbers(str(event.item), found)
            yield {chosen: numbers, picked: html.render("search.picked", len(numbers))}
        elif (number := number_below(str(event.item), len(found.items))) is None:
            return
        elif event.action == "similar":
            work = partial(_find_similar, context, worker, found, number)
            for step in panel.run(request, work, name="search"):
                yield {panel.text: step.output} | (show(step.result) if step.result else {})
        else:
            for step in panel.run(request, lambda progress: _excerpt(context, found, number, progress)):
                yield {panel.text: step.output} | ({player: step.result} if step.result else {})

    def exporter(kind: Export) -> Any:
        def run(found: ShownResult, links: str, numbers: list[int], request: gr.Request) -> Iterator[Any]:
            some = _only(found, numbers)
            for step in panel.run(
                request, lambda progress: _export(context, some, kind, progress), name=f"export {kind}"
            ):
                yield step.output, f"{links or ''}{step.result}" if step.result else gr.skip()

        return run

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

    fields = [last, text, picture, videos, count, threshold, score, moments, space]
    outputs = [panel.text, last, summary, gallery, export_row, player, files, chosen, picked, words]
    gr.on([go.click, text.submit], search, fields, outputs, **QUIET)
    gallery.click(play, last, outputs, trigger_mode="multiple", **QUIET)
    player.change(None, js=_SCROLL_TO_PLAYER, api_visibility="private")
    for kind, button in exports.items():
        button.click(exporter(kind), [last, files, chosen], [panel.text, files], **QUIET)
    picture.change(lambda upload: _preview(context, upload), picture, preview, **QUIET)
    words.click(prepare, None, [panel.text, words], **QUIET)
    threshold.change(lambda chosen: gr.update(visible=chosen == "score"), threshold, score, **QUIET)


def _words(context: PageContext) -> str:
    return html.render("search.words", words_state(context.settings))


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


def _numbers(text: str, found: ShownResult) -> list[int]:
    """Read which results are selected; what the browser sent besides is ignored."""
    numbers = (number_below(part, len(found.items)) for part in text.split(",") if part)
    return sorted({number for number in numbers if number is not None})


def _only(found: ShownResult, numbers: Sequence[int]) -> ShownResult:
    """Return the selected results, or all of them if none is selected."""
    if not numbers:
        return found
    if found.result.moments:
        chosen = replace(found.result, moments=[found.result.moments[number] for number in numbers])
    else:
        hits = [found.result.hits[number] for number in numbers]
        chosen = replace(found.result, hits=hits, top=hits)
    return replace(found, result=chosen, thumbnails=tuple(found.thumbnails[number] for number in numbers))


def _find_similar(
    context: PageContext, worker: SearchWorker, found: ShownResult, number: int, progress: Progress
) -> ShownResult:
    """Search for the stored vector of a result's frame."""
    with context.new_folder("similar") as folder:
        np.save(folder / "frame.npy", vector_of(found.result, found.items[number]))
        question = Question(vector=folder / "frame.npy", space=found.result.space, count=len(found.items))
        return _ask(context, worker, question, progress)


def _search(context: PageContext, worker: SearchWorker, progress: Progress, *fields: Any) -> ShownResult:
    return _ask(context, worker, _question(context, *fields), progress)


def _ask(context: PageContext, worker: SearchWorker, question: Question, progress: Progress) -> ShownResult:
    def search(finder: Finder) -> tuple[SearchResult, list[Picture]]:
        result = finder.ask(question)
        return result, small_pictures(result, finder.library)

    result, thumbnails = worker.run(search, progress)
    with context.new_folder("search") as folder:
        return ShownResult(result, tuple(thumbnails), folder)


def _question(
    context: PageContext,
    text: str,
    picture: str | None,
    videos: list[str],
    count: float,
    threshold: str,
    score: float | None,
    moments: bool,
    space: str,
) -> Question:
    text = text.strip()
    if text and any(term.picture for term in Question(text=text).terms):
        raise UsageError("The search text cannot name a picture file here.", "Drop the picture on the page instead.")
    if not text and not picture:
        raise UsageError("The search is empty.", "Enter a description or add a picture.")
    return Question(
        text=text,
        image=uploaded_file(context, picture) if picture else None,
        space=space or None,
        videos=tuple(videos),
        count=whole_number(count),
        threshold=read_threshold((str(score) if threshold == "score" else threshold) or None),
        moments=moments,
    )


def _gallery(found: ShownResult) -> str:
    """Show all items as buttons that play them, best score first."""
    pairs = zip(found.items, found.thumbnails, strict=True)
    return html.render("search.gallery", [(item, _time_range(item), thumbnail) for item, thumbnail in pairs])


def _time_range(item: Hit | Moment) -> str:
    return f"{clock(item.start)} to {clock(item.end)}" if isinstance(item, Moment) else clock(item.time)


def _excerpt(context: PageContext, found: ShownResult, number: int, progress: Progress) -> str:
    """Show a short film around one result, made at the first click."""
    item, file = found.items[number], found.folder / f"{number}.mp4"
    if not file.exists():
        write_excerpt(found.result, item, file, context.settings, progress)
    return html.render("parts.captioned_video", file, f"{item.name}, {_time_range(item)}", True)


def _export(context: PageContext, found: ShownResult, kind: Export, progress: Progress) -> str:
    """Write a file made of all results and link to it."""
    text, name = _EXPORTS[kind]
    file = found.folder / name
    if kind == "frames":
        folder = found.folder / "frames"
        shutil.rmtree(folder, ignore_errors=True)
        export_found(found.result, ExportOptions(export=folder), context.settings, progress)
        shutil.make_archive(str(file.with_suffix("")), "zip", folder)
    elif kind == "edits":
        pack_found(found.result, file, context.settings, progress)
    else:
        options = ExportOptions(clip=file) if kind == "film" else ExportOptions(sheet=file)
        export_found(found.result, options, context.settings, progress)
    return html.render("parts.download", file, name, text)

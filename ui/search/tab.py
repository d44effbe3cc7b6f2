"""The Search tab: find frames by words, by a picture or by a frame of the library; play them, export and save them."""

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import gradio as gr

from ...errors import ReelweaveError
from ...media.ranges import number_below
from ...progress import Progress
from .. import html
from ..context import PageContext
from ..fields import QUIET
from ..job_panel import JobStep, job_panel
from ..remedies import SMALL_MODEL, download_model
from ..sessions import delete_files
from ..strings import STRINGS
from ..uploads import uploaded_file
from . import results
from .fields import SearchFields
from .form import SearchForm
from .results import EXPORTS, Export, ShownResult
from .saved import SavedSearches, saved_link
from .words import add_vectors, words_state
from .worker import SearchWorker

_TEXT = STRINGS.search
_BUTTON_WIDTH = 130
"""Pixels of the buttons below the results, five of which fit in a row on a laptop."""
_SCROLL_TO_PLAYER = "() => document.getElementById('se-player').scrollIntoView({block: 'nearest', behavior: 'smooth'})"


def search_tab(context: PageContext) -> tuple[Callable[..., Any], None, list[Any]]:
    """Build the tab; return how to refresh the list of saved searches when it is opened."""
    tab = _SearchTab(context)
    tab.connect()
    return tab.show_saved, None, [tab.saved]


class _Results:
    """The components that show what was found, with the buttons to export it."""

    def __init__(self) -> None:
        self.summary = gr.HTML(elem_id="se-summary")
        self.player = gr.HTML(elem_id="se-player")
        self.gallery = gr.HTML(elem_id="se-gallery", js_on_load=html.script("clicks", "select", "preview"))
        with gr.Column(visible=False) as self.tools:
            self.picked = gr.HTML(elem_id="se-picked")
            with gr.Row():
                self.exports = {
                    kind: gr.Button(name, size="sm", elem_id=f"se-{kind}", min_width=_BUTTON_WIDTH)
                    for kind, (name, _) in EXPORTS.items()
                }
                self.save = gr.Button(_TEXT.save, size="sm", elem_id="se-save", min_width=_BUTTON_WIDTH)
        self.files = gr.HTML(elem_id="se-files")
        self.last = gr.State(None, delete_callback=delete_files)
        self.chosen = gr.State([])

    @property
    def outputs(self) -> list[Any]:
        return [self.last, self.summary, self.gallery, self.tools, self.player, self.files, self.chosen, self.picked]

    def show(self, found: ShownResult) -> dict[Any, Any]:
        some = bool(found.items)
        return {
            self.last: found,
            self.summary: html.render("search.summary", found) if some else html.note(found.result.why_nothing),
            self.gallery: results.gallery(found) if some else "",
            self.tools: gr.update(visible=some),
            self.chosen: [],
            self.picked: html.render("search.picked", 0),
            self.player: "",
            self.files: "",
        }

    def clear(self) -> dict[Any, Any]:
        """Show nothing of the previous search, whose results do not answer this one."""
        empty = dict.fromkeys((self.summary, self.gallery, self.player, self.files), "")
        return {self.last: None, self.tools: gr.update(visible=False)} | empty


class _SearchTab:
    """The components of the tab, and what happens on each event."""

    def __init__(self, context: PageContext) -> None:
        self.context, self.worker = context, SearchWorker(context)
        self.searches = SavedSearches(context.videos.with_name("searches"))
        with gr.Row():
            with gr.Column(scale=1, min_width=280):
                self.words = gr.HTML(self.show_words(), elem_id="se-words", js_on_load=html.script("clicks"))
                self.saved = gr.HTML(self.show_saved(), elem_id="se-saved", js_on_load=html.script("clicks", "rename"))
                self.form = SearchForm(context)
                self.address = gr.HTML("", elem_id="se-address", js_on_load=html.script("search_address"))
            with gr.Column(scale=3, min_width=320):
                self.panel = job_panel(context, "se")
                self.results = _Results()

    def connect(self) -> None:
        """Attach the events."""
        form, shown, last = self.form, self.results, self.results.last
        outputs = [self.panel.text, self.address, self.words, *shown.outputs, *form.outputs, self.saved]
        started = [form.go.click, *(field.submit for field in form.typed)]
        gr.on(started, self.search, [last, *form.inputs], outputs, **QUIET)
        shown.gallery.click(self.click, last, outputs, trigger_mode="multiple", **QUIET)
        self.address.click(self.follow_address, last, outputs, **QUIET)
        self.saved.click(self.manage_saved, last, outputs, **QUIET)
        shown.save.click(self.keep, last, outputs, **QUIET)
        shown.player.change(None, js=_SCROLL_TO_PLAYER, api_visibility="private")
        for kind, button in shown.exports.items():
            inputs, files = [last, shown.files, shown.chosen], [self.panel.text, shown.files]
            button.click(self.exporter(kind), inputs, files, **QUIET)
        self.words.click(self.prepare, None, [self.panel.text, self.words], **QUIET)
        form.connect()

    def show_words(self) -> str:
        """Say whether words can be searched, and offer what is missing."""
        return html.render("search.words", words_state(self.context.settings))

    def show_saved(self, renamed: str = "", focused: str = "") -> str:
        return html.render("search.saved", self.searches.all(), renamed, focused)

    def search(
        self, request: gr.Request, old: ShownResult | None, upload: str | None, near: str, text: str, *values: Any
    ) -> Iterator[Any]:
        def work(progress: Progress) -> ShownResult:
            # The picture is looked for and the fields are read in the job, which reports what is wrong with them.
            picture = uploaded_file(self.context, upload) if upload else None
            fields = self.form.read(near, text, *values)
            return results.ask(self.context, self.worker, fields, picture, progress)

        if near and (text.strip() or upload):
            # What was entered since replaces the frame.
            near = ""
            yield {self.form.near: "", self.form.near_note: ""}
        yield from self.follow(self.panel.run(request, work, name="search"), old)

    def follow(self, steps: Iterator[JobStep], old: ShownResult | None, saved_as: str = "") -> Iterator[Any]:
        for step in steps:
            shown = {}
            if found := step.result:
                link = saved_link(saved_as) if saved_as else "" if found.picture else found.fields.link
                shown = self.results.show(found) | {self.address: html.render("search.address", link)}
            elif step.failed:
                shown = self.results.clear()
            yield {self.panel.text: step.output} | shown
            if not step.running:
                # Not when the tab is opened: an answer that arrives while it is drawn may empty a field.
                yield {self.words: self.show_words()}
            if step.result or step.failed:
                delete_files(old)

    def open_search(
        self,
        request: gr.Request,
        old: ShownResult | None,
        fields: SearchFields,
        picture: Path | None,
        saved_as: str = "",
    ) -> Iterator[Any]:
        """Show a search in the fields, and run it."""
        yield self.form.fill(fields, picture)
        work = partial(results.ask, self.context, self.worker, fields, picture)
        yield from self.follow(self.panel.run(request, work, name="search"), old, saved_as)

    def open_link(self, link: str, old: ShownResult | None, request: gr.Request) -> Iterator[Any]:
        """Open a saved search, or the one that an address spells out."""
        try:
            if link.startswith(saved_link("")):
                search_id = link.removeprefix(saved_link(""))
                found = self.searches.open(search_id, self.context.uploads)
                yield from self.open_search(request, old, *found, saved_as=search_id)
            else:
                yield from self.open_search(request, old, SearchFields.of_link(link), None)
        except ReelweaveError as failed:
            yield {self.panel.text: html.error(failed)}

    def follow_address(self, old: ShownResult | None, event: gr.EventData, request: gr.Request) -> Iterator[Any]:
        yield from self.open_link(str(event.item), old, request)

    def click(self, found: ShownResult | None, event: gr.EventData, request: gr.Request) -> Iterator[Any]:
        """Play a result, look for frames like it, or note which results are selected."""
        if found is None:
            return
        if event.action == "select":
            numbers = found.numbers(str(event.item))
            yield {self.results.chosen: numbers, self.results.picked: html.render("search.picked", len(numbers))}
        elif (number := number_below(str(event.item), len(found.items))) is None:
            return
        elif event.action == "similar":
            fields = found.fields.model_copy(update={"text": "", "near": found.near(number)})
            yield from self.open_search(request, found, fields, None)
        else:
            for step in self.panel.run(request, partial(results.play, self.context, found, number)):
                played = {self.results.player: step.result} if step.result else {}
                yield {self.panel.text: step.output} | played

    def exporter(self, kind: Export) -> Callable[..., Iterator[Any]]:
        def export(found: ShownResult, links: str, numbers: list[int], request: gr.Request) -> Iterator[Any]:
            work = partial(results.export, self.context, found, numbers, kind)
            for step in self.panel.run(request, work, name=f"export {kind}"):
                yield step.output, f"{links or ''}{step.result}" if step.result else gr.skip()

        return export

    def keep(self, found: ShownResult | None) -> dict[Any, Any]:
        """Save the search that is shown, and ask for its name."""
        if found is None:
            return {}
        try:
            search_id = self.searches.add(found.fields, found.picture)
        except ReelweaveError as failed:
            return {self.panel.text: html.error(failed)}
        link = html.render("search.address", saved_link(search_id))
        return {self.saved: self.show_saved(search_id), self.address: link}

    def manage_saved(self, old: ShownResult | None, event: gr.EventData, request: gr.Request) -> Iterator[Any]:
        """Open, rename or remove a saved search."""
        act, item = str(event.action), str(event.item)
        if act == "open":
            yield from self.open_link(saved_link(item), old, request)
            return
        if act == "renamed":
            self.searches.rename(*item.partition(" ")[::2])
        elif act == "forget":
            self.searches.remove(item)
        search_id = item.partition(" ")[0]
        yield {self.saved: self.show_saved(search_id if act == "rename" else "", search_id)}

    def prepare(self, event: gr.EventData, request: gr.Request) -> Iterator[Any]:
        """Add what the search by words lacks."""
        if event.action == "small":
            self.context.use_model(SMALL_MODEL)
            yield {self.words: self.show_words()}
            return
        jobs: dict[str, Callable[[PageContext, Progress], Any]] = {"download": download_model, "add": add_vectors}
        if not (work := jobs.get(str(event.action))):
            return
        name = f"words: {event.action}"
        for step in self.panel.run(request, partial(work, self.context), name=name, resumable=True):
            yield {self.panel.text: step.output} | ({} if step.running else {self.words: self.show_words()})

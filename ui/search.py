"""The tab Search: words, a picture or both in; frames with their places out, each to be played or taken along."""

import shutil
from collections.abc import Iterator
from typing import Any, Literal

import gradio as gr
import numpy as np

from ..asking import Question, read_threshold
from ..errors import ReelweaveError, UsageError
from ..frames import Picture
from ..ingest.pictures import read_picture
from ..ingest.source import shrunk
from ..progress import Progress
from ..ranges import number_below
from ..searching import Finder, Found
from ..showing import Wanted, play, show_found, small_pictures
from . import hits, parts, words
from .asker import Asker
from .fields import some_of, whole
from .files import uploaded
from .hits import Answers
from .house import House
from .running import follow, panel

Kind = Literal["frames", "film", "sheet"]

_CUTS = [
    ("none", ""),
    ("auto: near the best", "auto"),
    ("calibrated: beyond chance", "calibrated"),
    ("a score", "score"),
]
_SPACES = [("as fits", ""), ("what is in the picture (CLIP)", "clip"), ("looks", "appearance")]
_MADE: dict[Kind, tuple[str, str]] = {
    "frames": ("Frames at full size", "frames.zip"),
    "film": ("Film of what was found", "found.mp4"),
    "sheet": ("Contact sheet", "found.png"),
}
_PREVIEW = 160


def tab(house: House) -> None:
    asker = Asker(house.settings)
    with gr.Row():
        with gr.Column(scale=1, min_width=280):
            text = gr.Textbox("", label="Words", placeholder="beach - people", elem_id="se-text", max_lines=3)
            picture = gr.File(label="and / or a picture", elem_id="se-picture", height=150)
            preview = gr.HTML(elem_id="se-preview")
            go = gr.Button("Search", variant="primary", elem_id="se-go")
            with gr.Accordion("Where, and how many", open=False, elem_id="se-more"):
                videos = some_of(house.settings, "Videos (none: all)", "se-videos")
                usual = house.settings.search.k
                count = gr.Slider(1, max(100, usual), value=usual, step=1, label="At most", elem_id="se-count")
                cut = gr.Dropdown(_CUTS, value="", label="Least score", elem_id="se-cut")
                least = gr.Number(0.25, label="The score, -1 to 1", visible=False, step=0.01, elem_id="se-least")
                moments = gr.Checkbox(label="Join hits side by side into moments", elem_id="se-moments")
                space = gr.Dropdown(_SPACES, value="", label="Compare by", elem_id="se-space")
        with gr.Column(scale=3, min_width=320):
            running = panel(house, "se")
            said = gr.HTML(elem_id="se-said")
            player = gr.HTML(elem_id="se-player")
            gallery = gr.HTML(elem_id="se-gallery", js_on_load=parts.CLICKS)
            with gr.Row(visible=False) as making:
                make = {kind: gr.Button(name, size="sm", elem_id=f"se-{kind}") for kind, (name, _) in _MADE.items()}
            made = gr.HTML(elem_id="se-made")
    answers = gr.State(None, delete_callback=_put_away)

    def search(request: gr.Request, *asked: Any) -> Iterator[Any]:
        old, *asked_for = asked
        for step in follow(house, request, lambda progress: _answer(house, asker, progress, *asked_for)):
            yield {running.told: step.shown[0], running.stop: step.shown[1]} | (_shown(step.done) if step.done else {})
            if step.done:
                _put_away(old)

    def _shown(found: Answers) -> dict[Any, Any]:
        some = bool(found.shown)
        return {
            answers: found,
            said: words.note(hits.told(found) if some else found.found.why_nothing),
            gallery: hits.gallery(found) if some else "",
            making: gr.update(visible=some),
            player: "",
            made: "",
        }

    def played(found: Answers | None, event: gr.EventData, request: gr.Request) -> Iterator[Any]:
        if found is None or (number := number_below(str(event.on), len(found.shown))) is None:
            return
        for step in follow(house, request, lambda progress: _play(house, found, number, progress)):
            yield *step.shown, step.done or gr.skip()

    def maker(kind: Kind) -> Any:
        def run(found: Answers, before: str, request: gr.Request) -> Iterator[Any]:
            for step in follow(house, request, lambda progress: _make(house, found, kind, progress)):
                yield *step.shown, f"{before or ''}{step.done}" if step.done else gr.skip()

        return run

    quiet: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private"}
    asked = [answers, text, picture, videos, count, cut, least, moments, space]
    shown = [*running.outputs, answers, said, gallery, making, player, made]
    gr.on([go.click, text.submit], search, asked, shown, **quiet)
    gallery.click(played, answers, [*running.outputs, player], **quiet).then(
        None, js=parts.INTO_VIEW % "se-player", api_visibility="private"
    )
    for kind, pressed in make.items():
        pressed.click(maker(kind), [answers, made], [*running.outputs, made], **quiet)
    picture.change(lambda given: _preview(house, given), picture, preview, **quiet)
    cut.change(lambda chosen: gr.update(visible=chosen == "score"), cut, least, **quiet)


def _put_away(answers: Answers | None) -> None:
    if answers is not None:
        shutil.rmtree(answers.folder, ignore_errors=True)


def _preview(house: House, given: str | None) -> str:
    """The picture that was dropped, small; what is none is told when it is searched for."""
    import cv2

    if given is None:
        return ""
    try:
        seen = read_picture(uploaded(house, given))
    except (ReelweaveError, OSError) as failed:
        return words.trouble(failed)
    size = shrunk(seen.shape[1], seen.shape[0], _PREVIEW)
    small = np.asarray(cv2.resize(seen, size), np.uint8)
    return f'<img class="rw-preview" alt="the picture" src="{parts.picture(small)}">'


def _answer(house: House, asker: Asker, progress: Progress, *asked: Any) -> Answers:
    question = _question(house, *asked)

    def answered(finder: Finder) -> tuple[Found, list[Picture]]:
        found = finder.ask(question)
        return found, small_pictures(found, finder.library)

    found, pictures = asker.ask(answered, progress)
    with house.new_folder("search") as folder:
        return Answers(found, tuple(pictures), folder)


def _question(
    house: House,
    text: str,
    picture: str | None,
    videos: list[str],
    count: float,
    cut: str,
    least: float | None,
    moments: bool,
    space: str,
) -> Question:
    said = text.strip()
    if said and any(term.picture for term in Question(text=said).terms):
        raise UsageError("A picture is not named in words here.", "Drop it on the page instead.")
    if not said and not picture:
        raise UsageError("Nothing is asked for.", "Say in words what you look for, drop a picture, or both.")
    return Question(
        text=said,
        image=uploaded(house, picture) if picture else None,
        space=space or None,
        videos=tuple(videos),
        count=whole(count),
        threshold=read_threshold((str(least) if cut == "score" else cut) or None),
        moments=moments,
    )


def _play(house: House, answers: Answers, number: int, progress: Progress) -> str:
    """A short film around one answer; one that was made before is shown again."""
    answer, file = answers.shown[number], answers.folder / f"{number}.mp4"
    if not file.exists():
        play(answers.found, answer, file, house.settings, progress)
    return parts.film(file, f"{answer.name}, {hits.place(answer)}", plays=True)


def _make(house: House, answers: Answers, kind: Kind, progress: Progress) -> str:
    """A link to a file with what was found."""
    text, name = _MADE[kind]
    file = answers.folder / name
    if kind == "frames":
        folder = answers.folder / "frames"
        shutil.rmtree(folder, ignore_errors=True)
        show_found(answers.found, Wanted(export=folder), house.settings, progress)
        shutil.make_archive(str(file.with_suffix("")), "zip", folder)
    else:
        wanted = Wanted(clip=file) if kind == "film" else Wanted(sheet=file)
        show_found(answers.found, wanted, house.settings, progress)
    return parts.download(file, name, text)

"""The page: its tabs, each a module of its own, and its looks, which need nothing from outside."""

from collections.abc import Callable
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

import gradio as gr

from .context import PageContext
from .library.tab import library_tab
from .measure.tab import measure_tab
from .reconstruct.tab import reconstruct_tab
from .repair.tab import repair_tab
from .search.tab import search_tab

Refreshed = tuple[Callable[..., Any], list[Any] | None, list[Any]]
"""What a tab does whenever it is opened: a function, its inputs and its outputs."""


@dataclass(frozen=True)
class _Tab:
    name: str
    build: Callable[[PageContext], Refreshed | None]
    lead: str
    """What it is for, in words for who sees it for the first time."""


_TABS = (
    _Tab(
        "Reconstruct",
        reconstruct_tab,
        "A video whose frames are out of order goes back in order, without pictures that do not belong to it. "
        "What is still wrong you then set right yourself.",
    ),
    _Tab(
        "Search",
        search_tab,
        "Finds frames of all videos in the library, by words or by a picture. "
        "Words need CLIP vectors, which the Library adds.",
    ),
    _Tab(
        "Library",
        library_tab,
        "The videos whose frames are remembered: they are searched, and put in order again without reading them anew.",
    ),
    _Tab(
        "Repair",
        repair_tab,
        "Frames that a bad recording has smeared, torn or frozen are found, and smooth ones are put in their place.",
    ),
    _Tab(
        "Measure",
        measure_tab,
        "Scrambles a clip that is in order and puts it back, to show how well that works on films like yours.",
    ),
)

_HEAD = """<header class="rw-head"><h1>Reelweave</h1>
<p>Takes videos apart into frames, and puts them back together.</p></header>"""

_STYLES = ("page.css", "tabs.css", "repair.css")

# The theme's own colours leave words of less contrast than 4.5 to 1.
_READABLE = {
    "body_text_color_subdued": "*neutral_500",
    "input_placeholder_color": "*neutral_500",
    "input_placeholder_color_dark": "*neutral_400",
    "color_accent": "*primary_700",
    "button_primary_background_fill": "*primary_700",
    "button_primary_background_fill_dark": "*primary_700",
    "button_primary_background_fill_hover": "*primary_800",
    "button_primary_background_fill_hover_dark": "*primary_800",
    "button_cancel_background_fill": "#dc2626",
    "button_cancel_background_fill_hover": "#b91c1c",
}


def build(context: PageContext) -> gr.Blocks:
    with gr.Blocks(title="Reelweave", analytics_enabled=False, fill_width=True) as page:
        gr.HTML(_HEAD)
        with gr.Tabs():
            for tab in _TABS:
                with gr.Tab(tab.name, id=tab.name.lower()) as opened:
                    gr.HTML(f'<p class="rw-dim">{tab.lead}</p>')
                    if refreshed := tab.build(context):
                        opened.select(*refreshed, show_progress="hidden", api_visibility="private")

        def leave(request: gr.Request) -> None:
            context.jobs.leave(request.session_hash)
            for left in context.leaving:
                left(request.session_hash or "")

        page.unload(leave)
    # Work is bounded by the machine, not by how many pages wait for one another.
    page.queue(default_concurrency_limit=None, api_open=False)
    return page


def page_style() -> dict[str, Any]:
    """What `launch` takes of theme and style: the system's own fonts, and no link to elsewhere."""
    fonts = {"font": ["system-ui", "sans-serif"], "font_mono": ["ui-monospace", "monospace"]}
    theme = gr.themes.Default(primary_hue="teal", neutral_hue="slate", **fonts).set(**_READABLE)
    # Given as a style sheet of Gradio's, its rules for narrow screens would be rewritten, and lost.
    style = "".join((files(__package__) / name).read_text(encoding="utf-8") for name in _STYLES)
    return {"theme": theme, "head": f"<style>{style}</style>", "footer_links": []}

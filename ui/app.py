"""The page: its tabs, each a module of its own, and its looks, which need nothing from outside."""

from collections.abc import Callable
from importlib.resources import files
from typing import Any

import gradio as gr

from . import library, measure, reconstruct, repair, search
from .house import House

Refreshed = tuple[Callable[..., Any], list[Any] | None, list[Any]]
"""What a tab does whenever it is opened: a function, its inputs and its outputs."""

_TABS: dict[str, Callable[[House], Refreshed | None]] = {
    "Reconstruct": reconstruct.tab,
    "Search": search.tab,
    "Library": library.tab,
    "Repair": repair.tab,
    "Measure": measure.tab,
}

_STYLES = ("page.css", "tabs.css", "repair.css")


def build(house: House) -> gr.Blocks:
    with gr.Blocks(title="Reelweave", analytics_enabled=False, fill_width=True) as page:
        gr.HTML('<header class="rw-head"><h1>Reelweave</h1><p>Puts videos back in order.</p></header>')
        with gr.Tabs():
            for name, build_tab in _TABS.items():
                with gr.Tab(name, id=name.lower()) as opened:
                    if refreshed := build_tab(house):
                        opened.select(*refreshed, show_progress="hidden", api_visibility="private")

        def leave(request: gr.Request) -> None:
            house.jobs.cancel(request.session_hash)
            for left in house.leaving:
                left(request.session_hash or "")

        page.unload(leave)
    # Work is bounded by the machine, not by how many pages wait for one another.
    page.queue(default_concurrency_limit=None, api_open=False)
    return page


def looks() -> dict[str, Any]:
    """What `launch` takes of theme and style: the system's own fonts, and no link to elsewhere."""
    fonts = {"font": ["system-ui", "sans-serif"], "font_mono": ["ui-monospace", "monospace"]}
    theme = gr.themes.Default(primary_hue="teal", neutral_hue="slate", **fonts)
    # Given as a style sheet of Gradio's, its rules for narrow screens would be rewritten, and lost.
    style = "".join((files(__package__) / name).read_text(encoding="utf-8") for name in _STYLES)
    return {"theme": theme, "head": f"<style>{style}</style>", "footer_links": []}

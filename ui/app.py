"""The page: its tabs, each a module of its own, and its looks, which need nothing from outside."""

from importlib.resources import files
from typing import Any

import gradio as gr

from . import library, measure, reconstruct, repair, search
from .house import House

_TABS = {
    "Reconstruct": reconstruct.tab,
    "Search": search.tab,
    "Library": library.tab,
    "Repair": repair.tab,
    "Measure": measure.tab,
}


def build(house: House) -> gr.Blocks:
    with gr.Blocks(title="Reelweave", analytics_enabled=False, fill_width=True) as page:
        gr.HTML('<header class="rw-head"><h1>Reelweave</h1><p>Puts videos back in order.</p></header>')
        with gr.Tabs():
            for name, build_tab in _TABS.items():
                with gr.Tab(name, id=name.lower()):
                    build_tab(house)

        def leave(request: gr.Request) -> None:
            house.jobs.cancel(request.session_hash)

        page.unload(leave)
    # Work is bounded by the machine, not by how many pages wait for one another.
    page.queue(default_concurrency_limit=None, api_open=False)
    return page


def looks() -> dict[str, Any]:
    """What `launch` takes of theme and style: the system's own fonts, and no link to elsewhere."""
    theme = gr.themes.Default(
        primary_hue="teal",
        neutral_hue="slate",
        font=["system-ui", "sans-serif"],
        font_mono=["ui-monospace", "monospace"],
    )
    css = "".join((files(__package__) / name).read_text(encoding="utf-8") for name in ("page.css", "tabs.css"))
    return {"theme": theme, "css": css, "footer_links": []}

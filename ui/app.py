"""Build the page from its tabs, and style it without any resource from another server."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import gradio as gr

from .context import PageContext
from .fields import QUIET
from .html import render, static_file
from .library.tab import library_tab
from .measure.tab import measure_tab
from .reconstruct.tab import reconstruct_tab
from .repair.tab import repair_tab
from .search.tab import search_tab

Refresh = tuple[Callable[..., Any], list[Any] | None, list[Any]]
"""Runs whenever a tab is opened: a function, its inputs and its outputs."""


@dataclass(frozen=True)
class _Tab:
    name: str
    build: Callable[[PageContext], Refresh | None]
    purpose: str
    """Shown below the tabs, for somebody who sees the tab for the first time."""


_TABS = (
    _Tab(
        "Reconstruct",
        reconstruct_tab,
        "Restores the order of a shuffled video and removes frames that don't belong. "
        "You can then correct anything it got wrong.",
    ),
    _Tab(
        "Search",
        search_tab,
        "Finds frames in all videos of the library, by words or by a picture.",
    ),
    _Tab("Library", library_tab, "Indexed videos. They can be searched and re-solved without decoding them again."),
    _Tab("Repair", repair_tab, "Finds smeared, torn and frozen frames of a bad recording, and replaces them."),
    _Tab(
        "Measure",
        measure_tab,
        "Scrambles an intact clip and restores its order, to show how well that works on videos like yours.",
    ),
)

_STYLES = ("page.css", "tabs.css", "repair.css")

# The theme's own colours fall short of a text contrast of 4.5 to 1.
_CONTRAST = {
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
    """Build the page with all its tabs."""
    with gr.Blocks(title="Reelweave", analytics_enabled=False, fill_width=True) as page:
        gr.HTML(render("page.head"))
        with gr.Tabs():
            for tab in _TABS:
                with gr.Tab(tab.name, id=tab.name.lower()) as item:
                    gr.HTML(render("page.purpose", tab.purpose))
                    if refresh := tab.build(context):
                        item.select(*refresh, **QUIET)

        def close_session(request: gr.Request) -> None:
            context.jobs.leave(request.session_hash)
            for clear in context.on_close:
                clear(request.session_hash or "")

        page.unload(close_session)
    # Let sessions run side by side: the machine is the limit, not a queue of the page.
    page.queue(default_concurrency_limit=None, api_open=False)
    return page


def page_style() -> dict[str, Any]:
    """Return the options of `launch` for theme and style: system fonts, and no links to other servers."""
    fonts = {"font": ["system-ui", "sans-serif"], "font_mono": ["ui-monospace", "monospace"]}
    theme = gr.themes.Default(primary_hue="teal", neutral_hue="slate", **fonts).set(**_CONTRAST)
    # Passed as `css`, Gradio would rewrite the style sheet and lose its media queries.
    style = "".join(static_file(name) for name in _STYLES)
    head = render("page.style", style) + render("page.script", static_file("page.js"))
    return {"theme": theme, "head": head, "footer_links": []}

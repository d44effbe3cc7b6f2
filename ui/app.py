"""Build the page from its tabs, and style it without any resource from another server."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import gradio as gr

from .context import PageContext
from .fields import QUIET
from .html import browser_strings, render, static_file
from .library.tab import library_tab
from .measure.tab import measure_tab
from .reconstruct.tab import reconstruct_tab
from .repair.tab import repair_tab
from .search.tab import search_tab
from .strings import STRINGS

Refresh = tuple[Callable[..., Any], list[Any] | None, list[Any]]
"""Runs whenever a tab is opened: a function, its inputs and its outputs."""


@dataclass(frozen=True)
class _Tab:
    id: str
    """Its name in the address of the page."""
    name: str
    build: Callable[[PageContext], Refresh | None]
    purpose: str
    """Shown below the tabs, for somebody who sees the tab for the first time."""


_SHELL = STRINGS.shell
_TABS = (
    _Tab("reconstruct", _SHELL.reconstruct, reconstruct_tab, _SHELL.reconstruct_purpose),
    _Tab("search", _SHELL.search, search_tab, _SHELL.search_purpose),
    _Tab("library", _SHELL.library, library_tab, _SHELL.library_purpose),
    _Tab("repair", _SHELL.repair, repair_tab, _SHELL.repair_purpose),
    _Tab("measure", _SHELL.measure, measure_tab, _SHELL.measure_purpose),
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
    with gr.Blocks(title=_SHELL.name, analytics_enabled=False, fill_width=True) as page:
        gr.HTML(render("page.head"), elem_id="rw-head")
        with gr.Tabs():
            for tab in _TABS:
                with gr.Tab(tab.name, id=tab.id, elem_id=f"tab-{tab.id}") as item:
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
    head = render("page.style", style) + render("page.script", browser_strings() + static_file("page.js"))
    return {"theme": theme, "head": head, "footer_links": []}

"""The page without a mouse: every step of a reconstruction is reached by Tab and done by the keys."""

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from browser import needs_browser, page_of, window
from runs import settings

from reelweave import pipeline
from reelweave.evaluate.drawn.film import draw_film
from reelweave.evaluate.scramble import ScrambleOptions, scramble

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = needs_browser

MOST_TABS = 400
"""Stops of the Tab key after which something is taken to be out of reach."""
_RING = """() => {
    const focused = document.activeElement;
    return [focused, focused.closest('.block')].filter(Boolean).map(one => getComputedStyle(one)).some(style =>
        parseFloat(style.outlineWidth) > 0 && style.outlineStyle !== 'none' || style.boxShadow !== 'none');
}"""


def tab_to(page: "Page", selector: str) -> None:
    """Press Tab until an element that matches has the focus, which must be visible there."""
    for _ in range(MOST_TABS):
        if page.evaluate("selector => document.activeElement.matches(selector)", selector):
            break
        page.keyboard.press("Tab")
    else:
        pytest.fail(f"Tab does not reach {selector}.")
    assert page.evaluate(_RING), f"The focus on {selector} cannot be seen."


def press(page: "Page", selector: str, key: str = "Enter") -> None:
    tab_to(page, selector)
    page.keyboard.press(key)


@pytest.fixture
def library(tmp_path: Path) -> Path:
    draw_film(tmp_path / "film.mp4", frames=24, size=(160, 90))
    scramble(tmp_path / "film.mp4", tmp_path / "shuffled.mp4", ScrambleOptions(seed=1))
    pipeline.ingest(tmp_path / "shuffled.mp4", settings(library=str(tmp_path / "library")))
    return tmp_path / "library"


def test_a_video_is_reconstructed_corrected_and_rendered_by_keys_alone(browser: "Browser", library: Path) -> None:
    with page_of(library) as address, window(browser, address) as page:
        page.locator("#rc-start").wait_for()
        tab_to(page, "#rc-video input")
        page.get_by_role("option", name="shuffled.mp4").wait_for()
        page.keyboard.type("shuf")
        # The list takes keys one after the other: Enter too early selects nothing, and leaving it too early clears it.
        page.locator("[role=option].active").wait_for()
        page.keyboard.press("Enter")
        page.wait_for_function("document.querySelector('#rc-video input').value === 'shuffled.mp4'")
        press(page, "#rc-start")
        page.locator("#rc-films a:has-text('Film')").wait_for()
        page.locator("#rc-cancel").wait_for(state="hidden")
        press(page, "#rc-films [data-player=play]", "Space")
        page.wait_for_function("[...document.querySelectorAll('#rc-films video')].every(film => !film.paused)")
        page.keyboard.press("k")
        press(page, "#rc-shots .rw-frame")
        page.locator("#rc-selected .rw-frame").first.wait_for()
        # The panel of the frame is above the strips.
        tab_back(page, "#rc-selected [data-action=last]")
        page.keyboard.press("Space")
        page.locator("#rc-corrections .rw-chip").wait_for()
        page.locator("#rc-corrections:not(:has(.rw-warning))").wait_for()
        page.locator("#rc-cancel").wait_for(state="hidden")
        page.keyboard.press("Control+z")
        page.locator("#rc-corrections:not(:has(.rw-chip)):not(:has(.rw-warning))").wait_for()
        page.locator("#rc-cancel").wait_for(state="hidden")
        tab_back(page, "#rc-render")
        page.keyboard.press("Enter")
        page.locator("#rc-films a:has-text('Film')").wait_for()
        tab_back(page, "#rc-films a[download$='.mp4']")
        with page.expect_download() as waiting:
            page.keyboard.press("Enter")
        assert waiting.value.suggested_filename.endswith(".mp4")


def tab_back(page: "Page", selector: str) -> None:
    """Press Shift+Tab until an element that matches has the focus."""
    for _ in range(MOST_TABS):
        if page.evaluate("selector => document.activeElement.matches(selector)", selector):
            return
        page.keyboard.press("Shift+Tab")
    pytest.fail(f"Shift+Tab does not reach {selector}.")


def test_every_tab_is_opened_and_its_message_dismissed_by_keys(browser: "Browser", library: Path) -> None:
    with page_of(library) as address, window(browser, address) as page:
        page.locator("#rc-start").wait_for()
        for tab, prefix in (("search", "se"), ("library", "li"), ("repair", "rp"), ("measure", "me")):
            press(page, f"[role=tab][data-tab-id={tab}]")
            press(page, f"#{prefix}-start")
            page.get_by_role("alert").wait_for()
            press(page, f"#{prefix}-status [data-dismiss]")
            page.get_by_role("alert").wait_for(state="detached")

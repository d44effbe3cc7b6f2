"""The page as its user meets it: the real server, and a real browser."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest
from browser import chromium, needs_browser, page_of
from runs import settings

from reelweave import pipeline

pytest.importorskip("gradio")
pytest.importorskip("playwright")

if TYPE_CHECKING:
    from helpers import Scrambled
    from playwright.sync_api import Browser, Page

pytestmark = needs_browser


@pytest.fixture(scope="module")
def stocked_page(scrambled: "Scrambled", tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The page of a library with one small scrambled film."""
    library = tmp_path_factory.mktemp("page") / "library"
    pipeline.ingest(scrambled.video, settings(library=str(library)))
    with page_of(library) as address:
        yield address


@pytest.fixture(scope="module")
def browser() -> "Iterator[Browser]":
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        found = playwright.chromium.launch(executable_path=chromium(), args=["--no-sandbox"])
        yield found
        found.close()


@pytest.fixture
def page(stocked_page: str, browser: "Browser") -> "Iterator[Page]":
    """A window on the page; whatever it asks of another machine, or complains of, fails the test."""
    window = browser.new_context(viewport={"width": 1280, "height": 800}).new_page()
    strangers, complaints = [], []

    def watched(route, request) -> None:  # type: ignore[no-untyped-def]
        if request.url.startswith((stocked_page, "data:", "blob:")):
            route.continue_()
        else:
            strangers.append(request.url)
            route.abort()

    window.route("**/*", watched)
    window.on("pageerror", lambda error: complaints.append(str(error)))
    window.goto(stocked_page)
    yield window
    window.context.close()
    assert (strangers, complaints) == ([], [])


@pytest.mark.parametrize("name", ["Reconstruct", "Search", "Library", "Repair", "Measure"])
def test_every_tab_opens(page: "Page", name: str) -> None:
    page.get_by_role("tab", name=name).click()
    assert page.get_by_role("tabpanel", name=name).is_visible() or page.get_by_role("tab", name=name).is_visible()

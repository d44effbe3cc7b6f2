"""axe-core finds nothing serious in any tab and state, in light and dark, on a phone, a laptop and a large screen."""

import importlib.util
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from browser import needs_browser, page_of, window
from runs import settings

from reelweave import pipeline
from reelweave.evaluate.drawn.film import draw_film
from reelweave.evaluate.scramble import ScrambleOptions, scramble

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = [
    needs_browser,
    pytest.mark.skipif(
        not importlib.util.find_spec("axe_playwright_python"), reason="axe-core is not installed: pip install '.[dev]'"
    ),
]

WIDTHS = (390, 1280, 2560)
_FADED_IN = """Promise.allSettled(
    document.getAnimations().map(one => one.effect.getTiming().iterations === 1 && one.finished)
)"""
"""Wait for what fades in, which has no contrast yet, or is taken away meanwhile."""
_RUN = """async () => {
    const found = await axe.run(document, {resultTypes: ['violations']});
    return found.violations.filter(one => ['serious', 'critical'].includes(one.impact))
        .map(one => `${one.id}: ${one.nodes.slice(0, 3).map(node => node.html.slice(0, 160)).join(' | ')}`);
}"""


def axe() -> str:
    spec = importlib.util.find_spec("axe_playwright_python")
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin).with_name("axe.min.js").read_text(encoding="utf-8")


def serious(page: "Page", where: str) -> list[str]:
    """Return the serious findings."""
    if not page.evaluate("'axe' in window"):
        page.evaluate(axe())
    page.evaluate(_FADED_IN)
    found: list[Any] = page.evaluate(_RUN)
    return [f"{where}: {one}" for one in found]


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A library with words, whose film is out of order."""
    folder = tmp_path_factory.mktemp("axe")
    draw_film(folder / "film.mp4", frames=36, size=(320, 180))
    scramble(folder / "film.mp4", folder / "shuffled.mp4", ScrambleOptions(seed=1, foreign=3))
    pipeline.ingest(
        folder / "shuffled.mp4",
        settings(library=str(folder / "library"), ingest__space="all", clip__model="toy"),
    )
    return folder / "library"


@pytest.fixture(scope="module")
def address(library: Path) -> Iterator[str]:
    with page_of(library, REELWEAVE_CLIP__MODEL="toy") as found:
        yield found


def choose(page: "Page", field: str) -> None:
    page.locator(f"#{field} input").first.click()
    page.get_by_role("option").first.click()


def fill(page: "Page", prefix: str) -> None:
    """Prepare the job of a tab."""
    if prefix in ("rc", "rp", "me"):
        choose(page, f"{prefix}-video")
    if prefix == "se":
        page.locator("#se-text textarea").fill("a red circle")
    if prefix == "li":
        page.locator("#li-videos").get_by_role("button", name="Remove shuffled.mp4").click()


ENDED = {
    "reconstruct": ("rc", "#rc-films a:has-text('Film')"),
    "search": ("se", "#se-gallery .rw-hit"),
    "library": ("li", "#li-videos .rw-question"),
    "repair": ("rp", "#rp-timeline svg"),
    "measure": ("me", "#me-result table"),
}
"""The ids of each tab, and what shows that its job has ended."""


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("tab", ENDED)
def test_nothing_serious_is_found_before_after_and_on_errors(
    browser: "Browser", address: str, tab: str, scheme: str
) -> None:
    prefix, ended = ENDED[tab]
    with window(browser, address, 1280, scheme) as page:
        page.get_by_role("tab", name=tab.title()).click()
        start = page.locator(f"#{prefix}-start")
        start.wait_for()
        found = serious(page, "empty")
        start.click()
        page.get_by_role("alert").wait_for()
        found += serious(page, "error")
        fill(page, prefix)
        if prefix != "li":
            start.click()
        page.locator(ended).first.wait_for()
        page.locator(f"#{prefix}-cancel").wait_for(state="hidden")
        if prefix == "rc":
            page.locator("#rc-shots .rw-frame").nth(3).click()
            page.locator("#rc-selected .rw-frame").first.wait_for()
        for width in WIDTHS:
            page.set_viewport_size({"width": width, "height": 900})
            found += serious(page, f"result, {width} px")
    assert found == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_serious_is_found_while_a_job_runs(
    browser: "Browser", library: Path, tmp_path: Path, scheme: str
) -> None:
    with page_of(tmp_path / "library", variant="slow") as address, window(browser, address, 1280, scheme) as page:
        page.locator("#rc-upload input[type=file]").set_input_files(str(library.parent / "film.mp4"))
        page.locator("#rc-upload").get_by_text("KB").first.wait_for()
        page.locator("#rc-start").click()
        page.locator(".rw-progress :text('of 36')").wait_for()
        found = serious(page, "running")
        page.get_by_role("button", name="Cancel").click()
        page.get_by_role("button", name="Resume").wait_for()
        assert found + serious(page, "cancelled") == []


def test_a_button_without_a_name_would_be_found(browser: "Browser", address: str) -> None:
    with window(browser, address) as page:
        page.locator("#rc-start").wait_for()
        page.evaluate("document.querySelector('#rc-start').insertAdjacentHTML('afterend', '<button></button>')")
        assert any("button-name" in one for one in serious(page, "broken"))

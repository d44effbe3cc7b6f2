"""The tab Repair in a real browser: broken frames are found, corrected, replaced, sorted and learnt from."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from browser import browsing, needs_browser, overflow, page_of, plays, screenshot, window
from helpers import decoded
from runs import settings

from reelweave import pipeline
from reelweave.evaluate.damage import Damage
from reelweave.evaluate.film import draw_film
from reelweave.evaluate.scramble import ScrambleOptions, scramble

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = needs_browser

FRAMES = 90
DAMAGE = Damage(("tears", "noise", "grey"), 0.2)


@pytest.fixture(scope="module")
def browser() -> "Iterator[Browser]":
    with browsing() as found:
        yield found


@pytest.fixture(scope="module")
def tape(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A film with torn, noisy and grey frames."""
    folder = tmp_path_factory.mktemp("tape")
    draw_film(folder / "film.mp4", frames=FRAMES, size=(320, 180))
    scramble(folder / "film.mp4", folder / "tape & <b>film.mp4", ScrambleOptions(seed=4, shuffle=False, damage=DAMAGE))
    return folder / "tape & <b>film.mp4"


@pytest.fixture(scope="module")
def found(tape: Path) -> list[int]:
    return pipeline.find_broken(tape, settings()).broken


@pytest.fixture(scope="module")
def library(tape: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page's library, with the film in it."""
    folder = tmp_path_factory.mktemp("repair") / "library"
    pipeline.ingest(tape, settings(library=str(folder)))
    return folder


@pytest.fixture(scope="module")
def address(library: Path) -> Iterator[str]:
    with page_of(library) as found:
        yield found


@pytest.fixture
def page(address: str, browser: "Browser") -> "Iterator[Page]":
    with window(browser, address) as found:
        show(found)
        yield found


def show(page: "Page") -> None:
    page.get_by_role("tab", name="Repair").click()


def give(page: "Page", video: Path) -> None:
    page.locator("#rp-upload input[type=file]").set_input_files(str(video))
    page.locator("#rp-upload").get_by_text("KB").first.wait_for()


def look(page: "Page", then: str = "#rp-timeline svg") -> None:
    page.get_by_role("button", name="Look for broken frames").click()
    page.locator(then).first.wait_for()


def repair(page: "Page") -> None:
    page.get_by_role("button", name="Repair", exact=True).click()
    page.locator("#rp-films video").first.wait_for()
    page.locator("#rp-films .rw-open").wait_for(state="detached")


def count(page: "Page", broken: int) -> None:
    """The page says that so many frames are broken."""
    page.locator("#rp-summary dd").nth(2).get_by_text(str(broken), exact=True).wait_for()


def listed(page: "Page", folder: Path) -> list[dict[str, object]]:
    with page.expect_download() as waiting:
        page.locator("#rp-films").get_by_role("link", name="List").click()
    waiting.value.save_as(folder / "list.json")
    frames: list[dict[str, object]] = json.loads((folder / "list.json").read_text())["frames"]
    return frames


def test_a_damaged_film_that_is_dropped_comes_out_repaired(
    page: "Page", tape: Path, found: list[int], tmp_path: Path
) -> None:
    give(page, tape)
    look(page)
    count(page, len(found))
    assert page.locator("#rp-list h4").count() >= 2
    assert page.locator("#rp-films .rw-gap img").count() > len(found)
    repair(page)
    films = page.locator("#rp-films video")
    assert [plays(films.nth(place)) for place in range(2)] == [True, True]
    with page.expect_download() as waiting:
        page.locator("#rp-films").get_by_role("link", name="Film").click()
    waiting.value.save_as(tmp_path / "film.mp4")
    assert waiting.value.suggested_filename.endswith(".repaired.mp4")
    assert len(decoded(tmp_path / "film.mp4")) == FRAMES
    assert [row["frame"] for row in listed(page, tmp_path)] == found
    assert page.locator("#rp-case b:text-is('film.mp4')").count() == 0


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
def test_it_fits_a_phone_and_a_laptop(address: str, browser: "Browser", tape: Path, width: int, scheme: str) -> None:
    with window(browser, address, width, scheme) as page:
        show(page)
        give(page, tape)
        look(page)
        repair(page)
        assert plays(page.locator("#rp-films video").last)
        assert overflow(page) == 0
        screenshot(page, f"page-repair-{width}-{scheme}")

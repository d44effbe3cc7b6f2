"""The buttons below errors, in a real browser: each does what it says, and what had failed starts again."""

from pathlib import Path
from typing import TYPE_CHECKING

from browser import needs_browser, page_of, window
from helpers import write_clip
from runs import settings

from reelweave import pipeline
from reelweave.evaluate.drawn.film import draw_film, film_frames
from reelweave.index import manage

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = needs_browser


def choose(page: "Page", tab: str, field: str, name: str) -> None:
    page.get_by_role("tab", name=tab).click()
    page.locator(f"#{field} input").click()
    page.get_by_role("option", name=name).click()


def test_words_are_made_searchable_by_the_buttons_below_the_errors(browser: "Browser", tmp_path: Path) -> None:
    draw_film(tmp_path / "film.mp4", frames=24, size=(160, 90))
    pipeline.ingest(tmp_path / "film.mp4", settings(library=str(tmp_path / "library")))
    with page_of(tmp_path / "library") as address, window(browser, address) as page:
        page.get_by_role("tab", name="Search").click()
        page.get_by_label("Words").fill("a red circle")
        page.get_by_role("button", name="Search", exact=True).click()
        failed = page.locator("#se-status")
        # There is no network, so that the download ends in the same offers.
        failed.get_by_role("button", name="Download the model").click()
        failed.get_by_text("is not on this machine").wait_for()
        failed.get_by_role("button", name="Try the small model").click()
        failed.get_by_role("button", name="Add the missing vectors").click()
        page.locator("#se-gallery .rw-hit").first.wait_for()
        page.locator("#se-words", has_text="understood by the small model").wait_for()


def test_a_moved_file_is_located_and_the_work_starts(browser: "Browser", tmp_path: Path) -> None:
    write_clip(tmp_path / "tape.mp4", [*film_frames(20, (160, 90), 0)])
    pipeline.ingest(tmp_path / "tape.mp4", settings(library=str(tmp_path / "library")))
    (tmp_path / "moved").mkdir()
    (tmp_path / "tape.mp4").rename(tmp_path / "moved" / "tape.mp4")
    with page_of(tmp_path / "library") as address, window(browser, address) as page:
        choose(page, "Repair", "rp-video", "tape.mp4")
        page.get_by_role("button", name="Find broken frames").click()
        page.get_by_label("Where is tape.mp4 now?").fill(str(tmp_path / "moved"))
        page.keyboard.press("Enter")
        page.locator("#rp-timeline svg").wait_for()
    row = manage.show_video("tape.mp4", settings(library=str(tmp_path / "library")))
    assert row["source"] == str((tmp_path / "moved" / "tape.mp4").resolve())


def test_a_cancelled_job_is_resumed_by_its_button(browser: "Browser", tmp_path: Path) -> None:
    draw_film(tmp_path / "film.mp4", frames=24, size=(160, 90))
    with page_of(tmp_path / "library", variant="slow") as address, window(browser, address) as page:
        page.locator("#rc-upload input[type=file]").set_input_files(str(tmp_path / "film.mp4"))
        page.locator("#rc-upload").get_by_text("KB").first.wait_for()
        page.get_by_role("button", name="Restore order").click()
        page.locator(".rw-progress :text('of 24')").wait_for()
        page.get_by_role("button", name="Cancel").click()
        page.get_by_role("button", name="Resume").click()
        page.locator("#rc-films a:has-text('Film')").wait_for()
    assert manage.list_videos(settings(library=str(tmp_path / "library")))[0]["state"] == "complete"

"""The Reconstruct tab, as a user works it: give a video, restore its order, correct it."""

from pathlib import Path
from typing import TYPE_CHECKING

from reelweave.evaluate.drawn.film import draw_film
from reelweave.evaluate.scramble import ScrambleOptions, scramble

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page

FOREIGN = 4


def shuffled_film(folder: Path) -> Path:
    """A film of 48 frames out of order and four foreign frames."""
    draw_film(folder / "film.mp4", frames=48, size=(320, 180))
    scramble(folder / "film.mp4", folder / "shuffled.mp4", ScrambleOptions(seed=1, foreign=FOREIGN))
    return folder / "shuffled.mp4"


def give(page: "Page", video: Path) -> None:
    page.locator("#rc-upload input[type=file]").set_input_files(str(video))
    page.locator("#rc-upload").get_by_text(video.stem[:8]).first.wait_for()


def pick(page: "Page", name: str) -> None:
    page.get_by_label("or choose one from the library").click()
    page.get_by_role("option", name=name).click()


def restore_order(page: "Page", then: str = "#rc-films a:has-text('Film')") -> None:
    page.get_by_role("button", name="Restore order").click()
    page.locator(then).first.wait_for()


def solved(page: "Page", corrections: int = 1) -> None:
    """Wait until there are so many corrections, and the plan holds to them."""
    page.locator(f"#rc-corrections:has(.rw-corrections):not(:has(.rw-chip:nth-child({corrections + 1})))").wait_for()
    if corrections:
        page.locator("#rc-corrections .rw-chip").nth(corrections - 1).wait_for()
    page.locator("#rc-corrections:not(:has(.rw-warning))").wait_for()
    page.locator("#rc-cancel").wait_for(state="hidden")


def downloaded(page: "Page", words: str, folder: Path) -> Path:
    with page.expect_download() as waiting:
        page.get_by_role("link", name=f"Download: {words}", exact=True).click()
    target = folder / waiting.value.suggested_filename
    waiting.value.save_as(target)
    return target


def frames_of(strip: "Locator") -> list[int]:
    return [int(text) for text in strip.locator(".rw-number").all_inner_texts()]


def choose(page: "Page", frame: int) -> None:
    page.locator("#rc-shots").get_by_role("button", name=f"frame {frame}", exact=True).click()
    page.locator("#rc-selected", has_text=f"frame {frame}, position").wait_for()


def shot_heads(page: "Page") -> list[str]:
    return page.locator("#rc-shots .rw-shot-head").all_inner_texts()

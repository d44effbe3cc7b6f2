"""The Measure tab in a real browser: scramble a clip, restore its order, score the result."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from browser import faint, needs_browser, overflow, page_of, plays, screenshot, window
from runs import settings

from reelweave import pipeline
from reelweave.evaluate.truth import read_truth
from reelweave.index import manage

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = needs_browser

_DECODED = "async image => { image.loading = 'eager'; await image.decode(); return image.naturalWidth > 0; }"


@pytest.fixture(scope="module")
def library(film: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("measure") / "library"
    pipeline.ingest(film, settings(library=str(folder)))
    return folder


@pytest.fixture(scope="module")
def address(library: Path) -> Iterator[str]:
    with page_of(library) as found:
        yield found


def show(page: "Page") -> None:
    page.get_by_role("tab", name="Measure").click()


def measure(page: "Page", then: str, **numbers: int) -> None:
    for name, value in numbers.items():
        page.locator(f"#me-{name} input").fill(str(value))
    page.get_by_role("button", name="Run the test").click()
    page.locator(then).first.wait_for()


def score(page: "Page", name: str) -> str:
    return page.get_by_role("row", name=name).locator("td").first.inner_text()


def test_an_uploaded_clip_is_scrambled_restored_and_scored(
    browser: "Browser", address: str, library: Path, film: Path, tmp_path: Path
) -> None:
    with window(browser, address) as page:
        show(page)
        page.locator("#me-upload input[type=file]").set_input_files(str(film))
        page.locator("#me-upload").get_by_text("KB").first.wait_for()
        measure(page, "#me-result table", frames=40, foreign=3, seed=2)
        page.locator("#me-cancel").wait_for(state="hidden")
        assert 0.5 < float(score(page, "adjacency")) <= 1
        assert score(page, "exact") in ("yes", "no")
        assert "43 frames" in page.get_by_role("row", name="seconds").inner_text()
        films = page.locator("#me-result video")
        # A film without a start time shows black until it plays.
        assert all("#t=" in (films.nth(place).get_attribute("src") or "") for place in range(3))
        assert [plays(films.nth(place)) for place in range(3)] == [True] * 3
        shown = page.locator("#me-result img")
        assert shown.count() == 4
        assert all(shown.nth(place).evaluate(_DECODED) for place in range(4))
        with page.expect_download() as waiting:
            page.get_by_role("link", name="Ground truth").click()
        waiting.value.save_as(tmp_path / "truth.json")
    truth = read_truth(tmp_path / "truth.json")
    assert (truth.seed, len(truth.frames), truth.frames.count(-1)) == (2, 43, 3)
    # A measurement leaves nothing in the library.
    assert len(manage.list_videos(settings(library=str(library)))) == 1


def test_the_clip_chosen_last_is_measured(browser: "Browser", address: str, film: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.mp4"
    other.write_bytes(film.read_bytes())
    with window(browser, address) as page:
        show(page)
        page.locator("#me-upload input[type=file]").set_input_files(str(other))
        page.locator("#me-upload").get_by_text("KB").first.wait_for()
        page.locator("#me-video input").click()
        page.get_by_role("option", name="film.mp4").click()
        page.locator("#me-upload").get_by_text("KB").first.wait_for(state="detached")
        measure(page, "#me-result table", frames=20, foreign=0)
        assert page.locator("#me-result figcaption", has_text="film.mp4").count() == 1
        page.locator("#me-upload input[type=file]").set_input_files(str(other))
        page.wait_for_function("document.querySelector('#me-video input').value === ''")


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (390, "dark")])
def test_a_video_of_the_library_is_measured_on_a_phone_and_a_laptop(
    browser: "Browser", address: str, width: int, scheme: str
) -> None:
    with window(browser, address, width, scheme) as page:
        show(page)
        page.locator("#me-video input").click()
        page.get_by_role("option", name="film.mp4").click()
        measure(page, "#me-result table", frames=30, foreign=2)
        assert all(plays(page.locator("#me-result video").nth(place)) for place in range(3))
        assert (overflow(page), faint(page)) == (0, [])
        screenshot(page, f"page-measure-{width}-{scheme}", 1900)


def test_a_measurement_can_be_cancelled(browser: "Browser", library: Path, film: Path) -> None:
    def made() -> set[Path]:
        return set(library.with_name(f"{library.name}.page").glob("run-*/outputs/*"))

    with page_of(library, variant="slow") as address, window(browser, address) as page:
        before = made()
        show(page)
        page.locator("#me-upload input[type=file]").set_input_files(str(film))
        page.locator("#me-upload").get_by_text("KB").first.wait_for()
        measure(page, ".rw-progress :text('Reading the frames')", frames=0)
        page.get_by_role("button", name="Cancel").click()
        page.get_by_text("Cancelled.").wait_for()
        assert page.locator("#me-result table").count() == 0
        assert made() == before


def test_a_missing_clip_and_a_broken_one_are_reported(browser: "Browser", address: str, tmp_path: Path) -> None:
    (tmp_path / "broken.mp4").write_bytes(b"this is no video\n" * 100)
    with window(browser, address) as page:
        show(page)
        measure(page, "[role=alert]:has-text('No video was given')")
        page.locator("#me-upload input[type=file]").set_input_files(str(tmp_path / "broken.mp4"))
        page.locator("#me-upload").get_by_text("KB").first.wait_for()
        measure(page, "[role=alert]:has-text('not a video')")

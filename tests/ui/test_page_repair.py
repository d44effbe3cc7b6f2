"""The Repair tab in a real browser: find, correct and replace broken frames, label some and train a detector."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from browser import faint, needs_browser, overflow, page_of, plays, screenshot, window
from helpers import decoded
from runs import settings, wait_until

from reelweave import pipeline
from reelweave.evaluate.damage import Damage
from reelweave.evaluate.drawn.film import draw_film
from reelweave.evaluate.scramble import ScrambleOptions, scramble
from reelweave.repair.repair import find_broken_frames

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = needs_browser

FRAMES = 90
DAMAGE = Damage(("tears", "noise", "grey"), 0.2)


@pytest.fixture(scope="module")
def tape(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A film with torn, noisy and grey frames."""
    folder = tmp_path_factory.mktemp("tape")
    draw_film(folder / "film.mp4", frames=FRAMES, size=(192, 108))
    scramble(folder / "film.mp4", folder / "tape & <b>film.mp4", ScrambleOptions(seed=4, shuffle=False, damage=DAMAGE))
    return folder / "tape & <b>film.mp4"


@pytest.fixture(scope="module")
def found(tape: Path) -> list[int]:
    return find_broken_frames(tape, settings()).broken


@pytest.fixture(scope="module")
def library(tape: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page's library, which contains the film."""
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
    page.get_by_role("button", name="Find broken frames").click()
    page.locator(then).first.wait_for()


def repair(page: "Page") -> None:
    page.get_by_role("button", name="Repair", exact=True).click()
    page.locator("#rp-films video").first.wait_for()
    page.locator("#rp-summary .rw-warning").wait_for(state="detached")


def count(page: "Page", broken: int) -> None:
    """Wait until the page shows so many broken frames."""
    page.locator("#rp-summary dd").nth(2).get_by_text(str(broken), exact=True).wait_for()


def listed(page: "Page", folder: Path) -> list[dict[str, object]]:
    with page.expect_download() as waiting:
        page.locator("#rp-films").get_by_role("link", name="Frame list").click()
    waiting.value.save_as(folder / "list.json")
    frames: list[dict[str, object]] = json.loads((folder / "list.json").read_text())["frames"]
    return frames


def test_an_uploaded_film_is_repaired(page: "Page", tape: Path, found: list[int], tmp_path: Path) -> None:
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
    assert page.locator("#rp-films").get_by_role("link", name="Edit lists").is_visible()


def pick(page: "Page", video: Path) -> None:
    page.locator("#rp-video").get_by_label("or choose one from the library").click()
    page.get_by_role("option", name=video.name).click()


def test_the_user_corrects_which_frames_are_broken(page: "Page", tape: Path, found: list[int], tmp_path: Path) -> None:
    pick(page, tape)
    look(page)
    assert tape.name in page.locator("#rp-summary").inner_text()
    first, _, last = page.locator("#rp-list li b").first.inner_text().partition(" to ")
    off = set(range(int(first), int(last or first) + 1))
    page.locator("#rp-list button").first.click()
    count(page, len(found) - len(off))
    page.locator("#rp-list button").first.click()
    count(page, len(found))
    page.locator("#rp-list button").first.click()
    page.get_by_label("Mark frames yourself").fill("2-3")
    page.get_by_role("button", name="Mark as broken").click()
    count(page, len(found) - len(off) + 2)
    page.get_by_label("Mark frames yourself").fill(str(found[-1]))
    page.get_by_role("button", name="Mark as clean").click()
    count(page, len(found) - len(off) + 1)
    page.locator("#rp-method input").click()
    page.get_by_role("option", name="hold").click()
    repair(page)
    rows = listed(page, tmp_path)
    assert {row["frame"] for row in rows} == {2, 3} | set(found[:-1]) - off
    assert {row["method"] for row in rows} == {"hold"}
    assert [row["frame"] for row in rows if row["class"] == "user"] == [2, 3]
    page.locator("#rp-list button").first.click()
    page.get_by_text("The list has changed").wait_for()


@pytest.mark.parametrize(("text", "message"), [("x", "neither a number"), ("500", "no frame 500")])
def test_invalid_frame_numbers_are_reported(
    page: "Page", tape: Path, found: list[int], text: str, message: str
) -> None:
    pick(page, tape)
    look(page)
    page.get_by_label("Mark frames yourself").fill(text)
    page.get_by_role("button", name="Mark as broken").click()
    page.get_by_role("alert").get_by_text(message).wait_for()
    count(page, len(found))


def test_a_number_out_of_bounds_is_reported_on_the_page_only(page: "Page", tape: Path) -> None:
    """The page's fixture checks that the terminal stays silent."""
    pick(page, tape)
    look(page)
    page.get_by_label("Longest gap to fill").fill("-5")
    page.get_by_role("button", name="Repair", exact=True).click()
    page.get_by_text("less than minimum value 1").wait_for()


def test_a_button_plays_both_films_around_a_gap(page: "Page", tape: Path, found: list[int]) -> None:
    page.get_by_label("or enter the path of a file").fill(str(tape))
    look(page)
    repair(page)
    films = page.locator("#rp-films video")
    assert [plays(films.nth(place)) for place in range(2)] == [True, True]
    page.get_by_role("button", name="play frame").last.click()
    for place in range(2):
        page.wait_for_function("film => film.currentTime > 1 && !film.paused", arg=films.nth(place).element_handle())
    # The loop returns to its begin, not to that of the film, even where the gap is at the end.
    start = float(page.get_by_role("button", name="play frame").last.get_attribute("data-from") or 0)
    least = """([film, start]) => new Promise(done => {
        let turned = 0, last = film.currentTime, least = last;
        const look = () => {
            const now = film.currentTime;
            least = Math.min(least, now);
            if (now < last - 0.2) turned += 1;
            last = now;
            if (turned === 2) done(least); else requestAnimationFrame(look);
        };
        look();
    })"""
    assert page.evaluate(least, [films.nth(1).element_handle(), start]) >= start - 0.1


def test_a_file_with_decoding_errors_plays_before_and_after(page: "Page", tape: Path, tmp_path: Path) -> None:
    flipped, data = tmp_path / "flipped.mp4", bytearray(tape.read_bytes())
    start = data.index(b"mdat") + 4
    for at in range(start + len(data) // 3, start + len(data) // 3 + 4000, 40):
        data[at] ^= 0x55
    flipped.write_bytes(data)
    assert find_broken_frames(flipped, settings()).guessed
    give(page, flipped)
    look(page)
    repair(page)
    films = page.locator("#rp-films video")
    assert [plays(films.nth(place)) for place in range(2)] == [True, True]


def pictures_to_label(page: "Page", most: int) -> None:
    page.get_by_role("button", name="Train on your own recordings").click()
    page.get_by_label("Pictures from the video above").fill(str(most))
    page.get_by_role("button", name="Pick doubtful frames").click()
    page.locator("#rp-label img").wait_for()


def shown_frame(page: "Page") -> int:
    return int(str(page.locator("#rp-label img").get_attribute("alt")).split()[1])


def press(page: "Page", key: str) -> None:
    """Press a key and wait until another picture, or none, is shown."""
    before = page.locator("#rp-label img").get_attribute("alt")
    page.keyboard.press(key)
    page.wait_for_function("before => (document.querySelector('#rp-label img') || {}).alt !== before", arg=before)


def test_frames_are_labelled_by_keys_and_the_trained_detector_is_used(
    browser: "Browser", tape: Path, found: list[int], tmp_path: Path
) -> None:
    library = tmp_path / "library"
    labels = tmp_path / "library.page" / "labels"
    with page_of(library) as address, window(browser, address) as page:
        show(page)
        give(page, tape)
        pictures_to_label(page, 24)
        assert str(labels) in page.locator("#rp-training").inner_text()
        page.get_by_role("button", name="Train", exact=True).click()
        page.get_by_role("alert").get_by_text("too few").wait_for()
        first = shown_frame(page)
        press(page, "b")
        press(page, "u")
        assert shown_frame(page) == first
        press(page, "s")
        press(page, "b" if shown_frame(page) in found else "c")
        screenshot(page, "page-repair-label", part="#rp-label .rw-label")
        while page.locator("#rp-label img").count():
            press(page, "b" if shown_frame(page) in found else "c")
        labelled = {kind: {int(file.stem[-6:]) for file in (labels / kind).iterdir()} for kind in ("breakup", "clean")}
        assert labelled["breakup"] <= set(found)
        assert not labelled["clean"] & set(found)
        assert min(map(len, labelled.values())) >= 5
        assert page.request.get(f"{address}gradio_api/file={next((labels / 'clean').iterdir())}").status == 403
        page.get_by_role("button", name="Train", exact=True).click()
        page.locator("#rp-trained table").wait_for()
        text = page.locator("#rp-trained").inner_text()
        assert all(name in text for name in ("Precision", "Recall", "Threshold"))
        assert page.locator("#rp-trained tbody tr").count() == 1
        page.get_by_role("button", name="Use this detector").click()
        page.locator("#rp-summary", has_text="trained detector").wait_for()
        page.locator("#rp-timeline svg").wait_for()


@pytest.mark.parametrize("name", ["no film.mp4", "<img src=x onerror=alert(1)>.mp4"])
def test_an_upload_that_is_not_a_video_is_reported(page: "Page", tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"this is no video\n" * 100)
    give(page, tmp_path / name)
    look(page, "#rp-status [role=alert]")
    assert page.locator("#rp-status img").count() == 0
    assert not page.locator("#rp-result").is_visible()


def test_a_missing_video_is_reported(page: "Page") -> None:
    look(page, "#rp-status [role=alert]:has-text('No video was given')")


def test_a_survey_can_be_cancelled_and_repeated(browser: "Browser", tape: Path, tmp_path: Path) -> None:
    with page_of(tmp_path / "library", variant="slow") as address, window(browser, address) as page:
        show(page)
        give(page, tape)
        look(page, "#rp-status .rw-progress :text('Looking for broken frames')")
        page.locator("#rp-cancel").click()
        page.get_by_text("Cancelled.").wait_for()
        assert not page.locator("#rp-result").is_visible()
        look(page)


def test_the_files_of_a_closed_window_are_deleted(browser: "Browser", tape: Path, tmp_path: Path) -> None:
    with page_of(tmp_path / "library") as address:
        with window(browser, address) as page:
            show(page)
            give(page, tape)
            look(page)
            repair(page)
            assert list(tmp_path.rglob("*.repaired.mp4"))
        wait_until(lambda: not list(tmp_path.rglob("*.repaired.mp4")))


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
def test_it_fits_a_phone_and_a_laptop(address: str, browser: "Browser", tape: Path, width: int, scheme: str) -> None:
    with window(browser, address, width, scheme) as page:
        show(page)
        give(page, tape)
        look(page)
        repair(page)
        assert plays(page.locator("#rp-films video").last)
        assert (overflow(page), faint(page)) == (0, [])
        thumbnail = page.locator("#rp-films .rw-gap img").first
        assert thumbnail.evaluate("image => image.clientWidth") >= 100
        screenshot(page, f"page-repair-{width}-{scheme}", 2000)
        pictures_to_label(page, 4)
        page.locator("#rp-label").scroll_into_view_if_needed()
        assert (overflow(page), faint(page)) == (0, [])

"""The Search tab in a real browser: find, play and export frames, and report what cannot be searched."""

import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np
import pytest
from browser import faint, needs_browser, overflow, page_of, plays, screenshot, window
from helpers import decoded, pictures, write_clip, write_pictures
from runs import settings
from tiny_clip import make_tiny_clip

from reelweave import pipeline
from reelweave.index import manage
from reelweave.media.types import Picture

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = needs_browser

EVIL = "<img src=x onerror=alert(1)> ${alert(2)} {{7}} & co.mp4"
SIZE = (320, 180)


def saved(picture: Picture, file: Path) -> Path:
    cv2.imwrite(str(file), picture)
    return file


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A library of two films, one with a name that looks like code, and a folder of pictures, with CLIP vectors."""
    folder = tmp_path_factory.mktemp("searched")
    model = make_tiny_clip(folder / "model")
    films = folder / "films"
    films.mkdir()
    write_clip(films / "meadow.mp4", pictures(50, SIZE, seed=1))
    write_clip(films / EVIL, [np.asarray(255 - p) for p in pictures(50, SIZE, seed=5)])
    write_pictures(folder / "stills", pictures(8, SIZE, seed=9))
    configured = settings(library=str(folder / "library"), ingest__space="all", clip__model=f"local-dir:{model}")
    for result in pipeline.ingest_all([films, folder / "stills"], configured):
        assert not result.error
    return folder


@pytest.fixture(scope="module")
def address(folder: Path) -> Iterator[str]:
    with page_of(folder / "library", REELWEAVE_CLIP__MODEL=f"local-dir:{folder / 'model'}") as found:
        yield found


@pytest.fixture
def page(address: str, browser: "Browser") -> "Iterator[Page]":
    with window(browser, address) as found:
        opened(found)
        yield found


def opened(page: "Page") -> None:
    page.get_by_role("tab", name="Search").click()


def give(page: "Page", picture: Path) -> None:
    if (clear := page.locator("#se-picture").get_by_label("Clear")).count():
        clear.click()
        page.locator("#se-preview img").wait_for(state="detached")
    page.locator("#se-picture input[type=file]").set_input_files(str(picture))
    page.locator("#se-preview").locator("img, [role=alert]").first.wait_for()


def search(page: "Page", then: str = "#se-gallery .rw-hit") -> None:
    page.get_by_role("button", name="Search", exact=True).click()
    page.locator(then).first.wait_for()
    page.locator("#se-cancel").wait_for(state="hidden")


def pick(page: "Page", field: str, choice: str) -> None:
    page.locator(f"{field} input").first.click()
    page.get_by_role("option", name=choice).click()


def more(page: "Page") -> None:
    page.get_by_role("button", name="Filters").click()
    page.locator("#se-threshold").wait_for()


def play(page: "Page", place: int) -> str:
    page.locator("#se-gallery .rw-hit").nth(place).click()
    page.locator("#se-player video").wait_for()
    page.locator("#se-cancel").wait_for(state="hidden")
    assert plays(page.locator("#se-player video"))
    return page.locator("#se-player figcaption").inner_text()


def downloaded(page: "Page", button: str, text: str, folder: Path) -> Path:
    page.locator(button).click()
    with page.expect_download() as waiting:
        page.locator("#se-files a", has_text=text).click()
    target = folder / waiting.value.suggested_filename
    waiting.value.save_as(target)
    return target


def test_a_picture_finds_its_frame_and_a_click_plays_it(page: "Page", folder: Path, tmp_path: Path) -> None:
    give(page, saved(decoded(folder / "films" / EVIL)[20], tmp_path / "seen.png"))
    search(page)
    best = page.locator("#se-gallery .rw-hit").first
    assert best.locator(".rw-hit-score").inner_text() == "1.00"
    assert best.locator(".rw-hit-time").inner_text() == "0:00.80"
    # The name is shown letter by letter, and none of it runs.
    assert best.locator(".rw-hit-name").inner_text() == EVIL
    assert play(page, 0) == f"{EVIL}, 0:00.80"


def test_the_excerpt_plays_around_the_frame_found(page: "Page", folder: Path, tmp_path: Path) -> None:
    give(page, saved(decoded(folder / "films" / "meadow.mp4")[2], tmp_path / "seen.png"))
    search(page)
    play(page, 0)
    # From the start of the film, less than two seconds before the frame, to two seconds after it.
    seconds = page.locator("#se-player video").evaluate("video => video.duration")
    assert 1.9 <= seconds <= 2.2


def test_words_and_a_picture_are_searched_together(page: "Page", folder: Path, tmp_path: Path) -> None:
    page.get_by_label("Words").fill("a red ball")
    search(page)
    words = page.locator("#se-gallery .rw-hit-score").all_inner_texts()
    assert "by content" in page.locator("#se-summary").inner_text()
    page.locator("#se-gallery .rw-hits").evaluate("list => list.classList.add('before')")
    give(page, saved(decoded(folder / "films" / "meadow.mp4")[30], tmp_path / "seen.png"))
    search(page, "#se-gallery .rw-hits:not(.before)")
    assert page.locator("#se-gallery .rw-hit-score").all_inner_texts() != words


def test_only_chosen_videos_are_searched_and_clips_play(page: "Page", folder: Path, tmp_path: Path) -> None:
    give(page, saved(decoded(folder / "films" / "meadow.mp4")[25], tmp_path / "seen.png"))
    more(page)
    pick(page, "#se-videos", "stills")
    page.keyboard.press("Escape")
    page.get_by_label("Group neighbouring results").check()
    search(page)
    assert set(page.locator("#se-gallery .rw-hit-name").all_inner_texts()) == {"stills"}
    assert " to " in play(page, 0)


def test_results_can_be_downloaded(page: "Page", folder: Path, tmp_path: Path) -> None:
    give(page, saved(decoded(folder / "films" / "meadow.mp4")[10], tmp_path / "seen.png"))
    search(page)
    with zipfile.ZipFile(downloaded(page, "#se-frames", "Frames", tmp_path)) as frames:
        names = [name for name in frames.namelist() if name.endswith(".jpg")]
        first = np.frombuffer(frames.read(min(names)), np.uint8)
    assert len(names) == page.locator("#se-gallery .rw-hit").count()
    assert cv2.imdecode(first, cv2.IMREAD_COLOR).shape == (180, 320, 3)
    assert decoded(downloaded(page, "#se-film", "Film", tmp_path))
    assert cv2.imread(str(downloaded(page, "#se-sheet", "Contact sheet", tmp_path))) is not None
    with zipfile.ZipFile(downloaded(page, "#se-edits", "Edit lists", tmp_path)) as packed:
        assert packed.namelist() == ["found.csv", "found.edl", "found.fcpxml", "found.otio"]
        rows = packed.read("found.csv").decode().splitlines()
    assert len(rows) == 1 + page.locator("#se-gallery .rw-hit").count()


def test_an_empty_result_says_what_came_nearest(page: "Page", tmp_path: Path) -> None:
    noise = np.random.default_rng(3).integers(0, 255, (180, 320, 3), np.uint8)
    give(page, saved(noise, tmp_path / "noise.png"))
    more(page)
    pick(page, "#se-threshold", "a score")
    page.locator("#se-score input").fill("0.99")
    search(page, "#se-summary :text('Nothing reaches 0.990')")
    assert page.locator("#se-gallery .rw-hit").count() == 0
    assert not page.locator("#se-frames").is_visible()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        pytest.param("", "The search is empty", id="nothing asked"),
        pytest.param("sea + @/etc/passwd", "cannot name a picture file here", id="a file of the machine"),
        pytest.param("beach - ", "lacks a word", id="a sign without a word"),
    ],
)
def test_an_invalid_search_is_reported(page: "Page", words: str, message: str) -> None:
    page.get_by_label("Words").fill(words)
    search(page, f"[role=alert]:has-text('{message}')")


def test_a_failed_search_leaves_no_earlier_result(page: "Page") -> None:
    page.get_by_label("Words").fill("a ball")
    search(page)
    page.get_by_label("Words").fill("")
    search(page, "#se-status [role=alert]")
    page.locator("#se-gallery .rw-hit").first.wait_for(state="detached")
    assert page.locator("#se-summary").inner_text() == ""
    assert page.locator("#se-sheet").is_hidden()


def test_an_upload_that_is_not_a_picture_is_reported(page: "Page", tmp_path: Path) -> None:
    (tmp_path / "<b>no.png").write_text("no picture")
    give(page, tmp_path / "<b>no.png")
    assert page.locator("#se-preview [role=alert]").is_visible()
    search(page, "#se-status [role=alert]")


def test_a_missing_source_is_reported_when_it_should_play(browser: "Browser", tmp_path: Path) -> None:
    """The search still finds it, and the page keeps answering."""
    clip = write_clip(tmp_path / "clip.mp4", pictures(12, SIZE))
    pipeline.ingest(clip, settings(library=str(tmp_path / "library")))
    picture = saved(decoded(clip)[3], tmp_path / "seen.png")
    clip.rename(tmp_path / "elsewhere.mp4")
    with page_of(tmp_path / "library") as address, window(browser, address) as page:
        opened(page)
        give(page, picture)
        search(page)
        page.locator("#se-gallery .rw-hit").first.click()
        page.get_by_role("alert").get_by_text("missing or have changed").wait_for()
        page.get_by_label("Words").fill("a ball")
        search(page, "[role=alert]:has-text('CLIP')")


def test_videos_added_later_are_found_without_a_restart(browser: "Browser", tmp_path: Path) -> None:
    library = tmp_path / "library"
    clip = write_clip(tmp_path / "clip.mp4", pictures(12, SIZE))
    with page_of(library) as address, window(browser, address) as page:
        opened(page)
        give(page, saved(decoded(clip)[3], tmp_path / "seen.png"))
        search(page, "[role=alert]:has-text('The library is empty')")
        pipeline.ingest(clip, settings(library=str(library)))
        search(page)
        later = write_clip(tmp_path / "later.mp4", [np.asarray(255 - p) for p in pictures(12, SIZE)])
        pipeline.ingest(later, settings(library=str(library)))
        give(page, saved(decoded(later)[3], tmp_path / "later.png"))
        search(page, "#se-gallery .rw-hit-name:text-is('later.mp4')")


def test_a_chosen_video_that_has_been_removed_is_reported_and_can_be_deselected(
    browser: "Browser", tmp_path: Path
) -> None:
    library = settings(library=str(tmp_path / "library"))
    clips = [write_clip(tmp_path / f"{seed}.mp4", pictures(12, SIZE, seed=seed)) for seed in (1, 2)]
    with page_of(tmp_path / "library") as address, window(browser, address) as page:
        # Ingested only now, so that the options show that the first click has been answered.
        for clip in clips:
            pipeline.ingest(clip, library)
        opened(page)
        give(page, saved(decoded(clips[1])[3], tmp_path / "seen.png"))
        more(page)
        pick(page, "#se-videos", "1.mp4")
        page.keyboard.press("Escape")
        manage.remove_video("1.mp4", library)
        page.get_by_role("heading", name="Reelweave").click()
        page.locator("#se-videos input").click()
        page.get_by_role("option", name="(removed)").wait_for()
        page.keyboard.press("Escape")
        search(page, "[role=alert]:has-text('library')")
        page.locator("#se-videos input").focus()
        page.keyboard.press("Backspace")
        page.locator("#se-videos .token").wait_for(state="detached")
        page.keyboard.press("Escape")
        search(page, "#se-gallery .rw-hit-name:text-is('2.mp4')")


def test_the_settings_may_ask_for_more_results_than_the_slider_offers(browser: "Browser", tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "clip.mp4", pictures(12, SIZE))
    pipeline.ingest(clip, settings(library=str(tmp_path / "library")))
    with page_of(tmp_path / "library", REELWEAVE_SEARCH__K="110") as address, window(browser, address) as page:
        opened(page)
        give(page, saved(decoded(clip)[3], tmp_path / "seen.png"))
        search(page)
        assert page.locator("#se-gallery .rw-hit").count() == 12


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (1280, "dark"), (390, "light"), (390, "dark")])
def test_it_fits_a_phone_and_a_laptop(
    address: str, browser: "Browser", folder: Path, tmp_path: Path, width: int, scheme: str
) -> None:
    with window(browser, address, width, scheme) as page:
        opened(page)
        give(page, saved(decoded(folder / "films" / "meadow.mp4")[25], tmp_path / "seen.png"))
        more(page)
        pick(page, "#se-space", "Visual similarity")
        search(page)
        play(page, 1)
        assert (overflow(page), faint(page)) == (0, [])
        screenshot(page, f"page-search-{width}-{scheme}")


def test_words_can_be_searched_from_the_first_minute(browser: "Browser", film: Path, tmp_path: Path) -> None:
    """Without a model, the tab says so and offers the small one and the missing vectors; then words find frames."""
    library = tmp_path / "library"
    pipeline.ingest(film, settings(library=str(library)))
    with page_of(library) as address, window(browser, address) as page:
        opened(page)
        page.locator("#se-words", has_text="needs a model").wait_for()
        page.get_by_role("button", name="Try the small model").click()
        page.get_by_role("button", name="Add word search to all videos").click()
        page.locator("#se-words", has_text="understood by the small model").wait_for()
        page.get_by_label("Words").fill("a red circle")
        search(page)
        assert page.locator("#se-gallery .rw-hit").count() > 1


def test_frames_like_a_result_are_found_and_only_selected_ones_exported(
    page: "Page", folder: Path, tmp_path: Path
) -> None:
    give(page, saved(decoded(folder / "films" / EVIL)[20], tmp_path / "seen.png"))
    search(page)
    name = page.locator("#se-gallery .rw-hit").nth(1).get_attribute("aria-label") or ""
    place = name.removeprefix("play ").partition(", score")[0]
    page.get_by_role("button", name=f"find frames similar to {place}").click()
    page.wait_for_function(
        "place => document.querySelector('#se-gallery .rw-hit').getAttribute('aria-label').includes(place)", arg=place
    )
    page.locator("#se-cancel").wait_for(state="hidden")
    assert page.locator("#se-gallery .rw-hit-score").first.inner_text() == "1.00"
    for number in (0, 1):
        page.locator("#se-gallery [data-select]").nth(number).check()
    page.locator("#se-picked", has_text="2 selected").wait_for()
    with zipfile.ZipFile(downloaded(page, "#se-frames", "Frames", tmp_path)) as archive:
        assert len([one for one in archive.namelist() if one.endswith(".jpg")]) == 2


def hits(page: "Page") -> list[str]:
    return page.locator("#se-gallery .rw-hit-name").all_inner_texts()


def finished(page: "Page") -> None:
    page.locator("#se-gallery .rw-hit").first.wait_for()
    page.locator("#se-cancel").wait_for(state="hidden")


_MOVED = """([selector, place]) => {
    const sprite = document.querySelector(selector);
    return sprite && !sprite.hidden && sprite.style.backgroundPosition !== place;
}"""


def test_a_result_plays_under_the_pointer_and_by_the_keyboard_without_its_source(
    browser: "Browser", tmp_path: Path
) -> None:
    clip = write_clip(tmp_path / "clip.mp4", pictures(60, SIZE))
    pipeline.ingest(clip, settings(library=str(tmp_path / "library")))
    picture = saved(decoded(clip)[30], tmp_path / "seen.png")
    clip.unlink()
    with page_of(tmp_path / "library") as address, window(browser, address) as page:
        opened(page)
        give(page, picture)
        search(page)
        sprite = "#se-gallery li:nth-child(1) .rw-sprite"
        page.locator("#se-gallery .rw-hit").first.hover()
        page.locator(sprite).wait_for()
        place = page.locator(sprite).evaluate("sprite => sprite.style.backgroundPosition")
        page.wait_for_function(_MOVED, arg=[sprite, place])
        page.mouse.move(0, 0)
        page.locator(sprite).wait_for(state="hidden")
        page.locator("#se-gallery [data-select-all]").focus()
        page.keyboard.press("Tab")
        page.locator(sprite).wait_for()
        page.keyboard.press("ArrowRight")
        page.locator("#se-gallery li:nth-child(2) .rw-sprite").wait_for()
        assert page.locator(sprite).is_hidden()
        # A finger that stays plays it, too.
        third = page.locator("#se-gallery .rw-hit").nth(2)
        third.dispatch_event("pointerdown", {"pointerType": "touch"})
        third.locator(".rw-sprite").wait_for()
        third.dispatch_event("pointerup", {"pointerType": "touch"})
        third.locator(".rw-sprite").wait_for(state="hidden")


def test_results_are_filtered_by_name_time_and_length(page: "Page", folder: Path, tmp_path: Path) -> None:
    give(page, saved(decoded(folder / "films" / "meadow.mp4")[25], tmp_path / "seen.png"))
    more(page)
    page.get_by_label("or videos whose name contains").fill("mead*")
    page.get_by_label("From", exact=True).fill("0:01")
    page.get_by_label("To", exact=True).fill("1.5")
    page.get_by_label("Min length").fill("1.5")
    search(page)
    assert set(hits(page)) == {"meadow.mp4"}
    times = page.locator("#se-gallery .rw-hit-time").all_inner_texts()
    assert all("0:01.00" <= time <= "0:01.50" for time in times)
    page.get_by_label("From", exact=True).fill("soon")
    search(page, "#se-status [role=alert]:has-text('is not a time')")


def test_a_search_by_a_picture_is_saved_renamed_and_found_after_a_restart(
    browser: "Browser", folder: Path, tmp_path: Path
) -> None:
    seen = saved(decoded(folder / "films" / "meadow.mp4")[10], tmp_path / "seen.png")
    with page_of(folder / "library") as address, window(browser, address) as page:
        opened(page)
        give(page, seen)
        more(page)
        page.get_by_label("To", exact=True).fill("0:01")
        search(page)
        found = hits(page)
        page.get_by_role("button", name="Save this search").click()
        page.get_by_label("name of the search").fill("<b>my meadow")
        page.keyboard.press("Enter")
        page.wait_for_function("document.activeElement.innerText === '<b>my meadow'")
        link = page.url.partition("#")[2]
    seen.unlink()
    with page_of(folder / "library") as address:
        with window(browser, f"{address}#{link}") as page:
            finished(page)
            assert hits(page) == found
            page.locator("#se-preview img").wait_for()
        with window(browser, address) as page:
            opened(page)
            page.get_by_role("button", name="search again: <b>my meadow").click()
            finished(page)
            assert hits(page) == found
            assert page.url.endswith(link)
            page.get_by_role("button", name="remove the saved search <b>my meadow").click()
            page.locator("#se-saved .rw-run").wait_for(state="detached")
            page.goto(f"{address}#search/saved={'0' * 32}")
            page.reload()
            page.get_by_role("alert").get_by_text("not saved any more").wait_for()
    assert not list((folder / "library.page" / "searches").iterdir())


def test_the_address_keeps_a_search_and_back_leads_to_the_one_before(
    address: str, browser: "Browser", folder: Path
) -> None:
    with window(browser, address) as page:
        opened(page)
        for words in ("a red ball", "a cloud"):
            page.get_by_label("Words").fill(words)
            page.get_by_role("button", name="Search", exact=True).click()
            page.wait_for_url(f"**/#search/text={words.replace(' ', '+')}")
        page.reload()
        finished(page)
        assert page.get_by_label("Words").input_value() == "a cloud"
        page.go_back()
        page.wait_for_function("document.querySelector('#se-text textarea').value === 'a red ball'")
        finished(page)
        page.get_by_role("tab", name="Library").click()
        page.get_by_role("tab", name="Search").click()
        assert page.url.endswith("#search/text=a+red+ball")
        page.goto(f"{address}#search/text=x&evil=1")
        page.get_by_role("alert").get_by_text("holds no search").wait_for()


def test_frames_like_any_frame_of_the_library_are_found(page: "Page") -> None:
    page.get_by_role("tab", name="Library").click()
    strip = page.get_by_role("slider", name="frames of meadow.mp4")
    strip.focus()
    page.keyboard.press("Home")
    for _ in range(3):
        page.keyboard.press("ArrowRight")
    time = strip.get_attribute("aria-valuetext") or ""
    page.get_by_role("link", name=f"find frames similar to meadow.mp4 at {time}").click()
    page.locator("#se-near", has_text="Frames like meadow.mp4 at 0:00").wait_for()
    finished(page)
    assert hits(page)[0] == "meadow.mp4"
    assert page.locator("#se-gallery .rw-hit-score").first.inner_text() == "1.00"
    # A new text replaces the frame.
    page.get_by_label("Words").fill("a red ball")
    search(page)
    page.locator("#se-near .rw-near").wait_for(state="detached")


def test_a_range_of_results_is_selected(page: "Page", folder: Path, tmp_path: Path) -> None:
    give(page, saved(decoded(folder / "films" / "meadow.mp4")[25], tmp_path / "seen.png"))
    more(page)
    pick(page, "#se-space", "Visual similarity")
    search(page)
    boxes = page.locator("#se-gallery [data-select]")
    boxes.nth(1).click()
    boxes.nth(3).click(modifiers=["Shift"])
    page.locator("#se-picked", has_text="3 selected").wait_for()
    page.get_by_label("Select all").check()
    page.locator("#se-picked", has_text=f"{boxes.count()} selected").wait_for()
    page.get_by_label("Select all").uncheck()
    page.locator("#se-picked", has_text="Nothing selected").wait_for()

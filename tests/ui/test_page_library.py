"""The Library tab in a real browser: list, add, complete and remove videos."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from browser import faint, needs_browser, overflow, page_of, screenshot, window
from helpers import pictures, write_clip
from runs import opened, settings
from tiny_clip import make_tiny_clip

from reelweave import pipeline
from reelweave.index import manage

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Locator, Page

pytestmark = needs_browser

EVIL = "<img src=x onerror=alert(1)> ${alert(2)} {{7}} & co.mp4"
SIZE = (160, 90)
_ELEMENTS_PER_VIDEO = 30
"""At most: the strip of frames, the facts and the buttons of a row."""


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A long film, a short one, one whose name looks like code, and a file that is not a video."""
    folder = tmp_path_factory.mktemp("clips")
    write_clip(folder / "long.mp4", pictures(120, SIZE, seed=1))
    write_clip(folder / "short.mp4", pictures(8, SIZE, seed=2))
    write_clip(folder / EVIL, pictures(8, SIZE, seed=3))
    (folder / "broken.mp4").write_bytes(b"this is no video\n" * 100)
    return folder


def show(page: "Page") -> None:
    page.get_by_role("tab", name="Library").click()
    page.locator("#li-count p").wait_for()


def drop(page: "Page", *files: Path) -> None:
    page.locator("#li-uploads input[type=file]").set_input_files([str(file) for file in files])
    page.locator("#li-uploads").get_by_text("B").nth(len(files) - 1).wait_for()


def add(page: "Page", then: str) -> None:
    page.get_by_role("button", name="Add to the library").click()
    page.locator(then).first.wait_for()


def ended(page: "Page") -> None:
    page.locator("#li-cancel").wait_for(state="hidden")


def names(page: "Page") -> set[str]:
    return set(page.locator("#li-videos b").all_inner_texts())


def sprite_size(row: "Locator") -> tuple[int, int]:
    """The size of the picture with the frames of a video, which the browser has loaded."""
    size = row.locator("[data-preview]").evaluate(
        """async strip => {
            const picture = new Image();
            picture.src = strip.dataset.preview;
            await picture.decode();
            return [picture.naturalWidth, picture.naturalHeight];
        }"""
    )
    return int(size[0]), int(size[1])


def states(library: Path) -> dict[str, str]:
    return {row["name"]: row["state"] for row in manage.list_videos(settings(library=str(library)))}


def kept(library: Path) -> set[str]:
    return {file.name for file in library.with_name(f"{library.name}.page").glob("given/*/*")}


def test_several_files_are_added_and_a_broken_one_is_reported(browser: "Browser", clips: Path, tmp_path: Path) -> None:
    library = tmp_path / "library"
    with page_of(library) as address, window(browser, address) as page:
        show(page)
        assert "empty" in page.locator("#li-count").inner_text()
        drop(page, clips / "short.mp4", clips / "broken.mp4", clips / "long.mp4")
        add(page, "#li-results .rw-failed")
        page.locator("#li-videos li").nth(1).wait_for()
        ended(page)
        assert "2 added, 1 could not be read" in page.locator("#li-results").inner_text()
        assert page.locator("#li-results .rw-failed b").inner_text() == "broken.mp4"
        assert names(page) == {"short.mp4", "long.mp4"}
        long = page.locator("#li-videos li", has_text="long.mp4")
        assert sprite_size(long) == (16 * 160, 90)
        assert "120 frames" in long.inner_text()
        assert "MB" in long.inner_text() or "kB" in long.inner_text()
        # An upload is kept only while the library refers to it.
        assert kept(library) == {"short.mp4", "long.mp4"}
        page.get_by_role("button", name="remove short.mp4").click()
        page.get_by_role("button", name="No", exact=True).click()
        assert set(states(library)) == {"short.mp4", "long.mp4"}
        page.get_by_role("button", name="remove short.mp4").click()
        row = page.locator("#li-videos li", has_text="Remove short.mp4 from the library?")
        row.wait_for()
        # The question stands where the user looks, and has the focus.
        page.wait_for_function("document.activeElement.innerText === 'Yes, remove it'")
        row.get_by_role("button", name="Yes, remove it").click()
        page.get_by_text("Removed short.mp4.").wait_for()
        assert (set(states(library)), kept(library)) == ({"long.mp4"}, {"long.mp4"})


def test_a_folder_is_added_by_its_path_and_names_are_escaped(browser: "Browser", clips: Path, tmp_path: Path) -> None:
    library = tmp_path / "library"
    with page_of(library) as address, window(browser, address) as page:
        show(page)
        page.get_by_label("or enter a path or pattern").fill(str(clips))
        add(page, "#li-results .rw-failed")
        page.locator("#li-videos li").nth(2).wait_for()
        assert names(page) == {EVIL, "long.mp4", "short.mp4"}
        page.get_by_label("Filter by name").fill("onerror")
        page.locator("#li-count", has_text="1 of 3 videos").wait_for()
        assert names(page) == {EVIL}
        page.get_by_role("button", name=f"remove {EVIL}").click()
        page.get_by_text(f"Remove {EVIL} from the library?").wait_for()
        page.get_by_role("button", name="Yes, remove it").click()
        page.get_by_text(f"Removed {EVIL}.").wait_for()
        ended(page)
    # The page deletes its uploads only.
    assert (clips / EVIL).exists()
    assert set(states(library)) == {"long.mp4", "short.mp4"}


@pytest.mark.parametrize(
    ("path", "message"),
    [
        pytest.param("", "No video was given", id="nothing given"),
        pytest.param("/nowhere/at all.mp4", "no file or folder", id="nothing there"),
        pytest.param("/nowhere/*.mkv", "Nothing matches", id="a pattern of nothing"),
    ],
)
def test_a_path_that_does_not_exist_is_reported(empty: "Page", path: str, message: str) -> None:
    empty.get_by_label("or enter a path or pattern").fill(path)
    add(empty, f"#li-status :text('{message}'), #li-results :text('{message}')")
    ended(empty)


@pytest.fixture(scope="module")
def empty_page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with page_of(tmp_path_factory.mktemp("empty") / "library") as address:
        yield address


@pytest.fixture
def empty(empty_page: str, browser: "Browser") -> "Iterator[Page]":
    with window(browser, empty_page) as page:
        show(page)
        yield page


def test_a_cancelled_ingest_is_resumed_and_another_window_waits_for_its_turn(
    browser: "Browser", clips: Path, tmp_path: Path
) -> None:
    library = tmp_path / "library"
    with page_of(library, variant="slow") as address, window(browser, address) as one, window(browser, address) as two:
        show(one)
        show(two)
        drop(one, clips / "long.mp4")
        drop(two, clips / "short.mp4")
        add(one, ".rw-progress :text('of 120')")
        add(two, ".rw-progress :text('1 job ahead')")
        one.get_by_role("button", name="Cancel").click()
        one.get_by_text("Cancelled.").wait_for()
        one.locator("#li-videos .rw-partial").wait_for()
        two.locator("#li-videos li:has-text('short.mp4')").wait_for()
        ended(two)
        assert states(library) == {"long.mp4": "partial", "short.mp4": "complete"}
        one.get_by_role("button", name="resume adding long.mp4").click()
        one.get_by_text("long.mp4 is complete.").wait_for()
        ended(one)
        assert set(states(library).values()) == {"complete"}
    assert not any(manage.check_videos(settings(library=str(library))).values())


def test_words_can_be_searched_once_clip_vectors_are_added(browser: "Browser", clips: Path, tmp_path: Path) -> None:
    library, model = tmp_path / "library", make_tiny_clip(tmp_path / "model")
    pipeline.ingest(clips / "short.mp4", settings(library=str(library)))
    with (
        page_of(library, REELWEAVE_CLIP__MODEL=f"local-dir:{model}") as address,
        window(browser, address) as page,
    ):
        page.get_by_role("tab", name="Search").click()
        page.get_by_label("Words").fill("a ball")
        page.get_by_role("button", name="Search", exact=True).click()
        page.get_by_role("alert").get_by_text("on the Library tab makes them").wait_for()
        show(page)
        page.get_by_role("button", name="add CLIP vectors to short.mp4").click()
        page.locator("#li-videos .rw-mark", has_text="CLIP").wait_for()
        ended(page)
        assert page.get_by_role("button", name="add CLIP vectors to short.mp4").count() == 0
        page.get_by_role("tab", name="Search").click()
        page.get_by_role("button", name="Search", exact=True).click()
        page.locator("#se-gallery .rw-hit").first.wait_for()


@pytest.fixture(scope="module")
def many(clips: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A library whose catalog lists 2,000 videos; all but one have no source."""
    library = tmp_path_factory.mktemp("many") / "library"
    pipeline.ingest(clips / "long.mp4", settings(library=str(library)))
    with opened(library) as found, found.writing("a test"):
        first = found.catalog.videos()[0]
        spaces = list(found.catalog.spaces(first.id).values())
        for number in range(1999):
            ids = {"id": f"copy-{number:08x}", "name": f"copy {number}.mp4", "sha256": f"{number:064x}", "source": ""}
            found.catalog.save(replace(first, **ids), spaces)
            found.proxies_file(ids["id"]).hardlink_to(found.proxies_file(first.id))
    return library


@pytest.fixture(scope="module")
def many_page(many: Path) -> Iterator[str]:
    with page_of(many) as address:
        yield address


def test_a_large_library_is_shown_in_pages(browser: "Browser", many_page: str) -> None:
    with window(browser, many_page) as page:
        show(page)
        assert page.locator("#li-count").inner_text().startswith("2000 videos")
        first = names(page)
        page.get_by_role("button", name="Next page").click()
        page.locator("#li-count", has_text="page 2 of 84").wait_for()
        assert len(first) == len(names(page)) == 24
        assert not first & names(page)
        # However many videos there are, the page holds those of one page.
        assert page.locator("#li-videos *").count() < 25 * _ELEMENTS_PER_VIDEO
        page.get_by_role("button", name="Previous page").click()
        page.locator("#li-count", has_text="page 1 of 84").wait_for()
        assert names(page) == first


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (1280, "dark"), (390, "light"), (390, "dark")])
def test_it_fits_a_phone_and_a_laptop(browser: "Browser", many_page: str, width: int, scheme: str) -> None:
    with window(browser, many_page, width, scheme) as page:
        show(page)
        page.locator("#li-videos li .rw-video-strip span").nth(100).wait_for()
        assert (overflow(page), faint(page)) == (0, [])
        assert page.locator("#li-space input").evaluate("chosen => chosen.scrollWidth - chosen.clientWidth") <= 0
        screenshot(page, f"page-library-{width}-{scheme}")


def test_videos_are_sorted_selected_and_removed_together(browser: "Browser", clips: Path, tmp_path: Path) -> None:
    library = tmp_path / "library"
    for name in ("short.mp4", "long.mp4"):
        pipeline.ingest(clips / name, settings(library=str(library)))
    with page_of(library) as address, window(browser, address) as page:
        show(page)
        first = page.locator("#li-videos li b").first
        assert first.inner_text() == "long.mp4"
        page.locator("#li-sort input").click()
        page.get_by_role("option", name="by name").click()
        page.locator("#li-videos li:first-child b", has_text="long.mp4").wait_for()
        page.locator("#li-sort input").click()
        page.get_by_role("option", name="longest first").click()
        page.locator("#li-videos li:first-child b", has_text="long.mp4").wait_for()
        page.get_by_label("Select all").check()
        page.get_by_text("2 selected").wait_for()
        bulk = page.locator("#li-videos [data-bulk-action=remove_all]")
        bulk.click()
        # Once more, to confirm.
        assert set(states(library)) == {"long.mp4", "short.mp4"}
        bulk.click()
        page.get_by_text("Removed 2 videos.").wait_for()
        ended(page)
    assert states(library) == {}
    assert (clips / "long.mp4").exists()


def test_a_moved_file_is_located(browser: "Browser", clips: Path, tmp_path: Path) -> None:
    library, old, new = tmp_path / "library", tmp_path / "old.mp4", tmp_path / "elsewhere"
    old.write_bytes((clips / "short.mp4").read_bytes())
    pipeline.ingest(old, settings(library=str(library)))
    new.mkdir()
    old.rename(new / "moved.mp4")
    with page_of(library) as address, window(browser, address) as page:
        show(page)
        page.locator("#li-videos .rw-mark", has_text="file missing").wait_for()
        page.get_by_role("button", name="locate the file of old.mp4").click()
        page.get_by_label("Where is old.mp4 now?").fill("/nowhere")
        page.get_by_role("button", name="Find it").click()
        page.get_by_role("alert").get_by_text("There is no /nowhere").wait_for()
        page.get_by_role("button", name="locate the file of old.mp4").click()
        page.get_by_label("Where is old.mp4 now?").fill(str(new))
        page.get_by_label("Where is old.mp4 now?").press("Enter")
        page.get_by_text("Found moved.mp4.").wait_for()
        ended(page)
        assert page.locator("#li-videos .rw-mark", has_text="file missing").count() == 0
    assert manage.list_videos(settings(library=str(library)))[0]["source"] == str(new / "moved.mp4")


def choose(page: "Page", field: str, choice: str) -> None:
    page.locator(f"{field} input").click()
    page.get_by_role("option", name=choice).click()


def test_the_list_is_limited_to_videos_that_lack_something(browser: "Browser", clips: Path, tmp_path: Path) -> None:
    library, gone = tmp_path / "library", tmp_path / "gone.mp4"
    gone.write_bytes((clips / "short.mp4").read_bytes())
    pipeline.ingest(gone, settings(library=str(library)))
    pipeline.ingest(clips / "long.mp4", settings(library=str(library)))
    with opened(library) as found, found.writing("a test"):
        long = next(video for video in found.catalog.videos() if video.name == "long.mp4")
        spaces = [replace(state, complete=False) for state in found.catalog.spaces(long.id).values()]
        found.catalog.save(replace(long, complete=False), spaces)
    (tmp_path / "elsewhere").mkdir()
    gone.rename(tmp_path / "elsewhere" / "gone.mp4")
    with page_of(library) as address, window(browser, address) as page:
        show(page)
        assert "1 incomplete" in page.locator("#li-count").inner_text()
        for kind, name in (("incomplete", "long.mp4"), ("file missing", "gone.mp4")):
            choose(page, "#li-kind", kind)
            page.locator("#li-count", has_text="1 of 2 videos").wait_for()
            page.locator("#li-videos b", has_text=name).wait_for()
        page.get_by_label("Locate all missing files in").fill(str(tmp_path / "elsewhere"))
        page.keyboard.press("Enter")
        page.get_by_text("Found 1 video.").wait_for()
        ended(page)
        page.get_by_text("No video matches the filter.").wait_for()
        choose(page, "#li-kind", "incomplete")
        page.get_by_label("select long.mp4").check()
        page.locator("#li-videos [data-bulk-action=resume_all]").click()
        page.get_by_text("Completed 1 video.").wait_for()
        ended(page)
    assert set(states(library).values()) == {"complete"}


def test_videos_are_selected_on_several_pages_or_all_at_once(browser: "Browser", many_page: str) -> None:
    with window(browser, many_page) as page:
        show(page)
        page.get_by_label("Select all").check()
        page.get_by_text("24 selected").wait_for()
        page.get_by_role("button", name="Next page").click()
        page.locator("#li-count", has_text="page 2 of 84").wait_for()
        assert page.get_by_label("Select all").is_checked() is False
        page.locator("#li-videos [data-pick]").nth(3).check()
        page.get_by_text("25 selected").wait_for()
        page.locator("#li-page input").fill("84")
        page.locator("#li-page input").press("Enter")
        page.locator("#li-count", has_text="page 84 of 84").wait_for()
        assert len(names(page)) == 2000 - 83 * 24
        page.get_by_label("Filter by name").fill("copy 1")
        page.locator("#li-count", has_text="1110 of 2000 videos").wait_for()
        page.get_by_label("Select all").check()
        page.get_by_role("button", name="Select all 1110 videos").click()
        page.get_by_text("1110 selected").wait_for()
        page.locator("#li-videos [data-pick]").first.uncheck()
        page.get_by_text("23 selected").wait_for()


def test_a_video_that_fails_stops_no_other(browser: "Browser", clips: Path, tmp_path: Path) -> None:
    library, gone = tmp_path / "library", tmp_path / "gone.mp4"
    write_clip(gone, pictures(8, SIZE, seed=7))
    for clip in (gone, clips / "short.mp4"):
        pipeline.ingest(clip, settings(library=str(library)))
    gone.unlink()
    model = make_tiny_clip(tmp_path / "model")
    with page_of(library, REELWEAVE_CLIP__MODEL=f"local-dir:{model}") as address, window(browser, address) as page:
        show(page)
        choose(page, "#li-kind", "no word search")
        page.get_by_label("Select all").check()
        page.get_by_text("2 selected").wait_for()
        page.locator("#li-videos [data-bulk-action=clip_all]").click()
        page.locator("#li-status .rw-note", has_text="gone.mp4").wait_for()
        page.get_by_text("1 video can be searched by words.").wait_for()
        ended(page)
        page.locator("#li-count", has_text="1 of 2 videos").wait_for()

"""The Reconstruct tab and the server, in a real browser."""

import json
import re
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zipfile import ZipFile

import pytest
from browser import faint, needs_browser, overflow, page_of, plays, screenshot, window
from helpers import pictures, write_clip
from reconstruct_page import (
    FOREIGN,
    choose,
    downloaded,
    frames_of,
    give,
    pick,
    restore_order,
    shot_heads,
    shuffled_film,
    solved,
)
from runs import settings

from reelweave import pipeline
from reelweave.index import manage
from reelweave.index.lock import current_writer
from reelweave.solve.plan.files import read_plan

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = needs_browser

TABS = ["Reconstruct", "Search", "Library", "Repair", "Measure"]


@pytest.fixture(scope="module")
def shuffled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return shuffled_film(tmp_path_factory.mktemp("shuffled"))


@pytest.fixture(scope="module")
def library(shuffled: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page's library, which contains the shuffled film."""
    library = tmp_path_factory.mktemp("page") / "library"
    pipeline.ingest(shuffled, settings(library=str(library)))
    return library


@pytest.fixture(scope="module")
def address(library: Path) -> Iterator[str]:
    with page_of(library, fresh=True) as found:
        yield found


@pytest.fixture
def page(address: str, browser: "Browser") -> "Iterator[Page]":
    with window(browser, address) as found:
        yield found


@pytest.mark.parametrize("name", TABS)
def test_every_tab_opens(page: "Page", name: str) -> None:
    page.get_by_role("tab", name=name).click()
    assert page.get_by_role("tab", name=name).get_attribute("aria-selected") == "true"


def test_an_uploaded_video_is_restored(page: "Page", shuffled: Path, tmp_path: Path) -> None:
    copy = tmp_path / "räksmörgås & <b>film.mp4"
    copy.write_bytes(shuffled.read_bytes())
    give(page, copy)
    restore_order(page)
    films = page.locator("#rc-films video")
    assert films.count() == 2
    assert all(plays(films.nth(place)) for place in range(2))
    maps = page.locator("#rc-diagnostics .rw-maps img")
    assert maps.count() == 2
    assert maps.nth(0).get_attribute("src") != maps.nth(1).get_attribute("src")
    assert page.locator("#rc-diagnostics figcaption", has_text="weak transitions").is_visible()
    plan = read_plan(downloaded(page, "Plan", tmp_path))
    assert len(plan.order) == 48
    assert downloaded(page, "Film", tmp_path).stat().st_size > 10_000


def test_a_dropped_frame_shows_its_reason_and_is_restored_by_a_click(
    page: "Page", library: Path, tmp_path: Path
) -> None:
    pick(page, "shuffled.mp4")
    restore_order(page)
    gone = page.locator("#rc-dropped .rw-dropped-frame")
    assert gone.count() == FOREIGN
    assert re.search(r"score \d\.\d\d", gone.first.inner_text())
    frame = frames_of(page.locator("#rc-dropped"))[0]
    gone.first.click()
    page.locator("#rc-corrections .rw-chip", has_text=f"Keep frame {frame}").wait_for()
    solved(page)
    assert gone.count() == FOREIGN - 1
    assert frame in read_plan(downloaded(page, "Plan", tmp_path)).order


def test_the_plan_holds_to_corrections_made_by_clicks(page: "Page", tmp_path: Path) -> None:
    pick(page, "shuffled.mp4")
    restore_order(page)
    hand, shots = page.locator("#rc-selected"), page.locator("#rc-shots")
    end, later, early, gone = (frames_of(shots)[place] for place in (-1, 2, 8, 5))
    choose(page, end)
    hand.get_by_role("button", name="Make first").click()
    solved(page, 1)
    choose(page, early)
    hand.get_by_role("button", name="play before another frame").click()
    page.get_by_text("Click the frame that should come later").wait_for()
    shots.get_by_role("button", name=f"frame {later}", exact=True).click()
    solved(page, 2)
    choose(page, gone)
    hand.get_by_role("button", name="Drop it").click()
    solved(page, 3)
    plan = read_plan(downloaded(page, "Plan", tmp_path))
    assert plan.order[0] == end
    assert plan.order.index(early) < plan.order.index(later)
    assert gone not in plan.order
    assert plan.wishes == {"first": end, "before": [[early, later]], "drop": [gone]}
    page.get_by_role("button", name="Undo").click()
    solved(page, 2)
    assert gone in read_plan(downloaded(page, "Plan", tmp_path)).order


def test_conflicting_corrections_are_named_and_can_be_removed(page: "Page") -> None:
    pick(page, "shuffled.mp4")
    restore_order(page)
    a, b = frames_of(page.locator("#rc-shots"))[:2]
    for frame, name in ((a, "Make first"), (b, "play before another frame")):
        choose(page, frame)
        page.locator("#rc-selected").get_by_role("button", name=name).click()
        page.locator("#rc-cancel").wait_for(state="hidden")
    page.get_by_text("Click the frame that should come later").wait_for()
    page.locator("#rc-shots").get_by_role("button", name=f"frame {a}", exact=True).click()
    page.get_by_role("alert").get_by_text("cannot all hold").wait_for()
    page.get_by_role("button", name=f"remove: Play frame {b} before frame {a}").click()
    solved(page, 1)


def test_a_corrected_film_is_previewed_and_rendered_on_request(page: "Page", tmp_path: Path) -> None:
    pick(page, "shuffled.mp4")
    restore_order(page)
    page.locator("#rc-shots").get_by_role("button", name="play shot 1 backwards").click()
    solved(page)
    page.get_by_text("Low-res preview").wait_for()
    assert plays(page.locator("#rc-films video").nth(1))
    page.get_by_role("button", name="Render the film").click()
    page.locator("#rc-films a", has_text="Film").wait_for()
    page.get_by_role("button", name="Render it reversed").click()
    page.locator("#rc-films a", has_text="Reversed").wait_for()
    page.get_by_role("button", name="Edit lists").click()
    page.locator("#rc-films a", has_text="Edit lists").wait_for()
    with ZipFile(downloaded(page, "Edit lists", tmp_path)) as packed:
        names = packed.namelist()
    assert names == [f"shuffled.reordered.edits.{kind}" for kind in ("csv", "edl", "fcpxml", "otio")]
    names = {downloaded(page, words, tmp_path).name for words in ("Film", "Reversed film")}
    assert names == {"shuffled.reordered.mp4", "shuffled.reordered.reversed.mp4"}


def test_the_keyboard_reaches_every_control_and_the_focus_stays(page: "Page") -> None:
    pick(page, "shuffled.mp4")
    restore_order(page)
    page.locator("#rc-shots .rw-frame").first.focus()
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.locator("#rc-selected .rw-selected").wait_for()
    page.get_by_role("button", name="Make last").focus()
    page.keyboard.press("Space")
    page.locator("#rc-corrections .rw-chip", has_text="End with").wait_for()
    solved(page)
    page.wait_for_function("document.activeElement.innerText == 'Make last'")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
def test_it_fits_a_phone_and_a_laptop(address: str, browser: "Browser", width: int, scheme: str) -> None:
    with window(browser, address, width, scheme) as page:
        pick(page, "shuffled.mp4")
        assert page.locator("body.dark").count() == (scheme == "dark")
        restore_order(page)
        page.locator("#rc-shots .rw-frame").nth(4).click()
        page.locator("#rc-selected .rw-selected").wait_for()
        assert plays(page.locator("#rc-films video").first)
        assert (overflow(page), faint(page)) == (0, [])
        screenshot(page, f"page-reconstruct-{width}-{scheme}")
        for name in TABS[1:]:
            page.get_by_role("tab", name=name).click()
            assert (overflow(page), faint(page)) == (0, []), name


@pytest.mark.parametrize("name", ["no film.mp4", "<img src=x onerror=alert(1)>.mp4", "picture.png"])
def test_an_upload_that_is_not_a_video_is_reported_and_deleted(
    page: "Page", library: Path, tmp_path: Path, name: str
) -> None:
    before = kept(library)
    (tmp_path / name).write_bytes(b"this is no video\n" * 100)
    page.locator("#rc-upload input[type=file]").set_input_files(str(tmp_path / name))
    page.locator("#rc-upload").get_by_text("KB").first.wait_for()
    page.get_by_role("button", name="Restore order").click()
    page.get_by_role("alert").wait_for()
    assert page.locator("#rc-status img").count() == 0
    assert not page.locator("#rc-films").is_visible()
    assert kept(library) == before


def kept(library: Path) -> set[Path]:
    return set((library.parent / "library.page" / "given").rglob("*"))


def test_a_missing_video_is_reported(page: "Page") -> None:
    page.get_by_role("button", name="Restore order").click()
    page.get_by_role("alert").get_by_text("No video was given").wait_for()


@pytest.mark.parametrize(
    ("tab", "field", "button"),
    [
        ("Reconstruct", "rc-video", "Restore order"),
        ("Repair", "rp-video", "Find broken frames"),
        ("Measure", "me-video", "Run the test"),
    ],
)
def test_a_chosen_video_that_has_been_removed_is_reported(
    browser: "Browser", clip: Path, tmp_path: Path, tab: str, field: str, button: str
) -> None:
    library = settings(library=str(tmp_path / "library"))
    with page_of(tmp_path / "library") as address, window(browser, address) as page:
        # Ingested only now, so that the option shows that the first click has been answered.
        pipeline.ingest(clip, library)
        page.get_by_role("tab", name=tab).click()
        page.locator(f"#{field} input").click()
        page.get_by_role("option", name=clip.name).click()
        page.get_by_role("heading", name="Reelweave").click()
        manage.remove_video(clip.name, library)
        page.locator(f"#{field} input").click()
        page.get_by_role("option", name="(removed)").wait_for()
        page.keyboard.press("Escape")
        page.get_by_role("button", name=button).click()
        page.get_by_role("alert").get_by_text("library").first.wait_for()


def test_a_cancelled_job_can_be_resumed(browser: "Browser", shuffled: Path, tmp_path: Path) -> None:
    with page_of(tmp_path / "library", variant="slow") as address, window(browser, address) as page:
        give(page, shuffled)
        restore_order(page, ".rw-progress :text('of 52')")
        page.get_by_role("button", name="Cancel").click()
        page.get_by_text("Cancelled.").wait_for()
        assert manage.list_videos(settings(library=str(tmp_path / "library")))[0]["state"] != "complete"
        restore_order(page)
        assert manage.list_videos(settings(library=str(tmp_path / "library")))[0]["state"] == "complete"


def test_a_search_can_be_ended_with_its_best_result_so_far(browser: "Browser", shuffled: Path, tmp_path: Path) -> None:
    with page_of(tmp_path / "library", variant="endless") as address, window(browser, address) as page:
        give(page, shuffled)
        restore_order(page, ".rw-can-stop")
        page.get_by_role("button", name="Use the best result so far").click()
        page.locator("#rc-films a:has-text('Film')").wait_for()
        assert page.locator("#rc-stop").is_hidden()


def test_a_job_outlives_its_window_and_can_be_followed_in_another(
    browser: "Browser", shuffled: Path, tmp_path: Path
) -> None:
    library, release = tmp_path / "library", tmp_path / "release"
    with page_of(library, variant="slow", RELEASE=str(release)) as address:
        with window(browser, address) as page:
            give(page, shuffled)
            restore_order(page, ".rw-progress :text('of 52')")
            link = page.url
            assert "#reconstruct/" in link
        with window(browser, address) as page:
            page.goto(link)
            page.reload()
            page.locator(".rw-progress :text('of 52')").wait_for()
            assert current_writer(library)
            release.touch()
            page.locator("#rc-films a:has-text('Film')").wait_for()


def test_a_run_survives_a_reload_and_a_restart_of_the_page(browser: "Browser", shuffled: Path, tmp_path: Path) -> None:
    library = tmp_path / "library"
    with page_of(library) as address, window(browser, address) as page:
        give(page, shuffled)
        restore_order(page)
        page.locator("#rc-shots").get_by_role("button", name="play shot 1 backwards").click()
        solved(page)
        frames = frames_of(page.locator("#rc-shots"))
        page.reload()
        page.locator("#rc-corrections .rw-chip", has_text="Play shot 1 backwards").wait_for()
        assert frames_of(page.locator("#rc-shots")) == frames
    with page_of(library) as address, window(browser, address) as page:
        page.get_by_role("button", name=f"open {shuffled.name} again").click()
        page.locator("#rc-corrections .rw-chip", has_text="Play shot 1 backwards").wait_for()
        assert frames_of(page.locator("#rc-shots")) == frames
        page.get_by_role("button", name=f"remove {shuffled.name} from this list").click()
        page.get_by_role("button", name=f"open {shuffled.name} again").wait_for(state="detached")


def test_the_address_names_the_tab_and_the_back_button_returns(page: "Page", address: str) -> None:
    page.get_by_role("tab", name="Library").click()
    page.get_by_role("tab", name="Search").click()
    page.wait_for_url("**#search")
    page.go_back()
    page.wait_for_function("document.querySelector('[role=tab][aria-selected=true]')?.textContent.trim() === 'Library'")
    page.goto(f"{address}#measure")
    page.reload()
    page.wait_for_function("document.querySelector('[role=tab][aria-selected=true]')?.textContent.trim() === 'Measure'")


def test_a_job_is_told_in_the_title_and_its_end_in_other_tabs(
    browser: "Browser", shuffled: Path, tmp_path: Path
) -> None:
    release = tmp_path / "release"
    with (
        page_of(tmp_path / "library", variant="slow", RELEASE=str(release)) as address,
        window(browser, address) as page,
    ):
        give(page, shuffled)
        restore_order(page, ".rw-progress :text('of 52')")
        page.wait_for_function("document.title.includes('Reading the frames')")
        page.get_by_role("tab", name="Library").click()
        release.touch()
        page.locator(".rw-toast", has_text="Reconstruct: finished").first.click()
        page.wait_for_function(
            "document.querySelector('[role=tab][aria-selected=true]')?.textContent.includes('Recon')"
        )


def test_the_theme_can_be_switched_and_is_remembered(page: "Page") -> None:
    button = page.get_by_role("button", name="switch between light and dark")
    button.click()
    page.wait_for_function("document.body.classList.contains('dark')")
    page.reload()
    page.wait_for_function("document.body.classList.contains('dark')")
    button.click()
    page.wait_for_function("!document.body.classList.contains('dark')")


def test_two_windows_do_not_disturb_each_other(browser: "Browser", shuffled: Path, clip: Path, tmp_path: Path) -> None:
    """While one ingests, the other waits for its turn; both succeed."""
    library, release = tmp_path / "library", tmp_path / "release"
    with (
        page_of(library, variant="slow", RELEASE=str(release)) as address,
        window(browser, address) as one,
        window(browser, address) as two,
    ):
        give(one, shuffled)
        restore_order(one, ".rw-progress :text('of 52')")
        give(two, clip)
        restore_order(two, ".rw-progress :text('1 job ahead')")
        release.touch()
        for page in (one, two):
            page.locator("#rc-films a:has-text('Film')").wait_for()
        assert one.locator("#rc-dropped .rw-dropped-frame").count() == FOREIGN
    assert list(manage.check_videos(settings(library=str(library))).values()) == [[], []]


def status_of(address: str, path: str, **headers: str) -> int:
    try:
        with urllib.request.urlopen(urllib.request.Request(address + path, headers=headers)) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as refused:
        with refused:
            return int(refused.code)


def test_the_server_hands_out_no_other_files(address: str, library: Path, shuffled: Path) -> None:
    given = library.parent / "library.page"
    for file in ("/etc/passwd", library / "catalog.db", shuffled, Path(pipeline.__file__), next(given.rglob("lock"))):
        assert status_of(address, f"gradio_api/file={file}") == 403
    assert status_of(address, "gradio_api/file=http://127.0.0.1/") == 403
    assert status_of(address, "gradio_api/proxy=http://127.0.0.1/") == 403


def test_a_path_in_place_of_an_upload_is_refused(browser: "Browser", shuffled: Path, tmp_path: Path) -> None:
    """A request that names a file of this machine as its upload fails, and Gradio logs it."""
    library = tmp_path / "library"
    with page_of(library, reported="was not uploaded by a user") as address, window(browser, address) as page:
        found: list[Any] = []
        page.on("request", lambda request: found.append(request) if "queue/join" in request.url else None)
        page.get_by_role("button", name="Restore order").click()
        page.get_by_role("alert").wait_for()
        said = found[-1].post_data_json
        said["data"][0] = {"path": str(shuffled), "meta": {"_type": "gradio.FileData"}, "orig_name": "x.mp4"}
        assert '"success":false' in page.evaluate(_JOINED, said)
    assert manage.list_videos(settings(library=str(library))) == []


_JOINED = """async said => {
    const headers = {'content-type': 'application/json'};
    await fetch('gradio_api/queue/join', {method: 'POST', body: JSON.stringify(said), headers});
    const answer = await fetch(`gradio_api/queue/data?session_hash=${said.session_hash}`);
    const reader = answer.body.getReader(), decoder = new TextDecoder();
    let text = '';
    while (!text.includes('process_completed')) {
        const {value, done} = await reader.read();
        if (done) break;
        text += decoder.decode(value);
    }
    return text;
}"""


def test_text_fields_are_empty_strings_before_their_tab_is_drawn(address: str) -> None:
    """A tab that is clicked before the browser has drawn it sends the values of the page's configuration."""
    with urllib.request.urlopen(f"{address}config") as answer:
        parts = json.load(answer)["components"]
    texts = [part["props"]["value"] for part in parts if part["type"] == "textbox"]
    assert texts
    assert set(texts) == {""}


@pytest.mark.parametrize("host", ["evil.example", "evil.example:7860", "127.0.0.1.evil.example"])
def test_requests_for_another_host_name_are_rejected(address: str, host: str) -> None:
    assert status_of(address, "", Host=host) == 403


def test_remote_users_need_the_password_and_cannot_name_files(
    browser: "Browser", shuffled: Path, tmp_path: Path
) -> None:
    (tmp_path / "password").write_text("open sesame\n")
    options = ("--host", "0.0.0.0", "--user", "ada", "--password-file", str(tmp_path / "password"))
    with page_of(tmp_path / "library", *options) as address:
        address = address.replace("0.0.0.0", "127.0.0.1")
        assert status_of(address, "config") == 401
        with window(browser, address) as page:
            page.get_by_label("username").fill("ada")
            page.get_by_label("password").fill("open sesame")
            page.get_by_role("button", name="Login").click()
            page.get_by_role("button", name="Restore order").wait_for()
            page.get_by_role("tab", name="Library").click()
            page.locator("#li-uploads input[type=file]").set_input_files(str(shuffled))
            page.locator("#li-uploads").get_by_text("B").first.wait_for()
            assert page.get_by_label("or enter a path or pattern").count() == 0
            page.get_by_role("button", name="Add to the library").click()
            page.locator("#li-videos b", has_text=shuffled.name).wait_for()


def test_an_interrupted_ingest_is_resumed_when_its_video_is_picked(
    browser: "Browser", shuffled: Path, tmp_path: Path
) -> None:
    library = settings(library=str(tmp_path / "library"))
    with page_of(tmp_path / "library", variant="slow") as address:
        with window(browser, address) as page:
            give(page, shuffled)
            restore_order(page, ".rw-progress :text('of 52')")
            page.get_by_role("button", name="Cancel").click()
            page.get_by_text("Progress is saved").wait_for()
        assert manage.list_videos(library)[0]["state"] == "partial"
        with window(browser, address) as page:
            pick(page, shuffled.name)
            restore_order(page)
    assert manage.list_videos(library)[0]["state"] == "complete"


def test_a_message_can_be_dismissed_and_comes_back(page: "Page") -> None:
    for _ in range(2):
        page.get_by_role("button", name="Restore order").click()
        page.get_by_role("alert").wait_for()
        page.get_by_role("button", name="dismiss").click()
        page.get_by_role("alert").wait_for(state="detached")
        assert page.locator("#rc-status").is_hidden()


@pytest.fixture(scope="module")
def two_shots(library: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The name of a video of two shots in the page's library, in order."""
    file = tmp_path_factory.mktemp("two") / "two shots.mp4"
    scenes = [pictures(30, (320, 180), seed=3), [255 - picture for picture in pictures(20, (320, 180), seed=8)]]
    write_clip(file, [picture for scene in scenes for picture in scene])
    pipeline.ingest(file, settings(library=str(library)))
    return file.name


def test_the_shots_are_counted_alike_everywhere_and_a_dropped_one_comes_back_as_a_whole(
    page: "Page", two_shots: str
) -> None:
    pick(page, two_shots)
    restore_order(page)
    assert page.locator("#rc-shots .rw-shot").count() == 2
    sizes = [int(re.search(r"(\d+) frames", head)[1]) for head in shot_heads(page)]
    shots = page.locator("#rc-summary div:has(> dt:text-is('Shots')) dd").inner_text()
    assert [int(number) for number in re.findall(r"\d+", shots)] == [2, *sizes]
    # The first cannot move up, the last not down.
    assert page.get_by_role("button", name="shot 1 earlier").is_disabled()
    assert page.get_by_role("button", name="shot 2 later").is_disabled()
    page.get_by_role("button", name="drop shot 2").click()
    solved(page)
    assert page.locator("#rc-dropped .rw-dropped-frame").count() == sizes[1]
    page.get_by_role("button", name=f"Restore shot 2 ({sizes[1]} frames)").click()
    solved(page, 0)
    assert page.locator("#rc-shots .rw-shot").count() == 2


def test_escape_gives_up_what_the_page_waits_for(page: "Page") -> None:
    pick(page, "shuffled.mp4")
    restore_order(page)
    first, second = frames_of(page.locator("#rc-shots"))[:2]
    choose(page, first)
    page.locator("#rc-selected").get_by_role("button", name="play before another frame").click()
    page.get_by_text("Click the frame that should come later").wait_for()
    page.keyboard.press("Escape")
    page.get_by_text("Click the frame that should come later").wait_for(state="detached")
    choose(page, second)
    assert page.locator("#rc-corrections .rw-chip").count() == 0


def test_choosing_a_frame_moves_nothing_below_it(page: "Page") -> None:
    pick(page, "shuffled.mp4")
    restore_order(page)
    frame = page.locator("#rc-shots .rw-frame").nth(3)
    top = frame.bounding_box()["y"] + page.evaluate("window.scrollY")
    frame.click()
    page.locator("#rc-selected .rw-selected .rw-frame").first.wait_for()
    assert page.locator("#rc-shots .rw-frame").nth(3).bounding_box()["y"] + page.evaluate("window.scrollY") == top


def test_the_chosen_frame_is_in_sight_on_a_phone(address: str, browser: "Browser") -> None:
    with window(browser, address, 390) as page:
        pick(page, "shuffled.mp4")
        restore_order(page)
        page.locator("#rc-shots .rw-frame").nth(12).click()
        chosen = page.locator("#rc-selected .rw-frame-selected")
        chosen.wait_for()
        page.wait_for_function(
            """() => {
                const chosen = document.querySelector('#rc-selected .rw-frame-selected');
                const box = chosen.getBoundingClientRect(), strip = chosen.closest('.rw-strip').getBoundingClientRect();
                return box.left >= strip.left - 1 && box.right <= strip.right + 1;
            }"""
        )


def film_times(page: "Page") -> list[float]:
    return page.locator("#rc-films video").evaluate_all("films => films.map(film => film.currentTime)")


def test_the_two_films_play_pause_and_are_scrubbed_as_one(page: "Page") -> None:
    pick(page, "shuffled.mp4")
    restore_order(page)
    films = page.locator("#rc-films video")
    assert all(plays(films.nth(place)) for place in range(2))
    assert all(films.nth(place).get_attribute("aria-label") for place in range(2))
    play = page.locator("#rc-films [data-player=play]")
    play.click()
    page.wait_for_function("[...document.querySelectorAll('#rc-films video')].every(film => film.currentTime > 0.2)")
    assert play.inner_text() == "Pause"
    play.click()
    page.wait_for_function("[...document.querySelectorAll('#rc-films video')].every(film => film.paused)")
    assert play.inner_text() == "Play"
    paused = film_times(page)
    assert min(paused) > 0.1
    page.locator("#rc-films [data-player=scrub]").fill("1")
    page.wait_for_function("[...document.querySelectorAll('#rc-films video')].every(film => film.currentTime === 1)")
    page.locator("#rc-films [data-player=forward]").click()
    page.wait_for_function("[...document.querySelectorAll('#rc-films video')].every(film => film.currentTime > 1.02)")
    # The keys of an editor, wherever the focus is.
    page.locator("body").press("l")
    page.wait_for_function("[...document.querySelectorAll('#rc-films video')].every(film => !film.paused)")
    page.locator("body").press("k")
    page.wait_for_function("[...document.querySelectorAll('#rc-films video')].every(film => film.paused)")


def test_a_click_on_the_chart_shows_that_place_of_the_film(page: "Page") -> None:
    pick(page, "shuffled.mp4")
    restore_order(page)
    assert plays(page.locator("#rc-films video").nth(1))
    chart = page.locator("#rc-diagnostics .rw-seek img").last
    chart.scroll_into_view_if_needed()
    box = chart.bounding_box()
    chart.click(position={"x": box["width"] * 0.5, "y": box["height"] / 2})
    share = "(film => film.currentTime / film.duration)(document.querySelectorAll('#rc-films video')[1])"
    page.wait_for_function(f"Math.abs({share} - 0.5) < 0.1")


def test_progress_moves_and_names_its_steps_in_plain_words(browser: "Browser", shuffled: Path, tmp_path: Path) -> None:
    with page_of(tmp_path / "library", variant="slow") as address, window(browser, address) as page:
        give(page, shuffled)
        restore_order(page, ".rw-progress :text('Reading the frames')")
        page.locator(".rw-progress :text('%')").wait_for()
        bar = page.locator(".rw-progress progress")
        assert bar.count() == 1
        colour = bar.evaluate("bar => getComputedStyle(bar, '::-webkit-progress-value').backgroundColor")
        assert colour != "rgb(0, 128, 0)"
        page.get_by_role("button", name="Cancel").click()
        page.get_by_text("Cancelled.").wait_for()


def test_the_page_has_its_own_icon_and_link_preview(address: str) -> None:
    with urllib.request.urlopen(f"{address}favicon.ico") as answer:
        assert b"<svg" in answer.read()
    with urllib.request.urlopen(address) as answer:
        head = answer.read().decode().partition("</head>")[0]
    assert 'content="Reelweave"' in head
    assert "githubusercontent" not in head
    assert "{url}" not in head
    assert 'content="Gradio"' not in head


def test_frames_are_moved_in_the_grid_of_all_frames_and_undone_by_keys(page: "Page", tmp_path: Path) -> None:
    pick(page, "shuffled.mp4")
    restore_order(page)
    page.get_by_role("button", name=re.compile("Show all .* frames")).click()
    page.locator("#rc-browser .rw-cell").first.wait_for()
    page.locator("#rc-cancel").wait_for(state="hidden")
    order = [int(text) for text in page.locator("#rc-browser .rw-cell:not([data-dropped])").all_inner_texts()]
    assert len(order) == 48
    picture = page.locator("#rc-browser .rw-cell").first.evaluate("cell => cell.style.backgroundImage.slice(5, -2)")
    assert page.request.get(f"{page.url.partition('#')[0]}{picture.removeprefix('/')}").ok
    page.locator("#rc-browser .rw-cell").nth(5).click()
    page.locator("#rc-selected", has_text=f"frame {order[5]}, position 6").wait_for()
    page.locator("#rc-browser .rw-grid").focus()
    page.keyboard.press("Alt+ArrowRight")
    solved(page)
    page.wait_for_function(
        "wanted => [...document.querySelectorAll('#rc-browser .rw-cell')][5]?.innerText === wanted", arg=str(order[6])
    )
    plan = read_plan(downloaded(page, "Plan", tmp_path))
    assert abs(plan.order.index(order[5]) - plan.order.index(order[6])) == 1
    assert abs(plan.order.index(order[5]) - plan.order.index(order[7])) == 1
    page.locator("body").press("Control+z")
    solved(page, 0)
    page.locator("body").press("Control+Shift+Z")
    solved(page)

"""The page as its user meets it: the real server, and a real browser."""

import json
import re
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from browser import faint, needs_browser, overflow, page_of, plays, screenshot, window
from runs import settings, wait_until

from reelweave import pipeline
from reelweave.evaluate.drawn.film import draw_film
from reelweave.evaluate.scramble import ScrambleOptions, scramble
from reelweave.index import manage
from reelweave.index.lock import current_writer
from reelweave.solve.plan.files import read_plan

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Locator, Page

pytestmark = needs_browser

TABS = ["Reconstruct", "Search", "Library", "Repair", "Measure"]
FOREIGN = 4


@pytest.fixture(scope="module")
def shuffled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """48 frames out of order and four of something else."""
    folder = tmp_path_factory.mktemp("shuffled")
    draw_film(folder / "film.mp4", frames=48, size=(320, 180))
    scramble(folder / "film.mp4", folder / "shuffled.mp4", ScrambleOptions(seed=1, foreign=FOREIGN))
    return folder / "shuffled.mp4"


@pytest.fixture(scope="module")
def stock(shuffled: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page's library, with the shuffled film in it."""
    library = tmp_path_factory.mktemp("page") / "library"
    pipeline.ingest(shuffled, settings(library=str(library)))
    return library


@pytest.fixture(scope="module")
def address(stock: Path) -> Iterator[str]:
    with page_of(stock) as found:
        yield found


@pytest.fixture
def page(address: str, browser: "Browser") -> "Iterator[Page]":
    with window(browser, address) as found:
        yield found


def give(page: "Page", video: Path) -> None:
    page.locator("#rc-upload input[type=file]").set_input_files(str(video))
    page.locator("#rc-upload").get_by_text(video.stem[:8]).first.wait_for()


def pick(page: "Page", name: str) -> None:
    page.get_by_label("or pick one of the library").click()
    page.get_by_role("option", name=name).click()


def put_in_order(page: "Page", then: str = "#rc-films a:has-text('Film')") -> None:
    page.get_by_role("button", name="Put in order").click()
    page.locator(then).first.wait_for()


def solved(page: "Page", wishes: int = 1) -> None:
    """Until so many wishes are said, and the plan holds to them."""
    page.locator(f"#rc-said:has(.rw-said):not(:has(.rw-chip:nth-child({wishes + 1})))").wait_for()
    if wishes:
        page.locator("#rc-said .rw-chip").nth(wishes - 1).wait_for()
    page.locator("#rc-said:not(:has(.rw-open))").wait_for()
    page.locator("#rc-cancel").wait_for(state="hidden")


def downloaded(page: "Page", words: str, folder: Path) -> Path:
    with page.expect_download() as waiting:
        page.get_by_role("link", name=f"Download: {words}", exact=True).click()
    target = folder / waiting.value.suggested_filename
    waiting.value.save_as(target)
    return target


def frames_of(strip: "Locator") -> list[int]:
    return [int(text) for text in strip.locator(".rw-number").all_inner_texts()]


@pytest.mark.parametrize("name", TABS)
def test_every_tab_opens(page: "Page", name: str) -> None:
    page.get_by_role("tab", name=name).click()
    assert page.get_by_role("tab", name=name).get_attribute("aria-selected") == "true"


def test_a_video_that_is_dropped_comes_out_in_order(page: "Page", shuffled: Path, tmp_path: Path) -> None:
    copy = tmp_path / "räksmörgås & <b>film.mp4"
    copy.write_bytes(shuffled.read_bytes())
    give(page, copy)
    put_in_order(page, "#rc-progress, .rw-progress")
    page.locator("#rc-films a:has-text('Film')").wait_for()
    films = page.locator("#rc-films video")
    assert films.count() == 2
    assert all(plays(films.nth(place)) for place in range(2))
    maps = page.locator("#rc-pictures .rw-maps img")
    assert maps.count() == 2
    assert maps.nth(0).get_attribute("src") != maps.nth(1).get_attribute("src")
    assert page.locator("#rc-pictures figcaption", has_text="weak joins").is_visible()
    plan = read_plan(downloaded(page, "Plan", tmp_path))
    assert len(plan.order) == 48
    assert downloaded(page, "Film", tmp_path).stat().st_size > 10_000


def test_a_dropped_frame_says_why_and_comes_back_by_a_click(page: "Page", stock: Path, tmp_path: Path) -> None:
    pick(page, "shuffled.mp4")
    put_in_order(page)
    gone = page.locator("#rc-dropped .rw-gone")
    assert gone.count() == FOREIGN
    assert re.search(r"score \d\.\d\d", gone.first.inner_text())
    frame = frames_of(page.locator("#rc-dropped"))[0]
    gone.first.click()
    page.locator("#rc-said .rw-chip", has_text=f"frame {frame} plays").wait_for()
    solved(page)
    assert gone.count() == FOREIGN - 1
    assert frame in read_plan(downloaded(page, "Plan", tmp_path)).order


def test_what_is_said_by_clicks_holds_in_the_plan(page: "Page", tmp_path: Path) -> None:
    pick(page, "shuffled.mp4")
    put_in_order(page)
    hand, shots = page.locator("#rc-hand"), page.locator("#rc-shots")
    end, later, early, gone = (frames_of(shots)[place] for place in (-1, 2, 8, 5))
    choose(page, end)
    hand.get_by_role("button", name="Begins the film").click()
    solved(page, 1)
    choose(page, early)
    hand.get_by_role("button", name="plays before another frame").click()
    page.get_by_text("Now click the frame that plays later.").wait_for()
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


def choose(page: "Page", frame: int) -> None:
    page.locator("#rc-shots").get_by_role("button", name=f"frame {frame}", exact=True).click()
    page.locator("#rc-hand", has_text=f"frame {frame}, number").wait_for()


def test_wishes_that_cannot_hold_are_refused_by_name_and_can_be_taken_back(page: "Page") -> None:
    pick(page, "shuffled.mp4")
    put_in_order(page)
    a, b = frames_of(page.locator("#rc-shots"))[:2]
    for frame, name in ((a, "Begins the film"), (b, "plays before another frame")):
        choose(page, frame)
        page.locator("#rc-hand").get_by_role("button", name=name).click()
        page.locator("#rc-cancel").wait_for(state="hidden")
    page.get_by_text("Now click the frame that plays later.").wait_for()
    page.locator("#rc-shots").get_by_role("button", name=f"frame {a}", exact=True).click()
    page.get_by_role("alert").get_by_text("cannot all hold").wait_for()
    page.get_by_role("button", name=f"take back: frame {b} before frame {a}").click()
    solved(page, 1)


def test_a_new_order_is_rendered_when_asked_for(page: "Page", tmp_path: Path) -> None:
    pick(page, "shuffled.mp4")
    put_in_order(page)
    page.locator("#rc-shots").get_by_role("button", name="play shot 1 backwards").click()
    solved(page)
    page.get_by_text("as small pictures").wait_for()
    assert plays(page.locator("#rc-films video").nth(1))
    page.get_by_role("button", name="Render the film").click()
    page.locator("#rc-films a", has_text="Film").wait_for()
    page.get_by_role("button", name="Render it reversed").click()
    page.locator("#rc-films a", has_text="Reversed").wait_for()
    names = {downloaded(page, words, tmp_path).name for words in ("Film", "Reversed film")}
    assert names == {"shuffled.reordered.mp4", "shuffled.reordered.reversed.mp4"}


def test_the_keyboard_reaches_everything_and_stays_where_it_was(page: "Page") -> None:
    pick(page, "shuffled.mp4")
    put_in_order(page)
    page.locator("#rc-shots .rw-frame").first.focus()
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.locator("#rc-hand .rw-hand").wait_for()
    page.get_by_role("button", name="Ends the film").focus()
    page.keyboard.press("Space")
    page.locator("#rc-said .rw-chip", has_text="ends with").wait_for()
    solved(page)
    page.wait_for_function("document.activeElement.innerText == 'Ends the film'")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
def test_it_fits_a_phone_and_a_laptop(address: str, browser: "Browser", width: int, scheme: str) -> None:
    with window(browser, address, width, scheme) as page:
        pick(page, "shuffled.mp4")
        assert page.locator("body.dark").count() == (scheme == "dark")
        put_in_order(page)
        page.locator("#rc-shots .rw-frame").nth(4).click()
        page.locator("#rc-hand .rw-hand").wait_for()
        assert plays(page.locator("#rc-films video").first)
        assert (overflow(page), faint(page)) == (0, [])
        screenshot(page, f"page-reconstruct-{width}-{scheme}")
        for name in TABS[1:]:
            page.get_by_role("tab", name=name).click()
            assert (overflow(page), faint(page)) == (0, []), name


@pytest.mark.parametrize("name", ["no film.mp4", "<img src=x onerror=alert(1)>.mp4", "picture.png"])
def test_an_upload_that_is_no_video_is_told_and_forgotten(page: "Page", stock: Path, tmp_path: Path, name: str) -> None:
    before = kept(stock)
    (tmp_path / name).write_bytes(b"this is no video\n" * 100)
    page.locator("#rc-upload input[type=file]").set_input_files(str(tmp_path / name))
    page.locator("#rc-upload").get_by_text("KB").first.wait_for()
    page.get_by_role("button", name="Put in order").click()
    told = page.get_by_role("alert")
    told.wait_for()
    assert page.locator("#rc-told img").count() == 0
    assert not page.locator("#rc-films").is_visible()
    assert kept(stock) == before


def kept(stock: Path) -> set[Path]:
    return set((stock.parent / "library.page" / "given").rglob("*"))


def test_nothing_given_is_asked_for(page: "Page") -> None:
    page.get_by_role("button", name="Put in order").click()
    page.get_by_role("alert").get_by_text("No video was given").wait_for()


@pytest.mark.parametrize(
    ("tab", "field", "button"),
    [
        ("Reconstruct", "rc-picked", "Put in order"),
        ("Repair", "rp-picked", "Look for broken frames"),
        ("Measure", "me-picked", "Scramble and put back"),
    ],
)
def test_a_video_that_was_removed_since_it_was_picked_is_told(
    browser: "Browser", clip: Path, tmp_path: Path, tab: str, field: str, button: str
) -> None:
    library = settings(library=str(tmp_path / "library"))
    with page_of(tmp_path / "library") as address, window(browser, address) as page:
        # Ingested only now, it is offered by the answer to the first click, which thus is not still under way later.
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


def test_work_can_be_cancelled_and_gone_on_with(browser: "Browser", shuffled: Path, tmp_path: Path) -> None:
    with page_of(tmp_path / "library", manner="slow") as address, window(browser, address) as page:
        give(page, shuffled)
        put_in_order(page, ".rw-progress :text('of 52')")
        page.get_by_role("button", name="Cancel").click()
        page.get_by_text("Cancelled.").wait_for()
        assert manage.list_videos(settings(library=str(tmp_path / "library")))[0]["state"] != "complete"
        put_in_order(page)
        assert manage.list_videos(settings(library=str(tmp_path / "library")))[0]["state"] == "complete"


def test_a_search_is_ended_with_the_best_so_far(browser: "Browser", shuffled: Path, tmp_path: Path) -> None:
    with page_of(tmp_path / "library", manner="endless") as address, window(browser, address) as page:
        give(page, shuffled)
        put_in_order(page, ".rw-may-stop")
        page.get_by_role("button", name="Take the best so far").click()
        page.locator("#rc-films a:has-text('Film')").wait_for()
        assert page.locator("#rc-enough").is_hidden()


def test_a_window_that_is_closed_leaves_no_work_behind(browser: "Browser", shuffled: Path, tmp_path: Path) -> None:
    library = tmp_path / "library"
    with page_of(library, manner="slow") as address:
        with window(browser, address) as page:
            give(page, shuffled)
            put_in_order(page, ".rw-progress :text('of 52')")
            assert current_writer(library)
        wait_until(lambda: current_writer(library) is None)
    assert manage.list_videos(settings(library=str(library)))[0]["state"] != "complete"


def test_two_windows_at_once_spoil_nothing(browser: "Browser", shuffled: Path, clip: Path, tmp_path: Path) -> None:
    """While one writes, another that would write too is told so; both end well."""
    library = tmp_path / "library"
    with page_of(library, manner="slow") as address, window(browser, address) as one, window(browser, address) as two:
        give(one, shuffled)
        put_in_order(one, ".rw-progress :text('of 52')")
        give(two, clip)
        put_in_order(two, "[role=alert]")
        assert "is being written by" in two.get_by_role("alert").inner_text()
        one.locator("#rc-films a:has-text('Film')").wait_for()
        put_in_order(two)
        assert one.locator("#rc-dropped .rw-gone").count() == FOREIGN
    assert list(manage.check_videos(settings(library=str(library))).values()) == [[], []]


def asked(address: str, path: str, **headers: str) -> int:
    try:
        with urllib.request.urlopen(urllib.request.Request(address + path, headers=headers)) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as refused:
        with refused:
            return int(refused.code)


def test_no_other_file_can_be_read_through_the_page(address: str, stock: Path, shuffled: Path) -> None:
    given = stock.parent / "library.page"
    for file in ("/etc/passwd", stock / "catalog.db", shuffled, Path(pipeline.__file__), next(given.rglob("lock"))):
        assert asked(address, f"gradio_api/file={file}") == 403
    assert asked(address, "gradio_api/file=http://127.0.0.1/") == 403
    assert asked(address, "gradio_api/proxy=http://127.0.0.1/") == 403


def test_a_file_that_was_not_uploaded_is_not_taken(browser: "Browser", shuffled: Path, tmp_path: Path) -> None:
    """A page that names a path of this machine in place of an upload gets nothing, and the terminal is told."""
    library = tmp_path / "library"
    with page_of(library, grumbles="was not uploaded by a user") as address, window(browser, address) as page:
        found: list[Any] = []
        page.on("request", lambda request: found.append(request) if "queue/join" in request.url else None)
        page.get_by_role("button", name="Put in order").click()
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


def test_a_text_is_empty_and_not_missing_before_its_tab_is_drawn(address: str) -> None:
    """A tab that is clicked before the browser has drawn it sends what stands in the page's own description."""
    with urllib.request.urlopen(f"{address}config") as answer:
        parts = json.load(answer)["components"]
    texts = [part["props"]["value"] for part in parts if part["type"] == "textbox"]
    assert texts
    assert set(texts) == {""}


@pytest.mark.parametrize("host", ["evil.example", "evil.example:7860", "127.0.0.1.evil.example"])
def test_another_sites_name_does_not_lead_to_the_page(address: str, host: str) -> None:
    assert asked(address, "", Host=host) == 403


def test_others_enter_only_with_the_password_and_name_no_files(
    browser: "Browser", shuffled: Path, tmp_path: Path
) -> None:
    (tmp_path / "password").write_text("open sesame\n")
    options = ("--host", "0.0.0.0", "--user", "ada", "--password-file", str(tmp_path / "password"))
    with page_of(tmp_path / "library", *options) as address:
        address = address.replace("0.0.0.0", "127.0.0.1")
        assert asked(address, "config") == 401
        with window(browser, address) as page:
            page.get_by_label("username").fill("ada")
            page.get_by_label("password").fill("open sesame")
            page.get_by_role("button", name="Login").click()
            page.get_by_role("button", name="Put in order").wait_for()
            page.get_by_role("tab", name="Library").click()
            page.locator("#li-uploads input[type=file]").set_input_files(str(shuffled))
            page.locator("#li-uploads").get_by_text("B").first.wait_for()
            assert page.get_by_label("or a folder, a file or a pattern").count() == 0
            page.get_by_role("button", name="Add to the library").click()
            page.locator("#li-videos b", has_text=shuffled.name).wait_for()

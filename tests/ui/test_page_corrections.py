"""Work on a film in the Reconstruct tab, in a real browser: corrections, undo, keys, players and the tour."""

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import long_film
import pytest
from browser import faint, needs_browser, overflow, page_of, plays, screenshot, window
from helpers import pictures, write_clip
from reconstruct_page import choose, downloaded, frames_of, pick, restore_order, shot_heads, shuffled_film, solved
from runs import settings

from reelweave import pipeline
from reelweave.solve.plan.files import read_plan

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = needs_browser


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A library with a shuffled film, and one of two shots that is in order."""
    folder = tmp_path_factory.mktemp("corrections")
    own = settings(library=str(folder / "library"))
    pipeline.ingest(shuffled_film(folder), own)
    scenes = [pictures(30, (320, 180), seed=3), [255 - picture for picture in pictures(20, (320, 180), seed=8)]]
    pipeline.ingest(write_clip(folder / "two shots.mp4", [one for scene in scenes for one in scene]), own)
    return folder / "library"


@pytest.fixture(scope="module")
def address(library: Path) -> Iterator[str]:
    with page_of(library) as found:
        yield found


@pytest.fixture
def page(address: str, browser: "Browser") -> "Iterator[Page]":
    with window(browser, address) as found:
        yield found


def listed(page: "Page") -> list[str]:
    return [text.strip() for text in page.locator("#rc-corrections .rw-chip > :first-child").all_inner_texts()]


def wait_for_list(page: "Page", wanted: list[str]) -> None:
    page.wait_for_function(
        """wanted => JSON.stringify([...document.querySelectorAll('#rc-corrections .rw-chip > :first-child')]
            .map(part => part.innerText.trim())) === wanted""",
        arg=json.dumps(wanted, separators=(",", ":"), ensure_ascii=False),
    )


def show_all_frames(page: "Page") -> None:
    page.get_by_role("button", name=re.compile("Show all .* frames")).click()
    page.locator("#rc-browser .rw-cell").first.wait_for()
    page.locator("#rc-cancel").wait_for(state="hidden")


def in_hand(name: str) -> "Callable[[Page], None]":
    return lambda page: page.locator("#rc-selected").get_by_role("button", name=name, exact=True).click()


def of_pair(name: str) -> "Callable[[Page], None]":
    def act(page: "Page") -> None:
        in_hand(name)(page)
        page.locator("#rc-selected .rw-warning").wait_for()
        page.locator("#rc-shots .rw-frame").nth(9).click()

    return act


def of_shot(name: str) -> "Callable[[Page], None]":
    return lambda page: page.locator("#rc-shots").get_by_role("button", name=name, exact=True).click()


def by_key(key: str) -> "Callable[[Page], None]":
    return lambda page: page.locator("#rc-browser .rw-grid").press(key)


ACTIONS: dict[str, tuple[Any, str]] = {
    "first": (in_hand("Make first"), "Start with frame"),
    "last": (in_hand("Make last"), "End with frame"),
    "before": (of_pair("play before another frame"), "Play frame"),
    "next to": (of_pair("place next to another"), "Place frame"),
    "drop": (in_hand("Drop it"), "Drop frame"),
    "cut": (in_hand("begin a new shot with this frame"), "Cut after frame"),
    "flip": (of_shot("play shot 1 backwards"), "Play shot 1 backwards"),
    "order": (of_shot("shot 1 later"), "Shot order: 2, 1"),
    "drop shot": (of_shot("drop shot 2"), "Drop shot 2"),
    "join": (of_shot("join shot 2 to the shot before it"), "Join the shots after frame"),
    "moved by key": (by_key("Alt+ArrowRight"), "Place frames"),
    "dropped by key": (by_key("Delete"), "Drop frame"),
    "cut by key": (by_key("c"), "Cut after frame"),
}


def test_every_action_can_be_undone_and_redone_by_keys(page: "Page") -> None:
    pick(page, "two shots.mp4")
    restore_order(page)
    show_all_frames(page)
    page.get_by_label("Re-solve automatically").uncheck()
    for name, (act, words) in ACTIONS.items():
        choose(page, frames_of(page.locator("#rc-shots"))[4])
        page.locator("#rc-browser .rw-cell").nth(4).click()
        act(page)
        page.locator("#rc-corrections .rw-chip", has_text=words).wait_for()
        made = listed(page)
        assert len(made) == 1, name
        page.locator("body").press("Control+z")
        wait_for_list(page, [])
        page.locator("body").press("Control+Shift+Z")
        wait_for_list(page, made)
        page.locator("#rc-corrections").get_by_role("button", name=re.compile("^remove: ")).click()
        wait_for_list(page, [])
        page.locator("body").press("Control+z")
        wait_for_list(page, made)
        page.locator("body").press("Control+z")
        wait_for_list(page, [])


def test_a_correction_is_changed_in_the_list(page: "Page", tmp_path: Path) -> None:
    pick(page, "shuffled.mp4")
    restore_order(page)
    first, second, *_ = frames_of(page.locator("#rc-shots"))
    choose(page, first)
    in_hand("Drop it")(page)
    solved(page)
    page.get_by_role("button", name=f"change: Drop frame {first}").click()
    field = page.get_by_role("textbox", name=f"change: Drop frame {first}")
    field.fill("99999")
    field.press("Enter")
    page.get_by_role("alert").get_by_text("no frame 99999").wait_for()
    page.get_by_role("button", name=f"change: Drop frame {first}").click()
    field.press("Escape")
    field.wait_for(state="detached")
    page.get_by_role("button", name=f"change: Drop frame {first}").click()
    field.fill(str(second))
    field.press("Enter")
    wait_for_list(page, [f"Drop frame {second}"])
    solved(page)
    assert read_plan(downloaded(page, "Plan", tmp_path)).wishes == {"drop": [second]}
    page.locator("body").press("Control+z")
    wait_for_list(page, [f"Drop frame {first}"])


def test_a_shot_is_cut_moved_and_joined_again(page: "Page", tmp_path: Path) -> None:
    pick(page, "two shots.mp4")
    restore_order(page)
    before = read_plan(downloaded(page, "Plan", tmp_path))
    frame = frames_of(page.locator("#rc-shots .rw-shot").first)[8]
    choose(page, frame)
    in_hand("begin a new shot with this frame")(page)
    page.locator("#rc-shots .rw-shot").nth(2).wait_for()
    solved(page)
    assert [head.split()[1] for head in shot_heads(page)] == ["1", "3", "2"]
    page.locator("#rc-shots").get_by_role("button", name="shot 3 earlier").click()
    solved(page, 2)
    assert [head.split()[1] for head in shot_heads(page)] == ["3", "1", "2"]
    plan = read_plan(downloaded(page, "Plan", tmp_path))
    cut, end = before.order.index(frame), before.shots[0].length
    assert plan.order == before.order[cut:end] + before.order[:cut] + before.order[end:]
    assert [shot.number for shot in plan.shots] == [3, 1, 2]
    page.locator("#rc-shots").get_by_role("button", name="shot 3 later").click()
    page.locator("#rc-shots").get_by_role("button", name="join shot 3 to the shot before it").wait_for()
    page.locator("#rc-cancel").wait_for(state="hidden")
    page.locator("#rc-shots").get_by_role("button", name="join shot 3 to the shot before it").click()
    page.locator("#rc-shots .rw-shot").nth(2).wait_for(state="detached")
    page.locator("#rc-cancel").wait_for(state="hidden")
    assert read_plan(downloaded(page, "Plan", tmp_path)).order == before.order


def test_a_warning_precedes_the_loss_of_corrections_that_could_not_be_saved(
    browser: "Browser", library: Path, tmp_path: Path
) -> None:
    copy = tmp_path / "library"
    pipeline.ingest(library.parent / "shuffled.mp4", settings(library=str(copy)))
    with page_of(copy) as address, window(browser, address) as page:
        # A file where the folder of the runs should be.
        (tmp_path / "library.page" / "runs").write_text("")
        pick(page, "shuffled.mp4")
        restore_order(page)
        of_shot("play shot 1 backwards")(page)
        page.locator("#rc-corrections [data-unsaved]").wait_for()
        assert page.evaluate("!dispatchEvent(new Event('beforeunload', {cancelable: true}))")


def test_saved_corrections_go_without_a_warning(page: "Page") -> None:
    pick(page, "shuffled.mp4")
    restore_order(page)
    of_shot("play shot 1 backwards")(page)
    solved(page)
    assert page.evaluate("dispatchEvent(new Event('beforeunload', {cancelable: true}))")


def test_the_keys_are_listed_on_request(page: "Page") -> None:
    pick(page, "shuffled.mp4")
    restore_order(page)
    keys = page.get_by_role("dialog", name="keyboard shortcuts")
    page.locator("body").press("?")
    keys.get_by_text("begin a new shot here").wait_for()
    assert faint(page) == []
    page.keyboard.press("Escape")
    keys.wait_for(state="hidden")
    page.get_by_role("button", name="Keyboard shortcuts").click()
    keys.get_by_role("button", name="Close").click()
    keys.wait_for(state="hidden")


def test_the_films_are_compared_sped_up_and_sought_in_the_charts(page: "Page") -> None:
    pick(page, "shuffled.mp4")
    restore_order(page)
    assert all(plays(page.locator("#rc-films video").nth(place)) for place in range(2))
    player = page.locator("#rc-films")
    player.get_by_role("button", name="Compare").click()
    player.get_by_label("where the films meet").fill("20")
    upper = "getComputedStyle(document.querySelectorAll('#rc-films video')[1]).clipPath"
    assert "20%" in page.evaluate(upper)
    player.get_by_role("button", name="Compare").click()
    assert page.evaluate(upper) == "none"
    rates = "[...document.querySelectorAll('#rc-films video')].map(film => film.playbackRate)"
    player.get_by_label("speed").select_option("0.25")
    assert page.evaluate(rates) == [0.25, 0.25]
    page.locator("body").press("l")
    assert page.evaluate(rates) == [1, 1]
    page.locator("body").press("l")
    assert page.evaluate(rates) == [2, 2]
    page.locator("body").press("k")
    player.get_by_label("position").fill("1.5")
    page.wait_for_function("[...document.querySelectorAll('#rc-films video')].every(film => film.currentTime === 1.5)")
    page.locator("body").press("j")
    page.wait_for_function("[...document.querySelectorAll('#rc-films video')].every(film => film.currentTime === 0.5)")
    share = "(film => film.currentTime / film.duration)(document.querySelectorAll('#rc-films video')[{}])"
    for place, film in ((0, 0), (1, 1)):
        chart = page.locator("#rc-diagnostics .rw-maps .rw-seek img").nth(place)
        box = chart.bounding_box()
        chart.click(position={"x": box["width"] * 0.75, "y": 40})
        page.wait_for_function(f"Math.abs({share.format(film)} - 0.75) < 0.1")


def test_the_tour_starts_by_its_button_and_draws_a_film(browser: "Browser", tmp_path: Path) -> None:
    with page_of(tmp_path / "library") as address, window(browser, address) as page:
        button = page.locator("[data-tour=start]")
        button.wait_for()
        assert "one-minute tour" in button.inner_text()
        assert page.locator(".rw-tour").is_hidden()
        button.click()
        tour, following = page.get_by_role("dialog", name="tour"), page.locator("[data-tour=next]")
        page.locator("#rc-films a:has-text('Film')").wait_for()
        assert page.locator("#rc-shots .rw-shot").count() == 2
        assert page.locator("#rc-dropped .rw-dropped-frame").count() == 4
        titles = [tour.get_by_role("heading").inner_text()]
        tour.press("ArrowRight")
        titles.append(tour.get_by_role("heading").inner_text())
        page.locator("#rc-films .rw-toured").wait_for()
        assert (overflow(page), faint(page)) == (0, [])
        screenshot(page, "page-tour")
        tour.press("ArrowLeft")
        assert tour.get_by_role("heading").inner_text() == titles[0]
        while following.inner_text() == "Next":
            following.click()
        assert "Take it with you" in tour.inner_text()
        following.click()
        tour.wait_for(state="hidden")
        assert page.locator(".rw-toured").count() == 0
        show_all_frames(page)
        choose(page, frames_of(page.locator("#rc-shots"))[5])
        screenshot(page, "page-frames", part="#rc-browser")
        page.reload()
        button.get_by_text("Tour", exact=True).wait_for()


def test_a_tour_over_work_leaves_it_alone(page: "Page") -> None:
    pick(page, "shuffled.mp4")
    restore_order(page)
    of_shot("play shot 1 backwards")(page)
    solved(page)
    page.locator("[data-tour=start]").click()
    tour = page.get_by_role("dialog", name="tour")
    tour.wait_for()
    for _ in range(3):
        page.locator("[data-tour=next]").click()
    tour.press("Escape")
    tour.wait_for(state="hidden")
    assert listed(page) == ["Play shot 1 backwards"]
    assert "shuffled.mp4" in page.locator("#rc-films figcaption").first.inner_text()


def test_20000_frames_are_browsed_and_corrected(browser: "Browser", library: Path, tmp_path: Path) -> None:
    long_film.store_proxies(tmp_path / "proxies")
    variables = {"PROXIES": str(tmp_path / "proxies"), "SUPPORT": str(Path(long_film.__file__).parent)}
    with page_of(library, variant="long", **variables) as address, window(browser, address) as page:
        pick(page, "shuffled.mp4")
        restore_order(page, "#rc-browser button")
        show_all_frames(page)
        assert page.locator("#rc-browser .rw-cell").count() < 500
        place = page.locator("#rc-browser [data-grid=place]")
        place.fill("400 s")
        place.press("Enter")
        last = long_film.FRAMES - 1
        cell = page.locator(f"#rc-browser .rw-cell[aria-label^='frame {last - 10000},']")
        cell.wait_for()
        assert "shot 3 begins" in cell.get_attribute("aria-label")
        picture = cell.evaluate("cell => cell.style.backgroundImage.slice(5, -2)")
        assert page.request.get(f"{page.url.partition('#')[0]}{picture.removeprefix('/')}").ok
        grid = page.locator("#rc-browser .rw-grid")
        grid.press("Control+a")
        page.locator("#rc-browser [data-grid=status]", has_text="20000 selected").wait_for()
        grid.press("Escape")
        grid.press("End")
        grid.press("Shift+PageUp")
        grid.press("Delete")
        page.locator("#rc-corrections summary", has_text="more").wait_for()
        grid.press("Control+z")
        wait_for_list(page, [])

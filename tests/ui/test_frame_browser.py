"""The grid of all frames, on a page that has nothing else: it draws what is in sight, and sends corrections."""

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest
from browser import needs_browser

from reelweave.ui import html

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = needs_browser

FRAMES = 20_000
SHOT = 1000
DROPPED = 3
_DOT = "data:image/gif;base64,R0lGODlhAQABAAAAACH5BAEKAAEALAAAAAABAAEAAAICTAEAOw=="


def data(order: list[int], dropped: list[int]) -> str:
    frames = sorted([*order, *dropped])
    facts = {"key": "a", "frames": frames, "order": order, "dropped": dropped, "columns": 10, "fps": 25.0}
    facts["shots"] = [[frame, number] for number, frame in enumerate(order[::SHOT], 1)]
    return json.dumps(facts | {"sheets": [_DOT] * (len(frames) // 100 + 1), "width": 160, "height": 90})


@pytest.fixture
def page(browser: "Browser") -> "Iterator[Page]":
    """A film of 20,000 frames, the last of the file first, and three dropped ones."""
    opened = browser.new_page(viewport={"width": 1280, "height": 900})
    show(opened, list(range(FRAMES - 1, DROPPED - 1, -1)), list(range(DROPPED)))
    yield opened
    opened.close()


def show(page: "Page", order: list[int], dropped: list[int]) -> None:
    content = html.render("reconstruct.frame_browser", data(order, dropped))
    page.set_content(
        f"<!doctype html><style>{html.static_file('page.css')}</style><body><div class='gradio-container'>"
    )
    page.add_script_tag(content=html.browser_strings())
    page.evaluate(
        """([content, code]) => {
            const element = document.createElement('div');
            element.id = 'browser';
            element.innerHTML = content;
            document.querySelector('.gradio-container').append(element);
            window.sent = [];
            const trigger = (name, detail) => window.sent.push(detail);
            Function('element', 'trigger', 'watch', code)(element, trigger, () => {});
        }""",
        [content, html.script("frame_browser")],
    )
    page.locator(".rw-cell").first.wait_for()


def shown(page: "Page") -> list[int]:
    return [int(text) for text in page.locator(".rw-cell .rw-number").all_inner_texts()]


def sent(page: "Page") -> Any:
    return page.evaluate("window.sent.at(-1)")


def cell(page: "Page", frame: int) -> Any:
    return page.locator(f".rw-cell[aria-label^='frame {frame},']")


def test_only_the_frames_in_sight_are_drawn(page: "Page") -> None:
    assert shown(page)[:3] == [FRAMES - 1, FRAMES - 2, FRAMES - 3]
    assert len(shown(page)) < 300
    page.locator(".rw-grid").evaluate("grid => { grid.scrollTop = grid.scrollHeight; }")
    page.wait_for_function("document.querySelector(\".rw-cell[aria-label='frame 0, dropped']\") !== null")
    assert len(shown(page)) < 300


@pytest.mark.parametrize(
    ("place", "frame"), [("12000", 12000), ("0:00", FRAMES - 1), ("1:00", FRAMES - 1 - 1500), ("8 s", FRAMES - 201)]
)
def test_it_goes_to_a_frame_or_a_time(page: "Page", place: str, frame: int) -> None:
    page.locator("[data-grid=place]").fill(place)
    page.locator("[data-grid=place]").press("Enter")
    page.locator(f".rw-cell[data-current][aria-label^='frame {frame},']").wait_for()


def test_an_unknown_place_is_reported(page: "Page") -> None:
    page.locator("[data-grid=place]").fill("99999999")
    page.get_by_role("button", name="Go", exact=True).click()
    assert "no frame" in page.locator("[data-grid=status]").inner_text()


def test_frames_are_larger_and_fewer_after_zooming(page: "Page") -> None:
    before = len(shown(page))
    page.locator("[data-grid=zoom]").fill("240")
    page.wait_for_function("before => document.querySelectorAll('.rw-cell').length < before", arg=before)


def test_a_range_is_dragged_to_another_place(page: "Page") -> None:
    first = FRAMES - 1
    cell(page, first - 2).click()
    cell(page, first - 4).click(modifiers=["Shift"])
    assert page.locator("[data-grid=status]").inner_text() == "3 selected"
    start, end = cell(page, first - 3).bounding_box(), cell(page, first - 7).bounding_box()
    page.mouse.move(start["x"] + 20, start["y"] + 20)
    page.mouse.down()
    page.mouse.move(end["x"] + end["width"] - 8, end["y"] + 20, steps=4)
    assert page.locator(".rw-grid-mark").is_visible()
    page.mouse.up()
    assert sent(page)["action"] == "move"
    moved = json.loads(sent(page)["item"])
    assert moved == {"frames": [first - 2, first - 3, first - 4], "after": first - 7, "before": first - 8}


def test_the_keyboard_selects_moves_drops_and_restores(page: "Page") -> None:
    first = FRAMES - 1
    page.locator(".rw-grid").focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Shift+ArrowRight")
    page.keyboard.press("Alt+ArrowLeft")
    moved = {"frames": [first - 1, first - 2], "after": None, "before": first}
    assert json.loads(sent(page)["item"]) == moved
    page.keyboard.press("Delete")
    assert sent(page) == {"action": "drop_all", "item": f"{first - 1},{first - 2}"}
    page.keyboard.press("End")
    page.keyboard.press("r")
    assert sent(page) == {"action": "keep_all", "item": "2"}
    page.keyboard.press("Enter")
    assert sent(page) == {"action": "frame", "item": "2"}
    page.keyboard.press("Home")
    page.keyboard.press("Control+a")
    assert page.locator("[data-grid=status]").inner_text() == f"{FRAMES - DROPPED} selected"


def test_shots_are_marked_cut_and_joined_by_keys(page: "Page") -> None:
    first = FRAMES - 1
    assert (
        page.locator(".rw-cell[data-shot]").first.get_attribute("aria-label")
        == f"frame {first}, position 1, shot 1 begins"
    )
    page.locator(".rw-grid").focus()
    page.keyboard.press("c")
    page.keyboard.press("Shift+C")
    assert sent(page) is None, "the film begins here"
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Shift+C")
    assert sent(page) is None, "no shot begins here"
    page.keyboard.press("c")
    assert sent(page) == {"action": "cut", "item": str(first - 1)}
    go_to(page, str(first - SHOT))
    page.locator(".rw-grid").press("Shift+C")
    assert sent(page) == {"action": "join", "item": str(first - SHOT)}
    assert page.get_by_role("button", name="Cut here").is_disabled()
    go_to(page, str(first - SHOT - 5))
    assert page.get_by_role("button", name="Join").is_disabled()
    page.get_by_role("button", name="Cut here").click()
    assert sent(page) == {"action": "cut", "item": str(first - SHOT - 5)}


def test_the_keyboard_zooms_goes_and_lets_go(page: "Page") -> None:
    grid = page.locator(".rw-grid")
    grid.press("Home")
    before = cell(page, FRAMES - 1).bounding_box()["width"]
    grid.press("+")
    assert cell(page, FRAMES - 1).bounding_box()["width"] > before
    grid.press("-")
    assert cell(page, FRAMES - 1).bounding_box()["width"] == before
    grid.press("Shift+ArrowRight")
    assert page.locator("[data-grid=status]").inner_text() == "2 selected"
    grid.press("Escape")
    assert page.locator("[data-grid=status]").inner_text() == "1 selected"
    grid.press("g")
    page.keyboard.type("12000")
    page.keyboard.press("Enter")
    page.locator(".rw-cell[data-current][aria-label^='frame 12000,']").wait_for()
    assert grid.evaluate("grid => grid === document.activeElement")


def go_to(page: "Page", place: str) -> None:
    page.locator("[data-grid=place]").fill(place)
    page.locator("[data-grid=place]").press("Enter")


def test_a_drag_to_where_the_frames_are_changes_nothing(browser: "Browser") -> None:
    opened = browser.new_page()
    show(opened, [0, 1, 2, 3], [])
    box, end = cell(opened, 1).bounding_box(), cell(opened, 0).bounding_box()
    opened.mouse.move(box["x"] + 20, box["y"] + 20)
    opened.mouse.down()
    opened.mouse.move(end["x"] + end["width"] - 4, end["y"] + 20, steps=3)
    opened.mouse.up()
    assert opened.evaluate("window.sent") == []
    opened.close()

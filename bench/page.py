"""Measure the response times and layout shift of the page: python bench/page.py [--runs N] [--json FILE] [--into PAGE]

Each visit opens one tab in a new browser profile and starts the tab's job on a drawn film of 120 frames. The browser
measures:

- the first contentful paint,
- when the tab is ready for input,
- the time from the click on the main button to the first frame that shows a reaction,
- the layout shift until the job ends: the sum of all shifts that no input caused, which is at least the cumulative
  layout shift of the web vitals.

The table has the median of the runs and, in parentheses, the worst. Needs Chromium, from CHROMIUM or the path. On a
busy machine, run it with `chrt -r 1`.
"""

import argparse
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

from table import put_between_marks

from reelweave import pipeline
from reelweave.evaluate.drawn.film import draw_film
from reelweave.settings import load

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

BEGIN, END = "<!-- bench/page: begin -->", "<!-- bench/page: end -->"
FRAMES = 120
PATIENCE = 180_000
"""Milliseconds until a job counts as hung."""
LIMITS = {"first paint": 2.0, "reaction": 0.2, "shift": 0.05}
"""Targets: seconds on an idle machine, and half of the layout shift that is usually called good."""
_BROWSERS = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome")
_WATCH = """
window.measured = {shift: 0, shifts: [], feedback: null};
new PerformanceObserver(list => {
    for (const entry of list.getEntries()) if (!entry.hadRecentInput) {
        window.measured.shift += entry.value;
        const moved = entry.sources.map(({node}) => node && (node.id || node.className));
        window.measured.shifts.push([entry.value, ...moved]);
    }
}).observe({type: 'layout-shift', buffered: true});
window.watchClick = reaction => addEventListener('click', event => {
    const shown = () => [...document.querySelectorAll(reaction)].some(one => one.offsetParent !== null);
    const see = () => {
        if (!shown()) return requestAnimationFrame(see);
        requestAnimationFrame(() => { window.measured.feedback = performance.now() - event.timeStamp; });
    };
    see();
}, {capture: true, once: true});
"""


@dataclass(frozen=True)
class Tab:
    """A tab, how to prepare its job on a film, and what shows that the job has ended."""

    name: str
    prefix: str
    prepare: Callable[["Page", Path], None]
    ended: str


@dataclass(frozen=True)
class Visit:
    """The times of one visit of a tab, in seconds, and its layout shift, which has no unit."""

    tab: str
    first_paint: float
    ready: float
    feedback: float
    shift: float


def _choose(page: "Page", field: str) -> None:
    page.locator(f"#{field} input").first.click()
    page.get_by_role("option").first.click()


def _fill(page: "Page", field: str, text: str) -> None:
    page.locator(f"{field} textarea, {field} input").fill(text)


TABS = (
    Tab("reconstruct", "rc", lambda page, film: _choose(page, "rc-video"), "#rc-films a[download$='.mp4']"),
    Tab("search", "se", lambda page, film: _fill(page, "#se-text", "a red circle"), "#se-gallery .rw-hit"),
    Tab("library", "li", lambda page, film: _fill(page, "#li-path", str(film)), "#li-results b"),
    Tab("repair", "rp", lambda page, film: _choose(page, "rp-video"), "#rp-timeline svg"),
    Tab("measure", "me", lambda page, film: _choose(page, "me-video"), "#me-result table"),
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=5, help="visits of each tab (default 5)")
    parser.add_argument("--tabs", nargs="+", default=[tab.name for tab in TABS], help="only these tabs")
    parser.add_argument("--json", type=Path, help="add a line of JSON for each visit to this file")
    parser.add_argument("--into", type=Path, help="put the table between the marks of this page")
    parser.add_argument("--explain", action="store_true", help="list what moved")
    options = parser.parse_args()
    visits = list(_measure(options))
    table = table_of(visits, options.runs)
    print(table)
    if options.into:
        page = options.into.read_text("utf-8")
        options.into.write_text(put_between_marks(page, table, BEGIN, END), "utf-8")


def _measure(options: argparse.Namespace) -> Iterator[Visit]:
    with tempfile.TemporaryDirectory(prefix="reelweave-page-") as folder, _browser() as browser:
        film = _draw(Path(folder))
        with _page(Path(folder) / "library") as address:
            # The first visit loads what later ones share, as after a start of the page.
            for _ in range(options.runs):
                for tab in TABS:
                    if tab.name in options.tabs:
                        visit = _visit(browser, address, tab, film, options.explain)
                        print(json.dumps(asdict(visit)), file=sys.stderr, flush=True)
                        if options.json:
                            with options.json.open("a", encoding="utf-8") as lines:
                                lines.write(f"{json.dumps(asdict(visit))}\n")
                        yield visit


def _draw(folder: Path) -> Path:
    draw_film(folder / "film.mp4", frames=FRAMES, size=(320, 180))
    settings = load({"library": str(folder / "library"), "ingest.space": "all", "clip.model": "toy"})
    pipeline.ingest(folder / "film.mp4", settings)
    return folder / "film.mp4"


def _visit(browser: "Browser", address: str, tab: Tab, film: Path, explain: bool) -> Visit:
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    try:
        page = context.new_page()
        page.set_default_timeout(PATIENCE)
        page.add_init_script(_WATCH)
        page.goto(f"{address}#{tab.name}")
        start = page.locator(f"#{tab.prefix}-start")
        start.wait_for()
        ready = page.evaluate("performance.now()")
        tab.prepare(page, film)
        page.evaluate("watchClick", f"#{tab.prefix}-status :is(.rw-progress, .rw-note, .rw-error), .rw-pending")
        start.click()
        page.wait_for_function("window.measured.feedback !== null")
        page.locator(tab.ended).first.wait_for()
        page.locator(f"#{tab.prefix}-cancel").wait_for(state="hidden")
        paint = page.evaluate("performance.getEntriesByName('first-contentful-paint')[0].startTime")
        measured: dict[str, Any] = page.evaluate("window.measured")
        if explain:
            print(tab.name, measured["shifts"], file=sys.stderr)
        return Visit(tab.name, paint / 1000, ready / 1000, measured["feedback"] / 1000, measured["shift"])
    finally:
        context.close()


def table_of(visits: Sequence[Visit], runs: int) -> str:
    """Return the medians of each tab, with the load of the machine."""
    load_average = os.getloadavg()[0]
    rows = [
        "| tab | first paint, s | ready, s | reaction to a click, s | layout shift |",
        "|---|---|---|---|---|",
    ]
    for tab in dict.fromkeys(visit.tab for visit in visits):
        own = [visit for visit in visits if visit.tab == tab]
        cells = [
            _cell([visit.first_paint for visit in own], 2),
            _cell([visit.ready for visit in own], 2),
            _cell([visit.feedback for visit in own], 3),
            _cell([visit.shift for visit in own], 3),
        ]
        rows.append(f"| {tab} | {' | '.join(cells)} |")
    limits = f"Targets: {', '.join(f'{name} {limit:g}' for name, limit in LIMITS.items())}."
    made = f"Medians of {runs} visits (worst), {date.today()}, {os.cpu_count()} cores, load average {load_average:.1f}."
    return "\n".join([*rows, "", f"{made} {limits}"])


def _cell(values: Sequence[float], digits: int) -> str:
    return f"{median(values):.{digits}f} ({max(values):.{digits}f})"


@contextmanager
def _browser() -> "Iterator[Browser]":
    from playwright.sync_api import sync_playwright

    found = os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, _BROWSERS)), None)
    if not found:
        sys.exit("There is no Chromium here: .ci/chromium installs one.")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=["--no-sandbox"])
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def _page(library: Path) -> Iterator[str]:
    with socket.socket() as trial:
        trial.bind(("127.0.0.1", 0))
        port = trial.getsockname()[1]
    command = [sys.executable, "-m", "reelweave", "ui", "--library", str(library), "--port", str(port)]
    environment = os.environ | {"REELWEAVE_CLIP__MODEL": "toy"}
    with subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True) as server:
        try:
            line = next((line for line in server.stderr or () if "http://" in line), "")
            yield f"http://127.0.0.1:{port}/" if line else sys.exit("The page did not open.")
        finally:
            server.terminate()


if __name__ == "__main__":
    main()

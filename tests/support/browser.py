"""Start the page in a process of its own, and open it in a real browser."""

import os
import re
import shutil
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path
from random import SystemRandom
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

import forked
import pytest
from runs import PATIENCE

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, Locator, Page

Server = subprocess.Popen[str] | forked.ForkedProcess

_OPENED = re.compile(r"the page is at (http://\S+/)")
_NAMES = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome")

_VARIANTS = {
    "slow": """
import os, threading
from reelweave.repair.misfit import Misfit
from reelweave.index.library import Library
from reelweave.ui.jobs import Job
caught = threading.Event()
write, see, cancel = Library.write, Misfit.add, Job.cancel
def rest():
    while not caught.wait(0.05) and not os.path.exists(os.environ.get("RELEASE", "")):
        pass
Library.write = lambda *arguments: (write(*arguments), rest())
Misfit.add = lambda *arguments: (see(*arguments), rest())
Job.cancel = lambda self: (self.running and caught.set(), cancel(self))
from reelweave.cli import main
main()
""",
    "long": """
import os, sys
sys.path.insert(0, os.environ["SUPPORT"])
import long_film
long_film.install()
from reelweave.cli import main
main()
""",
    "endless": """
import time
from reelweave.solve import order
find = order.find_path
def find_until_stopped(costs, settings, sketch, watch):
    while not watch.stopped():
        time.sleep(0.05)
    return find(costs, settings, sketch, watch)
order.find_path = find_until_stopped
from reelweave.cli import main
main()
""",
}
"""Pages that stay in a state long enough to test it.

- `slow` waits after the first batch that is ingested or frame that is judged, until a job is cancelled or the file
  RELEASE exists.
- `endless` searches for the order until it is stopped.
- `long` shows a long film.
"""


def chromium() -> str:
    """Return the system's browser, which `.ci/chromium` installs; that of playwright is not used."""
    named = os.environ.get("CHROMIUM")
    return named or next((found for name in _NAMES if (found := shutil.which(name))), "")


def _missing() -> str:
    """Say why the page cannot be opened here; empty if it can."""
    lost = [name for name in ("gradio", "playwright") if find_spec(name) is None]
    if lost:
        return f"{' and '.join(lost)} not installed: pip install '.[dev,ui]'"
    return "" if chromium() else "there is no Chromium: .ci/chromium installs it"


needs_gradio = pytest.mark.skipif(not find_spec("gradio"), reason="the page needs Gradio: pip install '.[ui]'")
"""Importing Gradio would take two seconds, so its presence is checked instead."""
needs_browser = pytest.mark.skipif(bool(_missing()), reason=_missing())


_PLAIN = "from reelweave.cli import main; main()"


def page_process(arguments: Sequence[str], variant: str, fresh: bool, environment: Mapping[str, str]) -> Server:
    """Start the page: a fresh one as a user does, any other by a fork of a process with its packages loaded."""
    if forked.AVAILABLE and not fresh:
        return forked.ForkedProcess(_VARIANTS[variant] if variant else _PLAIN, arguments, environment)
    program = ["-c", _VARIANTS[variant]] if variant else ["-m", "reelweave"]
    command = [sys.executable, *program, *arguments]
    return subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True)


@contextmanager
def page_of(
    library: Path, *options: str, variant: str = "", reported: str = "", fresh: bool = False, **variables: str
) -> Iterator[str]:
    """Yield the address of the page of a library, and end the page as Ctrl-C does.

    The page must exit with 0 and print nothing but its address on stderr, unless `reported` says what else.
    """
    ours = {"REELWEAVE_INGEST__SPACE": "appearance", "REELWEAVE_INGEST__BATCH": "8", "HF_HUB_OFFLINE": "1"}
    arguments = ["ui", "--library", str(library), "--port", str(free_port()), *options]
    with page_process(arguments, variant, fresh, os.environ | ours | variables) as server:
        try:
            yield _opened(server)
        finally:
            server.terminate()
            try:
                left = server.communicate(timeout=PATIENCE)[1]
            finally:
                server.kill()
        assert server.returncode == 0, f"ended with {server.returncode}: {left}"
        assert reported in left if reported else not left, left


def _opened(server: Server) -> str:
    printed = ""
    timeout = threading.Timer(PATIENCE, server.kill)
    timeout.start()
    try:
        for line in server.stderr or ():
            printed += line
            if found := _OPENED.search(line):
                return found[1]
    finally:
        timeout.cancel()
    pytest.fail(f"the page did not open: {printed}")


def free_port() -> int:
    """Return a free port outside the range that systems use for outgoing connections, which could take it meanwhile."""
    while True:
        port = SystemRandom().randrange(20_000, 32_000)
        with socket.socket() as trial, suppress(OSError):
            trial.bind(("127.0.0.1", port))
            return port


# Routing each request through the test would cost a quarter of the time in which a page loads.
_ONLY_HERE = "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1"


@contextmanager
def browsing() -> "Iterator[Browser]":
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        found = playwright.chromium.launch(executable_path=chromium(), args=["--no-sandbox", _ONLY_HERE])
        try:
            yield found
        finally:
            found.close()


_contexts: "WeakKeyDictionary[Browser, dict[tuple[int, str], BrowserContext]]" = WeakKeyDictionary()


def _context(browser: "Browser", width: int, scheme: str) -> "BrowserContext":
    """Return the context of a width and scheme; a window opens a quarter faster in one that has loaded the page."""
    known = _contexts.setdefault(browser, {})
    if (width, scheme) not in known:
        options: Any = {"viewport": {"width": width, "height": 900}, "color_scheme": scheme}
        known[width, scheme] = browser.new_context(**options)
    return known[width, scheme]


@contextmanager
def window(browser: "Browser", address: str, width: int = 1280, scheme: str = "light") -> "Iterator[Page]":
    """Open the page in a window. A request to another host, a script error or a dialog fails the test."""
    origin = address.partition("#")[0]
    foreign: list[str] = []
    errors: list[str] = []

    def watch(request: Any) -> None:
        if not request.url.startswith((origin, "data:", "blob:")):
            foreign.append(request.url)

    page = _context(browser, width, scheme).new_page()
    page.on("request", watch)
    page.set_default_timeout(1000 * PATIENCE)
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("dialog", lambda dialog: (errors.append(f"dialog {dialog.message}"), dialog.dismiss())[1])
    page.goto(address)
    try:
        yield page
    finally:
        page.close()
    assert (foreign, errors) == ([], [])


def overflow(page: "Page") -> int:
    """Return by how many pixels the page is wider than the window."""
    return max(0, int(page.evaluate("document.documentElement.scrollWidth - window.innerWidth")))


_FAINT = """() => {
    const brush = document.createElement('canvas').getContext('2d', {willReadFrequently: true});
    const painted = colour => {
        brush.clearRect(0, 0, 1, 1);
        brush.fillStyle = colour;
        brush.fillRect(0, 0, 1, 1);
        return [...brush.getImageData(0, 0, 1, 1).data];
    };
    const over = (upper, lower) => [0, 1, 2].map(n => lower[n] + (upper[n] - lower[n]) * upper[3] / 255);
    const behind = part => {
        const lower = part.parentElement ? behind(part.parentElement) : [255, 255, 255];
        return over(painted(getComputedStyle(part).backgroundColor), lower);
    };
    const straight = value => value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
    const light = colour => [0.2126, 0.7152, 0.0722].reduce((sum, n, at) => sum + n * straight(colour[at] / 255), 0.05);
    const found = new Set();
    const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    while (texts.nextNode()) {
        const text = texts.currentNode.data.trim(), part = texts.currentNode.parentElement;
        if (!text || !part.checkVisibility({opacityProperty: true, visibilityProperty: true})) continue;
        const ground = behind(part), style = getComputedStyle(part);
        const [dark, bright] = [over(painted(style.color), ground), ground].map(light).sort((a, b) => a - b);
        if (bright / dark < 4.5) found.add(`${text}: ${style.color} on ${ground.map(Math.round)}`);
    }
    return [...found];
}"""


def faint(page: "Page") -> list[str]:
    """Return the texts whose contrast is below 4.5 to 1, the usual limit (WCAG AA)."""
    return list(page.evaluate(_FAINT))


def plays(video: "Locator") -> bool:
    """Tell whether the browser can play a film: it has decoded a frame and knows the length."""
    return bool(
        video.evaluate(
            """(video, patience) => new Promise(done => {
                const ready = () => video.readyState >= 2 && video.duration > 0 && video.videoWidth > 0;
                if (ready()) return done(true);
                video.addEventListener('loadeddata', () => done(ready()));
                video.addEventListener('error', () => done(false));
                setTimeout(() => done(false), patience);
                video.load();
            })""",
            1000 * PATIENCE,
        )
    )


def screenshot(page: "Page", name: str, height: int = 1400, part: str = "") -> None:
    """Save a picture of the page, or of a part of it, in the folder that the variable SCREENSHOTS names.

    Names leave out the usual width and scheme, `-1280-light`.
    """
    if folder := os.environ.get("SCREENSHOTS"):
        size = page.viewport_size or {"width": 1280, "height": 900}
        page.set_viewport_size({"width": size["width"], "height": height})
        page.evaluate("window.scrollTo(0, 0)")
        seen = page.locator(part) if part else page
        file = Path(folder) / f"{name.removesuffix('-1280-light')}.jpg"
        seen.screenshot(path=str(file), type="jpeg", quality=70)
        page.set_viewport_size(size)

"""The real page in a process of its own, and a real browser that looks at it."""

import os
import re
import shutil
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
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

_MANNERS = {
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
"""Pages that can be caught at what they do: one rests after the first batch that is ingested or frame that is judged,
until work was cancelled once or the file RELEASE exists, one looks for the best order until it is told to stop, and one
shows a long film."""


def chromium() -> str:
    """The system's browser, which `.ci/chromium` installs; playwright brings none that is used here."""
    named = os.environ.get("CHROMIUM")
    return named or next((found for name in _NAMES if (found := shutil.which(name))), "")


def _missing() -> str:
    """Why the page cannot be looked at here; nothing where it can."""
    lost = [name for name in ("gradio", "playwright") if find_spec(name) is None]
    if lost:
        return f"{' and '.join(lost)} not installed: pip install '.[dev,ui]'"
    return "" if chromium() else "no Chromium is here: .ci/chromium installs one"


needs_gradio = pytest.mark.skipif(not find_spec("gradio"), reason="the page needs Gradio: pip install '.[ui]'")
"""Finding it takes no time, importing it two seconds."""
needs_browser = pytest.mark.skipif(bool(_missing()), reason=_missing())


_PLAIN = "from reelweave.cli import main; main()"


def page_process(arguments: Sequence[str], manner: str, fresh: bool, environment: Mapping[str, str]) -> Server:
    """Start the page; a fresh one as a user starts it, another one with its packages loaded."""
    if forked.AVAILABLE and not fresh:
        return forked.ForkedProcess(_MANNERS[manner] if manner else _PLAIN, arguments, environment)
    program = ["-c", _MANNERS[manner]] if manner else ["-m", "reelweave"]
    command = [sys.executable, *program, *arguments]
    return subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True)


@contextmanager
def page_of(
    library: Path, *options: str, manner: str = "", grumbles: str = "", fresh: bool = False, **variables: str
) -> Iterator[str]:
    """The address of the page of a library; the page ends with the block, as by Ctrl-C.

    It ends well, and what it says in its terminal besides its address is nothing, or what it is to grumble about.
    """
    ours = {"REELWEAVE_INGEST__SPACE": "appearance", "REELWEAVE_INGEST__BATCH": "8", "HF_HUB_OFFLINE": "1"}
    arguments = ["ui", "--library", str(library), "--port", str(free_port()), *options]
    with page_process(arguments, manner, fresh, os.environ | ours | variables) as server:
        try:
            yield _opened(server)
        finally:
            server.terminate()
            try:
                left = server.communicate(timeout=PATIENCE)[1]
            finally:
                server.kill()
        assert server.returncode == 0, f"ended with {server.returncode}: {left}"
        assert grumbles in left if grumbles else not left, left


def _opened(server: Server) -> str:
    told = ""
    impatient = threading.Timer(PATIENCE, server.kill)
    impatient.start()
    try:
        for line in server.stderr or ():
            told += line
            if found := _OPENED.search(line):
                return found[1]
    finally:
        impatient.cancel()
    pytest.fail(f"the page did not open: {told}")


def free_port() -> int:
    with socket.socket() as trial:
        trial.bind(("127.0.0.1", 0))
        return int(trial.getsockname()[1])


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
    """Windows of one kind share what the browser has loaded and compiled, a quarter of the time in which one opens."""
    ours = _contexts.setdefault(browser, {})
    if (width, scheme) not in ours:
        options: Any = {"viewport": {"width": width, "height": 900}, "color_scheme": scheme}
        ours[width, scheme] = browser.new_context(**options)
    return ours[width, scheme]


@contextmanager
def window(browser: "Browser", address: str, width: int = 1280, scheme: str = "light") -> "Iterator[Page]":
    """A window on the page; what it asks of another machine, or stumbles over, fails the test."""
    origin = address.partition("#")[0]
    strangers: list[str] = []
    troubles: list[str] = []

    def watch(request: Any) -> None:
        if not request.url.startswith((origin, "data:", "blob:")):
            strangers.append(request.url)

    page = _context(browser, width, scheme).new_page()
    page.on("request", watch)
    page.set_default_timeout(1000 * PATIENCE)
    page.on("pageerror", lambda error: troubles.append(str(error)))
    page.on("dialog", lambda dialog: (troubles.append(f"dialog {dialog.message}"), dialog.dismiss())[1])
    page.goto(address)
    try:
        yield page
    finally:
        page.close()
    assert (strangers, troubles) == ([], []), f"{strangers} {troubles}"


def overflow(page: "Page") -> int:
    """How far the page reaches beyond the window, which nobody likes to scroll sideways for."""
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
    """Words that are hard to read: by the usual rule for the web their contrast is to be at least 4.5 to 1."""
    return list(page.evaluate(_FAINT))


def plays(video: "Locator") -> bool:
    """Whether the browser can show a film: it has read some of it and knows how long it is."""
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
    """A picture of the page, or a part of it, where the variable SCREENSHOTS names a folder for it.

    The README shows what a laptop does in light, so that this goes without saying in the name.
    """
    if folder := os.environ.get("SCREENSHOTS"):
        size = page.viewport_size or {"width": 1280, "height": 900}
        page.set_viewport_size({"width": size["width"], "height": height})
        page.evaluate("window.scrollTo(0, 0)")
        seen = page.locator(part) if part else page
        file = Path(folder) / f"{name.removesuffix('-1280-light')}.jpg"
        seen.screenshot(path=str(file), type="jpeg", quality=70)
        page.set_viewport_size(size)

"""Answer the searches of all sessions in one thread, so that vectors and models are loaded once."""

import threading
from collections.abc import Callable
from concurrent.futures import Future
from queue import SimpleQueue
from typing import Any

from ...progress import Progress, SilentProgress
from ...search.finder import Finder, open_finder
from ..context import PageContext

Search = Callable[[Finder], Any]

# How often a waiting session checks for cancellation, in seconds.
_CHECK_INTERVAL = 0.2


class SearchWorker:
    """Own the one finder of the page: an open library belongs to one thread, and models are large."""

    def __init__(self, context: PageContext) -> None:
        self._context = context
        self._queue: SimpleQueue[tuple[Search, Progress, Future[Any]]] = SimpleQueue()
        self._start_lock = threading.Lock()
        self._thread: threading.Thread | None = None

    def run(self, search: Search, progress: Progress) -> Any:
        """Run a search after those already queued, and return what it returns."""
        with self._start_lock:
            if self._thread is None:
                self._thread = threading.Thread(target=self._serve, name="reelweave search", daemon=True)
                self._thread.start()
        future: Future[Any] = Future()
        self._queue.put((search, progress, future))
        try:
            with progress.stage("search") as stage:
                while True:
                    try:
                        return future.result(_CHECK_INTERVAL)
                    except TimeoutError:
                        if future.done():
                            raise
                        stage.describe("")
        finally:
            future.cancel()

    def _serve(self) -> None:
        while True:
            self._serve_with_finder(*self._queue.get())

    def _serve_with_finder(self, search: Search, progress: Progress, future: "Future[Any]") -> None:
        """Run searches until one fails; the next opens a new finder, since the library may have appeared by then."""
        try:
            settings = self._context.settings
            with open_finder(settings, SilentProgress(), lasting=True) as finder:
                while settings is self._context.settings:
                    if future.set_running_or_notify_cancel():
                        finder.progress = progress
                        future.set_result(_run(search, finder))
                        finder.library.release()
                    search, progress, future = self._queue.get()
            # The model has changed since.
            self._queue.put((search, progress, future))
        except BaseException as failed:  # raised again by `future.result`
            future.set_exception(failed)


def _run(search: Search, finder: Finder) -> Any:
    try:
        return search(finder)
    finally:
        # Keep later searches from reporting to a page that may be closed.
        finder.progress = SilentProgress()

"""One thread that answers the searches of all pages, so that vectors and models are loaded once."""

import threading
from collections.abc import Callable
from concurrent.futures import Future
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any

from ...progress import Progress, SilentProgress
from ...settings import Settings

if TYPE_CHECKING:
    from ...search.finder import Finder


Answer = Callable[["Finder"], Any]

_PAUSE = 0.2


class SearchWorker:
    """A library's files belong to the thread that opened them, and models are too large to be there twice."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._waiting: SimpleQueue[tuple[Answer, Progress, Future[Any]]] = SimpleQueue()
        self._begin = threading.Lock()
        self._thread: threading.Thread | None = None

    def ask(self, answer: Answer, progress: Progress) -> Any:
        """What `answer` makes of the finder; others who ask meanwhile wait for their turn."""
        with self._begin:
            if self._thread is None:
                self._thread = threading.Thread(target=self._serve, name="reelweave search", daemon=True)
                self._thread.start()
        future: Future[Any] = Future()
        self._waiting.put((answer, progress, future))
        try:
            with progress.stage("search") as stage:
                while True:
                    try:
                        return future.result(_PAUSE)
                    except TimeoutError:
                        if future.done():
                            raise
                        stage.tell("")
        finally:
            future.cancel()

    def _serve(self) -> None:
        while True:
            self._with_a_finder(*self._waiting.get())

    def _with_a_finder(self, answer: Answer, progress: Progress, future: "Future[Any]") -> None:
        """Answer until something goes wrong: a library that was not there then is looked for again."""
        from ...search.finder import open_finder

        try:
            with open_finder(self._settings, SilentProgress(), lasting=True) as finder:
                while True:
                    if future.set_running_or_notify_cancel():
                        finder.progress = progress
                        future.set_result(_answered(answer, finder))
                        finder.library.rest()
                    answer, progress, future = self._waiting.get()
        except BaseException as failed:  # whoever asked hears of it
            future.set_exception(failed)


def _answered(answer: Answer, finder: "Finder") -> Any:
    try:
        return answer(finder)
    finally:
        # A page that is gone must not be told of what others ask.
        finder.progress = SilentProgress()

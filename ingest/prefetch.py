"""Run a generator ahead in a background thread, so that frames are decoded while a network runs."""

import threading
from collections.abc import Generator
from contextlib import closing
from dataclasses import dataclass
from queue import Empty, Full, Queue
from typing import Generic, TypeVar

Item = TypeVar("Item")

_POLL_SECONDS = 0.05
"""How long a producer with a full queue waits before it checks again whether the consumer has stopped."""
_JOIN_SECONDS = 5.0
"""How long closing waits for a producer whose decoder hangs; an interruption must not wait for it."""


@dataclass(frozen=True)
class _End:
    error: BaseException | None


class _Producer(Generic[Item]):
    """Feed a queue from a generator until it ends or the consumer stops, then close the generator."""

    def __init__(self, items: Generator[Item, None, None], depth: int) -> None:
        self.queue: Queue[Item | _End] = Queue(depth)
        self.stop = threading.Event()
        self._items = items
        self.thread = threading.Thread(target=self._run, daemon=True)

    def _run(self) -> None:
        error: BaseException | None = None
        try:
            with closing(self._items):
                for item in self._items:
                    if not self._put(item):
                        return
                    del item
        except BaseException as failed:  # raised again in the consumer's thread
            error = failed
        self._put(_End(error))

    def _put(self, item: Item | _End) -> bool:
        while not self.stop.is_set():
            try:
                self.queue.put(item, timeout=_POLL_SECONDS)
            except Full:
                continue
            return True
        return False


def prefetch(items: Generator[Item, None, None], depth: int = 1) -> Generator[Item, None, None]:
    """Yield the same items in the same order, with up to `depth` of them finished in advance.

    An error is raised after the items before it. Closing this generator early also closes `items`.
    """
    producer = _Producer(items, depth)
    producer.thread.start()
    try:
        while not isinstance(item := producer.queue.get(), _End):
            yield item
            del item
        if item.error is not None:
            raise item.error
    finally:
        producer.stop.set()
        _drain(producer.queue)
        producer.thread.join(_JOIN_SECONDS)


def _drain(queue: Queue[Item]) -> None:
    try:
        while True:
            queue.get_nowait()
    except Empty:
        return

"""Work that one thread does ahead of another: decoding and looking at frames, while a network runs."""

import threading
from collections.abc import Generator
from contextlib import closing
from dataclasses import dataclass
from queue import Empty, Full, Queue
from typing import Generic, TypeVar

Item = TypeVar("Item")

_LOOK = 0.05
_PATIENCE = 5.0
"""Seconds for a decoder that hangs; whoever interrupts is not kept waiting for it."""


@dataclass(frozen=True)
class _End:
    error: BaseException | None


class _Maker(Generic[Item]):
    """Takes items from a generator until there are no more or nobody wants them; the generator is closed here, too."""

    def __init__(self, items: Generator[Item, None, None], depth: int) -> None:
        self.made: Queue[Item | _End] = Queue(depth)
        self.unwanted = threading.Event()
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
        except BaseException as failed:  # it is raised again where the items are used
            error = failed
        self._put(_End(error))

    def _put(self, item: Item | _End) -> bool:
        while not self.unwanted.is_set():
            try:
                self.made.put(item, timeout=_LOOK)
            except Full:
                continue
            return True
        return False


def prefetched(items: Generator[Item, None, None], depth: int = 1) -> Generator[Item, None, None]:
    """The same items in the same order, up to `depth` of them finished before they are asked for.

    An error comes out after the items before it. Whoever stops early closes this, and with it the generator.
    """
    maker = _Maker(items, depth)
    maker.thread.start()
    try:
        while not isinstance(item := maker.made.get(), _End):
            yield item
            del item
        if item.error is not None:
            raise item.error
    finally:
        maker.unwanted.set()
        _emptied(maker.made)
        maker.thread.join(_PATIENCE)


def _emptied(queue: Queue[Item]) -> None:
    try:
        while True:
            queue.get_nowait()
    except Empty:
        return

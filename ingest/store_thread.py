"""Store a new video in a thread, while its order is found and its film is rendered from what is still in memory.

Chroma takes a second to import and to write to, longer than a short film takes to decode and to order.
"""

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from queue import Queue
from typing import Self

import numpy as np

from ..index.library import Library, open_library
from ..media.types import FrameRows, Space, SpaceState, VideoRecord
from ..settings import Settings

_MOST_KEPT = 20_000
"""Most frames whose vectors are kept in memory, 115 MB in the appearance space; of longer films they are read back."""
_WAITING = 4
"""Batches that may wait for Chroma before decoding waits, too."""

NAME = "reelweave-store"
"""The name of the threads."""

Job = Callable[[Library], object]


class StoreThread:
    """Write a video to a library in a thread, which holds the writer's lock and has connections of its own."""

    def __init__(self, settings: Settings, video: VideoRecord) -> None:
        """Start the thread, and wait until it has the lock.

        Raises:
            LibraryError: The library cannot be used, or another process holds the lock.
        """
        self._settings, self._video = settings, video
        self._jobs: Queue[Job | None] = Queue(_WAITING)
        self._started, self._wanted = threading.Event(), threading.Event()
        self._failed: BaseException | None = None
        self._over = False
        self._thread = threading.Thread(target=self._run, name=NAME, daemon=True)
        self._thread.start()
        self._started.wait()
        if self._failed:
            self.finish()

    def put(self, job: Job) -> None:
        """Do this after everything before it.

        Raises:
            LibraryError: Something before it failed; nothing is done after that.
        """
        self._check()
        if self._jobs.full():
            self.begin()
        self._jobs.put(job)

    def begin(self) -> None:
        """Start storing what is waiting. This also happens on its own once several batches are."""
        self._wanted.set()

    def finish(self) -> None:
        """Wait until everything is done.

        Raises:
            LibraryError: Something failed.
        """
        self.end()
        self._check()

    def end(self) -> None:
        """Wait until everything is done; failures are not raised."""
        if self._thread.is_alive():
            self.begin()
            self._jobs.put(None)
            self._thread.join()

    def _check(self) -> None:
        if self._failed:
            raise self._failed

    def _run(self) -> None:
        try:
            self._write_all()
        except BaseException as failed:  # raised again in the thread that gives the jobs
            self._failed = failed
            self._started.set()
            for _ in self._given():
                pass

    def _given(self) -> Iterator[Job]:
        """Yield jobs until there are no more; a second call yields those that the first left."""
        while not self._over:
            if job := self._jobs.get():
                yield job
            else:
                self._over = True

    def _write_all(self) -> None:
        with open_library(self._settings) as library, library.writing(f"ingest {self._video.name}"):
            self._started.set()
            # The import of Chroma holds Python's lock, and would delay a short film that is being decoded and ordered.
            self._wanted.wait()
            try:
                for job in self._given():
                    job(library)
            finally:
                library.discard(self._video.id)


class NewRows:
    """The rows of a new video, which are stored in a thread, and kept if there are few enough."""

    def __init__(self, thread: StoreThread) -> None:
        self.thread = thread
        self.kept = True
        self._states: dict[str, SpaceState] = {}
        self._parts: dict[str, list[FrameRows]] = {}

    def write(self, video: VideoRecord, states: Sequence[SpaceState], rows: Mapping[str, FrameRows]) -> None:
        """Store a batch, and keep it."""
        self.thread.put(lambda library: library.write(video, states, rows))
        self._states |= {state.space.name: state for state in states}
        self.kept = video.frames <= _MOST_KEPT
        if not self.kept:
            self._parts.clear()
            return
        for name, part in rows.items():
            self._parts.setdefault(name, []).append(part)

    def __contains__(self, space: str) -> bool:
        return space in self._states

    def space(self, name: str) -> Space:
        """Return the identity of a space."""
        return self._states[name].space

    def rows(self, space: str) -> FrameRows:
        """Return all rows of a space."""
        parts = [vars(part) for part in self._parts[space]]
        return FrameRows(**{column: np.concatenate([part[column] for part in parts]) for column in parts[0]})


@dataclass(frozen=True)
class Ingested:
    """A video of the library; one that is being stored has its rows here, and not yet in the library.

    The block of a `with` statement ends when the video is stored.
    """

    video: VideoRecord
    new: NewRows | None = None

    def still_new(self, space: str) -> NewRows | None:
        """Return the rows, if they have this space; else wait until the library has whatever there is."""
        if self.new and self.new.kept and space in self.new:
            return self.new
        self.wait()
        return None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, failed: object, *_: object) -> None:
        if failed and self.new:
            self.new.thread.end()
        else:
            self.wait()

    def store(self) -> None:
        """Begin to store it, if there is nothing else to do."""
        if self.new:
            self.new.thread.begin()

    def wait(self) -> None:
        """Wait until the library has the video.

        Raises:
            LibraryError: It could not be stored.
        """
        if self.new:
            self.new.thread.finish()

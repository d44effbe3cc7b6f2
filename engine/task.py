"""What an engine runs: a task for each of many items.

A task is a generator function of one item. It may yield pieces of files, which the engine writes to a folder of the
driver as they come; so a result may be larger than memory, and workers need no disk. It returns a result, or raises an
exception. Engines differ in where tasks run and in nothing else.
"""

import shutil
from collections.abc import Callable, Generator, Iterable
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar

from ..errors import EngineError

Item = TypeVar("Item")
Result = TypeVar("Result")

FolderOf = Callable[[Item], Path]
"""Where the files of an item go; the folder is emptied before the first piece."""


@dataclass(frozen=True)
class FilePiece:
    """Bytes of a file: they go to its end, or to an offset."""

    name: str
    data: bytes
    offset: int | None = None


Task = Callable[[Item], Generator[FilePiece, None, Result]]


@dataclass(frozen=True)
class FunctionTask(Generic[Item, Result]):
    """A task that sends no files: a function of an item."""

    function: Callable[[Item], Result]

    def __call__(self, item: Item) -> Generator[FilePiece, None, Result]:
        return self.function(item)
        yield


@dataclass(frozen=True)
class TaskEnd:
    """The end of a task: its result, or its error."""

    result: Any = None
    error: Exception | None = None


class Engine(Protocol):
    """A place where tasks run, several at a time where it has several workers."""

    @property
    def workers(self) -> int:
        """How many tasks run at a time."""
        ...

    def run(
        self, task: Task[Item, Result], items: Iterable[Item], folder_of: FolderOf[Item] | None = None
    ) -> Generator[tuple[Item, Result | Exception], None, None]:
        """Yield each item with its result, or the exception that its task raised, as soon as it is there.

        A bounded number of items is taken in advance, so that a slow consumer slows the work down. Closing the
        iterator cancels what runs.
        """
        ...


def perform(task: Task[Item, Any], item: Item) -> Generator[FilePiece | TaskEnd, None, None]:
    """Run a task for one item, and yield its pieces and then its end; exceptions are part of the end."""
    try:
        done = yield from task(item)
    except Exception as failed:
        yield TaskEnd(error=failed)
    else:
        yield TaskEnd(done)


class FolderWriter:
    """Write the pieces of one item to its folder."""

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder
        self._begun = False

    def write(self, piece: FilePiece) -> None:
        file, name = self._begin() / piece.name, Path(piece.name)
        if name.is_absolute() or ".." in name.parts:
            raise EngineError(f"A worker sent a file of the name {piece.name!r}, which leads out of its folder.")
        file.parent.mkdir(parents=True, exist_ok=True)
        with file.open("ab" if piece.offset is None else "r+b") as opened:
            if piece.offset is not None:
                opened.seek(piece.offset)
            opened.write(piece.data)

    def _begin(self) -> Path:
        if self._folder is None:
            raise EngineError("A task sends files, but the engine was given no folder for them.")
        if not self._begun:
            shutil.rmtree(self._folder, ignore_errors=True)
            self._folder.mkdir(parents=True)
            self._begun = True
        return self._folder


class PieceChain:
    """Checksums that bind each piece to those before it.

    A task that is started again after the death of its worker sends its pieces from the beginning, and only those that
    were not received yet arrive. The chain tells whether they continue what was received.
    """

    def __init__(self) -> None:
        self._digest = b""

    def advance(self, piece: "FilePiece | TaskEnd") -> bytes:
        """Add a piece, and return the checksum of all before it."""
        before = self._digest
        if isinstance(piece, FilePiece):
            self._digest = sha256(before + repr((piece.name, piece.offset)).encode() + piece.data).digest()
        return before

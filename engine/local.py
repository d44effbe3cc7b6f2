"""Run tasks in this process, one after another."""

from collections.abc import Generator, Iterable
from contextlib import closing

from .task import FilePiece, FolderOf, FolderWriter, Item, Result, Task, perform


class LocalEngine:
    """The engine that needs nothing else."""

    workers = 1

    def run(
        self, task: Task[Item, Result], items: Iterable[Item], folder_of: FolderOf[Item] | None = None
    ) -> Generator[tuple[Item, Result | Exception], None, None]:
        for item in items:
            files = FolderWriter(folder_of and folder_of(item))
            with closing(perform(task, item)) as pieces:
                for piece in pieces:
                    if isinstance(piece, FilePiece):
                        files.write(piece)
                    else:
                        yield item, piece.error or piece.result

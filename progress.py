"""How long work reports itself: the command line draws it, a page may stream it, tests ignore it."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol


class Stage(Protocol):
    def advance(self, steps: int = 1) -> None: ...


class Progress(Protocol):
    def stage(self, name: str, total: int | None = None) -> AbstractContextManager[Stage]:
        """Open a stage; `total` is None where its length cannot be known."""
        ...

    def note(self, text: str) -> None:
        """Say one line that the user should see but need not act on."""
        ...


class Silent:
    """The progress of a library call that nobody watches."""

    @contextmanager
    def stage(self, name: str, total: int | None = None) -> Iterator[Stage]:
        yield self

    def advance(self, steps: int = 1) -> None:
        pass

    def note(self, text: str) -> None:
        pass

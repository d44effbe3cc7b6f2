"""How long work reports itself: the command line draws it, a page may stream it, tests ignore it."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol


class Stage(Protocol):
    def advance(self, steps: int = 1) -> None: ...

    def tell(self, text: str) -> None:
        """Say how the stage goes, in place of what was last told of it."""
        ...


class Progress(Protocol):
    def stage(self, name: str, total: int | None = None) -> AbstractContextManager[Stage]:
        """Open a stage; `total` is None where its length cannot be known."""
        ...

    def note(self, text: str) -> None:
        """Say one line that the user should see but need not act on."""
        ...

    def stoppable(self) -> AbstractContextManager[Callable[[], bool]]:
        """A span of work that can end early with what it has; the callable says whether the user wants that."""
        ...


class Silent:
    """The progress of a library call that nobody watches."""

    @contextmanager
    def stage(self, name: str, total: int | None = None) -> Iterator[Stage]:
        yield self

    def advance(self, steps: int = 1) -> None:
        pass

    def tell(self, text: str) -> None:
        pass

    def note(self, text: str) -> None:
        pass

    @contextmanager
    def stoppable(self) -> Iterator[Callable[[], bool]]:
        yield lambda: False


class Titled:
    """Another progress, whose stages say what they belong to."""

    def __init__(self, progress: Progress, title: str) -> None:
        self._progress, self._title = progress, title

    def stage(self, name: str, total: int | None = None) -> AbstractContextManager[Stage]:
        return self._progress.stage(f"{self._title}: {name}", total)

    def note(self, text: str) -> None:
        self._progress.note(text)

    def stoppable(self) -> AbstractContextManager[Callable[[], bool]]:
        return self._progress.stoppable()


def noted(progress: Progress) -> "Noted":
    """A progress that says each note once; one that does so already stays itself."""
    return progress if isinstance(progress, Noted) else Noted(progress)


class Noted(Titled):
    """Another progress that says each note once, and keeps what was said."""

    def __init__(self, progress: Progress) -> None:
        super().__init__(progress, "")
        self.notes: list[str] = []

    def stage(self, name: str, total: int | None = None) -> AbstractContextManager[Stage]:
        return self._progress.stage(name, total)

    def note(self, text: str) -> None:
        if text not in self.notes:
            self.notes.append(text)
            self._progress.note(text)

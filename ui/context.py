"""What every tab of the page shares: the settings, the folders and the jobs."""

import shutil
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock

from ..errors import UsageError
from ..settings import Settings, library_folder
from .jobs import Jobs

_RUN = "run-"


@dataclass(frozen=True)
class PageContext:
    """`given` outlives the page, since films are rendered from what lies in it; `made` and `uploads` do not."""

    settings: Settings
    given: Path
    """Videos that were given to the page."""
    made: Path
    """Films, previews, plans and pictures that the page made: all that it shows from the disk lies here."""
    uploads: Path
    """Where the server puts what is being uploaded."""
    alone: bool = True
    """Whether only this machine reaches the page; others may not name what lies on it."""
    jobs: Jobs = field(default_factory=Jobs)
    in_hand: Counter[Path] = field(default_factory=Counter)
    """How many windows are taking in each of the videos that were given, which must stay meanwhile."""
    keeping: Lock = field(default_factory=Lock)
    leaving: list[Callable[[str], None]] = field(default_factory=list)
    """What a tab does when the window of a session is closed."""

    @property
    def labels(self) -> Path:
        """Pictures of frames to be sorted, and the detector that is trained on them; they outlive the page."""
        return self.given.with_name("labels")

    def named(self, place: str) -> Path:
        """A file, folder or pattern of this machine that somebody at it named."""
        if not self.alone:
            raise UsageError("Others can reach this page, so it opens no files by name.", "Drop the file on the page.")
        return Path(place).expanduser()

    @contextmanager
    def new_folder(self, prefix: str) -> Iterator[Path]:
        """An empty folder that the page may show files from; it goes again where what is made in it fails."""
        folder = Path(tempfile.mkdtemp(prefix=f"{prefix}-", dir=self.made))
        try:
            yield folder
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise


def page_folder(settings: Settings) -> Path:
    """Beside the library: in it lie no sources, so that it can be deleted and made again."""
    library = library_folder(settings).resolve()
    return library.with_name(f"{library.name}.page")


@contextmanager
def open_context(settings: Settings, alone: bool = True) -> Iterator[PageContext]:
    """The folders of one run of the page; those of runs that were killed are cleared away."""
    from filelock import FileLock, Timeout

    folder = page_folder(settings)
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob(f"{_RUN}*"):
        try:
            with FileLock(old / "lock", timeout=0):
                shutil.rmtree(old, ignore_errors=True)
        except (Timeout, OSError):
            continue
    run = Path(tempfile.mkdtemp(prefix=_RUN, dir=folder))
    context = PageContext(settings, folder / "given", run / "made", run / "uploads", alone)
    with FileLock(run / "lock"):
        for part in (context.given, context.made, context.uploads):
            part.mkdir(exist_ok=True)
        try:
            yield context
        finally:
            context.jobs.close()
    shutil.rmtree(run, ignore_errors=True)

"""State that all tabs share: the settings, the page's folders and its jobs."""

import shutil
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock

from ..errors import UsageError
from ..settings import Settings, changed, library_folder
from .forecast import History
from .jobs import Jobs
from .runs import Runs
from .strings import STRINGS
from .write_queue import WriteQueue

_RUN = "run-"


@dataclass
class PageContext:
    """The settings, folders and jobs of one run of the page.

    `videos` outlives the run, because later renders read from it; `outputs` and `uploads` do not.
    """

    settings: Settings
    videos: Path
    """Uploaded videos that the library refers to."""
    outputs: Path
    """Films, previews, plans and pictures that the page made. The server hands out files from here only."""
    uploads: Path
    """Where Gradio stores uploads."""
    local: bool = True
    """Whether only this machine reaches the page. Remote users may not name files of this machine."""
    jobs: Jobs = field(default_factory=Jobs)
    writes: WriteQueue = field(default_factory=WriteQueue)
    """The order in which jobs write to the library."""
    in_use: Counter[Path] = field(default_factory=Counter)
    """How many sessions are ingesting each uploaded video; it must not be deleted meanwhile."""
    videos_lock: Lock = field(default_factory=Lock)
    """Guards `videos` and `in_use`."""
    on_close: list[Callable[[str], None]] = field(default_factory=list)
    """Called with the session when its window is closed."""

    def use_model(self, model: str) -> None:
        """Search by words with another model until the page ends."""
        self.settings = changed(self.settings, "clip", {"model": model})

    @property
    def labels(self) -> Path:
        """Labelled pictures of frames and the detector trained on them; both outlive the run."""
        return self.videos.with_name("labels")

    @property
    def runs(self) -> Runs:
        """What was worked on in the Reconstruct tab, now and before the page was restarted."""
        return Runs(self.videos.with_name("runs"))

    def server_path(self, text: str) -> Path:
        """Return a file, folder or pattern on this machine that a local user typed."""
        if not self.local:
            raise UsageError(*STRINGS.errors.no_server_paths)
        return Path(text).expanduser()

    @contextmanager
    def new_folder(self, prefix: str) -> Iterator[Path]:
        """Make a folder that the page may show files from; delete it if the block fails."""
        folder = Path(tempfile.mkdtemp(prefix=f"{prefix}-", dir=self.outputs))
        try:
            yield folder
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise


@contextmanager
def open_context(settings: Settings, local: bool = True) -> Iterator[PageContext]:
    """Create the folders of one run, and delete those left behind by runs that were killed."""
    from filelock import FileLock, Timeout

    library = library_folder(settings).resolve()
    # Beside the library, which a user may delete and rebuild.
    folder = library.with_name(f"{library.name}.page")
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob(f"{_RUN}*"):
        try:
            with FileLock(old / "lock", timeout=0):
                shutil.rmtree(old, ignore_errors=True)
        except (Timeout, OSError):
            continue
    run = Path(tempfile.mkdtemp(prefix=_RUN, dir=folder))
    jobs = Jobs(History(folder / "timings.json"))
    context = PageContext(settings, folder / "given", run / "outputs", run / "uploads", local, jobs)
    with FileLock(run / "lock"):
        for subfolder in (context.videos, context.outputs, context.uploads):
            subfolder.mkdir(exist_ok=True)
        try:
            yield context
        finally:
            context.jobs.close()
    shutil.rmtree(run, ignore_errors=True)

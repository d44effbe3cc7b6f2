"""One folder with everything Reelweave remembers: catalog, vectors, proxies, motion."""

import contextlib
import errno
import shutil
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path

import numpy as np

from ..errors import LibraryError, ReelweaveError, VectorsLost, command
from ..frames import Floats, FrameRows, Space, SpaceState, VideoRecord, ingest_command
from ..settings import OWN_SPACE
from .catalog import Catalog
from .lock import writer_lock
from .store import ChromaStore, FrameStore

_CATALOG = "catalog.db"
_PROBES = 3
_LOST = 0.02
"""Of vectors that lie close, Chroma's graph of neighbours does not reach a few in a thousand; more is a fault."""
_FULL = ("disk is full", "No space left", "code: 13")
_READ_ONLY = ("readonly", "read-only", "Permission denied", "unable to open database")


class Library:
    """Readers may open it at any time and find an empty one where there is none; writers do so inside `writing`."""

    def __init__(self, folder: Path) -> None:
        if folder.exists() and not folder.is_dir():
            raise LibraryError(f"{folder} is a file, not a library's folder.", "Name another one with --library.")
        self.folder = folder
        self.catalog = Catalog(folder / _CATALOG)

    @cached_property
    def store(self) -> FrameStore:
        return ChromaStore(self.folder / "chroma")

    def write(self, video: VideoRecord, states: Sequence[SpaceState], rows: Mapping[str, FrameRows]) -> None:
        """Store one batch: its vectors first, then the catalog's word that they are there.

        What lies where a first batch goes is left over from a run that never came to its word.
        """
        known = self.catalog.spaces(video.id)
        for state in states:
            if state.space.name in rows:
                if state.space.name not in known or not known[state.space.name].vectors:
                    self.store.remove(video.id, state.space.name)
                self.store.write(video.id, state.space, rows[state.space.name])
        self.catalog.save(video, states)

    @contextmanager
    def writing(self, purpose: str) -> Iterator[None]:
        self.folder.mkdir(parents=True, exist_ok=True)
        with writer_lock(self.folder, purpose):
            self.catalog.close()
            self.catalog = Catalog(self.folder / _CATALOG, create=True)
            yield

    def close(self) -> None:
        self.catalog.close()
        self.rest()

    def rest(self) -> None:
        """Let go of the store's files until it is wanted again."""
        if "store" in self.__dict__:
            self.store.close()

    def proxies_file(self, video: str) -> Path:
        return self.folder / "proxies" / f"{video}.i420"

    def vector(self, video: str, space: Space, frame: int) -> Floats:
        return self.store.vector(video, space, frame)

    def motion_file(self, video: str) -> Path:
        return self.cache / f"{video}.motion"

    def orders_folder(self, video: str) -> Path:
        return self.cache / f"{video}.orders"

    @property
    def cache(self) -> Path:
        """What can be made again from the rest, and may be deleted at any time."""
        return _cache(self.folder)

    def rows(self, video: VideoRecord, space: str) -> FrameRows:
        """Every stored frame of a video in a space."""
        state = self.catalog.spaces(video.id).get(space)
        if state is None or not state.complete:
            by_ingest = video.source and not space.startswith(OWN_SPACE)
            raise LibraryError(
                f"{video.name} has no complete vectors in the {space} space.",
                f"{ingest_command(video, space)} makes them."
                if by_ingest
                else f"See {command('videos', 'import', '--help')}.",
            )
        rows = self.store.read(video.id, state.space)
        if len(rows) != state.vectors:
            raise LibraryError(
                f"{video.name} should have {state.vectors} vectors in the {space} space, but {len(rows)} are stored.",
                f"{command('videos', 'remove', video.id)} and ingesting it again make them anew.",
            )
        return rows

    def adopt(self, video: VideoRecord, space: Space, count: int, parts: Iterable[FrameRows]) -> None:
        """Store vectors that were made elsewhere; the catalog hears of them once all of them can be read back.

        Until then nobody sees them, and what a killed run leaves is cleared away by the next.
        """
        if space.name in self.catalog.spaces(video.id):
            self.catalog.save(video, [SpaceState(space)])
        self.store.remove(video.id, space.name)
        last = -1
        for part in parts:
            self.store.write(video.id, space, part)
            last = int(part.indices[-1])
        state = SpaceState(space, count, complete=True, last_frame=last)
        if wrong := self._amiss(video, state):
            self.store.remove(video.id, space.name)
            raise VectorsLost(f"The store did not take all vectors of {video.name}: {wrong}.", "Import them again.")
        self.catalog.save(video, [state])

    def clear_leftovers(self) -> None:
        """Remove vectors and proxies that no record speaks of: what a killed run began."""
        known = {(video.id, space) for video in self.catalog.videos() for space in self.catalog.spaces(video.id)}
        self.store.keep_only(known)
        videos = {self.proxies_file(video.id) for video in self.catalog.videos()}
        for file in (self.folder / "proxies").glob("*"):
            if file not in videos:
                file.unlink(missing_ok=True)

    def keep_plan(self, video: VideoRecord, plan: str) -> None:
        """Remember the latest plan; a library that cannot be written now can still be solved from."""
        with contextlib.suppress(sqlite3.OperationalError):
            self.catalog.save_plan(video.id, plan)

    def check_written(self, video: VideoRecord, spaces: Sequence[str]) -> None:
        """Read back what ingest says it wrote: Chroma can lose vectors without a word, and count right all the same.

        A space that fails is taken back, so that the next run makes it anew.
        """
        for name, state in self.catalog.spaces(video.id).items():
            if name in spaces and (wrong := self._amiss(video, state)):
                self.catalog.save(video, [SpaceState(state.space)])
                raise VectorsLost(
                    f"Not all vectors of {video.name} ({name}) can be read back: {wrong}.",
                    f"{ingest_command(video, name)} makes them anew. If that does not help, try another disk.",
                )

    def _amiss(self, video: VideoRecord, state: SpaceState) -> str:
        """What is wrong with the vectors that the catalog vouches for, in words."""
        count = self.store.count(video.id, state.space)
        if count != state.vectors:
            return f"{count} of {state.vectors} are stored"
        lost = self.store.lost(video.id, state.space)
        return f"a search misses {100 * lost:.0f} % of those that were tried" if lost > _LOST else ""

    def verify(self, video: VideoRecord, space: str) -> list[str]:
        """Read back all vectors, search for some, and look for the proxies; what is wrong, in words."""
        try:
            lost = self.store.lost(video.id, self.catalog.spaces(video.id)[space].space)
            if lost > _LOST:
                remedy = f"{command('videos', 'remove', video.id)} and ingesting it again make them anew"
                return [f"a search misses {100 * lost:.0f} % of the vectors of the {space} space; {remedy}"]
            rows = self.rows(video, space)
        except ReelweaveError as failed:
            return [failed.cause]
        problems = []
        probes = rows.vectors[np.linspace(0, len(rows) - 1, _PROBES, dtype=int)]
        if not np.allclose(np.linalg.norm(probes, axis=1), 1, atol=1e-3):
            problems.append(f"vectors of the {space} space are not of unit length")
        return problems if self.has_proxies(video) else [*problems, "proxies are missing or cut short"]

    def has_proxies(self, video: VideoRecord) -> bool:
        """Whether there is a proxy for every frame that the catalog vouches for."""
        proxies, expected = self.proxies_file(video.id), video.frames * video.proxy_width * video.proxy_height * 3 // 2
        return not expected or (proxies.exists() and proxies.stat().st_size >= expected)

    def has_vectors(self, video: VideoRecord) -> bool:
        """Whether there are the vectors that the catalog vouches for, so that a run can go on behind them."""
        try:
            states = [state for state in self.catalog.spaces(video.id).values() if state.vectors]
            return all(self.store.count(video.id, state.space) >= state.vectors for state in states)
        except ReelweaveError:
            return False

    def size_of(self, video: VideoRecord) -> int:
        """Bytes of the video's proxies and vectors; Chroma's share is what its vectors need at least."""
        proxies = self.proxies_file(video.id)
        vectors = sum(s.vectors * s.space.dimension * 4 for s in self.catalog.spaces(video.id).values())
        return vectors + (proxies.stat().st_size if proxies.exists() else 0)

    def remove(self, video: VideoRecord) -> None:
        """Proxies first, since a full disk needs their room; the catalog last, so that it can be done again."""
        self.proxies_file(video.id).unlink(missing_ok=True)
        self._forget(video.id)
        for space in self.catalog.spaces(video.id):
            self.store.remove(video.id, space)
        self.catalog.remove(video.id)

    def abandon(self, video: str) -> None:
        """Clear away what was begun for a video that the catalog does not know."""
        if self.catalog.get(video) is None:
            self.proxies_file(video).unlink(missing_ok=True)
            self._forget(video)

    def _forget(self, video: str) -> None:
        """What was only kept to save time."""
        # An index of all vectors holds something of every video, and what a killed process left behind may as well.
        for pattern in (f"{video}.*", "*.faiss", ".*.part"):
            for left in self.cache.glob(pattern):
                shutil.rmtree(left, ignore_errors=True) if left.is_dir() else left.unlink(missing_ok=True)


def _cache(folder: Path) -> Path:
    return folder / "cache"


def models_folder(library: Path) -> Path:
    """Where what was made of networks to run them quicker is kept."""
    return _cache(library) / "models"


@contextmanager
def open_library(folder: Path) -> Iterator[Library]:
    """The library, with failures of the disk below it told in its own terms."""
    library = None
    try:
        library = Library(folder)
        yield library
    except ReelweaveError:
        raise
    except Exception as failed:
        explained = explain(folder, failed)
        if explained is None:
            raise
        raise explained from failed
    finally:
        if library is not None:
            library.close()


def explain(folder: Path, failed: Exception) -> LibraryError | None:
    """What a failure says of the library; None when it is none of the library's."""
    if isinstance(failed, BrokenPipeError):
        # Who read the answer has had enough of it.
        return None
    text = f"{type(failed).__name__}: {failed}"
    code = failed.errno if isinstance(failed, OSError) else None
    of_store = isinstance(failed, sqlite3.Error) or type(failed).__module__.startswith("chromadb")
    if not of_store and not (isinstance(failed, OSError) and _lies_in(folder, failed.filename)):
        return None
    if code == errno.ENOSPC or any(sign in text for sign in _FULL):
        free = shutil.disk_usage(folder).free // 2**20 if folder.exists() else 0
        return LibraryError(
            f"There is no space left for the library {folder} ({free} MiB free); what was stored before is safe.",
            "Free some space, or use another folder with --library, and run the command again.",
        )
    if code in (errno.EROFS, errno.EACCES, errno.EPERM) or any(sign in text for sign in _READ_ONLY):
        return LibraryError(
            f"The library {folder} cannot be written, as even reading its vectors needs.",
            "Check its permissions, copy it, or use another folder with --library.",
        )
    return LibraryError(
        f"The library {folder} cannot be used ({failed}).",
        "Restore it from a copy, or delete the folder and ingest its videos again: no source lies in it.",
    )


def _lies_in(folder: Path, name: object) -> bool:
    """Whether a failure that names its file speaks of the library; one that names none does."""
    return not isinstance(name, str) or Path(name).is_relative_to(folder) or folder.is_relative_to(name)

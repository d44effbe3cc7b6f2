"""The library: one folder with the catalog, the vectors, the proxies and the caches."""

import contextlib
import json
import shutil
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from functools import cached_property
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ..errors import LibraryDamaged, LibraryError, ReelweaveError, VectorsLost, command
from ..media.files import PARTIAL
from ..media.proxy import ProxySize, read_proxies
from ..media.types import Floats, FrameRows, Space, SpaceState, VideoRecord, ingest_command
from ..settings import OWN_SPACE, Settings, StoreSettings, library_folder, load
from .catalog import Catalog, catalog_fault
from .failures import changed, check_and_repair, library_error, removed, repair_remedy
from .inventory import DATABASE
from .location import FILE, locate
from .lock import writer_lock
from .matrix import kept_rows
from .server import ServerStore
from .store import ChromaStore
from .vectors import VectorStore, collection_name

CATALOG = "catalog.db"
PROXIES = ".i420"
"""Suffix of a file of proxies."""

_PROBES = 3
"""Vectors of a space whose length is checked."""


class Library:
    """An opened library, beneath the `Library` of `reelweave.api`.

    Readers may open it at any time; a missing one is empty. Writers work inside `writing`.

    `store` has the settings of the store; None stands for those in force.
    """

    def __init__(self, folder: Path, store: StoreSettings | None = None) -> None:
        if folder.exists() and not folder.is_dir():
            raise LibraryError(f"{folder} is a file, not the folder of a library.", "Give another one with --library.")
        self.folder = folder
        self._existed = (folder / CATALOG).exists()
        self._store_settings = store
        self._is_writing = False
        self._expects_changes = False
        self._catalog: Catalog | None = None
        self._open_catalog()

    @property
    def catalog(self) -> Catalog:
        """The catalog.

        Raises:
            LibraryDamaged: It is damaged, or missing although there are vectors or proxies.
        """
        if self._catalog is None:
            raise self._catalog_damaged(self.catalog_fault())
        return self._catalog

    def _catalog_damaged(self, fault: str) -> LibraryDamaged:
        return LibraryDamaged(
            f"The catalog of the library {self.folder} is damaged: {fault}.",
            f"{check_and_repair()} rebuilds it from the rest of the library.",
        )

    def check_catalog(self) -> None:
        """Read every page of the catalog.

        Raises:
            LibraryDamaged: Anything is wrong with it.
        """
        if fault := self.catalog_fault(thorough=True):
            raise self._catalog_damaged(fault)

    def catalog_fault(self, *, thorough: bool = False) -> str:
        """Describe what is wrong with the catalog; empty if it is sound or if there is no library."""
        file = self.folder / CATALOG
        fault = catalog_fault(file, self._has_content(), thorough=thorough)
        if fault or not thorough or not file.exists():
            return fault
        with contextlib.closing(Catalog(file)) as catalog:
            unreadable = catalog.unreadable()
        return f"{CATALOG}: {unreadable}" if unreadable else ""

    def _has_content(self) -> bool:
        """Tell whether there is anything that a catalog must have recorded."""
        database = self.folder / "chroma" / DATABASE
        stored = database.exists() and database.stat().st_size > 0
        return stored or any((self.folder / "proxies").glob("*"))

    def _open_catalog(self, create: bool = False) -> None:
        if self._catalog:
            self._catalog.close()
            self._catalog = None
        if not self.catalog_fault():
            self._catalog = Catalog(self.folder / CATALOG, create)
            self._version = self._catalog.version()

    @property
    def exists(self) -> bool:
        """Whether the folder exists."""
        return self.folder.exists()

    def removal(self) -> LibraryError | None:
        """Return an error if the library was removed while it was open."""
        # The folder may exist again because of a late write; the catalog does not.
        return removed(self.folder) if self._existed and not (self.folder / CATALOG).exists() else None

    def expect_changes(self) -> None:
        """Take changes of the catalog for those of another thread of this process."""
        self._expects_changes = True

    def was_changed(self) -> bool:
        """Tell whether another process has changed the catalog since it was opened."""
        if self._expects_changes:
            return False
        try:
            return self._catalog is not None and self._catalog.version() != self._version
        except sqlite3.Error:
            return True

    @cached_property
    def store(self) -> VectorStore:
        """The vectors; Chroma is opened on first use."""
        settings = self._store_settings or load().store
        location = locate(self.folder, settings)
        if location:
            return ServerStore(location, settings, self.folder / FILE)
        return ChromaStore(self.folder / "chroma", settings.copy_gb)

    def write(self, video: VideoRecord, states: Sequence[SpaceState], rows: Mapping[str, FrameRows]) -> None:
        """Store a batch: first its vectors, then the record of them in the catalog.

        Before the first batch of a space, vectors of an earlier run that was killed before its record are removed.
        """
        known = self.catalog.spaces(video.id)
        for state in states:
            if state.space.name in rows:
                if state.space.name not in known or not known[state.space.name].vectors:
                    self.store.remove(video.id, state.space.name)
                self.store.write(video.id, state.space, rows[state.space.name])
        self.catalog.save(video, states)

    @contextmanager
    def writing(self, purpose: str, repair: Callable[[], object] | None = None) -> Iterator[None]:
        """Hold the writer's lock, which reports `purpose` to others; `repair` runs before the catalog is opened.

        Inside another such block of the same library, the lock is held already.

        Raises:
            LibraryLocked: Another process holds the lock.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        outer = self._is_writing
        with contextlib.nullcontext() if outer else writer_lock(self.folder, purpose):
            if repair:
                repair()
            self._open_catalog(create=True)
            _ = self.catalog
            self._existed = self._is_writing = True
            try:
                yield
            finally:
                self._is_writing = outer

    def close(self) -> None:
        if self._catalog:
            self._catalog.close()
        self.release()

    def release(self) -> None:
        """Close the store until it is needed again."""
        if "store" in self.__dict__:
            self.store.close()

    def reopen_store(self) -> None:
        """Close the store for good: the vectors have been moved to another."""
        self.release()
        self.__dict__.pop("store", None)

    def proxies_file(self, video: str) -> Path:
        """Return the file of a video's proxies."""
        return self.folder / "proxies" / f"{video}{PROXIES}"

    def generations(self) -> Mapping[str, int]:
        """Return the generation of each finished collection; empty where the vectors are in the folder."""
        return self.store.generations()

    def generation(self, video: str, space: str) -> int | None:
        """Return the generation of a finished collection; None where there is none."""
        return self.store.generation_of(video, space)

    def vector(self, video: str, space: Space, frame: int) -> Floats:
        """Read the vector of one frame."""
        return self.store.vector(video, space, frame)

    def motion_file(self, video: str) -> Path:
        """Return the file of a video's motion cache."""
        return self.cache / f"{video}.motion"

    def orders_folder(self, video: str) -> Path:
        """Return the folder of a video's cached search results."""
        return self.cache / f"{video}.orders"

    @property
    def cache(self) -> Path:
        """The folder of files that can be made again, and may be deleted at any time."""
        return self.folder / "cache"

    def rows(self, video: VideoRecord, space: str) -> FrameRows:
        """Read all frames of a video in a space.

        Raises:
            LibraryError: The space is not complete.
            LibraryDamaged: Vectors are missing or damaged.
        """
        state = self.catalog.spaces(video.id).get(space)
        if state is None or not state.complete:
            by_ingest = video.source and not space.startswith(OWN_SPACE)
            raise LibraryError(
                f"{video.name} has no complete vectors in the {space} space.",
                f"{ingest_command(video, space)} makes them."
                if by_ingest
                else f"See {command('videos', 'import', '--help')}.",
            )
        kept = kept_rows(self, video, state) if self.store.prefers_copies else None
        rows = kept or self.stored_rows(video, state)
        if len(rows) != state.vectors:
            raise LibraryDamaged(
                f"{video.name} should have {state.vectors} vectors in the {space} space, but {len(rows)} are stored.",
                repair_remedy(),
            )
        return rows

    def stored_rows(self, video: VideoRecord, state: SpaceState) -> FrameRows:
        """Read the rows from Chroma."""
        try:
            return self.store.read(video.id, state.space)
        except LibraryDamaged:
            self.check_present(video, state.space.name)
            raise

    def state(self, video: VideoRecord, space: str) -> SpaceState:
        """Return the state of a video in a space.

        Raises:
            LibraryError: It has no vectors there.
        """
        state = self.catalog.spaces(video.id).get(space)
        if state is None:
            self.check_present(video, space)
            raise LibraryError(f"{video.name} has no vectors in the {space} space.")
        return state

    def check_present(self, video: VideoRecord, space: str) -> None:
        """Raise an error where another process has removed the video."""
        if space not in self.catalog.spaces(video.id):
            raise LibraryError(
                f"{video.name} was removed from the library {self.folder} by another process.",
                "Ingest it again, or use another video.",
            )

    def adopt(self, video: VideoRecord, state: SpaceState, parts: Iterable[FrameRows]) -> None:
        """Store imported vectors, and record them with their state in the catalog once all can be read back.

        Until then readers do not see them; the next run removes what a killed one leaves.

        Raises:
            VectorsLost: Not all vectors could be read back.
        """
        space = state.space
        if space.name in self.catalog.spaces(video.id):
            self.catalog.save(video, [SpaceState(space)])
        self.store.remove(video.id, space.name)
        for part in parts:
            self.store.write(video.id, space, part)
        if fault := self.stored_fault(video, state):
            self.store.remove(video.id, space.name)
            raise VectorsLost(f"The vectors of {video.name} could not be stored: {fault}.", "Import them again.")
        self.catalog.save(video, [state])
        self.describe(video, state)

    def clear_leftovers(self) -> None:
        """Remove unfinished vectors and proxies without a record, which a killed run left.

        Finished vectors without a record are kept, with their proxies, since the catalog must have lost it.
        """
        known = {(video.id, space) for video in self.catalog.videos() for space in self.catalog.spaces(video.id)}
        self.store.keep_only(known)
        videos = {video.id for video in self.catalog.videos()} | {name.partition(".")[0] for name in self.orphans()}
        for file in (self.folder / "proxies").glob("*"):
            if file.stem not in videos or file.suffix != PROXIES:
                file.unlink(missing_ok=True)

    def orphans(self) -> dict[str, str]:
        """Return the stored records of finished vectors that the catalog does not know, by collection."""
        known = {
            collection_name(video.id, space)
            for video in self.catalog.videos()
            for space in self.catalog.spaces(video.id)
        }
        return {name: record for name, record in self.store.described().items() if name not in known}

    def keep_plan(self, video: VideoRecord, plan: str) -> None:
        """Save the latest plan; ignored where the library cannot be written, which can still be solved from."""
        with contextlib.suppress(sqlite3.OperationalError, sqlite3.IntegrityError):
            self.catalog.save_plan(video.id, plan)

    def check_written(self, video: VideoRecord, spaces: Sequence[str]) -> None:
        """Read back the vectors that ingest wrote: Chroma can lose some silently, and still count them.

        The record of a space that fails is reset, so that the next run makes it again.

        Raises:
            VectorsLost: Vectors are missing.
        """
        for name, state in self.catalog.spaces(video.id).items():
            if name in spaces and (fault := self.stored_fault(video, state)):
                self.forget_vectors(video, state)
                raise VectorsLost(
                    f"Not all vectors of {video.name} ({name}) can be read back: {fault}.",
                    f"{ingest_command(video, name)} makes them again. If that fails too, try another disk.",
                )
            if name in spaces:
                self.describe(video, state)

    def forget_vectors(self, video: VideoRecord, state: SpaceState) -> None:
        """Reset the record of a space, so that the next ingest makes its vectors again."""
        self.catalog.save(video, [SpaceState(state.space)])

    def describe(self, video: VideoRecord, state: SpaceState) -> None:
        """Store a copy of the catalog's record with finished vectors."""
        if state.complete:
            self.store.describe(video.id, state.space, record_text(video, state))

    def stored_fault(self, video: VideoRecord, state: SpaceState) -> str:
        """Compare the vectors in Chroma with the catalog, and describe what is wrong; an empty text means nothing."""
        try:
            count = self.store.count(video.id, state.space)
            if count != state.vectors:
                return f"{count} of {state.vectors} are stored"
            lost = self.store.lost(video.id, state.space)
        except LibraryDamaged as damaged:
            return damaged.cause
        return f"{100 * lost:.0f} % of those that were tried cannot be read" if lost else ""

    def verify(self, video: VideoRecord, space: str) -> list[str]:
        """Read back all vectors of a space, and describe what is wrong."""
        state = self.catalog.spaces(video.id)[space]
        if fault := self.vectors_fault(video, state):
            return [f"the {state.vectors} vectors of the {space} space are lost: {fault}"]
        try:
            lost = self.store.lost(video.id, state.space)
            if lost:
                return [f"{100 * lost:.0f} % of the vectors of the {space} space that were tried cannot be read"]
            rows = self.store.read(video.id, state.space)
        except ReelweaveError as failed:
            return [f"the vectors of the {space} space cannot be read: {failed.cause}"]
        if len(rows) != state.vectors:
            return [f"{len(rows)} of {state.vectors} vectors of the {space} space are stored"]
        probes = rows.vectors[np.linspace(0, len(rows) - 1, _PROBES, dtype=int)]
        if not np.allclose(np.linalg.norm(probes, axis=1), 1, atol=1e-3):
            return [f"vectors of the {space} space are not of unit length"]
        return []

    def vectors_fault(self, video: VideoRecord, state: SpaceState) -> str:
        """Describe what is wrong with a video's vectors as far as it shows without reading them."""
        if not state.vectors:
            return ""
        return self.store.quick_fault(video.id, state.space.name, state.vectors)

    def proxies_fault(self, video: VideoRecord) -> str:
        """Describe what is wrong with a video's proxies, of which there must be one per frame."""
        file, expected = self.proxies_file(video.id), video.frames * video.proxy_width * video.proxy_height * 3 // 2
        if not expected:
            return ""
        if not file.is_file():
            return f"proxies/{file.name} is missing"
        size = file.stat().st_size
        if size < expected:
            return f"proxies/{file.name} is truncated"
        # Ingest cuts off what a killed run wrote beyond the last recorded frame.
        return f"proxies/{file.name} is longer than it should be" if video.complete and size > expected else ""

    def has_proxies(self, video: VideoRecord) -> bool:
        """Tell whether there is a proxy for every recorded frame."""
        return not self.proxies_fault(video)

    def lost_spaces(self, video: VideoRecord) -> list[SpaceState]:
        """List the spaces of which recorded vectors are missing."""
        return [
            state for state in self.catalog.spaces(video.id).values() if state.vectors and self.is_lost(video, state)
        ]

    def is_lost(self, video: VideoRecord, state: SpaceState) -> bool:
        """Tell whether recorded vectors are missing."""
        if self.vectors_fault(video, state):
            return True
        try:
            return self.store.count(video.id, state.space) < state.vectors
        except LibraryDamaged:
            return True

    def size_of(self, video: VideoRecord, states: Iterable[SpaceState]) -> int:
        """Compute the bytes of a video's proxies and vectors; Chroma needs somewhat more for the latter."""
        proxies = self.proxies_file(video.id)
        vectors = sum(state.vectors * state.space.dimension * 4 for state in states)
        return vectors + (proxies.stat().st_size if proxies.exists() else 0)

    def remove(self, video: VideoRecord) -> None:
        """Remove a video.

        Proxies go first, which frees space on a full disk, and the record last, so that a failed removal can be
        repeated.
        """
        self.proxies_file(video.id).unlink(missing_ok=True)
        self._clear_cache(video.id)
        # Nothing can be removed from a damaged store; repair moves it away.
        for space in () if self.store.fault() else self.catalog.spaces(video.id):
            self.store.remove(video.id, space)
        self.catalog.remove(video.id)

    def discard(self, video: str) -> None:
        """Remove what was written for a video without a record."""
        if self.catalog.get(video) is None:
            self.proxies_file(video).unlink(missing_ok=True)
            self._clear_cache(video)

    def _clear_cache(self, video: str) -> None:
        """Delete the cached files of a video."""
        # An index or a copy of all vectors contains those of every video; a killed process may have left any.
        for pattern in (f"{video}.*", "*.faiss", "*.int8", "verified.json", PARTIAL):
            for left in self.cache.glob(pattern):
                shutil.rmtree(left, ignore_errors=True) if left.is_dir() else left.unlink(missing_ok=True)


def record_text(video: VideoRecord, state: SpaceState) -> str:
    """Return the copy of the catalog's record that is stored with finished vectors."""
    return json.dumps({"video": asdict(video), "state": asdict(state)})


def models_folder(library: Path) -> Path:
    """Return the folder of optimised networks."""
    return library / "cache" / "models"


@contextmanager
def open_library(place: Settings | Path) -> Iterator[Library]:
    """Open a library, and translate failures of the disk, SQLite and Chroma while it is in use.

    Args:
        place: The settings, which name the folder of the library and say where its vectors are; or only the folder, and
            the settings are loaded when the vectors are needed.

    Raises:
        LibraryError: The library cannot be used.
    """
    folder, store = (place, None) if isinstance(place, Path) else (library_folder(place), place.store)
    library = None
    try:
        library = Library(folder, store)
        yield library
    except ReelweaveError:
        if library and (removal := library.removal()):
            raise removal from None
        raise
    except Exception as failed:
        error = (library and _interference(library, failed)) or library_error(folder, failed)
        if error is None:
            raise
        raise error from failed
    finally:
        if library is not None:
            library.close()


def _interference(library: Library, failed: Exception) -> LibraryError | None:
    """Return an error if a failure comes from another process that changed or removed the library."""
    if isinstance(failed, BrokenPipeError):
        return None
    if removal := library.removal():
        return removal
    looked_up = isinstance(failed, (LookupError, ValueError, sqlite3.Error)) or library_error(library.folder, failed)
    return changed(library.folder, failed) if looked_up and library.was_changed() else None


def proxies_of(library: Library, video: VideoRecord) -> npt.NDArray[np.uint8]:
    """Map the proxies of a video into memory.

    Raises:
        LibraryError: They are missing or damaged.
    """
    size = ProxySize(video.proxy_width, video.proxy_height)
    if not video.proxy_width:
        raise LibraryError(
            f"{video.name} was imported without the proxies that solving needs.",
            "Ingest its source, or remove it and import it with proxies.npy.",
        )
    try:
        return read_proxies(library.proxies_file(video.id), size, video.frames)
    except (OSError, ValueError) as lost:
        raise LibraryError(
            f"The proxies of {video.name} are missing or truncated.",
            f"{ingest_command(video)} makes them again." if video.source else "Import it again.",
        ) from lost

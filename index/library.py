"""One folder with everything Reelweave remembers: catalog, vectors, proxies, motion."""

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

from ..errors import LibraryDamaged, LibraryError, ReelweaveError, VectorsLost, command
from ..frames import Floats, FrameRows, Space, SpaceState, VideoRecord, ingest_command
from ..settings import OWN_SPACE, Settings
from .catalog import Catalog, catalog_fault
from .failures import changed, check_and_repair, explain, healing, removed
from .inventory import DATABASE
from .lock import writer_lock
from .matrix import kept_rows
from .store import ChromaStore, collection_name

CATALOG = "catalog.db"
PROXIES = ".i420"
"""The ending of a file of proxies."""
_PROBES = 3
_LOST = 0.02
"""Of vectors that lie close, Chroma's graph of neighbours does not reach a few in a thousand; more is a fault."""


class Library:
    """Readers may open it at any time and find an empty one where there is none; writers do so inside `writing`."""

    def __init__(self, folder: Path, copy_gb: float | None = None) -> None:
        if folder.exists() and not folder.is_dir():
            raise LibraryError(f"{folder} is a file, not a library's folder.", "Name another one with --library.")
        self.folder = folder
        self._existed = (folder / CATALOG).exists()
        self._copy_gb = copy_gb
        self._catalog: Catalog | None = None
        self._open_catalog()

    @property
    def catalog(self) -> Catalog:
        """The table of contents.

        Raises:
            LibraryDamaged: if it is missing or damaged though there are vectors or small pictures.
        """
        if self._catalog is None:
            raise self._catalog_damaged(self.catalog_fault())
        return self._catalog

    def _catalog_damaged(self, fault: str) -> LibraryDamaged:
        return LibraryDamaged(
            f"The catalog of the library {self.folder} is damaged: {fault}.",
            f"{check_and_repair()} makes it again from what lies beside it.",
        )

    def check_catalog(self) -> None:
        """Read every page of the catalog.

        Raises:
            LibraryDamaged: if there is anything wrong with it.
        """
        if fault := self.catalog_fault(thorough=True):
            raise self._catalog_damaged(fault)

    def catalog_fault(self, *, thorough: bool = False) -> str:
        """Say in words what is wrong with the catalog; nothing where it is sound, or where no library is."""
        file = self.folder / CATALOG
        fault = catalog_fault(file, self._has_content(), thorough=thorough)
        if fault or not thorough or not file.exists():
            return fault
        with contextlib.closing(Catalog(file)) as catalog:
            unreadable = catalog.unreadable()
        return f"{CATALOG}: {unreadable}" if unreadable else ""

    def _has_content(self) -> bool:
        """Whether there is anything that a catalog would have told of."""
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
        return self.folder.exists()

    def disturbed(self) -> LibraryError | None:
        """Say that the library went while it was open; nothing where it is still there."""
        # What is written late may have made the folder again.
        return removed(self.folder) if self._existed and not (self.folder / CATALOG).exists() else None

    def was_changed(self) -> bool:
        """Whether another process has changed the catalog since it was opened."""
        try:
            return self._catalog is not None and self._catalog.version() != self._version
        except sqlite3.Error:
            return True

    @cached_property
    def store(self) -> ChromaStore:
        return ChromaStore(self.folder / "chroma", self._copy_gb)

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
    def writing(self, purpose: str, repair: Callable[[], object] | None = None) -> Iterator[None]:
        """Hold the writer's lock; `repair` runs under it before the catalog is opened."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with writer_lock(self.folder, purpose):
            if repair:
                repair()
            self._open_catalog(create=True)
            _ = self.catalog
            self._existed = True
            yield

    def close(self) -> None:
        if self._catalog:
            self._catalog.close()
        self.rest()

    def rest(self) -> None:
        """Let go of the store's files until it is wanted again."""
        if "store" in self.__dict__:
            self.store.close()

    def proxies_file(self, video: str) -> Path:
        return self.folder / "proxies" / f"{video}{PROXIES}"

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
        # Where Chroma would have to be copied to be read, the copy that searches read serves as well.
        rows = (kept_rows(self, video, state) if self.store.read_only else None) or self.stored_rows(video, state)
        if len(rows) != state.vectors:
            raise LibraryDamaged(
                f"{video.name} should have {state.vectors} vectors in the {space} space, but {len(rows)} are stored.",
                healing(),
            )
        return rows

    def stored_rows(self, video: VideoRecord, state: SpaceState) -> FrameRows:
        """The rows out of Chroma."""
        try:
            return self.store.read(video.id, state.space)
        except LibraryDamaged:
            self.check_present(video, state.space.name)
            raise

    def state(self, video: VideoRecord, space: str) -> SpaceState:
        """How far a video has come in a space in which it was found before."""
        state = self.catalog.spaces(video.id).get(space)
        if state is None:
            self.check_present(video, space)
            raise LibraryError(f"{video.name} has no vectors in the {space} space.")
        return state

    def check_present(self, video: VideoRecord, space: str) -> None:
        """Refuse to go on with a video that another process has removed meanwhile."""
        if space not in self.catalog.spaces(video.id):
            raise LibraryError(
                f"{video.name} was removed from the library {self.folder} by another process.",
                "Ingest it again, or use another video.",
            )

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
        if wrong := self.amiss(video, state):
            self.store.remove(video.id, space.name)
            raise VectorsLost(f"The store did not take all vectors of {video.name}: {wrong}.", "Import them again.")
        self.catalog.save(video, [state])
        self.describe(video, state)

    def clear_leftovers(self) -> None:
        """Remove unfinished vectors and proxies that no record speaks of: what a killed run began.

        Finished vectors that the catalog does not know stay, with their proxies: it must have lost its record of them.
        """
        known = {(video.id, space) for video in self.catalog.videos() for space in self.catalog.spaces(video.id)}
        self.store.keep_only(known)
        videos = {video.id for video in self.catalog.videos()} | {name.partition(".")[0] for name in self.orphans()}
        for file in (self.folder / "proxies").glob("*"):
            if file.stem not in videos or file.suffix != PROXIES:
                file.unlink(missing_ok=True)

    def orphans(self) -> dict[str, str]:
        """The records of finished vectors that the catalog does not know, by the names of their collections."""
        known = {
            collection_name(video.id, space)
            for video in self.catalog.videos()
            for space in self.catalog.spaces(video.id)
        }
        return {name: record for name, record in self.store.described().items() if name not in known}

    def keep_plan(self, video: VideoRecord, plan: str) -> None:
        """Remember the latest plan; a library that cannot be written now can still be solved from."""
        with contextlib.suppress(sqlite3.OperationalError, sqlite3.IntegrityError):
            self.catalog.save_plan(video.id, plan)

    def check_written(self, video: VideoRecord, spaces: Sequence[str]) -> None:
        """Read back what ingest says it wrote: Chroma can lose vectors without a word, and count right all the same.

        A space that fails is taken back, so that the next run makes it anew.
        """
        for name, state in self.catalog.spaces(video.id).items():
            if name in spaces and (wrong := self.amiss(video, state)):
                self.take_back(video, state)
                raise VectorsLost(
                    f"Not all vectors of {video.name} ({name}) can be read back: {wrong}.",
                    f"{ingest_command(video, name)} makes them anew. If that does not help, try another disk.",
                )
            if name in spaces:
                self.describe(video, state)

    def take_back(self, video: VideoRecord, state: SpaceState) -> None:
        """Stop vouching for the vectors of a space, so that the next ingest makes them anew."""
        self.catalog.save(video, [SpaceState(state.space)])

    def describe(self, video: VideoRecord, state: SpaceState) -> None:
        """Keep with finished vectors what the catalog says of them."""
        if state.complete:
            self.store.describe(video.id, state.space, json.dumps({"video": asdict(video), "state": asdict(state)}))

    def amiss(self, video: VideoRecord, state: SpaceState) -> str:
        """What is wrong with the vectors that the catalog vouches for, in words."""
        try:
            count = self.store.count(video.id, state.space)
            if count != state.vectors:
                return f"{count} of {state.vectors} are stored"
            lost = self.store.lost(video.id, state.space)
        except LibraryDamaged as damaged:
            return damaged.cause
        return f"a search misses {100 * lost:.0f} % of those that were tried" if lost > _LOST else ""

    def verify(self, video: VideoRecord, space: str) -> list[str]:
        """Read back all vectors and search for some; what is wrong, in words."""
        state = self.catalog.spaces(video.id)[space]
        if fault := self.vectors_fault(video, state):
            return [f"the {state.vectors} vectors of the {space} space are lost: {fault}"]
        try:
            lost = self.store.lost(video.id, state.space)
            if lost > _LOST:
                return [f"a search misses {100 * lost:.0f} % of the vectors of the {space} space"]
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
        """Say what is wrong with a video's vectors as far as Chroma's files show it; Chroma is not opened."""
        if not state.vectors:
            return ""
        if fault := self.store.fault():
            return fault
        stored = self.store.inventory.collections()
        if stored is None:
            return ""
        collection = stored.get(collection_name(video.id, state.space.name))
        if collection is None:
            return "they are not in the store"
        if fault := self.store.inventory.index_fault(collection):
            return fault
        count = self.store.inventory.count(collection)
        return f"{count} of them are stored" if count is not None and count < state.vectors else ""

    def proxies_fault(self, video: VideoRecord) -> str:
        """Say what is wrong with a video's small pictures, of which the catalog vouches for one a frame."""
        file, expected = self.proxies_file(video.id), video.frames * video.proxy_width * video.proxy_height * 3 // 2
        if not expected:
            return ""
        if not file.is_file():
            return f"proxies/{file.name} is missing"
        size = file.stat().st_size
        if size < expected:
            return f"proxies/{file.name} is cut short"
        # What a killed run left behind the last frame that is vouched for is cut off when ingest goes on.
        return f"proxies/{file.name} is longer than it should be" if video.complete and size > expected else ""

    def has_proxies(self, video: VideoRecord) -> bool:
        """Whether there is a proxy for every frame that the catalog vouches for."""
        return not self.proxies_fault(video)

    def lost_spaces(self, video: VideoRecord) -> list[SpaceState]:
        """The spaces of which not all vectors are there that the catalog vouches for."""
        return [
            state for state in self.catalog.spaces(video.id).values() if state.vectors and self.is_lost(video, state)
        ]

    def is_lost(self, video: VideoRecord, state: SpaceState) -> bool:
        """Whether vectors that the catalog vouches for are missing."""
        if self.vectors_fault(video, state):
            return True
        try:
            return self.store.count(video.id, state.space) < state.vectors
        except LibraryDamaged:
            return True

    def size_of(self, video: VideoRecord) -> int:
        """Bytes of the video's proxies and vectors; Chroma's share is what its vectors need at least."""
        proxies = self.proxies_file(video.id)
        vectors = sum(s.vectors * s.space.dimension * 4 for s in self.catalog.spaces(video.id).values())
        return vectors + (proxies.stat().st_size if proxies.exists() else 0)

    def remove(self, video: VideoRecord) -> None:
        """Proxies first, since a full disk needs their room; the catalog last, so that it can be done again."""
        self.proxies_file(video.id).unlink(missing_ok=True)
        self._forget(video.id)
        # Of a store that is damaged as a whole nothing can be removed; repair moves it aside.
        for space in () if self.store.fault() else self.catalog.spaces(video.id):
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
def open_library(folder: Path, settings: Settings | None = None) -> Iterator[Library]:
    """The library, with failures of the disk below it told in its own terms."""
    library = None
    try:
        library = Library(folder, settings.store.copy_gb if settings else None)
        yield library
    except ReelweaveError:
        if library and (gone := library.disturbed()):
            raise gone from None
        raise
    except Exception as failed:
        told = (library and _disturbance(library, failed)) or explain(folder, failed)
        if told is None:
            raise
        raise told from failed
    finally:
        if library is not None:
            library.close()


def _disturbance(library: Library, failed: Exception) -> LibraryError | None:
    """Say that what failed did so because another process changed or removed the library."""
    if isinstance(failed, BrokenPipeError):
        return None
    if gone := library.disturbed():
        return gone
    looked_up = isinstance(failed, (LookupError, ValueError, sqlite3.Error)) or explain(library.folder, failed)
    return changed(library.folder, failed) if looked_up and library.was_changed() else None

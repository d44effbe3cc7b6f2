"""The vectors of videos: one ChromaDB collection for each video and embedding space, wherever Chroma runs."""

import contextlib
import hashlib
import json
import re
from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import LibraryDamaged, LibraryError, ReelweaveError, SpaceMismatch, command
from ..media.types import FRAME_COLUMNS, Floats, FrameRows, Space
from ..media.untrusted import UntrustedError, parse_json
from .failures import repair_remedy, translated

if TYPE_CHECKING:
    from chromadb.api.client import Client
    from chromadb.api.models.Collection import Collection as ChromaCollection


PAGE = 2000
"""Rows per read; Chroma fails above 32,766."""

_MAX_SPACE_NAME = 60
"""Characters of a space's name in the name of its collection."""

_PROBES = 64
"""Positions, spread over a video, whose vectors are searched for."""

_ROWS_PER_PROBE = 4
"""Consecutive rows at each position."""

UNFINISHED = "unfinished"
"""Key of a collection's metadata while it is being written."""

_RECORD = "record"
"""Key of the catalog's record in the metadata of a finished collection; earlier versions wrote neither key."""

IDENTITY = "identity"
"""Key of the identity of a space in the metadata of its collections."""


def load_chroma() -> None:
    """Import ChromaDB ahead of the first access to a store."""
    import chromadb  # noqa: F401


class VectorStore(ABC):
    """The rows of videos in spaces. Collections use cosine distance, which is not the default of HNSW.

    Only writing creates a store.
    """

    def __init__(self) -> None:
        self._open: dict[str, ChromaCollection] = {}

    @property
    @abstractmethod
    def is_new(self) -> bool:
        """Whether nothing has ever been stored."""

    @property
    @abstractmethod
    def prefers_copies(self) -> bool:
        """Whether the copies of vectors in the cache are to be read rather than the store."""

    @abstractmethod
    def fault(self, *, thorough: bool = False) -> str:
        """Describe what is wrong with the store as a whole; an empty text means nothing."""

    @abstractmethod
    def quick_fault(self, video: str, space: str, vectors: int) -> str:
        """Describe what is wrong with the vectors of a video as far as it shows without reading them."""

    @abstractmethod
    def replace_damaged(self) -> str:
        """Make room for a new store in place of one that is damaged as a whole, and describe what was done."""

    @abstractmethod
    def error(self, failed: BaseException) -> ReelweaveError | None:
        """Translate a failure of Chroma; None where it is not one of the store's."""

    @cached_property
    @abstractmethod
    def _client(self) -> "Client": ...

    @abstractmethod
    def _require_writable(self) -> None:
        """Raise an error where the store cannot be written."""

    @abstractmethod
    def _create(self) -> None:
        """Create a new store."""

    @property
    def generation(self) -> int:
        """A number that rises whenever finished vectors change, where the store is shared by machines; else 0."""
        return 0

    def generations(self) -> Mapping[str, int]:
        """Return for each finished collection the generation in which it was written; empty if there are none."""
        return {}

    def generation_of(self, video: str, space: str) -> int | None:
        """Return the generation of one finished collection; None where there is none."""
        return None

    @translated
    def prepare(self) -> None:
        """Create the store if it is new."""
        if self.is_new:
            self._create()

    @translated
    def write(self, video: str, space: Space, rows: FrameRows) -> None:
        """Store rows; those of the same frames are replaced."""
        self._require_writable()
        self.prepare()
        collection = self._collection(video, space, create=True)
        step = min(self._rows_per_request(space.dimension), self._client.get_max_batch_size())
        for start in range(0, len(rows), step):
            part = slice(start, start + step)
            ids = [f"{index:08d}" for index in rows.indices[part]]
            self._upsert(collection, ids, rows.vectors[part], _metadata(rows, part))

    def _rows_per_request(self, dimension: int) -> int:
        return PAGE

    def _upsert(self, collection: "ChromaCollection", ids: Sequence[str], vectors: Floats, facts: list[Any]) -> None:
        collection.upsert(ids=list(ids), embeddings=vectors, metadatas=facts)

    @translated
    def read(self, video: str, space: Space) -> FrameRows:
        """Read all rows, sorted by frame index.

        Raises:
            SpaceMismatch: They were made by another model.
            LibraryDamaged: They are missing or damaged.
        """
        collection = self._collection(video, space)
        count = collection.count()
        facts: list[Any] = []
        vectors = np.zeros((count, space.dimension), np.float32)
        for offset in range(0, count, PAGE):
            page = _page(collection, offset)
            found = page["metadatas"] or []
            vectors[len(facts) : len(facts) + len(found)] = page["embeddings"]
            facts += found
        return _rows(facts, vectors[: len(facts)])

    @translated
    def vector(self, video: str, space: Space, frame: int) -> Floats:
        """Read the vector of one frame."""
        collection = self._collection(video, space)
        found: Any = collection.get(ids=[f"{frame:08d}"], include=["embeddings"])["embeddings"]
        if found is None or not len(found):
            raise _lost(collection.name)
        return np.asarray(found[0], np.float32)

    @translated
    def count(self, video: str, space: Space) -> int:
        """Count the rows of a video in a space."""
        return self._collection(video, space).count()

    @translated
    def lost(self, video: str, space: Space) -> float:
        """Read up to 256 vectors, spread over a video, and return the share of those that are missing.

        They are not searched for: HNSW drops the link between two vectors if a third is closer to both, so that its
        graph may not reach most of the frames that are one picture with a small thing elsewhere in each.
        """
        collection = self._collection(video, space)
        last = collection.count() - 1
        rows = {
            min(place * last // (_PROBES - 1) + row, last) for place in range(_PROBES) for row in range(_ROWS_PER_PROBE)
        }
        if last < 0:
            return 0.0
        self._check_index(collection.name, thorough=True)
        return 1 - _readable(collection, sorted(rows)) / len(rows)

    @translated
    def remove(self, video: str, space: str) -> None:
        """Remove all rows of a video in a space."""
        from chromadb.errors import NotFoundError

        name = collection_name(video, space)
        self._open.pop(name, None)
        if self.is_new:
            return
        self._require_writable()
        try:
            self._client.delete_collection(name)
        except (NotFoundError, ValueError):
            return
        self._removed()

    @abstractmethod
    def _removed(self) -> None:
        """Complete the removal of collections."""

    @translated
    def keep_only(self, known: Collection[tuple[str, str]]) -> None:
        """Remove unfinished rows of all other videos and spaces."""
        if self.is_new:
            return
        self._require_writable()
        names = {collection_name(video, space) for video, space in known}
        others = [name for name, facts in self._collections().items() if name not in names and facts.get(UNFINISHED)]
        for name in others:
            self._open.pop(name, None)
            self._client.delete_collection(name)
        if others:
            self._removed()

    def _collections(self) -> Mapping[str, Mapping[str, Any]]:
        """Return the metadata of all collections by name."""
        return {collection.name: collection.metadata or {} for collection in self._client.list_collections()}

    def close(self) -> None:
        """Close Chroma's files or connections, of which a process that opens many libraries would run out."""
        with contextlib.suppress(LibraryError):
            self._disconnect()

    @translated
    def _disconnect(self) -> None:
        self._open.clear()
        if "_client" in self.__dict__:
            self._close_client(self.__dict__.pop("_client"))

    def _close_client(self, client: "Client") -> None:
        client.close()

    def _collection(self, video: str, space: Space, create: bool = False) -> "ChromaCollection":
        name = collection_name(video, space.name)
        if name not in self._open:
            self._open[name] = self._get(name, space, create)
        return self._open[name]

    def _get(self, name: str, space: Space, create: bool) -> "ChromaCollection":
        from chromadb.errors import NotFoundError

        identity = json.dumps(asdict(space), sort_keys=True)
        try:
            found = self._client.get_collection(name, embedding_function=None)
        except (NotFoundError, ValueError) as missing:
            if not create:
                raise LibraryDamaged(f"The vectors {name} are not in the store.", repair_remedy()) from missing
            return self._client.create_collection(
                name,
                embedding_function=None,
                configuration={"hnsw": {"space": "cosine"}},
                metadata={IDENTITY: identity, UNFINISHED: True},
            )
        stored = str((found.metadata or {}).get(IDENTITY, "{}"))
        if stored != identity:
            raise space_mismatch(name, name.rpartition(".")[0], _identity(stored), asdict(space))
        self._check_index(name)
        return found

    @abstractmethod
    def _check_index(self, name: str, *, thorough: bool = False) -> None:
        """Refuse an index that would crash the process when loaded or, with `thorough`, when searched."""

    @translated
    def describe(self, video: str, space: Space, record: str) -> None:
        """Store a record with finished vectors, from which a lost catalog can be rebuilt."""
        collection = self._collection(video, space)
        if (collection.metadata or {}).get(_RECORD) != record:
            identity = json.dumps(asdict(space), sort_keys=True)
            collection.modify(metadata={IDENTITY: identity, _RECORD: record, **self._stamp()})

    def _stamp(self) -> dict[str, Any]:
        """Return further metadata of a collection that is finished now."""
        return {}

    @translated
    def described(self) -> dict[str, str]:
        """Return the records of finished vectors by collection; an empty text where there is none."""
        if self.is_new:
            return {}
        found = self._collections()
        return {name: str(facts.get(_RECORD, "")) for name, facts in found.items() if not facts.get(UNFINISHED)}


def _page(collection: "ChromaCollection", offset: int) -> Any:
    from chromadb.errors import ChromaError

    try:
        return collection.get(limit=PAGE, offset=offset, include=["embeddings", "metadatas"])
    except ChromaError as failed:
        if "finding id" not in str(failed):
            raise
        raise _lost(collection.name) from failed


def _lost(name: str) -> LibraryDamaged:
    return LibraryDamaged(f"Vectors of {name} are counted, but lost.", repair_remedy())


def _readable(collection: "ChromaCollection", rows: list[int]) -> int:
    """Count the rows that can be read: Chroma may list a row and yet have lost its vector."""
    from chromadb.errors import ChromaError

    found = 0
    for run in np.split(np.array(rows), np.flatnonzero(np.diff(rows) > 1) + 1):
        try:
            page: Any = collection.get(limit=len(run), offset=int(run[0]), include=["embeddings"])
        except ChromaError:
            continue
        found += len(page["embeddings"])
    return found


def collection_name(video: str, space: str) -> str:
    """Name a collection; a space whose name Chroma does not accept becomes a slug and a hash."""
    plain = re.sub(r"[^a-zA-Z0-9]+", "-", space).strip("-")
    if plain != space:
        plain = f"{plain[-_MAX_SPACE_NAME:].strip('-')}-{hashlib.sha256(space.encode()).hexdigest()[:8]}"
    return f"{video}.{plain}"


def _identity(stored: str) -> dict[str, Any]:
    """Parse the identity of a collection's space; empty if it cannot be read."""
    try:
        found = parse_json(stored)
    except UntrustedError:
        return {}
    return found if isinstance(found, dict) else {}


def space_mismatch(where: str, video: str, stored: dict[str, Any], wanted: dict[str, Any]) -> SpaceMismatch:
    """Make the error for stored vectors whose space has another identity than the wanted one."""
    differing = [key for key in wanted if stored.get(key) != wanted[key]]
    changes = "; ".join(f"{key}: stored {stored.get(key)}, now {wanted[key]}" for key in differing)
    return SpaceMismatch(
        f"The vectors of {where} were made by another model ({changes}).",
        # The page puts a gerund in place of the command.
        f"{command('videos', 'remove', video)} and ingesting it again replace them; to keep them, restore the setting.",
    )


def _metadata(rows: FrameRows, part: slice) -> list[Any]:
    values = zip(*(getattr(rows, column)[part].tolist() for column, _ in FRAME_COLUMNS.values()), strict=True)
    return [dict(zip(FRAME_COLUMNS, row, strict=True)) for row in values]


def _rows(facts: list[Any], vectors: Floats) -> FrameRows:
    order = np.argsort(np.array([row["frame"] for row in facts], np.int64), kind="stable")
    sorted_already = bool((np.diff(order) == 1).all())
    columns: dict[str, Any] = {
        column: np.array([row[key] for row in facts], kind)[order] for key, (column, kind) in FRAME_COLUMNS.items()
    }
    return FrameRows(**columns, vectors=vectors if sorted_already else vectors[order])

"""The vectors on a Chroma server: a database for each library, with a marker that names the library.

The marker also holds the library's generation, a number that rises whenever vectors are finished, and each finished
collection the generation in which that was. By them readers on other machines tell whether their copies are current.
"""

import os
import secrets
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import LibraryDamaged, PayloadTooLarge, ReelweaveError, StoreDenied, StoreError, UsageError
from ..media.types import Floats
from ..media.untrusted import UntrustedError, read_text
from ..settings import PREFIX, StoreSettings
from .failures import is_from_store, repair_remedy, server_error, translated
from .location import StoreLocation
from .vectors import IDENTITY, PAGE, UNFINISHED, VectorStore, collection_name

if TYPE_CHECKING:
    from chromadb.api.client import Client
    from chromadb.api.fastapi import FastAPI
    from chromadb.api.models.Collection import Collection as ChromaCollection


_MARKER = "reelweave.library"
"""Name of the collection without rows that names the library."""

_TRIAL = "reelweave.trial-"
"""Beginning of the name of a collection by which writing is tried."""

_LIBRARY, _GENERATION = "library", "generation"
"""Keys of metadata."""

_TOKEN = f"{PREFIX}STORE_TOKEN"
"""The environment variable with the token."""

_MAX_REQUEST = 8 << 20
"""Bytes of a request. The server accepts 40 MiB, but answers only once all rows are indexed, and less is sooner sent
again."""

_BYTES_PER_NUMBER = 16 / 3
"""Bytes of a number in a request: a float in base64."""

_BYTES_PER_ROW = 256
"""Bytes of a row's id and metadata in a request."""

_COLLECTIONS_PAGE = 500
"""Collections listed per request."""

_SAME = 1e-6
"""Difference up to which numbers of two vectors are equal but for rounding."""


class ServerStore(VectorStore):
    """A store on a server, which a file in the library's folder names once vectors are written."""

    def __init__(self, location: StoreLocation, settings: StoreSettings, file: Path) -> None:
        super().__init__()
        self.location = location
        self._settings = settings
        self._file = file
        self._api: FastAPI | None = None
        self._listed: Mapping[str, Mapping[str, Any]] | None = None

    @property
    def is_new(self) -> bool:
        return not self.location.created

    @property
    def prefers_copies(self) -> bool:
        # Numbers travel as text: reading 2,000 vectors takes seconds.
        return True

    @property
    @translated
    def generation(self) -> int:
        return 0 if self.is_new else int(self._marker().get(_GENERATION, 0))

    @translated
    def generations(self) -> Mapping[str, int]:
        if self.is_new:
            return {}
        return {
            name: int(facts.get(_GENERATION, 0))
            for name, facts in self._collections().items()
            if not facts.get(UNFINISHED)
        }

    @translated
    def generation_of(self, video: str, space: str) -> int | None:
        facts = None if self.is_new else _facts_of(self._client, collection_name(video, space))
        return None if facts is None or facts.get(UNFINISHED) else int(facts.get(_GENERATION, 0))

    def fault(self, *, thorough: bool = False) -> str:
        """Describe what is wrong; only a thorough check asks the server, and one that does not answer is an error."""
        if not thorough or self.is_new:
            return ""
        try:
            _ = self._client
        except LibraryDamaged as damaged:
            return damaged.cause.removesuffix(".")
        return ""

    def quick_fault(self, video: str, space: str, vectors: int) -> str:
        try:
            if self._listed is None:
                self._listed = {} if self.is_new else self._collections()
        except LibraryDamaged as damaged:
            return damaged.cause.removesuffix(".")
        return "" if collection_name(video, space) in self._listed else f"they are not on {self.location.url}"

    def replace_damaged(self) -> str:
        self.close()
        self._prepare()
        return f"the database {self.location.database} was created on {self.location.url}"

    def error(self, failed: BaseException) -> ReelweaveError | None:
        if isinstance(failed, ReelweaveError) or not is_from_store(failed):
            return None
        return server_error(self.location.url, (str(failed).splitlines() or [type(failed).__name__])[0])

    def _require_writable(self) -> None:
        """Whether a server accepts writes shows only when it is asked."""

    @cached_property
    def _client(self) -> "Client":
        return self._opened()

    def _opened(self) -> "Client":
        """Connect to the database, and check that it is this library's."""
        from .http_client import ServerClient, connect, has_database

        location = self.location
        self._api = self._api or connect(location.url, self._settings, _headers(self._settings))
        if not has_database(self._api, location.tenant, location.database):
            raise self._lost_database()
        client = ServerClient(self._api, location.tenant, location.database)
        self._check_owner(_marker_of(client))
        return client

    def _lost_database(self) -> LibraryDamaged:
        return LibraryDamaged(
            f"The server {self.location.url} does not have the vectors of the library {self._file.parent} (database "
            f"{self.location.database}).",
            f"Correct store.url if they are on another server. Otherwise {repair_remedy()}",
        )

    def _check_owner(self, marker: Mapping[str, Any] | None) -> None:
        if marker is None:
            raise self._lost_database()
        if marker.get(_LIBRARY) != self.location.library:
            raise StoreError(
                f"The database {self.location.database} on {self.location.url} belongs to another library than "
                f"{self._file.parent}.",
                "Use another one with store.database, or leave it out.",
            )

    def _marker(self) -> Mapping[str, Any]:
        marker = _marker_of(self._client)
        self._check_owner(marker)
        return marker or {}

    def _create(self) -> None:
        """Prepare the database. The folder names it before and after, so that a killed run can be continued."""
        if not self._file.exists():
            self.location.save(self._file)
        self._prepare()
        self.location = replace(self.location, created=True)
        self.location.save(self._file)

    def _prepare(self) -> None:
        from .http_client import ServerClient, connect, create_database

        location = self.location
        self._api = self._api or connect(location.url, self._settings, _headers(self._settings))
        create_database(self._api, location.tenant, location.database)
        client = ServerClient(self._api, location.tenant, location.database)
        if _marker_of(client) is None:
            facts = {_LIBRARY: location.library, _GENERATION: 0}
            client.create_collection(_MARKER, embedding_function=None, metadata=facts, get_or_create=True)
        self._check_owner(_marker_of(client))
        self.__dict__["_client"] = client

    def _rows_per_request(self, dimension: int) -> int:
        return max(1, min(PAGE, int(_MAX_REQUEST / (dimension * _BYTES_PER_NUMBER + _BYTES_PER_ROW))))

    def _upsert(self, collection: "ChromaCollection", ids: Sequence[str], vectors: Floats, facts: list[Any]) -> None:
        """Write rows, halving requests that are too large, and repeating only what a failed one has not stored."""
        from .http_client import retries

        rows = list(range(len(ids)))
        try:
            for attempt in retries(self._settings):
                with attempt:
                    if attempt.retry_state.attempt_number > 1:
                        rows = _unstored(collection, ids, vectors, facts)
                    if rows:
                        super()._upsert(collection, [ids[row] for row in rows], vectors[rows], [facts[r] for r in rows])
        except PayloadTooLarge:
            if len(rows) == 1:
                raise
            for half in (rows[: len(rows) // 2], rows[len(rows) // 2 :]):
                self._upsert(collection, [ids[row] for row in half], vectors[half], [facts[row] for row in half])

    def _collections(self) -> Mapping[str, Mapping[str, Any]]:
        """Return the metadata of the library's collections; others may be in a database that the user named."""
        found = ((one.name, one.metadata or {}) for one in self._pages())
        return {name: facts for name, facts in found if IDENTITY in facts}

    def _pages(self) -> Iterator["ChromaCollection"]:
        offset = 0
        while page := self._client.list_collections(limit=_COLLECTIONS_PAGE, offset=offset):
            yield from page
            offset += len(page)

    def _get(self, name: str, space: Any, create: bool) -> "ChromaCollection":
        self._listed = None
        return super()._get(name, space, create)

    def _check_index(self, name: str, *, thorough: bool = False) -> None:
        """The index is the server's own affair."""

    def _stamp(self) -> dict[str, Any]:
        self._listed = None
        return {_GENERATION: self._next_generation()}

    def _removed(self) -> None:
        self._listed = None
        self._next_generation()

    def _next_generation(self) -> int:
        generation = self.generation + 1
        marker = self._client.get_collection(_MARKER, embedding_function=None)
        marker.modify(metadata={_LIBRARY: self.location.library, _GENERATION: generation})
        return generation

    @translated
    def examine(self) -> str:
        """Try the server: connect, and write and read a vector if that is allowed; describe what works.

        Raises:
            StoreError: The server cannot be used.
        """
        from .http_client import connect

        location = self.location
        self._api = self._api or connect(location.url, self._settings, _headers(self._settings))
        token = "with a token" if _headers(self._settings) else "without a token"
        answers = f"{location.url} answers as Chroma {self._api.get_version()}, {token}"
        if self.is_new:
            return f"{answers}; the first ingest creates the library's database"
        where = f"{answers}; database {location.database}, generation {self.generation}"
        return f"{where}; {self._try_writing()}"

    def _try_writing(self) -> str:
        name = f"{_TRIAL}{secrets.token_hex(4)}"
        try:
            trial = self._client.create_collection(name, embedding_function=None, metadata={UNFINISHED: True})
        except StoreDenied:
            return "it may be read, but not written"
        try:
            trial.upsert(ids=["0"], embeddings=np.ones((1, 2), np.float32))
            if trial.count() != 1:
                raise StoreError(f"The Chroma server {self.location.url} did not store a vector.", "See its log.")
        finally:
            self._client.delete_collection(name)
        return "a vector was written and removed"

    @translated
    def delete(self) -> None:
        """Delete everything that the library has on the server; the database stays if anything else is in it."""
        try:
            _ = self._client
        except LibraryDamaged:
            # An interrupted run has deleted it.
            return
        for name in [*self._collections(), _MARKER]:
            self._client.delete_collection(name)
        if self._api and not self._client.list_collections(limit=1):
            self._api.delete_database(self.location.database, self.location.tenant)

    def _close_client(self, client: "Client") -> None:
        self._listed = None

    def close(self) -> None:
        super().close()
        if self._api:
            self._api._session.close()
            self._api = None


def _marker_of(client: "Client") -> Mapping[str, Any] | None:
    return _facts_of(client, _MARKER)


def _facts_of(client: "Client", name: str) -> Mapping[str, Any] | None:
    """Read the metadata of a collection; None where there is no such collection."""
    from chromadb.errors import NotFoundError

    try:
        return client.get_collection(name, embedding_function=None).metadata or {}
    except NotFoundError:
        return None


def _unstored(collection: "ChromaCollection", ids: Sequence[str], vectors: Floats, facts: list[Any]) -> list[int]:
    """Return the rows that are not stored as they should be."""
    found: Any = collection.get(ids=list(ids), include=["embeddings", "metadatas"])
    stored = {name: row for row, name in enumerate(found["ids"])}

    def is_stored(row: int) -> bool:
        at = stored.get(ids[row])
        return (
            at is not None
            and found["metadatas"][at] == facts[row]
            and np.allclose(found["embeddings"][at], vectors[row], atol=_SAME)
        )

    return [row for row in range(len(ids)) if not is_stored(row)]


def _headers(settings: StoreSettings) -> dict[str, str]:
    """Return the header with the token, if there is one."""
    token = _token(settings)
    bearer = settings.token_header.lower() == "authorization" and " " not in token
    return {settings.token_header: f"Bearer {token}" if bearer else token} if token else {}


def _token(settings: StoreSettings) -> str:
    if not settings.token_file:
        return os.environ.get(_TOKEN, "").strip()
    file = Path(settings.token_file).expanduser()
    try:
        lines = read_text(file).splitlines()
    except (OSError, UntrustedError) as failed:
        raise UsageError(f"store.token_file {file} cannot be read ({failed}).", "Correct its name.") from failed
    if not lines or not lines[0].strip():
        raise UsageError(f"store.token_file {file} is empty.", "Write the token in its first line.")
    return lines[0].strip()

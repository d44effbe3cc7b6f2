"""Where the vectors of a library are: in its folder, or on the Chroma server that a file of the folder names."""

import json
import re
import secrets
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from ..errors import LibraryDamaged, UsageError, command
from ..media.files import atomic
from ..media.untrusted import UntrustedError, quote, read_object
from ..settings import StoreSettings, is_server_url
from .inventory import DATABASE

FILE = "store.json"
"""The file in the library's folder; without one, the vectors are in `chroma/`."""

_FORMAT = "reelweave.store/1"

_ID_BYTES = 8
"""Random bytes of a library's id, which tells its vectors from those of other libraries on the server."""


@dataclass(frozen=True)
class StoreLocation:
    """A database on a server, and the id of the library that it belongs to."""

    url: str
    tenant: str
    database: str
    library: str
    created: bool = False
    """Whether the database has been prepared for the library."""

    def save(self, file: Path) -> None:
        with atomic(file, parents=True) as part:
            part.write_text(json.dumps({"format": _FORMAT, **asdict(self)}, indent=2) + "\n", encoding="utf-8")


def read_location(file: Path) -> StoreLocation | None:
    """Read a location; None where there is no such file.

    Raises:
        LibraryDamaged: The file is not one.
    """
    try:
        data = read_object(file)
    except FileNotFoundError:
        return None
    except (OSError, UntrustedError) as failed:
        raise _damaged(file, str(failed)) from failed
    url, tenant, database, library = (str(data.get(key, "")) for key in ("url", "tenant", "database", "library"))
    if data.get("format") != _FORMAT or not (tenant and database and re.fullmatch(r"[0-9a-f]+", library)):
        raise _damaged(file, f"it is not of the format {_FORMAT}")
    if not is_server_url(url):
        raise _damaged(file, f"{quote(url)} is not a server")
    return StoreLocation(url, tenant, database, library, data.get("created") is True)


def _damaged(file: Path, fault: str) -> LibraryDamaged:
    return LibraryDamaged(
        f"{file} names the server with the library's vectors, but cannot be read: {fault}.",
        "Restore it from a backup of the library's folder.",
    )


def new_location(settings: StoreSettings, url: str = "") -> StoreLocation:
    """Choose a database on the server; unless one is named, it is called by a new library id."""
    library = secrets.token_hex(_ID_BYTES)
    return StoreLocation(url or settings.url, settings.tenant, settings.database or f"reelweave-{library}", library)


def locate(folder: Path, settings: StoreSettings) -> StoreLocation | None:
    """Return where the vectors of a library are; None where they are in its folder.

    The settings name the server of a new library. Those of a library that has one may give another address of the
    same server.

    Raises:
        UsageError: The settings name a server, but the vectors are in the folder.
        LibraryDamaged: The file that names the server is damaged.
    """
    recorded = read_location(folder / FILE)
    if recorded:
        return replace(recorded, url=settings.url or recorded.url)
    if settings.url and (folder / "chroma" / DATABASE).exists():
        raise UsageError(
            f"The vectors of the library {folder} are in its folder, not on {settings.url}.",
            f"{command('videos', 'move', settings.url)} moves them there; or leave out --store and store.url.",
        )
    return new_location(settings) if settings.url else None

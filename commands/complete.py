"""Complete words of the command line: what the library holds, models, settings and the values of options.

A shell waits for every answer, so that nothing is imported here that takes long to load: the catalog is read as it is,
and settings only where they name the library.
"""

import os
import sqlite3
import tomllib
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

PRICES = (
    "auto",
    "changes",
    "small-changes",
    "difference",
    "coarse-difference",
    "scroll",
    "tangent",
    "states",
    "huber",
    "cosine",
    "histogram",
    "flow",
    "sift",
    "match",
)
RULES = ("density", "dbscan", "hdbscan")
SOUND = ("auto", "drop", "keep", "reslice")
METHODS = ("auto", "motion", "blend", "hold")
LONG = ("leave", "hold")
REGIONS = ("auto", "on", "off")
ORDERS = ("time", "score")
VIEWS = ("whole", "crop", "tiles", "auto")
COLORS = ("auto", "always", "never")
_SPACES = ("appearance", "clip", "fused")
_BUSY = 0.2
"""Seconds to wait for a catalog that is being written to."""
_SETTINGS = Path(__file__).resolve().parents[1] / "settings.toml"


def one_of(values: Sequence[str]) -> Callable[[str], list[str]]:
    """Return a completer of the values of an option."""
    return lambda incomplete: [value for value in values if value.startswith(incomplete)]


def videos(ctx: Any, incomplete: str) -> list[str]:
    """Complete the id of a video, which begins as its name does and needs no quotes."""
    # Without a description beside the ids: Typer would load rich to print it, for a tenth of a second.
    return [
        str(video) for (video,) in _rows(ctx, "SELECT id FROM videos ORDER BY id") if str(video).startswith(incomplete)
    ]


def spaces(ctx: Any, incomplete: str) -> list[str]:
    """Complete the name of a space."""
    stored = [str(name) for (name,) in _rows(ctx, "SELECT DISTINCT name FROM spaces ORDER BY name")]
    return [name for name in dict.fromkeys([*_SPACES, *stored]) if name.startswith(incomplete)]


def ingested_spaces(ctx: Any, incomplete: str) -> list[str]:
    """Complete what `ingest --space` takes."""
    return [*spaces(ctx, incomplete), *(name for name in ("all", "auto") if name.startswith(incomplete))]


def models(ctx: Any, incomplete: str) -> list[str]:
    """Complete the model of a network: that of the settings, those with a name, and those of the library."""
    from ..ingest.models.known import KNOWN_MODELS

    used = [str(model) for (model,) in _rows(ctx, _MODELS)]
    names = [model.name for model in KNOWN_MODELS]
    known = dict.fromkeys([str(_packaged()["clip"]["model"]), *names, *used])
    return [model for model in known if model.startswith(incomplete)]


_MODELS = "SELECT DISTINCT json_extract(state, '$.space.model') FROM spaces WHERE name != 'appearance'"


def settings(incomplete: str) -> list[str]:
    """Complete the key of a setting."""
    return [key for key in _keys(_packaged()) if key.startswith(incomplete)]


def _keys(table: dict[str, Any]) -> Iterator[str]:
    for name, value in table.items():
        yield from (f"{name}.{key}" for key in value) if isinstance(value, dict) else (name,)


def _rows(ctx: Any, query: str) -> list[tuple[Any, ...]]:
    """Read the catalog; nothing if there is none, or it cannot be read."""
    with suppress(OSError, sqlite3.Error, ValueError):
        uri = f"{(_library(ctx) / 'catalog.db').absolute().as_uri()}?mode=ro"
        with closing(sqlite3.connect(uri, uri=True, timeout=_BUSY)) as catalog:
            return catalog.execute(query).fetchall()
    return []


def _library(ctx: Any) -> Path:
    """Find the library as the settings do: option, variable, ./reelweave.toml, the user's data folder."""
    given = ctx.params.get("library") or os.environ.get("REELWEAVE_LIBRARY") or _local().get("library")
    if given:
        return Path(str(given)).expanduser()
    import platformdirs

    return Path(platformdirs.user_data_dir("reelweave", appauthor=False))


def _local() -> dict[str, Any]:
    with suppress(OSError, ValueError):
        return tomllib.loads(Path("reelweave.toml").read_text(encoding="utf-8"))
    return {}


def _packaged() -> dict[str, Any]:
    return tomllib.loads(_SETTINGS.read_text(encoding="utf-8"))

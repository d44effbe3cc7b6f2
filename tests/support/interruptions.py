"""Ends at chosen points of an ingest, for tests of what is left behind."""

from typing import Any

import pytest

from reelweave.index.catalog import Catalog
from reelweave.index.store import ChromaStore
from reelweave.media.proxy import ProxyWriter


class Killed(BaseException):
    """An end that no code on the way can catch by mistake."""


POINTS = {
    "before the proxies are written": (ProxyWriter, "append", False),
    "after the proxies are written": (ProxyWriter, "append", True),
    "before the vectors are written": (ChromaStore, "write", False),
    "between the vectors and the catalog": (ChromaStore, "write", True),
    "as the catalog is written": (Catalog, "save", False),
    "after the catalog is written": (Catalog, "save", True),
}


def fail_at(monkeypatch: pytest.MonkeyPatch, point: str, call: int) -> None:
    """Die at one point of one batch, once."""
    owner, name, after = POINTS[point]
    honest, calls = getattr(owner, name), 0

    def failing(*arguments: Any, **options: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == call and not after:
            raise Killed
        done = honest(*arguments, **options)
        if calls == call:
            raise Killed
        return done

    monkeypatch.setattr(owner, name, failing)

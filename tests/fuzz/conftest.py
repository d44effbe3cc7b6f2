"""The process that runs command lines, and the library that they run on."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from fuzz.harness import Stock, Worker, scratch


@pytest.fixture(scope="session")
def worker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Worker]:
    """It takes the environment of this process, less the developer's own variables."""
    kept = {name: os.environ.pop(name) for name in list(os.environ) if name.upper().startswith("REELWEAVE_")}
    made = Worker(tmp_path_factory.mktemp("worker"))
    try:
        yield made
    finally:
        made.stop()
        os.environ.update(kept)


@pytest.fixture(scope="session")
def stock(tmp_path_factory: pytest.TempPathFactory) -> Stock:
    """Never to be changed; a test works on a copy."""
    from fuzz.stocked import prepare

    return prepare(Stock(tmp_path_factory.mktemp("stock") / "stock"))


@pytest.fixture(scope="module")
def shared(stock: Stock) -> Iterator[tuple[Path, Path]]:
    """A folder and a library for inputs that change nothing in it."""
    with scratch(stock) as made:
        yield made

"""Open the engine that the settings name, and check that its workers are installed alike."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

from ..engine.cluster import ClusterOptions, connected
from ..engine.local import LocalEngine
from ..engine.task import Engine
from ..progress import Progress
from ..settings import Settings
from .worker import ESSENTIAL, installation


@contextmanager
def open_engine(settings: Settings, progress: Progress) -> Iterator[Engine]:
    """Open an engine, and close it at the end; differences between the machines are noted.

    Raises:
        UsageError: Ray is needed and not installed.
        EngineError: The cluster cannot be used.
    """
    wanted = settings.engine
    if wanted.name == "local":
        yield LocalEngine()
        return
    address = os.environ.get("RAY_ADDRESS", "") if wanted.name == "ray" else wanted.name
    with connected(ClusterOptions(address, wanted.cpus, wanted.gpus, wanted.retries)) as engine:
        for line in engine.check(installation, ESSENTIAL):
            progress.note(line)
        yield engine

"""Remember what was worked on in the Reconstruct tab, so that a reload or a restart of the page loses no correction."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from ..solve.constraints import NO_CONSTRAINTS, Constraints
from .saved_files import SavedFiles

_SHOWN = 8
"""Runs that are listed."""
_KEPT = 100
"""Runs that are kept; older ones are deleted."""


class _SavedRun(BaseModel):
    # `Constraints.ranges` holds `range` objects. The page never sets it.
    model_config = ConfigDict(extra="forbid", arbitrary_types_allowed=True)

    video: str
    name: str
    changed: float
    constraints: Constraints = NO_CONSTRAINTS


@dataclass(frozen=True)
class Run:
    """A video that was put in order, and the user's corrections."""

    id: str
    video: str
    name: str
    constraints: Constraints = NO_CONSTRAINTS
    changed: float = 0.0
    """When it was saved, in seconds since the epoch."""

    @property
    def corrections(self) -> int:
        """Return how many corrections there are."""
        values = self.constraints.given().values()
        return sum(len(value) if isinstance(value, tuple) else 1 for value in values)


class Runs:
    """The runs of one library, each in a file of its own."""

    def __init__(self, folder: Path) -> None:
        self._files = SavedFiles(folder, _SavedRun, _KEPT)

    def save(self, run: Run) -> bool:
        """Write a run, and delete the oldest ones beyond those that are kept. Return False if that failed."""
        saved = _SavedRun(video=run.video, name=run.name, changed=time.time(), constraints=run.constraints)
        return self._files.save(run.id, saved)

    def get(self, run: str) -> Run | None:
        """Read a run; None if there is none, or its file is damaged."""
        saved = self._files.get(run)
        return _run(run, saved) if saved else None

    def recent(self) -> Sequence[Run]:
        """Return the most recent run of each video, latest first."""
        found: dict[str, Run] = {}
        for run, saved in self._files.all():
            if len(found) == _SHOWN:
                break
            found.setdefault(saved.video, _run(run, saved))
        return list(found.values())

    def forget(self, run: str) -> None:
        self._files.remove(run)


def _run(run: str, saved: _SavedRun) -> Run:
    return Run(run, saved.video, saved.name, saved.constraints, saved.changed)

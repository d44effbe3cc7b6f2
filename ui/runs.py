"""Remember what was worked on in the Reconstruct tab, so that a reload or a restart of the page loses no correction."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

from pydantic import BaseModel, ConfigDict

from ..media.files import atomic
from ..media.untrusted import UntrustedError, read_object, validate
from ..solve.constraints import NO_CONSTRAINTS, Constraints

_SHOWN = 8
"""Runs that are listed."""
_KEPT = 100
"""Runs that are kept; older ones are deleted."""
_MAX_SIZE = 1 << 20
"""Bytes of a run's file; a larger one is not ours."""
_ID_LENGTH = 32


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


def new_run_id() -> str:
    return uuid4().hex


def is_run_id(text: str) -> bool:
    """Tell whether a text from the browser can be the id of a run, and so part of a file name."""
    return len(text) == _ID_LENGTH and set(text) <= set("0123456789abcdef")


class Runs:
    """The runs of one library, each in a file of its own."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def save(self, run: Run) -> bool:
        """Write a run, and delete the oldest ones beyond those that are kept. Return False if that failed."""
        saved = _SavedRun(video=run.video, name=run.name, changed=time.time(), constraints=run.constraints)
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            with atomic(self._file(run.id)) as part:
                part.write_text(saved.model_dump_json(), encoding="utf-8")
            for old in self._files()[_KEPT:]:
                old.unlink(missing_ok=True)
        except OSError:
            return False
        return True

    def get(self, run: str) -> Run | None:
        """Read a run; None if there is none, or its file is damaged."""
        if not is_run_id(run):
            return None
        try:
            saved = validate(_SavedRun, read_object(self._file(run), _MAX_SIZE))
        except (OSError, UntrustedError, ValueError):
            return None
        return Run(run, saved.video, saved.name, saved.constraints, saved.changed)

    def recent(self) -> Sequence[Run]:
        """Return the most recent run of each video, latest first."""
        found: dict[str, Run] = {}
        for file in self._files():
            if len(found) < _SHOWN and (run := self.get(file.stem)):
                found.setdefault(run.video, run)
        return list(found.values())

    def forget(self, run: str) -> None:
        if is_run_id(run):
            self._file(run).unlink(missing_ok=True)

    def _file(self, run: str) -> Path:
        return self._folder / f"{run}.json"

    def _files(self) -> list[Path]:
        files = [(file.stat().st_mtime_ns, file) for file in self._folder.glob("*.json")]
        return [file for _, file in sorted(files, reverse=True)]

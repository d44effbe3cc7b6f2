"""Results as lines of JSON, each written when its run has ended, so that a bench goes on where it was stopped."""

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from threading import Lock
from typing import Any

from cases import Case
from methods import Method

Key = tuple[object, ...]


@dataclass(frozen=True)
class Result:
    """One run of one method; where `failure` says why it failed there are no scores."""

    clip: str
    total: int
    sha256: str
    frames: int
    crf: int
    seed: int
    kind: str
    method: str
    version: str
    seconds: float
    cpu_seconds: float
    peak_mb: float
    failure: str = ""
    shots: int = 1
    scores: dict[str, float] = field(default_factory=dict)
    details: dict[str, Any] = field(default_factory=dict)
    """What only the product says of its order: `price`, `band`, of each join `said` and whether it is `right`, and
    which joins are `undetermined`."""

    @property
    def undetermined(self) -> set[int]:
        """The joins that the plan calls undetermined; files of 0.1.0 have only those that are not cuts."""
        said = enumerate(self.details.get("said", []))
        return set(self.details.get("undetermined", (at for at, sure in said if sure is None)))

    @property
    def case(self) -> Key:
        return self.clip, self.sha256, self.frames, self.crf, self.seed, self.kind

    @property
    def key(self) -> Key:
        return *self.case, self.method, self.version


def key_of(case: Case, method: Method) -> Key:
    clip = case.clip
    return clip.path.name, clip.sha256, case.frames, case.crf, case.seed, case.kind, method.name, method.version


@dataclass(frozen=True)
class Contents:
    """What a file holds: the newest result of every run; of the last bench the machine, and what it could not run."""

    results: list[Result]
    not_run: dict[str, str]
    machine: dict[str, Any]


class ResultsFile:
    """A file that is only ever added to; a line cut short by a crash is passed over."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._writing = Lock()

    def keys(self, failed: bool = True) -> set[Key]:
        """The runs that need not be made again; those that failed are among them unless they are to be tried anew."""
        newest = {result.key: result for result in self._results()}
        return {key for key, result in newest.items() if failed or not result.failure}

    def contents(self) -> Contents:
        """Of each method and case the newest, whatever version of the method it is of."""
        newest = {(*result.case, result.method): result for result in self._results()}
        not_run: dict[str, str] = {}
        machine: dict[str, Any] = {}
        for row in self._rows():
            if "machine" in row:
                machine, not_run = row["machine"], {}
            not_run |= row.get("not_run", {})
        ran = {result.method for result in newest.values()}
        missing = {name: why for name, why in not_run.items() if name not in ran}
        return Contents(list(newest.values()), missing, machine)

    def add(self, row: "Result | dict[str, Any]") -> None:
        line = json.dumps(asdict(row) if isinstance(row, Result) else row)
        with self._writing:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            whole = not self.path.exists() or self.path.read_bytes()[-1:] in (b"", b"\n")
            with self.path.open("a", encoding="utf-8") as file:
                file.write(f"{line}\n" if whole else f"\n{line}\n")

    def _rows(self) -> Iterator[dict[str, Any]]:
        if not self.path.exists():
            return
        with self.path.open(encoding="utf-8") as file:
            for line in file:
                try:
                    row = json.loads(line)
                except json.JSONDecodeError:
                    continue
                yield row

    def _results(self) -> Iterator[Result]:
        known = {field.name for field in fields(Result)}
        yield from (Result(**row) for row in self._rows() if set(row) == known)

"""What every fuzz test shares: how many inputs it tries, the process that tries them, and the promise they check.

The promise: whatever the input, a command ends with exit code 0, 1 or 2 and without a traceback, says why it failed,
takes at most `MEMORY` and ends within `PATIENCE`.
"""

import contextlib
import hashlib
import json
import os
import select
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from hypothesis import HealthCheck, settings
from runs import PATIENCE

MEMORY = 2 << 30
"""Bytes that the program, or an ffmpeg that it runs, may hold at most."""

EXAMPLES = {
    "ranges": 70,
    "shots": 50,
    "times": 60,
    "rates": 60,
    "names": 60,
    "queries": 50,
    "scrambles": 50,
    "settings": 60,
    "settings files": 50,
    "plans": 100,
    "timelines": 100,
    "truths": 100,
    "detectors": 100,
    "imports": 100,
    "arrays": 60,
    "catalog": 60,
    "records": 60,
    "vectors": 100,
    "proxies": 100,
    "videos": 80,
    "pictures": 70,
}
"""Inputs that each test tries; with FUZZ_EXAMPLES its share of that many in all."""

_TOTAL = int(os.environ.get("FUZZ_EXAMPLES", "0"))
_DATA = Path(__file__).with_name("worker.py")

Test = TypeVar("Test", bound=Callable[..., Any])


def tries(name: str) -> Callable[[Test], Test]:
    """Set how many inputs a test tries: always the same few, or, with FUZZ_EXAMPLES, other ones each time."""
    count = round(EXAMPLES[name] * _TOTAL / sum(EXAMPLES.values())) if _TOTAL else EXAMPLES[name]
    kept: dict[str, Any] = {"print_blob": True} if _TOTAL else {"derandomize": True, "database": None}
    return settings(
        max_examples=max(1, count),
        deadline=None,
        suppress_health_check=list(HealthCheck),
        report_multiple_bugs=True,
        **kept,
    )


@dataclass(frozen=True)
class Outcome:
    """How a command line ended. Without a code it never did, or took the process down with it."""

    arguments: list[str]
    code: int | None
    out: str
    err: str
    peak: int

    def kept_promise(self) -> "Outcome":
        assert self.code in (0, 1, 2), self._told(f"ended with {self.code}")
        assert "Traceback (most recent call last)" not in self.err, self._told("showed a traceback")
        assert self.peak <= MEMORY, self._told(f"took {self.peak / 2**20:.0f} MiB")
        assert self.code == 0 or self.out.strip() or self.err.strip(), self._told("failed without a word")
        return self

    def _told(self, what: str) -> str:
        shown = " ".join(one if len(one) < 200 else f"{one[:200]}... ({len(one)} characters)" for one in self.arguments)
        return f"`reelweave {shown}` {what}\n{self.err[-6000:]}"


class Worker:
    """A long-lived process that runs command lines; a new one is started after each that broke the promise."""

    def __init__(self, folder: Path) -> None:
        self._log = folder / "log"
        self._process: subprocess.Popen[bytes] | None = None

    def run(self, *arguments: object, folder: Path, **environment: object) -> Outcome:
        """Run a command line in a folder and check the promise."""
        said = [str(argument) for argument in arguments]
        request = {
            "arguments": said,
            "folder": str(folder),
            "environment": {name: str(value) for name, value in environment.items()},
        }
        outcome = self._ask(said, json.dumps(request).encode() + b"\n")
        try:
            return outcome.kept_promise()
        except AssertionError:
            self.stop()
            raise

    def stop(self) -> None:
        if self._process:
            with contextlib.suppress(ProcessLookupError):
                # Its ffmpeg goes as well.
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.communicate()
            self._process = None
        for stream in ("out", "err"):
            Path(f"{self._log}.{stream}").unlink(missing_ok=True)

    def _ask(self, arguments: list[str], request: bytes) -> Outcome:
        process = self._process = self._process or self._started()
        assert process.stdin
        assert process.stdout
        process.stdin.write(request)
        process.stdin.flush()
        ready, _, _ = select.select([process.stdout], [], [], PATIENCE)
        if not ready:
            return self._hung(arguments, process)
        line = process.stdout.readline()
        if not line:
            return Outcome(arguments, process.wait() or None, "", self._said("err"), 0)
        return Outcome(arguments, **json.loads(line))

    def _started(self) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [sys.executable, str(_DATA), str(self._log)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,
        )

    def _hung(self, arguments: list[str], process: subprocess.Popen[bytes]) -> Outcome:
        """What had not ended in time, with the stacks of where it was."""
        process.send_signal(signal.SIGUSR1)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(1)
        return Outcome(arguments, None, "", f"nothing in {PATIENCE:g} s\n{self._said('err')}", 0)

    def _said(self, stream: str) -> str:
        return Path(f"{self._log}.{stream}").read_text(encoding="utf-8", errors="replace")


@dataclass(frozen=True)
class Stock:
    """A prepared library with two small videos, their sources, and what else the tests start from."""

    folder: Path

    @property
    def library(self) -> Path:
        return self.folder / "library"

    @property
    def a(self) -> Path:
        return self.folder / "a.mp4"

    @property
    def b(self) -> Path:
        return self.folder / "b.mp4"

    @property
    def picture(self) -> Path:
        return self.folder / "picture.png"

    @property
    def plan(self) -> Path:
        return self.folder / "plan.json"

    @property
    def timeline(self) -> Path:
        return self.folder / "cut.otio"

    @property
    def truth(self) -> Path:
        return self.folder / "truth.json"

    @property
    def scrambled(self) -> Path:
        return self.folder / "scrambled.mp4"

    @property
    def detector(self) -> Path:
        return self.folder / "detector.json"

    def export(self, name: str) -> Path:
        """The vectors of video `a` or `b` as `videos export` writes them."""
        return self.folder / f"export {name}"

    def untouched(self) -> dict[str, str]:
        """The hash of every file that no command may change."""
        return {str(path): _hash(path) for path in sorted(self.folder.rglob("*")) if path.is_file()}


@contextlib.contextmanager
def scratch(stock: Stock, library: bool = True) -> Iterator[tuple[Path, Path]]:
    """An empty folder, and in another a copy of the prepared library under a name that was never used before."""
    folder = Path(tempfile.mkdtemp(prefix="fuzz-", dir=stock.folder.parent))
    try:
        (folder / "work").mkdir()
        if library:
            shutil.copytree(stock.library, folder / "library")
        yield folder / "work", folder / "library"
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def remembered(library: Path, video: str) -> Mapping[str, Any]:
    """What the library holds of a video beside its vectors: its rows in the catalog, and its proxies."""
    with contextlib.closing(sqlite3.connect(library / "catalog.db")) as db:
        record = db.execute("SELECT id, source, record FROM videos WHERE id LIKE ?", (f"{video}-%",)).fetchall()
        spaces = db.execute("SELECT name, state FROM spaces WHERE video LIKE ?", (f"{video}-%",)).fetchall()
    return {"record": record, "spaces": spaces, "proxies": proxies_of(library, video)}


def proxies_of(library: Path, video: str) -> list[str]:
    return [_hash(file) for file in sorted((library / "proxies").glob(f"{video}-*"))]


def vectors_of(worker: Worker, library: Path, video: str, folder: Path) -> dict[str, str]:
    """The files of `videos export`, by their hashes: all vectors, frames and small pictures of a video."""
    target = Path(tempfile.mkdtemp(dir=folder)) / "export"
    answer = worker.run("videos", "export", f"{video}.mp4", target, folder=folder, REELWEAVE_LIBRARY=library)
    assert answer.code == 0, answer.err
    return hashes(target)


def hashes(folder: Path) -> dict[str, str]:
    return {file.name: _hash(file) for file in sorted(folder.iterdir())}


def _hash(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()

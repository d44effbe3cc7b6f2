"""Running the program, in this process or in one that can be killed, and looking at what it left."""

import json
import os
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import astuple
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

from reelweave import cli
from reelweave.index.library import Library, open_library
from reelweave.media.types import VideoRecord
from reelweave.settings import Settings, load
from schemas import check_answer

PATIENCE = 180.0
"""Seconds after which what does not come is taken for missing; on a busy machine things take long."""


class Answer(NamedTuple):
    code: int
    out: str
    err: str

    @property
    def data(self) -> Any:
        """The one JSON object that `--json` prints."""
        return json.loads(self.out)

    @property
    def rows(self) -> list[Any]:
        return [json.loads(line) for line in self.out.splitlines()]


Run = Callable[..., Answer]


def in_process(capsys: pytest.CaptureFixture[str]) -> Run:
    """The command line as a function; an answer to --json must fit its schema."""

    def run(*arguments: object) -> Answer:
        capsys.readouterr()
        words = [str(argument) for argument in arguments]
        code = cli.run(words)
        out, err = capsys.readouterr()
        if code == 0 and "--json" in words:
            check_answer(words, out)
        return Answer(code, out, err)

    return run


_SLOW = """
import time
from reelweave.index.library import Library
write = Library.write
Library.write = lambda *arguments: (write(*arguments), time.sleep(0.03))
from reelweave.cli import main
main()
"""


@contextmanager
def started(*arguments: object, slow: bool = False, **variables: object) -> Iterator[subprocess.Popen[str]]:
    """The command line as a process of its own, which ends with the block at the latest.

    A slow one rests after each batch, so that it can be caught.
    """
    program = ["-c", _SLOW] if slow else ["-m", "reelweave"]
    with subprocess.Popen(
        [sys.executable, *program, *map(str, arguments)],
        env=os.environ | {name: str(value) for name, value in variables.items()},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def in_a_process(*arguments: object, **variables: object) -> Answer:
    with started(*arguments, **variables) as process:
        out, err = process.communicate(timeout=PATIENCE)
    return Answer(process.returncode, out, err)


def modules_after(code: str) -> set[str]:
    """The top-level modules that a fresh interpreter has loaded once it ran the code."""
    done = subprocess.run(
        [sys.executable, "-c", f"{code}\nimport sys\nprint('\\n'.join(sys.modules), file=sys.stderr)"],
        capture_output=True,
        text=True,
        check=True,
    )
    return {name.partition(".")[0] for name in done.stderr.split()}


def wait_until(true: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE
    while not true():
        assert time.monotonic() < end, "nothing happened"
        time.sleep(0.005)


def frames_stored(library: Path, space: str = "appearance") -> int:
    """What the catalog vouches for while another process writes."""
    if not (library / "catalog.db").exists():
        return 0
    db = sqlite3.connect(f"file:{library}/catalog.db?mode=ro", uri=True)
    try:
        row = db.execute("SELECT state FROM spaces WHERE name = ?", (space,)).fetchone()
    except sqlite3.OperationalError:
        return 0
    finally:
        db.close()
    return int(json.loads(row[0])["vectors"]) if row else 0


def settings(**flags: object) -> Settings:
    """The settings of the test's library without CLIP; `ingest__fps=5` is the flag ingest.fps."""
    return load({"ingest.space": "appearance"} | {name.replace("__", "."): value for name, value in flags.items()})


@contextmanager
def opened(folder: Path) -> Iterator[Library]:
    with open_library(folder) as library:
        yield library


def contents(folder: Path) -> dict[str, Any]:
    """Everything that a library holds, down to the last bit."""
    with opened(folder) as library:
        return {video.id: _contents(library, video) for video in library.catalog.videos()}


def _contents(library: Library, video: VideoRecord) -> dict[str, Any]:
    states = library.catalog.spaces(video.id)
    return {
        "record": video,
        "states": states,
        "proxies": library.proxies_file(video.id).read_bytes(),
        "rows": {
            name: [array.tobytes() for array in astuple(library.store.read(video.id, state.space))]
            for name, state in states.items()
        },
    }


def is_same(one: dict[str, Any], other: dict[str, Any]) -> bool:
    """Whether two libraries hold the same, but for the last bits of vectors, which Chroma normalises again."""

    def vectors(of: dict[str, Any]) -> Any:
        return [np.frombuffer(rows[-1], np.float32) for video in of.values() for rows in video["rows"].values()]

    def others(of: dict[str, Any]) -> Any:
        return {
            video: {**facts, "rows": {name: rows[:-1] for name, rows in facts["rows"].items()}}
            for video, facts in of.items()
        }

    return others(one) == others(other) and all(map(np.allclose, vectors(one), vectors(other)))


def files(folder: Path) -> set[str]:
    """Every file and folder of a library but those that any visit may leave."""
    passing = {"writer.lock", "writer.json", "chroma.sqlite3-journal", "catalog.db-journal"}
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.name not in passing}

"""Libraries with damage in one of their files: it is told, and the rest is neither lost nor read wrongly."""

import contextlib
import json
import shutil
import sqlite3
from collections.abc import Sequence
from pathlib import Path

from fuzz.harness import Outcome, Stock, Worker, hashes, proxies_of, remembered, scratch, tries, vectors_of
from fuzz.inputs import Edit, Splice, edited, edits, spliced, splices
from hypothesis import given
from hypothesis import strategies as st

COMMANDS = ("list", "show", "check", "repair", "solve", "search", "export", "ingest", "remove", "import", "doctor")

Change = list[Splice] | str

bytes_changed = st.lists(splices, min_size=1, max_size=3)
replaced = st.sampled_from(["missing", "empty", "folder", "text", "other"])
changed = st.one_of(bytes_changed, bytes_changed, bytes_changed, replaced)
commands = st.lists(st.sampled_from(COMMANDS), min_size=1, max_size=2, unique=True)


def _run(worker: Worker, stock: Stock, command: str, folder: Path, library: Path) -> Outcome:
    arguments: Sequence[object] = {
        "list": ["videos", "list"],
        "show": ["videos", "show", "a.mp4"],
        "check": ["videos", "check"],
        "repair": ["videos", "check", "--repair"],
        "solve": ["solve", "a.mp4", "-q"],
        "search": ["search", "--image", stock.picture, "-q"],
        "export": ["videos", "export", "a.mp4", folder / "exported"],
        "ingest": ["ingest", stock.a, stock.b, "-q"],
        "remove": ["videos", "remove", "-y", "a.mp4"],
        "import": ["videos", "import", stock.export("a")],
        "doctor": ["doctor"],
    }[command]
    shutil.rmtree(folder / "exported", ignore_errors=True)
    variables = {"REELWEAVE_LIBRARY": library, "REELWEAVE_INGEST__SPACE": "appearance"}
    return worker.run(*arguments, folder=folder, **variables)


def _tried(worker: Worker, stock: Stock, asked: Sequence[str], folder: Path, library: Path) -> None:
    """The commands of an example; where an ingest says that all went well, the library is well or can be repaired."""
    for command in asked:
        answer = _run(worker, stock, command, folder, library)
        if command == "ingest" and answer.code == 0 and _run(worker, stock, "check", folder, library).code:
            for remedy in ("repair", "ingest"):
                _run(worker, stock, remedy, folder, library)
            check = _run(worker, stock, "check", folder, library)
            assert check.code == 0, check.out + check.err


def _spoil(file: Path, change: Change) -> None:
    if isinstance(change, list):
        file.write_bytes(spliced(file.read_bytes(), change))
        return
    file.unlink()
    if change == "empty":
        file.touch()
    elif change == "folder":
        file.mkdir()
    elif change == "text":
        file.write_text("no longer what it was\n" * 99)
    elif change == "other":
        file.write_bytes(Path(__file__).read_bytes())


@tries("catalog")
@given(change=changed, asked=commands)
def test_bytes_of_the_catalog(worker: Worker, stock: Stock, change: Change, asked: list[str]) -> None:
    with scratch(stock) as (folder, library):
        _spoil(library / "catalog.db", change)
        _tried(worker, stock, asked, folder, library)
        assert proxies_of(library, "b") == proxies_of(stock.library, "b")


RECORDS = [("videos", "record"), ("spaces", "state"), ("plans", "plan"), ("places", "stamp"), ("videos", "sha256")]


@tries("records")
@given(
    at=st.sampled_from(RECORDS),
    changes=st.lists(edits, min_size=1, max_size=2),
    asked=commands,
)
def test_records_of_the_catalog(
    worker: Worker, stock: Stock, at: tuple[str, str], changes: list[Edit], asked: list[str]
) -> None:
    table, column = at
    with scratch(stock) as (folder, library):
        with contextlib.closing(sqlite3.connect(library / "catalog.db")) as db, db:
            row = db.execute(f"SELECT rowid, {column} FROM {table} LIMIT 1").fetchone()
            if row:
                text = edited(_read(row[1]), changes).encode("utf-8", "replace").decode()
                with contextlib.suppress(sqlite3.IntegrityError):
                    db.execute(f"UPDATE {table} SET {column} = ? WHERE rowid = ?", (text, row[0]))
        # Other facts are no damage that anything could tell, so that nothing is said of what an ingest leaves.
        for command in asked:
            _run(worker, stock, command, folder, library)
        assert proxies_of(library, "b") == proxies_of(stock.library, "b")


def _read(text: str) -> object:
    try:
        return json.loads(text)
    except ValueError:
        return text


@tries("vectors")
@given(
    at=st.integers(0, 99),
    database=st.booleans(),
    change=changed | st.just("everything"),
    asked=commands,
)
def test_bytes_of_the_vectors(
    worker: Worker, stock: Stock, at: int, database: bool, change: Change, asked: list[str]
) -> None:
    with scratch(stock) as (folder, library):
        files = sorted(file for file in (library / "chroma").rglob("*") if file.is_file())
        if change == "everything":
            shutil.rmtree(library / "chroma")
        else:
            _spoil(library / "chroma" / "chroma.sqlite3" if database else files[at % len(files)], change)
        _tried(worker, stock, asked, folder, library)
        assert remembered(library, "b") == remembered(stock.library, "b")


@tries("proxies")
@given(at=st.integers(0, 99), change=changed, command=st.sampled_from(COMMANDS))
def test_bytes_of_proxies_and_of_what_is_kept_to_save_time(
    worker: Worker, stock: Stock, at: int, change: Change, command: str
) -> None:
    with scratch(stock) as (folder, library):
        (library / "writer.json").write_text('{"pid": 1, "host": "a", "purpose": "b", "since": "c"}')
        others = [*(library / "cache").rglob("*"), library / "writer.json", library / "writer.lock"]
        files = sorted(file for file in others if file.is_file())
        proxies = sorted((library / "proxies").glob("a-*"))
        _spoil((proxies * len(files) + files)[at % (2 * len(files))], change)
        _tried(worker, stock, [command], folder, library)
        assert remembered(library, "b") == remembered(stock.library, "b")
        assert vectors_of(worker, library, "b", folder) == hashes(stock.export("b"))

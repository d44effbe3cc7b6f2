"""Folders for `videos import` and vectors for `search`: every file of them damaged, foreign or missing."""

import io
import json
import shutil
from pathlib import Path

import numpy as np
from fuzz.harness import Stock, Worker, hashes, remembered, scratch, tries, vectors_of
from fuzz.inputs import Edit, Splice, edited, edits, mostly, spliced, splices
from hypothesis import given
from hypothesis import strategies as st

FILES = ("space.json", "frames.jsonl", "vectors.npy", "proxies.npy")

damage = st.one_of(
    st.tuples(st.just("space.json"), st.lists(edits, min_size=1, max_size=3)),
    st.tuples(st.just("frames.jsonl"), st.lists(edits, min_size=1, max_size=3)),
    st.tuples(st.sampled_from(FILES), st.lists(splices, min_size=1, max_size=3)),
    st.tuples(st.sampled_from(FILES), st.sampled_from(["missing", "empty", "folder", "other", "link", "endless"])),
)
Damage = tuple[str, list[Edit] | list[Splice] | str]


def _damage(file: Path, change: list[Edit] | list[Splice] | str, others: Path) -> None:
    if isinstance(change, str):
        _replace(file, change, others)
    elif isinstance(change[0], Splice):
        file.write_bytes(spliced(file.read_bytes(), change))
    elif file.suffix == ".json":
        file.write_text(edited(json.loads(file.read_text()), change), encoding="utf-8", errors="replace")
    else:
        rows = edited([json.loads(line) for line in file.read_text().splitlines()], change)
        file.write_text(rows.strip("[]").replace("}, {", "}\n{"), encoding="utf-8", errors="replace")


def _replace(file: Path, how: str, others: Path) -> None:
    file.unlink()
    if how == "empty":
        file.touch()
    elif how == "folder":
        file.mkdir()
    elif how == "other":
        shutil.copy(others / ("vectors.npy" if file.suffix == ".jsonl" else "frames.jsonl"), file)
    elif how == "link":
        file.symlink_to(file.name)
    elif how == "endless":
        file.symlink_to("/dev/zero")


@tries("imports")
@given(made=st.lists(damage, min_size=1, max_size=2, unique_by=lambda one: one[0]), known=st.booleans())
def test_folders_to_import(worker: Worker, stock: Stock, made: list[Damage], known: bool) -> None:
    with scratch(stock) as (folder, library):
        given_ = {"folder": folder, "REELWEAVE_LIBRARY": library}
        if not known:
            worker.run("videos", "remove", "-y", "b.mp4", **given_)
        shutil.copytree(stock.export("b"), folder / "export")
        for name, change in made:
            _damage(folder / "export" / name, change, stock.export("b"))
        before = (library / "catalog.db").read_bytes()
        answer = worker.run("videos", "import", "export", **given_)
        if answer.code:
            assert (library / "catalog.db").read_bytes() == before
        assert worker.run("videos", "check", **given_).code == 0
        assert remembered(library, "a") == remembered(stock.library, "a")
        if answer.code == 0:
            assert vectors_of(worker, library, "a", folder) == hashes(stock.export("a"))


SHAPES = st.lists(st.sampled_from([0, 1, 2, 108, 144, 1000, 10**12, -1]), max_size=4)
TYPES = st.sampled_from(
    ["<f4", "<f8", ">f4", "<f2", "|b1", "<i8", "<c8", "|O", "<U8", "|V8", "<M8[s]", "[('a', '<f4')]"]
)


def _array(dimension: int, kind: str, shape: list[int] | None, fill: float) -> bytes:
    """A file of numpy with the vector's own shape, or with a header that says another one."""
    out = io.BytesIO()
    np.save(out, np.full(dimension, fill, np.float32))
    if shape is None:
        return out.getvalue()
    said = kind if kind.startswith("[") else f"'{kind}'"
    header = f"{{'descr': {said}, 'fortran_order': False, 'shape': ({', '.join(map(str, shape))},), }}"
    padded = header + " " * (-(len(header) + 11) % 64) + "\n"
    return b"\x93NUMPY\1\0" + len(padded).to_bytes(2, "little") + padded.encode() + out.getvalue()[128:]


@tries("arrays")
@given(
    kind=TYPES,
    shape=st.none() | SHAPES,
    fill=st.sampled_from([0.0, 1.0, 1e-45, 1e38, float("nan"), float("inf")]),
    made=mostly(st.just([]), st.lists(splices, min_size=1, max_size=2)),
)
def test_vectors_to_search_for(
    worker: Worker, stock: Stock, kind: str, shape: list[int] | None, fill: float, made: list[Splice]
) -> None:
    dimension = np.load(stock.export("a") / "vectors.npy").shape[1]
    with scratch(stock) as (folder, library):
        (folder / "q.npy").write_bytes(spliced(_array(dimension, kind, shape, fill), made))
        worker.run("search", "--vector", "q.npy", "-k", 3, folder=folder, REELWEAVE_LIBRARY=library)

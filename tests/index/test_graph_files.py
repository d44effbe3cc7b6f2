"""Graph files: damage is detected before Chroma searches them."""

import shutil
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from fuzz.harness import Stock
from fuzz.stocked import prepare
from hypothesis import given
from hypothesis import strategies as st
from runs import in_a_process

from reelweave.index.graph_files import HEADER, LINKS, VECTORS, graph_fault


@pytest.fixture(scope="module")
def graph(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A graph with several levels, as Chroma writes it; never to be changed."""
    import chromadb

    folder = tmp_path_factory.mktemp("graph")
    client = chromadb.PersistentClient(str(folder), chromadb.Settings(anonymized_telemetry=False))
    settings = {"hnsw": {"space": "cosine", "batch_size": 50, "sync_threshold": 100}}
    collection = client.create_collection("graph", embedding_function=None, configuration=settings)
    vectors = np.random.default_rng(0).standard_normal((300, 8)).astype(np.float32)
    for start in range(0, 300, 100):
        rows = range(start, start + 100)
        collection.upsert(ids=[f"{row}" for row in rows], embeddings=vectors[list(rows)])
    client.close()
    return next(path for path in folder.iterdir() if path.is_dir())


def test_a_sound_graph_has_no_fault(graph: Path) -> None:
    assert (graph / LINKS).stat().st_size > 4 * 300
    assert graph_fault(graph) == ""


def test_a_graph_that_was_never_written_has_no_fault(tmp_path: Path) -> None:
    assert graph_fault(tmp_path) == ""


def _written(at: int, data: bytes) -> Callable[[bytes], bytes]:
    return lambda old: old[:at] + data + old[at + len(data) :]


DAMAGE = {
    "a neighbour out of range": (VECTORS, _written(4, b"\xff\xff\xff\x7f")),
    "too many neighbours": (VECTORS, _written(0, b"\xff\xff")),
    "too short": (VECTORS, lambda old: old[:-1]),
    "no version": (HEADER, _written(0, b"\x09")),
    "another size": (HEADER, _written(28, b"\xff")),
    "more elements than room": (HEADER, _written(20, b"\xff\xff\xff")),
    "room for very many": (HEADER, _written(16, b"\xff")),
    "an entry out of range": (HEADER, _written(56, b"\xff\xff\xff")),
    "more levels than there are": (HEADER, _written(52, b"\x7f")),
    "an empty header": (HEADER, lambda old: b""),
    "levels truncated": (LINKS, lambda old: old[:-5]),
    "a level of no size": (LINKS, _written(0, b"\x07")),
}


@pytest.mark.parametrize(("name", "change"), DAMAGE.values(), ids=DAMAGE)
def test_damage_is_detected(graph: Path, tmp_path: Path, name: str, change: Callable[[bytes], bytes]) -> None:
    shutil.copytree(graph, tmp_path / "graph")
    file = tmp_path / "graph" / name
    file.write_bytes(change(file.read_bytes()))
    assert name in graph_fault(tmp_path / "graph")


@pytest.mark.parametrize("change", [_written(0, b"\x07"), _written(3, b"\x80"), lambda old: old[:-5]])
def test_sizes_that_would_be_allocated_are_checked_even_in_haste(
    graph: Path, tmp_path: Path, change: Callable[[bytes], bytes]
) -> None:
    shutil.copytree(graph, tmp_path / "graph")
    file = tmp_path / "graph" / LINKS
    file.write_bytes(change(file.read_bytes()))
    assert LINKS in graph_fault(tmp_path / "graph", thorough=False)


@given(name=st.sampled_from([HEADER, VECTORS, LINKS]), at=st.integers(0, 999), data=st.binary(min_size=1, max_size=9))
def test_any_bytes_are_checked_without_an_exception(graph: Path, name: str, at: int, data: bytes) -> None:
    with TemporaryDirectory() as folder:
        changed = Path(shutil.copytree(graph, folder, dirs_exist_ok=True)) / name
        changed.write_bytes(_written(at, data)(changed.read_bytes()))
        assert graph_fault(Path(folder)) in ("", *(f"{name} is {how}" for how in ("damaged", "truncated")), *CUT)


CUT = (f"{VECTORS} is truncated", f"{LINKS} is cut short", f"{LINKS} is damaged", f"{VECTORS} is damaged")
"""What damage to the header alone may look like."""


@pytest.fixture(scope="module")
def stock(tmp_path_factory: pytest.TempPathFactory) -> Stock:
    return prepare(Stock(tmp_path_factory.mktemp("stock") / "stock"))


@pytest.mark.parametrize(
    ("name", "at", "command"),
    [
        (VECTORS, 0, ["videos", "check"]),
        (HEADER, 28, ["videos", "check"]),
        (HEADER, 28, ["videos", "export", "a", "e"]),
    ],
)
def test_a_damaged_graph_is_told_and_ends_no_process(
    stock: Stock, library: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, at: int, command: list[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    shutil.copytree(stock.library, library, dirs_exist_ok=True)
    shutil.rmtree(library / "cache")
    for file in library.glob(f"chroma/*/{name}"):
        file.write_bytes(_written(at, b"\xff\x81" * 66)(file.read_bytes()))
    answer = in_a_process(*command)
    assert answer.code == 1, answer.err
    assert name in answer.out + answer.err
    assert "Traceback" not in answer.err


def test_damage_that_ingest_does_not_notice_is_repaired_by_the_suggested_command(stock: Stock, library: Path) -> None:
    shutil.copytree(stock.library, library, dirs_exist_ok=True)
    shutil.rmtree(library / "cache")
    for file in library.glob(f"chroma/*/{VECTORS}"):
        file.write_bytes(_written(0, b"\xff\x81" * 66)(file.read_bytes()))
    assert "videos check --repair" in in_a_process("videos", "check").out
    in_a_process("videos", "check", "--repair")
    healed = in_a_process("videos", "check")
    assert "damaged" not in healed.out, healed.out

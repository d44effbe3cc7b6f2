"""The vectors of videos, in a folder and on a Chroma server: both keep the same promises."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from records import SPACE, rows
from runs import settings

from reelweave.errors import LibraryDamaged, SpaceError
from reelweave.index.location import FILE, locate
from reelweave.index.server import ServerStore
from reelweave.index.store import ChromaStore
from reelweave.index.vectors import PAGE, VectorStore
from reelweave.media.types import Floats, Space

if TYPE_CHECKING:
    from chroma import ChromaServer

Open = Callable[[], VectorStore]


@pytest.fixture(params=["embedded", "server"])
def open_store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Open]:
    """Open the same store anew each time."""
    stores: list[VectorStore] = []

    def embedded() -> VectorStore:
        return ChromaStore(tmp_path / "chroma")

    def on_server() -> VectorStore:
        server: ChromaServer = request.getfixturevalue("chroma_server")
        chosen = settings(store__url=server.url).store
        location = locate(tmp_path, chosen)
        assert location is not None
        return ServerStore(location, chosen, tmp_path / FILE)

    def opened() -> VectorStore:
        stores.append(embedded() if request.param == "embedded" else on_server())
        return stores[-1]

    yield opened
    for store in stores:
        store.close()


@pytest.fixture
def store(open_store: Open) -> VectorStore:
    return open_store()


def test_nothing_is_stored_by_reading(store: VectorStore, tmp_path: Path) -> None:
    assert store.is_new
    assert store.described() == {}
    store.remove("video", "appearance")
    store.keep_only(())
    assert store.is_new
    assert list(tmp_path.iterdir()) == []


def test_rows_are_read_back_sorted_and_unchanged(store: VectorStore) -> None:
    late, early = rows(range(40, 50)), rows(range(0, 40))
    store.write("video", SPACE, late)
    store.write("video", SPACE, early)
    back = store.read("video", SPACE)
    for name in ("indices", "times", "sharpness", "luma", "duplicate_of"):
        together = np.concatenate([getattr(early, name), getattr(late, name)])
        assert getattr(back, name).tolist() == together.tolist()
        assert getattr(back, name).dtype == together.dtype
    same_vectors(back.vectors, np.concatenate([early.vectors, late.vectors]))


def same_vectors(one: Floats, other: Floats) -> None:
    """Chroma brings them to unit length once more, which may move the last bit."""
    assert one.dtype == other.dtype
    np.testing.assert_allclose(one, other, atol=1.5e-7)


def test_the_vector_of_a_frame_is_read(store: VectorStore) -> None:
    store.write("video", SPACE, rows(range(9)))
    same_vectors(store.vector("video", SPACE, 4), rows(range(9)).vectors[4])
    with pytest.raises(LibraryDamaged):
        store.vector("video", SPACE, 9)


def test_writing_a_frame_again_replaces_it(store: VectorStore) -> None:
    store.write("video", SPACE, rows(range(5)))
    store.write("video", SPACE, rows(range(3, 9)))
    back = store.read("video", SPACE)
    assert store.count("video", SPACE) == len(back) == 9
    same_vectors(back.vectors[3:], rows(range(3, 9)).vectors)


def test_more_rows_than_a_page_are_all_read(store: VectorStore) -> None:
    store.write("video", SPACE, rows(range(PAGE + 10)))
    assert store.read("video", SPACE).indices.tolist() == list(range(PAGE + 10))


@pytest.mark.parametrize(
    "other",
    [
        pytest.param(replace(SPACE, model="another"), id="model"),
        pytest.param(replace(SPACE, weights="others"), id="weights"),
        pytest.param(replace(SPACE, preprocessing="preprocessing/2"), id="preprocessing"),
        pytest.param(replace(SPACE, dimension=4), id="dimension"),
    ],
)
def test_vectors_of_two_models_never_mix(store: VectorStore, open_store: Open, other: Space) -> None:
    store.write("video", SPACE, rows(range(5)))
    fresh = open_store()
    for use in (lambda: fresh.write("video", other, rows(range(5))), lambda: fresh.read("video", other)):
        with pytest.raises(SpaceError, match="another model") as refused:
            use()
        assert "ingesting it again" in refused.value.remedy
    same_vectors(fresh.read("video", SPACE).vectors, rows(range(5)).vectors)


def test_only_finished_vectors_are_described_and_kept(store: VectorStore, open_store: Open) -> None:
    store.write("finished", SPACE, rows(range(5)))
    store.describe("finished", SPACE, "record")
    store.write("unfinished", SPACE, rows(range(5)))
    assert open_store().described() == {"finished.appearance": "record"}
    store.keep_only(())
    again = open_store()
    assert again.read("finished", SPACE).indices.tolist() == list(range(5))
    with pytest.raises(LibraryDamaged):
        again.count("unfinished", SPACE)
    assert again.quick_fault("finished", "appearance", 5) == ""
    assert again.quick_fault("unfinished", "appearance", 5) != ""


def test_removed_vectors_are_gone(store: VectorStore, open_store: Open) -> None:
    store.write("video", SPACE, rows(range(5)))
    store.write("other", SPACE, rows(range(3)))
    store.remove("video", "appearance")
    store.remove("video", "appearance")
    with pytest.raises(LibraryDamaged):
        open_store().read("video", SPACE)
    assert open_store().count("other", SPACE) == 3


@pytest.mark.parametrize("repeated", [1, 40], ids=["all different", "stills of 40 frames"])
def test_every_vector_that_was_written_is_there(store: VectorStore, repeated: int) -> None:
    different = rows(range(3000 // repeated))
    vectors = np.repeat(different.vectors, repeated, axis=0)
    store.write("video", SPACE, replace(rows(range(len(vectors))), vectors=vectors))
    assert store.lost("video", SPACE) == 0


def test_frames_out_of_reach_of_a_search_are_not_lost(store: VectorStore) -> None:
    # A page with a pointer elsewhere in each frame: all are nearest to the page itself. The graph reaches few of them;
    # which ones, and now and then all, depends on the threads that build it.
    space = replace(SPACE, dimension=256)
    vectors = np.eye(256, dtype=np.float32) * 0.1
    vectors[:, 0] = 1
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    store.write("video", space, replace(rows(range(256)), vectors=vectors))
    assert store.lost("video", space) == 0


def test_an_empty_collection_has_no_lost_vectors(store: VectorStore) -> None:
    store.write("video", SPACE, rows(range(1)))
    assert store.lost("video", SPACE) == 0

"""An order is reused in the next run, but only for the same film and settings."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from films import SIZE, film_of, shuffled
from helpers import Scrambled, pictures

from reelweave import pipeline
from reelweave.index.cache import OrderCacheFolder
from reelweave.progress import SilentProgress
from reelweave.settings import Settings, load
from reelweave.solve import film_order
from reelweave.solve.arrange import arrange
from reelweave.solve.arrangement import Arrangement
from reelweave.solve.constraints import Constraints
from reelweave.solve.order import OrderResult
from reelweave.solve.solve_input import SolveInput

_PLACES = shuffled(40)


@pytest.fixture(scope="module")
def forty() -> SolveInput:
    frames = pictures(40, SIZE)
    return film_of([frames[place] for place in _PLACES])


@pytest.fixture
def searches(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Record how many frames each search covered."""
    seen: list[int] = []
    search = film_order.order_rows

    def counted(rows: Any, *others: Any) -> OrderResult:
        seen.append(len(rows))
        return search(rows, *others)

    monkeypatch.setattr(film_order, "order_rows", counted)
    return seen


def on(
    folder: Path, film: SolveInput, settings: Settings | None = None, constraints: Constraints | None = None
) -> Arrangement:
    cache = OrderCacheFolder(folder)
    known = SolveInput(**{**vars(film), "cache": cache})
    return arrange(known, settings or load(), SilentProgress(), constraints or Constraints())


def test_the_same_film_is_searched_once_and_arranged_identically(
    tmp_path: Path, forty: SolveInput, searches: list[int]
) -> None:
    first, second = on(tmp_path, forty), on(tmp_path, forty)
    assert searches == [40]
    for part in ("order", "shots", "confidence", "dropped", "review", "direction_known"):
        assert getattr(first, part) == getattr(second, part)
    assert first.ordered.path == second.ordered.path
    assert (first.ordered.price, first.ordered.band) == (second.ordered.price, second.ordered.band)
    assert first.ordered.costs.rows == second.ordered.costs.rows
    assert first.ordered.costs.neighbours == second.ordered.costs.neighbours


def test_constraints_need_no_new_search(tmp_path: Path, forty: SolveInput, searches: list[int]) -> None:
    on(tmp_path, forty)
    early, late = _PLACES.index(3), _PLACES.index(30)
    found = on(tmp_path, forty, constraints=Constraints(before=((early, late),), adjacent=((early, late),)))
    assert searches == [40]
    assert found.order.index(late) - found.order.index(early) == 1


@pytest.mark.parametrize(
    "change",
    [{"solve.seed": 1}, {"solve.price": "cosine"}, {"solve.candidates": 8}],
    ids=lambda change: next(iter(change)),
)
def test_other_settings_need_a_new_search(
    tmp_path: Path, forty: SolveInput, searches: list[int], change: dict[str, Any]
) -> None:
    on(tmp_path, forty)
    on(tmp_path, forty, load(change))
    assert searches == [40, 40]


def test_other_pictures_need_a_new_search(tmp_path: Path, forty: SolveInput, searches: list[int]) -> None:
    on(tmp_path, forty)
    luma = forty.luma.copy()
    luma[0, 0, 0] ^= 1
    on(tmp_path, SolveInput(**{**vars(forty), "luma": luma}))
    assert searches == [40, 40]


HARMED: dict[str, Callable[[bytes], bytes]] = {
    "empty": lambda data: b"",
    "cut short": lambda data: data[:-40],
    "another byte within": lambda data: data[:900] + bytes([data[900] ^ 1]) + data[901:],
}


@pytest.mark.parametrize("harm", HARMED.values(), ids=HARMED)
def test_a_damaged_cache_file_is_ignored(
    tmp_path: Path, forty: SolveInput, searches: list[int], harm: Callable[[bytes], bytes]
) -> None:
    first = on(tmp_path, forty)
    (file,) = tmp_path.glob("*.npz")
    file.write_bytes(harm(file.read_bytes()))
    assert on(tmp_path, forty).order == first.order
    assert searches == [40, 40]


def test_a_cache_that_cannot_be_written_is_ignored(tmp_path: Path, forty: SolveInput, searches: list[int]) -> None:
    (tmp_path / "shelf").write_text("in the way")
    assert on(tmp_path / "shelf", forty).order == on(tmp_path / "shelf", forty).order
    assert searches == [40, 40]


def test_only_the_latest_orders_are_kept(tmp_path: Path) -> None:
    shelf = OrderCacheFolder(tmp_path)
    for second, key in enumerate("abcd"):
        shelf.put(key, {"value": np.array([second])})
        os.utime(tmp_path / f"{key}.npz", (second, second))
    assert shelf.get("a") is None
    assert shelf.get("d") == {"value": np.array([3])}
    assert len(list(tmp_path.iterdir())) == 3


def test_cached_orders_are_removed_with_their_video(library: Path, scrambled: Scrambled) -> None:
    from runs import settings

    from reelweave.index import manage

    video = pipeline.ingest(scrambled.video, settings())
    pipeline.solve(video.id, settings())
    assert list((library / "cache").glob(f"{video.id}.orders/*.npz"))
    manage.remove_video(video.id, settings())
    assert not list((library / "cache").glob(f"{video.id}*"))

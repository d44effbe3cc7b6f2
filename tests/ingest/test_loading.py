"""Several threads can load models at the same time, as the page does."""

import logging
import threading
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tiny_clip import clip_settings, make_tiny_clip
from tiny_timm import make_tiny_timm, space_name

from reelweave.ingest.models.clip import ClipEmbedder
from reelweave.ingest.models.network import silence
from reelweave.ingest.models.timm import TimmEmbedder

DEADLOCK_SECONDS = 60
"""Seconds after which a thread counts as deadlocked."""
CHANCE_SECONDS = 0.5
"""Seconds that one thread gives another to do what it must not do; if it does not, the test just waits."""


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tiny_clip(tmp_path_factory.mktemp("tiny"))


def in_threads(work: Callable[[int], Any], count: int = 2) -> list[Any]:
    """Return what each of several threads returns; an error in one of them is raised here."""
    results: list[Any] = [None] * count
    failures: list[BaseException] = []

    def run(number: int) -> None:
        try:
            results[number] = work(number)
        except BaseException as failed:
            failures.append(failed)

    threads = [threading.Thread(target=run, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(DEADLOCK_SECONDS)
        assert not thread.is_alive()
    if failures:
        raise failures[0]
    return results


def test_overlapping_silences_restore_the_state_of_the_process() -> None:
    """The second tries to begin while the first lasts, and ends after it."""
    begun, both, ended = threading.Event(), threading.Event(), threading.Event()

    def first() -> None:
        with silence():
            begun.set()
            both.wait(CHANCE_SECONDS)
        ended.set()

    def second() -> None:
        assert begun.wait(DEADLOCK_SECONDS)
        with silence():
            both.set()
            assert ended.wait(DEADLOCK_SECONDS)

    before, filters = logging.root.manager.disable, list(warnings.filters)
    in_threads(lambda number: (first, second)[number]())
    assert logging.root.manager.disable == before
    assert warnings.filters == filters


def test_nested_silences_do_not_deadlock() -> None:
    before = logging.root.manager.disable
    with silence():
        with silence():
            pass
        assert logging.root.manager.disable >= logging.CRITICAL
    assert logging.root.manager.disable == before


def test_threads_that_need_the_same_model_load_it_once(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    loads, open_once, ready = [], ClipEmbedder._open, threading.Barrier(2, timeout=DEADLOCK_SECONDS)

    def counting(clip: ClipEmbedder, place: Path, device: str) -> Any:
        loads.append(place)
        return open_once(clip, place, device)

    def wanted(number: int) -> Any:
        ready.wait()
        return network.model

    monkeypatch.setattr(ClipEmbedder, "_open", counting)
    network = ClipEmbedder(clip_settings(model))
    one, other = in_threads(wanted)
    assert one is other
    assert len(loads) == 1


def test_only_one_model_is_loaded_at_a_time(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Libraries keep state per process while they load, which a second thread must not disturb."""
    inside, most, open_once, both = 0, 0, ClipEmbedder._open, threading.Event()
    ready = threading.Barrier(2, timeout=DEADLOCK_SECONDS)

    def counting(clip: ClipEmbedder, place: Path, device: str) -> Any:
        nonlocal inside, most
        inside += 1
        most = max(most, inside)
        if inside == 2:
            both.set()
        both.wait(CHANCE_SECONDS)
        try:
            return open_once(clip, place, device)
        finally:
            inside -= 1

    def loaded(number: int) -> Any:
        ready.wait()
        return ClipEmbedder(clip_settings(model)).space

    monkeypatch.setattr(ClipEmbedder, "_open", counting)
    assert len(set(in_threads(loaded))) == 1
    assert most == 1


def test_weights_that_other_threads_load_meanwhile_do_not_get_mixed_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import timm
    import torch

    create = timm.create_model

    def beside_another(*arguments: Any, **options: Any) -> Any:
        in_threads(lambda number: torch.nn.Linear(2, 2).load_state_dict({}, strict=False))
        return create(*arguments, **options)

    own = make_tiny_timm(tmp_path / "timm")
    monkeypatch.setattr(timm, "create_model", beside_another)
    assert TimmEmbedder(space_name(own), clip_settings(own)).space.dimension

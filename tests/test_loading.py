"""Models are loaded by several threads at a time: by the page, and by whoever calls the program from Python."""

import logging
import threading
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tiny_clip import clip_settings, make_tiny_clip
from tiny_timm import make_tiny_timm, space_name

from reelweave.ingest.backbone import Backbone
from reelweave.ingest.clip import Clip
from reelweave.ingest.network import silence

LONG = 60
"""Seconds after which a thread is taken to wait for ever."""
MOMENT = 0.5
"""Seconds that one thread gives another to do what it must not; where it does not, they only pass."""


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tiny_clip(tmp_path_factory.mktemp("tiny"))


def together(work: Callable[[int], Any], count: int = 2) -> list[Any]:
    """What each of several threads returns; whatever one raises is raised here."""
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
        thread.join(LONG)
        assert not thread.is_alive()
    if failures:
        raise failures[0]
    return results


def test_silences_that_overlap_leave_the_process_as_it_was() -> None:
    """The second tries to begin while the first lasts, and ends after it."""
    begun, both, ended = threading.Event(), threading.Event(), threading.Event()

    def first() -> None:
        with silence():
            begun.set()
            both.wait(MOMENT)
        ended.set()

    def second() -> None:
        assert begun.wait(LONG)
        with silence():
            both.set()
            assert ended.wait(LONG)

    before, filters = logging.root.manager.disable, list(warnings.filters)
    together(lambda number: (first, second)[number]())
    assert logging.root.manager.disable == before
    assert warnings.filters == filters


def test_a_silence_within_a_silence_does_not_wait_for_itself() -> None:
    before = logging.root.manager.disable
    with silence():
        with silence():
            pass
        assert logging.root.manager.disable >= logging.CRITICAL
    assert logging.root.manager.disable == before


def test_threads_that_need_one_model_at_the_same_time_load_it_once(
    model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    loads, open_once, ready = [], Clip._open, threading.Barrier(2, timeout=LONG)

    def counting(clip: Clip, place: Path, device: str) -> Any:
        loads.append(place)
        return open_once(clip, place, device)

    def wanted(number: int) -> Any:
        ready.wait()
        return network.model

    monkeypatch.setattr(Clip, "_open", counting)
    network = Clip(clip_settings(model))
    one, other = together(wanted)
    assert one is other
    assert len(loads) == 1


def test_one_model_is_loaded_at_a_time(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Libraries hold what they do while they load per process; the second thread must not be among it."""
    inside, most, open_once, both = 0, 0, Clip._open, threading.Event()
    ready = threading.Barrier(2, timeout=LONG)

    def counting(clip: Clip, place: Path, device: str) -> Any:
        nonlocal inside, most
        inside += 1
        most = max(most, inside)
        if inside == 2:
            both.set()
        both.wait(MOMENT)
        try:
            return open_once(clip, place, device)
        finally:
            inside -= 1

    def loaded(number: int) -> Any:
        ready.wait()
        return Clip(clip_settings(model)).space

    monkeypatch.setattr(Clip, "_open", counting)
    assert len(set(together(loaded))) == 1
    assert most == 1


def test_what_other_threads_load_meanwhile_is_not_taken_for_the_model(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import timm
    import torch

    create = timm.create_model

    def beside_another(*arguments: Any, **options: Any) -> Any:
        together(lambda number: torch.nn.Linear(2, 2).load_state_dict({}, strict=False))
        return create(*arguments, **options)

    own = make_tiny_timm(tmp_path / "timm")
    monkeypatch.setattr(timm, "create_model", beside_another)
    assert Backbone(space_name(own), clip_settings(own)).space.dimension

"""A network is timed the same on a busy machine as on an idle one."""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from helpers import pictures
from tiny_clip import clip_settings, make_tiny_clip

from reelweave.ingest.models import speed
from reelweave.ingest.models.clip import ClipEmbedder
from reelweave.ingest.models.speed import SpeedTrial
from reelweave.ingest.models.timing import clock_for, least_seconds, one_thread
from reelweave.media.types import Floats


class FakeMachine:
    """A clock that only work advances, and other work that delays some of the runs."""

    def __init__(self) -> None:
        self.now = 0.0
        self._others: Iterator[float] = iter(())

    def __call__(self) -> float:
        return self.now

    def disturb(self, others: Sequence[float]) -> None:
        """Delay the next runs by these times."""
        self._others = iter(others)

    def run(self, seconds: float) -> Callable[[], None]:
        def work() -> None:
            self.now += seconds + next(self._others, 0.0)

        return work


def test_runs_take_turns_and_the_shortest_time_counts() -> None:
    # Other work delays the whole first round and one run of the second.
    machine = FakeMachine()
    machine.disturb([9, 9, 0, 9, 0, 0])
    found = least_seconds({"slow": machine.run(3), "quick": machine.run(1)}, 3, machine)
    assert found == {"slow": 3, "quick": 1}


def test_a_clock_too_coarse_for_a_run_causes_no_division_by_zero() -> None:
    assert 1 / least_seconds({"quick": lambda: None}, 1, lambda: 5.0)["quick"] < float("inf")


def test_on_a_cpu_other_threads_do_not_count() -> None:
    """The run waits for another thread to use CPU time, as it would for another program."""
    burnt = 0.05

    def others() -> None:
        begun = time.thread_time()
        while time.thread_time() - begun < burnt:
            pass

    def run() -> None:
        neighbour = threading.Thread(target=others)
        neighbour.start()
        neighbour.join()

    assert least_seconds({"run": run}, 1, clock_for("cpu"))["run"] < burnt / 2
    assert least_seconds({"run": run}, 1, clock_for("cuda"))["run"] >= burnt


def test_torch_uses_one_thread_only_inside_the_context() -> None:
    import torch

    before = torch.get_num_threads()
    with one_thread(), one_thread():
        assert torch.get_num_threads() == 1
    assert torch.get_num_threads() == before


@pytest.mark.parametrize("busy", [False, True], ids=["idle", "busy"])
@pytest.mark.parametrize("chosen", ["half", "int8"])
def test_a_busy_machine_chooses_the_same_backend_as_an_idle_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, chosen: str, busy: bool
) -> None:
    """One round is delayed for the fastest backend by far more than its lead, another for all of them."""
    network = ClipEmbedder(clip_settings(make_tiny_clip(tmp_path / "model")))
    film = [network.prepare(picture) for picture in pictures(4)]
    exact, costs = network.exact(film * 3), {"exact": 4.0, "half": 2.0, "int8": 2.0} | {chosen: 1.0}
    machine = FakeMachine()

    def run(backend: str, prepared: Sequence[Any]) -> Floats:
        machine.run(costs[backend] * len(prepared))()
        return exact[: len(prepared)]

    class Half:
        name = "half"

        def __init__(self, *_: Any) -> None:
            pass

        def run(self, prepared: Sequence[Any]) -> Floats:
            return run(self.name, prepared)

    class Int8(Half):
        name = "int8"

    assert network.space
    monkeypatch.setattr(network, "exact", partial(run, "exact"))
    monkeypatch.setattr(speed, "HalfPrecision", Half)
    monkeypatch.setattr(speed, "Int8", Int8)
    monkeypatch.setattr(speed, "export_int8", lambda *_: None)
    if busy:
        # Before the rounds each backend runs once, and the exact one a second time.
        delayed = [500.0 * (backend == chosen) for backend in costs]
        machine.disturb([0.0] * 4 + delayed + [300.0] * 3)
    notes: list[str] = []
    backend = SpeedTrial(network, "auto", tmp_path, notes.append, machine).choose(film)
    assert backend is not None
    assert backend.name == chosen
    assert "1 pictures per second on one core (exact: 0.25)" in notes[-1]

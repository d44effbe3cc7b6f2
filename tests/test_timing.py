"""What a network costs is measured alike on an idle machine and on a busy one."""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from helpers import pictures
from tiny_clip import clip_settings, make_tiny_clip

from reelweave.frames import Floats
from reelweave.ingest import trial
from reelweave.ingest.clip import Clip
from reelweave.ingest.timing import clock_for, least_seconds, one_thread
from reelweave.ingest.trial import Trial


class Machine:
    """A clock that only work moves on, and the work of others that falls upon some of the runs."""

    def __init__(self) -> None:
        self.now = 0.0
        self._others: Iterator[float] = iter(())

    def __call__(self) -> float:
        return self.now

    def disturb(self, others: Sequence[float]) -> None:
        """Let other work take that long during the next runs."""
        self._others = iter(others)

    def run(self, seconds: float) -> Callable[[], None]:
        def work() -> None:
            self.now += seconds + next(self._others, 0.0)

        return work


def test_runs_take_turns_and_the_least_time_counts() -> None:
    # A burst of other work falls upon the whole first round, and another upon one run of the second.
    machine = Machine()
    machine.disturb([9, 9, 0, 9, 0, 0])
    found = least_seconds({"slow": machine.run(3), "quick": machine.run(1)}, 3, machine)
    assert found == {"slow": 3, "quick": 1}


def test_a_clock_too_coarse_to_see_a_run_makes_no_division_by_zero() -> None:
    assert 1 / least_seconds({"quick": lambda: None}, 1, lambda: 5.0)["quick"] < float("inf")


def test_on_a_cpu_the_work_of_others_does_not_count() -> None:
    """The run waits for another thread to burn CPU time, as it would for a program that has got the core."""
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


def test_torch_works_in_the_calling_thread_alone_for_as_long_as_is_asked() -> None:
    import torch

    before = torch.get_num_threads()
    with one_thread(), one_thread():
        assert torch.get_num_threads() == 1
    assert torch.get_num_threads() == before


@pytest.mark.parametrize("busy", [False, True], ids=["idle", "busy"])
@pytest.mark.parametrize("chosen", ["half", "int8"])
def test_a_busy_machine_chooses_as_an_idle_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, chosen: str, busy: bool
) -> None:
    """One round is spoilt for the winner, by far more than it is ahead; another for all."""
    network = Clip(clip_settings(make_tiny_clip(tmp_path / "model")))
    film = [network.prepare(picture) for picture in pictures(4)]
    exact, costs = network.exact(film * 3), {"exact": 4.0, "half": 2.0, "int8": 2.0} | {chosen: 1.0}
    machine = Machine()

    def run(way: str, prepared: Sequence[Any]) -> Floats:
        machine.run(costs[way] * len(prepared))()
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
    monkeypatch.setattr(trial, "Half", Half)
    monkeypatch.setattr(trial, "Int8", Int8)
    monkeypatch.setattr(trial, "export_int8", lambda *_: None)
    if busy:
        # Before the ways take turns each runs once, and the exact one once more.
        spoilt = [500.0 * (way == chosen) for way in costs]
        machine.disturb([0.0] * 4 + spoilt + [300.0] * 3)
    notes: list[str] = []
    way = Trial(network, "auto", tmp_path, notes.append, machine).way(film)
    assert way is not None
    assert way.name == chosen
    assert "1 pictures a second on one core (exact: 0.25)" in notes[-1]

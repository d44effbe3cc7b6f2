"""Time code so that other work on the machine does not change the result."""

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

Clock = Callable[[], float]

_RESOLUTION = 1e-6
"""Seconds below which no clock here tells two runs apart; also keeps speeds finite."""
_thread_count_lock = threading.RLock()
"""The number of torch threads belongs to the process."""


def clock_for(device: str) -> Clock:
    """Return the clock for timing work on a device.

    On the CPU it is the CPU time of the calling thread, to which other programs and threads add nothing. Work on
    other devices can only be timed by the wall clock.
    """
    return time.thread_time if device == "cpu" else time.perf_counter


def least_seconds(runs: Mapping[str, Callable[[], object]], rounds: int, clock: Clock) -> dict[str, float]:
    """Return the shortest time in seconds that each run took.

    The runs take turns, so that anything that slows the machine down for a while slows all of them. The shortest
    time counts because other work can only add to it.
    """
    least = dict.fromkeys(runs, float("inf"))
    for _ in range(rounds):
        for name, run in runs.items():
            begun = clock()
            run()
            least[name] = min(least[name], clock() - begun)
    return {name: max(seconds, _RESOLUTION) for name, seconds in least.items()}


@contextmanager
def one_thread() -> Iterator[None]:
    """Restrict torch to the calling thread, so that the thread's CPU time is the full cost of the work."""
    import torch

    with _thread_count_lock:
        before = torch.get_num_threads()
        torch.set_num_threads(1)
        try:
            yield
        finally:
            torch.set_num_threads(before)

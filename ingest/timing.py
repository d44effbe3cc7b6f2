"""Timing that does not depend on what else the machine is doing."""

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

Clock = Callable[[], float]

_SMALLEST = 1e-6
"""Seconds below which no clock here can tell two runs apart."""
_one_at_a_time = threading.RLock()


def clock_for(device: str) -> Clock:
    """Return the clock that work on a device is timed by.

    On the CPU it counts the CPU time of the calling thread, which other programs and threads add nothing to; what runs
    elsewhere can be timed by the wall clock only.
    """
    return time.thread_time if device == "cpu" else time.perf_counter


def least_seconds(runs: Mapping[str, Callable[[], object]], rounds: int, clock: Clock) -> dict[str, float]:
    """Return the least time that each run took.

    The runs take turns, so that whatever slows the machine down for a while slows all of them; the least counts, since
    other work can only add to a time.
    """
    least = dict.fromkeys(runs, float("inf"))
    for _ in range(rounds):
        for name, run in runs.items():
            begun = clock()
            run()
            least[name] = min(least[name], clock() - begun)
    return {name: max(seconds, _SMALLEST) for name, seconds in least.items()}


@contextmanager
def one_thread() -> Iterator[None]:
    """Let torch work in the calling thread alone, so that the thread's CPU time is all that the work costs."""
    import torch

    with _one_at_a_time:
        before = torch.get_num_threads()
        torch.set_num_threads(1)
        try:
            yield
        finally:
            torch.set_num_threads(before)

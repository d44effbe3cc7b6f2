"""Jobs that write to the library wait for each other."""

import threading
from contextlib import suppress

from runs import wait_until

from reelweave.progress import Progress
from reelweave.ui.jobs import Cancelled, Job
from reelweave.ui.write_queue import WriteQueue


class Writer:
    """Work that writes until it is released."""

    def __init__(self, queue: WriteQueue, name: str, written: list[str]) -> None:
        self.queue, self.name, self.written = queue, name, written
        self.release = threading.Event()

    def __call__(self, progress: Progress) -> None:
        with self.queue.turn(progress), progress.stage("store") as stage:
            self.written.append(self.name)
            while not self.release.wait(0.01):
                stage.describe("")


def test_jobs_write_in_order_of_arrival_and_know_their_place() -> None:
    queue, written = WriteQueue(), []
    writers = [Writer(queue, name, written) for name in "abc"]
    jobs = []
    for place, writer in enumerate(writers):
        jobs.append(Job(writer))
        wait_until(lambda place=place: str(place) in jobs[place].status().detail if place else written == ["a"])
    writers[0].release.set()
    wait_until(lambda: written == ["a", "b"] and "1" in jobs[2].status().detail)
    for writer in writers:
        writer.release.set()
    for job in jobs:
        job.result()
    assert written == ["a", "b", "c"]


def test_a_cancelled_job_leaves_the_queue() -> None:
    queue, written = WriteQueue(), []
    first, second, third = (Writer(queue, name, written) for name in "abc")
    jobs = [Job(first)]
    wait_until(lambda: written == ["a"])
    jobs.append(Job(second))
    wait_until(lambda: "1" in jobs[1].status().detail)
    jobs.append(Job(third))
    wait_until(lambda: "2" in jobs[2].status().detail)
    jobs[1].cancel()
    with suppress(Cancelled):
        jobs[1].result()
    first.release.set()
    third.release.set()
    jobs[2].result()
    assert written == ["a", "c"]

"""Tasks for the tests of engines."""

import os
import resource
import signal
import tempfile
import time
from collections.abc import Generator
from pathlib import Path

from reelweave.engine.task import FilePiece
from reelweave.errors import SourceError
from reelweave.ingest.distributed import _Job
from reelweave.ingest.worker import EmbeddedVideo, embed_source


def square(number: int) -> Generator[FilePiece, None, int]:
    if number < 0:
        raise SourceError(f"{number} is negative.", "Take its absolute value.")
    return number * number
    yield


def send_files(number: int) -> Generator[FilePiece, None, str]:
    """Send a file in pieces, of which the first is replaced at the end."""
    yield FilePiece("sub/numbers", b"?")
    for _ in range(number):
        yield FilePiece("sub/numbers", b"x" * 100_000)
    yield FilePiece("sub/numbers", b"!", 0)
    return "sent"


def send_many(job: tuple[Path, int]) -> Generator[FilePiece, None, int]:
    """Send more than may be on the way at a time, in pieces that stay on the node, and mark each."""
    folder, number = job
    for piece in range(30):
        yield FilePiece("pieces", bytes([piece]) * 300_000)
        (folder / f"{number} {piece}").touch()
    return number


def escape(name: str) -> Generator[FilePiece, None, None]:
    yield FilePiece(name, b"x")


def odd_error(number: int) -> Generator[FilePiece, None, None]:
    class LocalError(Exception):
        """Cannot be pickled."""

        def __init__(self, one: int, two: int) -> None:
            super().__init__(f"{one} and {two}")

    raise LocalError(number, 2)
    yield


def linger(folder: Path) -> Generator[FilePiece, None, None]:
    """Run until cancelled, and tell of both."""
    mark = folder / f"{os.getpid()}-{time.monotonic_ns()}"
    mark.with_suffix(".begun").touch()
    try:
        while True:
            time.sleep(0.01)
            yield from ()
    finally:
        mark.with_suffix(".ended").touch()


def die_once(folder: Path) -> Generator[FilePiece, None, str]:
    """Send half, die, and finish the second time."""
    for number in range(4):
        yield FilePiece("numbers", f"{number}\n".encode())
        if number == 1 and not (folder / "died").exists():
            (folder / "died").touch()
            os.kill(os.getpid(), signal.SIGKILL)
    return "done"


def die(number: int) -> Generator[FilePiece, None, int]:
    """Die where the number is 0."""
    if not number:
        os.kill(os.getpid(), signal.SIGKILL)
    return number
    yield


def die_and_change(folder: Path) -> Generator[FilePiece, None, str]:
    """Send something else the second time."""
    died = (folder / "died").exists()
    yield FilePiece("numbers", b"2" if died else b"1")
    if not died:
        while not (folder / "files" / "numbers").exists():
            # Until the driver has received it: a piece that was lost would be sent again.
            time.sleep(0.05)
        (folder / "died").touch()
        os.kill(os.getpid(), signal.SIGKILL)
    yield FilePiece("numbers", b"3")
    return "done"


def embed_or_die(job: _Job) -> Generator[FilePiece, None, EmbeddedVideo]:
    """Embed a source, but die of one."""
    if job.path.stem == "poison":
        os.kill(os.getpid(), signal.SIGKILL)
    return embed_source(job)


def embed_on_a_full_disk(job: _Job) -> Generator[FilePiece, None, EmbeddedVideo]:
    """Embed a source where no file can grow."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, before[1]))
    try:
        try:
            with tempfile.TemporaryFile() as file:
                file.write(b"x")
        except OSError:
            return (yield from embed_source(job))
        raise AssertionError("The disk is not full.")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def installation() -> dict[str, str]:
    """What the environment says of this process; workers have that of the cluster."""
    return {"Python": os.environ.get("TASKS_PYTHON", "3"), "ffmpeg": os.environ.get("TASKS_FFMPEG", "8")}

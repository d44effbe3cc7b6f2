"""Run command lines for `harness.Worker`: one JSON request a line on stdin, one JSON answer a line on stdout.

A process of its own, so that a crash, a hang or exhausted memory ends this process and not the tests.
"""

import faulthandler
import json
import os
import signal
import sys
import traceback
from typing import Any, BinaryIO

DATA_LIMIT = 3 << 30
"""Bytes of writable memory after which allocations fail. More than the promised 2 GiB of resident memory, because
stacks and the reserves of the allocator count in full here; it keeps a runaway allocation from taking the machine."""


def main() -> None:
    requests, answers = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    log = sys.argv[1]
    nothing = os.open(os.devnull, os.O_RDONLY)
    out = os.open(f"{log}.out", os.O_RDWR | os.O_CREAT | os.O_APPEND)
    err = os.open(f"{log}.err", os.O_RDWR | os.O_CREAT | os.O_APPEND)
    # By descriptor, so that what native code and ffmpeg say is seen, too.
    for target, source in ((0, nothing), (1, out), (2, err)):
        os.dup2(source, target)
    faulthandler.enable()
    faulthandler.register(signal.SIGUSR1, all_threads=True)
    _limit_memory()
    for request in requests:
        _answer(json.loads(request), out, err, answers)


def _limit_memory() -> None:
    import resource

    # Other systems than Linux count otherwise; there the peak alone is looked at.
    if sys.platform == "linux":
        resource.setrlimit(resource.RLIMIT_DATA, (DATA_LIMIT, DATA_LIMIT))


def _answer(request: dict[str, Any], out: int, err: int, answers: BinaryIO) -> None:
    os.chdir(request["folder"])
    before = dict(os.environ)
    os.environ.update(request["environment"])
    try:
        code = _run(request["arguments"])
    finally:
        os.environ.clear()
        os.environ.update(before)
        sys.stdout.flush()
        sys.stderr.flush()
    answer = {"code": code, "out": _taken(out), "err": _taken(err), "peak": _peak()}
    answers.write(json.dumps(answer).encode() + b"\n")
    answers.flush()


def _run(arguments: list[str]) -> Any:
    """The exit code of the program; an exception that leaves it is shown as Python shows it."""
    from reelweave.cli import main

    sys.argv = ["reelweave", *arguments]
    try:
        main()
    except SystemExit as ended:
        return ended.code
    except BaseException:
        traceback.print_exc()
        return 1
    return 0


def _taken(stream: int) -> str:
    """What was written since the last time."""
    data = os.pread(stream, os.fstat(stream).st_size, 0)
    os.ftruncate(stream, 0)
    return data.decode("utf-8", "replace")


def _peak() -> int:
    """The most memory that this process or any ffmpeg it started ever held, in bytes."""
    import resource

    used = max(resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return used if sys.platform == "darwin" else used * 1024


if __name__ == "__main__":
    main()

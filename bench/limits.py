"""Run a command in a process of its own, within limits of time and memory, and report what it used. Linux only."""

import os
import re
import signal
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import Event
from time import monotonic

_LOOK = 0.1
"""Seconds between two looks at the processes."""
_PAGE = os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True)
class Limits:
    seconds: float
    megabytes: float


@dataclass(frozen=True)
class Spent:
    """What the command and every process it started used; `failure` is empty if it succeeded."""

    seconds: float
    cpu_seconds: float
    peak_mb: float
    failure: str


def run_limited(
    command: Sequence[str], limits: Limits, environment: Mapping[str, str], log: Path, stop: Event
) -> Spent:
    """Run until the command ends or exceeds a limit; memory is the sum over its processes, ten times a second."""
    started, seen, failure = monotonic(), 0.0, ""
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, env=environment, start_new_session=True
        )
        while not (ended := os.wait4(process.pid, os.WNOHANG))[0]:
            seen = max(seen, _megabytes(process.pid))
            failure = failure or _over(limits, monotonic() - started, seen)
            if failure or stop.is_set():
                _kill(process.pid)
            stop.wait(_LOOK)
        _, status, usage = ended
        process.returncode = os.waitstatus_to_exitcode(status)
    if stop.is_set():
        raise InterruptedError("the bench was stopped")
    # Not usage.ru_maxrss, which includes what this process had in memory when it started the command.
    return Spent(
        seconds=round(monotonic() - started, 2),
        cpu_seconds=round(usage.ru_utime + usage.ru_stime, 2),
        peak_mb=round(seen),
        failure=failure or (_reason(log, process.returncode) if process.returncode else ""),
    )


def _over(limits: Limits, seconds: float, megabytes: float) -> str:
    if seconds > limits.seconds:
        return f"out of time (over {limits.seconds:g} s)"
    return f"out of memory (over {limits.megabytes:g} MB)" if megabytes > limits.megabytes else ""


def _session(leader: int) -> Iterator[tuple[int, int]]:
    """Each process of the session with its resident pages."""
    for entry in os.scandir("/proc"):
        if entry.name.isdigit():
            try:
                fields = Path(entry.path, "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            if int(fields[3]) == leader:
                yield int(entry.name), int(fields[21])


def _megabytes(leader: int) -> float:
    return sum(pages for _, pages in _session(leader)) * _PAGE / 2**20


def _kill(leader: int) -> None:
    for pid, _ in list(_session(leader)):
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue


def _reason(log: Path, code: int) -> str:
    """Return the last line of the log, where Python names the error, or the name of the signal."""
    if code < 0:
        return f"ended by {signal.Signals(-code).name}"
    lines = [line.strip() for line in log.read_text("utf-8", "replace").splitlines() if line.strip()]
    return re.sub(r"\s+", " ", lines[-1])[:200] if lines else f"exit code {code}"

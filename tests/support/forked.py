"""Processes that start with the packages of the page loaded, forked from one that has imported them.

Importing takes 4 of the 4.7 CPU seconds that a page needs to open. Run as a program, this file is the process that
imports and forks; imported, it asks that process for new ones.
"""

import atexit
import gc
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import cache
from typing import Any

AVAILABLE = sys.platform == "linux"
"""The frameworks of macOS do not survive a fork."""

# A request holds the code and the environment, a few kilobytes.
_MAX_REQUEST = 1 << 17
# A reply is the number of a process or an exit code.
_MAX_REPLY = 16


class ForkedProcess:
    """A process that runs Python code, with those methods of Popen that the tests use."""

    def __init__(self, code: str, arguments: Sequence[str], environment: Mapping[str, str]) -> None:
        errors, their_errors = os.pipe()
        status, their_status = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        request = {"code": code, "arguments": list(arguments), "environment": dict(environment), "folder": os.getcwd()}
        socket.send_fds(_parent(), [json.dumps(request).encode()], [their_errors, their_status.fileno()])
        os.close(their_errors)
        their_status.close()
        self.stderr = os.fdopen(errors, encoding="utf-8")
        self._status = status
        self.pid = self._number()
        self.returncode: int | None = None

    def __enter__(self) -> "ForkedProcess":
        return self

    def __exit__(self, *_: object) -> None:
        self.wait()
        self.stderr.close()
        self._status.close()

    def communicate(self, timeout: float) -> tuple[None, str]:
        """Wait until the process ends; return what is left of its stderr."""
        self.wait(timeout)
        return None, self.stderr.read()

    def wait(self, timeout: float | None = None) -> int:
        self._status.settimeout(timeout)
        if self.returncode is None:
            self.returncode = self._number()
        return self.returncode

    def terminate(self) -> None:
        self._send(signal.SIGTERM)

    def kill(self) -> None:
        self._send(signal.SIGKILL)

    def _send(self, number: signal.Signals) -> None:
        if self.returncode is None:
            with suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def _number(self) -> int:
        return int(self._status.recv(_MAX_REPLY))


@cache
def _parent() -> socket.socket:
    """Start the process that imports and forks; it ends once this side of the socket is closed."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    settings = {"GRADIO_ANALYTICS_ENABLED": "False", "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"}
    parent = subprocess.Popen(
        [sys.executable, "-P", __file__],
        env=os.environ | settings,
        stdin=theirs,
        stdout=subprocess.DEVNULL,
    )
    theirs.close()
    atexit.register(lambda: (ours.close(), parent.wait()))
    return ours


def _load() -> None:
    import cv2  # noqa: F401
    import gradio  # noqa: F401
    import scipy.sparse.csgraph  # noqa: F401

    from reelweave import cli, pipeline  # noqa: F401
    from reelweave.index.vectors import load_chroma
    from reelweave.solve import arrange  # noqa: F401
    from reelweave.ui import app, guard, server  # noqa: F401

    load_chroma()
    # Keeps what was loaded on pages that all processes share.
    gc.freeze()


def _next() -> tuple[dict[str, Any], int]:
    """Fork at each request and return in the new process, with what it is to run and where its stderr goes."""
    requests = socket.socket(fileno=0)
    while True:
        data, descriptors, _, _ = socket.recv_fds(requests, _MAX_REQUEST, 2)
        if not data:
            _reap()
            sys.exit()
        if not os.fork():
            requests.detach()
            _report(*descriptors)
            return json.loads(data), descriptors[0]
        for descriptor in descriptors:
            os.close(descriptor)


def _report(errors: int, status: int) -> None:
    """Fork once more: this process reports the number and the exit code of the other, which returns."""
    if not (pid := os.fork()):
        os.close(status)
        return
    os.close(errors)
    with socket.socket(fileno=status) as channel:
        channel.send(str(pid).encode())
        code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        channel.send(str(code).encode())
    os._exit(0)


def _reap() -> None:
    """Wait for all children, so that their time is counted as this process's."""
    with suppress(ChildProcessError):
        while True:
            os.wait()


def _enter(request: dict[str, Any], errors: int) -> None:
    """Take over the environment, the folder and the stderr of the process that asked."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    with open(os.devnull) as nothing:
        os.dup2(nothing.fileno(), 0)
    os.dup2(errors, 2)
    os.close(errors)
    os.environ.clear()
    os.environ.update(request["environment"])
    os.chdir(request["folder"])
    tempfile.tempdir = None
    sys.argv = ["reelweave", *request["arguments"]]


if __name__ == "__main__":
    # Ctrl-C in the terminal reaches this process as well, which ends after the pages.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _load()
    asked, stderr = _next()
    _enter(asked, stderr)
    exec(asked["code"], {"__name__": "__main__"})

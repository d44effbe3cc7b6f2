"""The real page in a process of its own, and a real browser that looks at it."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

_OPENED = re.compile(r"the page is at (http://\S+/)")
_NAMES = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome")


def chromium() -> str:
    """The system's browser, which `.ci/chromium` installs; playwright brings none that is used here."""
    named = os.environ.get("CHROMIUM")
    return named or next((found for name in _NAMES if (found := shutil.which(name))), "")


needs_browser = pytest.mark.skipif(not chromium(), reason="no Chromium is here: .ci/chromium installs one")


@contextmanager
def page_of(library: Path, *options: str, **variables: str) -> Iterator[str]:
    """The address of the page of a library; the page ends with the block, as by Ctrl-C."""
    command = [sys.executable, "-m", "reelweave", "ui", "--port", str(free_port()), "--library", str(library), *options]
    environment = os.environ | {"REELWEAVE_INGEST__SPACE": "appearance", "HF_HUB_OFFLINE": "1"} | variables
    with subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True) as server:
        assert server.stderr
        told = ""
        for line in server.stderr:
            told += line
            if opened := _OPENED.search(line):
                break
        else:
            pytest.fail(f"the page did not open: {told}")
        try:
            yield opened[1]
        finally:
            server.terminate()
            left = server.communicate(timeout=60)[1]
            assert "Traceback" not in left, left


def free_port() -> int:
    import socket

    with socket.socket() as trial:
        trial.bind(("127.0.0.1", 0))
        return int(trial.getsockname()[1])

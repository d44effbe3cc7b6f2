"""Opens the page on a port of this machine, guards it, and closes it in order."""

import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ..console import first_asks
from ..errors import ReelweaveError, UsageError
from ..settings import Settings
from .house import House, open_house

_LOOPBACK = ("127.0.0.1", "localhost", "::1")
_PORTS_TRIED = 100
_LONGEST_PASSWORD = 4096
PASSWORD_VARIABLE = "REELWEAVE_UI_PASSWORD"


def password_for(user: str | None, host: str, file: Path | None, ask: Callable[[str], str]) -> tuple[str, str] | None:
    """Who may enter: anybody on this machine, and elsewhere only who knows the user and the password."""
    if user is None:
        if host not in _LOOPBACK:
            raise UsageError(
                f"On {host} others can reach the page.", "Name a user with --user, and give a password for it."
            )
        if file is not None:
            raise UsageError("A password needs a user.", "Name one with --user.")
        return None
    password = os.environ.get(PASSWORD_VARIABLE, "") if file is None else _first_line(file)
    if not password and file is None and sys.stdin.isatty():
        password = ask(f"Password for {user}: ")
    if not user or not password:
        raise UsageError("The page needs a user and a password.", f"Use --password-file or {PASSWORD_VARIABLE}.")
    return user, password


def _first_line(file: Path) -> str:
    try:
        # No more is read, as it may be a pipe from a password manager, or a device that never ends.
        with file.open(encoding="utf-8") as lines:
            return lines.readline(_LONGEST_PASSWORD).strip()
    except (OSError, UnicodeDecodeError) as failed:
        raise UsageError(f"The password cannot be read from {file}.", "Write it into a text file, alone.") from failed


def serve(
    settings: Settings, host: str, port: int, entry: tuple[str, str] | None, opened: Callable[[str], None]
) -> None:
    """Show the page until Ctrl-C; `opened` hears its address."""
    check_port(host, port)
    # What is imported may swallow the exception that breaks it off, so that Ctrl-C only asks.
    with first_asks(signal.SIGINT, signal.SIGTERM) as ended, open_house(settings, host in _LOOPBACK) as house:
        page = _launched(house, host, port, entry)
        warming = threading.Thread(target=_warm, name="reelweave warming up")
        warming.start()
        try:
            opened(f"http://{'[::1]' if host == '::1' else host}:{port}/")
            wait_until(ended)
        finally:
            house.jobs.close()
            page.close(verbose=False)
            # What it imports may start threads, which a program can no longer do once it ends.
            warming.join()


def wait_until(ended: Callable[[], bool]) -> None:
    """A signal may be delivered to another thread: Python sees to it only once this one wakes."""
    while not ended():
        time.sleep(0.2)


def _warm() -> None:
    """Load what the first answer would otherwise wait for."""
    import cv2  # noqa: F401
    import scipy.sparse.csgraph  # noqa: F401

    from ..index.store import load_chroma
    from ..solve import arrange  # noqa: F401

    load_chroma()


def check_port(host: str, port: int) -> None:
    """Refuse a port that cannot be had, and name the next that can."""
    if problem := _taken(host, port):
        free = next((p for p in range(port + 1, min(port + _PORTS_TRIED, 65536)) if not _taken(host, p)), None)
        remedy = f"Port {free} is free: --port {free}." if free else "Name another with --port."
        raise ReelweaveError(f"Port {port} of {host} cannot be used: {problem}.", remedy)


def _taken(host: str, port: int) -> str:
    try:
        family, kind, protocol, _, place = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind, protocol) as trial:
            if os.name == "posix":
                trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            trial.bind(place)
    except socket.gaierror:
        raise UsageError(
            f"There is no host {host} here.", "Name an address of this machine, such as 0.0.0.0."
        ) from None
    except OSError as failed:
        return failed.strerror or str(failed)
    return ""


def _launched(house: House, host: str, port: int, entry: tuple[str, str] | None) -> Any:
    # Gradio reads these as it is imported: nothing is asked of the network, and files lie where they are cleared away.
    os.environ |= {
        "GRADIO_ANALYTICS_ENABLED": "False",
        "GRADIO_TEMP_DIR": str(house.uploads),
        "GRADIO_EXAMPLES_CACHE": str(house.uploads / "examples"),
        "HF_HUB_DISABLE_TELEMETRY": "1",
    }
    # Gradio asks its own server whether it is up, which no proxy may answer.
    for name in ("NO_PROXY", "no_proxy"):
        os.environ[name] = ",".join(filter(None, [os.environ.get(name), "127.0.0.1,localhost"]))
    try:
        import gradio  # noqa: F401
    except ImportError as missing:
        raise ReelweaveError("The page needs Gradio, which is not here.", "pip install '.[ui]' brings it.") from missing
    from starlette.middleware import Middleware

    from .app import build, looks
    from .guard import Guard

    page = build(house)
    try:
        page.launch(
            server_name=host,
            server_port=port,
            auth=entry,
            share=False,
            quiet=True,
            show_error=True,
            prevent_thread_lock=True,
            ssr_mode=False,
            pwa=False,
            run_history=False,
            enable_monitoring=False,
            mcp_server=False,
            allowed_paths=[str(house.made)],
            app_kwargs={"middleware": [Middleware(Guard, only_local=host in _LOOPBACK)]},
            **looks(),
        )
    except OSError as failed:
        raise ReelweaveError(f"Port {port} of {host} cannot be used: {failed}.", "Try again, or --port.") from failed
    return page

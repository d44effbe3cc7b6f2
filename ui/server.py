"""Serve the page on a port: check the port and the login, start Gradio, and shut down cleanly."""

import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path
from typing import Any

from ..errors import ReelweaveError, UsageError
from ..progress import deferred_interrupt
from ..settings import Settings
from .context import PageContext, open_context

_LOOPBACK = ("127.0.0.1", "localhost", "::1")
# Bounds the search for a free port to suggest.
_PORTS_TRIED = 100
# Bounds the read: the password file may be a pipe, or a device that never ends.
_MAX_PASSWORD_LENGTH = 4096
# How often the main thread wakes up to notice a signal, in seconds.
_SIGNAL_CHECK_INTERVAL = 0.2
PASSWORD_VARIABLE = "REELWEAVE_UI_PASSWORD"


def password_for(user: str | None, host: str, file: Path | None, ask: Callable[[str], str]) -> tuple[str, str] | None:
    """Decide on the login that the page requires.

    Args:
        user: The user name, or None for a page without a login.
        host: The address to serve on; any but a loopback address requires a login.
        file: A file whose first line is the password.
        ask: Prompts for the password when neither the file nor the environment variable gives one.

    Returns:
        User and password, or None if the page needs no login.

    Raises:
        UsageError: The login is incomplete, or required and missing.
    """
    if user is None:
        if host not in _LOOPBACK:
            raise UsageError(
                f"Other machines can reach the page on {host}.", "Require a login: pass --user, and set a password."
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
        with file.open(encoding="utf-8") as lines:
            return lines.readline(_MAX_PASSWORD_LENGTH).strip()
    except (OSError, UnicodeDecodeError) as failed:
        raise UsageError(
            f"Cannot read the password from {file}.", "Put the password on the first line of a text file."
        ) from failed


def serve(
    settings: Settings, host: str, port: int, login: tuple[str, str] | None, opened: Callable[[str], None]
) -> None:
    """Serve the page until Ctrl-C.

    Args:
        settings: The settings of every job that the page starts.
        host: The address to listen on; jobs may open local files by name only on a loopback address.
        port: The port to listen on.
        login: User and password, or None for no login.
        opened: Called with the page's URL once the page is up.

    Raises:
        ReelweaveError: The port is not available, or Gradio is not installed.
    """
    check_port(host, port)
    # Defer Ctrl-C: an import that it interrupts may swallow the exception.
    with (
        deferred_interrupt(signal.SIGINT, signal.SIGTERM) as ended,
        open_context(settings, host in _LOOPBACK) as context,
    ):
        page = _launch(context, host, port, login)
        preload = threading.Thread(target=_preload, name="reelweave preload")
        preload.start()
        try:
            opened(f"http://{'[::1]' if host == '::1' else host}:{port}/")
            wait_until(ended)
        finally:
            context.jobs.close()
            page.close(verbose=False)
            # The imports may start threads, which Python refuses during its shutdown.
            preload.join()


def wait_until(ended: Callable[[], bool]) -> None:
    """Poll, because a signal may reach another thread and Python handles it only when the main thread wakes."""
    while not ended():
        time.sleep(_SIGNAL_CHECK_INTERVAL)


def _preload() -> None:
    """Import what the first job would otherwise wait for."""
    import cv2  # noqa: F401
    import scipy.sparse.csgraph  # noqa: F401

    from ..index.vectors import load_chroma
    from ..solve import arrange  # noqa: F401

    load_chroma()


def check_port(host: str, port: int) -> None:
    """Raise unless the port is free; the error names the next free port."""
    if problem := _port_problem(host, port):
        others = range(port + 1, min(port + _PORTS_TRIED, 65536))
        free = next((other for other in others if not _port_problem(host, other)), None)
        remedy = f"Port {free} is free: --port {free}." if free else "Choose another one with --port."
        raise ReelweaveError(f"Port {port} on {host} is not available: {problem}.", remedy)


def _port_problem(host: str, port: int) -> str:
    """Return why the port cannot be used, or an empty string."""
    try:
        family, kind, protocol, _, socket_address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind, protocol) as trial:
            if os.name == "posix":
                trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            trial.bind(socket_address)
    except socket.gaierror:
        raise UsageError(
            f"The host {host} is unknown on this machine.", "Use an address of this machine, such as 0.0.0.0."
        ) from None
    except OSError as failed:
        return failed.strerror or str(failed)
    return ""


def _launch(context: PageContext, host: str, port: int, login: tuple[str, str] | None) -> Any:
    # Gradio reads these on import: they disable its network requests and put its files where they get deleted.
    os.environ |= {
        "GRADIO_ANALYTICS_ENABLED": "False",
        "GRADIO_TEMP_DIR": str(context.uploads),
        "GRADIO_EXAMPLES_CACHE": str(context.uploads / "examples"),
        "HF_HUB_DISABLE_TELEMETRY": "1",
    }
    # Gradio requests its own URL to see whether it is up, and a proxy must not answer that.
    for name in ("NO_PROXY", "no_proxy"):
        os.environ[name] = ",".join(filter(None, [os.environ.get(name), "127.0.0.1,localhost"]))
    try:
        import gradio  # noqa: F401
    except ImportError as missing:
        raise ReelweaveError("The page needs Gradio, which is not installed.", "Run: pip install '.[ui]'") from missing
    from starlette.middleware import Middleware

    from .app import build, page_style
    from .guard import Guard
    from .link_preview import LinkPreview

    page = build(context)
    try:
        page.launch(
            server_name=host,
            server_port=port,
            auth=login,
            share=False,
            quiet=True,
            show_error=True,
            prevent_thread_lock=True,
            ssr_mode=False,
            pwa=False,
            run_history=False,
            enable_monitoring=False,
            mcp_server=False,
            allowed_paths=[str(context.outputs)],
            favicon_path=str(files(__package__) / "static" / "favicon.svg"),
            app_kwargs={"middleware": [Middleware(Guard, only_local=host in _LOOPBACK), Middleware(LinkPreview)]},
            **page_style(),
        )
    except OSError as failed:
        raise ReelweaveError(
            f"Port {port} on {host} is not available.", "Try again, or choose another one with --port."
        ) from failed
    return page

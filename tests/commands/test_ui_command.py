"""When `reelweave ui` opens the page and when it refuses."""

import signal
import socket
import threading
from pathlib import Path

import pytest
from browser import free_port, needs_gradio, page_of
from runs import Run

pytestmark = needs_gradio


def test_a_busy_port_is_reported_with_a_free_one(run: Run) -> None:
    with socket.socket() as busy:
        busy.bind(("127.0.0.1", 0))
        busy.listen()
        port = busy.getsockname()[1]
        answer = run("ui", "--port", port)
    assert answer.code == 1
    assert str(port) in answer.err.splitlines()[0]
    named = int(answer.err.rpartition("--port ")[2].rstrip(".\n"))
    assert port < named < port + 100


@pytest.mark.parametrize(
    "options",
    [
        pytest.param(("--host", "0.0.0.0"), id="another host without a user"),
        pytest.param(("--host", "0.0.0.0", "--user", "ada"), id="a user without a password"),
        pytest.param(("--host", "0.0.0.0", "--user", ""), id="a user without a name"),
        pytest.param(("--user", "ada", "--password-file", "nowhere"), id="no such password file"),
        pytest.param(("--password-file", "nowhere"), id="a password without a user"),
        pytest.param(("--host", "no host of this machine"), id="no such host"),
    ],
)
def test_a_page_open_to_anybody_is_refused(run: Run, options: tuple[str, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin.isatty", lambda: False, raising=False)
    answer = run("ui", "--port", free_port(), *options)
    assert answer.code == 2
    assert len(answer.err.splitlines()) >= 2


def test_an_empty_password_is_refused(run: Run, tmp_path: Path) -> None:
    (tmp_path / "password").write_text("\nsecond line\n")
    assert run("ui", "--user", "ada", "--password-file", tmp_path / "password").code == 2


def test_a_page_stopped_right_after_opening_ends_quietly(tmp_path: Path) -> None:
    with page_of(tmp_path / "library", fresh=True):
        pass


@pytest.mark.skipif(not hasattr(signal, "pthread_kill"), reason="no thread can be sent a signal here")
def test_a_signal_to_another_thread_ends_the_page() -> None:
    """A system may deliver a signal to any thread, but Python handles it in the main one."""
    from reelweave.progress import deferred_interrupt
    from reelweave.ui.server import wait_until

    other = threading.Timer(0.1, lambda: signal.pthread_kill(threading.get_ident(), signal.SIGTERM))
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        with deferred_interrupt(signal.SIGINT, signal.SIGTERM) as ended:
            other.start()
            wait_until(ended)
    finally:
        other.join()
        signal.signal(signal.SIGTERM, before)

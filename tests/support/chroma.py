"""A real Chroma server for tests, which can be killed and restarted, and a proxy that misbehaves before it."""

import os
import shutil
import socket
import ssl
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
from runs import wait_until

_HOP = {"connection", "content-length", "date", "host", "server", "transfer-encoding"}
"""Headers that belong to one connection."""


def free_port() -> int:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return int(listening.getsockname()[1])


class ChromaServer:
    """`chroma run` on a free port of this machine."""

    def __init__(self, folder: Path, log: Path | None = None) -> None:
        self.folder, self.port, self.log = folder, free_port(), log or folder / "log"
        self.url = f"http://127.0.0.1:{self.port}"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [_program(), "run", "--path", str(self.folder), "--host", "127.0.0.1", "--port", str(self.port)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=os.environ | {"ANONYMIZED_TELEMETRY": "False"},
            )
        wait_until(self._answers)

    def _answers(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, self.log.read_text()
        try:
            return httpx.get(f"{self.url}/api/v2/heartbeat", timeout=5).is_success
        except httpx.TransportError:
            return False

    def kill(self) -> None:
        if self._process:
            self._process.kill()
            self._process.wait()
            self._process = None


def _program() -> str:
    beside = Path(sys.executable).with_name("chroma")
    return str(beside) if beside.exists() else str(shutil.which("chroma"))


@contextmanager
def serving(folder: Path, log: Path | None = None) -> Iterator[ChromaServer]:
    server = ChromaServer(folder, log)
    try:
        server.start()
        yield server
    finally:
        server.kill()


Rule = Callable[[str, str, dict[str, str], bytes], "tuple[int, bytes] | None"]
"""What a proxy answers itself, by method, path, headers and body; None for what it passes on."""


class _Server(ThreadingHTTPServer):
    def handle_error(self, *_: object) -> None:
        """A client that breaks the connection off is nothing to print."""


class Proxy:
    """A proxy before a server: its `rule` may answer instead, and its `reply` may lose the server's answer."""

    def __init__(self, target: str, tls: ssl.SSLContext | None = None) -> None:
        self.target = target
        self.rule: Rule = lambda *_: None
        self.loses: Callable[[str], bool] = lambda path: False
        self.requests: list[str] = []
        self.server = _Server(("127.0.0.1", 0), _handler(self))
        if tls:
            self.server.socket = tls.wrap_socket(self.server.socket, server_side=True, do_handshake_on_connect=False)
        self.url = f"{'https' if tls else 'http'}://127.0.0.1:{self.server.server_port}"


def _handler(proxy: Proxy) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _pass(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            headers = {name: value for name, value in self.headers.items() if name.lower() not in _HOP}
            proxy.requests.append(f"{self.command} {self.path}")
            found = proxy.rule(self.command, self.path, headers, body)
            if found is None:
                answer = httpx.request(
                    self.command, f"{proxy.target}{self.path}", headers=headers, content=body, timeout=180
                )
                found = answer.status_code, answer.content
            if proxy.loses(self.path):
                self.close_connection = True
                return
            with suppress(BrokenPipeError, ConnectionResetError):
                self._reply(*found)

        def _reply(self, status: int, body: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_POST = do_PUT = do_DELETE = _pass  # noqa: N815

        def log_message(self, *_: object) -> None:
            pass

    return Handler


@contextmanager
def proxying(target: str, tls: ssl.SSLContext | None = None) -> Iterator[Proxy]:
    proxy = Proxy(target, tls)
    thread = threading.Thread(target=proxy.server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield proxy
    finally:
        proxy.server.shutdown()
        proxy.server.server_close()
        thread.join()

"""ASGI middleware in front of Gradio: reject requests of other sites, and block routes that fetch for a client."""

import os
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any
from urllib.parse import urlsplit

_Message = MutableMapping[str, Any]
_Receive = Callable[[], Awaitable[_Message]]
_Send = Callable[[_Message], Awaitable[None]]
_App = Callable[[_Message, _Receive, _Send], Awaitable[None]]

_LOCAL = ("127.0.0.1", "localhost", "[::1]")
_API = "gradio_api/"
_BLOCKED_ROUTES = ("proxy=", "process_recording", "vibe", "undo-vibe", "file=http:", "file=https:", "file/http")
"""Gradio routes that the page does not use, and that request other servers or change files."""


class Guard:
    """Reject DNS rebinding by the `Host` header, and cross-site requests by the `Origin` header."""

    def __init__(self, app: _App, only_local: bool) -> None:
        self._app, self._only_local = app, only_local

    async def __call__(self, scope: _Message, receive: _Receive, send: _Send) -> None:
        if scope["type"] == "http" and not self._allowed(scope):
            await _refuse(send, 403, b"Not allowed.")
        elif scope["type"] == "http" and (file := _path(scope).partition("file=")[2]):
            await self._send_file(file, scope, receive, send)
        else:
            await self._app(scope, receive, send)

    async def _send_file(self, file: str, scope: _Message, receive: _Receive, send: _Send) -> None:
        """Answer 404 if the file is deleted while it is being opened, as happens when its window is closed."""
        held_back: list[_Message] = []
        started = False

        async def send_after_open(message: _Message) -> None:
            """Hold the response head back until the body starts: Gradio sends it before it opens the file."""
            nonlocal started
            if message["type"] == "http.response.start":
                held_back.append(message)
                return
            started = True
            while held_back:
                await send(held_back.pop())
            await send(message)

        try:
            await self._app(scope, receive, send_after_open)
        except (OSError, RuntimeError):
            if started or os.path.exists(file):
                raise
            await _refuse(send, 404, b"Gone.")

    def _allowed(self, scope: _Message) -> bool:
        if _path(scope).lower().startswith(_BLOCKED_ROUTES):
            return False
        headers = {name: value.decode("latin-1") for name, value in reversed(scope["headers"])}
        host = headers.get(b"host", "").lower()
        own = {_host_of(f"//{name}") for name in (host, headers.get(b"x-forwarded-host", "")) if name}
        if b"origin" in headers and _host_of(headers[b"origin"]) not in own:
            return False
        return not self._only_local or host.rpartition(":")[0] in _LOCAL or host in _LOCAL


def _path(scope: _Message) -> str:
    path: str = scope["path"].removeprefix("/")
    return path[len(_API) :] if path.lower().startswith(_API) else path


def _host_of(url: str) -> str:
    """Return the host without its port, since a reverse proxy may listen on another port."""
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""


async def _refuse(send: _Send, status: int, reason: bytes) -> None:
    await send({"type": "http.response.start", "status": status, "headers": [(b"content-type", b"text/plain")]})
    await send({"type": "http.response.body", "body": reason})

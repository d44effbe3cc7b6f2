"""What stands before the server: only this machine's own pages talk to it, and it fetches nothing for anybody."""

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
_NOT_OURS = ("proxy=", "process_recording", "vibe", "undo-vibe", "file=http:", "file=https:", "file/http")
"""Routes of Gradio's that the page does not use, and that fetch from elsewhere or change files."""


class Guard:
    """A page of another site that a browser was made to take for this one goes by another host's name.

    One that is open beside this one is known by the origin that a browser says of all that it sends for it.
    """

    def __init__(self, app: _App, only_local: bool) -> None:
        self._app, self._only_local = app, only_local

    async def __call__(self, scope: _Message, receive: _Receive, send: _Send) -> None:
        if scope["type"] == "http" and not self._may(scope):
            await _refuse(send, 403, b"Not allowed.")
        elif scope["type"] == "http" and (file := _path(scope).partition("file=")[2]):
            await self._hand_out(file, scope, receive, send)
        else:
            await self._app(scope, receive, send)

    async def _hand_out(self, file: str, scope: _Message, receive: _Receive, send: _Send) -> None:
        """What a window that is closed had made goes with it, maybe while it is about to be sent: that is no fault."""
        first: list[_Message] = []
        begun = False

        async def held(message: _Message) -> None:
            """The head is said before the file is opened; it waits until there is something of the file."""
            nonlocal begun
            if message["type"] == "http.response.start":
                first.append(message)
                return
            begun = True
            while first:
                await send(first.pop())
            await send(message)

        try:
            await self._app(scope, receive, held)
        except (OSError, RuntimeError):
            if begun or os.path.exists(file):
                raise
            await _refuse(send, 404, b"Gone.")

    def _may(self, scope: _Message) -> bool:
        if _path(scope).lower().startswith(_NOT_OURS):
            return False
        said = {name: value.decode("latin-1") for name, value in reversed(scope["headers"])}
        host = said.get(b"host", "").lower()
        ours = {_name(f"//{name}") for name in (host, said.get(b"x-forwarded-host", "")) if name}
        if b"origin" in said and _name(said[b"origin"]) not in ours:
            return False
        return not self._only_local or host.rpartition(":")[0] in _LOCAL or host in _LOCAL


def _path(scope: _Message) -> str:
    path: str = scope["path"].removeprefix("/")
    return path[len(_API) :] if path.lower().startswith(_API) else path


def _name(address: str) -> str:
    """The host of an address, without its port: a server in front may have another."""
    try:
        return urlsplit(address).hostname or ""
    except ValueError:
        return ""


async def _refuse(send: _Send, status: int, why: bytes) -> None:
    await send({"type": "http.response.start", "status": status, "headers": [(b"content-type", b"text/plain")]})
    await send({"type": "http.response.body", "body": why})

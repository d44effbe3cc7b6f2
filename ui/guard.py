"""What stands before the server: only this machine's own pages talk to it, and it fetches nothing for anybody."""

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

_Message = MutableMapping[str, Any]
_App = Callable[[_Message, Callable[[], Awaitable[_Message]], Callable[[_Message], Awaitable[None]]], Awaitable[None]]

_LOCAL = ("127.0.0.1", "localhost", "[::1]")
_NOT_OURS = ("proxy=", "process_recording", "vibe", "undo-vibe", "file=http:", "file=https:", "file/http")
"""Routes of Gradio's that the page does not use, and that fetch from elsewhere or change files."""


class Guard:
    """A page of another site that a browser was made to take for this one goes by another host's name."""

    def __init__(self, app: _App, only_local: bool) -> None:
        self._app, self._only_local = app, only_local

    async def __call__(
        self,
        scope: _Message,
        receive: Callable[[], Awaitable[_Message]],
        send: Callable[[_Message], Awaitable[None]],
    ) -> None:
        if scope["type"] == "http" and not self._may(scope):
            await send({"type": "http.response.start", "status": 403, "headers": [(b"content-type", b"text/plain")]})
            await send({"type": "http.response.body", "body": b"Not allowed."})
            return
        await self._app(scope, receive, send)

    def _may(self, scope: _Message) -> bool:
        asked = scope["path"].lower().removeprefix("/").removeprefix("gradio_api").removeprefix("/")
        if asked.startswith(_NOT_OURS):
            return False
        host = next((value.decode("latin-1") for name, value in scope["headers"] if name == b"host"), "")
        return not self._only_local or host.rpartition(":")[0] in _LOCAL or host in _LOCAL

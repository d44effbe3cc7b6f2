"""ASGI middleware that replaces Gradio's link preview in the page's head by the page's own."""

import re
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from .html import render

_Message = MutableMapping[str, Any]
_Receive = Callable[[], Awaitable[_Message]]
_Send = Callable[[_Message], Awaitable[None]]
_App = Callable[[_Message, _Receive, _Send], Awaitable[None]]

_PREVIEW_TAG = re.compile(rb'\s*<meta\s+(?:property="og:|name="twitter:)[^>]*>')


class LinkPreview:
    """Rewrite the head of the page itself, and pass everything else on."""

    def __init__(self, app: _App) -> None:
        self._app = app

    async def __call__(self, scope: _Message, receive: _Receive, send: _Send) -> None:
        if scope["type"] != "http" or scope["path"] not in ("", "/"):
            await self._app(scope, receive, send)
            return
        held: list[_Message] = []
        body = bytearray()

        async def rewrite(message: _Message) -> None:
            """Hold the response until its body is complete."""
            if message["type"] == "http.response.start":
                held.append(message)
                return
            body.extend(message.get("body", b""))
            if not message.get("more_body"):
                content = _with_own_tags(bytes(body))
                headers = [row for row in held[0]["headers"] if row[0].lower() != b"content-length"]
                held[0]["headers"] = [*headers, (b"content-length", str(len(content)).encode())]
                await send(held[0])
                await send({"type": "http.response.body", "body": content})

        # A compressed body could not be searched.
        scope["headers"] = [row for row in scope["headers"] if row[0].lower() != b"accept-encoding"]
        await self._app(scope, receive, rewrite)


def _with_own_tags(page: bytes) -> bytes:
    head, end, rest = page.partition(b"</head>")
    return _PREVIEW_TAG.sub(b"", head) + render("page.link_preview").encode() + end + rest if end else page

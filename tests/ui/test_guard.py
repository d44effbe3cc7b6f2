"""The guard rejects requests of other sites, and answers 404 for files that are being deleted."""

import asyncio
import os
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("starlette", reason="the page needs Gradio, which brings it: pip install '.[ui]'")

from starlette.responses import FileResponse, PlainTextResponse

from reelweave.ui.guard import Guard


def answer(response: FileResponse, file: Path) -> tuple[int, bytes]:
    """Return what a browser gets for a file if the server behind the guard sends this response."""
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    async def receive() -> Any:
        await asyncio.Event().wait()

    headers = [(b"host", b"127.0.0.1:7860")]
    scope = {"type": "http", "method": "GET", "path": f"/gradio_api/file={file}", "headers": headers}
    asyncio.run(Guard(response, only_local=True)(scope, receive, send))  # type: ignore[arg-type]
    assert [message["type"] for message in sent].count("http.response.start") == 1
    return sent[0]["status"], b"".join(message.get("body", b"") for message in sent)


def test_a_file_is_sent(tmp_path: Path) -> None:
    (tmp_path / "film.mp4").write_bytes(b"film")
    assert answer(FileResponse(tmp_path / "film.mp4"), tmp_path / "film.mp4") == (200, b"film")


def test_a_deleted_file_is_not_found(tmp_path: Path) -> None:
    assert answer(FileResponse(tmp_path / "film.mp4"), tmp_path / "film.mp4")[0] == 404


def test_a_file_deleted_between_stat_and_open_is_not_found(tmp_path: Path) -> None:
    film = tmp_path / "film.mp4"
    film.write_bytes(b"film")
    response = FileResponse(film, stat_result=os.stat(film))
    film.unlink()
    assert answer(response, film)[0] == 404


def test_other_errors_are_raised(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="not a file"):
        answer(FileResponse(tmp_path), tmp_path)


LOCAL = "127.0.0.1:7860"


@pytest.mark.parametrize(
    ("headers", "only_local", "status"),
    [
        pytest.param({"host": LOCAL}, True, 200, id="no browser"),
        pytest.param({"host": LOCAL, "origin": f"http://{LOCAL}"}, True, 200, id="the page itself"),
        pytest.param({"host": "[::1]:7860", "origin": "http://[::1]:7860"}, True, 200, id="the page itself by IPv6"),
        pytest.param({"host": LOCAL, "origin": "http://evil.example"}, True, 403, id="another site"),
        pytest.param({"host": LOCAL, "origin": "null"}, True, 403, id="an opaque origin"),
        pytest.param({"host": LOCAL, "origin": "http://[evil"}, True, 403, id="an invalid URL"),
        pytest.param({"host": "[::1]:7860", "origin": "http://evil.example"}, True, 403, id="another site by IPv6"),
        pytest.param({"host": "evil.example", "origin": "http://evil.example"}, True, 403, id="DNS rebinding"),
        pytest.param({"host": "tv.lan:80", "origin": "http://tv.lan"}, False, 200, id="a remote page"),
        pytest.param(
            {"host": "tv.lan", "origin": "http://evil.example"}, False, 403, id="another site to a remote page"
        ),
        pytest.param(
            {"host": LOCAL, "x-forwarded-host": "tv.lan", "origin": "https://tv.lan"},
            False,
            200,
            id="a reverse proxy",
        ),
    ],
)
def test_requests_from_other_sites_are_rejected(headers: dict[str, str], only_local: bool, status: int) -> None:
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    async def receive() -> Any:
        return {"type": "http.request"}

    encoded = [(name.encode(), value.encode()) for name, value in headers.items()]
    scope = {"type": "http", "method": "POST", "path": "/gradio_api/upload", "headers": encoded}
    asyncio.run(Guard(PlainTextResponse("in"), only_local)(scope, receive, send))  # type: ignore[arg-type]
    assert sent[0]["status"] == status

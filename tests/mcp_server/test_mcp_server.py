"""Agents use the library through the SDK's own client, over both transports; hostile arguments get nothing."""

import base64
import json
import os
import signal
import subprocess
import sys
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import anyio
import cv2
import hypothesis
import hypothesis.strategies as st
import numpy as np
import pytest
from helpers import decoded, pictures, write_clip
from mcp import Client, StdioServerParameters
from mcp.types import CallToolResult, ImageContent, TextContent
from runs import PATIENCE, Run, contents, modules_after, settings, started, wait_until

from reelweave.errors import UsageError
from reelweave.mcp_server.access import Access
from reelweave.mcp_server.server import build_server

READING = {"list_videos", "describe_video", "search", "moments", "similar", "frame", "solve", "plan"}
WRITING = {"ingest", "save_plan", "render"}
EXAMPLES = 25
"""Conversations of five calls each."""

Call = Callable[..., CallToolResult]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A folder that agents may use, with a picture, beside one that they may not."""
    (folder := tmp_path / "root").mkdir()
    (tmp_path / "secret").mkdir()
    for place in (folder, tmp_path / "secret"):
        (place / "picture.png").write_bytes(cv2.imencode(".png", pictures(12)[5])[1].tobytes())
        write_clip(place / "other.mp4", pictures(9, seed=4))
    return folder


def session(server: Any, talk: Callable[[Client], Awaitable[Any]]) -> Any:
    """Run a conversation between the SDK's client and a server."""

    async def run() -> Any:
        with anyio.fail_after(PATIENCE):
            async with Client(server) as client:
                return await talk(client)

    return anyio.run(run)


def caller(library: Path, *roots: Path, write: bool = False) -> Call:
    """Call one tool of a server in this process."""

    def call(name: str, **arguments: Any) -> CallToolResult:
        server = build_server(settings(library=str(library)), Access.to(roots, write))
        return session(server, lambda client: client.call_tool(name, arguments))

    return call


def answer(result: CallToolResult) -> dict[str, Any]:
    assert not result.is_error, result.content
    assert result.structured_content is not None
    return result.structured_content


def refusal(result: CallToolResult) -> str:
    assert result.is_error
    assert isinstance(result.content[0], TextContent)
    return result.content[0].text


def shown(result: CallToolResult) -> np.ndarray:
    assert not result.is_error, result.content
    assert isinstance(result.content[0], ImageContent)
    assert result.content[0].mime_type == "image/jpeg"
    picture = cv2.imdecode(np.frombuffer(base64.b64decode(result.content[0].data), np.uint8), cv2.IMREAD_COLOR)
    assert picture is not None
    return picture


@contextmanager
def over_http(library: Path, *options: object) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A server in a process of its own, and its address."""
    from reelweave.ui.server import _port_problem

    port = next(port for port in range(20_000 + os.getpid() % 20_000, 65_000) if not _port_problem("127.0.0.1", port))
    with started("mcp", "--http", "--port", port, "--library", library, *options) as process:
        wait_until(lambda: process.poll() is not None or bool(_port_problem("127.0.0.1", port)))
        assert process.poll() is None
        yield process, f"http://127.0.0.1:{port}/mcp"


def over_stdio(library: Path, *options: object) -> StdioServerParameters:
    arguments = ["-m", "reelweave", "mcp", "--library", str(library), *map(str, options)]
    return StdioServerParameters(command=sys.executable, args=arguments, env=dict(os.environ))


async def explore(client: Client) -> tuple[set[str], dict[str, Any], CallToolResult]:
    tools = {tool.name for tool in (await client.list_tools()).tools}
    listed = answer(await client.call_tool("list_videos", {}))
    picture = await client.call_tool("frame", {"video": listed["videos"][0]["id"], "frame": 7})
    return tools, listed, picture


def test_the_same_is_served_over_stdio_and_http(full: Path, clip: Path) -> None:
    with over_http(full) as (_, address):
        answers = [session(server, explore) for server in (over_stdio(full), address)]
    for tools, listed, picture in answers:
        assert tools == READING
        assert [video["name"] for video in listed["videos"]] == [clip.name]
        assert abs(shown(picture).mean() - decoded(clip)[7].mean()) < 8


def test_every_reading_tool_answers(full: Path, clip: Path, root: Path) -> None:
    call = caller(full, root)
    assert answer(call("describe_video", video=clip.name))["frames"] == 12
    assert answer(call("search", image="picture.png", k=3))["hits"][0]["frame"] == 5
    assert answer(call("search", image=str(root / "picture.png"), videos=[clip.name], k=1))["hits"][0]["frame"] == 5
    assert answer(call("moments", image="picture.png", threshold=0.99))["moments"][0]["peak_frame"] == 5
    assert answer(call("similar", video=clip.name, frame=4, k=2))["hits"][0]["frame"] == 4
    solved = answer(call("solve", video=clip.name, before=[[7, 2]], keep="0-11", limit=5))
    assert (len(solved["order"]), solved["frames"]) == (5, 12)
    assert shown(call("frame", video=clip.name, frame=3, full=True)).shape == decoded(clip)[3].shape


def test_a_plan_is_read_in_parts_within_a_session(full: Path, clip: Path) -> None:
    async def talk(client: Client) -> list[dict[str, Any]]:
        solved = answer(await client.call_tool("solve", {"video": clip.name}))
        parts = [
            answer(await client.call_tool("plan", {"video": clip.name, "offset": at, "limit": 5})) for at in (0, 5, 10)
        ]
        return [solved, *parts]

    solved, *parts = session(build_server(settings(library=str(full)), Access(())), talk)
    assert [frame for part in parts for frame in part["order"]] == solved["order"]


def test_a_text_is_searched_with_the_model_of_the_settings(library: Path, clip: Path) -> None:
    from reelweave import pipeline

    chosen = settings(library=str(library), ingest__space="clip", clip__model="toy")
    pipeline.ingest(clip, chosen)
    found = session(
        build_server(chosen, Access(())), lambda client: client.call_tool("search", {"text": "a red circle"})
    )
    assert answer(found)["space"] == "clip"


def test_a_server_that_only_reads_changes_nothing(full: Path, clip: Path, root: Path) -> None:
    before = contents(full)
    call = caller(full, root)
    for name, arguments in [("solve", {"video": clip.name}), ("search", {"image": "picture.png"})]:
        answer(call(name, **arguments))
    for name, arguments in [
        ("ingest", {"file": "other.mp4"}),
        ("render", {"video": clip.name, "file": "film.mp4"}),
        ("save_plan", {"video": clip.name, "file": "plan.json"}),
    ]:
        assert "Unknown tool" in refusal(call(name, **arguments))
    assert contents(full) == before
    # The plan of a server that may not write is not kept.
    assert "not been solved" in refusal(call("plan", video=clip.name))
    assert {file.name for file in root.iterdir()} == {"picture.png", "other.mp4"}


def test_a_server_that_may_write_ingests_saves_and_renders_inside_its_folders(library: Path, root: Path) -> None:
    call = caller(library, root, write=True)
    added = answer(call("ingest", file="other.mp4"))
    assert (added["frames"], added["source"]) == (9, str(root / "other.mp4"))
    answer(call("solve", video=added["id"]))
    assert answer(call("plan", video=added["id"]))["frames"] == 9
    assert answer(call("save_plan", video=added["id"], file="plan.json"))["file"] == str(root / "plan.json")
    film = answer(call("render", video=added["id"], file="film.mp4", reverse=True))["file"]
    assert len(decoded(Path(film))) == 9


def test_files_of_others_are_never_replaced(library: Path, root: Path) -> None:
    call = caller(library, root, write=True)
    video = answer(call("ingest", file="other.mp4"))["id"]
    answer(call("solve", video=video))
    (root / "notes.json").write_text("mine")
    for name, file in [("save_plan", "notes.json"), ("save_plan", "picture.png"), ("render", "other.mp4")]:
        before = (root / file).read_bytes()
        assert refusal(call(name, video=video, file=file))
        assert (root / file).read_bytes() == before


OUTSIDE = ["../secret/picture.png", "link/picture.png", "linked.png", "/etc/passwd", "a\0b", "x" * 4000, "loop", ""]


@pytest.mark.parametrize("name", OUTSIDE, ids=lambda name: ascii(name)[:20])
def test_a_file_outside_the_folders_is_refused_in_every_argument(full: Path, clip: Path, root: Path, name: str) -> None:
    (root / "link").symlink_to(root.parent / "secret")
    (root / "linked.png").symlink_to(root.parent / "secret" / "picture.png")
    (root / "loop").symlink_to(root / "loop")
    secret = {file: file.read_bytes() for file in (root.parent / "secret").iterdir()}
    call = caller(full, root, write=True)
    asked = [
        call("search", image=name),
        call("search", text=f'@"{name}"'),
        call("moments", text=f'sea + 2*@"{name}"'),
        call("ingest", file=name.replace("picture.png", "other.mp4")),
        call("save_plan", video=clip.name, file=name),
        call("render", video=clip.name, file=name.replace("picture.png", "film.mp4")),
    ]
    for result in asked:
        assert refusal(result)
    assert {file: file.read_bytes() for file in (root.parent / "secret").iterdir()} == secret
    assert len(contents(full)) == 1


def test_without_folders_no_file_is_opened(full: Path, root: Path) -> None:
    call = caller(full)
    assert "opens no files" in refusal(call("search", image=str(root / "picture.png")))
    assert answer(call("list_videos"))["videos"][0]["source"] == ""


def test_a_refusal_tells_no_path_and_no_command_of_a_terminal(full: Path, clip: Path) -> None:
    said = [
        refusal(caller(full)("search", text="a car")),
        refusal(caller(full)("describe_video", video="nothing")),
        refusal(caller(full)("plan", video=clip.name)),
    ]
    assert [text for text in said if str(full) in text or str(clip) in text or "`" in text] == []


HOSTILE = [
    ("search", {"text": "x" * 1001}),
    ("search", {"text": "a", "k": 101}),
    ("search", {"text": "a", "k": 0}),
    ("search", {"text": "a", "videos": ["b"] * 101}),
    ("search", {"text": "a", "threshold": "everything"}),
    ("search", {"text": "a", "after": -1}),
    ("search", {"text": "a", "after": 1e300}),
    ("search", {}),
    ("search", {"text": " + ".join(["a"] * 200)}),
    ("search", {"text": "a", "videos": ["'; DROP TABLE videos; --"]}),
    ("list_videos", {"limit": 1001}),
    ("list_videos", {"offset": -1}),
    ("describe_video", {"video": "../../etc/passwd"}),
    ("describe_video", {"video": "a\0b"}),
    ("describe_video", {"video": ["a"]}),
    ("describe_video", {}),
    ("frame", {"video": "clip.mp4", "frame": 10**9}),
    ("frame", {"video": "clip.mp4", "frame": 12}),
    ("frame", {"video": "clip.mp4", "frame": -1}),
    ("similar", {"video": "clip.mp4", "frame": 99}),
    ("solve", {"video": "clip.mp4", "before": [[1, 2]] * 1001}),
    ("solve", {"video": "clip.mp4", "before": [[1, 1]]}),
    ("solve", {"video": "clip.mp4", "before": [[1, 2], [2, 1]]}),
    ("solve", {"video": "clip.mp4", "keep": "0-999999999999"}),
    ("solve", {"video": "clip.mp4", "drop": "9" * 9999}),
    ("solve", {"video": "clip.mp4", "shot_order": "one,two"}),
    ("plan", {"video": "clip.mp4", "limit": 10**6}),
    ("no_such_tool", {"a": 1}),
]


def test_hostile_arguments_are_refused_and_the_server_goes_on(full: Path, root: Path) -> None:
    async def talk(client: Client) -> list[CallToolResult]:
        return [await client.call_tool(name, arguments) for name, arguments in HOSTILE] + [
            await client.call_tool("list_videos", {})
        ]

    before = contents(full)
    *refused, last = session(build_server(settings(library=str(full)), Access.to([root])), talk)
    for (name, arguments), result in zip(HOSTILE, refused, strict=True):
        assert result.is_error, (name, arguments)
        text = refusal(result)
        assert len(text) < 3000, name
        assert text != f"Error executing tool {name}", arguments
        assert "Traceback" not in text
    assert answer(last)["total"] == 1
    assert contents(full) == before


ODD = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(10**20), 10**20),
    st.floats(),
    st.text(max_size=30),
    st.sampled_from(
        ["clip.mp4", "picture.png", "@picture.png", "../secret/picture.png", "a\0b", "3,7-9", "auto", ".", "/"]
    ),
    st.lists(st.integers(-3, 15), max_size=4),
    st.lists(st.lists(st.integers(-3, 15), min_size=2, max_size=2), max_size=4),
    st.dictionaries(st.text(max_size=5), st.integers(), max_size=2),
)
"""Values of every type that JSON has, and some that mean something."""


def test_no_arguments_break_a_tool(full: Path, root: Path) -> None:
    server = build_server(settings(library=str(full)), Access.to([root], write=True))
    tools = {tool.name: sorted(tool.input_schema["properties"]) for tool in anyio.run(server.list_tools)}
    assert set(tools) == READING | WRITING
    calls = st.sampled_from(sorted(tools)).flatmap(
        lambda name: st.tuples(st.just(name), st.dictionaries(st.sampled_from([*tools[name], "other"]), ODD))
    )
    secret = {file: file.read_bytes() for file in (root.parent / "secret").iterdir()}

    @hypothesis.settings(max_examples=EXAMPLES, database=None, suppress_health_check=list(hypothesis.HealthCheck))
    @hypothesis.seed(0)
    @hypothesis.given(st.lists(calls, min_size=5, max_size=5))
    def talk(made: list[tuple[str, dict[str, Any]]]) -> None:
        async def run(client: Client) -> list[CallToolResult]:
            return [await client.call_tool(name, {"video": "clip.mp4", **arguments}) for name, arguments in made]

        for (name, arguments), result in zip(made, session(server, run), strict=True):
            # The SDK says no more than this of an exception that was not foreseen.
            assert not result.is_error or refusal(result) != f"Error executing tool {name}", arguments

    talk()
    assert {file: file.read_bytes() for file in (root.parent / "secret").iterdir()} == secret


def test_answers_are_bounded(library: Path, tmp_path: Path) -> None:
    call = caller(library, tmp_path, write=True)
    large = write_clip(tmp_path / "large.mp4", [np.full((1200, 2400, 3), shade, np.uint8) for shade in (40, 90)])
    video = answer(call("ingest", file=large.name))["id"]
    assert max(shown(call("frame", video=video, frame=0, full=True)).shape) == 1024


def test_a_damaged_plan_in_the_library_is_refused(full: Path, clip: Path) -> None:
    import sqlite3

    answer(caller(full, full.parent, write=True)("solve", video=clip.name))
    with sqlite3.connect(full / "catalog.db") as catalog:
        catalog.execute("UPDATE plans SET plan = '{\"order\": [[[['")
    catalog.close()
    assert refusal(caller(full)("plan", video=clip.name))


@pytest.mark.parametrize(
    ("headers", "code"),
    [
        pytest.param({"Host": "evil.example"}, 421, id="another host"),
        pytest.param({"Host": "127.0.0.1.evil.example"}, 421, id="a host that begins like this one"),
        pytest.param({"Origin": "http://evil.example"}, 403, id="another site"),
        pytest.param({"Origin": "null"}, 403, id="a page without a site"),
        pytest.param({"Origin": "http://127.0.0.1:1"}, 403, id="another port"),
        pytest.param({"Content-Length": str(1 << 30)}, 413, id="a large body"),
    ],
)
def test_requests_of_other_sites_are_refused(http_server: str, headers: dict[str, str], code: int) -> None:
    body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "tools/list"}).encode()
    kinds = {"Content-Type": "application/json", "Accept": "application/json, text/event-stream"}
    with pytest.raises(HTTPError) as refused:
        urlopen(Request(http_server, body, kinds | headers), timeout=PATIENCE)
    with refused.value:
        assert refused.value.code == code


@pytest.fixture(scope="module")
def http_server(stocked: Path) -> Iterator[str]:
    with over_http(stocked) as (_, address):
        yield address


def test_a_root_that_is_no_folder_is_refused(tmp_path: Path, run: Run) -> None:
    with pytest.raises(UsageError, match="not a folder"):
        Access.to([tmp_path / "nowhere"])
    assert run("mcp", "--root", tmp_path / "nowhere").code == 2


@pytest.mark.parametrize("client", ["claude", "cursor", "gemini", "vscode", "windsurf", "zed"])
def test_the_printed_configuration_starts_the_server(client: str, full: Path, root: Path, run: Run) -> None:
    printed = json.loads(run("mcp", "config", "--client", client, "--root", root, "--library", full).out)
    entry = next(iter(printed.values()))["reelweave"]
    assert entry["args"][-4:] == ["--root", str(root), "--library", str(full)]
    assert (entry.get("type") == "stdio") == (client == "vscode")
    if client == "claude":
        server = StdioServerParameters(command=entry["command"], args=entry["args"], env=dict(os.environ))
        assert session(server, explore)[0] == READING


def test_an_unknown_client_is_refused(run: Run) -> None:
    answered = run("mcp", "config", "--client", "nobody")
    assert answered.code == 2
    assert "vscode" in answered.err


def test_the_configuration_is_printed_without_loading_the_server() -> None:
    loaded = modules_after("from reelweave.cli import run; run(['mcp', 'config'])")
    assert loaded & {"mcp", "numpy", "chromadb", "torch", "uvicorn"} == set()


def test_a_missing_sdk_is_named_with_the_command_that_installs_it(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "reelweave.mcp_server.server", raising=False)
    monkeypatch.setitem(sys.modules, "mcp.server", None)
    answered = run("mcp")
    assert answered.code == 1
    assert ".[mcp]" in answered.err


def test_the_server_ends_quietly_when_its_client_does(full: Path) -> None:
    """`started` gives it an stdin that is at its end."""
    with started("mcp", "--library", full) as process:
        out, err = process.communicate(timeout=PATIENCE)
    assert (process.returncode, out, err) == (0, "", "")


def test_a_signal_ends_the_server_on_http(full: Path) -> None:
    for number in (signal.SIGINT, signal.SIGTERM):
        with over_http(full) as (process, address):
            assert session(address, explore)[0] == READING
            process.send_signal(number)
            _, err = process.communicate(timeout=PATIENCE)
        assert process.returncode == 130
        assert "Traceback" not in err


def test_two_clients_are_served_at_once(http_server: str) -> None:
    async def both() -> list[Any]:
        found: list[Any] = []

        async def one() -> None:
            async with Client(http_server) as client:
                found.append(await explore(client))

        with anyio.fail_after(PATIENCE):
            async with anyio.create_task_group() as group:
                group.start_soon(one)
                group.start_soon(one)
        return found

    first, second = anyio.run(both)
    assert first[:2] == second[:2]

"""Define the commands `mcp` and `mcp config`."""

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from ..errors import ReelweaveError, UsageError
from .options import LibraryFolder, settings_from

_Roots = Annotated[
    list[Path] | None,
    typer.Option("--root", metavar="PATH", help="Folder in which an agent may open files; repeatable."),
]
_Write = Annotated[
    bool, typer.Option("--allow-write", help="Let an agent ingest, save plans and render, inside the folders.")
]

mcp_app = typer.Typer(invoke_without_command=True, help="Serve the library to agents by the Model Context Protocol.")


@mcp_app.callback()
def mcp(
    context: typer.Context,
    root: _Roots = None,
    allow_write: _Write = False,
    http: Annotated[bool, typer.Option("--http", help="Serve HTTP on 127.0.0.1 instead of stdin and stdout.")] = False,
    port: Annotated[int, typer.Option(help="Port of --http.", min=1, max=65535)] = 7861,
    library: LibraryFolder = None,
) -> None:
    """Serve the library to agents by the Model Context Protocol, until the client closes the connection."""
    if context.invoked_subcommand:
        return
    from ..mcp_server.access import Access
    from ..ui.server import check_port

    access, settings = Access.to(root or [], allow_write), settings_from(library)
    try:
        from ..mcp_server.server import HOST, serve_http, serve_stdio
    except ImportError as missing:
        raise ReelweaveError(
            "The server for agents needs the MCP SDK, which is not installed.", "Run: pip install '.[mcp]'"
        ) from missing
    if not http:
        serve_stdio(settings, access)
        return
    check_port(HOST, port)
    print(f"agents connect to http://{HOST}:{port}/mcp until Ctrl-C", file=sys.stderr, flush=True)
    serve_http(settings, access, port)


@mcp_app.command("config")
def mcp_config(
    client: Annotated[str, typer.Option(help="Client: claude, cursor, gemini, vscode, windsurf or zed.")] = "claude",
    root: _Roots = None,
    allow_write: _Write = False,
    library: LibraryFolder = None,
) -> None:
    """Print the JSON that makes a client start the server."""
    from ..mcp_server.clients import CLIENTS, client_config

    if client not in CLIENTS:
        raise UsageError(f"The client {client!r} is not known.", f"Choose one of {', '.join(sorted(CLIENTS))}.")
    print(json.dumps(client_config(client, root or [], allow_write, library), indent=2))

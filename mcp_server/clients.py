"""The configuration of common clients that starts the server."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

CLIENTS = {
    "claude": "mcpServers",
    "cursor": "mcpServers",
    "gemini": "mcpServers",
    "windsurf": "mcpServers",
    "vscode": "servers",
    "zed": "context_servers",
}
"""The clients, each with the key under which its configuration lists servers."""


def client_config(client: str, roots: Sequence[Path], write: bool, library: Path | None) -> dict[str, Any]:
    """Return the configuration of a client as JSON; paths are absolute, since clients start servers anywhere."""
    arguments = ["-m", "reelweave", "mcp"]
    for root in roots:
        arguments += ["--root", str(root.resolve())]
    arguments += ["--allow-write"] if write else []
    arguments += ["--library", str(library.resolve())] if library else []
    kind = {"type": "stdio"} if client == "vscode" else {}
    return {CLIENTS[client]: {"reelweave": {**kind, "command": sys.executable, "args": arguments}}}

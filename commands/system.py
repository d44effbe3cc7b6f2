"""Define the commands `settings show`, `doctor` and `ui`."""

import difflib
import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from ..errors import UsageError, command
from ..media.ranges import shortened
from . import complete
from .options import Json, LibraryFolder, ModelName, ViewName, clip_flags, prompted, settings_from
from .output import print_rows

settings_app = typer.Typer(no_args_is_help=True, help="Show the settings.")


@settings_app.command("show")
def settings_show(
    key: Annotated[
        list[str] | None,
        typer.Argument(help="Settings, such as solve.price; all by default.", autocompletion=complete.settings),
    ] = None,
    as_json: Json = False,
) -> None:
    """Show settings and where their values come from."""
    from ..settings import explain

    known = {row.key: row for row in explain()}
    for wanted in key or ():
        if wanted not in known:
            near = difflib.get_close_matches(wanted, known, 1)
            hint = f"Did you mean {near[0]}?" if near else f"{command('settings', 'show')} lists them."
            raise UsageError(f"There is no setting {shortened(wanted)!r}.", hint)
    rows = [known[wanted] for wanted in key or known]
    print_rows(rows, as_json, asdict, lambda row: (row.key, json.dumps(row.value), row.origin))


def doctor(library: LibraryFolder = None, as_json: Json = False) -> None:
    """Check everything that Reelweave needs. Exits with 1 if something is missing."""
    from .doctor import run_checks

    checks = run_checks(settings_from(library))
    print_rows(checks, as_json, asdict, lambda check: ("ok" if check.ok else "FAILED", check.name, check.detail))
    if not all(check.ok for check in checks):
        raise typer.Exit(1)


def ui(
    port: Annotated[int, typer.Option(help="Port of the page.", min=1, max=65535)] = 7860,
    host: Annotated[
        str, typer.Option(help="Address to listen on; others than this machine need a user and a password.")
    ] = "127.0.0.1",
    user: Annotated[str | None, typer.Option(help="User name; the password is prompted for.")] = None,
    password_file: Annotated[Path | None, typer.Option(help="File whose first line is the password.")] = None,
    model: ModelName = None,
    view: ViewName = None,
    library: LibraryFolder = None,
) -> None:
    """Open the page in the browser, until Ctrl-C."""
    from ..ui.server import password_for, serve

    def opened(address: str) -> None:
        print(f"the page is at {address} until Ctrl-C", file=sys.stderr, flush=True)

    account = password_for(user, host, password_file, lambda text: str(prompted(typer.prompt, text, hide_input=True)))
    serve(settings_from(library, clip_flags(model, view)), host, port, account, opened)

"""Define the command line: register the commands, run one, and turn its errors into messages and exit codes.

stdout carries data, stderr messages.
"""

import os
import signal
import sys
from io import TextIOWrapper
from typing import Annotated

import typer

from . import __version__
from .commands.breakup import breakup_app
from .commands.color import choose_color
from .commands.complete import COLORS, one_of
from .commands.demo import demo
from .commands.evaluate import EvaluateCommand, evaluate, scramble
from .commands.ingest import ingest
from .commands.library import videos_app
from .commands.mcp import mcp_app
from .commands.models import models_app
from .commands.options import add_store_option
from .commands.output import print_error
from .commands.reconstruct import reconstruct
from .commands.render import render
from .commands.repair import repair
from .commands.schemas import schema
from .commands.search import search, similar
from .commands.solve import solve
from .commands.system import doctor, settings_app, ui
from .commands.variables import option_variables
from .errors import ReelweaveError, use_option_variable

_WRONG_USAGE = 2
"""The exit code that Typer returns after an error of usage."""
_INTERRUPTED = 130
"""The exit code that Typer returns after Ctrl-C."""

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    help="Reconstruct, search and repair videos frame by frame.",
)
app.add_typer(videos_app, name="videos")
app.add_typer(models_app, name="models")
app.add_typer(settings_app, name="settings")
app.add_typer(breakup_app, name="breakup")
app.add_typer(mcp_app, name="mcp")
app.command()(reconstruct)
app.command()(ingest)
app.command()(solve)
app.command()(render)
app.command(cls=EvaluateCommand)(evaluate)
app.command()(scramble)
app.command()(demo)
app.command()(search)
app.command()(similar)
app.command()(repair)
app.command()(schema)
app.command()(doctor)
app.command()(ui)
add_store_option(app)


@app.callback(invoke_without_command=True)
def root(
    version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
    color: Annotated[
        str,
        typer.Option(
            help="When to use colours: auto (on a terminal, unless NO_COLOR is set), always or never.",
            autocompletion=one_of(COLORS),
        ),
    ] = "auto",
) -> None:
    choose_color(color)
    if version:
        print(f"reelweave {__version__}")
        raise typer.Exit


def main() -> None:
    """Run the command line of this process and exit."""
    if isinstance(sys.stdout, TextIOWrapper) and sys.stdout.errors == "strict":
        # A file name may hold a character that the terminal cannot encode: escape it instead of failing.
        sys.stdout.reconfigure(errors="backslashreplace")
    # Treat SIGTERM as Ctrl-C, so that temporary files are removed.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    # Closed streams: printing data fails, messages are lost, and no file that is opened later gets their numbers.
    if sys.stdout is None:
        sys.stdout = os.fdopen(os.open(os.devnull, os.O_RDONLY), "w")
    if sys.stderr is None:
        sys.stderr = os.fdopen(os.open(os.devnull, os.O_WRONLY), "w")
    code = run(sys.argv[1:])
    try:
        sys.stdout.flush()
    except OSError:
        # It has been reported; Python would do so again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    sys.exit(code)


def run(arguments: list[str]) -> int:
    """Run a command line.

    Returns:
        The exit code: 0 done, 1 failed, 2 wrong usage, 130 interrupted.
    """
    try:
        code = _exit_code(arguments)
        if sys.stdout:
            sys.stdout.flush()
    except BrokenPipeError:
        return 1
    except (ReelweaveError, OSError) as error:
        print_error(error)
        return getattr(error, "exit_code", 1)
    if code == _WRONG_USAGE and (file := next(filter(_is_file_with_dash, arguments), "")):
        print(f"If {file} is meant as a file, write ./{file}", file=sys.stderr)
    if code == _INTERRUPTED:
        resumes = arguments[:1] in (["ingest"], ["reconstruct"])
        hint = "; stored frames are kept, and the same command resumes from there" if resumes else ""
        print(f"interrupted{hint}", file=sys.stderr)
    return code


def _is_file_with_dash(argument: str) -> bool:
    return argument.startswith("-") and os.path.exists(argument)


def _exit_code(arguments: list[str]) -> int:
    """Let Typer run the command line. It prints errors of usage itself, and always ends by `sys.exit`."""
    command = typer.main.get_command(app)
    for name, option in option_variables(command):
        option.envvar, option.show_envvar = name, False
        use_option_variable(name)
    try:
        command.main(arguments, prog_name="reelweave")
    except SystemExit as done:
        return int(done.code or 0)
    return 0

"""Decide whether output is coloured: on terminals, unless the user says otherwise."""

import os
import sys
from typing import IO, Any

import typer

from ..errors import UsageError
from .complete import COLORS


class _Chosen:
    """The value of --color."""

    mode = "auto"


def choose_color(mode: str) -> None:
    """Set when to use colours: `auto` (on a terminal, unless NO_COLOR is set), `always` or `never`.

    Raises:
        UsageError: It is none of these.
    """
    if mode not in COLORS:
        raise UsageError(f"{mode!r} does not say when to use colours.", "Give --color auto, always or never.")
    _Chosen.mode = mode


def is_colored(stream: IO[str]) -> bool:
    """Tell whether what goes to a stream is coloured."""
    if _Chosen.mode != "auto":
        return _Chosen.mode == "always"
    # https://no-color.org: any value but an empty one switches colours off.
    return stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def styled(text: str, stream: IO[str] | None = None, **style: Any) -> str:
    """Return a text in a style of `typer.style`, if its stream, stdout by default, is coloured."""
    stream = stream or sys.stdout
    return typer.style(text, **style) if stream and is_colored(stream) else text

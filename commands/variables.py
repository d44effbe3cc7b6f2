"""Let environment variables set options: `REELWEAVE_SOLVE_PRICE` sets `solve --price`."""

from collections.abc import Iterator
from typing import Any

PREFIX = "REELWEAVE_"
"""That of the settings, whose module would take long to load."""
_WITHOUT = ("--help", "--version", "--install-completion", "--show-completion")
"""Options that do something else than the command."""


def option_variables(command: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, Any]]:
    """Yield the variable of each option of a command and of those below it, with the option."""
    for option in command.params:
        if option.param_type_name == "option" and not {*option.opts} & {*_WITHOUT}:
            yield variable(path, option), option
    for name, below in getattr(command, "commands", {}).items():
        yield from option_variables(below, (*path, name))


def variable(path: tuple[str, ...], option: Any) -> str:
    """Return the variable of an option: the command and the first long spelling, in capitals."""
    name = next((name for name in option.opts if name.startswith("--")), option.opts[0])
    return PREFIX + "_".join([*path, name.lstrip("-")]).replace("-", "_").upper()

"""The program's commands with their options, and whether it understands a command line."""

from collections.abc import Iterator, Sequence
from typing import Any

import typer

from reelweave.cli import app


def commands(command: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Every command with the words that call it."""
    yield path, command
    for name, below in getattr(command, "commands", {}).items():
        yield from commands(below, (*path, name))


def is_group(command: Any) -> bool:
    """Whether it does nothing by itself."""
    if not hasattr(command, "commands") or not command.no_args_is_help:
        return False
    return not any(p.param_type_name == "argument" for p in command.params)


COMMANDS = dict(commands(typer.main.get_command(app)))


def options(command: Any) -> dict[str, Any]:
    """Every spelling of a command's options, the switched-off ones included."""
    named = [p for p in command.params if p.param_type_name == "option"]
    return {name: option for option in named for name in [*option.opts, *option.secondary_opts]}


def misunderstood(line: Sequence[str]) -> str:
    """What is wrong with a command line, less the program's name; nothing where it is understood."""
    path: tuple[str, ...] = ()
    words = list(line)
    while words and (*path, words[0]) in COMMANDS:
        path, words = (*path, words[0]), words[1:]
    command = COMMANDS[path]
    if words == ["--help"]:
        return ""
    known, arguments = options(command), 0
    while words:
        word, words = words[0], words[1:]
        if not word.startswith("-"):
            arguments += 1
            continue
        name = word.split("=")[0]
        if name not in known:
            return f"{' '.join(path)} has no option {name}"
        words = words if known[name].is_flag or "=" in word else words[1:]
    wanted = [p for p in command.params if p.param_type_name == "argument"]
    if is_group(command):
        return f"{' '.join(path) or 'reelweave'} is not a command by itself"
    if arguments < sum(p.required for p in wanted):
        return f"{' '.join(path)} wants more arguments"
    if arguments > len(wanted) and not (wanted and wanted[-1].nargs == -1):
        return f"{' '.join(path)} takes fewer arguments"
    return ""

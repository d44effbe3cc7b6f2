"""Holding answers and files to the JSON Schemas that are shipped."""

import json
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema
from command_lines import COMMANDS

from reelweave.commands.schemas import FOLDER, SCHEMAS, schema_file


@cache
def validator(file: Path) -> Any:
    schema = json.loads(file.read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


def check(name: str, value: Any) -> None:
    """Raise ValidationError unless the value fits the latest schema of that name."""
    validator(schema_file(name)).validate(value)


def names_of(words: tuple[str, ...]) -> list[str]:
    """The schemas of the answers of a command."""
    name = "-".join(words)
    if name == "evaluate":
        # A plan may be called `robustness`, as the command below it is.
        return ["evaluate", "evaluate-split", "evaluate-robustness"]
    return [known for known in SCHEMAS if known in (name, f"{name}-moments")]


def check_answer(arguments: list[str], out: str) -> None:
    """Hold what a command printed with --json to its schemas, line by line."""
    words = next((tuple(arguments[:count]) for count in (2, 1) if tuple(arguments[:count]) in COMMANDS), ())
    names = names_of(("evaluate",) if "evaluate" in words else words)
    for line in out.splitlines() if names else ():
        value = json.loads(line)
        if not any(validator(schema_file(name)).is_valid(value) for name in names):
            check(names[0], value)


__all__ = ["FOLDER", "check", "check_answer", "names_of", "validator"]

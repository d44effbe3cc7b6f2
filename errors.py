"""Exceptions that state a cause, a remedy and an exit code; commands as messages quote them.

ReelweaveError
├── UsageError             exit code 2; all others 1
├── SourceError
│   └── SourceMissing
├── LibraryError
│   ├── LibraryLocked
│   ├── LibraryDamaged
│   ├── VectorsLost
│   └── StoreError
│       ├── StoreUnreachable
│       ├── StoreDenied
│       └── PayloadTooLarge
├── SpaceError
│   ├── ModelMissing
│   └── SpaceMismatch
├── EngineError
├── PlanError
└── RenderError
"""

import re
import shlex
from pathlib import Path
from typing import ClassVar

_LIBRARY_COMMANDS = ("ingest", "reconstruct", "solve", "search", "videos")
_MODEL_COMMANDS = ("ingest", "search")


class _CommandLine:
    """Options of the running command that suggested commands must repeat, and the variables that stand for options."""

    library: Path | None = None
    store: str | None = None
    model: str | None = None
    variables: ClassVar[set[str]] = set()


def use_library_in_commands(library: Path | None, store: str | None = None, model: str | None = None) -> None:
    """Set the options `--library`, `--store` and `--model` that suggested commands repeat; None where not given."""
    _CommandLine.library, _CommandLine.store, _CommandLine.model = library, store, model


def use_option_variable(name: str) -> None:
    """Add an environment variable that stands for an option, which is therefore no setting."""
    _CommandLine.variables.add(name)


def option_variables() -> frozenset[str]:
    """Return the environment variables that stand for options; outside the command line there are none."""
    return frozenset(_CommandLine.variables)


def command(*words: str | Path) -> str:
    """Return a command of this program in backticks, as messages quote it."""
    return f"`{command_line(*words)}`"


def commands_in(text: str) -> list[str]:
    """Return the arguments of each command of this program that a message quotes."""
    return re.findall(r"`reelweave ([^`]*)`", text)


def command_line(*words: str | Path) -> str:
    """Return a command of this program quoted for a shell, with `--library`, `--store` and `--model` if in force.

    Args:
        words: The command and its arguments; paths are shortened relative to the working folder.
    """
    arguments = [*words]
    if _CommandLine.library is not None and words[0] in _LIBRARY_COMMANDS:
        arguments += ["--library", _CommandLine.library]
    if _CommandLine.store is not None and words[0] in _LIBRARY_COMMANDS:
        arguments += ["--store", _CommandLine.store]
    if _CommandLine.model is not None and words[0] in _MODEL_COMMANDS:
        arguments += ["--model", _CommandLine.model]
    if _CommandLine.model is not None and words == ("models", "fetch"):
        arguments += [_CommandLine.model]
    return " ".join(["reelweave", *(shlex.quote(_as_argument(word)) for word in arguments)])


def _as_argument(word: str | Path) -> str:
    """Shorten a path relative to the working folder, and keep it from looking like an option."""
    if isinstance(word, str):
        return word
    relative = str(word.relative_to(Path.cwd()) if word.is_relative_to(Path.cwd()) else word)
    return f"./{relative}" if relative.startswith("-") else relative


class ReelweaveError(Exception):
    """A failure that the program explains.

    Args:
        cause: What went wrong, as a sentence.
        remedy: The next step, where there is one.
    """

    exit_code = 1

    def __init__(self, cause: str, remedy: str = "") -> None:
        super().__init__(f"{cause}\n  {remedy}" if remedy else cause)
        self.cause = cause
        self.remedy = remedy


class UsageError(ReelweaveError):
    """The request is wrong: an option, a name or a setting."""

    exit_code = 2


class SourceError(ReelweaveError):
    """A video or picture cannot be read."""


class SourceMissing(SourceError):
    """The source of a video in the library is not where it was.

    Args:
        cause: What went wrong, as a sentence.
        remedy: The next step.
        video: The id of the video.
        name: Its name.
    """

    def __init__(self, cause: str, remedy: str = "", video: str = "", name: str = "") -> None:
        super().__init__(cause, remedy)
        self.video = video
        self.name = name


class LibraryError(ReelweaveError):
    """The library cannot be read or written."""


class LibraryLocked(LibraryError):
    """Another process is writing to the library."""


class LibraryDamaged(LibraryError):
    """Part of the library is missing or damaged."""


class VectorsLost(LibraryError):
    """Not all vectors of a video can be read back."""


class StoreError(LibraryError):
    """The server that holds the vectors cannot be used."""


class StoreUnreachable(StoreError):
    """The server that holds the vectors does not answer; the same request may succeed later."""


class StoreDenied(StoreError):
    """The server that holds the vectors does not accept the token, or not for this request."""


class PayloadTooLarge(StoreError):
    """The server that holds the vectors refused a request because of its size."""


class SpaceError(ReelweaveError):
    """A model or its vectors are missing or do not match."""


class ModelMissing(SpaceError):
    """The weights of a model are not on this machine and could not be fetched."""


class SpaceMismatch(SpaceError):
    """The vectors of a video were made by another model."""


class EngineError(ReelweaveError):
    """Work could not be distributed, or was lost on the way."""


class PlanError(ReelweaveError):
    """A plan or truth file is invalid."""


class RenderError(ReelweaveError):
    """ffmpeg could not write the result."""

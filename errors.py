"""What can go wrong, as a caller sees it.

ReelweaveError             exit 1   anything the program explains in one line
├── UsageError             exit 2   the request itself is wrong: an option, a name, a setting
├── SourceError            exit 1   a video or picture cannot be read
├── LibraryError           exit 1   the library cannot be read or written
│   ├── LibraryLocked      exit 1   another writer holds it
│   ├── LibraryDamaged     exit 1   a part of it is missing or damaged
│   └── VectorsLost        exit 1   one video's vectors cannot all be read back
├── SpaceError             exit 1   a model or its vectors are missing or do not match
│   └── SpaceMismatch      exit 1   one video's vectors were made by another model
├── PlanError              exit 1   a plan or truth file is not what it claims to be
└── RenderError            exit 1   ffmpeg could not write the result
"""

import shlex
from pathlib import Path

_ON_THE_LIBRARY = ("ingest", "reconstruct", "solve", "search", "videos")


class _Said:
    """What was said on the command line that a suggested command has to say again."""

    library: Path | None = None


def said_on_the_command_line(library: Path | None) -> None:
    """From now on suggested commands are for this library; without one for that of the settings."""
    _Said.library = library


def command(*words: str | Path) -> str:
    """A command of this program as messages name it."""
    return f"`{command_line(*words)}`"


def command_line(*words: str | Path) -> str:
    """A command of this program as a shell takes it, for the library that is in use."""
    said = [*words]
    if _Said.library is not None and words[0] in _ON_THE_LIBRARY:
        said += ["--library", _Said.library]
    return " ".join(["reelweave", *(shlex.quote(_as_argument(word)) for word in said)])


def _as_argument(word: str | Path) -> str:
    """A path as one would type it from where one stands, and never to be taken for an option."""
    if isinstance(word, str):
        return word
    here = str(word.relative_to(Path.cwd()) if word.is_relative_to(Path.cwd()) else word)
    return f"./{here}" if here.startswith("-") else here


class ReelweaveError(Exception):
    """A failure with its cause and, where there is one, the next step."""

    exit_code = 1

    def __init__(self, cause: str, remedy: str = "") -> None:
        super().__init__(f"{cause}\n  {remedy}" if remedy else cause)
        self.cause = cause
        self.remedy = remedy


class UsageError(ReelweaveError):
    exit_code = 2


class SourceError(ReelweaveError): ...


class LibraryError(ReelweaveError): ...


class LibraryLocked(LibraryError): ...


class LibraryDamaged(LibraryError): ...


class VectorsLost(LibraryError): ...


class SpaceError(ReelweaveError): ...


class SpaceMismatch(SpaceError): ...


class PlanError(ReelweaveError): ...


class RenderError(ReelweaveError): ...

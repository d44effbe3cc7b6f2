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

"""What a request for sources stands for: folders are searched, patterns expanded, and what is not there is named."""

import glob
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import dropwhile
from pathlib import Path
from typing import Any

from ..errors import SourceError
from .source import PICTURE_SUFFIXES, VIDEO_SUFFIXES, natural_key

_ANY_DEPTH = "**"
_TRANSPORT = frozenset({".ts", ".mts", ".m2ts"})


@dataclass
class Gathered:
    """The sources in the order of the request, each once, and what could not be looked into."""

    sources: list[Path] = field(default_factory=list)
    failures: list[tuple[Path, SourceError]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def gather(paths: Iterable[Path]) -> Gathered:
    """Files as they are named; for a folder the videos below it or, where there is none, its folders of pictures."""
    found = Gathered()
    for path in paths:
        for match in _matches(path, found):
            if os.path.isdir(match):
                found.sources += _folder(match, found)
            else:
                found.sources.append(match)
    found.sources = list({os.path.realpath(source): source for source in reversed(found.sources)}.values())[::-1]
    return found


def _matches(path: Path, found: Gathered) -> list[Path]:
    """A pattern is one only where no file is called so."""
    if not glob.has_magic(str(path)) or os.path.lexists(path):
        return [path]
    matches = [Path(match) for match in _expanded(path, found)]
    if not matches:
        found.failures.append((path, SourceError(f"Nothing matches {path}.", "Check the pattern.")))
    return sorted(matches, key=_order)


def _expanded(pattern: Path, found: Gathered) -> Iterator[str]:
    """What a pattern matches; each folder is walked once, since glob follows links that lead round in circles."""
    parts = pattern.parts
    if _ANY_DEPTH not in parts:
        yield from glob.iglob(str(pattern))
        return
    at = parts.index(_ANY_DEPTH)
    after = list(dropwhile(_ANY_DEPTH.__eq__, parts[at:]))
    for top in filter(os.path.isdir, glob.glob(str(Path(*parts[:at])))):
        for folder, entries in _walked(Path(top), found):
            if after:
                yield from _expanded(Path(glob.escape(str(folder)), *after), found)
            else:
                yield from [str(folder), *(entry.path for entry in entries if not _is(entry, "is_dir"))]


def _walked(top: Path, found: Gathered) -> Iterator[tuple[Path, list["os.DirEntry[str]"]]]:
    """A folder and all below it with what lies in each, each folder once by whatever links it can be reached."""
    seen, folders = set(), [top]
    while folders:
        folder = folders.pop()
        try:
            status = os.stat(folder)
            if (status.st_dev, status.st_ino) in seen:
                continue
            seen.add((status.st_dev, status.st_ino))
            entries = list(_visible(folder))
        except OSError as failed:
            found.failures.append((folder, SourceError(f"{folder} cannot be read: {failed.strerror}.")))
            continue
        folders += [Path(entry.path) for entry in entries if _is(entry, "is_dir")]
        yield folder, entries


@dataclass
class _Below:
    """What lies in a folder and in those within it; hidden things are left alone."""

    videos: list[Path] = field(default_factory=list)
    pictures: dict[Path, int] = field(default_factory=dict)


def _folder(top: Path, found: Gathered) -> list[Path]:
    below = _searched(top, found)
    if below.videos:
        if below.pictures:
            found.notes.append(
                f"{top} holds videos, and stands for these: {sum(below.pictures.values())} pictures beside them are "
                "passed over. Name a folder that has only pictures to take it as a video."
            )
        return sorted(below.videos, key=_order)
    # Pictures in a folder of pictures' own folders are no film of their own: thumbnails, for example.
    films = [folder for folder in below.pictures if not any(parent in below.pictures for parent in folder.parents)]
    unreadable = any(path == top for path, _ in found.failures)
    return sorted(films, key=_order) or ([] if unreadable else [top])


def _searched(top: Path, found: Gathered) -> _Below:
    below = _Below()
    for folder, entries in _walked(top, found):
        below.videos += [Path(entry.path) for entry in entries if _is_video(entry)]
        pictures = sum(_suffix(entry) in PICTURE_SUFFIXES and _is(entry, "is_file") for entry in entries)
        if pictures:
            below.pictures[folder] = pictures
    return below


def _visible(folder: Path) -> Iterator["os.DirEntry[str]"]:
    with os.scandir(folder) as entries:
        yield from (entry for entry in entries if not entry.name.startswith("."))


def _is_video(entry: "os.DirEntry[str]") -> bool:
    suffix = _suffix(entry)
    if suffix not in VIDEO_SUFFIXES:
        return False
    if _is(entry, "is_file"):
        return suffix not in _TRANSPORT or _is_transport_stream(entry.path)
    # A link that leads nowhere is told of as missing rather than passed over.
    return entry.is_symlink() and not os.path.exists(entry.path)


def _is_transport_stream(path: str) -> bool:
    """Packets of 188 bytes begin with G, those of 192 have a time before it; TypeScript is called .ts too."""
    try:
        with open(path, "rb") as file:
            begin = file.read(197)
    except OSError:
        return True
    return not begin or any(
        begin[at : at + 1] == b"G" == begin[at + length : at + length + 1] for at, length in ((0, 188), (4, 192))
    )


def _suffix(entry: "os.DirEntry[str]") -> str:
    return os.path.splitext(entry.name)[1].lower()


def _is(entry: "os.DirEntry[str]", what: str) -> bool:
    """Links are followed; one that leads round in a circle is neither file nor folder."""
    try:
        return bool(getattr(entry, what)())
    except OSError:
        return False


def _order(path: Path) -> list[Any]:
    return [natural_key(part) for part in path.parts]

"""Discover sources: search folders, expand patterns, and report what is missing or unreadable."""

import glob
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import dropwhile
from pathlib import Path
from typing import Any

from ..errors import SourceError
from ..media.source import PICTURE_SUFFIXES, VIDEO_SUFFIXES, natural_key

_ANY_DEPTH = "**"
_TRANSPORT_SUFFIXES = frozenset({".ts", ".mts", ".m2ts"})
"""Checked by content, because TypeScript files end in .ts too."""
_SYNC_BYTE = b"G"
_PACKET_LAYOUTS = ((0, 188), (4, 192))
"""Where the first sync byte of a transport stream is, and the packet length; 192 bytes begin with a 4-byte time."""
_HEADER_BYTES = 197
"""Just enough to hold the second sync byte of either layout."""


@dataclass
class DiscoveredSources:
    """The sources in the order of the request, each once, and the paths that could not be read."""

    sources: list[Path] = field(default_factory=list)
    failures: list[tuple[Path, SourceError]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def discover_sources(paths: Iterable[Path]) -> DiscoveredSources:
    """Resolve files, folders and patterns to sources.

    A folder stands for the videos at any depth below it or, if there are none, for its folders of pictures. A file
    that is named stands for itself, whatever its suffix.
    """
    found = DiscoveredSources()
    for path in paths:
        for match in _matches(path, found):
            if os.path.isdir(match):
                found.sources += _sources_below(match, found)
            else:
                found.sources.append(match)
    found.sources = list({os.path.realpath(source): source for source in reversed(found.sources)}.values())[::-1]
    return found


def _matches(path: Path, found: DiscoveredSources) -> list[Path]:
    """Expand a path with wildcards, unless a file has exactly that name."""
    if not glob.has_magic(str(path)) or os.path.lexists(path):
        return [path]
    matches = [Path(match) for match in _expand(path, found)]
    if not matches:
        found.failures.append((path, SourceError(f"Nothing matches {path}.", "Check the pattern.")))
    return sorted(matches, key=_order)


def _expand(pattern: Path, found: DiscoveredSources) -> Iterator[str]:
    """Expand `**` with `_walk`, because glob would follow links in circles; other patterns go to glob."""
    parts = pattern.parts
    if _ANY_DEPTH not in parts:
        yield from glob.iglob(str(pattern))
        return
    at = parts.index(_ANY_DEPTH)
    after = list(dropwhile(_ANY_DEPTH.__eq__, parts[at:]))
    for top in filter(os.path.isdir, glob.glob(str(Path(*parts[:at])))):
        for folder, entries in _walk(Path(top), found):
            if after:
                yield from _expand(Path(glob.escape(str(folder)), *after), found)
            else:
                yield from [str(folder), *(entry.path for entry in entries if not _is(entry, "is_dir"))]


def _walk(top: Path, found: DiscoveredSources) -> Iterator[tuple[Path, list["os.DirEntry[str]"]]]:
    """Yield a folder and all folders below it with their entries, each folder once however many links lead to it."""
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


def _sources_below(top: Path, found: DiscoveredSources) -> list[Path]:
    videos, pictures = _search(top, found)
    if videos:
        if pictures:
            found.notes.append(
                f"{top} holds videos, so its {sum(pictures.values())} pictures are ignored. "
                "To ingest pictures as a video, name a folder that holds only pictures."
            )
        return sorted(videos, key=_order)
    # Folders of pictures inside a folder of pictures are no videos of their own: thumbnails, for example.
    folders = [folder for folder in pictures if not any(parent in pictures for parent in folder.parents)]
    unreadable = any(path == top for path, _ in found.failures)
    return sorted(folders, key=_order) or ([] if unreadable else [top])


def _search(top: Path, found: DiscoveredSources) -> tuple[list[Path], dict[Path, int]]:
    """Find the videos at any depth below a folder, and count the pictures in each folder."""
    videos: list[Path] = []
    pictures: dict[Path, int] = {}
    for folder, entries in _walk(top, found):
        videos += [Path(entry.path) for entry in entries if _is_video(entry)]
        count = sum(_suffix(entry) in PICTURE_SUFFIXES and _is(entry, "is_file") for entry in entries)
        if count:
            pictures[folder] = count
    return videos, pictures


def _visible(folder: Path) -> Iterator["os.DirEntry[str]"]:
    with os.scandir(folder) as entries:
        yield from (entry for entry in entries if not entry.name.startswith("."))


def _is_video(entry: "os.DirEntry[str]") -> bool:
    suffix = _suffix(entry)
    if suffix not in VIDEO_SUFFIXES:
        return False
    if _is(entry, "is_file"):
        return suffix not in _TRANSPORT_SUFFIXES or _is_transport_stream(entry.path)
    # A broken link is reported as missing rather than ignored.
    return entry.is_symlink() and not os.path.exists(entry.path)


def _is_transport_stream(path: str) -> bool:
    """Look for two sync bytes one packet apart; an empty or unreadable file is left to the decoder to report."""
    try:
        with open(path, "rb") as file:
            header = file.read(_HEADER_BYTES)
    except OSError:
        return True
    return not header or any(
        header[at : at + 1] == _SYNC_BYTE == header[at + length : at + length + 1] for at, length in _PACKET_LAYOUTS
    )


def _suffix(entry: "os.DirEntry[str]") -> str:
    return os.path.splitext(entry.name)[1].lower()


def _is(entry: "os.DirEntry[str]", what: str) -> bool:
    """Test an entry, following links; a link in a circle is neither a file nor a folder."""
    try:
        return bool(getattr(entry, what)())
    except OSError:
        return False


def _order(path: Path) -> list[Any]:
    return [natural_key(part) for part in path.parts]

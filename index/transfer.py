"""Export vectors from the library as files, and import vectors that were made elsewhere."""

import re
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from ..errors import LibraryError, SpaceError, UsageError, command
from ..media.identity import video_id
from ..media.proxy import ProxySize, read_proxies
from ..media.types import FrameRows, Space, SpaceState, VideoRecord, ingest_command
from ..progress import Progress
from ..settings import OWN_SPACE, TIMM_SPACE, Settings
from .library import Library
from .overwrite import Outputs, Overwrite, origin_of
from .transfer_files import (
    FILES,
    FRAMES,
    STAND_ALONE,
    ExportedVectors,
    check_export,
    import_error,
    read_portable,
    write_portable,
)

_CHUNK = 2000
"""Rows imported at once, which bounds the memory."""

_TIME_TOLERANCE = 1e-3
"""Seconds by which the times of the same frame may differ; many containers round to milliseconds."""

_VECTOR_TOLERANCE = 1e-6
"""Difference up to which numbers of two vectors are equal but for rounding."""


@dataclass(frozen=True)
class Exported:
    """The result of an export: the files of one space of one video."""

    id: str
    space: str
    frames: int
    folder: str
    files: list[str]


@dataclass(frozen=True)
class Imported:
    """The result of an import; `cannot` lists the commands that the video does not support."""

    id: str
    name: str
    space: str
    frames: int
    state: Literal["imported", "unchanged"]
    stand_alone: bool
    cannot: list[str]


def export_vectors(
    library: Library, wanted: str, folder: Path, space: str | None, overwrite: Overwrite = False
) -> Exported:
    """Export a video's vectors in one space, with all that another library needs to import them.

    The folder is new, or an earlier export whose files may be replaced. Without a space, the only one is exported.

    Raises:
        UsageError: The folder has other files, or the space must be given.
    """
    video = library.catalog.find(wanted)
    states = library.catalog.spaces(video.id)
    if space is None and len(states) != 1:
        raise UsageError(f"{video.name} has vectors in {', '.join(states) or 'no space'}.", "Choose one with --space.")
    name = space or next(iter(states))
    check_export(folder)
    outputs = Outputs(origin_of(video.sha256, video.id, name), overwrite, library=library.folder)
    outputs.claim(folder=folder, names=FILES)
    rows = library.rows(video, name)
    size = ProxySize(video.proxy_width, video.proxy_height)
    complete = video.proxy_width > 0 and library.has_proxies(video) and video.frames == len(rows)
    proxies = read_proxies(library.proxies_file(video.id), size, len(rows)) if complete else None
    with outputs.writing_folder(folder, FILES):
        files = write_portable(folder, video, states[name].space, rows, proxies)
    return Exported(video.id, name, len(rows), str(folder), [file.name for file in files])


def import_vectors(
    library: Library, folder: Path, settings: Settings, progress: Progress, appearance: Space
) -> Imported:
    """Import vectors under their own identity: all of them or none.

    `appearance` is the identity of this version's appearance space, the only one that may be imported as such.

    Raises:
        SpaceError: The files are invalid, or do not fit the library.
    """
    found = read_portable(folder)
    _check_name(found.space, appearance)
    with library.writing(f"videos import {folder.name}"):
        library.clear_leftovers()
        known = _known(library, found)
        _check_identity(library, found.space)
        if known and _is_stored(library, known, found):
            return _imported(known, found, "unchanged")
        facts = _facts(library, known, found) if known else None
        video = known or _stand_alone(found, settings)
        if not known:
            _store_proxies(library, video, found)
        with progress.stage("store", len(found.vectors)) as stage:
            library.adopt(video, _state(found), _parts(found, facts, stage.advance))
        return _imported(video, found, "imported")


def _check_name(space: Space, appearance: Space) -> None:
    """Reserve the names of built-in spaces for vectors of those spaces."""
    own = f"Call it {OWN_SPACE}NAME in space.json."
    if space.name == "appearance" and space != appearance:
        raise SpaceError("The space is called appearance, but is not the appearance space of this version.", own)
    prefixed = any(space.name.startswith(begin) and space.name != begin for begin in (OWN_SPACE, TIMM_SPACE))
    if space.name not in ("appearance", "clip") and not prefixed:
        raise SpaceError(f"A space cannot be called {space.name!r}.", own)


def _known(library: Library, found: ExportedVectors) -> VideoRecord | None:
    """Look up the video by its content hash or, if that is missing, by its id."""
    sha256, name = found.video.get("sha256"), found.video.get("id")
    video = library.catalog.with_content(sha256) if sha256 else library.catalog.get(name or "")
    if video is None and name and (other := library.catalog.get(name)):
        raise import_error([f"space.json: {name} is in the library, but with other content (sha256 {other.sha256})"])
    if video is not None and not video.complete:
        raise LibraryError(
            f"The ingest of {video.name} is not complete, so its frames are not known yet.",
            f"{ingest_command(video)} continues it.",
        )
    return video


def _check_identity(library: Library, space: Space) -> None:
    """Reject a second identity for the name of a space, unless the library has it already."""
    stored = [
        state.space
        for video in library.catalog.videos()
        for name, state in library.catalog.spaces(video.id).items()
        if name == space.name
    ]
    if not stored or space in stored:
        return
    ours, theirs = asdict(stored[0]), asdict(space)
    differing = "; ".join(f"{key}: stored {ours[key]}, here {theirs[key]}" for key in ours if ours[key] != theirs[key])
    raise SpaceError(
        f"The library has a space {space.name} of another identity ({differing}).",
        f"Call this one {OWN_SPACE}NAME in space.json.",
    )


def _is_stored(library: Library, video: VideoRecord, found: ExportedVectors) -> bool:
    """Tell whether the same vectors are stored; other vectors in that space are never overwritten."""
    state = library.catalog.spaces(video.id).get(found.space.name)
    if state is None or not state.complete:
        return False
    rows = library.rows(video, found.space.name)
    same = state.space == found.space and np.array_equal(rows.indices, found.frames.indices)
    if same and np.allclose(rows.vectors, found.vectors, atol=_VECTOR_TOLERANCE):
        return True
    raise SpaceError(
        f"{video.name} has other vectors in the space {found.space.name}.",
        f"Call these {OWN_SPACE}NAME in space.json, or {command('videos', 'remove', video.id)} first.",
    )


def _facts(library: Library, video: VideoRecord, found: ExportedVectors) -> FrameRows:
    """Read the library's facts on the frames, and check that those of the import agree."""
    complete = [name for name, state in library.catalog.spaces(video.id).items() if state.complete]
    if not complete:
        raise LibraryError(
            f"{video.name} has no complete space to compare the frames with.",
            f"{ingest_command(video)} makes one." if video.source else "Import a complete one first.",
        )
    stored, given = library.rows(video, complete[0]), found.frames
    if len(given) != len(stored):
        raise import_error([f"{FRAMES} has {len(given)} frames, but {video.name} has {len(stored)} in the library"])
    faults = [
        f"{FRAMES}, line {line + 1}: this is frame {given.indices[line]}, but {video.name} has {stored.indices[line]}"
        for line in np.flatnonzero(given.indices != stored.indices)
    ]
    if not faults and "time" not in given.missing:
        faults = [
            f"{FRAMES}, line {line + 1}: the frame is at {stored.times[line]:g} s, not at {given.times[line]:g} s"
            for line in np.flatnonzero(np.abs(given.times - stored.times) > _TIME_TOLERANCE)
        ]
    if faults:
        raise import_error(faults)
    return stored


def _stand_alone(found: ExportedVectors, settings: Settings) -> VideoRecord:
    """Make a record for a video without a source; the files must state everything that a source would."""
    facts, missing = found.video, [f"video.{key}" for key in STAND_ALONE if key not in found.video]
    if missing or found.frames.missing:
        lacking = [f"space.json lacks {', '.join(missing)}"] * bool(missing)
        lacking += [f"{FRAMES} lacks {', '.join(found.frames.missing)}"] * bool(found.frames.missing)
        raise SpaceError(
            f"The library does not have this video, and {' and '.join(lacking)}.",
            "Ingest the video first, or add what is missing.",
        )
    height, width = found.proxies.shape[1:] if found.proxies is not None else (0, 0)
    return VideoRecord(
        id=_id(facts),
        name=facts["name"],
        source="",
        sha256=facts["sha256"],
        stamp="",
        kind=facts["kind"],
        fps=float(facts["fps"]),
        width=int(facts["width"]),
        height=int(facts["height"]),
        sampled_fps=float(facts.get("sampled_fps", 0)),
        short_side=int(facts.get("short_side", settings.ingest.size)),
        proxy_width=int(width),
        proxy_height=int(height) * 2 // 3,
        frames=len(found.frames),
        seconds=float(facts["seconds"]),
        complete=True,
    )


def _id(facts: dict[str, Any]) -> str:
    """Return the id in the files if it is valid, since it becomes a file name, or else a new one."""
    if re.fullmatch(rf"[a-z0-9-]{{1,40}}-{facts['sha256'][:8]}", facts.get("id", "")):
        return str(facts["id"])
    return video_id(Path(Path(facts["name"]).stem), facts["sha256"])


def _state(found: ExportedVectors) -> SpaceState:
    return SpaceState(found.space, len(found.vectors), complete=True, last_frame=int(found.frames.indices[-1]))


def import_embedded(library: Library, folder: Path, video: VideoRecord, state: SpaceState) -> None:
    """Import the vectors that a worker made of a source, with the record and the state that ingest gives them.

    The caller holds the writer's lock. The proxies are stored unless the library has them.

    Raises:
        SpaceError: The files are invalid, or are not those of the record.
    """
    found = read_portable(folder)
    if found.space != state.space or found.video.get("sha256") != video.sha256 or len(found.frames) != state.vectors:
        raise import_error([f"{folder} is not the {state.space.name} space of {video.name}"])
    known = any(stored.complete for stored in library.catalog.spaces(video.id).values())
    if not known:
        _store_proxies(library, video, found)
    facts = _facts(library, video, found) if known else None
    library.adopt(video, state, _parts(found, facts, lambda _: None))


def _store_proxies(library: Library, video: VideoRecord, found: ExportedVectors) -> None:
    if found.proxies is None:
        return
    file = library.proxies_file(video.id)
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("wb") as out:
        for start in range(0, len(found.proxies), _CHUNK):
            out.write(found.proxies[start : start + _CHUNK].tobytes())


def _parts(found: ExportedVectors, facts: FrameRows | None, advance: Callable[[int], None]) -> Iterator[FrameRows]:
    for start in range(0, len(found.vectors), _CHUNK):
        part = found.rows(slice(start, start + _CHUNK), facts)
        yield part
        advance(len(part))


def _imported(video: VideoRecord, found: ExportedVectors, state: Literal["imported", "unchanged"]) -> Imported:
    alone = not video.source
    cannot = ["render: the source is missing"] * alone
    cannot += ["solve: the proxies (proxies.npy) are missing"] * (alone and not video.proxy_width)
    return Imported(video.id, video.name, found.space.name, len(found.frames), state, alone, cannot)

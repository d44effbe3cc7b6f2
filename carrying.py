"""Vectors that leave the library as files, and vectors that were made elsewhere and come into it."""

import re
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from .errors import LibraryError, SpaceError, UsageError, command
from .frames import FrameRows, Space, VideoRecord, ingest_command
from .index.library import Library
from .index.lines import FRAMES, refused
from .index.portable import FILES, STAND_ALONE, Portable, check_export, read_portable, write_portable
from .outputs import Outputs, Overwrite, origin_of
from .progress import Progress
from .settings import OWN_SPACE, TIMM_SPACE, Settings

_CHUNK = 2000
_SAME_TIME = 1e-3
_SAME_VECTOR = 1e-6


@dataclass(frozen=True)
class Exported:
    """The files of one space of one video."""

    id: str
    space: str
    frames: int
    folder: str
    files: list[str]


@dataclass(frozen=True)
class Imported:
    """What became of an import; `cannot` says what the video is not good for."""

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
    """A video's vectors in one space, with all that is needed to import them where the video is not known."""
    from .ingest.proxy import ProxySize, read_proxies

    video = library.catalog.find(wanted)
    states = library.catalog.spaces(video.id)
    if space is None and len(states) != 1:
        raise UsageError(f"{video.name} has vectors in {', '.join(states) or 'no space'}.", "Say which with --space.")
    name = space or next(iter(states))
    check_export(folder, replace=True)
    outputs = Outputs(origin_of(video.sha256, video.id, name), overwrite, library=library.folder)
    outputs.claim(folder=folder, names=FILES)
    rows = library.rows(video, name)
    size = ProxySize(video.proxy_width, video.proxy_height)
    whole = video.proxy_width > 0 and library.has_proxies(video) and video.frames == len(rows)
    proxies = read_proxies(library.proxies_file(video.id), size, len(rows)) if whole else None
    with outputs.writing_folder(folder, FILES):
        files = write_portable(folder, video, states[name].space, rows, proxies, replace=True)
    return Exported(video.id, name, len(rows), str(folder), [file.name for file in files])


def import_vectors(library: Library, folder: Path, settings: Settings, progress: Progress) -> Imported:
    """Vectors into the library under their own identity: all of them or, whatever happens, none."""
    found = read_portable(folder)
    _check_name(found.space)
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
            library.adopt(video, found.space, len(found.vectors), _parts(found, facts, stage.advance))
        return _imported(video, found, "imported")


def _check_name(space: Space) -> None:
    """A name that Reelweave gives a meaning to is kept for vectors with that meaning."""
    from .ingest.appearance import Appearance

    own = f"Call it {OWN_SPACE}NAME in space.json."
    if space.name == "appearance" and space != Appearance.space:
        raise SpaceError("These vectors are called appearance, but are not those of this version.", own)
    prefixed = any(space.name.startswith(begin) and space.name != begin for begin in (OWN_SPACE, TIMM_SPACE))
    if space.name not in ("appearance", "clip") and not prefixed:
        raise SpaceError(f"A space cannot be called {space.name!r}.", own)


def _known(library: Library, found: Portable) -> VideoRecord | None:
    """The video of the same content or, where that is not said, of the same id."""
    sha256, name = found.video.get("sha256"), found.video.get("id")
    video = library.catalog.with_content(sha256) if sha256 else library.catalog.get(name or "")
    if video is None and name and (other := library.catalog.get(name)):
        raise refused([f"space.json: {name} is in the library, but with other content (sha256 {other.sha256})"])
    if video is not None and not video.complete:
        raise LibraryError(
            f"{video.name} is not complete: which frames it has is not known yet.",
            f"{ingest_command(video)} goes on with it.",
        )
    return video


def _check_identity(library: Library, space: Space) -> None:
    """One name means one thing in a library: no two identities share it unless they did so before."""
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


def _is_stored(library: Library, video: VideoRecord, found: Portable) -> bool:
    """Whether these very vectors are there; others of the same name are never overwritten."""
    state = library.catalog.spaces(video.id).get(found.space.name)
    if state is None or not state.complete:
        return False
    rows = library.rows(video, found.space.name)
    same = state.space == found.space and np.array_equal(rows.indices, found.frames.indices)
    if same and np.allclose(rows.vectors, found.vectors, atol=_SAME_VECTOR):
        return True
    raise SpaceError(
        f"{video.name} has other vectors in the space {found.space.name}.",
        f"Call these {OWN_SPACE}NAME in space.json, or {command('videos', 'remove', video.id)} first.",
    )


def _facts(library: Library, video: VideoRecord, found: Portable) -> FrameRows:
    """What the library knows of the frames, which an import must agree with."""
    complete = [name for name, state in library.catalog.spaces(video.id).items() if state.complete]
    if not complete:
        raise LibraryError(
            f"{video.name} has no complete space to compare frames with.",
            f"{ingest_command(video)} makes one." if video.source else "Import a complete one first.",
        )
    stored, given = library.rows(video, complete[0]), found.frames
    if len(given) != len(stored):
        raise refused([f"{FRAMES} has {len(given)} frames, but {video.name} has {len(stored)} in the library"])
    faults = [
        f"{FRAMES}, line {line + 1}: frame {given.indices[line]} stands where {video.name} has {stored.indices[line]}"
        for line in np.flatnonzero(given.indices != stored.indices)
    ]
    if not faults and "time" not in given.missing:
        faults = [
            f"{FRAMES}, line {line + 1}: the frame is at {stored.times[line]:g} s, not at {given.times[line]:g} s"
            for line in np.flatnonzero(np.abs(given.times - stored.times) > _SAME_TIME)
        ]
    if faults:
        raise refused(faults)
    return stored


def _stand_alone(found: Portable, settings: Settings) -> VideoRecord:
    """A record for a video whose source is not here; everything that a source would tell must be said."""
    said, lacking = found.video, [f"video.{key}" for key in STAND_ALONE if key not in found.video]
    if lacking or found.frames.missing:
        what = [f"space.json says no {', '.join(lacking)}"] * bool(lacking)
        what += [f"{FRAMES} says no {', '.join(found.frames.missing)}"] * bool(found.frames.missing)
        raise SpaceError(
            f"The library does not have this video, and {' and '.join(what)}.",
            "Ingest the video first, or say all of it.",
        )
    height, width = found.proxies.shape[1:] if found.proxies is not None else (0, 0)
    return VideoRecord(
        id=_id(said),
        name=said["name"],
        source="",
        sha256=said["sha256"],
        stamp="",
        kind=said["kind"],
        fps=float(said["fps"]),
        width=int(said["width"]),
        height=int(said["height"]),
        sampled_fps=float(said.get("sampled_fps", 0)),
        short_side=int(said.get("short_side", settings.ingest.size)),
        proxy_width=int(width),
        proxy_height=int(height) * 2 // 3,
        frames=len(found.frames),
        seconds=float(said["seconds"]),
        complete=True,
    )


def _id(said: dict[str, Any]) -> str:
    """The id that the video had, as far as it is one: it becomes the name of a file."""
    from .ingest.identity import video_id

    if re.fullmatch(rf"[a-z0-9-]{{1,40}}-{said['sha256'][:8]}", said.get("id", "")):
        return str(said["id"])
    return video_id(Path(Path(said["name"]).stem), said["sha256"])


def _store_proxies(library: Library, video: VideoRecord, found: Portable) -> None:
    if found.proxies is None:
        return
    file = library.proxies_file(video.id)
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("wb") as out:
        for start in range(0, len(found.proxies), _CHUNK):
            out.write(found.proxies[start : start + _CHUNK].tobytes())


def _parts(found: Portable, facts: FrameRows | None, advance: Callable[[int], None]) -> Iterator[FrameRows]:
    for start in range(0, len(found.vectors), _CHUNK):
        part = found.rows(slice(start, start + _CHUNK), facts)
        yield part
        advance(len(part))


def _imported(video: VideoRecord, found: Portable, state: Literal["imported", "unchanged"]) -> Imported:
    alone = not video.source
    cannot = ["render: its source is not here"] * alone
    cannot += ["solve: its small pictures (proxies.npy) are not here"] * (alone and not video.proxy_width)
    return Imported(video.id, video.name, found.space.name, len(found.frames), state, alone, cannot)

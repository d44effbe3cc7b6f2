"""How a source gets into the library: recognised where it is there already, gone on with where a run stopped."""

from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path

from .errors import SpaceError
from .frames import VideoRecord
from .index.library import Library
from .ingest.embedder import Embedder
from .ingest.source import open_source
from .progress import Progress
from .settings import Settings


def take_in(library: Library, path: Path, settings: Settings, progress: Progress) -> VideoRecord:
    """The record of a source with every space that is wanted; whatever is there already is not made again."""
    # What is called "." or ".." has a name of its own.
    path = path if path.name.strip(".") else path.resolve()
    open_source(path)
    known = _known(library, path)
    if known and _has_all(library, known, _wanted_spaces(settings, False, progress), settings):
        return known
    with library.writing(f"ingest {path.name}"):
        video = _recognised(library, path, settings)
        spaces = _wanted_spaces(settings, not video.complete, progress)
        if _has_all(library, video, spaces, settings):
            return video
        return _ingest(library, video, spaces, settings, progress)


def _known(library: Library, path: Path) -> VideoRecord | None:
    """The record of this very path, as long as neither its size nor its time of change differ."""
    from .ingest.identity import stamp

    record = library.catalog.at_source(str(path.resolve()))
    return record if record and record.stamp == stamp(path) else None


def _has_all(library: Library, video: VideoRecord, spaces: Sequence[str], settings: Settings) -> bool:
    """Whether a run would find nothing to do: found out without loading a model or opening the vectors."""
    states = library.catalog.spaces(video.id)
    complete = all(name in states and states[name].complete for name in spaces)
    same_model = "clip" not in spaces or "clip" not in states or states["clip"].space.model == settings.clip.model
    return video.complete and complete and same_model and _covers(video, settings) and library.has_proxies(video)


def _covers(video: VideoRecord, settings: Settings) -> bool:
    """Whether the stored frames serve this request: all of them serve any rate."""
    return video.short_side == settings.ingest.size and video.sampled_fps in (0, settings.ingest.fps)


def _wanted_spaces(settings: Settings, may_fetch: bool, progress: Progress) -> list[str]:
    from .ingest.families import CLIP
    from .ingest.weights import weights_fetchable, weights_here

    space, model = settings.ingest.space, settings.clip.model
    if space != "auto":
        several = {"all": ["appearance", "clip"], "fused": ["appearance", settings.solve.fused_with]}
        return several.get(space, [space])
    if weights_here(model, CLIP) or (may_fetch and weights_fetchable(model, CLIP)):
        return ["appearance", "clip"]
    if may_fetch:
        progress.note(
            f"No CLIP weights here ({model}): the clip space is left out. "
            "Go online once, or set clip.model to a local-dir: that holds them."
        )
    return ["appearance"]


def _recognised(library: Library, path: Path, settings: Settings) -> VideoRecord:
    """The record of a source: the library's own where it holds this content, whatever it was called then."""
    from .ingest.identity import content_hash, stamp
    from .ingest.run import describe

    sha256 = content_hash(path)
    stored = library.catalog.with_content(sha256)
    if stored and _covers(stored, settings):
        stored = replace(stored, name=path.name, source=str(path.resolve()), stamp=stamp(path))
        library.catalog.found_at(stored)
        return stored
    return describe(path, sha256, settings.ingest)


def _ingest(
    library: Library, video: VideoRecord, spaces: Sequence[str], settings: Settings, progress: Progress
) -> VideoRecord:
    from .ingest.run import ingest_video

    embedders = _embedders(spaces, settings, progress)
    _clear_other_sampling(library, video, settings, progress)
    video = _to_go_on_from(library, video, embedders, progress)
    try:
        done = ingest_video(video, library.catalog.spaces(video.id), embedders, library, settings.ingest, progress)
    finally:
        library.abandon(video.id)
    if done.problems:
        more = f" and {len(done.problems) - 1} more" if len(done.problems) > 1 else ""
        progress.note(f"{done.name} is damaged; {done.frames} frames came out of it ({done.problems[0]}{more}).")
    library.check_written(done, [e.space.name for e in embedders])
    return done


def _clear_other_sampling(library: Library, video: VideoRecord, settings: Settings, progress: Progress) -> None:
    """Frames taken at another rate or size give way, once it is certain that new ones can be made."""
    stored = library.catalog.with_content(video.sha256)
    if stored and not _covers(stored, settings):
        progress.note(f"{video.name} is in the library with other --fps or --size: it is ingested anew.")
        library.remove(stored)


def _to_go_on_from(
    library: Library, video: VideoRecord, embedders: Sequence[Embedder], progress: Progress
) -> VideoRecord:
    """What an earlier run stored, where the models are still the same and all of it is there; else a fresh start."""
    from .index.store import mismatch

    states = library.catalog.spaces(video.id)
    for embedder in embedders:
        state = states.get(embedder.space.name)
        if state and state.space != embedder.space:
            raise mismatch(video.name, asdict(state.space), asdict(embedder.space))
    if library.has_proxies(video) and library.has_vectors(video):
        return video
    progress.note(f"What the library had of {video.name} is damaged: it is ingested anew.")
    library.remove(video)
    return replace(video, frames=0, seconds=0.0, complete=False, problems=())


def _embedders(spaces: Sequence[str], settings: Settings, progress: Progress) -> list[Embedder]:
    """An embedder a space; under `auto` a CLIP that does not load is done without, and said so."""
    from .ingest.embedder import open_embedder

    embedders = []
    for name in spaces:
        embedder = open_embedder(name, settings.clip)
        try:
            _ = embedder.space
        except SpaceError as failed:
            if settings.ingest.space != "auto":
                raise
            progress.note(f"{failed.cause} The clip space is left out.")
            continue
        embedders.append(embedder)
    return embedders

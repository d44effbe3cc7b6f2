"""Ingest sources into a library: recognise known content, and resume where an earlier run stopped."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Literal

from ..errors import ReelweaveError, SourceError, SpaceError
from ..index.check import unchanged_videos
from ..index.library import Library, models_folder, open_library
from ..index.restore import needs_repair, repair_parts, restore_vectors
from ..index.transfer import Imported, import_vectors
from ..index.vectors import space_mismatch
from ..media.files import atomic
from ..media.identity import content_hash, source_hash, stamp
from ..media.source import Source, open_source
from ..media.types import Space, SpaceState, VideoRecord
from ..progress import SILENT, Progress
from ..settings import NetworkSettings, Settings
from .models.appearance import AppearanceEmbedder
from .models.embedder import Embedder
from .models.known import model_value
from .models.registry import open_embedder
from .models.speed import fastest_embedder
from .models.views import differs_in_view_only, library_view, view_of
from .models.weights import CLIP, weights_fetchable, weights_here
from .store_thread import Ingested, NewRows, StoreThread
from .video import describe, ingest_video, make_proxies

State = Literal["new", "unchanged", "renamed", "copy", "changed", "resume", "anew", "unreadable", "failed"]


@dataclass(frozen=True)
class IngestResult:
    """What happened to a source or, in a dry run, what would happen."""

    path: str
    state: State
    video: VideoRecord | None = None
    error: ReelweaveError | None = None


@dataclass(frozen=True)
class SourceMatch:
    """How a source relates to the library: its state, and the video with the same content if there is one."""

    state: State
    stamp: str
    sha256: str
    video: VideoRecord | None
    original_in_place: bool = False
    """Whether the source of that video is still where it was found."""


class Ingester:
    """Ingest sources into one library, one after another; models stay loaded between them."""

    def __init__(self, library: Library, settings: Settings, progress: Progress) -> None:
        self.library = library
        self.settings = settings
        self.progress = progress
        self._embedders: dict[str, Embedder | None] = {}

    def repair_library(self) -> None:
        """Rebuild the catalog or the vector store if either is damaged as a whole."""
        if needs_repair(self.library):
            for message in repair_parts(self.library, "ingest"):
                self.progress.note(message)

    def unchanged(self, path: Path) -> VideoRecord | None:
        """Return the record of this path if neither the source nor the request has changed, without reading it."""
        entry = self.library.catalog.at_source(str(path.resolve()))
        if not entry or not self._has_all(entry.video, self.spaces(False)):
            return None
        in_place = entry.video.source == str(path.resolve()) or self._original_in_place(entry.video, may_read=False)
        return entry.video if in_place and entry.stamp == stamp(path) else None

    def ingest(self, source: Source) -> IngestResult:
        """Embed a source in every requested space; whatever the library already holds is not made again.

        Args:
            source: An opened video file or folder of pictures.

        Returns:
            The record of the video, and how the source related to the library before.

        Raises:
            SourceError: If the source cannot be read.
            SpaceError: If a requested model cannot be loaded, or differs from the one used before.
        """
        path = source.path
        self.repair_library()
        if known := self.unchanged(path):
            source.hashed = stamp(path), known.sha256
            return IngestResult(str(path), "unchanged", known)
        with self.library.writing(f"ingest {path.name}"):
            match = self.match(source)
            video = self._record(source, match)
            spaces = self.spaces(not video.complete)
            if not self._has_all(video, spaces):
                video = self._ingest(video, source, spaces)
        return IngestResult(str(path), match.state, video)

    def match(self, source: Source) -> SourceMatch:
        """Find the video with the same content; the source is hashed only if its stamp has changed."""
        path = source.path
        entry, now = self.library.catalog.at_source(str(path.resolve())), stamp(path)
        if entry and entry.stamp == now:
            source.hashed = now, entry.video.sha256
        sha256 = source_hash(source)
        video = self.library.catalog.with_content(sha256)
        if video is None:
            return SourceMatch("changed" if entry else "new", now, sha256, None)
        known_here = entry is not None and entry.video.id == video.id
        in_place = known_here if video.source == str(path.resolve()) else self._original_in_place(video)
        return SourceMatch(self._state(video, known_here, in_place), now, sha256, video, in_place)

    def _state(self, video: VideoRecord, known_here: bool, in_place: bool) -> State:
        if not self._same_sampling(video):
            return "anew"
        if not self._has_all(video, self.spaces(False)):
            return "resume"
        if known_here and in_place:
            return "unchanged"
        return "copy" if in_place else "renamed"

    def _original_in_place(self, video: VideoRecord, *, may_read: bool = True) -> bool:
        """Tell whether a video's source is where it was found; a changed stamp can only be settled by reading it."""
        entry, source = self.library.catalog.at_source(video.source), Path(video.source)
        if not entry or entry.video.id != video.id:
            return False
        try:
            return entry.stamp == stamp(source) or (may_read and content_hash(source) == video.sha256)
        except SourceError:
            return False

    def _record(self, source: Source, match: SourceMatch) -> VideoRecord:
        """Return the record to continue with: a renamed video takes its new path, a copied one keeps its old."""
        video, place = match.video, str(source.path.resolve())
        if video is None or not self._same_sampling(video):
            return describe(source, match.sha256, self.settings.ingest)
        if video.source != place and match.original_in_place:
            self.library.catalog.copied_to(place, video.id, match.stamp)
            return video
        video = replace(video, name=source.path.name, source=place, stamp=match.stamp)
        self.library.catalog.found_at(video)
        return video

    def _has_all(self, video: VideoRecord, spaces: Sequence[str]) -> bool:
        """Tell whether there is nothing left to do, without loading a model or opening the vectors."""
        states = self.library.catalog.spaces(video.id)
        complete = all(name in states and states[name].complete for name in spaces)
        same_model = "clip" not in spaces or "clip" not in states or self._made_by_clip(states["clip"].space)
        fits = video.complete and complete and same_model and self._same_sampling(video)
        if not (fits and self.library.has_proxies(video)):
            return False
        return not any(self.library.vectors_fault(video, states[name]) for name in spaces)

    @cached_property
    def clip(self) -> NetworkSettings:
        """The settings of CLIP, with the view of the library's vectors if none is set."""
        return library_view(self.settings.clip, self.library.catalog.states_of("clip"))

    def _made_by_clip(self, space: Space) -> bool:
        return space.model == model_value(self.clip.model) and self.settings.clip.view in ("auto", view_of(space))

    def _same_sampling(self, video: VideoRecord) -> bool:
        """Tell whether the stored frames serve this request; a video with every frame serves any rate."""
        wanted = self.settings.ingest
        return video.short_side == wanted.size and video.sampled_fps in (0, wanted.fps)

    def spaces(self, may_fetch: bool) -> list[str]:
        """List the spaces that are requested; `auto` has CLIP if its weights are here, or `may_fetch` and can be."""
        space = self.settings.ingest.space
        if space != "auto":
            several = {"all": ["appearance", "clip"], "fused": ["appearance", self.settings.solve.fused_with]}
            return several.get(space, [space])
        return ["appearance", "clip"] if self._clip_here or (may_fetch and self._clip_fetchable) else ["appearance"]

    @cached_property
    def _clip_here(self) -> bool:
        return weights_here(self.settings.clip.model, CLIP)

    @cached_property
    def _clip_fetchable(self) -> bool:
        model = self.settings.clip.model
        if weights_fetchable(model, CLIP):
            return True
        self.progress.note(
            f"The CLIP weights of {model} are not on this machine, so the clip space is skipped. "
            "Go online once, or set clip.model to local-dir: and a folder that holds them."
        )
        return False

    def _ingest(self, video: VideoRecord, source: Source, spaces: Sequence[str]) -> VideoRecord:
        library, embedders = self.library, self._open_all(spaces)
        self._remove_other_sampling(video)
        video = self._resumable(video, source, embedders)
        try:
            states = library.catalog.spaces(video.id)
            done = ingest_video(video, source, states, embedders, library, self.settings.ingest, self.progress)
        finally:
            library.discard(video.id)
        self._note_damage(done)
        library.check_written(done, [e.space.name for e in embedders])
        return done

    def begin(self, source: Source) -> Ingested:
        """Ingest a source as `ingest` does, but store a new one in a thread, which the result waits for.

        Raises:
            SourceError: If the source cannot be read.
            SpaceError: If a requested model cannot be loaded, or differs from the one used before.
        """
        self.repair_library()
        match = self.match(source)
        if match.state != "new":
            known = self.ingest(source).video
            assert known
            return Ingested(known)
        video, embedders = describe(source, match.sha256, self.settings.ingest), self._open_all(self.spaces(True))
        thread = StoreThread(self.settings, video)
        try:
            self.library.expect_changes()
            rows, settings = NewRows(thread), self.settings.ingest
            done = ingest_video(video, source, {}, embedders, self.library, settings, self.progress, rows.write)
            self._note_damage(done)
            names = [embedder.space.name for embedder in embedders]
            thread.put(lambda library: library.check_written(done, names))
        except BaseException:
            thread.end()
            raise
        return Ingested(done, rows)

    def _note_damage(self, video: VideoRecord) -> None:
        if video.problems:
            more = f" and {len(video.problems) - 1} more" if len(video.problems) > 1 else ""
            self.progress.note(
                f"{video.name} is damaged: {video.frames} frames could be decoded ({video.problems[0]}{more})."
            )

    def needs_embedding(self, match: SourceMatch) -> bool:
        """Tell whether a known video lacks whole spaces, which a worker can make, and no part of what it has."""
        video = match.video
        if video is None or match.state == "anew":
            return True
        if match.state != "resume" or not video.complete:
            return match.state == "resume"
        states = self.library.catalog.spaces(video.id).values()
        return self.library.has_proxies(video) and not any(
            self.library.vectors_fault(video, state) for state in states if state.complete
        )

    def missing_spaces(self, source: Source, match: SourceMatch) -> list[str]:
        """Return the spaces that a known video lacks: all, if its frames have to be made anew."""
        if match.video is None or match.state == "anew" or not match.video.complete:
            return self.spaces(True)
        states = self.library.catalog.spaces(self._record(source, match).id)
        outdated = {"clip"} if "clip" in states and not self._made_by_clip(states["clip"].space) else set()
        return [
            name for name in self.spaces(True) if name in outdated or name not in states or not states[name].complete
        ]

    def record_to_store(self, video: VideoRecord, states: Sequence[SpaceState]) -> VideoRecord:
        """Return the record under which to store what a worker made of a source, and remove what that replaces.

        Raises:
            SpaceMismatch: The library has vectors of another model.
        """
        stored = self.library.catalog.with_content(video.sha256)
        if stored is None or not stored.complete or not self._same_sampling(stored):
            self._remove_other_sampling(video)
            if stored and self._same_sampling(stored):
                self.library.remove(stored)
            self._note_damage(video)
            return video
        self._remove_other_view(stored, [state.space for state in states])
        return stored

    def _remove_other_view(self, video: VideoRecord, wanted: Sequence[Space]) -> None:
        """Remove vectors that show another part of the frames than `clip.view` asks for.

        Raises:
            SpaceMismatch: The vectors differ from the wanted ones in more than that.
        """
        known = self.library.catalog.spaces(video.id)
        for space in wanted:
            stored = known[space.name].space if space.name in known else space
            if stored == space:
                continue
            if not differs_in_view_only(stored, space):
                raise space_mismatch(video.name, video.id, asdict(stored), asdict(space))
            self.progress.note(
                f"The clip vectors of {video.name} have the view {view_of(stored)}: making them again with the view "
                f"{view_of(space)}."
            )
            # In this order: if interrupted, the vectors count as lost, and the next run makes them.
            self.library.store.remove(video.id, space.name)
            self.library.catalog.save(video, [SpaceState(space)])

    def _remove_other_sampling(self, video: VideoRecord) -> None:
        """Remove frames sampled at another rate or size; called only once the models for new ones are loaded."""
        stored = self.library.catalog.with_content(video.sha256)
        if stored and not self._same_sampling(stored):
            self.progress.note(f"{video.name} was ingested with another --fps or --size: ingesting it again.")
            self.library.remove(stored)

    def _resumable(self, video: VideoRecord, source: Source, embedders: Sequence[Embedder]) -> VideoRecord:
        """Return the record to resume from; models other than those of the stored vectors are an error."""
        self._remove_other_view(video, [embedder.space for embedder in embedders])
        if not video.proxy_width:
            # It was imported without proxies, and its source has turned up.
            return replace(describe(source, video.sha256, self.settings.ingest), id=video.id)
        return self._restored(video, source)

    def _restored(self, video: VideoRecord, source: Source) -> VideoRecord:
        """Restore lost proxies and vectors; vectors that cannot be restored are marked as not yet made."""
        library, states = self.library, self.library.catalog.spaces(video.id).values()
        lost = [state for state in library.lost_spaces(video) if not restore_vectors(library, video, state)]
        if lost:
            names = " and ".join(state.space.name for state in lost)
            self.progress.note(f"The {names} vectors of {video.name} are lost or damaged: computing them again.")
        no_proxies = not library.has_proxies(video)
        if no_proxies and len(lost) == sum(state.vectors > 0 for state in states):
            video = _without_frames(video)
        for state in lost:
            library.forget_vectors(video, state)
        return self._with_proxies(video, source) if no_proxies and video.frames else video

    def _with_proxies(self, video: VideoRecord, source: Source) -> VideoRecord:
        """Write the proxies again; if the source no longer yields the same frames, start from scratch."""
        self.progress.note(f"The proxies of {video.name} are lost or damaged: writing them again.")
        with atomic(self.library.proxies_file(video.id), parents=True) as part:
            if make_proxies(video, source, part, self.progress):
                return video
        self.progress.note(f"{video.name} no longer decodes to the frames that are stored: ingesting it again.")
        self.library.remove(video)
        return _without_frames(video)

    def _open_all(self, spaces: Sequence[str]) -> list[Embedder]:
        for name in spaces:
            if name not in self._embedders:
                self._embedders[name] = self._open(name)
        return [embedder for name in spaces if (embedder := self._embedders[name])]

    def _open(self, name: str) -> Embedder | None:
        """Open the embedder of a space; under `auto`, skip a CLIP model that fails to load and note it."""
        embedder = open_embedder(name, self.clip)
        try:
            _ = embedder.space
        except SpaceError as failed:
            if self.settings.ingest.space != "auto":
                raise
            self.progress.note(f"{failed.cause} The clip space is skipped.")
            return None
        if name == "clip" and self.settings.clip.view == "auto" and self.clip.view == "crop":
            self.progress.note(
                "The clip vectors of this library show only the centre of each frame, and so will new ones. "
                "`ingest --view whole` remakes those of the videos that it is given, from whole frames."
            )
        return fastest_embedder(
            embedder, self.clip, models_folder(self.library.folder), lambda text: self.progress.note(text)
        )


def _without_frames(video: VideoRecord) -> VideoRecord:
    return replace(video, frames=0, seconds=0.0, complete=False, problems=())


def complete_video(
    wanted: str, settings: Settings, progress: Progress = SILENT, space: str | None = None
) -> VideoRecord:
    """Finish the ingest of a video in the library, with the sampling it was begun with; return its record."""
    with open_library(settings) as library:
        video = library.catalog.find(wanted)
        unchanged_videos([video], progress)
        sampling = {"space": space or settings.ingest.space, "fps": video.sampled_fps, "size": video.short_side}
        ingest = settings.ingest.model_copy(update=sampling)
        source = open_source(Path(video.source), ingest.pictures_fps)
        Ingester(library, settings.model_copy(update={"ingest": ingest}), progress).ingest(source)
        return library.catalog.find(video.id)


def import_video(folder: Path, settings: Settings, progress: Progress = SILENT) -> Imported:
    """Add the vectors in a folder such as `export_video` writes to the library, under their own identity."""
    with open_library(settings) as library:
        return import_vectors(library, folder, settings, progress, AppearanceEmbedder.space)

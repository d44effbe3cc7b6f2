"""How sources get into the library: recognised where they are there already, gone on with where a run stopped."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Literal

from .errors import ReelweaveError, SourceError, SpaceError
from .frames import VideoRecord
from .index.library import Library, models_folder
from .ingest.embedder import Embedder
from .ingest.source import open_source
from .progress import Progress
from .settings import Settings

State = Literal["new", "unchanged", "renamed", "copy", "changed", "resume", "anew", "unreadable", "failed"]


@dataclass(frozen=True)
class Taken:
    """What became of a source or, in a dry run, what would."""

    path: str
    state: State
    video: VideoRecord | None = None
    error: ReelweaveError | None = None


@dataclass(frozen=True)
class Standing:
    """How a source stands to what the library holds: the video of the same content, where there is one."""

    state: State
    stamp: str
    sha256: str
    video: VideoRecord | None
    at_home: bool = False
    """Whether that video's own source still lies where it was found."""


class Intake:
    """Takes sources into one library, one after another; models and what the hub said are kept between them."""

    def __init__(self, library: Library, settings: Settings, progress: Progress) -> None:
        self.library = library
        self.settings = settings
        self.progress = progress
        self._embedders: dict[str, Embedder | None] = {}

    def repair_library(self) -> None:
        """Make the catalog or the store again where it is damaged as a whole."""
        from .index.restore import needs_repair, repair_parts

        if needs_repair(self.library):
            for told in repair_parts(self.library, "ingest"):
                self.progress.note(told)

    def unchanged(self, path: Path) -> VideoRecord | None:
        """The record of this very path, where neither its stamp nor what is wanted differs; nothing is read for it."""
        from .ingest.identity import stamp

        place = self.library.catalog.at_source(str(path.resolve()))
        if not place or not self._has_all(place.video, self._spaces(False)):
            return None
        at_home = place.video.source == str(path.resolve()) or self._untouched(place.video)
        return place.video if at_home and place.stamp == stamp(path) else None

    def take(self, path: Path) -> Taken:
        """The record of a source with every space that is wanted; whatever is there already is not made again."""
        # What is called "." or ".." has a name of its own.
        path = path if path.name.strip(".") else path.resolve()
        open_source(path)
        self.repair_library()
        if known := self.unchanged(path):
            return Taken(str(path), "unchanged", known)
        with self.library.writing(f"ingest {path.name}"):
            found = self.standing(path)
            video = self._placed(path, found)
            spaces = self._spaces(not video.complete)
            if not self._has_all(video, spaces):
                video = self._ingest(video, spaces)
        return Taken(str(path), found.state, video)

    def standing(self, path: Path) -> Standing:
        """Recognise a source by its content; it is read only where its stamp is not that of its last visit."""
        from .ingest.identity import content_hash, stamp

        place, now = self.library.catalog.at_source(str(path.resolve())), stamp(path)
        sha256 = place.video.sha256 if place and place.stamp == now else content_hash(path)
        video = self.library.catalog.with_content(sha256)
        if video is None:
            return Standing("changed" if place else "new", now, sha256, None)
        known_here = place is not None and place.video.id == video.id
        at_home = known_here if video.source == str(path.resolve()) else self._still_there(video)
        return Standing(self._state(video, known_here, at_home), now, sha256, video, at_home)

    def _state(self, video: VideoRecord, known_here: bool, at_home: bool) -> State:
        if not self._covers(video):
            return "anew"
        if not self._has_all(video, self._spaces(False)):
            return "resume"
        if known_here and at_home:
            return "unchanged"
        return "copy" if at_home else "renamed"

    def _still_there(self, video: VideoRecord) -> bool:
        """Whether a video's source lies, with the same content, where it was found."""
        from .ingest.identity import content_hash

        if self._untouched(video):
            return True
        place = self.library.catalog.at_source(video.source)
        try:
            return bool(place and place.video.id == video.id and content_hash(Path(video.source)) == video.sha256)
        except SourceError:
            return False

    def _untouched(self, video: VideoRecord) -> bool:
        """The same as far as can be told without reading it."""
        from .ingest.identity import stamp

        place = self.library.catalog.at_source(video.source)
        try:
            return bool(place and place.video.id == video.id and place.stamp == stamp(Path(video.source)))
        except SourceError:
            return False

    def _placed(self, path: Path, found: Standing) -> VideoRecord:
        """The record to go on with: a renamed video goes by its new name, a copied one stays where it was."""
        from .ingest.run import describe

        video, source = found.video, str(path.resolve())
        if video is None or not self._covers(video):
            return describe(path, found.sha256, self.settings.ingest)
        if video.source != source and found.at_home:
            self.library.catalog.copied_to(source, video.id, found.stamp)
            return video
        video = replace(video, name=path.name, source=source, stamp=found.stamp)
        self.library.catalog.found_at(video)
        return video

    def _has_all(self, video: VideoRecord, spaces: Sequence[str]) -> bool:
        """Whether a run would find nothing to do: found out without loading a model or opening the vectors."""
        states = self.library.catalog.spaces(video.id)
        complete = all(name in states and states[name].complete for name in spaces)
        model = self.settings.clip.model
        same_model = "clip" not in spaces or "clip" not in states or states["clip"].space.model == model
        if not (video.complete and complete and same_model and self._covers(video) and self.library.has_proxies(video)):
            return False
        return not any(self.library.vectors_fault(video, states[name]) for name in spaces)

    def _covers(self, video: VideoRecord) -> bool:
        """Whether the stored frames serve this request: all of them serve any rate."""
        wanted = self.settings.ingest
        return video.short_side == wanted.size and video.sampled_fps in (0, wanted.fps)

    def _spaces(self, may_fetch: bool) -> list[str]:
        space = self.settings.ingest.space
        if space != "auto":
            several = {"all": ["appearance", "clip"], "fused": ["appearance", self.settings.solve.fused_with]}
            return several.get(space, [space])
        return ["appearance", "clip"] if self._clip_here or (may_fetch and self._clip_fetchable) else ["appearance"]

    @cached_property
    def _clip_here(self) -> bool:
        from .ingest.families import CLIP
        from .ingest.weights import weights_here

        return weights_here(self.settings.clip.model, CLIP)

    @cached_property
    def _clip_fetchable(self) -> bool:
        from .ingest.families import CLIP
        from .ingest.weights import weights_fetchable

        model = self.settings.clip.model
        if weights_fetchable(model, CLIP):
            return True
        self.progress.note(
            f"No CLIP weights here ({model}): the clip space is left out. "
            "Go online once, or set clip.model to a local-dir: that holds them."
        )
        return False

    def _ingest(self, video: VideoRecord, spaces: Sequence[str]) -> VideoRecord:
        from .ingest.run import ingest_video

        library, embedders = self.library, self._opened(spaces)
        self._clear_other_sampling(video)
        video = self._to_go_on_from(video, embedders)
        try:
            done = ingest_video(
                video, library.catalog.spaces(video.id), embedders, library, self.settings.ingest, self.progress
            )
        finally:
            library.abandon(video.id)
        if done.problems:
            more = f" and {len(done.problems) - 1} more" if len(done.problems) > 1 else ""
            told = f"{done.frames} frames came out of it ({done.problems[0]}{more})."
            self.progress.note(f"{done.name} is damaged; {told}")
        library.check_written(done, [e.space.name for e in embedders])
        return done

    def _clear_other_sampling(self, video: VideoRecord) -> None:
        """Frames taken at another rate or size give way, once it is certain that new ones can be made."""
        stored = self.library.catalog.with_content(video.sha256)
        if stored and not self._covers(stored):
            self.progress.note(f"{video.name} is in the library with other --fps or --size: it is ingested anew.")
            self.library.remove(stored)

    def _to_go_on_from(self, video: VideoRecord, embedders: Sequence[Embedder]) -> VideoRecord:
        """What an earlier run stored, where the models are the same and all of it is there; else a fresh start."""
        from .index.store import mismatch

        states = self.library.catalog.spaces(video.id)
        for embedder in embedders:
            state = states.get(embedder.space.name)
            if state and state.space != embedder.space:
                raise mismatch(video.name, video.id, asdict(state.space), asdict(embedder.space))
        if not video.proxy_width:
            # It was imported without small pictures, and its source has turned up.
            return self._described_anew(video)
        return self._with_lost_parts(video)

    def _with_lost_parts(self, video: VideoRecord) -> VideoRecord:
        """The record to go on with once what is lost is made again or, for vectors, is no longer vouched for."""
        from .index.restore import restore_vectors

        library, states = self.library, self.library.catalog.spaces(video.id).values()
        lost = [state for state in library.lost_spaces(video) if not restore_vectors(library, video, state)]
        if lost:
            named = " and ".join(state.space.name for state in lost)
            self.progress.note(f"The {named} vectors of {video.name} are lost or damaged: they are made anew.")
        no_proxies = not library.has_proxies(video)
        if no_proxies and len(lost) == sum(state.vectors > 0 for state in states):
            video = replace(video, frames=0, seconds=0.0, complete=False, problems=())
        for state in lost:
            library.take_back(video, state)
        return self._with_proxies(video) if no_proxies and video.frames else video

    def _with_proxies(self, video: VideoRecord) -> VideoRecord:
        """Make the small pictures again; where the source no longer yields the same frames, all is made anew."""
        from .index.whole import whole
        from .ingest.run import make_proxies

        self.progress.note(f"The small pictures of {video.name} are lost or damaged: they are made anew.")
        with whole(self.library.proxies_file(video.id)) as part:
            if make_proxies(video, part, self.settings.ingest, self.progress):
                return video
        self.progress.note(f"{video.name} no longer decodes to the frames that were stored: it is ingested anew.")
        self.library.remove(video)
        return replace(video, frames=0, seconds=0.0, complete=False, problems=())

    def _described_anew(self, video: VideoRecord) -> VideoRecord:
        from .ingest.run import describe

        return replace(describe(Path(video.source), video.sha256, self.settings.ingest), id=video.id)

    def _opened(self, spaces: Sequence[str]) -> list[Embedder]:
        for name in spaces:
            if name not in self._embedders:
                self._embedders[name] = self._open(name)
        return [embedder for name in spaces if (embedder := self._embedders[name])]

    def _open(self, name: str) -> Embedder | None:
        """The embedder of a space; under `auto` a CLIP that does not load is done without, and said so."""
        from .ingest.embedder import open_embedder
        from .ingest.quick import quickened

        embedder = open_embedder(name, self.settings.clip)
        try:
            _ = embedder.space
        except SpaceError as failed:
            if self.settings.ingest.space != "auto":
                raise
            self.progress.note(f"{failed.cause} The clip space is left out.")
            return None
        return quickened(
            embedder, self.settings.clip, models_folder(self.library.folder), lambda text: self.progress.note(text)
        )

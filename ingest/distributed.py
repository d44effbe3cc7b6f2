"""Ingest many sources by the workers of an engine: they embed, and this process alone writes to the library."""

import shutil
from collections import deque
from collections.abc import Generator, Iterator
from contextlib import closing, nullcontext
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TypeAlias, cast

from ..engine.task import Engine, FilePiece
from ..errors import EngineError, ReelweaveError
from ..index.library import Library
from ..index.transfer import import_embedded
from ..media.identity import stamp
from ..media.source import open_source
from ..progress import Progress
from ..settings import Settings
from .discover import DiscoveredSources
from .ingester import Ingester, IngestResult, State
from .long_videos import LongVideo, cut, whole_note
from .many import VIDEOS_BEFORE_REST, NewFiles, attempt, megabytes, unchanged_sources, unreachable
from .segments import NotEqualError
from .worker import EmbeddedSegment, EmbeddedVideo, EmbedJob, SegmentJob, embed_segment, embed_source


@dataclass(frozen=True)
class _Job(EmbedJob):
    """A source for a worker, and how it relates to the library."""

    state: State


_Work: TypeAlias = EmbedJob | SegmentJob
_Done: TypeAlias = EmbeddedVideo | EmbeddedSegment


def _embed(job: _Work) -> Generator[FilePiece, None, _Done]:
    return embed_segment(job) if isinstance(job, SegmentJob) else embed_source(job)


def ingest_distributed(
    engine: Engine, library: Library, discovered: DiscoveredSources, settings: Settings, progress: Progress
) -> Iterator[IngestResult]:
    """Ingest the discovered sources, and yield each as soon as it is stored.

    The writer's lock is held throughout. What is stored when the run ends early is complete; the next run does the
    rest. Sources that need no embedding, and those of which the library has lost a part, are done in this process.
    """
    yield from unreachable(discovered)
    with library.writing("ingest"):
        run = _Run(engine, library, settings, progress)
        run.ingester.repair_library()
        library.clear_leftovers()
        try:
            yield from run.ingest(discovered.sources)
        finally:
            shutil.rmtree(run.arriving, ignore_errors=True)


class _Run:
    def __init__(self, engine: Engine, library: Library, settings: Settings, progress: Progress) -> None:
        self.engine, self.library, self.settings, self.progress = engine, library, settings, progress
        self.ingester = Ingester(library, settings, progress)
        self.arriving = library.cache / "arriving"
        self._imported = 0
        self._long: dict[int, LongVideo] = {}

    def ingest(self, sources: list[Path]) -> Iterator[IngestResult]:
        known = unchanged_sources(self.ingester, sources)
        yield from (known[path] for path in sources if path in known)
        rest = [path for path in sources if path not in known]
        sizes = {path: megabytes(path) for path in rest}
        with self.progress.stage(f"{len(rest)} sources, MB", sum(sizes.values())) if rest else nullcontext() as stage:
            while rest:
                copies: list[Path] = []
                for result in self._round(rest, copies):
                    if stage:
                        stage.advance(sizes[Path(result.path)])
                    yield result
                # Their originals are in the library now, or have failed.
                rest = copies

    def _round(self, sources: list[Path], copies: list[Path]) -> Iterator[IngestResult]:
        """Ingest sources, but leave `copies` of others among them for the next round."""
        early = deque[IngestResult]()
        with closing(self.engine.run(_embed, self._jobs(sources, copies, early), self._folder)) as work:
            for job, done in work:
                if isinstance(job, SegmentJob):
                    long = self._long[job.whole.number]
                    if not long.add(job, cast(EmbeddedSegment | Exception, done)):
                        continue
                    job, done = long.whole, self._joined(long)
                yield self._store(cast(_Job, job), cast(EmbeddedVideo | Exception, done))
                while early:
                    yield early.popleft()
        yield from early

    def _folder(self, job: _Work) -> Path:
        """Return where the files of a source or of a segment arrive."""
        if isinstance(job, SegmentJob):
            return self._folder(job.whole) / f"part{job.part}"
        return self.arriving / str(job.number)

    def _joined(self, long: LongVideo) -> EmbeddedVideo | Exception:
        """Join the segments of a video; where they would not equal one pass, embed it as a whole."""
        del self._long[long.whole.number]
        try:
            try:
                return self._join(long)
            except NotEqualError as refused:
                self.progress.note(whole_note(long.whole.path, refused))
                return cast(EmbeddedVideo, self._one(long.whole))
        except Exception as failed:
            return failed

    def _join(self, long: LongVideo) -> EmbeddedVideo:
        long.check()
        for part in range(1, len(long.segments)):
            if distinct := long.repeats(part):
                long.arrived[part] = cast(EmbeddedSegment, self._one(long.job(part, distinct)))
        return long.join()

    def _one(self, job: _Work) -> _Done:
        """Let a worker do one more job, and raise the exception that it may end with."""
        ((_, done),) = self.engine.run(_embed, [job], self._folder)
        if isinstance(done, Exception):
            raise done
        return done

    def _jobs(self, sources: list[Path], copies: list[Path], early: "deque[IngestResult]") -> Iterator[_Work]:
        """Make jobs as the engine asks for them; put the results of sources that need no worker into `early`."""
        new_files = NewFiles(self.library)
        for number, path in enumerate(sources):
            job = attempt(self.library, path, partial(self._job, new_files, copies, number))
            if isinstance(job, IngestResult):
                early.append(job)
            elif job:
                long = cut(job, self._folder(job), self.engine.workers, self.progress.note)
                if long:
                    self._long[job.number] = long
                yield from long.jobs() if long else (job,)

    def _job(self, new_files: NewFiles, copies: list[Path], number: int, path: Path) -> _Job | IngestResult | None:
        source, now = open_source(path, self.settings.ingest.pictures_fps), stamp(path)
        entry = self.library.catalog.at_source(str(path.resolve()))
        state: State = "changed" if entry else "new"
        spaces = self.ingester.spaces(may_fetch=True)
        if new_files.may_be_stored(now) or (entry and entry.stamp == now):
            match = self.ingester.match(source)
            if match.video and not self.ingester.needs_embedding(match):
                return self.ingester.ingest(source)
            if match.video:
                spaces = self.ingester.missing_spaces(source, match)
            state = match.state
        elif new_files.is_copy(source, now):
            copies.append(path)
            return None
        settings = self.settings.model_copy(update={"clip": self.ingester.clip})
        return _Job(path, now, tuple(spaces), settings, number, state)

    def _store(self, job: _Job, done: EmbeddedVideo | Exception) -> IngestResult:
        folder = self._folder(job)
        try:
            return attempt(self.library, job.path, lambda _: self._import(job, done, folder))
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def _import(self, job: _Job, done: EmbeddedVideo | Exception, folder: Path) -> IngestResult:
        if isinstance(done, Exception):
            raise _about(job.path, done)
        for note in done.notes:
            self.progress.note(note)
        video = self.ingester.record_to_store(replace(done.video, stamp=job.stamp), done.states)
        for number, state in enumerate(done.states):
            import_embedded(self.library, folder / str(number), video, state)
        self._imported += 1
        if self._imported % VIDEOS_BEFORE_REST == 0:
            self.library.release()
        return IngestResult(str(job.path), job.state, video)


def _about(path: Path, error: Exception) -> Exception:
    """Name the source in an error that does not."""
    if isinstance(error, EngineError):
        return EngineError(f"{path} was not ingested. {error.cause}", error.remedy)
    if isinstance(error, ReelweaveError | OSError):
        return error
    return EngineError(f"{path} was not ingested: {type(error).__name__}: {error}")

"""What one window has of a video with broken frames: what was found, what its user knows better, what was made."""

import json
import shutil
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Lock
from typing import Self

from ...errors import UsageError
from ...index.overwrite import Outputs, content_origin
from ...media.files import atomic
from ...progress import Progress
from ...render.gaps import Gap
from ...render.report.repair_page import GapStrip
from ...repair import survey
from ...repair.repair import find_broken_frames, replace_broken_frames
from ...repair.survey import RepairResult, Survey
from ...settings import Settings
from ..context import PageContext
from ..reconstruct.reconstruct_job import playable_copy
from ..uploads import shown, source_of_kept, uploaded


@dataclass(frozen=True)
class RepairedFilm:
    """A film without the broken frames, and what was done to each."""

    film: Path
    before: Path
    listed: Path
    done: RepairResult
    broken: tuple[int, ...]
    """Those that it was made without."""


@dataclass(frozen=True)
class RepairState:
    folder: Path
    """Under which all lies that was made for it."""
    source: Path
    looked: Survey
    trained: bool
    """Whether a detector that was trained looked, rather than the rules."""
    clean: frozenset[int] = frozenset()
    broken: frozenset[int] = frozenset()
    """Frames that the user knows to be clean, or to be broken, against what was found."""
    strips: Sequence[GapStrip] = ()
    made: RepairedFilm | None = None

    @property
    def seen(self) -> Survey:
        return self.looked.corrected(self.clean, self.broken)

    @property
    def stale(self) -> bool:
        """Whether the film was made with other frames in mind."""
        return self.made is not None and self.made.broken != tuple(self.seen.broken)

    def marked(self, frames: Collection[int], broken: bool) -> Self:
        """The case where the user says of frames what they are."""
        found, told = frozenset(self.looked.broken), frozenset(frames)
        if broken:
            return replace(self, clean=self.clean - told, broken=self.broken | (told - found))
        return replace(self, clean=self.clean | (told & found), broken=self.broken - told)

    def toggled(self, frames: Collection[int]) -> Self:
        """Frames that are all taken for broken are clean, and else broken."""
        return self.marked(frames, not set(frames) <= set(self.seen.broken))

    def repaired(self, done: tuple[RepairedFilm, Sequence[GapStrip]]) -> Self:
        return replace(self, made=done[0], strips=done[1])


class RepairStates:
    """The cases of all windows, by session; each change is made whole."""

    def __init__(self) -> None:
        self._cases: dict[str, RepairState] = {}
        self._lock = Lock()

    def of(self, session: str | None) -> RepairState | None:
        return self._cases.get(session or "")

    def put(self, session: str | None, case: RepairState) -> None:
        with self._lock:
            old = self._cases.get(session or "")
            self._cases[session or ""] = case
        _put_away(old)

    def change(
        self, session: str | None, folder: Path, how: Callable[[RepairState], RepairState]
    ) -> RepairState | None:
        """The window's case after a change, where it is still that of the folder."""
        with self._lock:
            case = self.of(session)
            if case is None or case.folder != folder:
                return None
            self._cases[session or ""] = how(case)
            return self._cases[session or ""]

    def clear(self, session: str | None) -> None:
        with self._lock:
            old = self._cases.pop(session or "", None)
        _put_away(old)


def _put_away(case: RepairState | None) -> None:
    if case:
        shutil.rmtree(case.folder, ignore_errors=True)


def source_of(context: PageContext, upload: str | None, picked: str | None, place: str) -> Path:
    """The video that was dropped, named by its path, or picked from the library."""
    if upload:
        return uploaded(context, upload)
    if place.strip():
        return context.named(place.strip())
    if not picked:
        raise UsageError("No video was given.", "Drop one, name one of this machine, or pick one of the library.")
    return source_of_kept(context, picked)


def begin(context: PageContext, source: Path, detector: Path | None, progress: Progress) -> RepairState:
    """What is broken in a video, and pictures of it."""
    seen = find_broken_frames(source, context.settings, progress, detector=detector)
    with context.new_folder("repair") as folder:
        strips = _strips(source, None, seen, _gaps(seen), None, progress)
        return RepairState(folder, source, seen, detector is not None, strips=strips)


def repair(case: RepairState, settings: Settings, progress: Progress) -> tuple[RepairedFilm, Sequence[GapStrip]]:
    """The film with its broken frames replaced, as the case has them now, and pictures of it."""
    seen, name = case.seen, case.source.stem
    if not seen.broken:
        raise UsageError("No frame is to be replaced.", "Mark frames as broken first.")
    film = case.folder / f"{name}.repaired.mp4"
    done = replace_broken_frames(case.source, seen, settings, progress, output=film)
    strips = _strips(case.source, film, seen, survey.gaps_in(seen, settings), done, progress)
    listed = case.folder / f"{name}.repaired.json"
    told = done.data() | {"video": case.source.name, "output": film.name}
    with Outputs(content_origin(case.source)).writing(listed), atomic(listed) as part:
        part.write_text(json.dumps(told, indent=1), encoding="utf-8")
    return RepairedFilm(film, _before(case, progress), listed, done, tuple(seen.broken)), strips


def _before(case: RepairState, progress: Progress) -> Path:
    """The video as it was given, where the page may show it."""
    target = case.folder / "given.mp4"
    if target.exists():
        return target
    frames, guessed = len(case.looked.verdicts), case.looked.guessed
    source = playable_copy(case.source, frames, target, progress, guessed=guessed)
    return source if source == target else shown(source, target)


def _gaps(seen: Survey) -> list[Gap]:
    """All of them, whatever is made of each; none where everything is broken."""
    from ...render.gaps import gaps_of

    frames = len(seen.verdicts)
    return gaps_of(seen.broken, frames, frames) if len(seen.broken) < frames else []


def _strips(
    source: Path, film: Path | None, seen: Survey, gaps: list[Gap], done: RepairResult | None, progress: Progress
) -> list[GapStrip]:
    ways = [way for _, way in done.found] if done else survey.unfilled(gaps)
    return survey.gap_strips(source, film, seen, gaps, ways, progress) if gaps else []

"""What one window has of a video with broken frames: what was found, what its user knows better, what was made."""

import json
import shutil
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Lock
from typing import Self

from .. import pipeline, repairing
from ..errors import UsageError
from ..files import atomic
from ..outputs import Outputs, content_origin
from ..progress import Progress
from ..render.gaps import Gap
from ..render.strips import Strip
from ..repairing import Repair, Survey
from ..settings import Settings
from .files import shown, source_of_kept, uploaded
from .house import House


@dataclass(frozen=True)
class Made:
    """A film without the broken frames, and what was done to each."""

    film: Path
    before: Path
    listed: Path
    done: Repair
    broken: tuple[int, ...]
    """Those that it was made without."""


@dataclass(frozen=True)
class Case:
    folder: Path
    """Under which all lies that was made for it."""
    source: Path
    looked: Survey
    trained: bool
    """Whether a detector that was trained looked, rather than the rules."""
    clean: frozenset[int] = frozenset()
    broken: frozenset[int] = frozenset()
    """Frames that the user knows to be clean, or to be broken, against what was found."""
    strips: Sequence[Strip] = ()
    made: Made | None = None

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

    def repaired(self, done: tuple[Made, Sequence[Strip]]) -> Self:
        return replace(self, made=done[0], strips=done[1])


class Cases:
    """The cases of all windows, by session; each change is made whole."""

    def __init__(self) -> None:
        self._cases: dict[str, Case] = {}
        self._lock = Lock()

    def of(self, session: str | None) -> Case | None:
        return self._cases.get(session or "")

    def put(self, session: str | None, case: Case) -> None:
        with self._lock:
            old = self._cases.get(session or "")
            self._cases[session or ""] = case
        _put_away(old)

    def change(self, session: str | None, folder: Path, how: Callable[[Case], Case]) -> Case | None:
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


def _put_away(case: Case | None) -> None:
    if case:
        shutil.rmtree(case.folder, ignore_errors=True)


def source_of(house: House, upload: str | None, picked: str | None, place: str) -> Path:
    """The video that was dropped, named by its path, or picked from the library."""
    if upload:
        return uploaded(house, upload)
    if place.strip():
        return house.named(place.strip())
    if not picked:
        raise UsageError("No video was given.", "Drop one, name one of this machine, or pick one of the library.")
    return source_of_kept(house, picked)


def begin(house: House, source: Path, detector: Path | None, progress: Progress) -> Case:
    """What is broken in a video, and pictures of it."""
    seen = pipeline.find_broken(source, house.settings, progress, detector=detector)
    with house.new_folder("repair") as folder:
        strips = _strips(source, None, seen, _gaps(seen), None, progress)
        return Case(folder, source, seen, detector is not None, strips=strips)


def repair(case: Case, settings: Settings, progress: Progress) -> tuple[Made, Sequence[Strip]]:
    """The film with its broken frames replaced, as the case has them now, and pictures of it."""
    seen, name = case.seen, case.source.stem
    if not seen.broken:
        raise UsageError("No frame is to be replaced.", "Mark frames as broken first.")
    film = case.folder / f"{name}.repaired.mp4"
    done = pipeline.mend(case.source, seen, settings, progress, output=film)
    strips = _strips(case.source, film, seen, repairing.gaps_in(seen, settings), done, progress)
    listed = case.folder / f"{name}.repaired.json"
    told = done.data() | {"video": case.source.name, "output": film.name}
    with Outputs(content_origin(case.source)).writing(listed), atomic(listed) as part:
        part.write_text(json.dumps(told, indent=1), encoding="utf-8")
    return Made(film, _before(case, progress), listed, done, tuple(seen.broken)), strips


def _before(case: Case, progress: Progress) -> Path:
    """The video as it was given, where the page may show it."""
    target = case.folder / "given.mp4"
    if target.exists():
        return target
    frames, guessed = len(case.looked.verdicts), case.looked.guessed
    source = pipeline.playable(case.source, frames, target, progress, guessed=guessed)
    return source if source == target else shown(source, target)


def _gaps(seen: Survey) -> list[Gap]:
    """All of them, whatever is made of each; none where everything is broken."""
    from ..render.gaps import gaps_of

    frames = len(seen.verdicts)
    return gaps_of(seen.broken, frames, frames) if len(seen.broken) < frames else []


def _strips(
    source: Path, film: Path | None, seen: Survey, gaps: list[Gap], done: Repair | None, progress: Progress
) -> list[Strip]:
    ways = [way for _, way in done.found] if done else repairing.unfilled(gaps)
    return repairing.strips_of(source, film, seen, gaps, ways, progress) if gaps else []

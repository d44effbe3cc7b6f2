"""The state of the Repair tab in one session: a survey of the video, the user's corrections, and the repaired film."""

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

from ...errors import UsageError
from ...index.overwrite import Outputs, content_origin
from ...media.files import atomic
from ...media.source import VideoFile
from ...progress import Progress
from ...render.edit_lists.write import pack_edit_lists
from ...render.gaps import gaps_of
from ...render.report.repair_page import GapStrip
from ...repair.edits import edits_of_repair
from ...repair.repair import RepairRequest, find_broken_frames, replace_broken_frames
from ...repair.survey import RepairResult, Survey, gap_strips, gaps_in, open_video, unfilled
from ...settings import Settings
from ..context import PageContext
from ..reconstruct.reconstruct_job import playable_copy
from ..strings import STRINGS
from ..uploads import link_or_copy


@dataclass(frozen=True)
class RepairedFilm:
    """A repaired film, and how each of its broken frames was replaced."""

    film: Path
    original: Path
    """The broken film, as a file that a browser can play."""
    frame_list: Path
    edits: Path
    """Edit lists for video editors, in one file."""
    result: RepairResult
    broken: tuple[int, ...]
    """The frames that were replaced, or left as they are in a gap that is too long."""


@dataclass(frozen=True)
class RepairState:
    """An immutable snapshot; every correction and every repair makes a new one."""

    folder: Path
    """Holds all files made for this state."""
    source: Path
    detected: Survey
    trained: bool
    """Whether a trained detector judged the frames, rather than the rules."""
    clean: frozenset[int] = frozenset()
    """Frames detected as broken that the user marked as clean."""
    broken: frozenset[int] = frozenset()
    """Frames detected as clean that the user marked as broken."""
    strips: Sequence[GapStrip] = ()
    repaired: RepairedFilm | None = None

    @property
    def corrected(self) -> Survey:
        """The survey with the user's corrections."""
        return self.detected.corrected(self.clean, self.broken)

    @property
    def stale(self) -> bool:
        """Whether the corrections have changed since the film was repaired."""
        return self.repaired is not None and self.repaired.broken != tuple(self.corrected.broken)

    def marked(self, frames: Collection[int], broken: bool) -> Self:
        """Mark frames as broken or clean."""
        detected, marked = frozenset(self.detected.broken), frozenset(frames)
        if broken:
            return replace(self, clean=self.clean - marked, broken=self.broken | (marked - detected))
        return replace(self, clean=self.clean | (marked & detected), broken=self.broken - marked)

    def toggled(self, frames: Collection[int]) -> Self:
        """Mark frames as clean if all are broken, else as broken."""
        return self.marked(frames, not set(frames) <= set(self.corrected.broken))


def begin(context: PageContext, source: Path, detector: Path | None, progress: Progress) -> RepairState:
    """Find the broken frames of a video; `detector` is a trained one, else rules judge."""
    video = open_video(source)
    detected = find_broken_frames(RepairRequest(video, detector=detector), context.settings, progress)
    with context.new_folder("repair") as folder:
        frames = len(detected.verdicts)
        gaps = gaps_of(detected.broken, frames, frames) if len(detected.broken) < frames else []
        strips = gap_strips(video, None, detected, gaps, unfilled(gaps), progress) if gaps else []
        return RepairState(folder, source, detected, detector is not None, strips=strips)


def repair(state: RepairState, settings: Settings, progress: Progress) -> tuple[RepairedFilm, Sequence[GapStrip]]:
    """Replace the broken frames, as corrected by the user, and list what was done to each.

    Returns:
        The film, and a strip of pictures for each gap.

    Raises:
        UsageError: No frame is marked as broken.
    """
    survey, name = state.corrected, state.source.stem
    if not survey.broken:
        raise UsageError(*STRINGS.errors.nothing_broken)
    film = state.folder / f"{name}.repaired.mp4"
    video = open_video(state.source)
    result = replace_broken_frames(RepairRequest(video, output=film), survey, settings, progress)
    gaps, replaced = gaps_in(survey, settings), [frame for _, frame in result.found]
    strips = gap_strips(video, film, survey, gaps, replaced, progress) if gaps else []
    frame_list = state.folder / f"{name}.repaired.json"
    data = result.data() | {"video": state.source.name, "output": film.name}
    with Outputs(content_origin(video)).writing(frame_list), atomic(frame_list) as part:
        part.write_text(json.dumps(data, indent=1), encoding="utf-8")
    edits = edits_of_repair(state.source, film, survey, replaced)
    packed = pack_edit_lists(edits, state.folder / f"{name}.repaired.zip", Outputs(content_origin(video)), progress)
    original = _original(state, video, progress)
    return RepairedFilm(film, original, frame_list, packed, result, tuple(survey.broken)), strips


def _original(state: RepairState, video: VideoFile, progress: Progress) -> Path:
    """Return the source where the page may show it, made at the first repair."""
    target = state.folder / "original.mp4"
    if target.exists():
        return target
    frames, guessed = len(state.detected.verdicts), state.detected.guessed
    source = playable_copy(video, frames, target, progress, guessed=guessed)
    return source if source == target else link_or_copy(source, target)

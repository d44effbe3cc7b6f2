"""Repair a video: find its broken frames and replace them."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ..errors import UsageError
from ..index.overwrite import Outputs, Overwrite, content_origin
from ..media.source import VideoFile
from ..progress import SILENT, Progress
from ..render.edit_lists.write import check_edit_lists, write_edit_lists
from ..render.encode import Encoding, check_film_name
from ..render.report.repair_page import STRIP_FILES
from ..settings import Settings, library_folder, request_of
from .detector import load_detector
from .edits import edits_of_repair
from .resume import segments_of, store_survey, stored_survey, survey_key
from .survey import (
    RepairResult,
    Survey,
    fill_gaps,
    gaps_in,
    open_video,
    repair_result,
    survey,
    unfilled,
    write_repair_report,
)

Confirm = Callable[[Survey], None]
"""Raises where the frames that were found must not be replaced."""


@dataclass(frozen=True)
class RepairRequest:
    """Everything a repair needs to know besides the settings."""

    video: Path | VideoFile
    """The video, or its path."""
    output: Path | None = None
    """The repaired film; `repair_video` writes NAME.repaired.mp4 next to the video by default."""
    frames: str | None = None
    """The broken frames as ranges ("3,7-9"), instead of detecting them."""
    detector: Path | None = None
    """The file of a trained detector, instead of the rules."""
    detect_only: bool = False
    """Write no film."""
    report: Path | None = None
    """A folder for a report in HTML."""
    edit_lists: tuple[Path, ...] = ()
    """Edit lists of the repair; their suffixes choose the formats."""
    lossless: bool = False
    overwrite: Overwrite = False
    confirm: Confirm | None = None
    """Called with what was detected before any of it is replaced; it may raise."""

    def film(self, path: Path) -> Path | None:
        """Return where the repaired film of the video at `path` goes."""
        return None if self.detect_only else self.output or path.resolve().with_name(f"{path.stem}.repaired.mp4")


def repair_video(
    path: Path | RepairRequest, settings: Settings, progress: Progress = SILENT, **options: Any
) -> RepairResult:
    """Write a copy of a video with its broken frames replaced.

    Args:
        path: A request, or the video.
        settings: How to judge, fill and encode.
        progress: Receives stages and notes.
        options: The other fields of `RepairRequest`, unless a request is given.

    Raises:
        SourceError: The video cannot be read.
        UsageError: Options contradict each other, or an output must not be replaced.
        RenderError: ffmpeg could not write the film.
    """
    request = request_of(RepairRequest, path, options)
    video = open_video(request.video)
    request = replace(request, video=video, output=request.film(video.path))
    outputs = outputs_of_repair(request, video, settings)
    seen = _surveyed(request, video, settings, progress)
    if request.confirm and request.output and request.frames is None:
        request.confirm(seen)
    return _write(request, video, seen, outputs, settings, progress)


def _surveyed(request: RepairRequest, video: VideoFile, settings: Settings, progress: Progress) -> Survey:
    """Take up the survey that an interrupted repair left, or make one and store it."""
    if not request.output:
        return find_broken_frames(request, settings, progress)
    key = survey_key(video, request.frames, request.detector, settings)
    if (seen := stored_survey(request.output, key, video)) is None:
        seen = find_broken_frames(request, settings, progress)
        store_survey(request.output, key, seen, settings)
    return seen


def find_broken_frames(
    path: Path | RepairRequest, settings: Settings, progress: Progress = SILENT, **options: Any
) -> Survey:
    """Judge each frame of a video, for `replace_broken_frames`.

    Args:
        path: A request, or the video.
        settings: How to judge.
        progress: Receives stages.
        options: The fields `frames` and `detector` of `RepairRequest`, unless a request is given.

    Raises:
        SourceError: The video cannot be read.
        UsageError: Both `frames` and `detector` are given.
    """
    request = request_of(RepairRequest, path, options)
    video = open_video(request.video)
    if request.frames is not None and request.detector:
        raise UsageError("--frames and --detector both say which frames are broken.", "Give only one of them.")
    return survey(video, request.frames, load_detector(request.detector, settings.breakup), progress)


def replace_broken_frames(
    path: Path | RepairRequest, seen: Survey, settings: Settings, progress: Progress = SILENT, **options: Any
) -> RepairResult:
    """Write the film with its broken frames replaced; without an output, only list them.

    Args:
        path: A request, or the video.
        seen: The verdicts of `find_broken_frames`, as they are or corrected.
        settings: How to fill and encode.
        progress: Receives stages and notes.
        options: The other fields of `RepairRequest`, unless a request is given.
    """
    request = request_of(RepairRequest, path, options)
    video = open_video(request.video)
    return _write(request, video, seen, outputs_of_repair(request, video, settings), settings, progress)


def outputs_of_repair(request: RepairRequest, video: VideoFile, settings: Settings) -> Outputs:
    """Claim the outputs of a repair, before any work is done."""
    if request.output:
        check_film_name(request.output)
    inputs = [video.path, request.detector]
    outputs = Outputs(content_origin(video), request.overwrite, inputs=inputs, library=library_folder(settings))
    check_edit_lists(request.edit_lists)
    outputs.claim(request.output, *request.edit_lists, folder=request.report, names=STRIP_FILES)
    return outputs


def _write(
    request: RepairRequest,
    video: VideoFile,
    seen: Survey,
    outputs: Outputs,
    settings: Settings,
    progress: Progress,
) -> RepairResult:
    output, report = request.output, request.report
    gaps = gaps_in(seen, settings, filled=output is not None)
    encoding = Encoding(settings.render.crf, settings.render.preset, request.lossless)
    done = unfilled(gaps)
    if output:
        segments = segments_of(video, output, seen, encoding, settings)
        with outputs.writing(output):
            done = fill_gaps(video, output, seen, gaps, encoding, settings, progress, segments)
        if segments:
            segments.work.remove()
    if report:
        with outputs.writing_folder(report, STRIP_FILES):
            write_repair_report(video, output, seen, gaps, done, report, progress)
    if request.edit_lists:
        write_edit_lists(edits_of_repair(video.path, output, seen, done), request.edit_lists, outputs, progress)
    return repair_result(video.path, output, report, seen, done)

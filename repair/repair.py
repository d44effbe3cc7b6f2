"""Repair a video: find its broken frames and replace them."""

from pathlib import Path

from ..errors import UsageError
from ..index.overwrite import Outputs, Overwrite, content_origin
from ..progress import SILENT, Progress
from ..render.encode import Encoding, check_output
from ..render.report.repair_page import STRIP_FILES
from ..settings import Settings, library_folder
from .detector import load_detector
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


def repair_video(
    path: Path,
    settings: Settings,
    progress: Progress = SILENT,
    *,
    output: Path | None = None,
    frames: str | None = None,
    detector: Path | None = None,
    detect_only: bool = False,
    report: Path | None = None,
    lossless: bool = False,
    overwrite: Overwrite = False,
) -> RepairResult:
    """Write a copy of a video with its broken frames replaced.

    Args:
        path: The video.
        settings: How to judge, fill and encode.
        progress: Receives stages and notes.
        output: The repaired film; by default NAME.repaired.mp4 next to the video.
        frames: The broken frames as ranges ("3,7-9"), instead of detecting them.
        detector: The file of a trained detector, instead of the rules.
        detect_only: Only detect.
        report: A folder for a report in HTML.
        lossless: Encode without loss.
        overwrite: Whether files of other origin may be replaced.
    """
    open_video(path)
    made = None if detect_only else output or path.resolve().with_name(f"{path.stem}.repaired.mp4")
    outputs = _repair_outputs(path, made, report, settings, overwrite, detector)
    seen = find_broken_frames(path, settings, progress, frames=frames, detector=detector)
    return _write_repair(path, seen, outputs, settings, progress, output=made, report=report, lossless=lossless)


def _repair_outputs(
    path: Path,
    output: Path | None,
    report: Path | None,
    settings: Settings,
    overwrite: Overwrite,
    detector: Path | None = None,
) -> Outputs:
    if output:
        check_output(output, path)
    outputs = Outputs(content_origin(path), overwrite, inputs=[path, detector], library=library_folder(settings))
    outputs.claim(output, folder=report, names=STRIP_FILES)
    return outputs


def find_broken_frames(
    path: Path,
    settings: Settings,
    progress: Progress = SILENT,
    *,
    frames: str | None = None,
    detector: Path | None = None,
) -> Survey:
    """Judge each frame of a video, for `replace_broken_frames`.

    Args:
        path: The video.
        settings: How to judge.
        progress: Receives stages.
        frames: The broken frames as ranges ("3,7-9"), instead of detecting them.
        detector: The file of a trained detector, instead of the rules.

    Raises:
        UsageError: Both `frames` and `detector` are given.
    """
    open_video(path)
    if frames is not None and detector:
        raise UsageError("--frames and --detector both say which frames are broken.", "Give only one of them.")
    return survey(path, frames, load_detector(detector, settings.breakup), progress)


def replace_broken_frames(
    path: Path,
    seen: Survey,
    settings: Settings,
    progress: Progress = SILENT,
    *,
    output: Path | None,
    report: Path | None = None,
    lossless: bool = False,
    overwrite: Overwrite = False,
) -> RepairResult:
    """Write the film with its broken frames replaced; without an output, only list them."""
    outputs = _repair_outputs(path, output, report, settings, overwrite)
    return _write_repair(path, seen, outputs, settings, progress, output=output, report=report, lossless=lossless)


def _write_repair(
    path: Path,
    seen: Survey,
    outputs: Outputs,
    settings: Settings,
    progress: Progress,
    *,
    output: Path | None,
    report: Path | None,
    lossless: bool,
) -> RepairResult:
    gaps = gaps_in(seen, settings, filled=output is not None)
    encoding = Encoding(settings.render.crf, settings.render.preset, lossless)
    done = unfilled(gaps)
    if output:
        with outputs.writing(output):
            done = fill_gaps(path, output, seen, gaps, encoding, settings, progress)
    if report:
        with outputs.writing_folder(report, STRIP_FILES):
            write_repair_report(path, output, seen, gaps, done, report, progress)
    return repair_result(path, output, report, seen, done)

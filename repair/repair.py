"""Repair a video: find its broken frames and replace them."""

from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import UsageError
from ..index.overwrite import Outputs, Overwrite, content_origin
from ..progress import SILENT, Progress
from ..settings import Settings, library_folder

if TYPE_CHECKING:
    from .survey import RepairResult, Survey


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
) -> "RepairResult":
    """A video with broken frames in; the same video with others in their place out, and what was done to each.

    `frames`, as in "3,7-9", are replaced instead of those that are found to be broken; `detector` is the file of
    a trained one that finds them.
    """
    from .survey import open_video

    open_video(path)
    made = None if detect_only else output or path.resolve().with_name(f"{path.stem}.repaired.mp4")
    outputs = _repair_outputs(path, made, report, settings, overwrite, detector)
    seen = find_broken_frames(path, settings, progress, frames=frames, detector=detector)
    return _mend(path, seen, outputs, settings, progress, output=made, report=report, lossless=lossless)


def _repair_outputs(
    path: Path,
    output: Path | None,
    report: Path | None,
    settings: Settings,
    overwrite: Overwrite,
    detector: Path | None = None,
) -> Outputs:
    from ..render.encode import check_output
    from ..render.report.repair_page import STRIP_FILES

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
) -> "Survey":
    """A verdict on each frame of a video, as `mend` takes it."""
    from .detector import detector_of
    from .survey import open_video, survey

    open_video(path)
    if frames is not None and detector:
        raise UsageError("--frames and --detector both say which frames are broken.", "Give one of them.")
    return survey(path, frames, detector_of(detector, settings.breakup), progress)


def replace_broken_frames(
    path: Path,
    seen: "Survey",
    settings: Settings,
    progress: Progress = SILENT,
    *,
    output: Path | None,
    report: Path | None = None,
    lossless: bool = False,
    overwrite: Overwrite = False,
) -> "RepairResult":
    """The film with its broken frames replaced; without an output only what would be."""
    outputs = _repair_outputs(path, output, report, settings, overwrite)
    return _mend(path, seen, outputs, settings, progress, output=output, report=report, lossless=lossless)


def _mend(
    path: Path,
    seen: "Survey",
    outputs: Outputs,
    settings: Settings,
    progress: Progress,
    *,
    output: Path | None,
    report: Path | None,
    lossless: bool,
) -> "RepairResult":
    from ..render.encode import Encoding
    from ..render.report.repair_page import STRIP_FILES
    from .survey import fill_gaps, gaps_in, repair_result, unfilled, write_repair_report

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

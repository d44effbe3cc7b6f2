"""Define the command `repair`."""

from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .options import Crf, DetectorFile, Json, Lossless, Quiet, Replace, overwriting, progress_for, settings_from
from .output import print_answer

if TYPE_CHECKING:
    from ..render.fill import ReplacedFrame
    from ..repair.survey import RepairResult
    from ..repair.verdict import Verdict


_LISTED_RUNS = 20
"""Most runs of broken frames that are listed; --json lists every frame."""


def repair(
    video: Annotated[Path, typer.Argument(help="Video file.")],
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Film to write.")] = None,
    frames: Annotated[
        str | None,
        typer.Option(metavar="F,F-F", help="Replace these frames instead of looking for broken ones: 3,229-267."),
    ] = None,
    detector: DetectorFile = None,
    detect_only: Annotated[bool, typer.Option("--detect-only", help="Report what is broken; write no film.")] = False,
    report: Annotated[Path | None, typer.Option(help="Folder for the report.")] = None,
    method: Annotated[str | None, typer.Option(help="How frames are made: auto, motion, blend or hold.")] = None,
    long: Annotated[str | None, typer.Option(help="Gaps over --longest: leave or hold.")] = None,
    longest: Annotated[int | None, typer.Option(help="Longest gap that is filled, in frames.")] = None,
    region: Annotated[
        str | None, typer.Option(help="Replace only the broken part of a frame: auto, on or off.")
    ] = None,
    crf: Crf = None,
    lossless: Lossless = False,
    overwrite: Replace = False,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Find broken frames and replace them with interpolated ones."""
    from ..repair.repair import RepairRequest, repair_video

    progress = progress_for(quiet)
    flags = {"repair.method": method, "repair.long": long, "repair.longest": longest, "repair.region": region}
    flags["render.crf"] = crf
    request = RepairRequest(
        video,
        output=output,
        frames=frames,
        detector=detector,
        detect_only=detect_only,
        report=report,
        lossless=lossless,
        overwrite=overwriting(overwrite),
    )
    done = repair_video(request, settings_from(None, flags), progress)
    print_answer(done.data() | {"notes": progress.notes}, as_json, _text(done))


def _text(done: "RepairResult") -> str:
    """Format one line per run of frames with the same verdict."""
    frames = len(done.found)
    lines = [f"{frames} of {len(done.scores)} frames are broken" if frames else "no frame is broken"]
    runs = [list(run) for _, run in groupby(enumerate(done.found), key=lambda item: _run_key(item[0], *item[1]))]
    for run in runs[:_LISTED_RUNS]:
        (verdict, replaced), last = run[0][1], run[-1][1][0].frame
        span = str(verdict.frame) if last == verdict.frame else f"{verdict.frame}-{last}"
        why = f" ({replaced.why})" if replaced.why else ""
        lines.append(f"{span:11}  {verdict.kind}  {replaced.method}{why}")
    if len(runs) > _LISTED_RUNS:
        lines.append(f"and {len(runs) - _LISTED_RUNS} more; --json lists every frame")
    lines += [f"film       {done.output}"] if done.output else []
    return "\n".join([*lines, *([f"report     {done.report}/index.html"] if done.report else [])])


def _run_key(index: int, verdict: "Verdict", replaced: "ReplacedFrame") -> tuple[int, str, str, str]:
    return verdict.frame - index, verdict.kind, replaced.method, replaced.why

"""Commands for broken frames."""

from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .answers import answer
from .options import Crf, DetectorFile, Json, Lossless, Quiet, Replace, overwriting, progress_for, settings_of

if TYPE_CHECKING:
    from .breakup.verdict import Verdict
    from .render.repair import Replaced
    from .repairing import Repair

_TOLD = 20


def repair(
    video: Annotated[Path, typer.Argument(help="A video file.")],
    output: Annotated[Path | None, typer.Option("--output", "-o", help="The film to write.")] = None,
    frames: Annotated[
        str | None, typer.Option(metavar="F,F-F", help="Replace these instead of looking for broken ones: 3,229-267.")
    ] = None,
    detector: DetectorFile = None,
    detect_only: Annotated[bool, typer.Option("--detect-only", help="Say what is broken; write no film.")] = False,
    report: Annotated[Path | None, typer.Option(help="A folder for pictures of what was done.")] = None,
    method: Annotated[str | None, typer.Option(help="auto, motion, blend or hold.")] = None,
    long: Annotated[str | None, typer.Option(help="Gaps too long to fill: leave or hold.")] = None,
    longest: Annotated[int | None, typer.Option(help="Frames of a gap up to which it is filled.")] = None,
    crf: Crf = None,
    lossless: Lossless = False,
    overwrite: Replace = False,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Find broken frames and put smooth ones in their place; all else stays as it was."""
    from . import pipeline

    progress = progress_for(quiet)
    flags = {"repair.method": method, "repair.long": long, "repair.longest": longest, "render.crf": crf}
    done = pipeline.repair(
        video,
        settings_of(None, flags),
        progress,
        output=output,
        frames=frames,
        detector=detector,
        detect_only=detect_only,
        report=report,
        lossless=lossless,
        overwrite=overwriting(overwrite),
    )
    answer(done.data() | {"notes": progress.notes}, as_json, _told(done))


def _told(done: "Repair") -> str:
    """What was found and done, a line for each run of frames of which the same is said."""
    frames = len(done.found)
    lines = [f"{frames} of {len(done.scores)} frames are broken" if frames else "no frame is broken"]
    runs = [list(run) for _, run in groupby(enumerate(done.found), key=lambda at: _same(at[0], *at[1]))]
    for run in runs[:_TOLD]:
        (verdict, replaced), last = run[0][1], run[-1][1][0].frame
        span = str(verdict.frame) if last == verdict.frame else f"{verdict.frame}-{last}"
        why = f" ({replaced.why})" if replaced.why else ""
        lines.append(f"{span:11}  {verdict.kind}  {replaced.method}{why}")
    if len(runs) > _TOLD:
        lines.append(f"and {len(runs) - _TOLD} more; --json names every frame")
    lines += [f"film       {done.output}"] if done.output else []
    return "\n".join([*lines, *([f"report     {done.report}/index.html"] if done.report else [])])


def _same(place: int, verdict: "Verdict", replaced: "Replaced") -> tuple[int, str, str, str]:
    return verdict.frame - place, verdict.kind, replaced.method, replaced.why

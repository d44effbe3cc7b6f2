"""Define the command `repair`."""

import sys
from dataclasses import replace
from itertools import groupby
from pathlib import Path
from textwrap import indent
from typing import TYPE_CHECKING, Annotated

import typer

from ..errors import UsageError
from . import complete
from .options import (
    Crf,
    DetectorFile,
    EditLists,
    EngineName,
    Json,
    Lossless,
    Quiet,
    confirmed,
    overwriting,
    progress_for,
    settings_from,
)
from .output import print_answer, print_error

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..errors import ReelweaveError
    from ..ingest.discover import DiscoveredSources
    from ..progress import Progress
    from ..render.fill import ReplacedFrame
    from ..repair.repair import RepairRequest
    from ..repair.survey import RepairResult, Survey
    from ..repair.verdict import Verdict
    from ..settings import RepairSettings, Settings


_LISTED_RUNS = 20
"""Most runs of broken frames that are listed; --json lists every frame."""


def repair(
    # readable=False: among several, an unreadable path is reported with the others.
    video: Annotated[list[Path], typer.Argument(readable=False, help="Videos, folders, or quoted patterns.")],
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Film to write; for several videos, a folder.")
    ] = None,
    frames: Annotated[
        str | None,
        typer.Option(metavar="F,F-F", help="Replace these frames instead of looking for broken ones: 3,229-267."),
    ] = None,
    detector: DetectorFile = None,
    detect_only: Annotated[bool, typer.Option("--detect-only", help="Report what is broken; write no film.")] = False,
    report: Annotated[Path | None, typer.Option(help="Folder for the report.")] = None,
    method: Annotated[
        str | None,
        typer.Option(
            help="How frames are made: auto, motion, blend or hold.", autocompletion=complete.one_of(complete.METHODS)
        ),
    ] = None,
    long: Annotated[
        str | None,
        typer.Option(help="Gaps over --longest: leave or hold.", autocompletion=complete.one_of(complete.LONG)),
    ] = None,
    longest: Annotated[int | None, typer.Option(help="Longest gap that is filled, in frames.")] = None,
    region: Annotated[
        str | None,
        typer.Option(
            help="Replace only the broken part of a frame: auto, on or off.",
            autocompletion=complete.one_of(complete.REGIONS),
        ),
    ] = None,
    edit_list: EditLists = None,
    engine: EngineName = None,
    crf: Crf = None,
    lossless: Lossless = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace existing files without asking.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask, however many frames are found broken.")] = False,
    every: Annotated[bool, typer.Option("-y", help="Do not ask anything: --overwrite and --yes.")] = False,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Find broken frames and replace them with interpolated ones."""
    from ..ingest.discover import discover_sources
    from ..repair.repair import RepairRequest, repair_video

    progress = progress_for(quiet)
    flags = {"repair.method": method, "repair.long": long, "repair.longest": longest, "repair.region": region}
    flags |= {"render.crf": crf, "engine.name": engine}
    settings = settings_from(None, flags)
    yes, overwrite = yes or every, overwrite or every
    request = RepairRequest(
        video[0],
        output=output,
        frames=frames,
        detector=detector,
        detect_only=detect_only,
        report=report,
        edit_lists=tuple(edit_list or ()),
        lossless=lossless,
        overwrite=overwriting(overwrite),
        confirm=_confirming(settings.repair, yes, progress),
    )
    if (found := discover_sources(video)).sources != video[:1]:
        _repair_many(video, found, request, settings, yes, progress, as_json)
        return
    if engine not in (None, "local"):
        progress.note("One video is repaired by this process; --engine spreads several.")
    done = repair_video(request, settings, progress)
    print_answer(done.data() | {"notes": progress.notes}, as_json, _text(done))


def _repair_many(
    paths: list[Path],
    found: "DiscoveredSources",
    request: "RepairRequest",
    settings: "Settings",
    yes: bool,
    progress: "Progress",
    as_json: bool,
) -> None:
    """Repair several videos. Failures are printed as they occur, and fail the command at the end."""
    from ..repair.many import RefuseAbove, repair_jobs, repair_many
    from ..repair.worker import RepairedFile

    template = replace(request, confirm=None if yes else RefuseAbove(settings.repair.ask_above))
    jobs = repair_jobs(paths, found, template, settings)
    for note in found.notes:
        progress.note(note)
    failed = len(found.failures)
    for path, error in found.failures:
        _print_failure(path, error, as_json)
    for path, done in repair_many(jobs, settings, progress):
        if isinstance(done, RepairedFile):
            print_answer(done.data(), as_json, f"{path}\n{indent(_text(done.result), '  ')}")
        else:
            failed += 1
            _print_failure(path, done, as_json)
    if failed:
        print(f"{failed} of {len(jobs) + len(found.failures)} videos failed", file=sys.stderr)
        raise typer.Exit(1)


def _print_failure(path: Path, error: "ReelweaveError", as_json: bool) -> None:
    print_error(error)
    if as_json:
        print_answer({"video": str(path), "error": error.cause, "remedy": error.remedy}, as_json, "")


def _confirming(settings: "RepairSettings", yes: bool, progress: "Progress") -> "Callable[[Survey], None]":
    """Return what shows how many frames are replaced, and asks where these are many."""

    def confirm(seen: "Survey") -> None:
        broken, frames = len(seen.broken), len(seen.verdicts)
        if broken and (yes or broken <= settings.ask_above * frames):
            progress.note(f"{broken} of {frames} frames are broken and will be replaced.")
        elif broken:
            _ask(broken, frames, broken > settings.throughout * frames)

    return confirm


def _ask(broken: int, frames: int, throughout: bool) -> None:
    found = f"{broken} of {frames} frames ({broken / frames:.0%}) look broken"
    remedy = (
        "See which with --detect-only --report FOLDER, then give --yes to replace them all, or --frames to name them."
    )
    if throughout:
        raise UsageError(f"{found}: the film looks like this throughout, so nothing was replaced.", remedy)
    if not confirmed(f"{found}. Replace them?", UsageError(f"{found}, more than is replaced unasked.", remedy)):
        raise typer.Exit(1)


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

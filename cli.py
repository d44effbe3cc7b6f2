"""The command line: parse, call, print. stdout is data, stderr is talk."""

import os
import signal
import sys
from dataclasses import asdict
from io import TextIOWrapper
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from . import __version__
from .commands.breakup import breakup_app
from .commands.demo import demo
from .commands.evaluate import EvaluateCommand, evaluate, scramble
from .commands.library import videos_app
from .commands.models import models_app
from .commands.options import (
    Audio,
    Both,
    Crf,
    DetectorFile,
    Films,
    JoinPrice,
    Json,
    LibraryFolder,
    Lossless,
    OutlierRule,
    Quiet,
    Repair,
    Replace,
    Reverse,
    SampleRate,
    Size,
    SpaceName,
    Split,
    Thorough,
    TimeLimit,
    frame_rate,
    ingest_flags,
    method_flags,
    overwriting,
    progress_for,
    settings_from,
    with_constraints,
)
from .commands.output import (
    ingest_data,
    ingest_text,
    plan_text,
    print_answer,
    reconstruction_text,
)
from .commands.repair import repair
from .commands.search import search, similar
from .commands.system import doctor, settings_app, ui
from .errors import ReelweaveError
from .render.outputs import numbered

if TYPE_CHECKING:
    from .solve.constraints import Constraints


app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    help="Reconstruct, search and repair videos frame by frame.",
)
app.add_typer(videos_app, name="videos")
app.add_typer(models_app, name="models")
app.add_typer(settings_app, name="settings")
app.add_typer(breakup_app, name="breakup")


@app.callback(invoke_without_command=True)
def root(version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False) -> None:
    if version:
        print(f"reelweave {__version__}")
        raise typer.Exit


@app.command()
@with_constraints
def reconstruct(
    video: Annotated[Path, typer.Argument(help="A shuffled video, GIF or folder of pictures.")],
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Film to write.")] = None,
    plan: Annotated[Path | None, typer.Option(help="Plan to write.")] = None,
    report: Annotated[Path | None, typer.Option(help="Folder for the report.")] = None,
    split: Split = False,
    films: Films = None,
    repair: Repair = False,
    detector: DetectorFile = None,
    reverse: Reverse = False,
    both: Both = False,
    lossless: Lossless = False,
    wishes: "Constraints | None" = None,
    crf: Crf = None,
    audio: Audio = None,
    space: SpaceName = None,
    size: Size = None,
    outliers: OutlierRule = None,
    price: JoinPrice = None,
    thorough: Thorough = False,
    time_limit: TimeLimit = None,
    library: LibraryFolder = None,
    overwrite: Replace = False,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Put a shuffled video back in order and drop foreign frames."""
    from . import pipeline

    progress = progress_for(quiet)
    flags = ingest_flags(space, None, size) | method_flags(outliers, price, thorough, time_limit)
    flags |= {"render.crf": crf, "render.audio": audio}
    done = pipeline.reconstruct(
        video,
        settings_from(library, flags | {"solve.space": None if space in ("all", "auto") else space}),
        progress,
        wishes=wishes,
        output=output,
        plan_file=plan,
        report=report,
        reverse=reverse,
        both=both,
        lossless=lossless,
        split=split,
        films=films,
        repair=repair,
        detector=detector,
        overwrite=overwriting(overwrite),
    )
    print_answer(asdict(done) | {"notes": progress.notes}, as_json, reconstruction_text(done))


@app.command()
def ingest(
    # One that may not be read is reported beside the others; Typer's own check would end the whole command.
    path: Annotated[list[Path], typer.Argument(readable=False, help="Videos, GIFs, folders, or quoted patterns.")],
    fps: SampleRate = None,
    size: Size = None,
    space: SpaceName = None,
    no_share: Annotated[bool, typer.Option("--no-share", help="Give every frame its own vector.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Report what would be done; write nothing.")] = False,
    library: LibraryFolder = None,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Store vectors of every frame in the library. Resumes where it was interrupted."""
    from . import pipeline

    flags = ingest_flags(space, fps, size) | ({"ingest.share_level": 0.0} if no_share else {})
    settings, progress, total, failed = settings_from(library, flags), progress_for(quiet), 0, []
    try:
        told = 0
        for taken in pipeline.ingest_all(path, settings, progress, dry_run=dry_run):
            total += 1
            if taken.error:
                failed.append(taken.error)
            if as_json or dry_run or not taken.error:
                print_answer(
                    ingest_data(taken) | {"notes": progress.notes[told:]}, as_json, ingest_text(taken, dry_run)
                )
            told = len(progress.notes)
    finally:
        # Those that failed before an interruption are told of, too.
        for error in failed:
            _complain(error)
    if failed:
        if total > 1:
            print(f"{len(failed)} of {total} sources failed", file=sys.stderr)
        raise typer.Exit(1)


@app.command()
@with_constraints
def solve(
    video: Annotated[str, typer.Argument(help="A video of the library: its id, name or path.")],
    plan: Annotated[Path | None, typer.Option(help="Plan to write; printed by default.")] = None,
    evidence: Annotated[
        Path | None, typer.Option(help="File for the nearest-neighbour graph, one line per frame.")
    ] = None,
    wishes: "Constraints | None" = None,
    space: Annotated[
        str | None, typer.Option(help="Space to solve in: appearance, clip, timm:MODEL, own:NAME or fused.")
    ] = None,
    outliers: OutlierRule = None,
    price: JoinPrice = None,
    split: Split = False,
    films: Films = None,
    repair: Repair = False,
    detector: DetectorFile = None,
    thorough: Thorough = False,
    time_limit: TimeLimit = None,
    library: LibraryFolder = None,
    overwrite: Replace = False,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Find the order of a video in the library and write a plan. Decodes nothing, except with --repair."""
    from . import pipeline

    settings = settings_from(library, method_flags(outliers, price, thorough, time_limit) | {"solve.space": space})
    if split or films:
        pipeline.refuse_repair_with_split(repair or detector is not None)
        plans = pipeline.solve_split(
            video,
            settings,
            progress_for(quiet),
            films=films,
            wishes=wishes,
            plan_file=plan,
            evidence=evidence,
            overwrite=overwriting(overwrite),
        )
        for number, found in enumerate(plans, 1):
            file = plan and numbered(plan, number)
            print_answer(found.model_dump(mode="json"), as_json or not plan, plan_text(found, file))
        return
    found = pipeline.solve(
        video,
        settings,
        progress_for(quiet),
        wishes=wishes,
        plan_file=plan,
        evidence=evidence,
        repair=repair,
        detector=detector,
        overwrite=overwriting(overwrite),
    )
    if not (plan or as_json or quiet):
        print(plan_text(found, plan), file=sys.stderr)
    print_answer(found.model_dump(mode="json"), as_json or not plan, plan_text(found, plan))


@app.command()
def render(
    plan: Annotated[Path, typer.Argument(help="A plan that solve or reconstruct wrote.")],
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Film to write.")] = None,
    reverse: Reverse = False,
    both: Both = False,
    fps: Annotated[str | None, typer.Option(help="Frame rate of the film: 25, 29.97 or 30000/1001.")] = None,
    lossless: Lossless = False,
    crf: Crf = None,
    audio: Audio = None,
    overwrite: Replace = False,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Write the film of a plan."""
    from . import pipeline
    from .render.outputs import default_output_of
    from .solve.plan.files import read_plan

    progress = progress_for(quiet)
    wanted = read_plan(plan, progress.note)
    target = output or default_output_of(wanted)
    films = pipeline.render(
        wanted.reversed() if reverse else wanted,
        target,
        settings_from(None, {"render.crf": crf, "render.audio": audio}),
        progress,
        both=both,
        lossless=lossless,
        fps=frame_rate(fps),
        overwrite=overwriting(overwrite),
    )
    print_answer(
        {"outputs": [str(film) for film in films], "notes": progress.notes}, as_json, "\n".join(map(str, films))
    )


app.command(cls=EvaluateCommand)(evaluate)
app.command()(scramble)
app.command()(demo)
app.command()(search)
app.command()(similar)
app.command()(repair)
app.command()(doctor)
app.command()(ui)


_Refusal: Any = typer.BadParameter.__mro__[2]
"""What all of Typer's refusals of a command line have in common; it exports only the leaves of that tree."""

_INTERRUPTED = 130
"""Also what Typer makes of Ctrl-C by itself."""


def main() -> None:
    if isinstance(sys.stdout, TextIOWrapper) and sys.stdout.errors == "strict":
        # A terminal without a letter of a file's name still shows all the rest.
        sys.stdout.reconfigure(errors="backslashreplace")
    # Being told to end clears away what is half done, as Ctrl-C does.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    sys.exit(run(sys.argv[1:]))


def run(arguments: list[str]) -> int:
    """Run a command line; the exit code. 0 done, 1 failed, 2 wrong usage, 130 interrupted."""
    try:
        code = int(app(arguments, prog_name="reelweave", standalone_mode=False) or 0)
        if sys.stdout:
            sys.stdout.flush()
    except _Refusal as wrong:
        wrong.show()
        return int(wrong.exit_code)
    except (typer.Abort, KeyboardInterrupt):
        code = _INTERRUPTED
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except (ReelweaveError, OSError) as failed:
        _complain(failed)
        return getattr(failed, "exit_code", 1)
    if code == _INTERRUPTED:
        stored = arguments[:1] in (["ingest"], ["reconstruct"])
        going_on = "; what was stored is kept, and the same command goes on from there" if stored else ""
        print(f"interrupted{going_on}", file=sys.stderr)
    return code


def _complain(failed: Exception) -> None:
    """Say in a line what failed; whoever wants the traceback gets it instead."""
    if os.environ.get("REELWEAVE_DEBUG"):
        raise failed
    told = f"{failed.filename}: {failed.strerror}" if isinstance(failed, OSError) and failed.filename else failed
    print(f"error: {told}", file=sys.stderr)

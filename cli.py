"""Define the command line: parse, call, print. stdout carries data, stderr messages.

The four main verbs are here; the other commands are in the modules of `commands`.
"""

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
    Films,
    JoinPrice,
    Json,
    LibraryFolder,
    Lossless,
    OutlierRule,
    Quiet,
    Repair,
    RepairDetector,
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
    video: Annotated[Path, typer.Argument(help="Shuffled video, GIF or folder of pictures.")],
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Film to write.")] = None,
    plan: Annotated[Path | None, typer.Option(help="Plan to write.")] = None,
    report: Annotated[Path | None, typer.Option(help="Folder for the report.")] = None,
    split: Split = False,
    films: Films = None,
    repair: Repair = False,
    detector: RepairDetector = None,
    reverse: Reverse = False,
    both: Both = False,
    lossless: Lossless = False,
    constraints: "Constraints | None" = None,
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
    flags |= {"solve.space": None if space in ("all", "auto") else space}
    request = pipeline.ReconstructRequest(
        video,
        constraints=constraints,
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
    done = pipeline.reconstruct(request, settings_from(library, flags), progress)
    print_answer(asdict(done) | {"notes": progress.notes}, as_json, reconstruction_text(done))


@app.command()
def ingest(
    # readable=False: an unreadable path is reported with the others. Typer's own check would end the whole command.
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
        noted = 0
        for result in pipeline.ingest_all(path, settings, progress, dry_run=dry_run):
            total += 1
            if result.error:
                failed.append(result.error)
            if as_json or dry_run or not result.error:
                data = ingest_data(result) | {"notes": progress.notes[noted:]}
                print_answer(data, as_json, ingest_text(result, dry_run))
            noted = len(progress.notes)
    finally:
        # In a finally block, so that an interruption does not hide earlier failures.
        for error in failed:
            _print_error(error)
    if failed:
        if total > 1:
            print(f"{len(failed)} of {total} sources failed", file=sys.stderr)
        raise typer.Exit(1)


@app.command()
@with_constraints
def solve(
    video: Annotated[str, typer.Argument(help="Video of the library: its id, name or path.")],
    plan: Annotated[Path | None, typer.Option(help="Plan to write; printed by default.")] = None,
    evidence: Annotated[
        Path | None, typer.Option(help="File for the nearest-neighbour graph, one line per frame.")
    ] = None,
    constraints: "Constraints | None" = None,
    space: Annotated[
        str | None, typer.Option(help="Space to solve in: appearance, clip, timm:MODEL, own:NAME or fused.")
    ] = None,
    outliers: OutlierRule = None,
    price: JoinPrice = None,
    split: Split = False,
    films: Films = None,
    repair: Repair = False,
    detector: RepairDetector = None,
    thorough: Thorough = False,
    time_limit: TimeLimit = None,
    library: LibraryFolder = None,
    overwrite: Replace = False,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Find the order of a video in the library and write a plan. Decodes no picture, except with --repair."""
    from . import pipeline

    settings = settings_from(library, method_flags(outliers, price, thorough, time_limit) | {"solve.space": space})
    request = pipeline.SolveRequest(
        video,
        constraints=constraints,
        plan_file=plan,
        evidence=evidence,
        repair=repair,
        detector=detector,
        films=films,
        overwrite=overwriting(overwrite),
    )
    if split or films:
        for number, film in enumerate(pipeline.solve_split(request, settings, progress_for(quiet)), 1):
            file = plan and numbered(plan, number)
            print_answer(film.model_dump(mode="json"), as_json or not plan, plan_text(film, file))
        return
    solved = pipeline.solve(request, settings, progress_for(quiet))
    if not (plan or as_json or quiet):
        print(plan_text(solved, plan), file=sys.stderr)
    print_answer(solved.model_dump(mode="json"), as_json or not plan, plan_text(solved, plan))


@app.command()
def render(
    plan: Annotated[Path, typer.Argument(help="Plan from solve or reconstruct.")],
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
    film = read_plan(plan, progress.note)
    films = pipeline.render(
        film.reversed() if reverse else film,
        output or default_output_of(film),
        settings_from(None, {"render.crf": crf, "render.audio": audio}),
        progress,
        both=both,
        lossless=lossless,
        fps=frame_rate(fps),
        overwrite=overwriting(overwrite),
    )
    paths = [str(path) for path in films]
    print_answer({"outputs": paths, "notes": progress.notes}, as_json, "\n".join(paths))


app.command(cls=EvaluateCommand)(evaluate)
app.command()(scramble)
app.command()(demo)
app.command()(search)
app.command()(similar)
app.command()(repair)
app.command()(doctor)
app.command()(ui)


_ClickException: Any = typer.BadParameter.__mro__[2]
"""The common base of all usage errors. Typer vendors Click and exports only some of the subclasses."""

_INTERRUPTED = 130
"""The exit code that Typer itself returns after Ctrl-C."""


def main() -> None:
    """Run the command line of this process and exit."""
    if isinstance(sys.stdout, TextIOWrapper) and sys.stdout.errors == "strict":
        # A file name may hold a character that the terminal cannot encode: escape it instead of failing.
        sys.stdout.reconfigure(errors="backslashreplace")
    # Treat SIGTERM as Ctrl-C, so that temporary files are removed.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    sys.exit(run(sys.argv[1:]))


def run(arguments: list[str]) -> int:
    """Run a command line.

    Returns:
        The exit code: 0 done, 1 failed, 2 wrong usage, 130 interrupted.
    """
    try:
        code = int(app(arguments, prog_name="reelweave", standalone_mode=False) or 0)
        if sys.stdout:
            sys.stdout.flush()
    except _ClickException as error:
        error.show()
        return int(error.exit_code)
    except (typer.Abort, KeyboardInterrupt):
        code = _INTERRUPTED
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except (ReelweaveError, OSError) as error:
        _print_error(error)
        return getattr(error, "exit_code", 1)
    if code == _INTERRUPTED:
        resumes = arguments[:1] in (["ingest"], ["reconstruct"])
        hint = "; stored frames are kept, and the same command resumes from there" if resumes else ""
        print(f"interrupted{hint}", file=sys.stderr)
    return code


def _print_error(error: Exception) -> None:
    """Print one line, or raise the error for its traceback if REELWEAVE_DEBUG is set."""
    if os.environ.get("REELWEAVE_DEBUG"):
        raise error
    text = f"{error.filename}: {error.strerror}" if isinstance(error, OSError) and error.filename else error
    print(f"error: {text}", file=sys.stderr)

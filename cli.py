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
from .answers import answer, plan_told, reconstruction_told, scores_told, sought_told, taken_data, taken_told
from .errors import ReelweaveError
from .films import numbered, refuse_repair_of_split
from .finding import search, similar
from .labelling import breakup_app
from .mending import repair
from .options import (
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
    settings_of,
    takes_wishes,
)
from .scoring import Evaluate, evaluate
from .tending import doctor, models_app, settings_app, ui, videos_app

if TYPE_CHECKING:
    from .solve.wishes import Wishes

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    help="Takes videos apart into frames, remembers every frame as vectors, and puts videos back together.",
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
@takes_wishes
def reconstruct(
    video: Annotated[Path, typer.Argument(help="A shuffled video, GIF or folder of pictures.")],
    output: Annotated[Path | None, typer.Option("--output", "-o", help="The film to write.")] = None,
    plan: Annotated[Path | None, typer.Option(help="Where the plan goes.")] = None,
    report: Annotated[Path | None, typer.Option(help="A folder for pictures of what was done.")] = None,
    split: Split = False,
    films: Films = None,
    repair: Repair = False,
    detector: DetectorFile = None,
    reverse: Reverse = False,
    both: Both = False,
    lossless: Lossless = False,
    wishes: "Wishes | None" = None,
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
    """Put a shuffled, polluted video back in order."""
    from . import pipeline

    progress = progress_for(quiet)
    flags = ingest_flags(space, None, size) | method_flags(outliers, price, thorough, time_limit)
    flags |= {"render.crf": crf, "render.audio": audio}
    done = pipeline.reconstruct(
        video,
        settings_of(library, flags | {"solve.space": None if space in ("all", "auto") else space}),
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
    answer(asdict(done) | {"notes": progress.notes}, as_json, reconstruction_told(done))


@app.command()
def ingest(
    # One that may not be read is reported beside the others; Typer's own check would end the whole command.
    path: Annotated[list[Path], typer.Argument(readable=False, help="Videos, GIFs, folders, or patterns in quotes.")],
    fps: SampleRate = None,
    size: Size = None,
    space: SpaceName = None,
    no_share: Annotated[bool, typer.Option("--no-share", help="Frames that look the same share no vector.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be done; write nothing.")] = False,
    library: LibraryFolder = None,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Embed every frame into the library; nothing is done twice."""
    from . import pipeline

    flags = ingest_flags(space, fps, size) | ({"ingest.share_level": 0.0} if no_share else {})
    settings, progress, total, failed = settings_of(library, flags), progress_for(quiet), 0, []
    try:
        told = 0
        for taken in pipeline.ingest_all(path, settings, progress, dry_run=dry_run):
            total += 1
            if taken.error:
                failed.append(taken.error)
            if as_json or dry_run or not taken.error:
                answer(taken_data(taken) | {"notes": progress.notes[told:]}, as_json, taken_told(taken, dry_run))
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
@takes_wishes
def solve(
    video: Annotated[str, typer.Argument(help="A video of the library: its id, name or path.")],
    plan: Annotated[Path | None, typer.Option(help="Where the plan goes; else it is printed.")] = None,
    evidence: Annotated[
        Path | None, typer.Option(help="Where the kNN graph and its verdicts go, a frame a line.")
    ] = None,
    wishes: "Wishes | None" = None,
    space: Annotated[
        str | None, typer.Option(help="The space to solve in: appearance, clip, timm:MODEL, own:NAME or fused.")
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
    """Find the order again from what the library holds; nothing is decoded or embedded, but for --repair."""
    from . import pipeline

    settings = settings_of(library, method_flags(outliers, price, thorough, time_limit) | {"solve.space": space})
    if split or films:
        refuse_repair_of_split(repair or detector is not None)
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
            answer(found.model_dump(mode="json"), as_json or not plan, plan_told(found, file))
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
        print(plan_told(found, plan), file=sys.stderr)
    answer(found.model_dump(mode="json"), as_json or not plan, plan_told(found, plan))


@app.command()
def render(
    plan: Annotated[Path, typer.Argument(help="A plan that solve or reconstruct wrote.")],
    output: Annotated[Path | None, typer.Option("--output", "-o", help="The film to write.")] = None,
    reverse: Reverse = False,
    both: Both = False,
    fps: Annotated[str | None, typer.Option(help="Play at this rate, for example 25 or 30000/1001.")] = None,
    lossless: Lossless = False,
    crf: Crf = None,
    audio: Audio = None,
    overwrite: Replace = False,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Write the film that a plan describes."""
    from . import pipeline
    from .places import output_of
    from .solve.plan import read_plan

    progress = progress_for(quiet)
    wanted = read_plan(plan, progress.note)
    target = output or output_of(wanted)
    films = pipeline.render(
        wanted.reversed() if reverse else wanted,
        target,
        settings_of(None, {"render.crf": crf, "render.audio": audio}),
        progress,
        both=both,
        lossless=lossless,
        fps=frame_rate(fps),
        overwrite=overwriting(overwrite),
    )
    answer({"outputs": [str(film) for film in films], "notes": progress.notes}, as_json, "\n".join(map(str, films)))


@app.command()
def scramble(
    video: Annotated[Path, typer.Argument(help="A clean video.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="The scrambled video to write.")],
    truth: Annotated[Path, typer.Option(help="Where the truth goes.")],
    frames: Annotated[int, typer.Option(help="Length of a random stretch; 0 is the whole clip.")] = 0,
    seed: Annotated[int, typer.Option(help="The same seed gives the same file.")] = 0,
    foreign: Annotated[str, typer.Option(help="How many pictures to draw, or a folder to borrow from.")] = "0",
    foreign_share: Annotated[float, typer.Option(help="Borrowed frames for each true one.")] = 0.05,
    bursts: Annotated[bool, typer.Option(help="Foreign frames come in groups that look alike.")] = False,
    salt_pepper: Annotated[float, typer.Option(help="Share of pixels turned black or white.")] = 0.0,
    gaussian: Annotated[float, typer.Option(help="Noise in grey levels.")] = 0.0,
    in_order: Annotated[bool, typer.Option("--in-order", help="Do not shuffle; for broken frames alone.")] = False,
    damage: Annotated[str, typer.Option(help="Broken frames: KIND[,KIND...][:SHARE], or all[:SHARE].")] = "",
    audio: Annotated[str, typer.Option(help="The clip's sound: drop, or shuffle it along.")] = "drop",
    crf: Annotated[int, typer.Option(help="x264 quality of the scrambled video; 0 is lossless.")] = 18,
    mix: Annotated[list[Path] | None, typer.Option(help="Another clip to mix in; may be given again.")] = None,
    overwrite: Replace = False,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Make a test case from a clean video, with the truth about it."""
    from . import pipeline
    from .evaluate.damage import Damage
    from .evaluate.foreign import read_foreign
    from .evaluate.scramble import ScrambleOptions

    options = ScrambleOptions(
        frames=frames,
        seed=seed,
        shuffle=not in_order,
        foreign=read_foreign(foreign),
        foreign_share=foreign_share,
        foreign_mode="bursts" if bursts else "scattered",
        salt_pepper=salt_pepper,
        gaussian=gaussian,
        audio=audio,
        crf=crf,
        mix=mix or (),
        damage=Damage.asked(damage) if damage else Damage(),
    )
    made = pipeline.scramble(
        video,
        output,
        truth,
        options,
        progress_for(quiet),
        settings=settings_of(None),
        overwrite=overwriting(overwrite),
    )
    told = f"{output}: {len(made.frames)} frames, {len(made.foreign)} of them foreign"
    told += f", {len(made.broken)} broken" * bool(damage) + f"; the truth is in {truth}"
    answer({"output": str(output), "truth": str(truth), **made.model_dump(mode="json")}, as_json, told)


@app.command()
def demo(
    folder: Annotated[Path, typer.Option(help="Where everything goes.")] = Path("reelweave-demo"),
    overwrite: Replace = False,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Draw a film, scramble it, reconstruct it, search it by words, and say how well that went."""
    from . import pipeline

    settings = settings_of(None, {"ingest.space": "appearance"})
    done = pipeline.demo(folder, settings, progress_for(quiet), overwrite=overwriting(overwrite))
    told = [f"original   {done.original}", f"scrambled  {done.scrambled}"]
    told += [reconstruction_told(done.reconstruction), scores_told(done.scores), sought_told(done.search)]
    answer(asdict(done), as_json, "\n".join(told))


app.command(cls=Evaluate)(evaluate)
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

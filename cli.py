"""The command line: parse, call, print. stdout is data, stderr is talk."""

import json
import os
import signal
import sys
from dataclasses import asdict
from fractions import Fraction
from io import TextIOWrapper
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from . import __version__
from .answers import answer, lines, plain, plan_told, reconstruction_told, scores_told, table
from .errors import ReelweaveError, SourceError, UsageError
from .options import (
    Both,
    Crf,
    Json,
    LibraryFolder,
    Lossless,
    Quiet,
    Reverse,
    SampleRate,
    Size,
    SpaceName,
    Thorough,
    TimeLimit,
)

if TYPE_CHECKING:
    from .progress import Progress
    from .settings import Settings

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    help="Takes videos apart into frames, remembers every frame as vectors, and puts videos back together.",
)
videos_app = typer.Typer(no_args_is_help=True, help="The library: what is in it.")
models_app = typer.Typer(no_args_is_help=True, help="Embedding models: what is here.")
settings_app = typer.Typer(no_args_is_help=True, help="Settings and where they come from.")
app.add_typer(videos_app, name="videos")
app.add_typer(models_app, name="models")
app.add_typer(settings_app, name="settings")


@app.callback(invoke_without_command=True)
def root(version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False) -> None:
    if version:
        print(f"reelweave {__version__}")
        raise typer.Exit


@app.command()
def reconstruct(
    video: Annotated[Path, typer.Argument(help="A shuffled video, GIF or folder of pictures.")],
    output: Annotated[Path | None, typer.Option("--output", "-o", help="The film to write.")] = None,
    plan: Annotated[Path | None, typer.Option(help="Where the plan goes.")] = None,
    report: Annotated[Path | None, typer.Option(help="A folder for pictures of what was done.")] = None,
    reverse: Reverse = False,
    both: Both = False,
    lossless: Lossless = False,
    crf: Crf = None,
    space: SpaceName = None,
    size: Size = None,
    thorough: Thorough = False,
    time_limit: TimeLimit = None,
    library: LibraryFolder = None,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Put a shuffled, polluted video back in order."""
    from . import pipeline

    flags = _ingest_flags(space, None, size) | {"render.crf": crf, "solve.time_limit": time_limit}
    flags["solve.thorough"] = thorough or None
    done = pipeline.reconstruct(
        video,
        _settings(library, flags | {"solve.space": space if space in ("appearance", "clip") else None}),
        _progress(quiet),
        output=output,
        plan_file=plan,
        report=report,
        reverse=reverse,
        both=both,
        lossless=lossless,
    )
    answer(asdict(done), as_json, reconstruction_told(done))


@app.command()
def ingest(
    path: Annotated[list[Path], typer.Argument(help="Videos, GIFs, folders of pictures or folders of videos.")],
    fps: SampleRate = None,
    size: Size = None,
    space: SpaceName = None,
    library: LibraryFolder = None,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Embed every frame into the library; nothing is done twice."""
    from . import pipeline

    settings, failures = _settings(library, _ingest_flags(space, fps, size)), 0
    for one in pipeline.sources(path):
        try:
            video = pipeline.ingest(one, settings, _progress(quiet))
        except SourceError as unreadable:
            # One bad file among many keeps no other out.
            _complain(unreadable)
            failures += 1
        else:
            answer(asdict(video), as_json, f"{video.id}  {video.frames} frames  {video.seconds:.1f} s")
    if failures:
        raise typer.Exit(1)


@app.command()
def solve(
    video: Annotated[str, typer.Argument(help="A video of the library: its id, name or path.")],
    plan: Annotated[Path | None, typer.Option(help="Where the plan goes; else it is printed.")] = None,
    evidence: Annotated[
        Path | None, typer.Option(help="Where the kNN graph and its verdicts go, a frame a line.")
    ] = None,
    space: Annotated[str | None, typer.Option(help="The space to solve in: appearance or clip.")] = None,
    thorough: Thorough = False,
    time_limit: TimeLimit = None,
    library: LibraryFolder = None,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Find the order again from what the library holds; nothing is decoded or embedded."""
    from . import pipeline

    flags = {"solve.space": space, "solve.thorough": thorough or None, "solve.time_limit": time_limit}
    settings = _settings(library, flags)
    found = pipeline.solve(video, settings, _progress(quiet), plan_file=plan, evidence=evidence)
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
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Write the film that a plan describes."""
    from . import pipeline
    from .solve.plan import read_plan

    wanted = read_plan(plan)
    target = output or pipeline.default_output(Path(wanted.video.source))
    films = pipeline.render(
        wanted.reversed() if reverse else wanted,
        target,
        _settings(None, {"render.crf": crf}),
        _progress(quiet),
        both=both,
        lossless=lossless,
        fps=_rate(fps),
    )
    answer({"outputs": [str(film) for film in films]}, as_json, "\n".join(map(str, films)))


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
    crf: Annotated[int, typer.Option(help="x264 quality of the scrambled video; 0 is lossless.")] = 18,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Make a test case from a clean video, with the truth about it."""
    from . import pipeline
    from .evaluate.scramble import ScrambleOptions

    options = ScrambleOptions(
        frames=frames,
        seed=seed,
        foreign=int(foreign) if foreign.isdecimal() else Path(foreign),
        foreign_share=foreign_share,
        foreign_mode="bursts" if bursts else "scattered",
        salt_pepper=salt_pepper,
        gaussian=gaussian,
        crf=crf,
    )
    made = pipeline.scramble(video, output, truth, options, _progress(quiet))
    told = f"{output}: {len(made.frames)} frames, {len(made.foreign)} of them foreign; the truth is in {truth}"
    answer({"output": str(output), "truth": str(truth), **made.model_dump(mode="json")}, as_json, told)


@app.command()
def evaluate(
    plan: Annotated[Path, typer.Argument(help="A plan for the scrambled video.")],
    truth: Annotated[Path, typer.Option(help="The truth that scramble wrote.")],
    rendered: Annotated[Path | None, typer.Option(help="The film made from the plan, to score its pictures.")] = None,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Score a plan against the truth."""
    from . import pipeline
    from .evaluate.truth import read_truth
    from .solve.plan import read_plan

    scores = pipeline.evaluate(read_plan(plan), read_truth(truth), _progress(quiet), rendered)
    answer(asdict(scores), as_json, scores_told(scores))


@app.command()
def demo(
    folder: Annotated[Path, typer.Option(help="Where everything goes.")] = Path("reelweave-demo"),
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Draw a film, scramble it, reconstruct it, and say how well that went."""
    from . import pipeline

    done = pipeline.demo(folder, _settings(None, {"ingest.space": "appearance"}), _progress(quiet))
    told = [f"original   {done.original}", f"scrambled  {done.scrambled}"]
    answer(
        asdict(done), as_json, "\n".join([*told, reconstruction_told(done.reconstruction), scores_told(done.scores)])
    )


@videos_app.command("list")
def videos_list(library: LibraryFolder = None, as_json: Json = False) -> None:
    """Every video of the library."""
    from . import upkeep

    rows = upkeep.list_videos(_settings(library))
    if as_json:
        lines(rows)
        return
    table(
        [
            (r["id"], r["frames"], f"{r['fps']:.2f} fps", ", ".join(s["name"] for s in r["spaces"]), r["state"])
            for r in rows
        ]
    )


@videos_app.command("show")
def videos_show(video: str, library: LibraryFolder = None, as_json: Json = False) -> None:
    """All that is known of a video."""
    from . import upkeep

    facts = upkeep.show_video(video, _settings(library))
    answer(facts, as_json, "\n".join(f"{key:15} {plain(value)}" for key, value in facts.items()))


@videos_app.command("remove")
def videos_remove(
    video: list[str],
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    library: LibraryFolder = None,
) -> None:
    """Forget videos; their sources are not touched."""
    from . import upkeep

    settings = _settings(library)
    for one in video:
        name = upkeep.show_video(one, settings)["id"]
        if not yes and not _confirmed(f"Forget {name}?"):
            continue
        print(f"removed {upkeep.remove_video(name, settings).id}", file=sys.stderr)


@videos_app.command("check")
def videos_check(library: LibraryFolder = None, as_json: Json = False) -> None:
    """Whether everything that the catalog promises is there; exit 1 when not."""
    from . import upkeep

    found = upkeep.check_videos(_settings(library))
    if as_json:
        lines({"id": video, "problems": problems} for video, problems in found.items())
    else:
        table([(video, "; ".join(problems) or "ok") for video, problems in found.items()])
    if any(found.values()):
        raise typer.Exit(1)


@models_app.command("list")
def models_list(as_json: Json = False) -> None:
    """The embedding spaces and whether this machine has their models."""
    from . import upkeep

    rows = upkeep.list_models(_settings(None))
    if as_json:
        lines(rows)
    else:
        table([(r["space"], r["model"], "ready" if r["ready"] else f"needs {r['needs']}") for r in rows])


@settings_app.command("show")
def settings_show(as_json: Json = False) -> None:
    """Each value and where it came from."""
    from .settings import explain

    rows = explain()
    if as_json:
        lines(asdict(row) for row in rows)
    else:
        table([(row.key, json.dumps(row.value), row.origin) for row in rows])


@app.command()
def doctor(library: LibraryFolder = None, as_json: Json = False) -> None:
    """Try everything that Reelweave needs; exit 1 when something is missing."""
    from . import upkeep

    checks = upkeep.doctor(_settings(library))
    if as_json:
        lines(asdict(check) for check in checks)
    else:
        table([("ok" if check.ok else "FAILED", check.name, check.detail) for check in checks])
    if not all(check.ok for check in checks):
        raise typer.Exit(1)


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
        print("interrupted; what was stored is kept, and the same command goes on from there", file=sys.stderr)
    return code


def _complain(failed: Exception) -> None:
    """Say in a line what failed; whoever wants the traceback gets it instead."""
    if os.environ.get("REELWEAVE_DEBUG"):
        raise failed
    told = f"{failed.filename}: {failed.strerror}" if isinstance(failed, OSError) and failed.filename else failed
    print(f"error: {told}", file=sys.stderr)


def _settings(library: Path | None, flags: dict[str, Any] | None = None) -> "Settings":
    from .settings import load

    return load({"library": str(library) if library else None, **(flags or {})})


def _ingest_flags(space: str | None, fps: str | None, size: int | None) -> dict[str, Any]:
    return {"ingest.space": space, "ingest.fps": 0.0 if fps == "all" else fps, "ingest.size": size}


def _progress(quiet: bool) -> "Progress":
    from .console import terminal_progress

    return terminal_progress(quiet)


def _rate(fps: str | None) -> Fraction | None:
    try:
        return Fraction(fps) if fps else None
    except (ValueError, ZeroDivisionError):
        raise UsageError(
            f"{fps!r} is not a frame rate.", "Give a number or a fraction: 25, 29.97, 30000/1001."
        ) from None


def _confirmed(question: str) -> bool:
    if not sys.stdin.isatty():
        raise UsageError("Nobody is there to confirm.", "Give --yes to remove without asking.")
    return typer.confirm(question, err=True)

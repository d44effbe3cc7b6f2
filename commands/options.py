"""Define the options that several commands share, and turn them into settings."""

import inspect
import sys
from collections.abc import Callable, Sequence
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from ..errors import UsageError, use_library_in_commands
from . import complete

if TYPE_CHECKING:
    from ..index.overwrite import Overwrite
    from ..progress import NotingProgress
    from ..settings import Settings
    from ..solve.constraints import Constraints


_Answer = TypeVar("_Answer")

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Hide progress.")]
LibraryFolder = Annotated[Path | None, typer.Option("--library", help="Folder of the library.")]
StoreUrl = Annotated[
    str | None, typer.Option("--store", metavar="URL", help="Chroma server for the vectors of the library.")
]
SpaceName = Annotated[
    str | None,
    typer.Option(
        "--space",
        help="Space: appearance, clip, timm:MODEL, fused, all or auto.",
        autocompletion=complete.ingested_spaces,
    ),
]
ModelName = Annotated[
    str | None,
    typer.Option(
        "--model",
        help="CLIP model: a name of models list, or another value of clip.model.",
        autocompletion=complete.models,
    ),
]
ViewName = Annotated[
    str | None,
    typer.Option(
        "--view",
        help="What CLIP sees of a frame: whole, crop, tiles or auto.",
        autocompletion=complete.one_of(complete.VIEWS),
    ),
]
SampleRate = Annotated[str | None, typer.Option("--fps", help="Frames per second to look at, or all.")]
EngineName = Annotated[
    str | None, typer.Option("--engine", help="Where the work runs: local, ray, or ray://HOST:PORT.")
]
Size = Annotated[
    int | None, typer.Option("--size", help="Short side of the picture that is embedded; 0 is as decoded.")
]
TimeLimit = Annotated[
    float | None, typer.Option("--time-limit", help="Time limit of each search for a path, in seconds.")
]
JoinPrice = Annotated[
    str | None,
    typer.Option(
        "--price",
        help="Price of a join: auto, changes, small-changes, difference, coarse-difference, scroll, tangent, states, "
        "huber, cosine, histogram, flow, sift or match.",
        autocompletion=complete.one_of(complete.PRICES),
    ),
]
OutlierRule = Annotated[
    str | None,
    typer.Option(
        "--outliers",
        help="Outlier rule: density, dbscan or hdbscan.",
        autocompletion=complete.one_of(complete.RULES),
    ),
]
Thorough = Annotated[bool, typer.Option("--thorough", help="Search longer where the order is in doubt.")]
Crf = Annotated[int | None, typer.Option("--crf", help="x264 quality, 0 to 51; smaller is better.")]
Lossless = Annotated[bool, typer.Option("--lossless", help="Keep the samples of the source, in a larger file.")]
Reverse = Annotated[bool, typer.Option("--reverse", help="Play the film backwards.")]
Audio = Annotated[
    str | None,
    typer.Option("--audio", help="Sound: auto, drop, keep or reslice.", autocompletion=complete.one_of(complete.SOUND)),
]
Both = Annotated[bool, typer.Option("--both", help="Write the film forwards and backwards.")]
Split = Annotated[bool, typer.Option("--split", help="Separate films that were mixed into one file.")]
Repair = Annotated[bool, typer.Option("--repair", help="Replace broken frames with interpolated ones.")]
DetectorFile = Annotated[Path | None, typer.Option("--detector", help="Detector from breakup train.")]
RepairDetector = Annotated[
    Path | None, typer.Option("--detector", help="Detector from breakup train; implies --repair.")
]
Replace = Annotated[bool, typer.Option("--overwrite", "-y", help="Replace existing files without asking.")]
EditLists = Annotated[
    list[Path] | None,
    typer.Option(
        "--edit-list",
        "--otio",
        "--edl",
        "--fcpxml",
        metavar="PATH",
        help="Edit list to write, in the format of its suffix: .otio, .edl, .fcpxml or .csv; repeatable.",
    ),
]
Films = Annotated[
    int | None, typer.Option("--films", min=1, max=1000, help="Number of films that were mixed; implies --split.")
]

VideoName = Annotated[
    str, typer.Argument(help="Video of the library: its id, name or path.", autocompletion=complete.videos)
]
First = Annotated[int | None, typer.Option(metavar="F", help="Frame F begins the film.")]
Last = Annotated[int | None, typer.Option(metavar="F", help="Frame F ends the film.")]
Before = Annotated[list[str] | None, typer.Option(metavar="A:B", help="Frame A plays before frame B; repeatable.")]
Adjacent = Annotated[list[str] | None, typer.Option(metavar="A:B", help="Frames A and B are neighbours; repeatable.")]
Keep = Annotated[list[str] | None, typer.Option(metavar="F", help="Frames to keep: 3,7-9; repeatable.")]
Drop = Annotated[list[str] | None, typer.Option(metavar="F", help="Frames to drop: 3,7-9; repeatable.")]
KeepShot = Annotated[list[str] | None, typer.Option(metavar="S", help="A dropped group to keep; repeatable.")]
DropShot = Annotated[list[str] | None, typer.Option(metavar="S", help="A shot to drop; repeatable.")]
FlipShot = Annotated[list[str] | None, typer.Option(metavar="S", help="A shot to reverse; repeatable.")]
ShotOrder = Annotated[str | None, typer.Option(metavar="S,S,...", help="Order of the shots.")]
CutAfter = Annotated[list[str] | None, typer.Option(metavar="F", help="A shot ends after frame F; repeatable.")]
JoinAfter = Annotated[list[str] | None, typer.Option(metavar="F", help="No shot ends after frame F; repeatable.")]


class _Given:
    """The option --store of the running command."""

    store: str | None = None


def add_store_option(app: typer.Typer) -> None:
    """Add the option --store to every command that has --library; `settings_from` reads it."""
    for info in app.registered_commands:
        if info.callback and "library" in inspect.signature(info.callback).parameters:
            info.callback = _with_store(info.callback)
    for group in app.registered_groups:
        if group.typer_instance:
            add_store_option(group.typer_instance)


def _with_store(function: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(function)
    def run(*arguments: Any, store: str | None = None, **options: Any) -> Any:
        _Given.store = store
        try:
            return function(*arguments, **options)
        finally:
            _Given.store = None

    parameters = inspect.signature(function).parameters
    option = inspect.Parameter("store", parameters["library"].kind, default=None, annotation=StoreUrl)
    with_option = list(parameters.values())
    with_option.insert(with_option.index(parameters["library"]) + 1, option)
    return _with_signature(run, with_option)


def grouped(**collectors: Callable[..., Any]) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Replace each named parameter of a command by the options of a function, whose result becomes its value."""

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        groups = {name: inspect.signature(collect).parameters for name, collect in collectors.items()}

        @wraps(function)
        def run(**given: Any) -> Any:
            values = {
                name: collect(**{option: given.pop(option) for option in groups[name]})
                for name, collect in collectors.items()
            }
            return function(**given, **values)

        expanded = [
            option.replace(kind=inspect.Parameter.KEYWORD_ONLY)
            for name, parameter in inspect.signature(function).parameters.items()
            for option in (groups[name].values() if name in groups else [parameter])
        ]
        return _with_signature(run, expanded)

    return decorate


def _with_signature(function: Callable[..., Any], parameters: Sequence[inspect.Parameter]) -> Callable[..., Any]:
    """Let Typer see these parameters."""
    vars(function)["__signature__"] = inspect.Signature(parameters)
    function.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    return function


def settings_from(library: Path | None, flags: dict[str, Any] | None = None) -> "Settings":
    """Load the settings with values of the command line on top; None means that an option was not given."""
    from ..settings import load

    use_library_in_commands(library, _Given.store, (flags or {}).get("clip.model"))
    return load({"library": str(library) if library else None, "store.url": _Given.store, **(flags or {})})


def progress_for(quiet: bool) -> "NotingProgress":
    from ..progress import noting
    from .console import terminal_progress

    return noting(terminal_progress(quiet))


def prompted(ask: Callable[..., _Answer], question: str, **options: Any) -> _Answer:
    """Ask on stderr by `typer.confirm` or `typer.prompt`. Ctrl-C ends the command as it does elsewhere."""
    try:
        return ask(question, err=True, **options)
    except typer.Abort:
        raise KeyboardInterrupt from None


def confirmed(question: str, unasked: UsageError) -> bool:
    """Ask on a terminal, on stderr, because stdout carries data; raise `unasked` elsewhere."""
    if not (sys.stdin and sys.stdin.isatty()):
        raise unasked
    return prompted(typer.confirm, question)


def overwriting(replace: bool) -> "Overwrite":
    """Return True for --overwrite, else a function that asks the user."""
    return True if replace else _ask_to_replace


def _ask_to_replace(files: Sequence[Path]) -> bool:
    """Ask on a terminal; decline elsewhere. The question goes to stderr, because stdout carries data."""
    from ..index.overwrite import describe_foreign

    if not (sys.stdin and sys.stdin.isatty() and sys.stderr and sys.stderr.isatty()):
        return False
    print(f"{describe_foreign(files)} Replace? [y/N] ", end="", file=sys.stderr, flush=True)
    return sys.stdin.readline().strip().lower() in ("y", "yes")


def ingest_flags(space: str | None, fps: str | None, size: int | None) -> dict[str, Any]:
    return {"ingest.space": space, "ingest.fps": 0.0 if fps == "all" else fps, "ingest.size": size}


def clip_flags(model: str | None, view: str | None) -> dict[str, Any]:
    return {"clip.model": model, "clip.view": view}


def method_flags(
    outliers: OutlierRule = None, price: JoinPrice = None, thorough: Thorough = False, time_limit: TimeLimit = None
) -> dict[str, Any]:
    return {
        "outliers.rule": outliers,
        "solve.price": price,
        "solve.thorough": thorough or None,
        "solve.time_limit": time_limit,
    }


def stated_constraints(
    first: First = None,
    last: Last = None,
    before: Before = None,
    adjacent: Adjacent = None,
    keep: Keep = None,
    drop: Drop = None,
    keep_shot: KeepShot = None,
    drop_shot: DropShot = None,
    flip_shot: FlipShot = None,
    shot_order: ShotOrder = None,
    cut_after: CutAfter = None,
    join_after: JoinAfter = None,
) -> "Constraints":
    from ..solve.constraints import parse_constraints

    return parse_constraints(
        first, last, before, adjacent, keep, drop, keep_shot, drop_shot, flip_shot, shot_order, cut_after, join_after
    )

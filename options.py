"""Options that several commands share."""

import re
import sys
from collections.abc import Callable, Sequence
from fractions import Fraction
from functools import wraps
from inspect import Parameter, Signature, signature
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .errors import UsageError, said_on_the_command_line
from .ranges import shortened

if TYPE_CHECKING:
    from .outputs import Overwrite
    from .progress import Noted
    from .settings import Settings

LEAST_RATE, MOST_RATE = Fraction(1, 1000), Fraction(1000)
"""Frames a second that a film may play at."""

Json = Annotated[bool, typer.Option("--json", help="Print data as JSON.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="No progress.")]
LibraryFolder = Annotated[Path | None, typer.Option("--library", help="The library's folder.")]
SpaceName = Annotated[str | None, typer.Option("--space", help="appearance, clip, timm:MODEL, fused, all or auto.")]
SampleRate = Annotated[str | None, typer.Option("--fps", help="Frames a second to look at, or all.")]
Size = Annotated[int | None, typer.Option("--size", help="Short side of the embedded picture; 0 is as decoded.")]
TimeLimit = Annotated[float | None, typer.Option("--time-limit", help="Seconds that each search for a path may take.")]
JoinPrice = Annotated[str | None, typer.Option("--price", help="auto, huber, cosine, histogram, flow, sift or match.")]
OutlierRule = Annotated[str | None, typer.Option("--outliers", help="density, dbscan or hdbscan.")]
Thorough = Annotated[bool, typer.Option("--thorough", help="Look longer at films that leave doubt.")]
Crf = Annotated[int | None, typer.Option("--crf", help="x264 quality, 0 to 51; smaller is better.")]
Lossless = Annotated[bool, typer.Option("--lossless", help="The source's own samples, in a larger file.")]
Reverse = Annotated[bool, typer.Option("--reverse", help="Play it backwards.")]
Audio = Annotated[str | None, typer.Option("--audio", help="The source's sound: drop, keep or reslice.")]
Both = Annotated[bool, typer.Option("--both", help="Write it forwards and backwards.")]
Split = Annotated[bool, typer.Option("--split", help="Films that were mixed together come out apart.")]
Repair = Annotated[bool, typer.Option("--repair", help="Drop broken frames; others are made in their places.")]
DetectorFile = Annotated[Path | None, typer.Option("--detector", help="A detector that breakup train wrote.")]
Replace = Annotated[bool, typer.Option("--overwrite", "-y", help="Replace files that are there, without asking.")]
Films = Annotated[
    int | None, typer.Option("--films", min=1, max=1000, help="How many films were mixed; implies --split.")
]


def takes_wishes(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options that say what the user knows; they reach it as `wishes`."""

    @wraps(command)
    def wished(**given: Any) -> None:
        from .solve.wishes import read_wishes

        said = {name: value for name in _WISHES if (value := given.pop(name)) is not None}
        command(**given, wishes=read_wishes(**said))

    own = [parameter for parameter in signature(command).parameters.values() if parameter.name != "wishes"]
    added = [Parameter(name, Parameter.KEYWORD_ONLY, default=None, annotation=kind) for name, kind in _WISHES.items()]
    wished.__signature__ = Signature([p.replace(kind=Parameter.KEYWORD_ONLY) for p in own] + added)  # type: ignore[attr-defined]
    wished.__annotations__ = {parameter.name: parameter.annotation for parameter in [*own, *added]}
    return wished


def _several(metavar: str, text: str) -> Any:
    return Annotated[list[str] | None, typer.Option(metavar=metavar, help=f"{text}; repeatable.")]


_WISHES = {
    "first": Annotated[int | None, typer.Option(metavar="F", help="Frame F is the first.")],
    "last": Annotated[int | None, typer.Option(metavar="F", help="Frame F is the last.")],
    "before": _several("A:B", "Frame A plays before frame B"),
    "adjacent": _several("A:B", "Frames A and B are neighbours"),
    "keep": _several("F", "Frames that play, whatever they look like: 3,7-9"),
    "drop": _several("F", "Frames that go: 3,7-9"),
    "keep_shot": _several("S", "A dropped group that plays after all"),
    "drop_shot": _several("S", "A shot that goes"),
    "flip_shot": _several("S", "A shot that plays backwards"),
    "shot_order": Annotated[str | None, typer.Option(metavar="S,S,...", help="The shots play in this order.")],
}


def settings_of(library: Path | None, flags: dict[str, Any] | None = None) -> "Settings":
    from .settings import load

    said_on_the_command_line(library)
    return load({"library": str(library) if library else None, **(flags or {})})


def progress_for(quiet: bool) -> "Noted":
    from .console import terminal_progress
    from .progress import noted

    return noted(terminal_progress(quiet))


def overwriting(replace: bool) -> "Overwrite":
    """Replace what is there if that was said, and ask otherwise."""
    return True if replace else _ask_to_replace


def _ask_to_replace(files: Sequence[Path]) -> bool:
    """Ask on a terminal; elsewhere nobody is there to answer. The question goes to stderr, since stdout is data."""
    from .outputs import foreign_told

    if not (sys.stdin and sys.stdin.isatty() and sys.stderr and sys.stderr.isatty()):
        return False
    print(f"{foreign_told(files)} Replace? [y/N] ", end="", file=sys.stderr, flush=True)
    return sys.stdin.readline().strip().lower() in ("y", "yes")


def frame_rate(fps: str | None) -> Fraction | None:
    if not fps:
        return None
    # Nothing longer, and no exponent: Fraction would write 1e999999999 out in full.
    number = re.fullmatch(r"([0-9]{1,9}(?:\.[0-9]{0,9})?)(?:/([1-9][0-9]{0,8}))?", fps.strip())
    rate = Fraction(number[1]) / int(number[2] or 1) if number else Fraction(0)
    if not LEAST_RATE <= rate <= MOST_RATE:
        raise UsageError(
            f"{shortened(fps)!r} is not a frame rate from {LEAST_RATE} to {MOST_RATE}.",
            "Give a number or a fraction: 25, 29.97, 30000/1001.",
        )
    return rate


def ingest_flags(space: str | None, fps: str | None, size: int | None) -> dict[str, Any]:
    return {"ingest.space": space, "ingest.fps": 0.0 if fps == "all" else fps, "ingest.size": size}


def method_flags(outliers: str | None, price: str | None, thorough: bool, time_limit: float | None) -> dict[str, Any]:
    return {
        "outliers.rule": outliers,
        "solve.price": price,
        "solve.thorough": thorough or None,
        "solve.time_limit": time_limit,
    }

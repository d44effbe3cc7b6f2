"""What comes of a reconstruction: where each film and its plan go, and what is told of them."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING

from .errors import UsageError

if TYPE_CHECKING:
    from .frames import VideoRecord
    from .solve.plan import Plan
    from .solve.undetermined import Why
    from .solve.wishes import Wishes

_UNDETERMINED: "dict[Why, str]" = {
    "same": "between frames that look the same",
    "cuts": "between shots",
    "equal": "between frames that all differ equally",
    "direction": "of two frames",
}
_ALL_UNDETERMINED: "dict[Why, str]" = {
    "same": "the frames look the same",
    "cuts": "every frame is a shot of its own",
    "equal": "the frames all differ equally from one another",
    "direction": "either of the two frames may come first",
}


@dataclass(frozen=True)
class FilmMade:
    """One film, its plan and what is known of it: how many frames are broken, and in place of how many others play."""

    kept: int
    shots: int
    gap: float | None
    mean_confidence: float | None
    output: str
    outputs: list[str]
    plan: str
    report: str | None
    broken: int = 0
    filled: int = 0
    undetermined: "dict[Why, int]" = field(default_factory=dict)


@dataclass(frozen=True)
class Reconstruction:
    """What came of `reconstruct`, as `--json` prints it: of all films together, and of each.

    `gap` is the widest of them, `mean_confidence` that of the joins that something decided (None: of none),
    `undetermined` how many others there are and why, `dropped` the frames that are in no film, and `output`, `plan`
    and `report` are those of the first, which is the only one unless films were told apart.
    """

    video: str
    frames: int
    kept: int
    dropped: int
    shots: int
    gap: float | None
    mean_confidence: float | None
    output: str
    outputs: list[str]
    plan: str
    report: str | None
    space: str
    seconds: dict[str, float]
    films: list[FilmMade]
    broken: int = 0
    filled: int = 0
    undetermined: "dict[Why, int]" = field(default_factory=dict)


@dataclass(frozen=True)
class Places:
    """Where one film, its plan and its report go."""

    output: Path
    plan: Path
    report: Path | None


def places_of(output: Path, plan_file: Path | None, report: Path | None, number: int | None) -> Places:
    if number is None:
        return Places(output, plan_file or output.with_suffix(".plan.json"), report)
    film = numbered(output, number)
    plan = numbered(plan_file, number) if plan_file else film.with_suffix(".plan.json")
    return Places(film, plan, report / str(number) if report else None)


def films_at(output: Path, both: bool) -> list[Path]:
    """The film and, with `both`, the same backwards beside it."""
    return [output, output.with_stem(f"{output.stem}.reversed")] if both else [output]


def numbered(file: Path, number: int) -> Path:
    """The name of the first, second, ... of several files: NAME.1.mp4."""
    return file.with_stem(f"{file.stem}.{number}")


def film_made(plan: "Plan", place: Places, outputs: Sequence[Path]) -> FilmMade:
    from .solve.undetermined import reasons

    return FilmMade(
        kept=len(plan.order),
        shots=len(plan.shots),
        gap=plan.path.gap,
        mean_confidence=_rounded(plan.mean_confidence),
        output=str(place.output),
        outputs=[str(film) for film in outputs],
        plan=str(place.plan),
        report=str(place.report) if place.report else None,
        broken=sum(one.reason == "broken" for one in plan.dropped),
        filled=len(plan.made),
        undetermined=reasons(plan),
    )


def together(
    video: "VideoRecord", plans: Sequence["Plan"], made: list[FilmMade], space: str, seconds: dict[str, float]
) -> Reconstruction:
    kept, joins = sum(film.kept for film in made), [value for plan in plans for value in plan.determined]
    gaps = [film.gap for film in made if film.gap is not None]
    first = made[0]
    return Reconstruction(
        video=video.id,
        frames=video.frames,
        kept=kept,
        dropped=video.frames - kept,
        shots=sum(film.shots for film in made),
        gap=max(gaps) if len(gaps) == len(made) else None,
        mean_confidence=_rounded(sum(joins) / len(joins) if joins else None),
        output=first.output,
        outputs=[output for film in made for output in film.outputs],
        plan=first.plan,
        report=first.report,
        space=space,
        seconds=seconds,
        films=made,
        broken=sum(film.broken for film in made),
        filled=sum(film.filled for film in made),
        undetermined=dict(sum((Counter(film.undetermined) for film in made), Counter())),
    )


def order_told(frames: int, sure: float | None, undetermined: "Mapping[Why, int]") -> str:
    """How sure an order of so many frames is, and what nothing decides."""
    if frames < 2:
        return "undetermined: there is only one frame" if frames else "undetermined: there is no frame"
    if sure is None and not undetermined:
        return "not known"
    several = len(undetermined) > 1
    parts = ", ".join(f"{count} {_UNDETERMINED[why]}" for why, count in undetermined.items())
    if sure is None:
        return f"undetermined: {parts if several else _ALL_UNDETERMINED[next(iter(undetermined))]}"
    if not undetermined:
        return f"{sure_told(sure)} sure"
    reasons = parts if several else _UNDETERMINED[next(iter(undetermined))]
    return f"{sure_told(sure)} sure; {sum(undetermined.values())} of {frames - 1} joins undetermined ({reasons})"


def sure_told(share: float) -> str:
    """A chance in percent, rounded; what is not certain is not called so."""
    return "over 99 %" if 0.995 <= share < 1 else f"{100 * share:.0f} %"


def _rounded(share: float | None) -> float | None:
    return None if share is None else round(share, 4)


class Clock:
    """Seconds since the last lap, by name."""

    def __init__(self) -> None:
        self.laps: dict[str, float] = {}
        self._last = perf_counter()

    def lap(self, name: str) -> None:
        now = perf_counter()
        self.laps[name], self._last = round(now - self._last, 3), now


def refuse_with_split(wishes: "Wishes | None") -> None:
    """What is known of an order says nothing of which film a frame is from."""
    if wishes:
        raise UsageError(
            "What you know of the order cannot be said together with --split.",
            "Without it, --drop-shot leaves out the shots of the other films.",
        )


def refuse_repair_of_split(wanted: bool) -> None:
    """Films that were mixed are repaired one by one, once they lie in order."""
    if wanted:
        raise UsageError(
            "--repair cannot be said together with --split.", "Split first, and repair each of the films by itself."
        )

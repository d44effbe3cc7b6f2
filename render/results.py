"""The result of `reconstruct`: each film, its plan, and how certain its order is."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..media.types import VideoRecord
    from ..solve.plan.model import Plan, UndeterminedReason
    from .outputs import OutputPaths


_UNDETERMINED: "dict[UndeterminedReason, str]" = {
    "same": "between frames that look the same",
    "cuts": "between shots",
    "equal": "between frames that all differ equally",
    "recurring": "between pictures that recur",
    "exchangeable": "between stretches that could be exchanged",
    "direction": "of two frames",
}
_ALL_UNDETERMINED: "dict[UndeterminedReason, str]" = {
    "same": "the frames look the same",
    "cuts": "every frame is a shot of its own",
    "equal": "the frames all differ equally from one another",
    "recurring": "the same pictures recur, as of a pendulum",
    "exchangeable": "every stretch could be exchanged with others",
    "direction": "either of the two frames may come first",
}
_SHOT_UNDETERMINED: "dict[UndeterminedReason, str]" = {"exchangeable": "stretches of it could be exchanged"}
"""What a shot says instead."""


@dataclass(frozen=True)
class FilmResult:
    """A film and its plan; `broken` frames were found, and `filled` of them are replaced in the film."""

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
    undetermined: "dict[UndeterminedReason, int]" = field(default_factory=dict)


@dataclass(frozen=True)
class Reconstruction:
    """The result of `reconstruct` as `--json` prints it: the totals of all films, and each film.

    `gap` is the widest of the films. `mean_confidence` covers the determined joins and is `None` without any;
    `undetermined` counts the others by reason. `dropped` counts the frames that are in no film. `output`, `plan` and
    `report` are those of the first film, which is the only one unless the source was split.
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
    films: list[FilmResult]
    broken: int = 0
    filled: int = 0
    undetermined: "dict[UndeterminedReason, int]" = field(default_factory=dict)


def film_result(plan: "Plan", place: "OutputPaths", outputs: Sequence[Path]) -> FilmResult:
    """Return the result of one film."""
    from ..solve.undetermined import reasons

    return FilmResult(
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


def reconstruction_of(
    video: "VideoRecord", plans: Sequence["Plan"], made: list[FilmResult], space: str, seconds: dict[str, float]
) -> Reconstruction:
    """Add up the results of all films of a video."""
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


def order_text(frames: int, sure: float | None, undetermined: "Mapping[UndeterminedReason, int]") -> str:
    """Say how certain the order of so many frames is, and why joins are undetermined."""
    if frames < 2:
        return "undetermined: there is only one frame" if frames else "undetermined: there is no frame"
    if sure is None and not undetermined:
        return "not known"
    several = len(undetermined) > 1
    parts = ", ".join(f"{count} {_UNDETERMINED[why]}" for why, count in undetermined.items())
    if sure is None:
        return f"undetermined: {parts if several else _ALL_UNDETERMINED[next(iter(undetermined))]}"
    if not undetermined:
        return f"{confidence_text(sure)} sure"
    reasons = parts if several else _UNDETERMINED[next(iter(undetermined))]
    return f"{confidence_text(sure)} sure; {sum(undetermined.values())} of {frames - 1} joins undetermined ({reasons})"


def shot_order_text(reason: "UndeterminedReason | None") -> str:
    """Say why the order within a shot is undetermined; empty if it is not."""
    return f"order undetermined: {_SHOT_UNDETERMINED.get(reason, _ALL_UNDETERMINED[reason])}" if reason else ""


def confidence_text(share: float) -> str:
    """Format a probability in percent; only certainty becomes 100 %."""
    return "over 99 %" if 0.995 <= share < 1 else f"{100 * share:.0f} %"


def _rounded(share: float | None) -> float | None:
    return None if share is None else round(share, 4)

"""What came of trying a network's ways, as it is kept and told."""

from dataclasses import dataclass
from pathlib import Path

from ..untrusted import checked, read_json
from .embedder import EXACT
from .processor import this_processor


@dataclass(frozen=True)
class Tried:
    """One way on trial; `refused` says why it is not taken, and is empty where it may be."""

    way: str
    pictures_a_second: float = 0.0
    """On one core of a CPU, by its CPU time."""
    cosine: float = 0.0
    refused: str = ""
    weights: str = ""
    """How an int8 way stores them."""


@dataclass(frozen=True)
class Verdict:
    """What came of a trial, as it is kept."""

    model: str
    device: str
    speed: str
    chosen: str
    tried: tuple[Tried, ...]
    processor: str = ""
    weights: str = ""
    """Those of the chosen way, where there are several kinds."""

    def __str__(self) -> str:
        by_name = {tried.way: tried for tried in self.tried}
        exact, best = by_name[EXACT].pictures_a_second, by_name[self.chosen]
        refused = "".join(f"; {tried.way}: {tried.refused}" for tried in self.tried if tried.refused)
        pace = "pictures a second on one core" if self.device == "cpu" else "pictures a second"
        if self.chosen == EXACT:
            return f"exact, {exact:.3g} {pace}{refused}"
        told = f"{best.pictures_a_second:.3g} {pace} (exact: {exact:.3g})"
        return f"{self.chosen}, {told}, cosine to exact at least {best.cosine:.4f}{refused}"


def remembered(folder: Path, model: str, speed: str) -> str:
    """How a model runs on this processor, in words; empty where no trial has been held."""
    asked = (model, speed, str(this_processor()))
    files = sorted(folder.glob("*.json"), key=lambda file: file.stat().st_mtime_ns, reverse=True)
    verdicts = (verdict for file in files if (verdict := read_verdict(file)))
    return next(
        (str(verdict) for verdict in verdicts if (verdict.model, verdict.speed, verdict.processor) == asked), ""
    )


def read_verdict(file: Path) -> Verdict | None:
    try:
        verdict = checked(Verdict, read_json(file))
    except (OSError, ValueError):
        return None
    return verdict if {EXACT, verdict.chosen} <= {tried.way for tried in verdict.tried} else None

"""Build a plan from an arrangement."""

from dataclasses import asdict
from typing import Any

from ..media.types import VideoRecord
from ..settings import Settings
from .arrangement import Arrangement
from .constraints import Constraints
from .plan.model import PathReport, Plan, PlanVideo, SoundReport
from .solve_input import SolveInput


def plan_from(
    video: VideoRecord, film: SolveInput, found: Arrangement, used: dict[str, Any], constraints: Constraints
) -> Plan:
    """Build the plan of a film.

    Args:
        video: The record of the source.
        film: The input that was solved.
        found: The arrangement of its frames.
        used: The settings that produced it, stored in the plan.
        constraints: The user's constraints to record.
    """
    facts = {name: getattr(video, name) for name in ("id", "name", "source", "sha256", "fps", "width", "height")}
    path = found.ordered.path
    return Plan(
        video=PlanVideo(**facts, frames=len(film.rows), gaps=film.rows.gaps),
        order=found.order,
        dropped=found.dropped,
        shots=found.shots,
        confidence=found.confidence,
        undetermined=found.undetermined,
        prices=found.review.prices,
        weak=found.review.weak,
        path=PathReport(
            cost=path.cost,
            lower_bound=path.lower_bound,
            gap=path.gap,
            solver=path.solver,
            seconds=round(found.ordered.seconds, 3),
            interrupted=path.interrupted,
            price=found.ordered.price,
            band=found.ordered.band,
            recurring=found.ordered.recurring,
            loop=found.ordered.loop,
            thorough=bool(used["solve"]["thorough"]),
        ),
        direction=found.direction,
        sound=SoundReport(**asdict(found.sound)) if found.sound else None,
        settings=used,
        wishes=constraints.given(),
    )


def mark_split(plan: Plan, number: int, films: int, settings: Settings) -> Plan:
    """Record in a plan which of the split films it is."""
    facts = {"film": number, "of": films} | settings.split.model_dump()
    return plan.model_copy(update={"settings": plan.settings | {"split": facts}})

"""Define the command `solve`."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from .options import (
    Adjacent,
    Before,
    Drop,
    DropShot,
    Films,
    First,
    FlipShot,
    JoinPrice,
    Json,
    Keep,
    KeepShot,
    Last,
    LibraryFolder,
    OutlierRule,
    Quiet,
    Repair,
    RepairDetector,
    Replace,
    ShotOrder,
    Split,
    Thorough,
    TimeLimit,
    method_flags,
    overwriting,
    progress_for,
    settings_from,
)
from .output import plan_text, print_answer


def solve(
    video: Annotated[str, typer.Argument(help="Video of the library: its id, name or path.")],
    plan: Annotated[Path | None, typer.Option(help="Plan to write; printed by default.")] = None,
    evidence: Annotated[
        Path | None, typer.Option(help="File for the nearest-neighbour graph, one line per frame.")
    ] = None,
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
) -> None:
    """Find the order of a video in the library and write a plan. Decodes nothing, except with --repair."""
    from .. import pipeline
    from ..render.outputs import numbered
    from ..solve.constraints import parse_constraints

    constraints = parse_constraints(
        first, last, before, adjacent, keep, drop, keep_shot, drop_shot, flip_shot, shot_order
    )
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

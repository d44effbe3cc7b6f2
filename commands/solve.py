"""Define the command `solve`."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from . import complete, options
from .output import plan_text, print_answer


def solve(
    video: options.VideoName,
    plan: Annotated[Path | None, typer.Option(help="Plan to write; printed by default.")] = None,
    evidence: Annotated[
        Path | None, typer.Option(help="File for the nearest-neighbour graph, one line per frame.")
    ] = None,
    space: Annotated[
        str | None,
        typer.Option(
            help="Space to solve in: appearance, clip, timm:MODEL, own:NAME or fused.", autocompletion=complete.spaces
        ),
    ] = None,
    outliers: options.OutlierRule = None,
    price: options.JoinPrice = None,
    split: options.Split = False,
    films: options.Films = None,
    repair: options.Repair = False,
    detector: options.RepairDetector = None,
    thorough: options.Thorough = False,
    time_limit: options.TimeLimit = None,
    edit_list: options.EditLists = None,
    library: options.LibraryFolder = None,
    overwrite: options.Replace = False,
    quiet: options.Quiet = False,
    as_json: options.Json = False,
    first: options.First = None,
    last: options.Last = None,
    before: options.Before = None,
    adjacent: options.Adjacent = None,
    keep: options.Keep = None,
    drop: options.Drop = None,
    keep_shot: options.KeepShot = None,
    drop_shot: options.DropShot = None,
    flip_shot: options.FlipShot = None,
    shot_order: options.ShotOrder = None,
) -> None:
    """Find the order of a video in the library and write a plan. Decodes no picture, except with --repair."""
    from .. import pipeline
    from ..render.outputs import numbered
    from ..solve.constraints import parse_constraints

    constraints = parse_constraints(
        first, last, before, adjacent, keep, drop, keep_shot, drop_shot, flip_shot, shot_order
    )
    settings = options.settings_from(
        library, options.method_flags(outliers, price, thorough, time_limit) | {"solve.space": space}
    )
    request = pipeline.SolveRequest(
        video,
        constraints=constraints,
        plan_file=plan,
        evidence=evidence,
        repair=repair,
        detector=detector,
        films=films,
        edit_lists=tuple(edit_list or ()),
        overwrite=options.overwriting(overwrite),
    )
    if split or films:
        for number, film in enumerate(pipeline.solve_split(request, settings, options.progress_for(quiet)), 1):
            file = plan and numbered(plan, number)
            print_answer(film.model_dump(mode="json"), as_json or not plan, plan_text(film, file))
        return
    solved = pipeline.solve(request, settings, options.progress_for(quiet))
    if not (plan or as_json or quiet):
        print(plan_text(solved, plan), file=sys.stderr)
    print_answer(solved.model_dump(mode="json"), as_json or not plan, plan_text(solved, plan))

"""Define the command `solve`."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..errors import UsageError
from . import complete, options
from .output import plan_text, print_answer, print_error

if TYPE_CHECKING:
    from ..index.overwrite import Overwrite
    from ..progress import Progress
    from ..settings import Settings
    from ..solve.constraints import Constraints


@options.grouped(method=options.method_flags, constraints=options.stated_constraints)
def solve(
    video: Annotated[
        str | None,
        typer.Argument(help="Video of the library: its id, name or path.", autocompletion=complete.videos),
    ] = None,
    plan: Annotated[
        Path | None, typer.Option(help="Plan to write; printed by default. With --all, a folder for the plans.")
    ] = None,
    every: Annotated[bool, typer.Option("--all", help="Solve each video of the library.")] = False,
    evidence: Annotated[
        Path | None, typer.Option(help="File for the nearest-neighbour graph, one line per frame.")
    ] = None,
    space: Annotated[
        str | None,
        typer.Option(
            help="Space to solve in: appearance, clip, timm:MODEL, own:NAME or fused.", autocompletion=complete.spaces
        ),
    ] = None,
    *,
    method: dict[str, Any],
    split: options.Split = False,
    films: options.Films = None,
    repair: options.Repair = False,
    detector: options.RepairDetector = None,
    edit_list: options.EditLists = None,
    engine: options.EngineName = None,
    library: options.LibraryFolder = None,
    overwrite: options.Replace = False,
    quiet: options.Quiet = False,
    as_json: options.Json = False,
    constraints: "Constraints",
) -> None:
    """Find the order of a video in the library and write a plan. Decodes no picture, except with --repair."""
    from .. import pipeline
    from ..render.outputs import numbered

    settings = options.settings_from(library, method | {"solve.space": space, "engine.name": engine})
    if every:
        if video or constraints or evidence or split or films or repair or detector or edit_list:
            raise UsageError("--all takes no video and nothing that is meant for one.", "Leave out one of the two.")
        _solve_all(settings, options.progress_for(quiet), plan, options.overwriting(overwrite), as_json)
        return
    if video is None:
        raise UsageError("Which video?", "Name one, or give --all.")
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


def _solve_all(
    settings: "Settings", progress: "Progress", plans: Path | None, overwrite: "Overwrite", as_json: bool
) -> None:
    from .. import pipeline

    failed = 0
    for solved in pipeline.solve_all(settings, progress, plans, overwrite=overwrite):
        if solved.error:
            failed += 1
            print(f"{solved.video.id}:", end=" ", file=sys.stderr)
            print_error(solved.error)
        if solved.plan:
            data = solved.plan.model_dump(mode="json")
            print_answer(
                data, as_json, f"{solved.video.id}  {plan_text(solved.plan, solved.plan_file).splitlines()[0]}"
            )
    if failed:
        raise typer.Exit(1)

"""Define the command `reconstruct`."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from . import options
from .output import print_answer, reconstruction_text


def reconstruct(
    video: Annotated[Path, typer.Argument(help="Shuffled video, GIF or folder of pictures.")],
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Film to write.")] = None,
    plan: Annotated[Path | None, typer.Option(help="Plan to write.")] = None,
    report: Annotated[Path | None, typer.Option(help="Folder for the report.")] = None,
    split: options.Split = False,
    films: options.Films = None,
    repair: options.Repair = False,
    detector: options.RepairDetector = None,
    reverse: options.Reverse = False,
    both: options.Both = False,
    lossless: options.Lossless = False,
    crf: options.Crf = None,
    audio: options.Audio = None,
    space: options.SpaceName = None,
    size: options.Size = None,
    outliers: options.OutlierRule = None,
    price: options.JoinPrice = None,
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
    cut_after: options.CutAfter = None,
    join_after: options.JoinAfter = None,
) -> None:
    """Put a shuffled video back in order and drop foreign frames."""
    from .. import pipeline
    from ..solve.constraints import parse_constraints

    constraints = parse_constraints(
        first,
        last,
        before,
        adjacent,
        keep,
        drop,
        keep_shot,
        drop_shot,
        flip_shot,
        shot_order,
        cut_after,
        join_after,
    )
    progress = options.progress_for(quiet)
    flags = options.ingest_flags(space, None, size) | options.method_flags(outliers, price, thorough, time_limit)
    flags |= {"render.crf": crf, "render.audio": audio}
    flags |= {"solve.space": None if space in ("all", "auto") else space}
    request = pipeline.ReconstructRequest(
        video,
        constraints=constraints,
        output=output,
        plan_file=plan,
        report=report,
        reverse=reverse,
        both=both,
        lossless=lossless,
        split=split,
        films=films,
        repair=repair,
        detector=detector,
        edit_lists=tuple(edit_list or ()),
        overwrite=options.overwriting(overwrite),
    )
    done = pipeline.reconstruct(request, options.settings_from(library, flags), progress)
    print_answer(asdict(done) | {"notes": progress.notes}, as_json, reconstruction_text(done))

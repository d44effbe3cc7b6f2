"""Define the command `reconstruct`."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from .options import (
    Adjacent,
    Audio,
    Before,
    Both,
    Crf,
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
    Lossless,
    OutlierRule,
    Quiet,
    Repair,
    RepairDetector,
    Replace,
    Reverse,
    ShotOrder,
    Size,
    SpaceName,
    Split,
    Thorough,
    TimeLimit,
    ingest_flags,
    method_flags,
    overwriting,
    progress_for,
    settings_from,
)
from .output import print_answer, reconstruction_text


def reconstruct(
    video: Annotated[Path, typer.Argument(help="Shuffled video, GIF or folder of pictures.")],
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Film to write.")] = None,
    plan: Annotated[Path | None, typer.Option(help="Plan to write.")] = None,
    report: Annotated[Path | None, typer.Option(help="Folder for the report.")] = None,
    split: Split = False,
    films: Films = None,
    repair: Repair = False,
    detector: RepairDetector = None,
    reverse: Reverse = False,
    both: Both = False,
    lossless: Lossless = False,
    crf: Crf = None,
    audio: Audio = None,
    space: SpaceName = None,
    size: Size = None,
    outliers: OutlierRule = None,
    price: JoinPrice = None,
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
    """Put a shuffled video back in order and drop foreign frames."""
    from .. import pipeline
    from ..solve.constraints import parse_constraints

    constraints = parse_constraints(
        first, last, before, adjacent, keep, drop, keep_shot, drop_shot, flip_shot, shot_order
    )
    progress = progress_for(quiet)
    flags = ingest_flags(space, None, size) | method_flags(outliers, price, thorough, time_limit)
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
        overwrite=overwriting(overwrite),
    )
    done = pipeline.reconstruct(request, settings_from(library, flags), progress)
    print_answer(asdict(done) | {"notes": progress.notes}, as_json, reconstruction_text(done))

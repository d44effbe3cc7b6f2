"""Define the command `reconstruct`."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from . import options
from .output import print_answer, reconstruction_text

if TYPE_CHECKING:
    from ..solve.constraints import Constraints


@options.grouped(method=options.method_flags, constraints=options.stated_constraints)
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
    *,
    method: dict[str, Any],
    edit_list: options.EditLists = None,
    library: options.LibraryFolder = None,
    overwrite: options.Replace = False,
    quiet: options.Quiet = False,
    as_json: options.Json = False,
    constraints: "Constraints",
) -> None:
    """Put a shuffled video back in order and drop foreign frames."""
    from .. import pipeline

    progress = options.progress_for(quiet)
    flags = options.ingest_flags(space, None, size) | method
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

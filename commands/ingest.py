"""Define the command `ingest`."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from .options import (
    EngineName,
    Json,
    LibraryFolder,
    ModelName,
    Quiet,
    SampleRate,
    Size,
    SpaceName,
    ViewName,
    clip_flags,
    ingest_flags,
    progress_for,
    settings_from,
)
from .output import ingest_data, ingest_text, print_answer, print_error


def ingest(
    # readable=False: an unreadable path is reported with the others. Typer's own check would end the whole command.
    path: Annotated[list[Path], typer.Argument(readable=False, help="Videos, GIFs, folders, or quoted patterns.")],
    fps: SampleRate = None,
    size: Size = None,
    space: SpaceName = None,
    model: ModelName = None,
    view: ViewName = None,
    no_share: Annotated[bool, typer.Option("--no-share", help="Give every frame its own vector.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Report what would be done; write nothing.")] = False,
    engine: EngineName = None,
    library: LibraryFolder = None,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Store vectors of every frame in the library. Resumes where it was interrupted."""
    from .. import pipeline

    flags = ingest_flags(space, fps, size) | clip_flags(model, view) | {"engine.name": engine}
    flags |= {"ingest.share_level": 0.0} if no_share else {}
    settings, progress, total, failed = settings_from(library, flags), progress_for(quiet), 0, []
    try:
        noted = 0
        for result in pipeline.ingest_all(path, settings, progress, dry_run=dry_run):
            total += 1
            if result.error:
                failed.append(result.error)
            if as_json or dry_run or not result.error:
                data = ingest_data(result) | {"notes": progress.notes[noted:]}
                print_answer(data, as_json, ingest_text(result, dry_run))
            noted = len(progress.notes)
    finally:
        # In a finally block, so that an interruption does not hide earlier failures.
        for error in failed:
            print_error(error)
    if failed:
        if total > 1:
            print(f"{len(failed)} of {total} sources failed", file=sys.stderr)
        raise typer.Exit(1)

"""Define the command `render`."""

from pathlib import Path
from typing import Annotated

import typer

from ..media.ranges import frame_rate
from .options import (
    Audio,
    Both,
    Crf,
    Json,
    LibraryFolder,
    Lossless,
    Quiet,
    Replace,
    Reverse,
    overwriting,
    progress_for,
    settings_from,
)
from .output import print_answer


def render(
    plan: Annotated[Path, typer.Argument(help="Plan from solve or reconstruct, or a timeline (.otio) of its frames.")],
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Film to write.")] = None,
    reverse: Reverse = False,
    both: Both = False,
    fps: Annotated[str | None, typer.Option(help="Frame rate of the film: 25, 29.97 or 30000/1001.")] = None,
    lossless: Lossless = False,
    crf: Crf = None,
    audio: Audio = None,
    library: LibraryFolder = None,
    overwrite: Replace = False,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Write the film of a plan."""
    from .. import pipeline
    from ..render.edit_lists.read import SUFFIX, read_otio_plan
    from ..render.outputs import default_output_of
    from ..solve.plan.files import read_plan

    progress = progress_for(quiet)
    settings = settings_from(library, {"render.crf": crf, "render.audio": audio})
    edited = plan.suffix.lower() == SUFFIX
    film = read_otio_plan(plan, settings, progress.note) if edited else read_plan(plan, progress.note)
    films = pipeline.render(
        film.reversed() if reverse else film,
        output or default_output_of(film),
        settings,
        progress,
        both=both,
        lossless=lossless,
        fps=frame_rate(fps),
        overwrite=overwriting(overwrite),
    )
    paths = [str(path) for path in films]
    print_answer({"outputs": paths, "notes": progress.notes}, as_json, "\n".join(paths))

"""Define the commands of the group `videos`, which manage the library."""

import sys
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..errors import UsageError
from . import complete
from .options import (
    Json,
    LibraryFolder,
    Quiet,
    Replace,
    VideoName,
    confirmed,
    overwriting,
    progress_for,
    settings_from,
)
from .output import plain, print_answer, print_rows, single_line

if TYPE_CHECKING:
    from ..index.check import CheckResult

videos_app = typer.Typer(no_args_is_help=True, help="Manage the library.")


@videos_app.command("list")
def videos_list(library: LibraryFolder = None, as_json: Json = False) -> None:
    """List the videos of the library."""
    from ..index import manage

    print_rows(manage.list_videos(settings_from(library)), as_json, dict, _video_cells, _HEAD)


_HEAD = ("id", "frames", "rate", "spaces", "size", "state", "ingested", "path")


def _video_cells(video: dict[str, Any]) -> tuple[Any, ...]:
    spaces, size = ", ".join(space["name"] for space in video["spaces"]), f"{video['bytes'] / 1e6:.1f} MB"
    facts = video["id"], video["frames"], f"{video['fps']:.2f} fps", spaces, size, video["state"]
    return *facts, _local_time(video["ingested"]), single_line(video["source"]) or "-"


def _local_time(ingested: str | None) -> str:
    """Format a time in the time zone of this machine."""
    return datetime.fromisoformat(ingested).astimezone().strftime("%Y-%m-%d %H:%M") if ingested else "-"


@videos_app.command("show")
def videos_show(video: VideoName, library: LibraryFolder = None, as_json: Json = False) -> None:
    """Show everything known about a video."""
    from ..index import manage

    facts = manage.show_video(video, settings_from(library))
    print_answer(facts, as_json, "\n".join(f"{key:15} {plain(value)}" for key, value in facts.items()))


@videos_app.command("remove")
def videos_remove(
    video: Annotated[
        list[str] | None, typer.Argument(help="Videos of the library.", autocompletion=complete.videos)
    ] = None,
    missing: Annotated[bool, typer.Option("--missing", help="Remove the videos whose sources are missing.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    library: LibraryFolder = None,
) -> None:
    """Remove videos from the library. Their sources stay."""
    from ..index import manage
    from ..ingest.relocate import videos_without_source

    settings = settings_from(library)
    if bool(video) == missing:
        raise UsageError("It is not clear which videos to remove.", "Name them, or give --missing.")
    without_source = videos_without_source(settings) if missing else []
    reasons = {found.id: f" (its source {found.source} is missing)" for found in without_source}
    for wanted in video or reasons:
        name = manage.show_video(wanted, settings)["id"]
        if not yes and not _confirmed(f"Remove {name}{reasons.get(name, '')}?"):
            continue
        print(f"removed {manage.remove_video(name, settings).id}", file=sys.stderr)


@videos_app.command("relocate")
def videos_relocate(
    *,
    video: Annotated[
        list[str] | None,
        typer.Argument(
            help="Videos of the library; all that are not found by default.", autocompletion=complete.videos
        ),
    ] = None,
    path: Annotated[Path, typer.Argument(help="New path of the source, or a folder to search.")],
    library: LibraryFolder = None,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Find moved sources by their content."""
    from ..ingest.relocate import relocate_videos, videos_without_source

    settings = settings_from(library)
    found = relocate_videos(video or [], path, settings, progress_for(quiet))
    print_rows(found, as_json, asdict, lambda one: (one.id, one.source))
    missing = [] if video else videos_without_source(settings)
    for one in missing:
        print(f"not found: {one.id} ({one.source})", file=sys.stderr)
    if missing:
        raise typer.Exit(1)


@videos_app.command("export")
def videos_export(
    video: VideoName,
    folder: Annotated[Path, typer.Argument(help="New folder for the files.")],
    space: Annotated[
        str | None, typer.Option(help="Space, if the video has several.", autocompletion=complete.spaces)
    ] = None,
    overwrite: Replace = False,
    library: LibraryFolder = None,
    as_json: Json = False,
) -> None:
    """Write the vectors and frame data of a video as files."""
    from ..index import manage

    done = manage.export_video(video, folder, space, settings_from(library), overwrite=overwriting(overwrite))
    print_answer(asdict(done), as_json, f"{done.folder}: {done.frames} frames of {done.id} in {done.space}")


@videos_app.command("export-edits")
def videos_export_edits(
    video: VideoName,
    file: Annotated[list[Path], typer.Argument(help="Edit lists to write: .otio, .edl, .fcpxml or .csv.")],
    overwrite: Replace = False,
    library: LibraryFolder = None,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Write the latest plan of a video as edit lists."""
    from ..render.edit_lists.make import export_edits

    progress = progress_for(quiet)
    done = export_edits(video, file, settings_from(library), progress, overwrite=overwriting(overwrite))
    paths = [str(path) for path in file]
    data = {"files": paths, "edits": len(done.edits), "notes": progress.notes}
    print_answer(data, as_json, "\n".join(f"{path}: {len(done.edits)} edits" for path in paths))


@videos_app.command("import")
def videos_import(
    folder: Annotated[Path, typer.Argument(help="Folder from videos export.")],
    library: LibraryFolder = None,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Import vectors that were made elsewhere, all or none."""
    from ..ingest.ingester import import_video

    done = import_video(folder, settings_from(library), progress_for(quiet))
    text = f"{done.id}  {done.frames} frames  {done.space}  {done.state}"
    print_answer(asdict(done), as_json, "\n".join([text, *(f"cannot {reason}" for reason in done.cannot)]))


@videos_app.command("move")
def videos_move(
    target: Annotated[str, typer.Argument(help="URL of a Chroma server, or folder.")],
    library: LibraryFolder = None,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Move all vectors to a Chroma server or back.

    If it was interrupted, it resumes.
    """
    from ..index import manage

    for one in manage.move_vectors(target, settings_from(library), progress_for(quiet)):
        print_answer(asdict(one), as_json, f"{one.id}  {one.frames} frames  {one.space}  {one.state}")


@videos_app.command("check")
def videos_check(
    repair: Annotated[bool, typer.Option("--repair", help="Restore what the rest of the library allows.")] = False,
    library: LibraryFolder = None,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Verify everything in the library. Exits with 1 if anything is wrong."""
    from ..index import manage

    found = manage.check_library(settings_from(library), progress_for(quiet), repair=repair)
    print_rows(found, as_json, asdict, lambda one: (one.id, _state(one)))
    if any(one.problems for one in found):
        raise typer.Exit(1)


def _state(checked: "CheckResult") -> str:
    return "; ".join([*checked.problems, *(f"warning: {warning}" for warning in checked.warnings)]) or "ok"


def _confirmed(question: str) -> bool:
    return confirmed(
        question, UsageError("Removing a video needs a confirmation.", "Give --yes to remove without asking.")
    )

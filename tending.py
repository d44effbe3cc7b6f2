"""Commands that look after what there is: the library, the models, the settings and the machine."""

import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .answers import answer, examined_told, lines, plain, table
from .errors import UsageError
from .options import (
    Json,
    LibraryFolder,
    Quiet,
    Replace,
    overwriting,
    progress_for,
    settings_of,
)

if TYPE_CHECKING:
    pass

_Model = Annotated[
    str | None, typer.Argument(help="As clip.model names one, or timm:MODEL; else the one that clip.model names.")
]

videos_app = typer.Typer(no_args_is_help=True, help="The library: what is in it.")
models_app = typer.Typer(no_args_is_help=True, help="Embedding models: what is here, and whether it works.")
settings_app = typer.Typer(no_args_is_help=True, help="Settings and where they come from.")


@videos_app.command("list")
def videos_list(library: LibraryFolder = None, as_json: Json = False) -> None:
    """Every video of the library."""
    from . import upkeep

    rows = upkeep.list_videos(settings_of(library))
    if as_json:
        lines(rows)
        return
    table(
        [
            (
                r["id"],
                r["frames"],
                f"{r['fps']:.2f} fps",
                ", ".join(s["name"] for s in r["spaces"]),
                f"{r['bytes'] / 1e6:.1f} MB",
                r["state"],
            )
            for r in rows
        ]
    )


@videos_app.command("show")
def videos_show(video: str, library: LibraryFolder = None, as_json: Json = False) -> None:
    """All that is known of a video."""
    from . import upkeep

    facts = upkeep.show_video(video, settings_of(library))
    answer(facts, as_json, "\n".join(f"{key:15} {plain(value)}" for key, value in facts.items()))


@videos_app.command("remove")
def videos_remove(
    video: Annotated[list[str] | None, typer.Argument(help="Videos of the library.")] = None,
    missing: Annotated[bool, typer.Option("--missing", help="Those whose sources are gone.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    library: LibraryFolder = None,
) -> None:
    """Forget videos; their sources are not touched."""
    from . import upkeep

    settings = settings_of(library)
    if bool(video) == missing:
        raise UsageError("Which videos are to be removed is not clear.", "Name them, or give --missing.")
    gone = (
        {found.id: f" (its source {found.source} is gone)" for found in upkeep.missing_sources(settings)}
        if missing
        else {}
    )
    for one in video or gone:
        name = upkeep.show_video(one, settings)["id"]
        if not yes and not _confirmed(f"Forget {name}{gone.get(name, '')}?"):
            continue
        print(f"removed {upkeep.remove_video(name, settings).id}", file=sys.stderr)


@videos_app.command("relocate")
def videos_relocate(
    *,
    video: Annotated[
        list[str] | None, typer.Argument(help="Videos of the library; else all that are not found.")
    ] = None,
    path: Annotated[Path, typer.Argument(help="Where the source is now, or a folder to look in.")],
    library: LibraryFolder = None,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Find sources that were moved, by their content."""
    from . import upkeep

    settings = settings_of(library)
    found = upkeep.relocate(video or [], path, settings, progress_for(quiet))
    if as_json:
        lines(asdict(one) for one in found)
    else:
        table([(one.id, one.source) for one in found])
    left = [] if video else upkeep.missing_sources(settings)
    for one in left:
        print(f"not found: {one.id} ({one.source})", file=sys.stderr)
    if left:
        raise typer.Exit(1)


@videos_app.command("export")
def videos_export(
    video: str,
    folder: Annotated[Path, typer.Argument(help="A new folder for the files.")],
    space: Annotated[str | None, typer.Option(help="Which vectors, where there are several.")] = None,
    overwrite: Replace = False,
    library: LibraryFolder = None,
    as_json: Json = False,
) -> None:
    """Write a video's vectors and what is known of its frames as files."""
    from . import upkeep

    done = upkeep.export_video(video, folder, space, settings_of(library), overwrite=overwriting(overwrite))
    answer(asdict(done), as_json, f"{done.folder}: {done.frames} frames of {done.id} in {done.space}")


@videos_app.command("import")
def videos_import(
    folder: Annotated[Path, typer.Argument(help="A folder as export writes it.")],
    library: LibraryFolder = None,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Take vectors that were made elsewhere into the library: all of them, or none."""
    from . import upkeep
    from .console import terminal_progress

    done = upkeep.import_video(folder, settings_of(library), terminal_progress(quiet))
    told = [f"{done.id}  {done.frames} frames  {done.space}  {done.state}"]
    answer(asdict(done), as_json, "\n".join(told + [f"cannot {reason}" for reason in done.cannot]))


@videos_app.command("check")
def videos_check(
    repair: Annotated[bool, typer.Option("--repair", help="Restore what the rest of the library allows.")] = False,
    library: LibraryFolder = None,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Whether everything that the catalog promises is there; exit 1 when not."""
    from . import upkeep

    found = upkeep.check_library(settings_of(library), progress_for(quiet), repair=repair)
    if as_json:
        lines(asdict(one) for one in found)
    else:
        table(
            [
                (one.id, "; ".join([*one.problems, *(f"warning: {told}" for told in one.warnings)]) or "ok")
                for one in found
            ]
        )
    if any(one.problems for one in found):
        raise typer.Exit(1)


@models_app.command("list")
def models_list(as_json: Json = False) -> None:
    """The embedding spaces and whether this machine has their models."""
    from . import upkeep

    rows = upkeep.list_models(settings_of(None))
    if as_json:
        lines(rows)
    else:
        table(
            [
                (r["space"], r["model"], "ready" if r["ready"] else f"needs {r['needs']}", r.get("runs", ""))
                for r in rows
            ]
        )


@models_app.command("fetch")
def models_fetch(model: _Model = None, quiet: Quiet = False, as_json: Json = False) -> None:
    """Bring a model's weights to this machine; from then on it works offline."""
    from . import upkeep

    done = upkeep.fetch_model(model, settings_of(None), quiet=quiet)
    answer(asdict(done), as_json, f"{done.model}  {done.state}  {done.bytes / 1e6:.1f} MB  {done.place}")


@models_app.command("check")
def models_check(
    model: _Model = None, library: LibraryFolder = None, quiet: Quiet = False, as_json: Json = False
) -> None:
    """Try a model on drawn pictures and against the library; exit 1 when something is wrong."""
    from . import upkeep

    done = upkeep.check_model(model, settings_of(library), progress_for(quiet))
    answer(asdict(done), as_json, "\n".join(examined_told(done)))
    if not done.ok:
        raise typer.Exit(1)


@settings_app.command("show")
def settings_show(as_json: Json = False) -> None:
    """Each value and where it came from."""
    from .settings import explain

    rows = explain()
    if as_json:
        lines(asdict(row) for row in rows)
    else:
        table([(row.key, json.dumps(row.value), row.origin) for row in rows])


def doctor(library: LibraryFolder = None, as_json: Json = False) -> None:
    """Try everything that Reelweave needs; exit 1 when something is missing."""
    from . import upkeep

    checks = upkeep.doctor(settings_of(library))
    if as_json:
        lines(asdict(check) for check in checks)
    else:
        table([("ok" if check.ok else "FAILED", check.name, check.detail) for check in checks])
    if not all(check.ok for check in checks):
        raise typer.Exit(1)


def ui(
    port: Annotated[int, typer.Option(help="The port of the page.", min=1, max=65535)] = 7860,
    host: Annotated[str, typer.Option(help="Where others may reach it; wants a user and a password.")] = "127.0.0.1",
    user: Annotated[str | None, typer.Option(help="Who may enter; the password is asked for.")] = None,
    password_file: Annotated[Path | None, typer.Option(help="A file whose first line is the password.")] = None,
    library: LibraryFolder = None,
) -> None:
    """Open the page in this machine's browser, until Ctrl-C."""
    from .ui.serve import password_for, serve

    def opened(address: str) -> None:
        print(f"the page is at {address} until Ctrl-C", file=sys.stderr, flush=True)

    entry = password_for(user, host, password_file, lambda text: str(typer.prompt(text, hide_input=True, err=True)))
    serve(settings_of(library), host, port, entry, opened)


def _confirmed(question: str) -> bool:
    if not sys.stdin.isatty():
        raise UsageError("Nobody is there to confirm.", "Give --yes to remove without asking.")
    return typer.confirm(question, err=True)

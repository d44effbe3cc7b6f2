"""Define the commands of the group `models`."""

from dataclasses import asdict
from typing import Annotated, Any

import typer

from . import complete
from .options import Json, LibraryFolder, Quiet, progress_for, settings_from
from .output import model_report_lines, print_answer, print_json_lines, print_table

_Model = Annotated[
    str | None,
    typer.Argument(help="A value of clip.model, or timm:MODEL; clip.model by default.", autocompletion=complete.models),
]
models_app = typer.Typer(no_args_is_help=True, help="List, fetch and check embedding models.")


@models_app.command("list")
def models_list(as_json: Json = False) -> None:
    """List the spaces, and the CLIP models that have a name."""
    from ..ingest.models.registry import list_models

    rows = list_models(settings_from(None))
    if as_json:
        print_json_lines(rows)
        return
    print_table([_cells(row) for row in rows if "name" not in row])
    print()
    print_table([_HEAD, *(_known_cells(row) for row in rows if "name" in row)], headed=True)


_HEAD = "model", "here", "licence", "MB", "dimension", "trained on", "cost", "ImageNet", "COCO", ""


def _cells(model: dict[str, Any]) -> tuple[str, ...]:
    return model["space"], model["model"], _state(model), model.get("runs", "")


def _state(model: dict[str, Any]) -> str:
    return "ready" if model["ready"] else f"needs {model['needs']}"


def _known_cells(model: dict[str, Any]) -> tuple[str, ...]:
    facts = [model[key] for key in ("licence", "megabytes", "dimension", "view", "cost", "imagenet", "coco", "note")]
    return model["name"], "yes" if model["ready"] else "no", *("-" if fact is None else str(fact) for fact in facts)


@models_app.command("fetch")
def models_fetch(model: _Model = None, quiet: Quiet = False, as_json: Json = False) -> None:
    """Download the weights of a model; it works offline from then on."""
    from ..ingest.models.registry import fetch_model

    done = fetch_model(model, settings_from(None), quiet=quiet)
    print_answer(asdict(done), as_json, f"{done.model}  {done.state}  {done.bytes / 1e6:.1f} MB  {done.place}")


@models_app.command("check")
def models_check(
    model: _Model = None, library: LibraryFolder = None, quiet: Quiet = False, as_json: Json = False
) -> None:
    """Test a model on drawn pictures and against the library. Exits with 1 if a test fails."""
    from ..evaluate.model_check import check_model

    done = check_model(model, settings_from(library), progress_for(quiet))
    print_answer(asdict(done), as_json, "\n".join(model_report_lines(done)))
    if not done.ok:
        raise typer.Exit(1)

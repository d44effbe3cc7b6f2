"""Where films, plans and reports go, and whether they can; where a plan's source is, and whether it is the same."""

import os
from pathlib import Path
from typing import TYPE_CHECKING

from .errors import PlanError, SourceError, UsageError, command
from .films import numbered

if TYPE_CHECKING:
    from .solve.plan import Plan


def default_output(path: Path) -> Path:
    """Beside the source, under its own name."""
    path = path.resolve()
    return path.with_name(f"{path.name if path.is_dir() else path.stem}.reordered.mp4")


def output_of(plan: "Plan") -> Path:
    """Beside the plan's source; a film that was told apart from others goes under its number."""
    output, split = default_output(Path(plan.video.source)), plan.settings.get("split")
    number = split.get("film") if isinstance(split, dict) else None
    return numbered(output, number) if isinstance(number, int) else output


def check_place(file: Path | None, *taken: Path) -> None:
    """Refuse a place that cannot take a file, or holds another one of this run, before any work is done."""
    if file is None:
        return
    if not file.parent.is_dir():
        raise UsageError(f"There is no folder {file.parent}.", "Create it first, or write elsewhere.")
    if file.is_dir():
        raise UsageError(f"{file} is a folder.", "Give the name of a file.")
    if file.resolve() in [path.resolve() for path in taken]:
        raise UsageError(f"{file} would overwrite a film.", "Write it under another name.")
    if not os.access(file.parent, os.W_OK):
        raise PlanError(f"{file} cannot be written: the folder is read-only.", "Write it elsewhere.")


def check_folder(report: Path | None) -> None:
    """Refuse a report's folder that is a file."""
    if report and report.exists() and not report.is_dir():
        raise UsageError(f"{report} is a file.", "Give the name of a folder for the report.")


def write_to(plan: "Plan", file: Path) -> None:
    """Write a plan, or say why that cannot be."""
    from .solve.plan import write_plan

    try:
        write_plan(plan, file)
    except OSError as failed:
        raise PlanError(f"The plan {file} cannot be written: {failed.strerror}.", "Write it elsewhere.") from failed


def unchanged_source(plan: "Plan") -> Path:
    """The plan's source, if it still is what the plan was made from."""
    from .ingest.identity import check_kind, content_hash

    source = Path(plan.video.source)
    if not plan.video.source:
        raise SourceError(
            f"{plan.video.name} was imported without its source, which rendering needs.",
            "Ingest the source and solve again, or name it in the plan (video.source).",
        )
    if not source.exists():
        raise SourceError(
            f"The source of the plan, {source}, is not there.", "Put it back, or correct video.source in the plan."
        )
    check_kind(source)
    if plan.video.sha256 and content_hash(source) != plan.video.sha256:
        raise SourceError(
            f"{source} has changed since the plan was made.",
            f"{command('reconstruct', source)} makes a new one.",
        )
    return source

"""Where films and plans go; where a plan's source is, and whether it is the same."""

from pathlib import Path
from typing import TYPE_CHECKING

from .errors import PlanError, SourceError, command
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

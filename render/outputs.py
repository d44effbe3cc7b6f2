"""Name the files that are written, and find the source of a plan."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import PlanError, SourceError, command

if TYPE_CHECKING:
    from ..solve.plan.model import Plan


@dataclass(frozen=True)
class OutputPaths:
    """The paths of a film, its plan and its report."""

    output: Path
    plan: Path
    report: Path | None


def output_paths(output: Path, plan_file: Path | None, report: Path | None, number: int | None) -> OutputPaths:
    """Return the paths of a film; those of film `number` of several have the number in their names."""
    if number is None:
        return OutputPaths(output, plan_file or output.with_suffix(".plan.json"), report)
    film = numbered(output, number)
    plan = numbered(plan_file, number) if plan_file else film.with_suffix(".plan.json")
    return OutputPaths(film, plan, report / str(number) if report else None)


def films_at(output: Path, both: bool) -> list[Path]:
    """Return the path of the film and, with `both`, that of its reverse."""
    return [output, output.with_stem(f"{output.stem}.reversed")] if both else [output]


def numbered(file: Path, number: int) -> Path:
    """Add a number to a file name, as in NAME.1.mp4."""
    return file.with_stem(f"{file.stem}.{number}")


def default_output(path: Path) -> Path:
    """Return the default path of a film: next to its source, under the source's name."""
    path = path.resolve()
    return path.with_name(f"{path.name if path.is_dir() else path.stem}.reordered.mp4")


def default_output_of(plan: "Plan") -> Path:
    """Return the default path of a plan's film: next to its source, numbered if the source holds several films."""
    output, split = default_output(Path(plan.video.source)), plan.settings.get("split")
    number = split.get("film") if isinstance(split, dict) else None
    return numbered(output, number) if isinstance(number, int) else output


def write_plan_file(plan: "Plan", file: Path) -> None:
    """Write a plan.

    Raises:
        PlanError: The file cannot be written.
    """
    from ..solve.plan.files import write_plan

    try:
        write_plan(plan, file)
    except OSError as failed:
        raise PlanError(f"The plan {file} cannot be written: {failed.strerror}.", "Write it elsewhere.") from failed


def check_source(plan: "Plan") -> Path:
    """Return the source of a plan if it is unchanged since the plan was made.

    Raises:
        SourceError: The source is missing or has changed.
    """
    from ..media.identity import check_kind, content_hash

    source = Path(plan.video.source)
    if not plan.video.source:
        raise SourceError(
            f"{plan.video.name} was imported without its source, which rendering needs.",
            "Ingest the source and solve again, or give its path in the plan (video.source).",
        )
    if not source.exists():
        raise SourceError(
            f"The source of the plan, {source}, does not exist.", "Restore it, or correct video.source in the plan."
        )
    check_kind(source)
    if plan.video.sha256 and content_hash(source) != plan.video.sha256:
        raise SourceError(
            f"{source} has changed since the plan was made.",
            f"{command('reconstruct', source)} makes a new plan.",
        )
    return source

"""Name the files that are written, write plans, and find the source of a plan."""

from dataclasses import dataclass
from pathlib import Path

from ..errors import PlanError, SourceError, SourceMissing, command
from ..index.overwrite import Outputs, Overwrite, library_of
from ..media.identity import source_hash
from ..media.source import Source, open_source
from ..media.types import VideoRecord
from ..settings import Settings
from ..solve.plan.files import write_plan
from ..solve.plan.model import Plan, PlanVideo


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


def default_output_of(plan: Plan) -> Path:
    """Return the default path of a plan's film: next to its source, numbered if the source holds several films."""
    output, split = default_output(Path(plan.video.source)), plan.settings.get("split")
    number = split.get("film") if isinstance(split, dict) else None
    return numbered(output, number) if isinstance(number, int) else output


def outputs_of(
    video: VideoRecord | PlanVideo, settings: Settings | None, overwrite: Overwrite, *inputs: Path | None
) -> Outputs:
    """Return the outputs of a command that reads a solved video, whose source it must not replace.

    Args:
        video: The video, as the library or a plan names it.
        settings: Name the library whose sources are protected.
        overwrite: Whether files that Reelweave did not write may be replaced.
        inputs: What else the command reads.
    """
    source = Path(video.source) if video.source else None
    return Outputs(video.sha256 or video.id, overwrite, inputs=[source, *inputs], library=library_of(settings))


def save_plan(plan: Plan, file: Path, *, overwrite: Overwrite = False) -> Path:
    """Write a plan as a file that `render` reads and people can edit.

    Raises:
        UsageError: The file must not be replaced.
        PlanError: The file cannot be written.
    """
    write_plan_file(plan, file, outputs_of(plan.video, None, overwrite))
    return file


def write_plan_file(plan: Plan, file: Path, outputs: Outputs) -> None:
    """Write a plan as one of the outputs of a command, with the errors of `save_plan`."""
    try:
        with outputs.writing(file):
            write_plan(plan, file)
    except OSError as failed:
        raise PlanError(f"The plan {file} cannot be written: {failed.strerror}.", "Write it elsewhere.") from failed


def check_source(plan: Plan, opened: Source | None = None, stamp: str = "") -> Source:
    """Open the source of a plan, which must be unchanged since the plan was made.

    Args:
        plan: The plan.
        opened: Its source, if it is open already. It is hashed again only if its stamp has changed.
        stamp: The stamp that its content hash was recorded with, if there is one.

    Raises:
        SourceError: The source is missing or has changed.
    """
    source = opened or open_source(_source_path(plan))
    if stamp and source.hashed is None:
        source.hashed = stamp, plan.video.sha256
    if plan.video.sha256 and source_hash(source) != plan.video.sha256:
        raise SourceError(
            f"{source.path} has changed since the plan was made.",
            f"{command('reconstruct', source.path)} makes a new plan.",
        )
    return source


def _source_path(plan: Plan) -> Path:
    source = Path(plan.video.source)
    if not plan.video.source:
        raise SourceError(
            f"{plan.video.name} was imported without its source, which rendering needs.",
            "Ingest the source and solve again, or give its path in the plan (video.source).",
        )
    if not source.exists():
        raise SourceMissing(
            f"The source of the plan, {source}, does not exist.",
            "Restore it, or correct video.source in the plan.",
            plan.video.id,
            plan.video.name,
        )
    return source

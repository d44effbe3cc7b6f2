"""Commands that make a detector of broken frames: `breakup label`, `breakup train`, `breakup test`."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .answers import answer
from .options import DetectorFile, Json, Quiet, Replace, overwriting, progress_for, settings_of

if TYPE_CHECKING:
    from .breakup.train import Taught
    from .teaching import Labelled, Tested

breakup_app = typer.Typer(no_args_is_help=True, help="Broken frames: sort examples, train a detector, test it.")


@breakup_app.command("label")
def breakup_label(
    video: Annotated[list[Path], typer.Argument(help="Videos, folders, or patterns in quotes.")],
    out: Annotated[Path, typer.Option(help="A folder for the pictures; what is sorted there stays.")],
    count: Annotated[int, typer.Option("--count", "-n", min=0, max=100_000, help="How many further pictures.")] = 100,
    detector: DetectorFile = None,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Pick frames to sort by hand, first those that are in doubt."""
    from . import teaching

    done = teaching.label(video, out, settings_of(None), progress_for(quiet), count=count, detector=detector)
    answer(asdict(done), as_json, _labelled_told(done))


@breakup_app.command("train")
def breakup_train(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A folder in which pictures were sorted.")],
    output: Annotated[Path | None, typer.Option("--output", "-o", help="The detector to write.")] = None,
    precision: Annotated[
        float | None, typer.Option(min=0, max=1, help="The precision wanted; else the best balance with recall.")
    ] = None,
    overwrite: Replace = False,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Learn from sorted pictures, in seconds."""
    from . import teaching

    file = output or teaching.default_detector(folder)
    taught = teaching.train(folder, settings_of(None), file, precision=precision, overwrite=overwriting(overwrite))
    for note in taught.notes:
        progress_for(quiet).note(note)
    answer({"output": str(file), **_taught_data(taught)}, as_json, _taught_told(taught, file))


@breakup_app.command("test")
def breakup_test(
    target: Annotated[Path, typer.Argument(help="A folder of sorted pictures, or a video with --truth.")],
    detector: DetectorFile = None,
    truth: Annotated[Path | None, typer.Option(help="The truth that scramble wrote with the video.")] = None,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Score a detector, or the rules, on frames of which it is known whether they are broken."""
    from . import teaching

    done = teaching.score(detector, target, truth, settings_of(None), progress_for(quiet))
    answer(asdict(done), as_json, _tested_told(done))


def _labelled_told(done: "Labelled") -> str:
    told = [f"{count:5}  {name}" for name, count in done.videos.items()]
    return "\n".join([*told, f"{done.pictures} pictures to sort in {done.folder}/unsorted; see README.txt there"])


def _taught_data(taught: "Taught") -> dict[str, Any]:
    """The model's identity, without the model."""
    facts = taught.model.model_dump(mode="json", exclude={"forest", "evidence", "features", "measured_as"})
    scores = {video: {"precision": found.precision, "recall": found.recall} for video, found in taught.by_video.items()}
    return facts | {"by_video": scores}


def _taught_told(taught: "Taught", file: Path) -> str:
    model, checked = taught.model, taught.model.checked
    broken, clean = sum(video.broken for video in model.videos), sum(video.clean for video in model.videos)
    told = [
        f"learnt from  {broken} broken and {clean} clean frames of {len(model.videos)} videos",
        f"checked      on what was left out in turn ({checked.groups} times, by {checked.by}): "
        f"precision {checked.precision:.3f}, recall {checked.recall:.3f}",
        *(
            f"             {found.precision:.3f}  {found.recall:.3f}  {video}"
            for video, found in taught.by_video.items()
        ),
        f"threshold    {model.threshold:.3f} ({model.chosen})",
        f"detector     {file}",
    ]
    return "\n".join(told)


def _tested_told(done: "Tested") -> str:
    alarms = done.false_alarms_a_minute
    told = [
        f"precision     {done.precision:.3f}  ({done.found} found, {done.false_alarms} false alarms)",
        f"recall        {done.recall:.3f}  ({done.missed} missed)",
        *([] if alarms is None else [f"false alarms  {alarms:.2f} a minute"]),
        *(f"recall        {share:.3f}  {kind}" for kind, share in done.recall_by_kind.items()),
    ]
    return "\n".join(told)

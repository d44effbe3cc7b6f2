"""Define the commands that train and test a detector of broken frames."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .options import DetectorFile, Json, Quiet, Replace, overwriting, progress_for, settings_from
from .output import print_answer

if TYPE_CHECKING:
    from ..evaluate.detectors import DetectorScores
    from ..repair.labelling import Labelled
    from ..repair.training import TrainingResult


breakup_app = typer.Typer(no_args_is_help=True, help="Train and test a detector of broken frames.")


@breakup_app.command("label")
def breakup_label(
    video: Annotated[list[Path], typer.Argument(help="Videos, folders, or quoted patterns.")],
    out: Annotated[Path, typer.Option(help="Folder for the pictures; what is sorted there stays.")],
    count: Annotated[
        int, typer.Option("--count", "-n", min=0, max=100_000, help="How many more pictures to choose.")
    ] = 100,
    detector: DetectorFile = None,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Choose frames to sort by hand, the most doubtful first."""
    from ..repair import labelling

    done = labelling.label_frames(video, out, settings_from(None), progress_for(quiet), count=count, detector=detector)
    print_answer(asdict(done), as_json, _labelled_text(done))


@breakup_app.command("train")
def breakup_train(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Folder with sorted pictures.")],
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Detector to write.")] = None,
    precision: Annotated[
        float | None, typer.Option(min=0, max=1, help="Precision to reach; by default the best balance with recall.")
    ] = None,
    overwrite: Replace = False,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Train a detector on sorted pictures."""
    from ..repair import labelling

    file = output or labelling.default_detector(folder)
    trained = labelling.train_detector(
        folder, settings_from(None), file, precision=precision, overwrite=overwriting(overwrite)
    )
    for note in trained.notes:
        progress_for(quiet).note(note)
    print_answer({"output": str(file), **_training_data(trained)}, as_json, _training_text(trained, file))


@breakup_app.command("test")
def breakup_test(
    target: Annotated[Path, typer.Argument(help="Folder of sorted pictures, or a video with --truth.")],
    detector: DetectorFile = None,
    truth: Annotated[Path | None, typer.Option(help="Truth file from scramble.")] = None,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Score a detector, or the rules, on frames with known labels."""
    from ..evaluate.detectors import score_detector

    done = score_detector(detector, target, truth, settings_from(None), progress_for(quiet))
    print_answer(asdict(done), as_json, _test_text(done))


def _labelled_text(done: "Labelled") -> str:
    lines = [f"{count:5}  {name}" for name, count in done.videos.items()]
    return "\n".join([*lines, f"{done.pictures} pictures to sort in {done.folder}/unsorted; see README.txt there"])


def _training_data(trained: "TrainingResult") -> dict[str, Any]:
    """Return what identifies the model, without the model itself."""
    facts = trained.model.model_dump(mode="json", exclude={"forest", "evidence", "features", "measured_as"})
    scores = {
        video: {"precision": found.precision, "recall": found.recall} for video, found in trained.by_video.items()
    }
    return facts | {"by_video": scores}


def _training_text(trained: "TrainingResult", file: Path) -> str:
    model, checked = trained.model, trained.model.checked
    broken, clean = sum(video.broken for video in model.videos), sum(video.clean for video in model.videos)
    lines = [
        f"trained on   {broken} broken and {clean} clean frames of {len(model.videos)} videos",
        f"tested       on held-out frames ({checked.groups} times, by {checked.by}): "
        f"precision {checked.precision:.3f}, recall {checked.recall:.3f}",
        *(
            f"             {found.precision:.3f}  {found.recall:.3f}  {video}"
            for video, found in trained.by_video.items()
        ),
        f"threshold    {model.threshold:.3f} ({model.chosen})",
        f"detector     {file}",
    ]
    return "\n".join(lines)


def _test_text(done: "DetectorScores") -> str:
    alarms = done.false_alarms_a_minute
    lines = [
        f"precision     {done.precision:.3f}  ({done.found} found, {done.false_alarms} false alarms)",
        f"recall        {done.recall:.3f}  ({done.missed} missed)",
        *([] if alarms is None else [f"false alarms  {alarms:.2f} per minute"]),
        *(f"recall        {share:.3f}  {kind}" for kind, share in done.recall_by_kind.items()),
    ]
    return "\n".join(lines)

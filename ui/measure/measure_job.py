"""Scramble a clip, restore its order in a temporary library, and score the result."""

from dataclasses import dataclass, replace
from pathlib import Path

from ... import pipeline
from ...evaluate.scores import Scores, evaluate_plan
from ...evaluate.scramble import ScrambleOptions, scramble_video
from ...progress import Progress, noting
from ...render.results import Reconstruction
from ...solve.plan.files import read_plan
from ..context import PageContext


@dataclass(frozen=True)
class Measurement:
    """One measurement; all its files lie in one folder that the page may show files from."""

    folder: Path
    name: str
    options: ScrambleOptions
    scores: Scores
    reconstruction: Reconstruction


def measure(context: PageContext, source: Path, options: ScrambleOptions, progress: Progress) -> Measurement:
    """Scramble the clip, restore its order, and score the result against the truth.

    The unscrambled clip goes through the same encoder, so that the three films can be compared by eye.
    """
    with context.new_folder("measure") as folder:
        return _measure_in(folder, context, source, options, progress)


def _measure_in(
    folder: Path, context: PageContext, source: Path, options: ScrambleOptions, progress: Progress
) -> Measurement:
    clean = replace(options, shuffle=False, foreign=0, salt_pepper=0.0, gaussian=0.0)
    progress = noting(progress)
    scramble_video(source, folder / "clean.mp4", folder / "clean.json", clean, progress)
    truth = scramble_video(source, folder / "scrambled.mp4", folder / "truth.json", options, progress)
    reconstruction = pipeline.reconstruct(
        folder / "scrambled.mp4",
        context.settings.model_copy(update={"library": str(folder / "library")}),
        progress,
        output=folder / "film.mp4",
        plan_file=folder / "plan.json",
        report=folder / "report",
    )
    scores = evaluate_plan(read_plan(folder / "plan.json"), truth, progress, folder / "film.mp4")
    return Measurement(folder, source.name, options, scores, reconstruction)

"""Define the command `demo`, which tries the main job on a drawn film and scores the result."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..progress import SILENT, Progress
from .options import Json, Quiet, Replace, overwriting, progress_for, settings_from
from .output import demo_search_text, print_answer, reconstruction_text, scores_text

if TYPE_CHECKING:
    from ..evaluate.drawn.demo_search import DemoSearch
    from ..evaluate.scores import Scores
    from ..index.overwrite import Overwrite
    from ..render.results import Reconstruction
    from ..settings import Settings


@dataclass(frozen=True)
class Demonstration:
    """The files and scores of a demo."""

    scores: "Scores"
    reconstruction: "Reconstruction"
    search: "DemoSearch"
    scrambled: str
    original: str


def demo(
    folder: Annotated[Path, typer.Option(help="Folder for everything.")] = Path("reelweave-demo"),
    overwrite: Replace = False,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Scramble, reconstruct and search a drawn film, with scores."""
    settings = settings_from(None, {"ingest.space": "appearance"})
    done = run_demo(folder, settings, progress_for(quiet), overwrite=overwriting(overwrite))
    lines = [f"original   {done.original}", f"scrambled  {done.scrambled}"]
    lines += [reconstruction_text(done.reconstruction), scores_text(done.scores), demo_search_text(done.search)]
    print_answer(asdict(done), as_json, "\n".join(lines))


def run_demo(
    folder: Path, settings: "Settings", progress: Progress = SILENT, *, overwrite: "Overwrite" = False
) -> Demonstration:
    """Draw a film, scramble it with foreign pictures, reconstruct it, search it, and score the results."""
    from ..evaluate.drawn.demo_search import search_demo_film, with_model
    from ..evaluate.drawn.film import draw_film
    from ..evaluate.scores import evaluate_plan
    from ..evaluate.scramble import ScrambleOptions, scramble_video
    from ..index.overwrite import Outputs
    from ..pipeline import ingest, reconstruct
    from ..render.report.folder import REPORT_FILES
    from ..settings import library_folder
    from ..solve.plan.files import read_plan

    folder.mkdir(parents=True, exist_ok=True)
    names = ("original.mp4", "scrambled.mp4", "truth.json", "reconstructed.mp4", "reconstructed.plan.json")
    original, scrambled, truth_file, film, plan = (folder / name for name in names)
    # All demos share one origin, so that a demo may replace the files of an earlier version.
    outputs = Outputs("demo", overwrite, library=library_folder(settings))
    outputs.claim(original, scrambled, truth_file, film, plan, folder=folder / "report", names=REPORT_FILES)
    with progress.stage("draw a film") as stage, outputs.writing(original):
        draw_film(original)
        stage.advance()
    options = ScrambleOptions(foreign=8, seed=1)
    with outputs.writing(scrambled, truth_file):
        truth = scramble_video(original, scrambled, truth_file, options, progress, settings=settings, overwrite=True)
    own = settings.model_copy(update={"library": str(folder / "library")})
    with outputs.writing(film, plan), outputs.writing_folder(folder / "report", REPORT_FILES):
        done = reconstruct(
            scrambled, own, progress, output=film, plan_file=plan, report=folder / "report", overwrite=True
        )
    scores = evaluate_plan(read_plan(plan), truth, progress, film)
    small = with_model(own, "toy")
    found = search_demo_film("red circle", ingest(original, small, progress), small, progress)
    return Demonstration(scores, done, found, str(scrambled), str(original))

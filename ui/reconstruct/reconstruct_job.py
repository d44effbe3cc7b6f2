"""The work behind the tab Reconstruct: the pipeline's own functions, one after another, for one state."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from ... import pipeline
from ...errors import UsageError
from ...index.overwrite import Outputs, Overwrite, content_origin
from ...progress import SILENT, Progress
from ...render.outputs import checked_source, default_output_of
from ...settings import Settings, library_folder
from ..context import PageContext
from ..uploads import kept, shown
from .state import ReconstructState

if TYPE_CHECKING:
    from ...render.report.build import PlanView
    from ...solve.plan.model import Plan


def plan_preview(plan: "Plan", settings: Settings) -> "PlanView":
    """What a report shows of a plan, for who shows it himself."""
    from ...index.library import open_library
    from ...render.report.build import view_plan

    with open_library(library_folder(settings), settings) as library:
        return view_plan(library, library.catalog.find(plan.video.id), plan, settings)


def viewable_source(plan: "Plan", output: Path, progress: Progress = SILENT, *, overwrite: Overwrite = False) -> Path:
    """The plan's source as every browser plays it: itself where it is such a film, else a smaller copy."""
    return playable_copy(checked_source(plan), plan.video.frames, output, progress, overwrite=overwrite)


def playable_copy(
    source: Path,
    frames: int,
    output: Path,
    progress: Progress = SILENT,
    *,
    guessed: bool = False,
    overwrite: Overwrite = False,
) -> Path:
    """A video of so many frames as every browser plays it; one at whose frames a decoder `guessed` is copied."""
    from ...render.preview import browsers_play, preview

    if not guessed and browsers_play(source):
        return source
    with Outputs(content_origin(source), overwrite, inputs=[source]).writing(output):
        return preview(source, frames, output, progress, steady=guessed)


def proxy_film(
    plan: "Plan", look: "PlanView", output: Path, progress: Progress = SILENT, *, overwrite: Overwrite = False
) -> Path:
    """The plan's film at once, from the small pictures of the library."""
    from ...render.audio.soundtrack import own_rate
    from ...render.preview import film_of_pictures

    source = Path(plan.video.source) if plan.video.source else None
    with Outputs(plan.video.sha256 or plan.video.id, overwrite, inputs=[source]).writing(output):
        return film_of_pictures(map(look.picture, plan.order), len(plan.order), own_rate(plan), output, progress)


def begin(context: PageContext, upload: str | None, picked: str | None, progress: Progress) -> ReconstructState:
    """A video that was given or picked, in the library and solved, with all that is looked at but the film."""
    video = _taken(context, upload, progress) if upload else picked
    if not video:
        raise UsageError("No video was given.", "Drop one above, or pick one of the library.")
    plan = pipeline.solve(video, context.settings, progress)
    with context.new_folder("state") as folder:
        source = viewable_source(plan, folder / "given.mp4", progress)
        shuffled = source if source.parent == folder else shown(source, folder / "given.mp4")
        state = _written(ReconstructState(folder, plan, plan, plan_preview(plan, context.settings), shuffled))
        return state.with_film("glimpse", write_preview(state, progress), plan)


def solve_again(context: PageContext, state: ReconstructState, progress: Progress) -> ReconstructState:
    """The plan that holds to what was said, from what the library has stored; films of the old one are void."""
    plan = pipeline.solve(state.plan.video.id, context.settings, progress, wishes=state.said)
    look = plan_preview(plan, context.settings)
    return _written(replace(state, plan=plan, look=look, solved=state.said, films={}))


def write_preview(state: ReconstructState, progress: Progress) -> Path:
    """The film of the plan at once, from the library's small pictures."""
    return proxy_film(state.plan, state.look, state.folder / "glimpse.mp4", progress)


def render(context: PageContext, state: ReconstructState, backwards: bool, progress: Progress) -> Path:
    """The film of the state's plan, or the same backwards."""
    plan, end = (state.plan.reversed(), ".reversed.mp4") if backwards else (state.plan, ".mp4")
    return pipeline.render(plan, _named(state, end), context.settings, progress)[0]


def _taken(context: PageContext, upload: str, progress: Progress) -> str:
    with kept(context, [upload]) as (place,):
        return pipeline.ingest(place, pipeline.every_frame(context.settings), progress).id


def _written(state: ReconstructState) -> ReconstructState:
    return replace(state, films={**state.films, "plan": pipeline.save_plan(state.plan, _named(state, ".plan.json"))})


def _named(state: ReconstructState, end: str) -> Path:
    """As the command line names them."""
    return state.folder / f"{Path(default_output_of(state.plan)).stem}{end}"

"""The jobs of the Reconstruct tab: solve, solve again with corrections, preview and render."""

from dataclasses import replace
from pathlib import Path

from ... import pipeline
from ...errors import UsageError
from ...index.library import open_library
from ...index.overwrite import Outputs, Overwrite, content_origin
from ...progress import SILENT, Progress
from ...render.audio.soundtrack import own_rate
from ...render.outputs import check_source, default_output_of
from ...render.preview import browsers_play, film_of_pictures, preview
from ...render.report.build import PlanView, view_plan
from ...settings import Settings, library_folder
from ...solve.plan.model import Plan
from ..context import PageContext
from ..uploads import kept_uploads, link_or_copy
from .state import ReconstructState


def plan_preview(plan: Plan, settings: Settings) -> PlanView:
    """Return what a report shows of a plan, for callers that lay it out themselves."""
    with open_library(library_folder(settings), settings) as library:
        return view_plan(library, library.catalog.find(plan.video.id), plan, settings)


def viewable_source(plan: Plan, output: Path, progress: Progress = SILENT, *, overwrite: Overwrite = False) -> Path:
    """Return the plan's source if every browser plays it, else a smaller copy at `output`."""
    return playable_copy(check_source(plan), plan.video.frames, output, progress, overwrite=overwrite)


def playable_copy(
    source: Path,
    frames: int,
    output: Path,
    progress: Progress = SILENT,
    *,
    guessed: bool = False,
    overwrite: Overwrite = False,
) -> Path:
    """Return the video if every browser plays it, else a smaller copy.

    Args:
        source: The video.
        frames: How many frames it has.
        output: Where to write the copy.
        progress: Reports the stages.
        guessed: Whether a decoder had to guess at damaged frames; then a copy is always made.
        overwrite: Whether `output` may replace a file that Reelweave did not write.
    """
    if not guessed and browsers_play(source):
        return source
    with Outputs(content_origin(source), overwrite, inputs=[source]).writing(output):
        return preview(source, frames, output, progress, steady=guessed)


def proxy_film(
    plan: Plan, look: PlanView, output: Path, progress: Progress = SILENT, *, overwrite: Overwrite = False
) -> Path:
    """Write a small film of the plan from the proxies in the library, without decoding the source."""
    source = Path(plan.video.source) if plan.video.source else None
    with Outputs(plan.video.sha256 or plan.video.id, overwrite, inputs=[source]).writing(output):
        return film_of_pictures(map(look.picture, plan.order), len(plan.order), own_rate(plan), output, progress)


def begin(context: PageContext, upload: str | None, video: str | None, progress: Progress) -> ReconstructState:
    """Ingest an upload or take a video of the library, solve it, and make a preview of the film.

    Args:
        context: The page's settings and folders.
        upload: The path of an uploaded video; it takes precedence.
        video: A video of the library.
        progress: Reports the stages.

    Raises:
        UsageError: Neither an upload nor a video was given.
    """
    video = _ingest(context, upload, progress) if upload else video
    if not video:
        raise UsageError("No video was given.", "Drop one above, or choose one from the library.")
    plan = pipeline.solve(video, context.settings, progress)
    with context.new_folder("state") as folder:
        target = folder / "given.mp4"
        source = viewable_source(plan, target, progress)
        original = source if source.parent == folder else link_or_copy(source, target)
        state = _with_plan_file(ReconstructState(folder, plan, plan, plan_preview(plan, context.settings), original))
        return state.with_film("preview", write_preview(state, progress), plan)


def solve_again(context: PageContext, state: ReconstructState, progress: Progress) -> ReconstructState:
    """Solve with the corrections; the films of the old plan no longer apply."""
    plan = pipeline.solve(state.plan.video.id, context.settings, progress, constraints=state.constraints)
    view = plan_preview(plan, context.settings)
    return _with_plan_file(replace(state, plan=plan, preview=view, solved=state.constraints, films={}))


def write_preview(state: ReconstructState, progress: Progress) -> Path:
    """Make a small film of the plan, to be seen before the full render."""
    return proxy_film(state.plan, state.preview, state.folder / "glimpse.mp4", progress)


def render(context: PageContext, state: ReconstructState, backwards: bool, progress: Progress) -> Path:
    """Render the film of the plan at full quality."""
    plan, suffix = (state.plan.reversed(), ".reversed.mp4") if backwards else (state.plan, ".mp4")
    return pipeline.render(plan, _output(state, suffix), context.settings, progress)[0]


def _ingest(context: PageContext, upload: str, progress: Progress) -> str:
    with kept_uploads(context, [upload]) as (file,):
        return pipeline.ingest(file, pipeline.every_frame(context.settings), progress).id


def _with_plan_file(state: ReconstructState) -> ReconstructState:
    file = pipeline.save_plan(state.plan, _output(state, ".plan.json"))
    return replace(state, films={**state.films, "plan": file})


def _output(state: ReconstructState, suffix: str) -> Path:
    """Name an output as the command line does."""
    return state.folder / f"{Path(default_output_of(state.plan)).stem}{suffix}"

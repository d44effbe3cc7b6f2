"""The jobs of the Reconstruct tab: solve, solve again with corrections, preview and render."""

from dataclasses import replace
from pathlib import Path

from ... import pipeline
from ...errors import UsageError
from ...index import manage
from ...index.overwrite import Outputs, Overwrite, content_origin
from ...ingest.ingester import complete_video
from ...media.source import Source, open_source
from ...progress import SILENT, Progress
from ...render.audio.soundtrack import own_rate
from ...render.edit_lists.make import known_edits
from ...render.edit_lists.write import pack_edit_lists
from ...render.outputs import check_source, default_output_of, outputs_of
from ...render.preview import browsers_play, film_of_pictures, preview
from ...render.report.build import PlanView, view_plan
from ...settings import every_frame
from ...solve.constraints import NO_CONSTRAINTS, Constraints
from ...solve.plan.model import Plan
from ..context import PageContext
from ..runs import Run
from ..strings import STRINGS
from ..uploads import chosen_source, kept_uploads, link_or_copy
from .state import ReconstructState


def viewable_source(plan: Plan, output: Path, progress: Progress = SILENT, *, overwrite: Overwrite = False) -> Path:
    """Return the plan's source if every browser plays it, else a smaller copy at `output`."""
    return playable_copy(check_source(plan), plan.video.frames, output, progress, overwrite=overwrite)


def playable_copy(
    source: Path | Source,
    frames: int,
    output: Path,
    progress: Progress = SILENT,
    *,
    guessed: bool = False,
    overwrite: Overwrite = False,
) -> Path:
    """Return the video if every browser plays it, else a smaller copy.

    Args:
        source: The video, or its path.
        frames: How many frames it has.
        output: Where to write the copy.
        progress: Reports the stages.
        guessed: Whether a decoder had to guess at damaged frames; then a copy is always made.
        overwrite: Whether `output` may replace a file that Reelweave did not write.
    """
    source = open_source(source, steady=guessed)
    if guessed:
        source = source.steady()
    elif browsers_play(source):
        return source.path
    with Outputs(content_origin(source), overwrite, inputs=[source.path]).writing(output):
        return preview(source, frames, output, progress)


def proxy_film(
    plan: Plan, look: PlanView, output: Path, progress: Progress = SILENT, *, overwrite: Overwrite = False
) -> Path:
    """Write a small film of the plan from the proxies in the library, without decoding the source."""
    with outputs_of(plan.video, None, overwrite).writing(output):
        return film_of_pictures(map(look.picture, plan.order), len(plan.order), own_rate(plan), output, progress)


def begin(
    context: PageContext,
    upload: str | None,
    video: str | None,
    progress: Progress,
    run: str = "",
    constraints: Constraints = NO_CONSTRAINTS,
) -> ReconstructState:
    """Ingest an upload or take a video of the library, solve it, and make a preview of the film.

    Args:
        context: The page's settings and folders.
        upload: The path of an uploaded video; it takes precedence.
        video: A video of the library.
        progress: Reports the stages.
        run: The id under which the corrections are saved.
        constraints: Corrections of an earlier run.

    Raises:
        UsageError: Neither an upload nor a video was given.
    """
    if not upload and not video:
        raise UsageError(*STRINGS.errors.no_video)
    video = _ingest(context, upload, progress) if upload else _completed(context, video or "", progress)
    facts = manage.show_video(video, context.settings)
    save_run(context, Run(run, facts["id"], facts["name"], constraints))
    plan = pipeline.solve(video, context.settings, progress)
    with context.new_folder("state") as folder:
        target = folder / "original.mp4"
        source = viewable_source(plan, target, progress)
        original = source if source.parent == folder else link_or_copy(source, target)
        state = ReconstructState(folder, plan, plan, view_plan(plan, context.settings), original, run)
        if constraints:
            state = solve_again(context, replace(state, constraints=constraints), progress)
        else:
            state = _with_plan_file(state)
        return state.with_film("preview", write_preview(state, progress), state.plan)


def save_run(context: PageContext, run: Run) -> bool:
    """Save a run with its corrections, so that it can be reopened; tell whether that worked."""
    return bool(run.id) and context.runs.save(run)


def saved_run(state: ReconstructState) -> Run:
    """Return what is saved of a state."""
    return Run(state.run, state.plan.video.id, state.plan.video.name, state.constraints)


def solve_again(context: PageContext, state: ReconstructState, progress: Progress) -> ReconstructState:
    """Solve with the corrections; the films of the old plan no longer apply."""
    request = pipeline.SolveRequest(state.plan.video.id, state.constraints)
    plan = pipeline.solve(request, context.settings, progress)
    view = view_plan(plan, context.settings)
    return _with_plan_file(replace(state, plan=plan, preview=view, solved=state.constraints, films={}))


def write_preview(state: ReconstructState, progress: Progress) -> Path:
    """Make a small film of the plan, to be seen before the full render."""
    return proxy_film(state.plan, state.preview, state.folder / "preview.mp4", progress)


def render(context: PageContext, state: ReconstructState, backwards: bool, progress: Progress) -> Path:
    """Render the film of the plan at full quality."""
    plan, suffix = (state.plan.reversed(), ".reversed.mp4") if backwards else (state.plan, ".mp4")
    return pipeline.render(plan, _output(state, suffix), context.settings, progress)[0]


def write_edits(context: PageContext, state: ReconstructState, progress: Progress) -> Path:
    """Write the plan as edit lists for video editors, in one file."""
    outputs = outputs_of(state.plan.video, None, False)
    edits = known_edits(state.plan, context.settings)
    return pack_edit_lists(edits, _output(state, ".edits.zip"), outputs, progress)


def _ingest(context: PageContext, upload: str, progress: Progress) -> str:
    with context.writes.turn(progress), kept_uploads(context, [upload]) as (file,):
        return pipeline.ingest(file, every_frame(context.settings), progress).id


def _completed(context: PageContext, video: str, progress: Progress) -> str:
    """Finish an interrupted ingest, or add the vectors that an order is solved from, where the source is there."""
    settings = context.settings
    if manage.lacks_vectors(video, settings.solve.space, settings) and chosen_source(context, None, video):
        with context.writes.turn(progress):
            complete_video(video, settings, progress, settings.solve.space)
    return video


def _with_plan_file(state: ReconstructState) -> ReconstructState:
    file = pipeline.save_plan(state.plan, _output(state, ".plan.json"))
    return replace(state, films={**state.films, "plan": file})


def _output(state: ReconstructState, suffix: str) -> Path:
    """Name an output as the command line does."""
    return state.folder / f"{Path(default_output_of(state.plan)).stem}{suffix}"

"""The work behind the tab Reconstruct: the pipeline's own functions, one after another, for one desk."""

import shutil
from dataclasses import replace
from pathlib import Path

from .. import pipeline
from ..errors import LibraryLocked, SourceError, UsageError
from ..progress import Progress
from .desk import Desk
from .files import forget, keep, shown
from .house import House


def begin(house: House, upload: str | None, picked: str | None, progress: Progress) -> Desk:
    """A video that was given or picked, in the library and solved, with all that is looked at but the film."""
    video = _taken(house, upload, progress) if upload else picked
    if not video:
        raise UsageError("No video was given.", "Drop one above, or pick one of the library.")
    plan = pipeline.solve(video, house.settings, progress)
    folder = house.new_folder("desk")
    try:
        source = pipeline.viewable(plan, folder / "given.mp4", progress)
        shuffled = source if source.parent == folder else shown(source, folder / "given.mp4")
        desk = Desk(folder, plan, plan, pipeline.look(plan, house.settings), shuffled)
        return _glimpsed(_written(desk), progress)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise


def solve_again(house: House, desk: Desk, progress: Progress) -> Desk:
    """The plan that holds to what was said, from what the library has stored; films of the old one are void."""
    plan = pipeline.solve(desk.plan.video.id, house.settings, progress, wishes=desk.said)
    look = pipeline.look(plan, house.settings)
    return _written(replace(desk, plan=plan, look=look, solved=desk.said, films={}))


def glimpse(desk: Desk, progress: Progress) -> Desk:
    return _glimpsed(desk, progress)


def render(house: House, desk: Desk, backwards: bool, progress: Progress) -> Desk:
    """The desk with the film of its plan, or the same backwards."""
    plan, key = (desk.plan.reversed(), "reversed") if backwards else (desk.plan, "film")
    made = pipeline.render(plan, _named(desk, f".{key}.mp4" if backwards else ".mp4"), house.settings, progress)
    return replace(desk, films={**desk.films, key: made[0]})


def put_away(desk: Desk | None) -> None:
    """What was made for a desk goes with it."""
    if desk is not None:
        shutil.rmtree(desk.folder, ignore_errors=True)


def _taken(house: House, upload: str, progress: Progress) -> str:
    kept = keep(house, upload)
    try:
        video = pipeline.ingest(kept, pipeline.every_frame(house.settings), progress)
    except (SourceError, LibraryLocked):
        forget(house, kept)
        raise
    if Path(video.source) != kept:
        forget(house, kept)
    return video.id


def _glimpsed(desk: Desk, progress: Progress) -> Desk:
    made = pipeline.glimpse(desk.plan, desk.look, desk.folder / "glimpse.mp4", progress)
    return replace(desk, films={**desk.films, "glimpse": made})


def _written(desk: Desk) -> Desk:
    from ..solve.plan import write_plan

    return replace(desk, films={**desk.films, "plan": write_plan(desk.plan, _named(desk, ".plan.json"))})


def _named(desk: Desk, end: str) -> Path:
    """As the command line names them."""
    return desk.folder / f"{Path(pipeline.output_of(desk.plan)).stem}{end}"

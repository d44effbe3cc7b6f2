"""The work behind the tab Reconstruct: the pipeline's own functions, one after another, for one desk."""

from dataclasses import replace
from pathlib import Path

from .. import pipeline
from ..errors import UsageError
from ..places import output_of
from ..progress import Progress
from .desk import Desk
from .files import kept, shown
from .house import House


def begin(house: House, upload: str | None, picked: str | None, progress: Progress) -> Desk:
    """A video that was given or picked, in the library and solved, with all that is looked at but the film."""
    video = _taken(house, upload, progress) if upload else picked
    if not video:
        raise UsageError("No video was given.", "Drop one above, or pick one of the library.")
    plan = pipeline.solve(video, house.settings, progress)
    with house.new_folder("desk") as folder:
        source = pipeline.viewable(plan, folder / "given.mp4", progress)
        shuffled = source if source.parent == folder else shown(source, folder / "given.mp4")
        desk = _written(Desk(folder, plan, plan, pipeline.look(plan, house.settings), shuffled))
        return desk.with_film("glimpse", glimpse(desk, progress), plan)


def solve_again(house: House, desk: Desk, progress: Progress) -> Desk:
    """The plan that holds to what was said, from what the library has stored; films of the old one are void."""
    plan = pipeline.solve(desk.plan.video.id, house.settings, progress, wishes=desk.said)
    look = pipeline.look(plan, house.settings)
    return _written(replace(desk, plan=plan, look=look, solved=desk.said, films={}))


def glimpse(desk: Desk, progress: Progress) -> Path:
    """The film of the plan at once, from the library's small pictures."""
    return pipeline.glimpse(desk.plan, desk.look, desk.folder / "glimpse.mp4", progress)


def render(house: House, desk: Desk, backwards: bool, progress: Progress) -> Path:
    """The film of the desk's plan, or the same backwards."""
    plan, end = (desk.plan.reversed(), ".reversed.mp4") if backwards else (desk.plan, ".mp4")
    return pipeline.render(plan, _named(desk, end), house.settings, progress)[0]


def _taken(house: House, upload: str, progress: Progress) -> str:
    with kept(house, [upload]) as (place,):
        return pipeline.ingest(place, pipeline.every_frame(house.settings), progress).id


def _written(desk: Desk) -> Desk:
    return replace(desk, films={**desk.films, "plan": pipeline.save_plan(desk.plan, _named(desk, ".plan.json"))})


def _named(desk: Desk, end: str) -> Path:
    """As the command line names them."""
    return desk.folder / f"{Path(output_of(desk.plan)).stem}{end}"

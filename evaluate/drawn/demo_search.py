"""A search of the drawn film for one of its actors, scored against what the film is known to show."""

from dataclasses import dataclass

from ...media.types import VideoRecord
from ...progress import Progress
from ...search.finder import open_finder
from ...search.question import Question
from ...settings import Settings
from .film import film_shown
from .recall import rank_frames


@dataclass(frozen=True)
class DemoSearch:
    """How well words found an actor: `right` of the `hits` best frames show it, as `showing` of all `frames` do."""

    text: str
    model: str
    hits: int
    right: int
    frames: int
    showing: int
    above: float
    """How often a frame that shows it scores over one that does not; .5 is chance."""


def with_model(settings: Settings, model: str) -> Settings:
    """The settings under which the clip space, and no other, is made and searched with that model."""
    return settings.model_copy(
        update={
            "clip": settings.clip.model_copy(update={"model": model}),
            "ingest": settings.ingest.model_copy(update={"space": "clip", "fps": 0.0}),
        }
    )


def search_demo_film(actor: str, film: VideoRecord, settings: Settings, progress: Progress) -> DemoSearch:
    """Look for an actor (`red circle`) among all frames of the demo's film, which the library holds."""
    text = f"a {actor}"
    with open_finder(settings, progress) as finder:
        ranked = finder.ask(Question(text, space="clip", videos=(film.id,), count=film.frames, repeats=True)).hits
    shown = film_shown(film.frames, (film.width, film.height))
    scores = [hit.score for hit in sorted(ranked, key=lambda hit: hit.frame)]
    ranking = rank_frames(scores, [frame[actor] for frame in shown])
    return DemoSearch(
        text=text,
        model=settings.clip.model,
        hits=ranking.best,
        right=ranking.right,
        frames=film.frames,
        showing=ranking.showing,
        above=round(ranking.above, 4),
    )

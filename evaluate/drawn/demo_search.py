"""Search the demo film for one of its actors, and score the hits against what the film shows."""

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
    """How well words find an actor: `right` of the best `hits` show it, as do `showing` of all `frames`."""

    text: str
    model: str
    hits: int
    right: int
    frames: int
    showing: int
    above: float
    """The probability that a frame that shows the actor outscores one that does not; .5 is chance."""


def with_model(settings: Settings, model: str) -> Settings:
    """Return settings that ingest and search only the clip space, with that model."""
    return settings.model_copy(
        update={
            "clip": settings.clip.model_copy(update={"model": model}),
            "ingest": settings.ingest.model_copy(update={"space": "clip", "fps": 0.0}),
        }
    )


def search_demo_film(actor: str, film: VideoRecord, settings: Settings, progress: Progress) -> DemoSearch:
    """Search all frames of the ingested demo film for an actor, such as `red circle`."""
    text = f"a {actor}"
    with open_finder(settings, progress) as finder:
        ranked = finder.ask(Question(text, space="clip", videos=(film.id,), count=film.frames, repeats=True)).hits
    visible = film_shown(film.frames, (film.width, film.height))
    scores = [hit.score for hit in sorted(ranked, key=lambda hit: hit.frame)]
    ranking = rank_frames(scores, [frame[actor] for frame in visible])
    return DemoSearch(
        text=text,
        model=settings.clip.model,
        hits=ranking.best,
        right=ranking.right,
        frames=film.frames,
        showing=ranking.showing,
        above=round(ranking.above, 4),
    )

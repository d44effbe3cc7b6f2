"""Say whether the library can be searched by words, and offer what is missing."""

from dataclasses import dataclass
from typing import Literal

from ...index import manage
from ...index.library import open_library
from ...ingest.ingester import complete_video
from ...ingest.models.registry import has_network
from ...progress import Progress
from ...search.question import CLIP, has_vectors
from ...settings import Settings
from ..context import PageContext
from ..remedies import SMALL_MODEL
from ..strings import STRINGS

State = Literal["empty", "ready", "vectors", "model"]


@dataclass(frozen=True)
class Words:
    """What a search by words lacks: nothing, vectors of some videos, or the model."""

    state: State
    videos: int
    lacking: tuple[str, ...]
    """Videos without the vectors whose sources can be read again."""
    model: str

    @property
    def small(self) -> bool:
        return self.model == SMALL_MODEL


def words_state(settings: Settings) -> Words:
    """Look up what a search by words of the whole library lacks."""
    model = settings.clip.model
    with open_library(settings) as library:
        videos = library.catalog.videos()
        states = {video.id: library.catalog.spaces(video.id) for video in videos}
    lacking = tuple(video.id for video in videos if video.source and not has_vectors(states, video, CLIP))
    state: State = "empty"
    if videos:
        state = "model" if not has_network(CLIP, settings.clip) else "vectors" if lacking else "ready"
    return Words(state, len(videos), lacking, model)


def add_vectors(context: PageContext, progress: Progress) -> int:
    """Embed every video that lacks the vectors; return how many were added. A source that is gone is noted."""
    added = 0
    lacking = words_state(context.settings).lacking
    with context.writes.turn(progress), progress.stage(f"{len(lacking)} videos", len(lacking)) as stage:
        for video in lacking:
            facts = manage.show_video(video, context.settings)
            if facts["source_present"]:
                complete_video(video, context.settings, progress, CLIP)
                added += 1
            else:
                progress.note(STRINGS.search.source_missing.format(name=facts["name"]))
            stage.advance()
    return added

"""A video of the library as solving sees it, and what came of it as a plan."""

from dataclasses import asdict
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from .errors import LibraryError
from .frames import FrameRows, VideoRecord, ingest_command
from .index.fused import FUSED, identity_of, rows_of
from .index.library import Library
from .index.motion import MotionFile
from .index.neighbours import nearest
from .index.shelf import ShelfFolder
from .ingest.embedder import fetching
from .ingest.matcher import KeypointMatcher
from .ingest.proxy import ProxySize, chroma, luma, read_proxies
from .settings import Settings
from .solve.arrange import Arrangement, Film
from .solve.flow import MEASURED
from .solve.plan import Direction, PathReport, Plan, PlanVideo
from .solve.wishes import Wishes


def matcher_for(settings: Settings) -> KeypointMatcher | None:
    return (
        KeypointMatcher(settings.solve.match_model, settings.clip.device) if settings.solve.price == "match" else None
    )


def film_of(library: Library, video: VideoRecord, settings: Settings, matcher: KeypointMatcher | None = None) -> Film:
    rows = _rows(library, video, settings)
    proxies = proxies_of(library, video)[: len(rows)]
    colours = chroma(proxies) if settings.solve.price == "histogram" else None
    motion = MotionFile(library.motion_file(video.id), luma(proxies), MEASURED)
    near = partial(nearest, exact_limit=settings.neighbours.exact_limit)
    shelf = ShelfFolder(library.orders_folder(video.id))
    return Film(rows, luma(proxies), near, settings.solve.space, video.kind, colours, matcher, motion, shelf)


def _rows(library: Library, video: VideoRecord, settings: Settings) -> FrameRows:
    """The rows that are to be solved; who is told to make them hears what else that takes."""
    try:
        return rows_of(library, video, settings.solve.model_dump())
    except LibraryError as lacking:
        space = settings.solve.fused_with if settings.solve.space == FUSED else settings.solve.space
        if also := fetching(space, settings.clip):
            raise LibraryError(lacking.cause, f"{lacking.remedy}{also}") from lacking
        raise


def proxies_of(library: Library, video: VideoRecord) -> npt.NDArray[np.uint8]:
    size = ProxySize(video.proxy_width, video.proxy_height)
    if not video.proxy_width:
        raise LibraryError(
            f"{video.name} was imported without the small pictures that solving needs.",
            "Ingest its source, or remove it and import it with proxies.npy.",
        )
    try:
        return read_proxies(library.proxies_file(video.id), size, video.frames)
    except (OSError, ValueError) as lost:
        raise LibraryError(
            f"The small pictures (proxies) of {video.name} are missing or cut short.",
            f"{ingest_command(video)} makes them again." if video.source else "Import it again.",
        ) from lost


def solved_with(
    library: Library, video: VideoRecord, settings: Settings, matcher: KeypointMatcher | None
) -> dict[str, Any]:
    """What the plan says it was solved with, the identity of the models included."""
    sections = settings.model_dump(include={"neighbours", "outliers", "solve", "shots"})
    models: dict[str, Any] = {"space": asdict(identity_of(library, video, sections["solve"]))}
    return sections | {"models": models | ({"matcher": matcher.identity} if matcher else {})}


def plan_of(video: VideoRecord, film: Film, found: Arrangement, used: dict[str, Any], wishes: Wishes) -> Plan:
    facts = {name: getattr(video, name) for name in ("id", "name", "source", "sha256", "fps", "width", "height")}
    path = found.ordered.path
    return Plan(
        video=PlanVideo(**facts, frames=len(film.rows), gaps=film.rows.gaps),
        order=found.order,
        dropped=found.dropped,
        shots=found.shots,
        confidence=found.confidence,
        undetermined=found.undetermined,
        prices=found.weighed.prices,
        weak=found.weighed.weak,
        path=PathReport(
            cost=path.cost,
            lower_bound=path.lower_bound,
            gap=path.gap,
            solver=path.solver,
            seconds=round(found.ordered.seconds, 3),
            interrupted=path.interrupted,
            price=found.ordered.price,
            band=found.ordered.band,
            thorough=bool(used["solve"]["thorough"]),
        ),
        direction=Direction(confidence=float(found.direction_known)),
        settings=used,
        wishes=wishes.given(),
    )


def of_split(plan: Plan, number: int, films: int, settings: Settings) -> Plan:
    facts = {"film": number, "of": films} | settings.split.model_dump()
    return plan.model_copy(update={"settings": plan.settings | {"split": facts}})

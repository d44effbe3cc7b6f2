"""Collect what the solver needs of an ingested video, and what a plan records of how it was solved."""

from dataclasses import asdict
from functools import partial
from typing import Any

from ..errors import LibraryError
from ..index.cache import MotionCacheFile, OrderCacheFolder
from ..index.fusion import FUSED, space_identity, space_rows
from ..index.library import Library, proxies_of
from ..index.neighbours import nearest
from ..media.proxy import chroma, luma, proxy_yuv
from ..media.types import FrameRows, Space, VideoRecord
from ..settings import Settings
from ..solve.cost.flow import MEASURED
from ..solve.solve_input import SolveInput
from .models.matcher import KeypointMatcher, matcher_for
from .models.registry import fetch_hint


def solve_input(library: Library, video: VideoRecord, settings: Settings, rows: FrameRows | None = None) -> SolveInput:
    """Collect vectors, proxies, neighbour search, keypoint matcher and caches of a video.

    `rows` are given where they are still in memory.
    """
    rows = rows or _rows(library, video, settings)
    proxies = proxies_of(library, video)[: len(rows)]
    return SolveInput(
        rows,
        luma(proxies),
        partial(nearest, exact_limit=settings.neighbours.exact_limit),
        settings.solve.space,
        video.kind,
        chroma(proxies) if settings.solve.price == "histogram" else None,
        matcher_for(settings),
        MotionCacheFile(library.motion_file(video.id), luma(proxies), MEASURED),
        lambda row: proxy_yuv(proxies[row]),
        OrderCacheFolder(library.orders_folder(video.id)),
    )


def _rows(library: Library, video: VideoRecord, settings: Settings) -> FrameRows:
    """Read the vectors of the space. If they are missing, the error also says which weights must be fetched."""
    try:
        return space_rows(library, video, settings.solve.model_dump())
    except LibraryError as missing:
        space = settings.solve.fused_with if settings.solve.space == FUSED else settings.solve.space
        if remedy := fetch_hint(space, settings.clip):
            raise LibraryError(missing.cause, f"{missing.remedy}{remedy}") from missing
        raise


def settings_used(
    library: Library, video: VideoRecord, frames: SolveInput, settings: Settings, space: Space | None = None
) -> dict[str, Any]:
    """Return the settings that the plan records, with the identity of the models.

    `space` is given where the catalog does not have it yet.
    """
    sections = settings.model_dump(include={"neighbours", "outliers", "solve", "shots"})
    models: dict[str, Any] = {"space": asdict(space or space_identity(library, video, sections["solve"]))}
    if isinstance(frames.matcher, KeypointMatcher):
        models["matcher"] = frames.matcher.identity
    return sections | {"models": models}

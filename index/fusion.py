"""The rows that a solve uses: those of one space, or of two spaces fused by concatenating their vectors."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from ..errors import LibraryError
from ..media.types import FrameRows, Space, VideoRecord
from .library import Library

FUSED = "fused"


def space_rows(library: Library, video: VideoRecord, chosen: Mapping[str, Any]) -> FrameRows:
    """Read the rows of the space that `chosen` names: the section `solve`, or what a plan kept of it."""
    if chosen["space"] != FUSED:
        return library.rows(video, chosen["space"])
    appearance, semantic = library.rows(video, "appearance"), library.rows(video, chosen["fused_with"])
    return fused_vectors(appearance, semantic, chosen["fused_share"])


def fused_vectors(appearance: FrameRows, semantic: FrameRows, share: float) -> FrameRows:
    """Make unit vectors whose squared distance is the weighted mean of both spaces, the second with weight `share`."""
    if not np.array_equal(appearance.indices, semantic.indices):
        raise LibraryError("The two spaces to be fused hold different frames.", "Ingest the video again.")
    parts = (1 - share) ** 0.5 * appearance.vectors, share**0.5 * semantic.vectors
    return replace(appearance, vectors=np.concatenate(parts, axis=1).astype(np.float32))


def space_identity(library: Library, video: VideoRecord, chosen: Mapping[str, Any]) -> Space:
    """Return the identity of those rows' space; that of fused spaces names both and their weights."""
    if chosen["space"] != FUSED:
        return library.state(video, chosen["space"]).space
    appearance, semantic = (library.state(video, name).space for name in ("appearance", chosen["fused_with"]))
    share = chosen["fused_share"]
    return Space(
        name=FUSED,
        model=f"{appearance.model} + {semantic.name} {semantic.model}",
        weights=f"{appearance.weights} + {semantic.weights}",
        preprocessing=f"{1 - share:g} * ({appearance.preprocessing}) + {share:g} * ({semantic.preprocessing})",
        dimension=appearance.dimension + semantic.dimension,
    )

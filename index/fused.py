"""The rows that are solved: those of one space, or of two laid side by side."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from ..errors import LibraryError
from ..frames import FrameRows, Space, VideoRecord
from .library import Library

FUSED = "fused"


def rows_of(library: Library, video: VideoRecord, chosen: Mapping[str, Any]) -> FrameRows:
    """The rows of the space that `chosen` (the section `solve`, or what a plan kept of it) names."""
    if chosen["space"] != FUSED:
        return library.rows(video, chosen["space"])
    looks, meaning = library.rows(video, "appearance"), library.rows(video, chosen["fused_with"])
    return fused(looks, meaning, chosen["fused_share"])


def fused(looks: FrameRows, meaning: FrameRows, share: float) -> FrameRows:
    """Unit vectors whose squared distance is the mean of the two spaces', the second counting for `share`."""
    if not np.array_equal(looks.indices, meaning.indices):
        raise LibraryError("The two spaces that are to be fused hold different frames.", "Ingest the video again.")
    parts = (1 - share) ** 0.5 * looks.vectors, share**0.5 * meaning.vectors
    return replace(looks, vectors=np.concatenate(parts, axis=1).astype(np.float32))


def identity_of(library: Library, video: VideoRecord, chosen: Mapping[str, Any]) -> Space:
    """Who made those rows' vectors: for two spaces, both and their shares."""
    if chosen["space"] != FUSED:
        return library.state(video, chosen["space"]).space
    looks, meaning = (library.state(video, name).space for name in ("appearance", chosen["fused_with"]))
    share = chosen["fused_share"]
    return Space(
        name=FUSED,
        model=f"{looks.model} + {meaning.name} {meaning.model}",
        weights=f"{looks.weights} + {meaning.weights}",
        preprocessing=f"{1 - share:g} * ({looks.preprocessing}) + {share:g} * ({meaning.preprocessing})",
        dimension=looks.dimension + meaning.dimension,
    )

"""Separate films that were mixed into one file: first by continuity between frames, then by colour.

Two films have no frames nearer to each other than the outlier rule's cut. Neither have two shots of one film, so shots
with similar colours are merged.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from ..media.types import Floats, Ints
from ..progress import Progress
from ..settings import Settings
from .arrange import arrange
from .arrangement import Arrangement
from .colours import ColourProfile, Yuv, colour_distance, colour_profile, sample_rows
from .outliers import OutlierVerdict, find_outliers
from .plan.model import Dropped
from .repeats import collapse
from .solve_input import SolveInput

_TIGHTER = np.linspace(0.95, 0.1, 18)
"""Factors by which the cut is tightened until there are as many groups as known films."""
_CHUNK = 1024
"""Rows compared at a time, which bounds memory."""


def arrange_films(
    film: SolveInput, yuv: Yuv, settings: Settings, progress: Progress, film_count: int | None = None
) -> list[Arrangement]:
    """Arrange each film of the file by itself, the largest first.

    Args:
        film: The rows of the whole file.
        yuv: Reads a row's picture with colour.
        settings: The settings of the run.
        progress: Receives stages and notes.
        film_count: The number of films, if known.

    Returns:
        One arrangement for each film; frames of the other films are dropped with the reason `elsewhere`.
    """
    with progress.stage("separate films", 1) as stage:
        films = split_rows(film, yuv, settings, film_count)
        stage.advance()
    if film_count and len(films) < film_count:
        progress.note(f"The frames split into at most {len(films)} film{'s' * (len(films) > 1)}, not {film_count}.")
    found = [arrange(_rows_of_film(film, rows), settings, progress) for rows in films]
    return [replace(one, dropped=_dropped_from(film, one, found)) for one in found]


def split_rows(film: SolveInput, yuv: Yuv, settings: Settings, film_count: int | None = None) -> list[Ints]:
    """Assign each row to a film, the largest film first; stray rows go to the nearest film.

    The outlier rule judges stray rows later, when that film is solved alone.
    """
    graph = film.nearest(film.rows.vectors, settings.neighbours.k)
    repeats = collapse(film.luma, graph, settings.ingest.duplicate_level)
    leaders, place, weights = np.unique(repeats.leader, return_inverse=True, return_counts=True)
    group = _groups(film, leaders, weights, settings, film_count)[place]
    groups = [np.flatnonzero(group == number) for number in range(int(group.max()) + 1)]
    profiles = [colour_profile(yuv, rows) for rows in groups]
    owner = _films_of_groups(profiles, settings.split.same_look, film_count)[group]
    films = [np.flatnonzero(owner == number) for number in np.unique(owner)]
    return sorted(films, key=lambda rows: (-len(rows), int(rows[0])))


def _groups(film: SolveInput, leaders: Ints, weights: Ints, settings: Settings, film_count: int | None) -> Ints:
    """Return each leader's group; tighten the cut while there are fewer groups than known films."""
    vectors = film.rows.vectors[leaders]
    graph = film.nearest(vectors, settings.neighbours.k)
    rule: dict[str, Any] = settings.outliers.model_dump()
    verdict = find_outliers(graph, weights, **rule)
    best = _merge_small(vectors, verdict, settings.outliers.min_group)
    for tighter in _TIGHTER:
        if best.max() + 1 >= (film_count or 1):
            break
        cut = float(verdict.cut * tighter)
        closer = find_outliers(graph, weights, **(rule | {"cut_floor": cut, "cut_ceiling": cut}))
        best = max(best, _merge_small(vectors, closer, settings.outliers.min_group), key=lambda found: int(found.max()))
    return best


def _merge_small(vectors: Floats, verdict: OutlierVerdict, min_group: int) -> Ints:
    """Number the large components, and add each small one to the nearest of them."""
    large = np.unique(verdict.component[verdict.size >= min_group])
    if not len(large):
        return np.zeros(len(vectors), np.int64)
    groups = [np.flatnonzero(verdict.component == number) for number in large]
    joined = _merge_near(vectors, groups, verdict.cut)
    found = np.full(len(vectors), -1)
    for number, rows in zip(joined, groups, strict=True):
        found[rows] = number
    known = np.flatnonzero(found >= 0)
    for number in np.unique(verdict.component[found < 0]):
        rows = np.flatnonzero(verdict.component == number)
        similarity = np.concatenate([vectors[part] @ vectors[rows].T for part in _chunks(known)]).max(axis=1)
        found[rows] = found[known[int(similarity.argmax())]]
    return found


def _merge_near(vectors: Floats, groups: Sequence[Ints], cut: float) -> Ints:
    """Merge groups nearer than the cut: in a still shot, a frame's nearest rows may all lie in its own group."""
    from scipy.sparse.csgraph import connected_components

    some = [vectors[sample_rows(rows)] for rows in groups]
    near = [[bool((a @ b.T).max() > 1 - cut**2 / 2) for b in some] for a in some]
    return np.asarray(connected_components(np.array(near), directed=False)[1], np.int64)


def _films_of_groups(profiles: Sequence[ColourProfile], same_look: float, film_count: int | None) -> Ints:
    """Return each group's film."""
    from scipy.cluster.hierarchy import fcluster, linkage

    pairs = [colour_distance(a, b) for n, a in enumerate(profiles) for b in profiles[n + 1 :]]
    if not pairs:
        return np.zeros(len(profiles), np.int64)
    tree = linkage(np.array(pairs), "average")
    found = fcluster(tree, film_count, "maxclust") if film_count else fcluster(tree, same_look, "distance")
    return np.asarray(found, np.int64)


def _rows_of_film(film: SolveInput, rows: Ints) -> SolveInput:
    chroma = None if film.chroma is None else film.chroma[rows]
    colours = film.colours and _of_rows(film.colours, rows)
    sound = film.sound and film.sound.rows(rows)
    return replace(film, rows=film.rows.part(rows), luma=film.luma[rows], chroma=chroma, colours=colours, sound=sound)


def _of_rows(colours: Yuv, rows: Ints) -> Yuv:
    return lambda row: colours(int(rows[row]))


def _dropped_from(film: SolveInput, one: Arrangement, all_found: Sequence[Arrangement]) -> list[Dropped]:
    """Return what is dropped from one film: frames of no film, and frames of the others."""
    foreign = [dropped.model_copy(update={"shot": None}) for other in all_found for dropped in other.dropped]
    played = [frame for other in all_found if other is not one for frame in other.order]
    score = _distances(film, played, one.order) / one.evidence.verdict.cut
    elsewhere = [
        Dropped(frame=frame, reason="elsewhere", score=round(float(s), 4))
        for frame, s in zip(played, score, strict=True)
    ]
    return sorted([*foreign, *elsewhere], key=lambda dropped: dropped.frame)


def _distances(film: SolveInput, frames: Sequence[int], others: Sequence[int]) -> Floats:
    """Return the distance from each frame to the nearest of the others."""
    rows, own = (np.searchsorted(film.rows.indices, some) for some in (frames, others))
    near = film.rows.vectors[own].T
    similarity = [(film.rows.vectors[part] @ near).max(axis=1) for part in _chunks(rows)]
    return np.asarray(np.sqrt(np.maximum(2 - 2 * np.concatenate([np.zeros(0), *similarity]), 0)), np.float32)


def _chunks(rows: Ints) -> list[Ints]:
    return [rows[start : start + _CHUNK] for start in range(0, len(rows), _CHUNK)]

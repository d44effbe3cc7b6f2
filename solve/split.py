"""Films that were mixed into one file, told apart: by frames that lead into one another, then by colours.

Two films have no frames nearer to each other than the outlier rule's cut; nor have two shots of one film, and
those are taken together where they show the same colours.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from ..media.types import Floats, FrameRows, Ints
from ..progress import Progress
from ..settings import Settings
from .arrange import Arrangement, SolveInput, arrange
from .outliers import OutlierVerdict, find_outliers
from .plan.model import Dropped
from .repeats import collapse

Yuv: TypeAlias = Callable[[int], npt.NDArray[np.uint8]]
"""A row's small picture as three planes of one size: its brightness and its two colours."""

_LEVELS, _TINTS = 8, 32
_COLOURLESS = 2.0
"""Spread of colour under which a film is black and white; the palest of the coloured clips tried has 5."""
_LOOKED_AT = 1000
"""Frames of a group that are compared; more of them would hardly say more."""
_TIGHTER = np.linspace(0.95, 0.1, 18)
_CHUNK = 1024


@dataclass(frozen=True)
class ColourProfile:
    """The share of its pixels that a group of frames has of each colour, and how far its colours spread."""

    shares: npt.NDArray[np.float64]
    spread: float


def arrange_films(
    film: SolveInput, yuv: Yuv, settings: Settings, progress: Progress, wanted: int | None = None
) -> list[Arrangement]:
    """Each film in the file by itself, the largest first; the frames of the others are dropped as `elsewhere`."""
    with progress.stage("tell films apart", 1) as stage:
        films = split_rows(film, yuv, settings, wanted)
        stage.advance()
    if wanted and len(films) < wanted:
        progress.note(f"The frames make {len(films)} film{'s' * (len(films) > 1)} at most, not {wanted}.")
    found = [arrange(_only(film, rows), settings, progress) for rows in films]
    return [replace(one, dropped=_accounted(film, one, found)) for one in found]


def split_rows(film: SolveInput, yuv: Yuv, settings: Settings, wanted: int | None = None) -> list[Ints]:
    """The rows of each film, the largest first; each row is in one, those of no film in the nearest.

    Whether a row of no film stays is for the outlier rule to say once that film is alone.
    """
    graph = film.nearest(film.rows.vectors, settings.neighbours.k)
    repeats = collapse(film.luma, graph, settings.ingest.duplicate_level)
    leaders, place, weights = np.unique(repeats.leader, return_inverse=True, return_counts=True)
    group = _groups(film, leaders, weights, settings, wanted)[place]
    groups = [np.flatnonzero(group == number) for number in range(int(group.max()) + 1)]
    looks = [_look(yuv, rows) for rows in groups]
    owner = _same_film(looks, settings.split.same_look, wanted)[group]
    films = [np.flatnonzero(owner == number) for number in np.unique(owner)]
    return sorted(films, key=lambda rows: (-len(rows), int(rows[0])))


def _groups(film: SolveInput, leaders: Ints, weights: Ints, settings: Settings, wanted: int | None) -> Ints:
    """The number of each leader's group; the cut is tightened where more films are known of than groups are found."""
    vectors = film.rows.vectors[leaders]
    graph = film.nearest(vectors, settings.neighbours.k)
    rule: dict[str, Any] = settings.outliers.model_dump()
    verdict = find_outliers(graph, weights, **rule)
    best = _gathered(vectors, verdict, settings.outliers.min_group)
    for tighter in _TIGHTER:
        if best.max() + 1 >= (wanted or 1):
            break
        cut = float(verdict.cut * tighter)
        closer = find_outliers(graph, weights, **(rule | {"cut_floor": cut, "cut_ceiling": cut}))
        best = max(best, _gathered(vectors, closer, settings.outliers.min_group), key=lambda found: int(found.max()))
    return best


def _gathered(vectors: Floats, verdict: OutlierVerdict, min_group: int) -> Ints:
    """The verdict's components less the small ones, each of which goes to the group that it is nearest to."""
    large = np.unique(verdict.component[verdict.size >= min_group])
    if not len(large):
        return np.zeros(len(vectors), np.int64)
    groups = [np.flatnonzero(verdict.component == number) for number in large]
    joined = _joined(vectors, groups, verdict.cut)
    found = np.full(len(vectors), -1)
    for number, rows in zip(joined, groups, strict=True):
        found[rows] = number
    known = np.flatnonzero(found >= 0)
    for number in np.unique(verdict.component[found < 0]):
        rows = np.flatnonzero(verdict.component == number)
        alike = np.concatenate([vectors[part] @ vectors[rows].T for part in _chunks(known)]).max(axis=1)
        found[rows] = found[known[int(alike.argmax())]]
    return found


def _joined(vectors: Floats, groups: Sequence[Ints], cut: float) -> Ints:
    """Groups nearer than the cut are one: where a film stands still, each frame's nearest all lie in its own group."""
    from scipy.sparse.csgraph import connected_components

    some = [vectors[_spread(rows)] for rows in groups]
    near = [[bool((a @ b.T).max() > 1 - cut**2 / 2) for b in some] for a in some]
    return np.asarray(connected_components(np.array(near), directed=False)[1], np.int64)


def _look(yuv: Yuv, rows: Ints) -> ColourProfile:
    counts = np.zeros(_LEVELS * _TINTS**2, np.int64)
    sums = np.zeros((2, 2))
    for row in _spread(rows).tolist():
        y, u, v = (plane.ravel().astype(np.int64) for plane in yuv(row))
        cells = (y * _LEVELS // 256 * _TINTS + u * _TINTS // 256) * _TINTS + v * _TINTS // 256
        counts += np.bincount(cells, minlength=len(counts))
        sums += [[u.mean(), v.mean()], [np.square(u).mean(), np.square(v).mean()]]
    mean, squares = sums / min(len(rows), _LOOKED_AT)
    return ColourProfile(counts / counts.sum(), float(np.sqrt(np.maximum(squares - mean**2, 0).sum())))


def colour_distance(a: ColourProfile, b: ColourProfile) -> float:
    """How differently two groups are coloured (0 the same, 1 nothing shared), and beyond 1 where one has no colours.

    Black and white films share their greys with any other.
    """
    distance = float(np.sqrt(max(0.0, 1 - np.sqrt(a.shares * b.shares).sum())))
    return distance + (min(a.spread, b.spread) < _COLOURLESS)


def _same_film(looks: Sequence[ColourProfile], same_look: float, wanted: int | None) -> Ints:
    """The number of each group's film."""
    from scipy.cluster.hierarchy import fcluster, linkage

    pairs = [colour_distance(a, b) for n, a in enumerate(looks) for b in looks[n + 1 :]]
    if not pairs:
        return np.zeros(len(looks), np.int64)
    tree = linkage(np.array(pairs), "average")
    found = fcluster(tree, wanted, "maxclust") if wanted else fcluster(tree, same_look, "distance")
    return np.asarray(found, np.int64)


def _only(film: SolveInput, rows: Ints) -> SolveInput:
    own = FrameRows(**{name: values[rows] for name, values in vars(film.rows).items()})
    return replace(film, rows=own, luma=film.luma[rows], chroma=None if film.chroma is None else film.chroma[rows])


def _accounted(film: SolveInput, one: Arrangement, all_found: Sequence[Arrangement]) -> list[Dropped]:
    """What is dropped from one film: frames of no film, and those that another plays."""
    foreign = [dropped.model_copy(update={"shot": None}) for other in all_found for dropped in other.dropped]
    played = [frame for other in all_found if other is not one for frame in other.order]
    score = _distances(film, played, one.order) / one.evidence.verdict.cut
    elsewhere = [
        Dropped(frame=frame, reason="elsewhere", score=round(float(s), 4))
        for frame, s in zip(played, score, strict=True)
    ]
    return sorted([*foreign, *elsewhere], key=lambda dropped: dropped.frame)


def _distances(film: SolveInput, frames: Sequence[int], others: Sequence[int]) -> Floats:
    """From each frame to the nearest of the others."""
    rows, own = (np.searchsorted(film.rows.indices, some) for some in (frames, others))
    near = film.rows.vectors[own].T
    alike = [(film.rows.vectors[part] @ near).max(axis=1) for part in _chunks(rows)]
    return np.asarray(np.sqrt(np.maximum(2 - 2 * np.concatenate([np.zeros(0), *alike]), 0)), np.float32)


def _spread(rows: Ints) -> Ints:
    """At most as many as are looked at, evenly."""
    return rows[np.linspace(0, len(rows) - 1, min(len(rows), _LOOKED_AT)).astype(np.int64)]


def _chunks(rows: Ints) -> list[Ints]:
    return [rows[start : start + _CHUNK] for start in range(0, len(rows), _CHUNK)]

"""Arrange stored rows into a film: drop foreign frames, order the rest, find shots and rate every join."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from ..errors import UsageError
from ..media.proxy import release_pages
from ..progress import Progress
from ..settings import Settings
from .arrangement import Arrangement, arrangement_of
from .constraints import NO_CONSTRAINTS, Constraints, check_constraints
from .distinct import DistinctRows, distinct_rows, kept_rows, regroup_named, repeat_level
from .film_order import FilmOrder, order_film, played_shots
from .path.constrain import constrain
from .path.pinned import pinned_rows
from .repeats import collapse
from .shots import NumberedShot, ShotBlock, constraints_in_frames, edit_shots, number_shots, shot_blocks
from .solve_input import SolveInput


def arrange(
    film: SolveInput, settings: Settings, progress: Progress, constraints: Constraints = NO_CONSTRAINTS
) -> Arrangement:
    """Order the frames of a file.

    Repeats count once, foreign frames are dropped, the rest is ordered, and repeats return next to their frame. The
    user's constraints are applied last, to the order found without them, so that shots keep the numbers by which the
    user names them.

    Args:
        film: The stored rows and pictures.
        settings: The settings of the run.
        progress: Receives stages and notes.
        constraints: What the user knows of the film; lists may still be unexpanded.

    Raises:
        UsageError: The constraints contradict each other, name something that does not exist, or leave no frame.
    """
    frames = film.rows.indices.tolist()
    constraints = constraints.of_frames(frames)
    check_constraints(constraints, frames)
    with progress.stage("neighbours", 3) as stage:
        graph = film.nearest(film.rows.vectors, settings.neighbours.k)
        stage.advance()
        groups = collapse(film.luma, graph, repeat_level(len(film.rows), settings))
        release_pages(film.luma)
        distinct = distinct_rows(film, groups, graph, settings, progress)
        stage.advance(2)
    solved = order_film(film, distinct, np.flatnonzero(~distinct.verdict.dropped), settings, progress)
    if solved.ordered.loop and constraints.first is None and constraints.last is None:
        progress.note("The film ends as it begins; the pictures do not tell where it starts. State it with --first.")
    shots = edit_shots(_number(film, distinct, solved, settings), constraints, _last_repeats(film, distinct))
    constraints = constraints.of_shots([shot.number for shot in shots])
    if constraints:
        in_frames = constraints_in_frames(constraints, shots)
        found = regroup_named(film, groups, graph, distinct, constraints, settings, progress)
        kept = kept_rows(found, in_frames, film)
        if not len(kept):
            raise UsageError("No frame would be left to play.", "Drop fewer frames or shots.")
        if not np.array_equal(found.leaders[kept], solved.rows):
            solved = order_film(film, found, kept, settings, progress)
        distinct, solved = found, _apply_constraints(solved, film, found, in_frames, shots, settings)
    return arrangement_of(film, distinct, solved, shots, constraints, settings)


def _apply_constraints(
    solved: FilmOrder,
    film: SolveInput,
    distinct: DistinctRows,
    in_frames: Constraints,
    shots: Sequence[NumberedShot],
    settings: Settings,
) -> FilmOrder:
    """Apply the constraints to the path: within each shot where shots stay in one piece, else over the whole path."""
    row = {int(film.rows.indices[at]): number for number, at in enumerate(solved.rows.tolist())}
    path, costs = solved.ordered.path, solved.ordered.costs
    played = [int(film.rows.indices[at]) for at in solved.path]
    blocks = shot_blocks(in_frames, shots, played) or [ShotBlock(0, played, in_frames)]
    order = [
        number
        for block in blocks
        for number in constrain(
            [row[frame] for frame in block.frames], costs, pinned_rows(block.constraints, row), settings.solve
        )
    ]
    return FilmOrder(solved.rows, replace(solved.ordered, path=path.with_order(order, costs)))


def _number(film: SolveInput, distinct: DistinctRows, solved: FilmOrder, settings: Settings) -> list[NumberedShot]:
    """Number the shots in playing order, then the dropped groups of two frames or more."""
    played = [distinct.members[row] for row in solved.path]
    order = [int(film.rows.indices[row]) for group in played for row in group]
    groups: dict[int, list[int]] = {}
    for row in np.flatnonzero(distinct.verdict.dropped).tolist():
        members = distinct.members[int(distinct.leaders[row])]
        groups.setdefault(int(distinct.verdict.component[row]), []).extend(film.rows.indices[members].tolist())
    return number_shots(
        [order[shot.start : shot.start + shot.length] for shot in played_shots(film, played, settings)],
        [sorted(group) for group in groups.values() if len(group) > 1],
    )


def _last_repeats(film: SolveInput, distinct: DistinctRows) -> dict[int, int]:
    """Map every frame that has repeats to the one that plays last."""
    groups = (film.rows.indices[rows].tolist() for rows in distinct.members.values() if len(rows) > 1)
    return {frame: group[-1] for group in groups for frame in group}

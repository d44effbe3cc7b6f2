"""Cut and join shots, and keep what was said about them true when their numbers change."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import accumulate, pairwise

from ...errors import UsageError
from ...solve.constraints import Constraints
from ...solve.shots import NumberedShot, edit_shots
from .changes import without
from .state import ReconstructState, ShotRun


def cut(state: ReconstructState, frame: int) -> ReconstructState:
    """Begin a new shot with a frame."""
    run = next((run for run in state.runs if frame in run.frames[1:]), None)
    shot = run and next((shot for shot in state.numbered if shot.number == run.shot and shot.plays), None)
    if not run or not shot or len(shot.frames) < 2:
        return state
    end, now = _last_before(shot.frames, run.frames, frame), state.constraints
    if end in now.join_after:
        return with_shot_edits(state, without(now, "join_after", end))
    return with_shot_edits(state, replace(now, cut_after=(*now.cut_after, end)))


def join(state: ReconstructState, frame: int) -> ReconstructState:
    """Join the shot that begins with a frame to the one before it."""
    end = next((end for run, end in joinable(state) if run.frames[0] == frame), None)
    if end is None:
        return state
    now = state.constraints
    if end in now.cut_after:
        return with_shot_edits(state, without(now, "cut_after", end))
    return with_shot_edits(state, replace(now, join_after=(*now.join_after, end)))


def remove_edit(state: ReconstructState, name: str, frame: int) -> ReconstructState:
    """Take back a cut or a join."""
    left = without(state.constraints, name, frame)
    try:
        return with_shot_edits(state, left)
    except UsageError:  # another one no longer fits the film
        return state.with_constraints(left)


def joinable(state: ReconstructState) -> Iterator[tuple[ShotRun, int]]:
    """Yield each run that can be joined to the run before it, and the frame after which to join.

    The two are neighbours in the order without constraints, and both play in the same direction.
    """
    playing = [shot for shot in state.numbered if shot.plays]
    place = {shot.number: at for at, shot in enumerate(playing)}
    flipped, blocks = state.constraints.flip_shot, state.constraints.flip_shot or state.constraints.shot_order
    for left, right in pairwise(state.runs):
        a, b = place.get(left.shot), place.get(right.shot)
        if a is None or b is None or abs(a - b) != 1 or left.part or right.part:
            continue
        backwards = [shot in flipped for shot in (left.shot, right.shot)]
        if not blocks or backwards == [a > b] * 2:
            yield right, playing[min(a, b)].frames[-1]


def _last_before(listed: Sequence[int], shown: Sequence[int], frame: int) -> int:
    """Return the frame after which to cut a shot, so that it falls apart most nearly as it is shown.

    Args:
        listed: The frames of the shot in the order without constraints.
        shown: The frames of the shot that are shown together, which corrections may have moved.
        frame: The frame of `shown` with which the new shot begins.
    """
    at = shown.index(frame)
    side = dict.fromkeys(shown[:at], 1) | dict.fromkeys(shown[at:], -1)
    sums = list(accumulate(side.get(one, 0) for one in listed))
    # With a cut after place n, 2 * sums[n] - total frames are on the side they are shown on, more than are not.
    return listed[max(range(len(listed) - 1), key=lambda n: abs(2 * sums[n] - sums[-1]))]


def with_shot_edits(state: ReconstructState, constraints: Constraints) -> ReconstructState:
    """Set the corrections after a cut or a join was added or removed, which changes the numbers of shots.

    Raises:
        UsageError: A shot cannot be cut or joined there.
    """
    after = edit_shots(state.base_shots(), constraints)
    return state.with_constraints(_renumbered(constraints, state.numbered, after, state.shots))


def _renumbered(
    constraints: Constraints, before: Sequence[NumberedShot], after: Sequence[NumberedShot], shown: Sequence[int]
) -> Constraints:
    """Name the shots of constraints by their numbers `after` an edit; they have those `before` it.

    A shot inherits what was said of the shot that its first frame was in. `shown` are the shots of the film.
    """
    shot_of = {frame: shot.number for shot in before for frame in shot.frames}
    heirs: dict[int, list[int]] = {}
    for shot in after:
        heirs.setdefault(shot_of[shot.frames[0]], []).append(shot.number)

    def renamed(numbers: Sequence[int]) -> tuple[int, ...]:
        # The parts of a flipped shot play in reverse order.
        return tuple(
            heir
            for number in numbers
            for heir in heirs.get(number, ())[:: -1 if number in constraints.flip_shot else 1]
        )

    turned = any(len(heirs.get(number, ())) > 1 for number in constraints.flip_shot)
    return replace(
        constraints,
        drop_shot=renamed(constraints.drop_shot),
        flip_shot=renamed(constraints.flip_shot),
        shot_order=renamed(constraints.shot_order or (shown if turned else ())),
    )

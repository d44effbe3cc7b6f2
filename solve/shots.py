"""Find cuts, number the shots, and apply constraints on shots."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate, pairwise
from types import MappingProxyType

import numpy as np

from ..errors import UsageError
from ..media.ranges import expand_once, listed, shortened
from ..media.types import Floats
from .constraints import Constraints, Pair, contradiction, option_of
from .plan.model import Shot

_AROUND = 6
"""Joins on either side that a cut is compared with."""
_SHOTS_NAMED = 20
_NAME_ANOTHER = "Name another frame."


def find_shots(chords: Floats, *, cut_chord: float, cut_ratio: float) -> list[Shot]:
    """Split an order of len(chords) + 1 frames at its cuts.

    Args:
        chords: The distance across each join.
        cut_chord: A cut is farther than this.
        cut_ratio: A cut is farther than this many times the median of the joins around it.
    """
    cuts = [join + 1 for join in range(len(chords)) if _is_cut(chords, join, cut_chord, cut_ratio)]
    starts = [0, *cuts]
    ends = [*cuts, len(chords) + 1]
    return [Shot(start=start, length=end - start) for start, end in zip(starts, ends, strict=True)]


def _is_cut(chords: Floats, join: int, cut_chord: float, cut_ratio: float) -> bool:
    if chords[join] <= cut_chord:
        return False
    around = np.r_[chords[max(0, join - _AROUND) : join], chords[join + 1 : join + 1 + _AROUND]]
    return len(around) == 0 or bool(chords[join] > cut_ratio * np.median(around))


@dataclass(frozen=True)
class NumberedShot:
    """A shot or, after those, a group of frames that were dropped together. Numbers start at 1."""

    number: int
    frames: list[int]
    plays: bool
    edited: bool = False
    """Whether the user cut it or joined it to another."""


@dataclass(frozen=True)
class ShotBlock:
    """A shot that stays in one piece: its frames in order, and the constraints that apply within it."""

    number: int
    frames: list[int]
    constraints: Constraints


def number_shots(playing: Sequence[list[int]], dropped: Sequence[list[int]]) -> list[NumberedShot]:
    """Number the shots in playing order, then the dropped groups by their first frame."""
    groups = [(frames, True) for frames in playing] + [(frames, False) for frames in sorted(dropped)]
    return [NumberedShot(number, list(frames), plays) for number, (frames, plays) in enumerate(groups, 1)]


def edit_shots(
    shots: Sequence[NumberedShot], constraints: Constraints, repeats: Mapping[int, int] = MappingProxyType({})
) -> list[NumberedShot]:
    """Cut and join the playing shots where the user says.

    A shot keeps its number. What is cut off gets the next free one, and joined shots have the number of the first.

    Args:
        shots: The shots in playing order, then the dropped groups.
        constraints: The user's constraints.
        repeats: The last repeat of each frame that has repeats, for no cut separates them.

    Raises:
        UsageError: A shot ends there already, or none does.
    """
    if not (constraints.cut_after or constraints.join_after):
        return list(shots)
    playing = {shot.number: shot for shot in shots if shot.plays}
    order = [frame for shot in playing.values() for frame in shot.frames]
    after = {frame: at for at, frame in enumerate(order, 1)}
    ends = {frame: after[repeats.get(frame, frame)] for frame in order}
    begins = accumulate((len(shot.frames) for shot in playing.values()), initial=0)
    starts = _edit_starts(dict(zip(begins, playing, strict=False)), ends, constraints, len(shots))
    edited = []
    for a, b in pairwise([*sorted(starts), len(order)]):
        shot = NumberedShot(starts[a], order[a:b], plays=True, edited=True)
        whole = playing.get(shot.number, shot)
        edited.append(whole if whole.frames == shot.frames else shot)
    return edited + [shot for shot in shots if not shot.plays]


def _edit_starts(
    starts: dict[int, int], ends: Mapping[int, int], constraints: Constraints, numbered: int
) -> dict[int, int]:
    """Add and remove starts of shots, which are given with their numbers; `ends` says where a frame has played."""
    starts = dict(starts)
    last = len(ends)
    for number, frame in enumerate(constraints.cut_after, numbered + 1):
        at = ends.get(frame, last)
        if at in starts or at == last:
            raise UsageError(f"--cut-after {frame}: no shot goes on after this frame.", _NAME_ANOTHER)
        starts[at] = number
    for frame in constraints.join_after:
        if starts.pop(ends.get(frame, last), None) is None:
            raise UsageError(f"--join-after {frame}: no shot begins after this frame.", _NAME_ANOTHER)
    return starts


def edited_cuts(found: Sequence[Shot], order: Sequence[int], shots: Sequence[NumberedShot]) -> list[Shot]:
    """Let the shots that the user cut or joined begin and end where the user says."""
    shot_of = {frame: shot for shot in shots for frame in shot.frames}
    starts = {shot.start for shot in found}
    for at, (a, b) in enumerate(pairwise(order), 1):
        left, right = shot_of.get(a), shot_of.get(b)
        if left and right and (left.edited or right.edited):
            if left is right:
                starts.discard(at)
            else:
                starts.add(at)
    return [Shot(start=a, length=b - a) for a, b in pairwise([*sorted(starts), len(order)])]


def match_numbers(found: Sequence[Shot], order: Sequence[int], shots: Sequence[NumberedShot]) -> list[Shot]:
    """Give each shot of an order the number of the shot that most of its frames come from."""
    shot_of = {frame: shot.number for shot in shots for frame in shot.frames}
    numbered = []
    for shot in found:
        of = Counter(shot_of[frame] for frame in order[shot.start : shot.start + shot.length] if frame in shot_of)
        numbered.append(shot.model_copy(update={"number": of.most_common(1)[0][0] if of else None}))
    return numbered


def constraints_in_frames(constraints: Constraints, shots: Sequence[NumberedShot]) -> Constraints:
    """Replace constraints that keep or drop a shot by constraints on its frames.

    Raises:
        UsageError: A shot does not exist, or is both wanted and dropped.
    """
    known = {shot.number: shot.frames for shot in shots}
    for option, number in _numbers(constraints):
        if number not in known:
            raise UsageError(f"{option}: shot {shortened(str(number))} does not exist.", _existing(sorted(known)))
    for name in ("shot_order", "flip_shot"):
        expand_once([range(number, number + 1) for number in getattr(constraints, name)], known, option_of(name))
    for number in constraints.drop_shot:
        placed = {frame: option for option, frame in constraints.named_frames() if not option.startswith("--drop")}
        for frame in known[number]:
            if frame in placed:
                raise contradiction([placed[frame], f"--drop-shot {number}"])
    for number in constraints.keep_shot:
        if number in constraints.drop_shot or set(known[number]) <= set(constraints.drop):
            raise contradiction([f"--keep-shot {number}", f"--drop-shot {number}"])
    return replace(
        constraints,
        keep=tuple(sorted({*constraints.keep, *_frames(constraints.keep_shot, known)} - set(constraints.drop))),
        drop=tuple(sorted({*constraints.drop, *_frames(constraints.drop_shot, known)})),
    )


def _existing(numbers: Sequence[int]) -> str:
    if list(numbers) == list(range(1, len(numbers) + 1)):
        return f"The shots are numbered 1 to {len(numbers)}."
    return f"The shots are {listed(numbers, _SHOTS_NAMED)}."


def shot_blocks(constraints: Constraints, shots: Sequence[NumberedShot], played: Sequence[int]) -> list[ShotBlock]:
    """Return the shots in the requested order, each with its own constraints.

    The list is empty if no order or flip is requested. `played` is the order as solved. A frame of no numbered shot
    belongs to the shot it plays in.

    Raises:
        UsageError: The constraints contradict the order of the shots.
    """
    if not (constraints.flip_shot or constraints.shot_order):
        return []
    frames = _frames_by_shot(shots, played)
    order = list(constraints.shot_order or frames)
    _check_complete(order, list(frames))
    for number in constraints.flip_shot:
        if number not in frames:
            raise contradiction([f"--flip-shot {number}", f"--drop-shot {number}"])
        frames[number] = frames[number][::-1]
        _check_flip(constraints, number, frames[number])
    return [ShotBlock(number, frames[number], own) for number, own in _constraints_by_shot(constraints, order, frames)]


def _frames_by_shot(shots: Sequence[NumberedShot], played: Sequence[int]) -> dict[int, list[int]]:
    """Return the frames of each playing shot by number, in the direction in which the shot is listed."""
    shot_of = {frame: shot.number for shot in shots for frame in shot.frames}
    now = next(shot_of[frame] for frame in played if frame in shot_of)
    by_shot: dict[int, list[int]] = {}
    for frame in played:
        now = shot_of.get(frame, now)
        by_shot.setdefault(now, []).append(frame)
    for shot in shots:
        frames = by_shot.get(shot.number, [])
        place = {frame: at for at, frame in enumerate(frames)}
        listed = [place[frame] for frame in shot.frames if frame in place]
        if listed and listed[0] > listed[-1]:
            frames.reverse()
    return {shot.number: by_shot[shot.number] for shot in shots if shot.number in by_shot}


def _check_complete(order: Sequence[int], playing: Sequence[int]) -> None:
    if sorted(order) == sorted(playing):
        return
    given = shortened(",".join(map(str, order)))
    missing, extra = sorted(set(playing) - set(order)), sorted(set(order) - set(playing))
    cause = (
        f"shot {missing[0]} is missing"
        if missing
        else f"shot {extra[0]} does not play"
        if extra
        else "a shot is repeated"
    )
    raise UsageError(f"--shot-order {given}: {cause}.", f"Name each of {', '.join(map(str, playing))} once.")


def _check_flip(constraints: Constraints, number: int, frames: Sequence[int]) -> None:
    place = {frame: at for at, frame in enumerate(frames)}
    for a, b in constraints.before:
        if a in place and b in place and place[a] > place[b]:
            raise contradiction([f"--flip-shot {number}", f"--before {a}:{b}"])


def _constraints_by_shot(
    constraints: Constraints, order: Sequence[int], frames: dict[int, list[int]]
) -> Iterator[tuple[int, Constraints]]:
    """Yield each shot with the constraints within it, after checking that they suit the order of the shots."""
    shot_of = {frame: at for at, number in enumerate(order) for frame in frames[number]}
    order_option = f"--shot-order {','.join(map(str, order))}"
    inner: list[dict[str, list[Pair]]] = [{"before": [], "adjacent": []} for _ in order]
    ends: list[dict[str, int]] = [{} for _ in order]

    def end(at: int, name: str, frame: int, option: str) -> None:
        if ends[at].setdefault(name, frame) != frame:
            raise contradiction([option, order_option, f"--{name} {ends[at][name]}"])

    for a, b in constraints.before:
        if shot_of[a] == shot_of[b]:
            inner[shot_of[a]]["before"].append((a, b))
        elif shot_of[a] > shot_of[b]:
            raise contradiction([f"--before {a}:{b}", order_option])
    for a, b in constraints.adjacent:
        left, right = sorted((a, b), key=shot_of.__getitem__)
        step = shot_of[right] - shot_of[left]
        if step == 0:
            inner[shot_of[a]]["adjacent"].append((a, b))
        elif step > 1:
            raise contradiction([f"--adjacent {a}:{b}", order_option])
        else:
            end(shot_of[left], "last", left, f"--adjacent {a}:{b}")
            end(shot_of[right], "first", right, f"--adjacent {a}:{b}")
    for name, frame, at in (("first", constraints.first, 0), ("last", constraints.last, len(order) - 1)):
        if frame is not None:
            if shot_of[frame] != at:
                raise contradiction([f"--{name} {frame}", order_option])
            end(at, name, frame, f"--{name} {frame}")
    for number, pairs, given in zip(order, inner, ends, strict=True):
        own = Constraints(given.get("first"), given.get("last"), tuple(pairs["before"]), tuple(pairs["adjacent"]))
        yield number, own


def _frames(numbers: Sequence[int], known: dict[int, list[int]]) -> Iterator[int]:
    for number in numbers:
        yield from known[number]


def _numbers(constraints: Constraints) -> Iterator[tuple[str, int]]:
    for name in ("keep_shot", "drop_shot", "flip_shot"):
        yield from ((f"{option_of(name)} {number}", number) for number in getattr(constraints, name))
    order = shortened(",".join(map(str, constraints.shot_order)))
    yield from ((f"--shot-order {order}", number) for number in constraints.shot_order)

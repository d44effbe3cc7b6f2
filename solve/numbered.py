"""Shots by number, and what the user's wishes for them mean in frames."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from ..errors import UsageError
from ..ranges import in_turn, shortened
from .plan import Shot
from .wishes import Pair, Wishes, contradiction, option_of


@dataclass(frozen=True)
class NumberedShot:
    """A stretch that plays or, behind those, a group of frames that was dropped together; numbers begin at 1."""

    number: int
    frames: list[int]
    plays: bool


@dataclass(frozen=True)
class Block:
    """A shot that keeps its place whole: its frames in the order wanted, and what must hold inside."""

    number: int
    frames: list[int]
    wishes: Wishes


def number_shots(playing: Sequence[list[int]], dropped: Sequence[list[int]]) -> list[NumberedShot]:
    """Numbers for the shots in the order in which they play, then for the dropped groups by their first frame."""
    groups = [(frames, True) for frames in playing] + [(frames, False) for frames in sorted(dropped)]
    return [NumberedShot(number, list(frames), plays) for number, (frames, plays) in enumerate(groups, 1)]


def numbered_as(found: Sequence[Shot], order: Sequence[int], shots: Sequence[NumberedShot]) -> list[Shot]:
    """Each shot found on an order, with the number of the shot that most of its frames come from."""
    home = {frame: shot.number for shot in shots for frame in shot.frames}
    numbered = []
    for shot in found:
        of = Counter(home[frame] for frame in order[shot.start : shot.start + shot.length] if frame in home)
        numbered.append(shot.model_copy(update={"number": of.most_common(1)[0][0] if of else None}))
    return numbered


def in_frames(wishes: Wishes, shots: Sequence[NumberedShot]) -> Wishes:
    """The wishes with those to keep or drop a shot said of its frames."""
    known = {shot.number: shot.frames for shot in shots}
    for option, number in _numbers(wishes):
        if number not in known:
            said = f"{option}: there is no shot {shortened(str(number))}."
            raise UsageError(said, f"The shots are numbered 1 to {len(shots)}.")
    for name in ("shot_order", "flip_shot"):
        in_turn([range(number, number + 1) for number in getattr(wishes, name)], known, option_of(name))
    for number in wishes.drop_shot:
        named = {frame: option for option, frame in wishes.frames_named() if not option.startswith("--drop")}
        for frame in known[number]:
            if frame in named:
                raise contradiction([named[frame], f"--drop-shot {number}"])
    for number in wishes.keep_shot:
        if number in wishes.drop_shot or set(known[number]) <= set(wishes.drop):
            raise contradiction([f"--keep-shot {number}", f"--drop-shot {number}"])
    return replace(
        wishes,
        keep=tuple(sorted({*wishes.keep, *_frames(wishes.keep_shot, known)} - set(wishes.drop))),
        drop=tuple(sorted({*wishes.drop, *_frames(wishes.drop_shot, known)})),
    )


def blocks(wishes: Wishes, shots: Sequence[NumberedShot], played: Sequence[int]) -> list[Block]:
    """The shots in the order wanted, each with its own wishes; none where no order or turn was wished for.

    `played` is the film as it was solved; a frame of none of the shots belongs to the one it plays in.
    """
    if not (wishes.flip_shot or wishes.shot_order):
        return []
    frames = _dealt(shots, played)
    order = list(wishes.shot_order or frames)
    _check_complete(order, list(frames))
    for number in wishes.flip_shot:
        if number not in frames:
            raise contradiction([f"--flip-shot {number}", f"--drop-shot {number}"])
        frames[number] = frames[number][::-1]
        _check_flip(wishes, number, frames[number])
    return [Block(number, frames[number], own) for number, own in _shared_out(wishes, order, frames)]


def _dealt(shots: Sequence[NumberedShot], played: Sequence[int]) -> dict[int, list[int]]:
    """The frames of each shot that plays, by number, along the film but each shot the way it is listed."""
    home = {frame: shot.number for shot in shots for frame in shot.frames}
    now = next(home[frame] for frame in played if frame in home)
    dealt: dict[int, list[int]] = {}
    for frame in played:
        now = home.get(frame, now)
        dealt.setdefault(now, []).append(frame)
    for shot in shots:
        frames = dealt.get(shot.number, [])
        place = {frame: at for at, frame in enumerate(frames)}
        listed = [place[frame] for frame in shot.frames if frame in place]
        if listed and listed[0] > listed[-1]:
            frames.reverse()
    return dict(sorted(dealt.items()))


def _check_complete(order: Sequence[int], playing: Sequence[int]) -> None:
    if sorted(order) == sorted(playing):
        return
    given = shortened(",".join(map(str, order)))
    missing, extra = sorted(set(playing) - set(order)), sorted(set(order) - set(playing))
    said = f"it lacks shot {missing[0]}" if missing else f"shot {extra[0]} does not play" if extra else "one is twice"
    raise UsageError(f"--shot-order {given}: {said}.", f"Name each of {', '.join(map(str, playing))} once.")


def _check_flip(wishes: Wishes, number: int, frames: Sequence[int]) -> None:
    place = {frame: at for at, frame in enumerate(frames)}
    for a, b in wishes.before:
        if a in place and b in place and place[a] > place[b]:
            raise contradiction([f"--flip-shot {number}", f"--before {a}:{b}"])


def _shared_out(wishes: Wishes, order: Sequence[int], frames: dict[int, list[int]]) -> Iterator[tuple[int, Wishes]]:
    """Each shot with the wishes that concern it, where they suit the order of the shots."""
    home = {frame: at for at, number in enumerate(order) for frame in frames[number]}
    said = f"--shot-order {','.join(map(str, order))}"
    inner: list[dict[str, list[Pair]]] = [{"before": [], "adjacent": []} for _ in order]
    ends: list[dict[str, int]] = [{} for _ in order]

    def end(at: int, name: str, frame: int, option: str) -> None:
        if ends[at].setdefault(name, frame) != frame:
            raise contradiction([option, said, f"--{name} {ends[at][name]}"])

    for a, b in wishes.before:
        if home[a] == home[b]:
            inner[home[a]]["before"].append((a, b))
        elif home[a] > home[b]:
            raise contradiction([f"--before {a}:{b}", said])
    for a, b in wishes.adjacent:
        left, right = sorted((a, b), key=home.__getitem__)
        step = home[right] - home[left]
        if step == 0:
            inner[home[a]]["adjacent"].append((a, b))
        elif step > 1:
            raise contradiction([f"--adjacent {a}:{b}", said])
        else:
            end(home[left], "last", left, f"--adjacent {a}:{b}")
            end(home[right], "first", right, f"--adjacent {a}:{b}")
    for name, frame, at in (("first", wishes.first, 0), ("last", wishes.last, len(order) - 1)):
        if frame is not None:
            if home[frame] != at:
                raise contradiction([f"--{name} {frame}", said])
            end(at, name, frame, f"--{name} {frame}")
    for number, pairs, given in zip(order, inner, ends, strict=True):
        own = Wishes(given.get("first"), given.get("last"), tuple(pairs["before"]), tuple(pairs["adjacent"]))
        yield number, own


def _frames(numbers: Sequence[int], known: dict[int, list[int]]) -> Iterator[int]:
    for number in numbers:
        yield from known[number]


def _numbers(wishes: Wishes) -> Iterator[tuple[str, int]]:
    for name in ("keep_shot", "drop_shot", "flip_shot"):
        yield from ((f"{option_of(name)} {number}", number) for number in getattr(wishes, name))
    order = shortened(",".join(map(str, wishes.shot_order)))
    yield from ((f"--shot-order {order}", number) for number in wishes.shot_order)

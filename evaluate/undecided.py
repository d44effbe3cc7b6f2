"""Score orders where pictures do not decide: frames that encoding made alike, and joins that a plan leaves open."""

import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import closing
from itertools import pairwise
from pathlib import Path

import numpy as np

from ..media.source import open_source
from ..media.types import Floats
from .scores import Luma, check_positions, luma_frames, score_order
from .truth import FOREIGN, Truth

_BLOCK = 16
"""Side of the blocks that are compared, that of a macroblock: small things that move must not be averaged away."""
_SHORTEST = 3
"""Frames of a stretch that has an order, whichever way it is played."""


def alike_truth(truth: Truth, scrambled: Path) -> Truth:
    """Return the truth with frames as ties whose originals differ less than encoding changed them.

    Two frames are alike if in every block of 16 x 16 pixels the mean squared difference of their originals is at most
    the one between original and scrambled frame, of either. Pictures that are the same are pairwise alike, so that a
    slow drift does not chain a film together. The ties of the truth remain.

    Args:
        truth: The truth of one clip.
        scrambled: The scrambled video.
    """
    frames = sorted(frame for frame in truth.frames if frame != FOREIGN)
    if not frames:
        return truth
    info = open_source(Path(truth.source)).info()
    with tempfile.TemporaryDirectory() as scratch:
        shape = (len(frames), info.height, info.width)
        originals = np.memmap(Path(scratch) / "luma", np.uint8, "w+", shape=shape)
        for slot, plane in enumerate(_planes(Path(truth.source), shape[1:], frames)):
            originals[slot] = plane
        pictures = _pictures(truth, frames, originals, _noise(truth, frames, originals, scrambled))
    known = dict(zip(frames, pictures, strict=True))
    ties = [known.get(frame, frame) for frame in range(truth.first, frames[-1] + 1)]
    return truth.model_copy(update={"ties": ties})


def alike_adjacency(order: Sequence[int], alike: Truth) -> float:
    """Return the share of the film's joins, as pairs of pictures, that an order has; each counts as often as there.

    An order that plays all passes of a loop as one slow pass has only half of the joins of the loop, or fewer.

    Args:
        order: The positions in play order.
        alike: The truth from `alike_truth`.
    """
    check_positions(order, len(alike.frames))
    film = _joins(sorted(frame for frame in alike.frames if frame != FOREIGN), alike)
    found = _joins([alike.frames[position] for position in order], alike)
    return (film & found).total() / film.total() if film else 1.0


def determined_tau(order: Sequence[int], undetermined: Sequence[int], truth: Truth) -> float | None:
    """Return the absolute tau within the stretches whose joins are all determined, weighted by length.

    Args:
        order: The positions in play order.
        undetermined: The joins of the order that the plan calls undetermined, by position.
        truth: The truth of the scrambled video.

    Returns:
        The tau, or None if no stretch has three frames.
    """
    starts = [0, *(at + 1 for at in sorted(undetermined)), len(order)]
    stretches = [order[start:end] for start, end in pairwise(starts) if end - start >= _SHORTEST]
    if not stretches:
        return None
    taus = [score_order(stretch, [], truth).abs_tau for stretch in stretches]
    return float(np.average(taus, weights=[len(stretch) for stretch in stretches]))


def _joins(frames: Sequence[int], truth: Truth) -> "Counter[tuple[int, ...]]":
    pictures = [FOREIGN if frame == FOREIGN else truth.picture_of(frame) for frame in frames]
    return Counter(tuple(sorted(join)) for join in pairwise(pictures))


def _planes(path: Path, size: tuple[int, int], frames: Sequence[int]) -> Iterator[Luma]:
    """Yield the luma of some frames, which are in the order of the file."""
    wanted = set(frames)
    with closing(luma_frames(path, size[::-1])) as decoded:
        for number, raw in enumerate(decoded):
            if number in wanted:
                yield np.frombuffer(raw, np.uint8).reshape(size)
            if number == frames[-1]:
                return


def _noise(truth: Truth, frames: Sequence[int], originals: Luma, scrambled: Path) -> Floats:
    """Return for each frame how far encoding changed each of its blocks."""
    slot_of = {frame: slot for slot, frame in enumerate(frames)}
    places = [place for place, frame in enumerate(truth.frames) if frame != FOREIGN]
    found: list[Floats] = [np.zeros(0, np.float32)] * len(frames)
    for place, plane in zip(places, _planes(scrambled, originals.shape[1:], places), strict=True):
        slot = slot_of[truth.frames[place]]
        found[slot] = _block_means(np.square(originals[slot].astype(np.float32) - plane))
    return np.array(found)


def _block_means(plane: Floats) -> Floats:
    """Return the mean of each block; those at the right and lower edge are as wide and high as there is room."""
    height, width = plane.shape
    rows, columns = np.arange(0, height, _BLOCK), np.arange(0, width, _BLOCK)
    sums = np.add.reduceat(np.add.reduceat(plane, rows, axis=0), columns, axis=1)
    sizes = np.outer(np.diff([*rows, height]), np.diff([*columns, width]))
    return np.asarray((sums / sizes).ravel(), np.float32)


def _pictures(truth: Truth, frames: Sequence[int], originals: Luma, noise: Floats) -> list[int]:
    """Return for each frame the earliest one of its group of frames that are pairwise alike."""
    means = np.array([_block_means(plane.astype(np.float32)) for plane in originals])
    groups: list[list[int]] = []
    group_of: dict[int, int] = {}
    for slot, frame in enumerate(frames):
        earlier = group_of.get(truth.picture_of(frame))
        if earlier is None:
            close = _alike_slots(slot, originals, means, noise)
            earlier = next((at for at, group in enumerate(groups) if close.issuperset(group)), len(groups))
            groups += [[]] if earlier == len(groups) else []
            groups[earlier].append(slot)
        group_of[frame] = earlier
    return [frames[groups[group_of[frame]][0]] for frame in frames]


def _alike_slots(slot: int, originals: Luma, means: Floats, noise: Floats) -> set[int]:
    """Return the earlier slots whose frames are alike; where block means differ too much, the blocks do, too."""
    limits = np.minimum(noise[:slot], noise[slot])
    likely = np.flatnonzero((np.square(means[:slot] - means[slot]) <= limits).all(axis=1))
    plane = originals[slot].astype(np.float32)
    return {
        other
        for other in likely.tolist()
        if bool((_block_means(np.square(originals[other] - plane)) <= limits[other]).all())
    }

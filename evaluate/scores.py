"""Score a plan against the truth: its order, what it dropped, and the pictures of its film."""

import math
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from functools import partial
from itertools import groupby, pairwise
from pathlib import Path
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from ..errors import PlanError, SourceError
from ..media import ffmpeg
from ..media.source import open_source
from ..media.types import Floats
from ..progress import SILENT, Progress
from ..render.reorder import in_play_order
from ..solve.plan.model import Plan
from .truth import FOREIGN, Truth

Luma: TypeAlias = npt.NDArray[np.uint8]
PSNR_CEILING = 100.0
"""Decibels of identical pictures, whose ratio is infinite."""
_SCRATCH_BYTES = 8 << 30
"""Bounds the frames that are kept on disk to play them in order."""


@dataclass(frozen=True)
class Scores:
    """Shares run from 0 to 1, and frames that look the same count as the same frame.

    `adjacency` is the share of the joins of the true film that the order has. `tau` is Kendall's tau over the pairs of
    kept frames that differ (-1 is the film backwards), and `shot_tau` its absolute value within the true shots, since
    the order of shots cannot be determined. `jumps` counts the wrong joins of the order.
    `precision` and `recall` treat dropped frames as foreign; they are 1 where there is nothing to judge.
    `broken_precision` and `broken_recall` treat frames dropped as broken as damaged, where there are any; a damaged
    frame that is dropped counts neither as lost nor as foreign.
    `made` counts the frames that the film shows in place of dropped ones; `psnr` and `ssim` include them.
    """

    adjacency: float
    tau: float
    abs_tau: float
    shot_tau: float
    jumps: int
    exact: bool
    lost: int
    lost_share: float
    precision: float
    recall: float
    psnr: float | None = None
    ssim: float | None = None
    made: int = 0
    made_psnr: float | None = None
    made_ssim: float | None = None
    broken_precision: float | None = None
    broken_recall: float | None = None


def score_plan(plan: Plan, truth: Truth) -> Scores:
    """Score the order of a plan and what it dropped."""
    broken = [dropped.frame for dropped in plan.dropped if dropped.reason == "broken"]
    scores = score_order(plan.order, [dropped.frame for dropped in plan.dropped], truth, broken)
    return replace(scores, made=len(plan.made))


def score_order(order: Sequence[int], dropped: Sequence[int], truth: Truth, broken: Sequence[int] = ()) -> Scores:
    """Score an order of positions in the scrambled video; backwards is as good as forwards.

    Args:
        order: The positions in play order.
        dropped: The dropped positions.
        truth: The truth of the scrambled video.
        broken: The dropped positions that were dropped as broken.

    Raises:
        PlanError: A position lies outside the truth.
    """
    check_positions([*order, *dropped, *broken], len(truth.frames))
    damaged = set(truth.broken)
    foreign = set(truth.foreign) - damaged
    dropped_foreign = set(dropped) - damaged - (set(broken) - foreign)
    truth = truth.without(damaged & set(dropped))
    shown = [truth.frames[position] for position in order]
    true = sorted(frame for frame in truth.frames if frame != FOREIGN)
    kept = [frame for frame in shown if frame != FOREIGN]
    right = right_joins(order, truth)
    tau = _tau(kept, true, truth)
    caught = len(foreign & dropped_foreign)
    film = [truth.picture_of(frame) for frame in true]
    played = [truth.picture_of(frame) for frame in shown if frame != FOREIGN]
    lost = len(true) - len(set(kept))
    of_broken = _broken_scores(set(broken), damaged)
    return Scores(
        adjacency=sum(right) / (len(true) - 1) if len(true) > 1 else 1.0,
        tau=tau,
        abs_tau=abs(tau),
        shot_tau=_shot_tau(kept, true, truth),
        jumps=right.count(False),
        exact=not lost and len(kept) == len(shown) and played in (film, film[::-1]),
        lost=lost,
        lost_share=lost / len(true) if true else 0.0,
        precision=caught / len(dropped_foreign) if dropped_foreign else 1.0,
        recall=caught / len(foreign) if foreign else 1.0,
        broken_precision=of_broken[0],
        broken_recall=of_broken[1],
    )


def _broken_scores(dropped: set[int], damaged: set[int]) -> tuple[float | None, float | None]:
    """Return precision and recall, or None where there is nothing to judge."""
    if not dropped and not damaged:
        return None, None
    right = len(dropped & damaged)
    return right / len(dropped) if dropped else 1.0, right / len(damaged) if damaged else 1.0


def mean_of(found: Sequence[tuple[float, float]]) -> tuple[float | None, float | None]:
    """Return the mean PSNR and SSIM, or None of nothing."""
    if not found:
        return None, None
    psnr, ssim = np.mean(found, axis=0)
    return float(psnr), float(ssim)


def compare_pictures(
    plan: Plan, truth: Truth, rendered: Path, source: Path, progress: Progress = SILENT
) -> dict[int, tuple[float, float]]:
    """Return the PSNR and SSIM of each picture of the film against the source frame it should show, by position.

    This measures fidelity, not order. Luma uses its full range of 0 to 255, foreign frames that the plan plays are left
    out, and identical pictures count as 100 dB.
    """
    check_positions(plan.played, len(truth.frames))
    wanted = wanted_frames(plan, truth)
    if all(frame == FOREIGN for frame in wanted):
        return {}
    info = open_source(source).info()
    size = info.width, info.height
    true = [frame for frame in wanted if frame != FOREIGN]
    decode = partial(_luma_until, source, size)
    originals = in_play_order(decode, true, size[0] * size[1], rendered.resolve().parent, _SCRATCH_BYTES, progress)
    with closing(originals), closing(luma_frames(rendered, size)) as shown:
        found = list(_compared(shown, wanted, originals, size, rendered, progress))
    return dict(zip((position for position, frame in enumerate(wanted) if frame != FOREIGN), found, strict=True))


def wanted_frames(plan: Plan, truth: Truth) -> list[int]:
    """Return the source frame that each picture of the film should show, or FOREIGN.

    Frames made in a gap lead from one side to the other, in whatever order the broken ones were.
    """
    played = plan.played
    wanted = [truth.frames[position] for position in played]
    made = set(plan.made)
    for start in (position for position in made if position - 1 not in made):
        end = next(position for position in range(start, len(played) + 1) if position not in made)
        sides = wanted[max(0, start - 1)], wanted[min(end, len(played) - 1)]
        if FOREIGN not in wanted[start:end]:
            wanted[start:end] = sorted(wanted[start:end], reverse=sides[0] > sides[1])
    return wanted


def psnr_of(a: Luma, b: Luma) -> float:
    """Return the peak signal-to-noise ratio in decibels, at most 100."""
    error = float(np.mean(np.square(a.astype(np.float32) - b)))
    return min(PSNR_CEILING, 10 * math.log10(255**2 / error)) if error else PSNR_CEILING


def ssim_of(a: Luma, b: Luma) -> float:
    """Return the structural similarity with the usual 11 x 11 Gaussian window, over the pixels where it fits."""
    import cv2

    def smooth(plane: Floats) -> Floats:
        return np.asarray(cv2.GaussianBlur(plane, (11, 11), 1.5), np.float32)

    x, y = a.astype(np.float32), b.astype(np.float32)
    mean_x, mean_y = smooth(x), smooth(y)
    both, squares = mean_x * mean_y, mean_x**2 + mean_y**2
    spread, shared = smooth(x * x + y * y) - squares, smooth(x * y) - both
    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    scores = (2 * both + c1) * (2 * shared + c2) / ((squares + c1) * (spread + c2))
    inner = scores[5:-5, 5:-5] if min(scores.shape) > 10 else scores
    return float(inner.mean(dtype=np.float64))


def check_positions(positions: Sequence[int], count: int) -> None:
    """Check that all positions lie inside the truth.

    Raises:
        PlanError: A position lies outside.
    """
    outside = [position for position in positions if not 0 <= position < count]
    if outside:
        raise PlanError(
            f"The plan names frame {outside[0]}, but the truth describes only {count} frames.",
            "Give the truth that was written with the scrambled video of this plan.",
        )


def right_joins(order: Sequence[int], truth: Truth) -> list[bool]:
    """Return for each join of the order whether it joins a picture to itself or to its true neighbour."""
    shown = [truth.frames[position] for position in order]
    film = [truth.picture_of(frame) for frame in sorted(frame for frame in truth.frames if frame != FOREIGN)]
    neighbours = {*pairwise(film), *pairwise(film[::-1]), *zip(film, film, strict=True)}
    played = [None if frame == FOREIGN else truth.picture_of(frame) for frame in shown]
    return [join in neighbours for join in pairwise(played)]


def _tau(kept: Sequence[int], true: Sequence[int], truth: Truth) -> float:
    """Return Kendall's tau over the pairs of frames whose rank differs; 1 where there is none.

    Tau-b would score a perfect order of a film with repeats below 1, for ties that no order can break.
    """
    from scipy.stats import kendalltau

    ranks = _ranks(true, truth)
    sizes = np.unique([ranks[frame] for frame in kept], return_counts=True)[1]
    pairs = len(kept) * (len(kept) - 1) / 2
    free = pairs - float(np.sum(sizes * (sizes - 1) / 2))
    if not free:
        return 1.0
    taus: list[float] = []
    for backwards in (False, True):
        series = _best_ranks(kept, ranks, truth, backwards)
        taus.append(float(kendalltau(np.arange(len(kept)), series).statistic) * math.sqrt(pairs / free))
    best: float = max(taus, key=abs)
    return round(best, 12)


def _shot_tau(kept: Sequence[int], true: Sequence[int], truth: Truth) -> float:
    """Return the absolute tau within each true shot, weighted by length."""
    starts = [*truth.shots[1:], truth.first + len(truth.frames)]
    by_number: dict[int, list[int]] = defaultdict(list)
    for frame in kept:
        by_number[bisect_right(starts, frame)].append(frame)
    shots = [by_number[number] for number in sorted(by_number) if number < len(starts)]
    sizes = [len(shot) for shot in shots]
    taus = [abs(_tau(shot, sorted(shot), truth)) for shot in shots]
    return sum(tau * size for tau, size in zip(taus, sizes, strict=True)) / max(1, sum(sizes))


def _ranks(true: Sequence[int], truth: Truth) -> dict[int, int]:
    """Return the position of each frame in the film; a run of frames that look the same has one position."""
    runs = groupby(true, key=truth.picture_of)
    return {frame: rank for rank, (_, run) in enumerate(runs) for frame in run}


def _best_ranks(kept: Sequence[int], ranks: dict[int, int], truth: Truth, backwards: bool) -> list[int]:
    """Return the ranks in play order; a picture that the film shows several times takes its ranks as they come."""
    open_ranks: dict[int, list[int]] = defaultdict(list)
    for frame in sorted(kept, key=lambda frame: ranks[frame], reverse=not backwards):
        open_ranks[truth.picture_of(frame)].append(ranks[frame])
    return [open_ranks[truth.picture_of(frame)].pop() for frame in kept]


def luma_frames(path: Path, size: tuple[int, int]) -> Generator[bytes, None, None]:
    """Decode the full-range luma of each frame, without the row and column that make an odd size even."""
    if path.is_dir():
        import cv2

        with closing(open_source(path).frames()) as frames:
            yield from (cv2.cvtColor(frame.picture, cv2.COLOR_BGR2GRAY).tobytes() for frame in frames)
        return
    width, height = size
    info = open_source(path).info()
    is_padded = info.width - width in (0, 1) and info.height - height in (0, 1)
    fit = f"crop={width}:{height}:0:0:exact=1" if is_padded else f"scale={width}:{height}"
    filters = f"scale=out_range=pc,format=gray,{fit}"
    arguments = [*ffmpeg.decode_arguments(path), "-vf", filters, "-pix_fmt", "gray", "-f", "rawvideo", "-"]
    with ffmpeg.Reader(arguments) as reader:
        while len(raw := reader.read(width * height)) == width * height:
            yield raw


def _luma_until(source: Path, size: tuple[int, int], last: int) -> Generator[bytes, None, None]:
    with closing(luma_frames(source, size)) as frames:
        for index, frame in enumerate(frames):
            yield frame
            if index == last:
                return
    raise SourceError(f"{source} ends before frame {last}.", "Restore the clip that was scrambled.")


def _compared(
    shown: Iterator[bytes],
    wanted: Sequence[int],
    originals: Iterator[bytes],
    size: tuple[int, int],
    rendered: Path,
    progress: Progress,
) -> Iterator[tuple[float, float]]:
    width, height = size
    count = 0
    with progress.stage("compare pictures", len(wanted)) as stage:
        for count, raw in enumerate(shown, 1):
            if count <= len(wanted) and wanted[count - 1] != FOREIGN:
                a, b = (np.frombuffer(data, np.uint8).reshape(height, width) for data in (raw, next(originals)))
                yield psnr_of(a, b), ssim_of(a, b)
            stage.advance()
    if count != len(wanted):
        raise PlanError(
            f"{rendered} has {count} frames, but the plan plays {len(wanted)}.", "Render it again from this plan."
        )


def evaluate_plan(plan: Plan, truth: Truth, progress: Progress = SILENT, rendered: Path | None = None) -> Scores:
    """Score a plan and, given the film made from it, the fidelity of its pictures.

    Args:
        plan: The plan.
        truth: The truth of the scrambled video.
        progress: Receives stages.
        rendered: The film made from the plan.

    Raises:
        PlanError: The plan, the truth and the film do not belong together.
    """
    scores = score_plan(plan, truth)
    if rendered is None:
        return scores
    found = compare_pictures(plan, truth, rendered, Path(truth.source), progress)
    psnr, ssim = mean_of(list(found.values()))
    made_psnr, made_ssim = mean_of([found[position] for position in plan.made if position in found])
    return replace(scores, psnr=psnr, ssim=ssim, made_psnr=made_psnr, made_ssim=made_ssim)

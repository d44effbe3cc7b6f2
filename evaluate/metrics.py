"""How well a plan agrees with the truth: its order, what it dropped, and the pictures it shows."""

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

from .. import ffmpeg
from ..errors import PlanError, SourceError
from ..frames import Floats
from ..ingest.source import open_source
from ..progress import Progress, Silent
from ..render.scratch import in_play_order
from ..solve.plan import Plan
from .truth import FOREIGN, Truth

Luma: TypeAlias = npt.NDArray[np.uint8]
PSNR_CEILING = 100.0

_SCRATCH_BYTES = 8 << 30
_SILENT = Silent()


@dataclass(frozen=True)
class Scores:
    """Shares run from 0 to 1, and frames that look the same count as the same frame.

    `adjacency` is right joins over the joins of the true film, `tau` Kendall's over the pairs of kept
    frames that differ (-1 is the film backwards), `shot_tau` its absolute value inside the true shots, since
    nothing tells the order of shots, `jumps` the joins of the order that are not right.
    `precision` and `recall` are of the dropped frames as foreign ones: 1 where there was nothing to judge.
    `broken_precision` and `broken_recall` are of those dropped as broken, where any was damaged or so dropped;
    a damaged frame that is dropped counts neither as lost nor as taken for a foreign one.
    `made` counts the frames that the film has in place of dropped ones; they are in `psnr` and `ssim` too.
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
    """Score a plan's order and what it dropped, for each reason."""
    broken = [dropped.frame for dropped in plan.dropped if dropped.reason == "broken"]
    scores = score_order(plan.order, [dropped.frame for dropped in plan.dropped], truth, broken)
    return replace(scores, made=len(plan.made))


def score_order(order: Sequence[int], dropped: Sequence[int], truth: Truth, broken: Sequence[int] = ()) -> Scores:
    """Score an order of places in the scrambled video; the film backwards is as good as forwards.

    `broken` are those of the dropped frames that were dropped for damage.
    """
    check_places([*order, *dropped, *broken], len(truth.frames))
    damaged = set(truth.broken)
    foreign = set(truth.foreign) - damaged
    told_foreign = set(dropped) - damaged - (set(broken) - foreign)
    truth = truth.without(damaged & set(dropped))
    shown = [truth.frames[place] for place in order]
    true = sorted(frame for frame in truth.frames if frame != FOREIGN)
    kept = [frame for frame in shown if frame != FOREIGN]
    right = right_joins(order, truth)
    tau = _tau(kept, true, truth)
    caught = len(foreign & told_foreign)
    film = [truth.picture_of(frame) for frame in true]
    played = [truth.picture_of(frame) for frame in shown if frame != FOREIGN]
    lost = len(true) - len(set(kept))
    of_broken = _of_broken(set(broken), damaged)
    return Scores(
        adjacency=sum(right) / (len(true) - 1) if len(true) > 1 else 1.0,
        tau=tau,
        abs_tau=abs(tau),
        shot_tau=_shot_tau(kept, true, truth),
        jumps=right.count(False),
        exact=not lost and len(kept) == len(shown) and played in (film, film[::-1]),
        lost=lost,
        lost_share=lost / len(true) if true else 0.0,
        precision=caught / len(told_foreign) if told_foreign else 1.0,
        recall=caught / len(foreign) if foreign else 1.0,
        broken_precision=of_broken[0],
        broken_recall=of_broken[1],
    )


def _of_broken(told: set[int], damaged: set[int]) -> tuple[float | None, float | None]:
    """Precision and recall, where there is anything to judge."""
    if not told and not damaged:
        return None, None
    right = len(told & damaged)
    return right / len(told) if told else 1.0, right / len(damaged) if damaged else 1.0


def mean_of(found: Sequence[tuple[float, float]]) -> tuple[float | None, float | None]:
    if not found:
        return None, None
    psnr, ssim = np.mean(found, axis=0)
    return float(psnr), float(ssim)


def compare_pictures(
    plan: Plan, truth: Truth, rendered: Path, source: Path, progress: Progress = _SILENT
) -> dict[int, tuple[float, float]]:
    """PSNR and SSIM of each picture of the film, by its place in it, against the source frame it is meant to show.

    It measures the pictures' fidelity, not their order. Luma is taken over its full range of 0 to 255;
    foreign frames that the plan plays are left out; a picture without any error counts as 100 dB.
    """
    check_places(plan.played, len(truth.frames))
    wanted = wanted_frames(plan, truth)
    if all(frame == FOREIGN for frame in wanted):
        return {}
    info = open_source(source).info()
    size = info.width, info.height
    true = [frame for frame in wanted if frame != FOREIGN]
    decode = partial(_luma_until, source, size)
    originals = in_play_order(decode, true, size[0] * size[1], rendered.resolve().parent, _SCRATCH_BYTES, progress)
    with closing(originals), closing(_luma(rendered, size)) as shown:
        found = list(_compared(shown, wanted, originals, size, rendered, progress))
    return dict(zip((place for place, frame in enumerate(wanted) if frame != FOREIGN), found, strict=True))


def wanted_frames(plan: Plan, truth: Truth) -> list[int]:
    """The source frame that each picture of the plan's film is meant to show, or FOREIGN.

    Frames that were made in a hole show the way from one side to the other, in whatever order the broken ones lay.
    """
    played = plan.played
    wanted = [truth.frames[place] for place in played]
    made = set(plan.made)
    for start in (place for place in made if place - 1 not in made):
        end = next(place for place in range(start, len(played) + 1) if place not in made)
        sides = wanted[max(0, start - 1)], wanted[min(end, len(played) - 1)]
        if FOREIGN not in wanted[start:end]:
            wanted[start:end] = sorted(wanted[start:end], reverse=sides[0] > sides[1])
    return wanted


def psnr_of(a: Luma, b: Luma) -> float:
    """Peak signal to noise in decibels, at most 100."""
    error = float(np.mean(np.square(a.astype(np.float32) - b)))
    return min(PSNR_CEILING, 10 * math.log10(255**2 / error)) if error else PSNR_CEILING


def ssim_of(a: Luma, b: Luma) -> float:
    """Structural similarity with the usual 11 x 11 Gaussian window, where it fits into the picture."""
    import cv2

    def smooth(plane: Floats) -> Floats:
        return np.asarray(cv2.GaussianBlur(plane, (11, 11), 1.5), np.float32)

    x, y = a.astype(np.float32), b.astype(np.float32)
    mean_x, mean_y = smooth(x), smooth(y)
    both, squares = mean_x * mean_y, mean_x**2 + mean_y**2
    spread, shared = smooth(x * x + y * y) - squares, smooth(x * y) - both
    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    scores = (2 * both + c1) * (2 * shared + c2) / ((squares + c1) * (spread + c2))
    whole = scores[5:-5, 5:-5] if min(scores.shape) > 10 else scores
    return float(whole.mean(dtype=np.float64))


def check_places(places: Sequence[int], there: int) -> None:
    outside = [place for place in places if not 0 <= place < there]
    if outside:
        raise PlanError(
            f"The plan speaks of frame {outside[0]}, the truth of {there} frames only.",
            "Give the truth that was written with the scrambled video of this plan.",
        )


def right_joins(order: Sequence[int], truth: Truth) -> list[bool]:
    """Whether each join of the order joins a picture to itself or to its true neighbour."""
    shown = [truth.frames[place] for place in order]
    film = [truth.picture_of(frame) for frame in sorted(frame for frame in truth.frames if frame != FOREIGN)]
    beside = {*pairwise(film), *pairwise(film[::-1]), *zip(film, film, strict=True)}
    played = [None if frame == FOREIGN else truth.picture_of(frame) for frame in shown]
    return [join in beside for join in pairwise(played)]


def _tau(kept: Sequence[int], true: Sequence[int], truth: Truth) -> float:
    """Kendall's tau over the pairs of frames whose rank differs; 1 where there is no such pair.

    Tau-b would give a perfect order of a film with repeats less than 1, for ties that no order can break.
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
    """The absolute tau of each true shot by itself, the longer counting for more."""
    starts = [*truth.shots[1:], truth.first + len(truth.frames)]
    by_number: dict[int, list[int]] = defaultdict(list)
    for frame in kept:
        by_number[bisect_right(starts, frame)].append(frame)
    shots = [by_number[number] for number in sorted(by_number) if number < len(starts)]
    sizes = [len(shot) for shot in shots]
    taus = [abs(_tau(shot, sorted(shot), truth)) for shot in shots]
    return sum(tau * size for tau, size in zip(taus, sizes, strict=True)) / max(1, sum(sizes))


def _ranks(true: Sequence[int], truth: Truth) -> dict[int, int]:
    """Each frame's place in the film, where a run of frames that look the same is one place."""
    runs = groupby(true, key=truth.picture_of)
    return {frame: rank for rank, (_, run) in enumerate(runs) for frame in run}


def _best_ranks(kept: Sequence[int], ranks: dict[int, int], truth: Truth, backwards: bool) -> list[int]:
    """The ranks in play order; a picture that the film shows at several places takes them as they come."""
    open_ranks: dict[int, list[int]] = defaultdict(list)
    for frame in sorted(kept, key=lambda frame: ranks[frame], reverse=not backwards):
        open_ranks[truth.picture_of(frame)].append(ranks[frame])
    return [open_ranks[truth.picture_of(frame)].pop() for frame in kept]


def _luma(path: Path, size: tuple[int, int]) -> Generator[bytes, None, None]:
    """Full-range luma of every frame; the row and column that make an odd film even are cut off again."""
    if path.is_dir():
        import cv2

        with closing(open_source(path).frames()) as frames:
            yield from (cv2.cvtColor(frame.picture, cv2.COLOR_BGR2GRAY).tobytes() for frame in frames)
        return
    width, height = size
    info = open_source(path).info()
    evened = info.width - width in (0, 1) and info.height - height in (0, 1)
    fit = f"crop={width}:{height}:0:0:exact=1" if evened else f"scale={width}:{height}"
    filters = f"scale=out_range=pc,format=gray,{fit}"
    arguments = [*ffmpeg.decode_arguments(path), "-vf", filters, "-pix_fmt", "gray", "-f", "rawvideo", "-"]
    with ffmpeg.Reader(arguments) as reader:
        while len(raw := reader.read(width * height)) == width * height:
            yield raw


def _luma_until(source: Path, size: tuple[int, int], last: int) -> Generator[bytes, None, None]:
    with closing(_luma(source, size)) as frames:
        for index, frame in enumerate(frames):
            yield frame
            if index == last:
                return
    raise SourceError(f"{source} ends before frame {last}.", "Give the clip that was scrambled.")


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
            f"{rendered} shows {count} frames where the plan plays {len(wanted)}.",
            "Render it again from this plan.",
        )

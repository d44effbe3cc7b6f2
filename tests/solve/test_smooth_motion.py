"""Films in which poses nearly recur are ordered by how little motion changes from frame to frame."""

from functools import cache
from itertools import pairwise

import cv2
import numpy as np
import numpy.typing as npt

from reelweave.progress import SILENT
from reelweave.solve.cost.pixels import changes
from reelweave.solve.cost.velocity import changes_of_velocity, velocities
from reelweave.solve.path.agreement import quick_path, rate
from reelweave.solve.path.velocity import VelocityPaths
from reelweave.solve.smooth_motion import SmoothOrder, smooth_order

Luma = npt.NDArray[np.uint8]
Rows = npt.NDArray[np.int64]

_COUNT = 60


@cache
def dancer() -> Luma:
    """A body that sways and three arms that swing in periods of their own, before a wall in weak noise."""
    rng = np.random.default_rng(4)
    wall = cv2.resize(rng.normal(150, 15, (9, 16)), (160, 90), interpolation=cv2.INTER_CUBIC)
    frames = (wall + rng.normal(0, 1, (_COUNT, 90, 160))).clip(0, 255).astype(np.uint8)
    for moment, frame in enumerate(frames):
        x, y = 80 + 12 * np.sin(moment / 5.3), 45 + 3 * np.sin(moment / 2.6)
        for arm, (period, reach) in enumerate(((3.1, 1.1), (4.3, 0.9), (2.4, 0.7))):
            angle = 2.1 * arm + reach * np.sin(moment / period + arm)
            ends = [
                (round(16 * to), round(16 * at))
                for to, at in ((x, y), (x + 30 * np.cos(angle), y + 30 * np.sin(angle)))
            ]
            cv2.line(frame, *ends, 60 + 40 * arm, 7, cv2.LINE_AA, 4)
        cv2.circle(frame, (round(16 * x), round(16 * y)), 10 * 16, 30, -1, cv2.LINE_AA, 4)
    return frames


def right(order: Rows | list[int], moments: Rows) -> float:
    """Return the share of joins between neighbouring moments."""
    return float(np.mean([abs(moments[a] - moments[b]) == 1 for a, b in pairwise(order)]))


def cheapest_and_smooth(pictures: Luma) -> tuple[list[int], SmoothOrder]:
    rated = rate(changes(pictures), len(pictures), 10)
    cheapest = quick_path(rated.costs)
    smooth = smooth_order(pictures, rated, cheapest, SILENT, lambda: False)
    assert smooth
    return cheapest, smooth


def test_a_dancer_is_ordered_by_motion_where_poses_recur() -> None:
    moments = np.random.default_rng(1).permutation(_COUNT)
    cheapest, smooth = cheapest_and_smooth(dancer()[moments])
    assert right(smooth.path, moments) > right(cheapest, moments) + 0.1
    assert smooth.gain > 0.05
    assert smooth.agreement.believed > 0.8


def test_a_dancer_in_order_stays_in_order() -> None:
    assert cheapest_and_smooth(dancer())[1].path == list(range(_COUNT))


def test_noise_has_no_order_by_motion() -> None:
    noise = np.random.default_rng(2).integers(0, 255, (30, 45, 80), dtype=np.uint8).repeat(2, 1).repeat(2, 2)
    rated = rate(changes(noise), len(noise), 10)
    assert smooth_order(noise, rated, quick_path(rated.costs), SILENT, lambda: False) is None


def test_motion_changes_less_from_a_frame_to_those_on_either_side_than_to_two_on_one_side() -> None:
    near = np.array([[max(row - 1, 0), min(row + 1, _COUNT - 1), max(row - 2, 0)] for row in range(_COUNT)])
    through = changes_of_velocity(velocities(dancer(), near))[5:-5]
    assert np.median(through[:, 0, 1]) < 0.5 * np.median(through[:, 0, 2])


def test_a_path_costs_the_same_in_either_direction() -> None:
    rng = np.random.default_rng(0)
    between = rng.random((12, 5, 5)).astype(np.float32)
    prices = rng.random((12, 12))
    near = np.array([rng.permutation([other for other in range(12) if other != row])[:5] for row in range(12)])
    paths = VelocityPaths(between + between.transpose(0, 2, 1), near, prices + prices.T)
    path = rng.permutation(12)
    assert np.isclose(paths.unsteadiness(path), paths.unsteadiness(path[::-1]))


def test_a_film_of_few_frames_is_left_as_it_is() -> None:
    few = dancer()[:10]
    assert smooth_order(few, rate(changes(few), 10, 5), list(range(10)), SILENT, lambda: False) is None


def test_a_stopped_search_gives_no_order() -> None:
    assert smooth_order(dancer(), rate(changes(dancer()), _COUNT, 5), list(range(_COUNT)), SILENT, lambda: True) is None

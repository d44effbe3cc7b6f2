"""Motion and learned weights: what they improve, what they must never do, and that nothing is measured twice."""

from collections.abc import Sequence
from functools import cache
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from helpers import write_clip
from runs import opened, settings

from reelweave import pipeline
from reelweave.index import manage
from reelweave.index.cache import MotionCacheFile
from reelweave.index.neighbours import nearest
from reelweave.ingest.models.appearance import AppearanceEmbedder
from reelweave.media.types import Motion
from reelweave.progress import SilentProgress
from reelweave.settings import load
from reelweave.solve.cost.flow import FlowPrice, _FlowMeasure
from reelweave.solve.cost.learned import _Fit, _weights, learned_prices
from reelweave.solve.order import OrderResult, order_rows
from reelweave.solve.order_input import OrderInput

Luma = npt.NDArray[np.uint8]
Ints = npt.NDArray[np.int64]


def shuffled(count: int, seed: int = 3) -> Ints:
    return np.random.default_rng(seed).permutation(count)


@cache
def noisy_pan(frames: int = 36, noise: float = 12.0) -> Luma:
    """A camera that sways over a texture, in a film whose every frame has a grain of its own."""
    import cv2

    rng = np.random.default_rng(5)
    world = cv2.GaussianBlur(rng.random((140, 260), np.float32), (0, 0), 4)
    world = np.asarray(cv2.normalize(world, None, 0, 255, cv2.NORM_MINMAX), np.float32)
    views = [
        cv2.warpAffine(world, np.array([[1, 0, -1.2 * at], [0, 1, -3 * np.sin(at / 4)]], np.float32), (160, 90))
        for at in range(frames)
    ]
    return np.clip(np.rint(np.stack(views) + rng.normal(0, noise, (frames, 90, 160))), 0, 255).astype(np.uint8)


def rows_of(luma: Luma, memory: MotionCacheFile | None = None) -> OrderInput:
    vectors = AppearanceEmbedder().embed([np.repeat(plane[..., None], 3, axis=2) for plane in luma])
    near = nearest(vectors, 24).indices
    joins = np.stack([np.repeat(np.arange(len(luma)), near.shape[1]), near.ravel()], axis=1)
    rows = OrderInput(vectors, luma, np.arange(len(luma)), joins, True)
    return rows if memory is None else OrderInput(*list(vars(rows).values())[:-1], motion=memory)


def ordered(rows: OrderInput, **changes: object) -> OrderResult:
    flags = {f"solve.{key}": value for key, value in ({"doubt": 0.1, "candidates": 5} | changes).items()}
    return order_rows(rows, "appearance", load(flags).solve, SilentProgress())


def right_joins(order: Sequence[int]) -> float:
    return float((np.abs(np.diff(order)) == 1).mean())


@pytest.mark.parametrize("thorough", [False, True], ids=["as usual", "thorough"])
def test_a_noisy_swaying_film_is_ordered(thorough: bool) -> None:
    mix = shuffled(36)
    assert right_joins(mix[ordered(rows_of(noisy_pan()[mix]), thorough=thorough).path.order]) > 0.95


@pytest.mark.parametrize("thorough", [False, True], ids=["as usual", "thorough"])
def test_a_file_in_order_stays_as_it_is_in_a_thorough_search_too(thorough: bool) -> None:
    assert ordered(rows_of(noisy_pan()), thorough=thorough).path.order == list(range(36))


def test_the_chosen_path_fits_its_prices_at_least_as_well_as_the_base_path() -> None:
    rows = rows_of(noisy_pan()[shuffled(36)])
    assert ordered(rows).band <= ordered(rows, price="huber").band


def test_a_thorough_search_measures_more_pairs_in_two_ways(tmp_path: Path) -> None:
    luma = noisy_pan()[shuffled(36)]
    counts = []
    for thorough in (False, True):
        memory = MotionCacheFile(tmp_path / f"{thorough}", luma, "a")
        ordered(rows_of(luma, memory), thorough=thorough)
        counts.append({view: len(pairs) for view, pairs in memory.load().items() if "/" not in view})
    usual, longer = counts
    assert usual.keys() == {"sharp"}
    assert longer["sharp"] == longer["soft"] > usual["sharp"]


def on_a_line(count: int, spreads: Sequence[float]) -> tuple[npt.NDArray[np.float32], Ints]:
    """Evidence of frames that lie on a line: distances, each kind blurred by noise of its own."""
    rng = np.random.default_rng(0)
    joins = np.array([(a, b) for a in range(count) for b in range(a + 1, min(count, a + 12))])
    steps = (joins[:, 1] - joins[:, 0]).astype(float)
    kinds = [steps * np.exp(rng.normal(0, spread, len(steps))) for spread in spreads]
    return np.stack(kinds, axis=1).astype(np.float32), joins


def sorts(values: npt.NDArray[np.float32], joins: Ints) -> float:
    """How often a join to the next frame is cheaper than one to a frame further off."""
    near = joins[:, 1] - joins[:, 0] == 1
    return float((values[near][:, None] < values[~near][None]).mean())


def test_learned_prices_trust_the_evidence_that_identifies_neighbours() -> None:
    evidence, joins = on_a_line(80, [0.2, 3.0, 3.0])
    learned, alike = learned_prices(evidence, joins, range(80)), np.exp(np.log(evidence).mean(axis=1))
    assert sorts(learned, joins) > 0.97 > sorts(alike, joins)


def test_learned_weights_are_the_best_of_those_that_are_not_negative() -> None:
    from scipy.optimize import minimize

    rng = np.random.default_rng(0)
    for columns in (2, 5, 9):
        contrasts = rng.normal(rng.normal(0.2, 0.6, columns), 1, (500, columns))
        contrasts /= contrasts.std(axis=0)
        shares = np.full(500, 1 / 500)
        start, bounds = np.full(columns, 0.1), [(0, None)] * columns
        best = minimize(_Fit(contrasts, shares).loss, start, bounds=bounds, method="L-BFGS-B", tol=1e-12)
        weights = _weights(contrasts, shares)
        assert (weights >= 0).all()
        assert weights == pytest.approx(best.x, abs=1e-3)


def test_weights_learned_on_a_partly_wrong_path_still_hold() -> None:
    evidence, joins = on_a_line(80, [0.2, 3.0, 3.0])
    faulty = [*range(20), *range(39, 19, -1), *range(60, 80), *range(40, 60)]
    faulty[5], faulty[30] = faulty[30], faulty[5]
    assert sorts(learned_prices(evidence, joins, faulty), joins) > 0.97


@pytest.mark.parametrize("path", [list(range(40)), shuffled(40).tolist()], ids=["right", "all wrong"])
def test_a_join_with_worse_evidence_of_every_kind_is_never_cheaper(path: list[int]) -> None:
    evidence, joins = on_a_line(40, [0.5, 2.0])
    prices = learned_prices(evidence, joins, path)
    order = np.lexsort(evidence.T[::-1])
    worse = (evidence[order][:, None] <= evidence[order][None]).all(axis=2)
    assert (prices[order][:, None] <= prices[order][None] * (1 + 1e-5))[worse].all()
    assert (prices > 0).all()


@pytest.mark.parametrize("count", [2, 3, 5])
def test_a_film_too_short_to_learn_from_still_has_prices(count: int) -> None:
    evidence, joins = on_a_line(count, [0.1, 0.1])
    assert np.isfinite(learned_prices(evidence, joins, range(count))).all()


MOTION: Motion = {
    "sharp": {(0, 1): (1.5, 0.25, 3.0, 0.125), (0, 7): (1.0, 2.0, 3.0, 4.0)},
    "soft": {(3, 4): (0.0, 0.0, 0.0, 0.0)},
}


def pictures_of(count: int = 10, level: int = 0) -> Luma:
    return np.full((count, 9, 16), level, np.uint8)


def test_measures_are_read_back_as_stored(tmp_path: Path) -> None:
    MotionCacheFile(tmp_path / "cache" / "a", pictures_of(), "way/1").save(MOTION)
    assert MotionCacheFile(tmp_path / "cache" / "a", pictures_of(), "way/1").load() == MOTION
    assert len(list((tmp_path / "cache").iterdir())) == 1


@pytest.mark.parametrize(
    ("luma", "measured"),
    [(pictures_of(level=1), "way/1"), (pictures_of(9), "way/1"), (pictures_of(), "way/2")],
    ids=["other pictures", "fewer pictures", "another way of measuring"],
)
def test_measures_of_other_pictures_are_not_reused(tmp_path: Path, luma: Luma, measured: str) -> None:
    MotionCacheFile(tmp_path / "a", pictures_of(), "way/1").save(MOTION)
    other = MotionCacheFile(tmp_path / "a", luma, measured)
    assert other.load() == {}
    other.save(MOTION)
    assert other.load() == MOTION


def test_a_damaged_file_reads_as_empty(tmp_path: Path) -> None:
    file = tmp_path / "a"
    memory = MotionCacheFile(file, pictures_of(), "way/1")
    memory.save(MOTION)
    full = file.read_bytes()
    damaged = [full[:length] for length in range(0, len(full), 7)]
    damaged += [full[:at] + bytes([full[at] ^ 1]) + full[at + 1 :] for at in range(0, len(full), 11)]
    for data in [*damaged, full + b"x"]:
        file.write_bytes(data)
        assert memory.load() == {}


def test_a_cache_that_cannot_be_written_is_ignored(tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("a file where the folder should be")
    memory = MotionCacheFile(tmp_path / "cache" / "a", pictures_of(), "way/1")
    memory.save(MOTION)
    assert memory.load() == {}


def test_measures_are_cached_by_frame_not_by_row() -> None:
    luma, known = noisy_pan(), {}
    full = FlowPrice(luma, SilentProgress(), known=known)
    full.measure([(4, 10), (10, 11)])
    part = FlowPrice(luma[[4, 10, 11]], SilentProgress(), files=np.array([4, 10, 11]), known=dict(known))
    part.measure([(0, 1), (1, 2)])
    assert np.array_equal(part.measures(), full.measures())
    assert part.joins().tolist() == [[0, 1], [1, 2]]


def test_a_film_is_measured_once_and_solved_the_same_from_the_cache(
    library: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    film = noisy_pan()[shuffled(36)]
    clip = write_clip(tmp_path / "film.mp4", [np.repeat(plane[..., None], 3, axis=2) for plane in film], crf=18)
    video, doubtful = pipeline.ingest(clip, settings()), settings(**{"solve.doubt": 0.1})
    first = pipeline.solve(video.id, doubtful)
    with opened(library) as shelf:
        kept = shelf.motion_file(video.id)
    assert kept.exists()
    with monkeypatch.context() as blind:
        blind.setattr(_FlowMeasure, "compare", lambda *_: pytest.fail("measured again"))
        again = pipeline.solve(video.id, doubtful)
    assert again.order == first.order
    assert again.path.band == first.path.band
    kept.write_bytes(b"damaged")
    assert pipeline.solve(video.id, doubtful).order == first.order
    manage.remove_video(video.id, settings())
    assert not kept.exists()


@pytest.mark.parametrize("thorough", [False, True], ids=["as usual", "thorough"])
def test_the_plan_records_a_thorough_search(stocked: Path, full: Path, thorough: bool) -> None:
    plan = pipeline.solve("clip", settings(**{"solve.thorough": thorough}))
    assert plan.path.thorough is thorough
    assert plan.settings["solve"]["thorough"] is thorough

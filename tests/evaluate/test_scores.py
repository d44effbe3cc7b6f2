"""Truth files, the scores of an order, and the scores of pictures."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from helpers import Scrambled, decoded, pictures, write_clip
from hypothesis import given
from hypothesis import strategies as st

from reelweave.errors import PlanError
from reelweave.evaluate.scores import Scores, compare_pictures, mean_of, psnr_of, score_order, ssim_of
from reelweave.evaluate.truth import FOREIGN, Noise, Truth, read_truth, write_truth
from reelweave.solve.plan.model import PathReport, Plan, PlanVideo

PLAIN = [10, 11, 12, 13, 14]


def truth_of(frames: Sequence[int] = PLAIN, ties: Sequence[int] = (), first: int = 10) -> Truth:
    return Truth(source="clip.mp4", fps=25, first=first, frames=list(frames), ties=list(ties))


def plan_of(order: Sequence[int], frames: int, size: tuple[int, int] = (96, 64)) -> Plan:
    video = PlanVideo(id="a", name="a", source="a", sha256="", fps=25, width=size[0], height=size[1], frames=frames)
    path = PathReport(cost=0, lower_bound=None, gap=None, solver="none", seconds=0)
    confidence = [1.0] * max(0, len(order) - 1)
    return Plan(video=video, order=list(order), dropped=[], shots=[], confidence=confidence, path=path)


WITH_FOREIGN = [10, FOREIGN, 11, 12, 13, 14]
TIED = [10, 11, 11, 11, 14]
TWICE = [10, 11, 12, 10, 14]

ORDERS = {
    "perfect": (PLAIN, (), [0, 1, 2, 3, 4], [], {"adjacency": 1, "tau": 1, "jumps": 0, "exact": True, "lost": 0}),
    "backwards": (PLAIN, (), [4, 3, 2, 1, 0], [], {"adjacency": 1, "tau": -1, "abs_tau": 1, "exact": True}),
    "shuffled file": ([12, 10, 11], (), [1, 2, 0], [], {"adjacency": 1, "tau": 1, "exact": True}),
    "one jump": (PLAIN, (), [2, 3, 4, 0, 1], [], {"adjacency": 0.75, "jumps": 1, "tau": -0.2, "exact": False}),
    "one lost within": (PLAIN, (), [0, 1, 3, 4], [2], {"adjacency": 0.5, "jumps": 1, "lost": 1, "lost_share": 0.2}),
    "one lost at an end": (PLAIN, (), [0, 1, 2, 3], [4], {"adjacency": 0.75, "jumps": 0, "tau": 1, "exact": False}),
    "true frame dropped": (PLAIN, (), [0, 1, 2, 3], [4], {"precision": 0, "recall": 1}),
    "foreign kept": (WITH_FOREIGN, (), range(6), [], {"adjacency": 0.75, "jumps": 2, "exact": False, "recall": 0}),
    "foreign kept at an end": (WITH_FOREIGN, (), [1, 0, 2, 3, 4, 5], [], {"adjacency": 1, "exact": False, "tau": 1}),
    "foreign dropped": (WITH_FOREIGN, (), [0, 2, 3, 4, 5], [1], {"exact": True, "precision": 1, "recall": 1}),
    "foreign and true dropped": (WITH_FOREIGN, (), [0, 2, 3, 4], [1, 5], {"precision": 0.5, "recall": 1, "lost": 1}),
    "ties swapped": (PLAIN, TIED, [0, 3, 1, 2, 4], [], {"adjacency": 1, "tau": 1, "jumps": 0, "exact": True}),
    "a tie left out": (PLAIN, TIED, [0, 1, 3, 4], [2], {"adjacency": 0.75, "jumps": 0, "exact": False, "lost": 1}),
    "a tie at the wrong place": (PLAIN, TIED, [0, 1, 2, 4, 3], [], {"adjacency": 1, "jumps": 0, "exact": False}),
    "repeats elsewhere swapped": (PLAIN, TWICE, [3, 1, 2, 0, 4], [], {"adjacency": 1, "tau": 1, "exact": True}),
    "repeats elsewhere backwards": (PLAIN, TWICE, [4, 0, 2, 1, 3], [], {"adjacency": 1, "tau": -1, "exact": True}),
    "everything the same": (PLAIN, [10] * 5, [3, 1, 0, 2, 4], [], {"adjacency": 1, "tau": 1, "exact": True}),
    "nothing kept": (PLAIN, (), [], [0, 1, 2, 3, 4], {"adjacency": 0, "tau": 1, "exact": False, "lost_share": 1}),
    "nothing at all": ([], (), [], [], {"adjacency": 1, "tau": 1, "exact": True, "lost_share": 0, "precision": 1}),
    "a single frame": ([10], (), [0], [], {"adjacency": 1, "tau": 1, "exact": True, "jumps": 0}),
    "foreign frames only": ([-1, -1], (), [], [0, 1], {"adjacency": 1, "precision": 1, "recall": 1, "exact": True}),
}


@pytest.mark.parametrize(("frames", "ties", "order", "dropped", "expected"), ORDERS.values(), ids=ORDERS)
def test_an_order_has_its_known_scores(
    frames: list[int], ties: list[int], order: Sequence[int], dropped: list[int], expected: dict[str, float]
) -> None:
    scores = score_order(list(order), dropped, truth_of(frames, ties))
    assert {name: getattr(scores, name) for name in expected} == pytest.approx(expected)


@st.composite
def judged(draw: st.DrawFn) -> tuple[list[int], list[int], Truth]:
    true = draw(st.integers(0, 12))
    places = [*range(true), *[FOREIGN] * draw(st.integers(0, 3))]
    frames = draw(st.permutations(places))
    ties = [draw(st.integers(0, frame)) for frame in range(true)] if draw(st.booleans()) else []
    ties = [ties[ties[frame]] for frame in range(len(ties))]
    order = draw(st.permutations(range(len(frames))))
    kept = draw(st.integers(0, len(order)))
    return order[:kept], order[kept:], truth_of(frames, ties, first=0)


@given(judged())
def test_an_order_and_its_reverse_agree_but_for_the_sign_of_tau(case: tuple[list[int], list[int], Truth]) -> None:
    order, dropped, truth = case
    there, back = (score_order(way, dropped, truth) for way in (order, order[::-1]))
    assert agreeable(there) == pytest.approx(agreeable(back))
    if not truth.ties and len([place for place in order if truth.frames[place] != FOREIGN]) > 1:
        assert there.tau == pytest.approx(-back.tau)


def agreeable(scores: Scores) -> dict[str, Any]:
    return {name: getattr(scores, name) or 0.0 for name in Scores.__dataclass_fields__ if name != "tau"}


@given(judged())
def test_scores_stay_within_their_bounds(case: tuple[list[int], list[int], Truth]) -> None:
    scores = score_order(*case)
    shares = [scores.adjacency, scores.abs_tau, scores.lost_share, scores.precision, scores.recall]
    assert all(0 <= share <= 1 for share in shares)
    assert 0 <= scores.jumps <= max(0, len(case[0]) - 1)
    if scores.exact:
        assert (scores.adjacency, scores.abs_tau, scores.jumps, scores.lost) == pytest.approx((1, 1, 0, 0))


@pytest.mark.parametrize(("order", "dropped"), [([0, 9], []), ([0], [9]), ([-1], [])], ids=["order", "dropped", "-1"])
def test_a_plan_of_another_video_is_refused(order: list[int], dropped: list[int]) -> None:
    with pytest.raises(PlanError):
        score_order(order, dropped, truth_of())


def test_a_truth_file_survives_a_round_trip(tmp_path: Path) -> None:
    truth = Truth(
        source="a clip é.mp4",
        source_sha256="ab" * 32,
        seed=7,
        fps=29.97,
        first=3,
        frames=[4, FOREIGN, 3],
        ties=[3, 3],
        noise=Noise(salt_pepper=0.1, gaussian=4),
        damage={"freeze": [1, 2]},
        crf=23,
    )
    assert read_truth(write_truth(truth, tmp_path / "truth.json")) == truth
    assert [file.name for file in tmp_path.iterdir()] == ["truth.json"]


GOOD = {"format": "reelweave.truth/1", "source": "a.mp4", "fps": 25, "first": 10, "frames": [11, 10, -1]}
BAD = {
    "no json": "not a truth",
    "a list": "[1, 2]",
    "another format": json.dumps(GOOD | {"format": "reelweave.plan/1"}),
    "no frames": json.dumps({key: value for key, value in GOOD.items() if key != "frames"}),
    "a frame twice": json.dumps(GOOD | {"frames": [10, 10]}),
    "a frame before the first": json.dumps(GOOD | {"frames": [9, 10]}),
    "ties too short": json.dumps(GOOD | {"ties": [10]}),
    "no rate": json.dumps(GOOD | {"fps": 0}),
}


@pytest.mark.parametrize("text", BAD.values(), ids=BAD)
def test_an_invalid_truth_file_is_refused_in_one_line(tmp_path: Path, text: str) -> None:
    path = tmp_path / "truth.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(PlanError) as refused:
        read_truth(path)
    assert str(path) in refused.value.cause
    assert "\n" not in refused.value.cause


def test_a_minimal_truth_file_is_accepted(tmp_path: Path) -> None:
    path = tmp_path / "truth.json"
    path.write_text(json.dumps(GOOD), encoding="utf-8")
    assert read_truth(path).foreign == [2]


@pytest.mark.parametrize("name", ["missing.json", "."], ids=["missing", "a folder"])
def test_a_truth_path_that_is_not_a_file_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(PlanError):
        read_truth(tmp_path / name)


def test_an_unwritable_truth_leaves_nothing_behind(tmp_path: Path) -> None:
    with pytest.raises(PlanError):
        write_truth(truth_of(), tmp_path / "nowhere" / "truth.json")


def picture_scores(plan: Plan, truth: Truth, rendered: Path, source: Path) -> tuple[float | None, float | None]:
    return mean_of(list(compare_pictures(plan, truth, rendered, source).values()))


def test_equal_pictures_score_highest_and_noise_costs_a_known_amount() -> None:
    clean = cv2.cvtColor(pictures(1, (160, 96))[0], cv2.COLOR_BGR2GRAY).clip(30, 225)
    off_by_ten = (clean + 10).astype(np.uint8)
    assert (psnr_of(clean, clean), ssim_of(clean, clean)) == pytest.approx((100, 1))
    assert psnr_of(clean, off_by_ten) == pytest.approx(10 * np.log10(255**2 / 100))
    noisy = np.clip(clean + np.random.default_rng(0).normal(0, 20, clean.shape), 0, 255).astype(np.uint8)
    assert ssim_of(clean, noisy) < 0.8 < ssim_of(clean, off_by_ten)


@pytest.mark.parametrize("size", [(160, 96), (41, 33), (11, 11)], ids=str)
def test_ssim_is_that_of_scikit_image(size: tuple[int, int]) -> None:
    from skimage.metrics import structural_similarity

    rng = np.random.default_rng(0)
    clean = rng.integers(0, 256, size[::-1]).astype(np.uint8)
    noisy = np.clip(clean + rng.normal(0, 20, clean.shape), 0, 255).astype(np.uint8)
    usual: dict[str, Any] = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False, "data_range": 255}
    assert ssim_of(clean, noisy) == pytest.approx(structural_similarity(clean, noisy, **usual), abs=1e-6)


def test_picture_scores_do_not_depend_on_the_order(tmp_path: Path) -> None:
    frames = pictures(12)
    source = write_clip(tmp_path / "source.mp4", frames)
    file_order = [int(i) for i in np.random.default_rng(0).permutation(12)]
    truth = truth_of(file_order, first=0)
    order = [3, 1, 0, 2, 7, 4, 11, 9, 10]
    rendered = write_clip(tmp_path / "rendered.mp4", [frames[file_order[place]] for place in order])
    assert picture_scores(plan_of(order, 12), truth, rendered, source) == pytest.approx((100, 1))


def test_a_picture_in_the_place_of_another_costs(tmp_path: Path) -> None:
    frames = pictures(6)
    source = write_clip(tmp_path / "source.mp4", frames)
    rendered = write_clip(tmp_path / "rendered.mp4", frames[::-1])
    psnr, ssim = picture_scores(plan_of(range(6), 6), truth_of(range(6), first=0), rendered, source)
    assert psnr is not None
    assert ssim is not None
    assert psnr < 30
    assert ssim < 0.95


def test_foreign_frames_that_the_plan_plays_are_left_out_of_the_picture_scores(scrambled: Scrambled) -> None:
    order = range(len(scrambled.truth.frames))
    psnr, ssim = picture_scores(
        plan_of(order, len(order)), scrambled.truth, scrambled.video, Path(scrambled.truth.source)
    )
    assert psnr is not None
    assert ssim is not None
    assert 30 < psnr < 60
    assert 0.9 < ssim < 1


def test_a_plan_without_true_frames_has_no_picture_scores(scrambled: Scrambled) -> None:
    plan = plan_of(scrambled.truth.foreign, len(scrambled.truth.frames))
    assert picture_scores(plan, scrambled.truth, scrambled.video, Path(scrambled.truth.source)) == (None, None)


@pytest.mark.parametrize("played", [5, 7], ids=["too few", "too many"])
def test_a_film_of_another_plan_is_refused(tmp_path: Path, played: int) -> None:
    frames = pictures(8)
    source = write_clip(tmp_path / "source.mp4", frames)
    rendered = write_clip(tmp_path / "rendered.mp4", frames[:6])
    with pytest.raises(PlanError):
        picture_scores(plan_of(range(played), 8), truth_of(range(8), first=0), rendered, source)


def test_a_film_made_even_is_compared_without_its_padding(tmp_path: Path) -> None:
    frames = [np.ascontiguousarray(picture[:63, :95]) for picture in pictures(4)]
    folder = tmp_path / "pictures"
    folder.mkdir()
    for number, picture in enumerate(frames):
        cv2.imwrite(str(folder / f"{number}.png"), picture)
    rendered = write_clip(tmp_path / "rendered.mp4", frames)
    assert decoded(rendered)[0].shape == (64, 96, 3)
    psnr, _ = picture_scores(plan_of(range(4), 4), truth_of(range(4), first=0), rendered, folder)
    assert psnr is not None
    assert psnr > 40

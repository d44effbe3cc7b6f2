"""Damage falls on the frames that the truth names, on no others, and as requested."""

import json
from pathlib import Path

import numpy as np
import pytest
from helpers import pictures, raw_frames, write_clip
from runs import Run

from reelweave.errors import UsageError
from reelweave.evaluate.artefacts import differs
from reelweave.evaluate.damage import KINDS, Damage, plan_stretches
from reelweave.evaluate.scores import score_order
from reelweave.evaluate.scramble import ScrambleOptions, scramble
from reelweave.evaluate.truth import Truth

SIZE = (192, 108)
FRAMES = 72


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_clip(tmp_path_factory.mktemp("clip") / "clip.mp4", pictures(FRAMES, SIZE))


def luma(path: Path) -> list[np.ndarray]:
    return [np.frombuffer(raw[: SIZE[0] * SIZE[1]], np.uint8).reshape(SIZE[::-1]) for raw in raw_frames(path)]


def broken_clip(clip: Path, folder: Path, kind: str, shuffle: bool = False, seed: int = 1) -> tuple[Path, Truth]:
    options = ScrambleOptions(crf=0, seed=seed, shuffle=shuffle, damage=Damage((kind,), 0.3))
    return folder / "broken.mp4", scramble(clip, folder / "broken.mp4", options)


@pytest.mark.parametrize("shuffle", [False, True], ids=["in order", "shuffled"])
@pytest.mark.parametrize("kind", KINDS)
def test_the_truth_names_the_frames_that_differ_from_the_clip(
    clip: Path, tmp_path: Path, kind: str, shuffle: bool
) -> None:
    video, truth = broken_clip(clip, tmp_path, kind, shuffle)
    clean, shown = luma(clip), luma(video)
    assert list(truth.damage) == [kind]
    assert 3 <= len(truth.broken) <= FRAMES * 0.6
    for place, frame in enumerate(truth.frames):
        if place in truth.broken and kind != "grey":
            assert differs(shown[place], clean[frame])
        elif place not in truth.broken:
            assert np.array_equal(shown[place], clean[frame])


@pytest.mark.parametrize(("width", "side", "seen"), [(320, 16, True), (1920, 16, False), (1920, 60, True)])
def test_a_dot_in_a_large_picture_is_not_a_visible_difference(width: int, side: int, seen: bool) -> None:
    clean = np.full((width * 9 // 16, width), 100, np.uint8)
    broken = clean.copy()
    broken[96 : 96 + side, 96 : 96 + side] = 140
    assert differs(broken, clean) == seen


def test_the_same_seed_gives_the_same_damage(clip: Path, tmp_path: Path) -> None:
    made = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        video, truth = broken_clip(clip, tmp_path / name, "flips")
        made.append((list(raw_frames(video)), truth.damage))
    assert made[0] == made[1]


def test_damaged_stretches_leave_clean_frames_between_and_around_them() -> None:
    runs = plan_stretches(600, Damage(KINDS, 0.3), seed=5)
    hit = np.zeros(600, bool)
    for run in runs:
        assert not hit[max(0, run.start - 6) : run.start + run.length + 6].any()
        hit[run.start : run.start + run.length] = True
    assert {run.kind for run in runs} == set(KINDS)
    assert 0.25 < hit.mean() < 0.4
    assert not hit[:6].any()
    assert not hit[-6:].any()


@pytest.mark.parametrize("frames", [0, 1, 12, 14])
def test_a_clip_too_short_for_damage_gets_as_much_as_fits(frames: int) -> None:
    runs = plan_stretches(frames, Damage(KINDS, 0.5), seed=0)
    assert all(run.start >= 6 and run.start + run.length <= frames - 6 for run in runs)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("tears", Damage(("tears",))),
        ("tears,grey:0.2", Damage(("tears", "grey"), 0.2)),
        ("all:.05", Damage(KINDS, 0.05)),
    ],
)
def test_damage_is_parsed_from_kinds_and_share(text: str, expected: Damage) -> None:
    assert Damage.parse(text) == expected


@pytest.mark.parametrize("text", ["rain", "tears:x", "tears:0", "tears:.9", ":.1", "tears,rain:.1", "tears:nan"])
def test_invalid_damage_is_refused(text: str) -> None:
    with pytest.raises(UsageError):
        Damage.parse(text)


def test_a_dropped_damaged_frame_counts_neither_as_lost_nor_as_foreign() -> None:
    truth = Truth(source="clip.mp4", fps=25, frames=[0, 1, 2, 3, -1, 4], damage={"smear": [2, 3]})
    scores = score_order([0, 1, 3, 5], [2, 4], truth, broken=[2])
    assert (scores.lost, scores.precision, scores.recall) == (0, 1.0, 1.0)
    assert (scores.broken_precision, scores.broken_recall) == (1.0, 0.5)
    assert scores.exact
    kept = score_order([0, 1, 2, 3, 5], [4], truth)
    assert (kept.exact, kept.broken_precision, kept.broken_recall) == (True, 1.0, 0.0)
    wrong = score_order([0, 2, 3, 5], [1, 4], truth, broken=[1])
    assert (wrong.lost, wrong.precision, wrong.broken_precision, wrong.broken_recall) == (1, 1.0, 0.0, 0.0)


def test_without_damage_there_are_no_scores_of_broken_frames() -> None:
    scores = score_order([0, 1], [], Truth(source="clip.mp4", fps=25, frames=[0, 1]))
    assert scores.broken_precision is scores.broken_recall is None


def test_the_command_writes_the_damage_into_the_truth(run: Run, clip: Path, tmp_path: Path) -> None:
    truth = tmp_path / "truth.json"
    done = run(
        "scramble", str(clip), "-o", str(tmp_path / "out.mp4"), "--truth", str(truth), "--damage", "grey,tears:0.3"
    )
    assert done.code == 0
    assert set(json.loads(truth.read_text(encoding="utf-8"))["damage"]) == {"grey", "tears"}

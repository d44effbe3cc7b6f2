"""Damage falls on the frames that the truth names, on no others, and as requested."""

import json
from pathlib import Path

import numpy as np
import pytest
from helpers import pictures, raw_frames, write_clip
from runs import Run

from reelweave.errors import PlanError, UsageError
from reelweave.evaluate.artefacts import differs
from reelweave.evaluate.bitstream import SegmentLoss, without_segments
from reelweave.evaluate.damage import BASIC, GROUPS, KINDS, Damage, plan_stretches
from reelweave.evaluate.masks import read_masks
from reelweave.evaluate.scores import score_order
from reelweave.evaluate.scramble import ScrambleOptions, scramble
from reelweave.evaluate.truth import Truth, read_truth

SIZE = (192, 108)
FRAMES = 72


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_clip(tmp_path_factory.mktemp("clip") / "clip.mp4", pictures(FRAMES, SIZE))


def luma(path: Path) -> list[np.ndarray]:
    return [np.frombuffer(raw[: SIZE[0] * SIZE[1]], np.uint8).reshape(SIZE[::-1]) for raw in raw_frames(path)]


def broken_clip(
    clip: Path, folder: Path, kind: str, shuffle: bool = False, seed: int = 1, severity: int = 2
) -> tuple[Path, Truth]:
    options = ScrambleOptions(crf=0, seed=seed, shuffle=shuffle, damage=Damage((kind,), 0.3, {kind: severity}))
    return folder / "broken.mp4", scramble(clip, folder / "broken.mp4", options, masks=folder / "truth.masks.npz")


@pytest.mark.parametrize("kind", KINDS)
def test_the_truth_names_the_frames_and_pixels_that_differ_from_the_clip(clip: Path, tmp_path: Path, kind: str) -> None:
    video, truth = broken_clip(clip, tmp_path, kind, shuffle=KINDS.index(kind) % 2 == 1)
    clean, shown = luma(clip), luma(video)
    assert list(truth.damage) == [kind]
    assert 3 <= len(truth.broken) <= FRAMES * 0.6
    for place, frame in enumerate(truth.frames):
        if place in truth.broken and kind not in ("grey", "chroma"):
            assert differs(shown[place], clean[frame])
        elif place not in truth.broken:
            assert np.array_equal(shown[place], clean[frame])
    masks = dict(read_masks(tmp_path / "truth.masks.npz"))
    assert sorted(masks) == truth.broken
    for place, mask in masks.items():
        difference = np.abs(shown[place].astype(int) - clean[truth.frames[place]])
        assert mask.shape == SIZE[::-1]
        assert mask.any()
        # Between the two an encoder may have changed a little.
        assert difference[~mask].sum() <= 8 * (~mask).sum()
        assert kind == "chroma" or difference[mask].mean() >= 4


@pytest.mark.parametrize("kind", KINDS)
def test_heavier_damage_hits_more_pixels(clip: Path, tmp_path: Path, kind: str) -> None:
    hit = []
    for severity in (1, 3):
        broken_clip(clip, tmp_path, kind, severity=severity)
        hit.append(sum(int(mask.sum()) for _, mask in read_masks(tmp_path / "truth.masks.npz")))
    assert hit[0] < hit[1]


@pytest.mark.parametrize("kind", BASIC)
def test_a_medium_severity_is_the_usual_damage(clip: Path, tmp_path: Path, kind: str) -> None:
    _, named = broken_clip(clip, tmp_path, kind, severity=2)
    usual = scramble(
        clip, tmp_path / "usual.mp4", ScrambleOptions(crf=0, seed=1, shuffle=False, damage=Damage((kind,), 0.3))
    )
    assert named.damage == usual.damage
    assert list(raw_frames(tmp_path / "usual.mp4")) == list(raw_frames(tmp_path / "broken.mp4"))


def test_lost_segments_have_the_size_place_and_number_asked_for() -> None:
    unit = bytes([0, 0, 1, 0x41]) + bytes(range(1, 201)) * 10
    stream = (bytes([0, 0, 1, 0x65]) + unit[4:] + unit * 15) * 2
    for probability, lost in ((1 / 16, 2), (4 / 16, 8)):
        loss = SegmentLoss(probability, 0.4, 500)
        left = without_segments(stream, "h264", loss, np.random.default_rng(0))
        assert len(stream) - len(left) == lost * 500
        assert left.count(bytes([0, 0, 1])) == 32
    first = next(place for place, (one, other) in enumerate(zip(stream, left, strict=False)) if one != other)
    assert first % len(unit) - 4 == pytest.approx(0.4 * (2000 - 500), abs=20)


def test_a_group_of_small_frames_loses_what_its_largest_frame_has() -> None:
    small = bytes([0, 0, 1, 0x65]) + bytes(range(1, 61))
    left = without_segments(small, "h264", SegmentLoss(1 / 16, 0.4, 4096), np.random.default_rng(0))
    assert left.startswith(small[:10])
    assert len(left) < 20


@pytest.mark.parametrize(("width", "side", "seen"), [(320, 16, True), (1920, 16, False), (1920, 60, True)])
def test_a_dot_in_a_large_picture_is_not_a_visible_difference(width: int, side: int, seen: bool) -> None:
    clean = np.full((width * 9 // 16, width), 100, np.uint8)
    broken = clean.copy()
    broken[96 : 96 + side, 96 : 96 + side] = 140
    assert differs(broken, clean) == seen


@pytest.mark.parametrize("kind", ["flips", "fpv", "macroblocks", "loss-h264", "loss-h265"])
def test_the_same_seed_gives_the_same_damage(clip: Path, tmp_path: Path, kind: str) -> None:
    made = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        video, truth = broken_clip(clip, tmp_path / name, kind)
        masks = (tmp_path / name / "truth.masks.npz").read_bytes()
        made.append((list(raw_frames(video)), truth.damage, masks))
    assert made[0] == made[1]


def test_damaged_stretches_leave_clean_frames_between_and_around_them() -> None:
    runs = plan_stretches(1200, Damage(KINDS, 0.3), seed=5)
    hit = np.zeros(1200, bool)
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
        ("fpv=3,tears=2,grey:.2", Damage(("fpv", "tears", "grey"), 0.2, {"fpv": 3})),
        ("dvr=1", Damage(GROUPS["dvr"], 0.1, dict.fromkeys(GROUPS["dvr"], 1))),
    ],
)
def test_damage_is_parsed_from_kinds_and_share(text: str, expected: Damage) -> None:
    assert Damage.parse(text) == expected


def test_the_parameters_of_a_loss_are_parsed() -> None:
    assert Damage.parse("loss-h264", "1/16,0.4,4096").loss == SegmentLoss(1 / 16, 0.4, 4096)


@pytest.mark.parametrize("text", ["1/16", "0,0.4,100", "1/0,0.4,100", "1/16,1.4,100", "1/16,0.4,0", "2,0.4,9", "a,b,c"])
def test_an_invalid_loss_is_refused(text: str) -> None:
    with pytest.raises(UsageError):
        Damage.parse("loss-h264", text)


@pytest.mark.parametrize(
    "text",
    ["rain", "tears:x", "tears:0", "tears:.9", ":.1", "tears,rain:.1", "tears:nan", "tears=4", "tears=", "all,tears=3"],
)
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


def test_the_command_writes_masks_beside_the_truth(run: Run, clip: Path, tmp_path: Path) -> None:
    truth, output = tmp_path / "truth.json", tmp_path / "out.mp4"
    asked = "scramble", str(clip), "-o", str(output), "--truth", str(truth), "--damage", "grey=3,macroblocks=1:0.3"
    assert run(*asked).code == 0
    made = read_truth(truth)
    assert made.severity == {"grey": 3, "macroblocks": 1}
    assert [place for place, _ in read_masks(tmp_path / made.masks)] == made.broken
    assert run(*asked).code == 0


def test_without_damage_there_is_no_file_of_masks(run: Run, clip: Path, tmp_path: Path) -> None:
    truth = tmp_path / "truth.json"
    assert run("scramble", str(clip), "-o", str(tmp_path / "out.mp4"), "--truth", str(truth)).code == 0
    assert read_truth(truth).masks == ""
    assert not list(tmp_path.glob("*.npz"))


@pytest.mark.parametrize("damaged", ["text", "short", "gone"])
def test_a_bad_file_of_masks_is_refused(clip: Path, tmp_path: Path, damaged: str) -> None:
    broken_clip(clip, tmp_path, "grey")
    file = tmp_path / "truth.masks.npz"
    if damaged == "gone":
        file.unlink()
    else:
        file.write_bytes(b"no masks" if damaged == "text" else file.read_bytes()[:-40])
    with pytest.raises(PlanError):
        list(read_masks(file))

"""The broken part of a frame is found and replaced; what is intact stays to the bit."""

import subprocess
from pathlib import Path

import numpy as np
import pytest
from helpers import pictures, raw_frames, write_clip
from runs import Run

from reelweave.evaluate.damage import Damage, DamagedStretch, DamageRecord, damage_frames
from reelweave.evaluate.masks import unpacked
from reelweave.evaluate.scores import psnr_of
from reelweave.media import ffmpeg
from reelweave.render.frame_layout import FrameLayout
from reelweave.render.interpolate import GapEnds, interpolator
from reelweave.render.planes import planes_of
from reelweave.render.region import Parts
from reelweave.repair.masks import BrokenFinder, broken_finder
from reelweave.repair.verdict import CLEAN, Verdict

SIZE = (320, 180)
BROKEN = (9, 10)
LAYOUT = FrameLayout("yuv420p", "yuv420p", *SIZE, "null", "")


@pytest.fixture(scope="module")
def clean(tmp_path_factory: pytest.TempPathFactory) -> list[bytes]:
    return raw_frames(write_clip(tmp_path_factory.mktemp("clean") / "clip.mp4", pictures(96, SIZE, 3)[:24]))


def damaged(clean: list[bytes], kind: str, severity: int = 1) -> tuple[list[bytes], dict[int, np.ndarray]]:
    record, damage = DamageRecord(), Damage((kind,), severity={kind: severity})
    stretch = DamagedStretch(kind, BROKEN[0], len(BROKEN))
    shown = list(damage_frames(iter(clean), [stretch], damage, LAYOUT, 3, record))
    return shown, {frame: unpacked(mask, *SIZE) for frame, mask in record.masks.items()}


def luma(raw: bytes) -> np.ndarray:
    return np.frombuffer(raw, np.uint8)[: SIZE[0] * SIZE[1]].reshape(SIZE[::-1])


@pytest.mark.parametrize("kind", ["green", "noise", "macroblocks", "tears"])
def test_the_broken_part_is_found(clean: list[bytes], kind: str) -> None:
    shown, masks = damaged(clean, kind)
    sides = GapEnds(*(planes_of(shown[frame], LAYOUT) for frame in (BROKEN[0] - 1, BROKEN[-1] + 1)))
    make, find = interpolator("auto").across(sides), BrokenFinder()
    for number, frame in enumerate(BROKEN, 1):
        at = number / (len(BROKEN) + 1)
        found = find.broken_pixels(planes_of(shown[frame], LAYOUT), sides, at, make(at).planes)
        assert (found & masks[frame]).sum() >= 0.5 * (found | masks[frame]).sum()


def test_where_nothing_or_most_is_broken_all_is_replaced(clean: list[bytes]) -> None:
    shown, _ = damaged(clean, "fpv", severity=3)
    sides = GapEnds(*(planes_of(clean[frame], LAYOUT) for frame in (8, 10)))
    made = interpolator("auto").across(sides)(0.5).planes
    assert BrokenFinder()(planes_of(shown[9], LAYOUT), sides, 0.5, made) is None
    assert BrokenFinder()(made, sides, 0.5, made) is None
    assert broken_finder("off") is None


def write(path: Path, raws: list[bytes]) -> Path:
    """A lossless film of raw frames."""
    raw = ["-f", "rawvideo", "-pix_fmt", "yuv420p", "-s", f"{SIZE[0]}x{SIZE[1]}", "-r", "25", "-i", "-"]
    command = [ffmpeg.executable(), "-y", "-loglevel", "error", *raw, "-c:v", "libx264", "-qp", "0", str(path)]
    subprocess.run(command, input=b"".join(raws), check=True)
    return path


@pytest.mark.parametrize("region", ["auto", "on"])
def test_intact_pixels_stay_and_the_repair_is_better_than_whole_frames(
    run: Run, clean: list[bytes], tmp_path: Path, region: str
) -> None:
    shown, masks = damaged(clean, "green")
    video, part, whole = (tmp_path / name for name in ("video.mkv", "part.mkv", "whole.mkv"))
    write(video, shown)
    asked = ("repair", video, "--frames", "9,10", "--lossless", "--json")
    rows = run(*asked, "-o", part, "--region", region).data["frames"]
    assert {row["region"] for row in run(*asked, "-o", whole, "--region", "off").data["frames"]} == {1.0}
    repaired, replaced = raw_frames(part), raw_frames(whole)
    for frame, row in zip(BROKEN, rows, strict=True):
        assert masks[frame].mean() < row["region"] < 0.9
        changed = luma(repaired[frame]) != luma(shown[frame])
        assert changed.mean() <= row["region"]
        assert psnr_of(luma(repaired[frame]), luma(clean[frame])) > psnr_of(luma(replaced[frame]), luma(clean[frame]))
    assert [n for n in range(len(clean)) if repaired[n] != shown[n]] == [*BROKEN]


def test_a_gap_at_the_end_of_a_film_is_held_as_before(run: Run, clean: list[bytes], tmp_path: Path) -> None:
    video = write(tmp_path / "video.mkv", clean)
    done = run("repair", video, "-o", tmp_path / "out.mkv", "--frames", "23", "--lossless", "--json").data
    assert done["frames"][0]["why"] == "end"
    assert raw_frames(tmp_path / "out.mkv")[23] == clean[22]


def test_an_unknown_region_is_refused(run: Run, clean: list[bytes], tmp_path: Path) -> None:
    video = write(tmp_path / "video.mkv", clean)
    assert run("repair", video, "-o", tmp_path / "out.mkv", "--region", "some").code == 2


def parts_of(shown: list[bytes], sides: GapEnds) -> Parts:
    made = interpolator("auto").across(sides)(0.5).planes
    return BrokenFinder().worth_replacing(planes_of(shown[9], LAYOUT), sides, 0.5, made)


def around(shown: list[bytes]) -> GapEnds:
    return GapEnds(*(planes_of(shown[frame], LAYOUT) for frame in (8, 11)))


@pytest.mark.parametrize("kind", ["green", "noise", "grey"])
def test_what_is_clearly_broken_is_worth_replacing(clean: list[bytes], kind: str) -> None:
    shown, masks = damaged(clean, kind)
    parts = parts_of(shown, around(shown))
    assert (parts.luma & masks[9]).sum() > 0.7 * masks[9].sum()


def test_intact_pixels_of_a_part_take_less_of_the_replacement_than_broken_ones(clean: list[bytes]) -> None:
    shown, masks = damaged(clean, "green")
    parts = parts_of(shown, around(shown))
    assert parts.shares is not None
    broken, intact = (parts.shares[parts.luma & there].mean() for there in (masks[9], ~masks[9]))
    assert broken > 0.95
    assert intact < 0.75


def test_an_intact_frame_is_not_worth_replacing(clean: list[bytes]) -> None:
    assert parts_of(clean, around(clean)).share == 0


def test_a_fault_of_chroma_leaves_luma_as_it_is(clean: list[bytes]) -> None:
    shown, masks = damaged(clean, "chroma", 3)
    parts = parts_of(shown, around(shown))
    assert parts.luma.mean() < 0.05
    assert (parts.chroma & masks[9]).sum() > 0.7 * masks[9].sum()


def test_a_frame_that_was_detected_by_mistake_stays_to_the_bit(
    run: Run, clean: list[bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Frames that a user names are replaced all the same."""
    mistaken = lambda _, evidence: [  # noqa: E731
        Verdict(frame, "torn" if frame == 9 else CLEAN, 0.9 * (frame == 9), "torn") for frame in range(len(evidence))
    ]
    monkeypatch.setattr("reelweave.repair.detector.RuleDetector.judge", mistaken)
    video, output = write(tmp_path / "video.mkv", clean), tmp_path / "out.mkv"
    rows = run("repair", video, "-o", output, "--lossless", "--json").data["frames"]
    assert [(row["frame"], row["method"], row["why"], row["region"]) for row in rows] == [(9, "left", "worse", 0.0)]
    assert raw_frames(output) == raw_frames(video)
    rows = run("repair", video, "-o", output, "--lossless", "--json", "--frames", "9").data["frames"]
    assert [(row["frame"], row["method"], row["why"]) for row in rows] == [(9, "auto", "")]
    assert raw_frames(output)[9] != raw_frames(video)[9]

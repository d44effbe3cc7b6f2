"""The protocol of BSCV runs on a miniature of the set, in its layout."""

import json
import shutil
import sys
from pathlib import Path
from statistics import mean

import bscv as bench
import cv2
import numpy as np
import pytest
from helpers import pictures

from reelweave.errors import SourceError, UsageError
from reelweave.evaluate.artefacts import noise

FRAMES, SIZE = 24, (192, 108)
BROKEN = (7, 11, 16)


@pytest.fixture(scope="module")
def branch(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two videos in which three frames have bands of noise."""
    root = tmp_path_factory.mktemp("set") / "test_144096"
    for seed, name in enumerate(("bear", "camel")):
        clean = pictures(FRAMES, SIZE, seed)
        fault = noise([clean[0].copy()], np.random.default_rng(seed))
        for number, picture in enumerate(clean):
            shown = picture.copy()
            if number in BROKEN:
                fault([shown])
            mask = np.abs(shown.astype(int) - picture).max(axis=2) > 20
            write(root / bench.TRUE / name / f"{number:05}.jpg", picture)
            write(root / bench.DAMAGED / name / f"{number:05}.jpg", shown)
            write(root / bench.MASKS / name / f"{number:05}.png", mask.astype(np.uint8) * 255)
    return root


def write(file: Path, picture: np.ndarray) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(cv2.imencode(file.suffix, picture)[1].tobytes())


def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *arguments: object) -> str:
    monkeypatch.setattr(sys, "argv", ["bscv.py", *map(str, arguments)])
    bench.main()
    return capsys.readouterr().out


def test_broken_frames_are_repaired_with_masks_and_without(
    branch: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    told = run(monkeypatch, capsys, branch, "--json", tmp_path / "lines.jsonl")
    lines = [json.loads(line) for line in (tmp_path / "lines.jsonl").read_text("utf-8").splitlines()]
    assert [(line["video"], line["frame"]) for line in lines] == [(v, f) for v in ("bear", "camel") for f in BROKEN]
    for line in lines:
        assert line["psnr"]["with masks"] > line["psnr"]["input"] + 6
    blind, given = (mean(line["psnr"][name] for line in lines) for name in ("blind", "input"))
    assert blind > given + 3
    assert "18.44" in told
    assert "27.28" in told


def test_a_branch_without_true_frames_borrows_those_beside_it(
    branch: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    other = branch.with_name("test_142048")
    for name in (bench.DAMAGED, bench.MASKS):
        shutil.copytree(branch / name, other / name, dirs_exist_ok=True)
    assert bench.truth_of(other) == branch / bench.TRUE
    assert "3 broken frames of 1 videos" in run(monkeypatch, capsys, other, "--videos", "bear")


def test_a_folder_in_another_layout_is_refused(branch: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError):
        bench.videos_in(tmp_path)
    lacking = tmp_path / "test_144096"
    shutil.copytree(branch, lacking)
    next((lacking / bench.MASKS / "bear").iterdir()).unlink()
    with pytest.raises(SourceError):
        bench.videos_in(lacking)

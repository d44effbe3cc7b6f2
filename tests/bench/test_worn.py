"""Worn copies of clips: as many frames as asked for, the same each time, and worn as much as asked for."""

from pathlib import Path

import numpy as np
import pytest
from helpers import pictures, write_clip
from worn import Wear, main

from reelweave.media.source import open_source
from reelweave.media.types import Picture


def wear(worn: float, shake: float) -> Wear:
    return Wear(worn, shake, np.random.default_rng(0))


def changed(worn: float, shake: float, frames: list[Picture]) -> float:
    wearing = wear(worn, shake)
    return float(np.mean([np.abs(wearing.of(frame).astype(int) - frame).mean() for frame in frames]))


def test_more_wear_and_more_shake_change_a_picture_more() -> None:
    frames = pictures(20)
    assert changed(0, 0, frames) == 0
    assert 0 < changed(0.5, 0, frames) < changed(2, 0, frames)
    assert 0 < changed(0, 4, frames) < changed(0, 16, frames)


def test_a_copy_has_every_second_frame_and_is_the_same_each_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_clip(tmp_path / "film.mp4", pictures(20))
    for copies in ("one", "other"):
        monkeypatch.setattr(
            "sys.argv", ["worn", str(tmp_path), str(tmp_path / copies), "--clips", "film", "--worn", "1"]
        )
        main()
    one, other = (
        [frame.picture for frame in open_source(tmp_path / name / "film.mkv").frames()] for name in ("one", "other")
    )
    assert len(one) == 10
    assert all(np.array_equal(a, b) for a, b in zip(one, other, strict=True))


def test_an_unknown_clip_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.argv", ["worn", str(tmp_path), str(tmp_path / "copies"), "--clips", "nowhere"])
    with pytest.raises(SystemExit, match="nowhere"):
        main()

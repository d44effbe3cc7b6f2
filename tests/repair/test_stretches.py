"""Stretches are described by the numbers that the trees weigh, and the trees tell damage from what films show."""

from pathlib import Path
from types import SimpleNamespace
from typing import cast

import cv2
import numpy as np
import pytest
from helpers import write_clip

from reelweave.media.source import open_source
from reelweave.media.types import Picture
from reelweave.repair import support
from reelweave.repair.boosted import KEPT, BoostedTrees, boosted
from reelweave.repair.detector import judge
from reelweave.repair.evidence import FrameEvidence, measure_evidence
from reelweave.repair.measures import measure_frame
from reelweave.repair.rules import all_signs
from reelweave.repair.stretches import WEIGHED, Stretch
from reelweave.repair.support import DescribedFilm, is_frozen
from reelweave.repair.verdict import CLEAN
from reelweave.settings import load

Film = list[Picture]


def pan(seed: int, count: int) -> Film:
    """A camera that passes a landscape of its own."""
    coarse = np.random.default_rng(seed).integers(20, 235, (10, 60, 3)).astype(np.uint8)
    ground = np.asarray(cv2.resize(coarse, (960, 108), interpolation=cv2.INTER_CUBIC), np.uint8)
    return [ground[:, 2 * at : 2 * at + 192].copy() for at in range(count)]


def short_shots() -> Film:
    lengths = (9, 14, 6, 20, 11, 8, 17, 7, 12, 16)
    return [picture for seed, count in enumerate(lengths) for picture in pan(seed, count)]


def evidence_of(film: Film, folder: Path) -> FrameEvidence:
    return measure_evidence(open_source(write_clip(folder / "film.mp4", film), steady=True))


def called(evidence: FrameEvidence) -> set[int]:
    return {one.frame for one in judge(evidence, load().breakup) if one.kind != CLEAN}


def test_the_trees_weigh_the_very_numbers_that_describe_a_stretch(tmp_path: Path) -> None:
    film = pan(1, 60)
    film[20][30:70] = np.roll(film[20][30:70], 60, 1)
    film[40:50] = [film[40]] * 10
    evidence = evidence_of(film, tmp_path)
    described = DescribedFilm(evidence, all_signs(evidence, load().breakup), 4)
    for model, stretches in (("damage", described.stretches), ("freeze", described.stills)):
        assert stretches
        assert all(tuple(numbers) == boosted(model).numbers for _, numbers in stretches)


def test_the_odds_are_those_of_the_leaves_that_a_stretch_reaches() -> None:
    tree = {"feature": [0, -1, -1], "threshold": [1.0, 0.0, 0.0], "left": [1, 0, 0], "right": [2, 0, 0]}
    trees = BoostedTrees(("cover",), start=0.0, least=(0.5, 0.8, 0.9, 0.75), roots=[0], value=[0.0, -1.0, 2.0], **tree)
    found = trees.odds([{"cover": 0.5}, {"cover": 1.5}])
    np.testing.assert_allclose(found, np.exp([-1.0, 2.0]))
    assert trees.odds([{"cover": 1.5, "kept": 0.0}])[0] == pytest.approx(np.exp(2.0) / 4)
    for doubtful in ({"is edges": 1.0}, {"usual change": 0.0}):
        assert trees.odds([{"cover": 1.5, "kept": 0.0, **doubtful}])[0] == pytest.approx(np.exp(2.0) / 9)
    assert trees.odds([{"cover": 1.5, "kept": 0.0, "is torn": 1.0}])[0] == pytest.approx(np.exp(2.0) / 3)
    where_nothing_moves = {"cover": 1.5, "kept": 0.0, "usual change": 0.0, "is grain": 1.0}
    assert trees.odds([where_nothing_moves])[0] == pytest.approx(np.exp(2.0) / 4)
    assert len(trees.odds([])) == 0


def test_lost_pictures_are_found_where_the_film_cuts_next_to_them(tmp_path: Path) -> None:
    film = [*pan(3, 39), *pan(2, 7), *pan(5, 44)]
    film[40:45] = [np.full_like(film[0], 128)] * 5
    assert {*range(40, 45)} <= called(evidence_of(film, tmp_path)) <= {*range(39, 46)}


@pytest.mark.parametrize(("count", "kept", "found"), [(20, 0.0, 20), (40, 0.0, 0), (40, 1.0, 40)])
def test_doubtful_patterns_of_all_kinds_that_come_again_and_again_are_those_of_the_film(
    count: int, kept: float, found: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    signs = {name: np.ones(count, np.float32) for name in WEIGHED}
    stretches = [(Stretch(WEIGHED[at % len(WEIGHED)], at, at + 1), {KEPT: kept}) for at in range(count)]
    film = SimpleNamespace(signs=signs, times=np.arange(count) / 25, stretches=stretches)
    monkeypatch.setattr(support, "_odds_of_stretches", lambda film: np.full(len(film.stretches), 2.0))
    weighed = support._weighed(cast(DescribedFilm, film), np.zeros(count, bool))
    assert np.count_nonzero(np.max([*weighed.values()], axis=0) >= 1) == found


def test_a_freeze_in_a_moving_film_is_found_and_its_end_is_not_overrun(tmp_path: Path) -> None:
    film = pan(1, 90)
    film[30:50] = [film[30]] * 20
    assert called(evidence_of(film, tmp_path)) >= set(range(32, 49))
    assert not called(evidence_of(film, tmp_path)) & {*range(28), *range(52, 90)}


def test_a_stretch_that_is_frozen_but_for_a_few_frames_is_one_of_damage() -> None:
    frozen = np.arange(40) >= 12
    assert is_frozen(frozen, Stretch("stripes", 10, 30))
    assert not is_frozen(frozen, Stretch("stripes", 5, 30))


def test_torn_frames_beside_cuts_are_found_and_the_cuts_are_not(tmp_path: Path) -> None:
    film, torn = short_shots(), (12, 52, 78)
    for at in torn:
        film[at] = film[at].copy()
        film[at][30:70] = np.roll(film[at][30:70], 60, 1)
    found = called(evidence_of(film, tmp_path))
    assert found <= set(torn)
    assert len(found) >= 2


def test_a_few_wrong_macroblocks_sharpen_the_sharpest_borders() -> None:
    clean = np.asarray(cv2.cvtColor(pan(1, 1)[0], cv2.COLOR_BGR2GRAY), np.uint8)
    broken = clean.copy()
    for top, left in ((16, 32), (48, 96), (64, 144)):
        broken[top : top + 16, left : left + 16] = 255 - broken[top : top + 16, left : left + 16]
    edges = [measure_frame(0, 0.0, picture, 1).edges for picture in (clean, broken)]
    assert edges[1] > 3 * edges[0] + 3
    # So large a factor leaves no macroblock wide enough to have a border.
    assert measure_frame(0, 0.0, broken, 8).edges == 0

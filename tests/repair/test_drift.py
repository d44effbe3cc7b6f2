"""Damage that begins unseen and grows is found from where it ends at once."""

from pathlib import Path

import cv2
import numpy as np
from helpers import write_clip

from reelweave.media.source import open_source
from reelweave.media.types import Picture
from reelweave.repair.evidence import FrameEvidence, measure_evidence

Film = list[Picture]
START, END = 40, 60


def pan(count: int) -> Film:
    coarse = np.random.default_rng(1).integers(20, 235, (10, 60, 3)).astype(np.uint8)
    ground = np.asarray(cv2.resize(coarse, (960, 108), interpolation=cv2.INTER_CUBIC), np.uint8)
    return [ground[:, 2 * at : 2 * at + 192].copy() for at in range(count)]


def drifting(film: Film) -> Film:
    """Let a part of the picture go wrong little by little, and be right again at once."""
    rng = np.random.default_rng(4)
    wrong = rng.normal(0, 1, (3, 4, 3)).repeat(16, 0).repeat(16, 1)
    for at in range(START, END):
        part = film[at][40:88, 60:124]
        part[:] = np.clip(part + 4 * (at - START + 1) * wrong, 0, 255)
    return film


def evidence_of(film: Film, folder: Path) -> FrameEvidence:
    return measure_evidence(open_source(write_clip(folder / "film.mp4", film), steady=True))


def test_damage_that_grows_is_followed_back_from_its_end_to_where_it_begins(tmp_path: Path) -> None:
    evidence = evidence_of(drifting(pan(90)), tmp_path)
    middle = (START + END) // 2
    assert evidence.of("drift")[middle] > 5
    assert evidence.of("drift_start")[middle] + evidence.of("drift_length")[middle] == END
    assert abs(evidence.of("drift_start")[middle] - START) <= 3
    assert evidence.of("drift_jump").argmax() == END


def test_a_film_that_moves_steadily_has_no_such_end(tmp_path: Path) -> None:
    assert not evidence_of(pan(90), tmp_path).of("drift").any()

"""Only the masked part of a picture is replaced, and no seam shows."""

import numpy as np
import pytest

from reelweave.render.region import Parts, packed_grid, patched, seam_width, unpacked_grid
from reelweave.render.report.repair_page import marked


def planes(value: float, chroma: tuple[int, int]) -> tuple[np.ndarray, ...]:
    rng = np.random.default_rng(round(value))
    shapes = ((96, 160), chroma, chroma)
    return tuple(np.rint(rng.uniform(value, value + 50, shape)).astype(np.float32) for shape in shapes)


@pytest.mark.parametrize("chroma", [(48, 80), (96, 80), (96, 160)], ids=["420", "422", "444"])
def test_pixels_outside_the_mask_stay_to_the_bit(chroma: tuple[int, int]) -> None:
    broken, made = planes(20, chroma), planes(150, chroma)
    mask = np.zeros((96, 160), bool)
    mask[31:70, 41:99] = True
    for one, before, other in zip(patched(broken, made, mask), broken, made, strict=True):
        down, across = 96 // one.shape[0], 160 // one.shape[1]
        covered = mask.reshape(one.shape[0], down, one.shape[1], across).all(axis=(1, 3))
        assert np.array_equal(one[~covered], before[~covered])
        middle = 50 // down, 70 // across
        assert one[middle] == other[middle]


def test_the_replacement_fades_in_from_the_border_of_the_mask() -> None:
    broken, made = (tuple(np.full(shape, value, np.float32) for shape in ((96, 160),) * 3) for value in (0, 90))
    mask = np.zeros((96, 160), bool)
    mask[:, 60:] = True
    row = patched(broken, made, mask)[0][48]
    steps = np.diff(row)
    assert steps.min() >= 0
    assert steps.max() <= 90 / seam_width(broken[0]) + 1
    assert (row[59], row[70]) == (0, 90)


def test_a_mask_of_everything_replaces_everything() -> None:
    broken, made = planes(20, (48, 80)), planes(150, (48, 80))
    for one, other in zip(patched(broken, made, np.ones((96, 160), bool)), made, strict=True):
        assert np.array_equal(one, other)


def test_luma_and_chroma_have_parts_of_their_own() -> None:
    broken, made = planes(20, (48, 80)), planes(150, (48, 80))
    everything, nothing = np.ones((96, 160), bool), np.zeros((96, 160), bool)
    luma, blue, red = patched(broken, made, Parts(nothing, everything))
    assert np.array_equal(luma, broken[0])
    assert np.array_equal(blue, made[1])
    assert np.array_equal(red, made[2])


def test_pixels_take_their_share_of_the_replacement() -> None:
    broken, made = (tuple(np.full(shape, value, np.float32) for shape in ((96, 160),) * 3) for value in (0, 90))
    mask = np.zeros((96, 160), bool)
    mask[:, 60:] = True
    shares = np.full((96, 160), 0.5, np.float32)
    shares[:, :100] = 0
    for plane in patched(broken, made, Parts(mask, mask, shares)):
        assert (plane[:, :100] == 0).all()
        assert (plane[:, 110:] == 45).all()


def test_a_part_can_be_shown_on_a_picture_of_another_size() -> None:
    mask = np.zeros((96, 160), bool)
    mask[48:, :80] = True
    picture = np.zeros((90, 160, 3), np.uint8)
    shown = marked(picture, unpacked_grid(packed_grid(mask))).any(axis=2)
    assert shown[60:, :70].all()
    assert not shown[:40].any()
    assert not shown[:, 90:].any()

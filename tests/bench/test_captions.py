"""Captions of drawn pictures are true of what was drawn, and of nothing else."""

import numpy as np
import pytest
from captions import SceneCodes, coded, every_word, is_true, mixed_set, plain_caption, plain_set, random_caption

from reelweave.evaluate.drawn.film import draw_land
from reelweave.evaluate.drawn.painting import COLOURS, DrawnShape
from reelweave.evaluate.drawn.recall import cards
from reelweave.evaluate.drawn.scenes import SHAPES, Style, draw_scene, random_scene

SIZE = (160, 90)


@pytest.fixture(scope="module")
def style() -> Style:
    return Style(lands=[draw_land(SIZE, seed) for seed in range(3)])


def drawn(*things: DrawnShape, ground: str = "plain") -> SceneCodes:
    return coded(draw_scene(things, ground, SIZE, np.random.default_rng(0)))


def true_of(scene: SceneCodes, colour: str, shape: str, lenient: bool = False) -> bool:
    return is_true(plain_caption(colour, shape), scene, lenient)


def test_captions_hold_for_what_was_drawn_and_for_nothing_else() -> None:
    scene = drawn(
        DrawnShape("red", "circle", radius=0.2, at=(0.25, 0.5)), DrawnShape("blue", "star", radius=0.2, at=(0.75, 0.5))
    )
    true_pairs = {(colour, shape) for colour in COLOURS for shape in SHAPES if true_of(scene, colour, shape)}
    assert true_pairs == {("red", "circle"), ("blue", "star")}


def test_a_hidden_thing_is_not_named() -> None:
    hidden = DrawnShape("red", "circle", radius=0.1)
    scene = drawn(hidden, DrawnShape("blue", "square", radius=0.3))
    assert not true_of(scene, "red", "circle")
    assert true_of(scene, "blue", "square")


def test_a_half_hidden_thing_holds_only_leniently() -> None:
    scene = drawn(
        DrawnShape("red", "circle", radius=0.2, at=(0.3, 0.5)), DrawnShape("blue", "square", radius=0.3, at=(0.4, 0.5))
    )
    assert not true_of(scene, "red", "circle")
    assert true_of(scene, "red", "circle", lenient=True)


def test_every_caption_holds_for_its_picture_in_known_words(style: Style) -> None:
    rng, words = np.random.default_rng(1), {word for saying in every_word() for word in saying.split()}
    for _ in range(200):
        scene = coded(random_scene(rng, SIZE, style))
        caption = random_caption(scene, rng)
        if caption:
            assert is_true(caption, scene), caption.text
            assert set(caption.text.split()) <= words | {"and", "a", "an"}


def test_sets_have_one_distinct_caption_per_picture(style: Style) -> None:
    for captioned in (plain_set(50, 0, style), mixed_set(50, 0, style), cards()):
        assert len(set(captioned.texts)) == len(captioned.texts) == len(captioned.pictures)

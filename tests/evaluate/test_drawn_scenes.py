"""The known content of drawn pictures matches their pixels and captions."""

import numpy as np
import pytest

from reelweave.evaluate.drawn.captions import every_word, plain_caption, random_caption
from reelweave.evaluate.drawn.film import RED, draw_land, film_frames, film_shown
from reelweave.evaluate.drawn.painting import COLOURS, DrawnShape
from reelweave.evaluate.drawn.recall import cards, mixed_set, plain_set, rank_frames, recall
from reelweave.evaluate.drawn.scenes import SHAPES, TEXTURES, Scene, Style, captions_hold, draw_scene, random_scene

SIZE = (160, 90)


@pytest.fixture(scope="module")
def style() -> Style:
    return Style(lands=[draw_land(SIZE, seed) for seed in range(3)])


def drawn(*things: DrawnShape, ground: str = "plain") -> Scene:
    return draw_scene(things, ground, SIZE, np.random.default_rng(0))


def true_of(scene: Scene, colour: str, shape: str) -> bool:
    return bool(captions_hold(plain_caption(colour, shape).codes[None], scene.codes[None], scene.sure[None])[0, 0])


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("colour", COLOURS)
def test_a_thing_is_drawn_in_its_colour_at_its_place(colour: str, shape: str) -> None:
    # A ring is hollow, so that its band is looked at.
    at = (0.5, 0.5) if shape != "ring" else (0.5 - 0.25 * 0.8 * SIZE[1] / SIZE[0], 0.5)
    picture = drawn(DrawnShape(colour, shape, radius=0.25)).picture
    pixel = picture[int(at[1] * SIZE[1]), int(at[0] * SIZE[0])].astype(float)
    others = {name: np.linalg.norm(pixel - other) for name, other in COLOURS.items()}
    assert others[colour] < 75
    assert others[colour] <= 1.6 * min(others.values()) or others[colour] < 40


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
    red = plain_caption("red", "circle").codes[None]
    assert not captions_hold(red, scene.codes[None], scene.sure[None])[0, 0]
    assert captions_hold(red, scene.codes[None], scene.sure[None], lenient=True)[0, 0]


@pytest.mark.parametrize("texture", TEXTURES[1:])
def test_a_texture_is_visible(texture: str) -> None:
    def spread(name: str) -> float:
        picture = drawn(DrawnShape("red", "square", name, radius=0.4)).picture
        return float(picture[30:60, 65:95].std((0, 1)).max())

    assert spread(texture) > 2 * spread("plain")


def test_every_caption_holds_for_its_picture_in_known_words(style: Style) -> None:
    rng, words = np.random.default_rng(1), {word for saying in every_word() for word in saying.split()}
    for _ in range(200):
        scene = random_scene(rng, SIZE, style)
        caption = random_caption(scene, rng)
        if caption:
            assert captions_hold(caption.codes[None], scene.codes[None], scene.sure[None])[0, 0], caption.text
            assert set(caption.text.split()) <= words | {"and", "a", "an"}


def test_sets_have_one_distinct_caption_per_picture(style: Style) -> None:
    for captioned in (plain_set(50, 0, style), mixed_set(50, 0, style), cards()):
        assert len(set(captioned.texts)) == len(captioned.texts) == len(captioned.pictures)


def test_recall_counts_the_texts_nearest_to_their_own_picture() -> None:
    assert recall(np.eye(4, dtype=np.float32), np.eye(4, dtype=np.float32)) == 1
    assert recall(np.eye(4, dtype=np.float32), np.roll(np.eye(4, dtype=np.float32), 1, 0)) == 0


@pytest.mark.parametrize(
    ("scores", "seen", "right", "above"),
    [
        pytest.param([0.9, 0.8, 0.2, 0.1], [1, 1, 0, 0], 2, 1.0, id="all right"),
        pytest.param([0.1, 0.2, 0.8, 0.9], [1, 1, 0, 0], 2, 0.0, id="all wrong"),
        pytest.param([0.5, 0.5], [1, 0], 1, 0.0, id="a draw is lost"),
        pytest.param([0.9, 0.5, 0.1], [0.3, 1, 0], 1, 1.0, id="half seen counts neither way"),
    ],
)
def test_a_ranking_counts_right_hits_and_pairs(
    scores: list[float], seen: list[float], right: int, above: float
) -> None:
    found = rank_frames(scores, seen)
    assert (found.right, found.above) == (right, above)


def test_a_ranking_reports_the_precision_of_chance() -> None:
    found = rank_frames([0.0] * 100, [1.0] * 30 + [0.0] * 70)
    assert (found.chance, found.showing) == (0.3, 30)
    assert found.right == 0


def test_the_known_content_of_the_film_matches_its_pixels() -> None:
    """No other thing in the film is as red as the red circle."""
    size, count = (192, 108), 40
    shown = [frame["red circle"] for frame in film_shown(count, size)]
    pixels = [int((np.abs(picture.astype(int) - RED).max(2) < 30).sum()) for picture in film_frames(count, size)]
    assert {share > 0.5 for share in shown} == {True, False}
    for share, red in zip(shown, pixels, strict=True):
        assert (red > 150) if share > 0.5 else (red < 400)
        if share == 0:
            assert red == 0

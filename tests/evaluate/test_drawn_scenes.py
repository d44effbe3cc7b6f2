"""The known content of drawn pictures matches their pixels."""

import numpy as np
import pytest

from reelweave.evaluate.drawn.film import RED, film_frames, film_shown
from reelweave.evaluate.drawn.painting import COLOURS, DrawnShape
from reelweave.evaluate.drawn.recall import rank_frames, recall
from reelweave.evaluate.drawn.scenes import SHAPES, TEXTURES, Scene, draw_scene

SIZE = (160, 90)


def drawn(*things: DrawnShape, ground: str = "plain") -> Scene:
    return draw_scene(things, ground, SIZE, np.random.default_rng(0))


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


@pytest.mark.parametrize("texture", TEXTURES[1:])
def test_a_texture_is_visible(texture: str) -> None:
    def spread(name: str) -> float:
        picture = drawn(DrawnShape("red", "square", name, radius=0.4)).picture
        return float(picture[30:60, 65:95].std((0, 1)).max())

    assert spread(texture) > 2 * spread("plain")


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

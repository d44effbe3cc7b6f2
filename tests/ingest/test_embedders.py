"""Every embedder keeps the same promises, whatever makes its vectors."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TypeAlias

import numpy as np
import pytest
from helpers import pictures
from tiny_clip import clip_settings, make_tiny_clip
from tiny_timm import make_tiny_timm, space_name

from reelweave.errors import UsageError
from reelweave.ingest.models.appearance import AppearanceEmbedder
from reelweave.ingest.models.clip import ClipEmbedder
from reelweave.ingest.models.embedder import Embedder
from reelweave.ingest.models.registry import open_embedder
from reelweave.ingest.models.timm import TimmEmbedder
from reelweave.media.types import Picture

Maker: TypeAlias = Callable[[], Embedder]

FILM = pictures(12)
NOISE = np.random.default_rng(0)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tiny_clip(tmp_path_factory.mktemp("tiny"))


@pytest.fixture(scope="module")
def backbone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tiny_timm(tmp_path_factory.mktemp("backbone"))


@pytest.fixture(params=["appearance", "clip", "timm"])
def make(request: pytest.FixtureRequest, model: Path, backbone: Path) -> Maker:
    """Make a new embedder of each kind."""
    makers: dict[str, Maker] = {
        "appearance": AppearanceEmbedder,
        "clip": lambda: ClipEmbedder(clip_settings(model)),
        "timm": lambda: TimmEmbedder(space_name(backbone), clip_settings(model)),
    }
    return makers[request.param]


@pytest.fixture
def embedder(make: Maker) -> Embedder:
    return make()


def noise(width: int, height: int) -> Picture:
    return np.asarray(NOISE.integers(0, 256, (height, width, 3)), np.uint8)


def test_every_picture_gets_a_vector_of_length_one(embedder: Embedder) -> None:
    vectors = embedder.embed(FILM)
    assert vectors.shape == (len(FILM), embedder.space.dimension)
    assert vectors.dtype == np.float32
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(1, abs=1e-5)


def test_no_pictures_make_no_vectors(embedder: Embedder) -> None:
    vectors = embedder.embed([])
    assert vectors.shape == (0, embedder.space.dimension)
    assert vectors.dtype == np.float32


def test_the_same_picture_gives_the_same_vector(make: Maker) -> None:
    first, second, third = make(), make(), make()
    once = first.embed(FILM)
    assert np.array_equal(once, first.embed([picture.copy() for picture in FILM]))
    assert np.array_equal(once, second.embed(FILM))
    assert third.space == first.space


@pytest.mark.parametrize("split", [1, 2, 3, 5, 11], ids=lambda split: f"batches of {split}")
def test_a_vector_does_not_depend_on_the_rest_of_the_batch(embedder: Embedder, split: int) -> None:
    parts = [embedder.embed(FILM[at : at + split]) for at in range(0, len(FILM), split)]
    assert np.concatenate(parts) == pytest.approx(embedder.embed(FILM), abs=1e-5)


def test_vectors_come_in_the_order_of_the_pictures(embedder: Embedder) -> None:
    assert embedder.embed(FILM[::-1]) == pytest.approx(embedder.embed(FILM)[::-1], abs=1e-5)


def test_different_pictures_get_different_vectors(embedder: Embedder) -> None:
    vectors = embedder.embed(FILM)
    apart = np.linalg.norm(vectors[:, None] - vectors, axis=2)
    assert apart[~np.eye(len(FILM), dtype=bool)].min() > 1e-3


def test_swapping_red_and_blue_changes_the_vector(embedder: Embedder) -> None:
    """No other test would notice it."""
    right, wrong = embedder.embed([FILM[0], FILM[0][..., ::-1]])
    assert np.linalg.norm(right - wrong) > 1e-2


@pytest.mark.parametrize(
    "picture",
    [
        pytest.param(noise(1, 1), id="1 x 1"),
        pytest.param(noise(1, 40), id="one column"),
        pytest.param(noise(40, 1), id="one row"),
        pytest.param(noise(33, 31), id="odd"),
        pytest.param(noise(641, 97), id="wide"),
        pytest.param(noise(97, 641), id="high"),
        pytest.param(np.zeros((36, 64, 3), np.uint8), id="black"),
        pytest.param(np.full((36, 64, 3), 255, np.uint8), id="white"),
        pytest.param(np.full((1, 1, 3), 7, np.uint8), id="1 x 1 and flat"),
    ],
)
def test_pictures_of_any_size_and_content_get_finite_vectors(embedder: Embedder, picture: Picture) -> None:
    vectors = embedder.embed([picture, FILM[0], picture])
    assert np.isfinite(vectors).all()
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(1, abs=1e-5)
    assert vectors[0] == pytest.approx(vectors[2], abs=1e-5)


def test_pictures_of_one_batch_may_differ_in_size(embedder: Embedder) -> None:
    mixed = [noise(40, 30), FILM[0], noise(30, 40)]
    alone = np.concatenate([embedder.embed([picture]) for picture in mixed])
    assert embedder.embed(mixed) == pytest.approx(alone, abs=1e-5)


def test_a_picture_may_be_a_view_of_a_larger_array(embedder: Embedder) -> None:
    part = FILM[0][3:-5:2, ::-1]
    assert np.array_equal(embedder.embed([part]), embedder.embed([np.ascontiguousarray(part)]))


def test_embedding_does_not_modify_the_pictures(embedder: Embedder) -> None:
    kept = [picture.copy() for picture in FILM]
    embedder.embed(FILM)
    assert all(np.array_equal(picture, copy) for picture, copy in zip(FILM, kept, strict=True))


def test_the_space_states_everything_its_vectors_depend_on(embedder: Embedder) -> None:
    space = embedder.space
    assert all([space.name, space.model, space.weights, space.preprocessing])
    assert space.dimension > 0
    assert embedder.space == replace(space)


@pytest.mark.parametrize("name", ["appearance", "clip"])
def test_a_space_is_opened_by_its_name(name: str, model: Path) -> None:
    assert open_embedder(name, clip_settings(model)).space.name == name


def test_an_unknown_space_is_refused(model: Path) -> None:
    with pytest.raises(UsageError) as refused:
        open_embedder("colour", clip_settings(model))
    assert refused.value.remedy


def test_appearance_ignores_brightness() -> None:
    """Otherwise flicker would decide the order."""
    dim = [np.asarray(picture * 0.5 + 40, np.uint8) for picture in FILM[:2]]
    other, frame, darker = AppearanceEmbedder().embed([FILM[6], FILM[0], np.asarray(dim[0] - 20, np.uint8)])
    assert frame @ darker > 0.9 > frame @ other


def test_appearance_puts_successive_frames_closest_together() -> None:
    vectors = AppearanceEmbedder().embed(pictures(24))
    apart = np.linalg.norm(vectors[:, None] - vectors, axis=2)
    assert np.diag(apart, 1).max() < np.diag(apart, 6).min()

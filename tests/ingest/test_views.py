"""CLIP sees the whole frame, its centre or tiles of it; the view belongs to the identity of the vectors."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from helpers import pictures, write_clip
from runs import settings
from tiny_clip import PREPROCESSING, clip_settings, make_tiny_clip

from reelweave import pipeline
from reelweave.engine.local import LocalEngine
from reelweave.errors import SpaceError
from reelweave.index.library import open_library
from reelweave.index.manage import export_video
from reelweave.ingest.discover import discover_sources
from reelweave.ingest.distributed import ingest_distributed
from reelweave.ingest.ingester import import_video
from reelweave.ingest.models.embedder import TextEmbedder, TwoStageEmbedder
from reelweave.ingest.models.registry import open_embedder
from reelweave.ingest.models.speed import fastest_embedder
from reelweave.ingest.models.views import TILES, differs_in_view_only, tile_count, tiles, view_of
from reelweave.media.types import Floats, Picture, Space, VideoRecord
from reelweave.progress import NotingProgress, SilentProgress
from reelweave.search.finder import SearchResult
from reelweave.search.question import Question
from reelweave.search.search import search_library
from reelweave.settings import Settings

VIEWS = ("whole", "crop", "tiles")
SIZES = {"wide": (160, 90), "very wide": (210, 90), "upright": (90, 160)}
CROPPED = "fill_color=0 interpolation=bicubic mean=[0.5, 0.4, 0.4] mode=RGB resize_mode=shortest size=(32, 32)"
"""How version 0.1.0 named the preprocessing of the tiny model for centre crops."""


@pytest.fixture(scope="module")
def cropping(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model that was trained on centre crops."""
    return make_tiny_clip(
        tmp_path_factory.mktemp("cropping"), preprocessing=PREPROCESSING | {"resize_mode": "shortest"}
    )


@pytest.fixture(scope="module")
def squashing(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tiny_clip(tmp_path_factory.mktemp("squashing"))


def space_of(model: Path, view: str) -> Space:
    return open_embedder("clip", clip_settings(model, view=view)).space


def embedded(model: Path, view: str, *shown: Picture) -> Floats:
    return open_embedder("clip", clip_settings(model, view=view)).embed(shown)


def using(model: Path, view: str = "auto", **flags: object) -> Settings:
    flags |= {"clip__model": f"local-dir:{model}", "clip__device": "cpu", "clip__view": view, "ingest__space": "clip"}
    return settings(**flags)


def stored(video: VideoRecord, chosen: Settings) -> tuple[Space, Floats]:
    with open_library(chosen) as library:
        rows = library.rows(video, "clip")
        library.store.close()
        return library.catalog.spaces(video.id)["clip"].space, rows.vectors


def asked(chosen: Settings, progress: NotingProgress | None = None, **question: object) -> SearchResult:
    return search_library(Question(**question), chosen, progress or SilentProgress())  # type: ignore[arg-type]


# What is seen


@pytest.mark.parametrize("size", SIZES.values(), ids=SIZES)
@pytest.mark.parametrize(("view", "sees"), [("whole", True), ("tiles", True), ("crop", False)])
def test_all_views_but_the_crop_see_the_ends_of_the_longer_side(
    cropping: Path, view: str, sees: bool, size: tuple[int, int]
) -> None:
    plain = pictures(1, size)[0]
    for end in (slice(0, 12), slice(-12, None)):
        marked = plain.copy()
        marked[(slice(None), end) if size[0] > size[1] else end] = (0, 0, 255)
        one, other = embedded(cropping, view, plain, marked)
        assert np.allclose(one, other, atol=1e-6) is not sees


def test_the_centre_matters_in_every_view(cropping: Path) -> None:
    plain = pictures(1, (160, 90))[0]
    marked = plain.copy()
    marked[30:60, 65:95] = (0, 0, 255)
    for view in VIEWS:
        one, other = embedded(cropping, view, plain, marked)
        assert not np.allclose(one, other, atol=1e-4)


def test_tiles_are_squares_at_both_ends_and_in_the_middle() -> None:
    for width, height in SIZES.values():
        drawn = np.arange(height * width * 3, dtype=np.int64).reshape(height, width, 3).astype(np.uint8)
        cut = tiles(drawn)
        side = min(width, height)
        assert [tile.shape for tile in cut] == [(side, side, 3)] * TILES
        assert np.array_equal(cut[0], drawn[:side, :side])
        assert np.array_equal(cut[-1], drawn[-side:, -side:])
        middle = (width - side) // 2, (height - side) // 2
        assert np.array_equal(cut[1], drawn[middle[1] : middle[1] + side, middle[0] : middle[0] + side])


def test_the_vector_of_tiles_holds_those_of_the_tiles(cropping: Path) -> None:
    shown = pictures(3, (160, 90))
    joined = embedded(cropping, "tiles", *shown)
    alone = embedded(cropping, "crop", *(tile for picture in shown for tile in tiles(picture)))
    assert np.linalg.norm(joined, axis=1) == pytest.approx(np.ones(3), abs=1e-5)
    assert joined.reshape(9, -1) * TILES**0.5 == pytest.approx(alone, abs=1e-5)


@pytest.mark.parametrize("speed", ["exact", "half"])
def test_tiles_are_embedded_as_fast_as_whole_frames(cropping: Path, tmp_path: Path, speed: str) -> None:
    """With the same backends, and close to exact."""
    chosen = clip_settings(cropping, speed=speed, view="tiles")
    fast = fastest_embedder(open_embedder("clip", chosen), chosen, tmp_path, lambda note: None)
    shown = pictures(5, (160, 90))
    assert isinstance(fast, TwoStageEmbedder)
    done = fast.finish([fast.prepare(picture) for picture in shown])
    assert done.way == speed
    assert fast.space == space_of(cropping, "tiles")
    assert (done.vectors * embedded(cropping, "tiles", *shown)).sum(axis=1).min() > 0.999


# Identity


def test_the_crop_keeps_the_identity_that_stored_vectors_have(cropping: Path) -> None:
    space = space_of(cropping, "crop")
    assert space.preprocessing == f"{CROPPED} std=[0.3, 0.3, 0.3]"
    assert (view_of(space), tile_count(space)) == ("crop", 1)


def test_a_model_trained_on_whole_pictures_keeps_its_identity(squashing: Path) -> None:
    assert space_of(squashing, "whole").preprocessing == f"{CROPPED} std=[0.3, 0.3, 0.3]".replace("shortest", "squash")


@pytest.mark.parametrize("mode", ["squash", "longest"])
def test_whole_is_what_the_model_was_trained_on(tmp_path: Path, mode: str) -> None:
    model = make_tiny_clip(tmp_path / "model", preprocessing=PREPROCESSING | {"resize_mode": mode})
    assert f"resize_mode={mode}" in space_of(model, "whole").preprocessing


def test_every_view_is_a_space_of_its_own(cropping: Path) -> None:
    spaces = [space_of(cropping, view) for view in VIEWS]
    assert len(set(spaces)) == len(VIEWS)
    assert [view_of(space) for space in spaces] == list(VIEWS)
    assert all(differs_in_view_only(spaces[0], other) for other in spaces[1:])


def test_other_weights_or_preprocessing_are_more_than_another_view(cropping: Path, tmp_path: Path) -> None:
    space = space_of(cropping, "crop")
    squashed = PREPROCESSING | {"mean": [0.1, 0.1, 0.1]}
    for name, changes in {"weights": {"seed": 1}, "mean": {"preprocessing": squashed}}.items():
        other = space_of(make_tiny_clip(tmp_path / name, **changes), "whole")
        assert not differs_in_view_only(space, other)


def test_texts_have_one_vector_for_all_tiles(cropping: Path) -> None:
    plain, tiled = (open_embedder("clip", clip_settings(cropping, view=view)) for view in ("crop", "tiles"))
    assert isinstance(plain, TextEmbedder)
    assert isinstance(tiled, TextEmbedder)
    (one,), (three,) = plain.embed_texts(["a ball"]), tiled.embed_texts(["a ball"])
    assert three.reshape(TILES, -1) * TILES**0.5 == pytest.approx(np.tile(one, (TILES, 1)), abs=1e-6)


# Libraries


def new_library(model: Path, film: Path, view: str) -> tuple[VideoRecord, Settings]:
    chosen = using(model, view)
    return pipeline.ingest(film, chosen), chosen


@pytest.fixture
def film(tmp_path: Path) -> Path:
    return write_clip(tmp_path / "film.mp4", pictures(8, (160, 90)))


def test_a_new_library_sees_whole_frames(cropping: Path, film: Path) -> None:
    video, chosen = new_library(cropping, film, "auto")
    assert view_of(stored(video, chosen)[0]) == "whole"


@pytest.mark.parametrize("view", VIEWS)
def test_a_library_keeps_its_view(cropping: Path, film: Path, tmp_path: Path, view: str) -> None:
    video, _ = new_library(cropping, film, view)
    space, vectors = stored(video, using(cropping))
    other = pipeline.ingest(write_clip(tmp_path / "other.mp4", pictures(5, (160, 90), seed=1)), using(cropping))
    assert stored(other, using(cropping))[0] == space
    pipeline.ingest(film, using(cropping))
    assert np.array_equal(stored(video, using(cropping))[1], vectors)
    assert asked(using(cropping), text="a ball", repeats=True, count=100).space == "clip"
    assert len(asked(using(cropping), text="a ball", repeats=True, count=100).hits) == 13


def test_a_library_of_centre_crops_is_told_how_to_renew_them(cropping: Path, film: Path, tmp_path: Path) -> None:
    new_library(cropping, film, "crop")
    progress = NotingProgress(SilentProgress())
    pipeline.ingest(write_clip(tmp_path / "other.mp4", pictures(5, (160, 90), seed=1)), using(cropping), progress)
    assert any("--view whole" in note for note in progress.notes)


def test_the_check_of_a_model_accepts_vectors_of_another_view(cropping: Path, film: Path) -> None:
    from reelweave.evaluate.model_check import check_model

    new_library(cropping, film, "crop")
    tests = check_model(None, using(cropping)).trials
    (library,) = (test for test in tests if test.name == "library")
    assert library.ok
    assert "1 videos" in library.detail
    assert "crop" in library.detail


def plain(film: Path, chosen: Settings) -> None:
    pipeline.ingest(film, chosen)


def spread(film: Path, chosen: Settings) -> None:
    with open_library(chosen) as library:
        done = list(ingest_distributed(LocalEngine(), library, discover_sources([film]), chosen, SilentProgress()))
    assert [result.error for result in done] == [None]


@pytest.mark.parametrize("ingest", [plain, spread])
@pytest.mark.parametrize(("before", "after"), [("crop", "whole"), ("whole", "tiles"), ("tiles", "crop")])
def test_another_view_is_made_when_it_is_asked_for(
    cropping: Path, film: Path, before: str, after: str, ingest: Callable[[Path, Settings], None]
) -> None:
    video, _ = new_library(cropping, film, before)
    ingest(film, using(cropping, after))
    space, vectors = stored(video, using(cropping))
    assert space == space_of(cropping, after)
    assert vectors.shape == (8, space.dimension)
    assert len(asked(using(cropping), text="a ball", repeats=True, count=100).hits) == 8


def test_a_library_with_two_views_is_searched_in_the_one_asked_for(cropping: Path, film: Path, tmp_path: Path) -> None:
    new_library(cropping, film, "crop")
    other = write_clip(tmp_path / "other.mp4", pictures(5, (160, 90), seed=1))
    pipeline.ingest(other, using(cropping, "whole"))
    for view, name in {"crop": "film.mp4", "whole": "other.mp4"}.items():
        hits = asked(using(cropping, view), text="a ball", repeats=True, count=100).hits
        assert {hit.name for hit in hits} == {name}
    # A video that is asked for alone is searched in its own view.
    assert asked(using(cropping), text="a ball", videos=("other.mp4",)).hits


def test_mixed_views_stay_as_they_are_until_one_is_set(cropping: Path, film: Path, tmp_path: Path) -> None:
    video, _ = new_library(cropping, film, "crop")
    renewed = write_clip(tmp_path / "other.mp4", pictures(5, (160, 90), seed=1))
    other = pipeline.ingest(renewed, using(cropping, "whole"))
    for path in (film, renewed):
        pipeline.ingest(path, using(cropping))
    assert [view_of(stored(one, using(cropping))[0]) for one in (video, other)] == ["crop", "whole"]


def test_searching_in_a_view_that_nothing_has_says_which_there_is(cropping: Path, film: Path) -> None:
    new_library(cropping, film, "crop")
    with pytest.raises(SpaceError) as refused:
        asked(using(cropping, "tiles"), text="a ball")
    assert "crop" in refused.value.cause
    assert "clip.view" in refused.value.remedy


def test_an_interrupted_renewal_goes_on(cropping: Path, film: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from reelweave.index.library import Library

    video, _ = new_library(cropping, film, "crop")
    write = Library.write

    def stopped(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Library, "write", stopped)
    with pytest.raises(KeyboardInterrupt):
        pipeline.ingest(film, using(cropping, "whole"))
    monkeypatch.setattr(Library, "write", write)
    pipeline.ingest(film, using(cropping, "whole"))
    assert stored(video, using(cropping))[0] == space_of(cropping, "whole")


# Tiles in answers


@pytest.mark.parametrize("way", ["every frame", "the copy", "large"])
def test_a_text_is_compared_with_the_best_tile_of_each_frame(
    cropping: Path, film: Path, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    video, chosen = new_library(cropping, film, "tiles")
    if way != "every frame":
        for name in ("_FAST_ROWS", "_KEPT_ROWS", "_CANDIDATES_EACH", "_RANDOM_ACCESS_COST"):
            monkeypatch.setattr(f"reelweave.search.finder.{name}", 1)
        monkeypatch.setattr("reelweave.search.finder._CANDIDATES", 4)
    if way == "large":
        chosen = using(cropping, "tiles", search__memory_gb=1e-9)
    embedder = open_embedder("clip", clip_settings(cropping))
    assert isinstance(embedder, TextEmbedder)
    words = embedder.embed_texts(["a red ball"])[0]
    vectors = stored(video, chosen)[1].reshape(8, TILES, -1) * TILES**0.5
    expected = (vectors @ words).max(axis=1)
    hits = asked(chosen, text="a red ball", repeats=True, count=8).hits
    assert [hit.frame for hit in hits] == np.argsort(-expected, kind="stable").tolist()
    assert [hit.score for hit in hits] == pytest.approx(sorted(expected, reverse=True), abs=1e-5)
    few = asked(chosen, text="a red ball", repeats=True, count=2).hits
    assert [hit.frame for hit in few] == [hit.frame for hit in hits[:2]]


def test_a_frame_is_found_again_by_its_tiles(cropping: Path, film: Path, tmp_path: Path) -> None:
    import cv2
    from helpers import decoded

    _, chosen = new_library(cropping, film, "tiles")
    assert cv2.imwrite(str(tmp_path / "query.png"), decoded(film)[5])
    for question in ({"image": tmp_path / "query.png"}, {"text": f'@"{tmp_path / "query.png"}" + 0.00001*ball'}):
        best = asked(chosen, space="clip", **question).hits[0]
        assert best.frame == 5
        assert best.score == pytest.approx(1, abs=1e-4)


def test_vectors_of_tiles_are_exported_imported_and_searched(cropping: Path, film: Path, tmp_path: Path) -> None:
    video, chosen = new_library(cropping, film, "tiles")
    export_video(video.id, tmp_path / "export", "clip", chosen)
    there = using(cropping, library=str(tmp_path / "second"))
    import_video(tmp_path / "export", there)
    with open_library(there) as library:
        (imported,) = library.catalog.videos()
    assert np.array_equal(stored(imported, there)[1], stored(video, chosen)[1])
    hits = [asked(one, text="a ball", repeats=True, count=8).hits for one in (chosen, there)]
    assert [(hit.frame, hit.score) for hit in hits[0]] == [(hit.frame, hit.score) for hit in hits[1]]

"""The bundled toy model finds drawn pictures it was not trained on, and frames of a film, by text."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from captions import mixed_set, plain_set
from tiny_clip import clip_settings

from reelweave.evaluate.drawn.film import draw_film, draw_land, film_shown
from reelweave.evaluate.drawn.recall import CaptionSet, recall
from reelweave.evaluate.drawn.scenes import Style
from reelweave.ingest.models.clip import ClipEmbedder
from reelweave.ingest.models.weights import CLIP, TOY, local_weights
from reelweave.settings import load

if TYPE_CHECKING:
    from runs import Run

HELD_OUT = 20_000
"""Seeds below 10,000 are for training, and those from there to here for choosing between models."""
FRAMES, SIZE = 60, (320, 180)


@pytest.fixture(scope="module")
def toy() -> ClipEmbedder:
    return ClipEmbedder(clip_settings(TOY))


@pytest.fixture(scope="module")
def style() -> Style:
    return Style(lands=[draw_land((320, 180), HELD_OUT + number) for number in range(8)])


def mean_recall(toy: ClipEmbedder, sets: list[CaptionSet]) -> float:
    return sum(recall(toy.embed_texts(s.texts), toy.embed(s.pictures)) for s in sets) / len(sets)


def test_plain_captions_find_their_pictures_among_fifty(toy: ClipEmbedder, style: Style) -> None:
    assert mean_recall(toy, [plain_set(50, HELD_OUT + seed, style) for seed in range(2)]) >= 0.9


def test_captions_of_a_single_object_find_their_pictures_among_fifty(toy: ClipEmbedder, style: Style) -> None:
    alone = replace(style, most=1)
    assert mean_recall(toy, [mixed_set(50, HELD_OUT + seed, alone) for seed in range(2)]) >= 0.85


def test_captions_of_all_kinds_find_most_of_their_pictures_among_fifty(toy: ClipEmbedder, style: Style) -> None:
    assert mean_recall(toy, [mixed_set(50, HELD_OUT + seed, style) for seed in range(2)]) >= 0.75


def test_naming_its_folder_gives_the_same_model(toy: ClipEmbedder) -> None:
    folder = local_weights(TOY, CLIP)
    assert folder is not None
    assert ClipEmbedder(clip_settings(folder)).space.weights == toy.space.weights


def test_it_is_never_used_unless_named(run: "Run") -> None:
    assert TOY not in load().clip.model
    spaces = [row for row in run("models", "list", "--json").rows if "name" not in row]
    assert len(spaces) > 1
    assert all(row["model"] != TOY for row in spaces)


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return draw_film(tmp_path_factory.mktemp("film") / "film.mp4", FRAMES, SIZE, seed=3)


@pytest.mark.parametrize("actor", ["red circle", "yellow triangle", "orange square"])
def test_a_text_search_finds_the_frames_that_show_the_object(
    run: "Run", film: Path, actor: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REELWEAVE_CLIP__MODEL", TOY)
    assert run("ingest", film, "--space", "clip", "-q").code == 0
    shown = film_shown(FRAMES, SIZE, seed=3)
    hits = run("search", f"a {actor}", "-k", 5, "--all", "--json", "-q").rows
    assert len(hits) == 5
    assert all(shown[hit["frame"]][actor] > 0.5 for hit in hits)
    assert sum(frame[actor] > 0.5 for frame in shown) < FRAMES


def test_it_passes_models_check(run: "Run") -> None:
    answer = run("models", "check", TOY, "-q", "--json")
    assert answer.code == 0, answer.out
    assert {trial["name"] for trial in answer.data["trials"]} >= {"words", "copies", "batches"}

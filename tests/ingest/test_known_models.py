"""The table of models says what open_clip says, and every kind of model in it is loaded and embeds."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from helpers import pictures
from runs import settings
from tiny_clip import CONFIG, WEIGHTS, clip_settings
from tiny_models import SHRUNKEN, make_small_model

from reelweave.errors import SpaceError
from reelweave.evaluate import model_check
from reelweave.evaluate.drawn.film import draw_film
from reelweave.ingest.models import known as table
from reelweave.ingest.models.clip import ClipEmbedder
from reelweave.ingest.models.known import KNOWN_MODELS, KnownModel, known_model, model_value
from reelweave.ingest.models.registry import fetch_weights, list_models
from reelweave.ingest.models.weights import CLIP, local_weights
from reelweave.settings import load

if TYPE_CHECKING:
    from runs import Run

NAMED = {known.name: known for known in KNOWN_MODELS}
PUBLISHED = [known for known in KNOWN_MODELS if "/" in known.model and ":" not in known.model]
"""Those of which open_clip has a config; the default has its own on the hub."""


def ids(known: KnownModel) -> str:
    return known.name


# The table


@pytest.mark.parametrize("known", PUBLISHED, ids=ids)
def test_the_table_agrees_with_open_clip(known: KnownModel) -> None:
    import open_clip

    name, tag = known.model.split("/")
    config: dict[str, Any] = open_clip.get_model_config(name)
    trained = open_clip.get_pretrained_cfg(name, tag)
    assert trained["hf_hub"] == f"{known.repository}/"
    assert (config["embed_dim"], config["text_cfg"]["context_length"]) == (known.dimension, known.context)
    assert (config["vision_cfg"]["image_size"], trained["resize_mode"]) == (known.pixels, known.resize)
    assert known.has_tokenizer is (config["text_cfg"].get("hf_tokenizer_name") == known.repository)


def test_the_default_is_the_one_of_the_settings() -> None:
    (default,) = (known for known in KNOWN_MODELS if known.note == "default")
    assert load({}).clip.model == default.model
    assert default.cost == 1


def test_no_default_or_recommended_model_is_for_research_only() -> None:
    restricted = [known for known in KNOWN_MODELS if known.research_only]
    assert restricted
    assert not {known.note for known in restricted} & {"default", "recommended"}


def test_names_are_unique_and_stand_for_models() -> None:
    assert len(NAMED) == len({known.model for known in KNOWN_MODELS}) == len(KNOWN_MODELS)
    assert all(model_value(known.name) == model_value(known.model) == known.model for known in KNOWN_MODELS)
    assert model_value("ViT-B-32/openai") == "ViT-B-32/openai"


def test_every_published_figure_has_a_source() -> None:
    assert all(known.source for known in KNOWN_MODELS if known.imagenet or known.coco)


# Loading


@pytest.fixture(scope="module", params=SHRUNKEN)
def small(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[KnownModel, Path]:
    known = NAMED[request.param]
    return known, make_small_model(tmp_path_factory.mktemp("small"), known)


def test_every_kind_of_model_embeds_pictures_and_texts(small: tuple[KnownModel, Path]) -> None:
    known, folder = small
    clip = ClipEmbedder(clip_settings(folder))
    shown, words = clip.embed(pictures(2, (160, 90))), clip.embed_texts(["a red circle", "the blue square on the left"])
    for vectors in (shown, words):
        assert vectors.shape[1] == clip.space.dimension
        assert np.linalg.norm(vectors, axis=1) == pytest.approx(np.ones(len(vectors)), abs=1e-4)
    assert not np.allclose(words[0], words[1], atol=1e-4)
    assert (clip.made_for[0], clip.made_for[2]) == (known.context, known.resize)


def test_every_kind_of_model_is_loaded_strictly(small: tuple[KnownModel, Path], tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    _, folder = small
    tensors = load_file(folder / WEIGHTS)
    for name in (next(name for name in tensors if name.startswith("visual.")), next(iter(reversed(tensors)))):
        lacking = {other: tensor for other, tensor in tensors.items() if other != name}
        copied = tmp_path / name
        copied.mkdir()
        for file in folder.iterdir():
            (copied / file.name).write_bytes(file.read_bytes())
        save_file(lacking, copied / WEIGHTS)
        with pytest.raises(SpaceError) as refused:
            _ = ClipEmbedder(clip_settings(copied)).space
        assert name in refused.value.cause


def test_a_text_of_many_words_is_cut_at_the_length_that_the_model_has(small: tuple[KnownModel, Path]) -> None:
    _, folder = small
    clip = ClipEmbedder(clip_settings(folder))
    vectors = clip.embed_texts(["a red circle " * 40, "a red circle " * 60])
    assert np.isfinite(vectors).all()
    assert np.allclose(vectors[0], vectors[1], atol=1e-5)


# Names


def test_a_name_finds_the_weights_of_its_model(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    known = NAMED["siglip2-b-32-256"]
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    repository = tmp_path / f"models--{known.repository.replace('/', '--')}"
    (repository / "refs").mkdir(parents=True)
    (repository / "refs" / "main").write_text("0123456", encoding="utf-8")
    snapshot = repository / "snapshots" / "0123456"
    snapshot.mkdir(parents=True)
    for name in (WEIGHTS, "tokenizer.json", "tokenizer_config.json"):
        # Without its tokenizer a model cannot be searched, so that it is not complete.
        assert local_weights(known.name, CLIP) is None
        (snapshot / name).touch()
    assert local_weights(known.name, CLIP) == local_weights(known.model, CLIP) == snapshot / WEIGHTS


def test_the_space_of_a_name_is_that_of_its_model() -> None:
    assert ClipEmbedder(clip_settings("toy")).space.model == "toy"
    assert ClipEmbedder(clip_settings("siglip2-b-16"))._model == "ViT-B-16-SigLIP2/webli"


def test_the_small_model_is_used_by_naming_it(run: "Run", tmp_path: Path) -> None:
    film = draw_film(tmp_path / "film.mp4", 10, (160, 90))
    assert run("ingest", film, "--space", "clip", "--model", "toy", "-q").code == 0
    found = run("search", "a red circle", "--model", "toy", "--all", "--json", "-q")
    assert {row["space"] for row in found.rows} == {"clip"}
    assert len(found.rows) == 10
    # A suggested command repeats the model.
    other = draw_film(tmp_path / "other.mp4", 10, (160, 90), seed=1)
    assert run("ingest", other, "-q").code == 0
    lacking = run("search", "a red circle", "--model", "toy", "--video", "other.mp4")
    assert lacking.code == 1
    assert "--model toy" in lacking.err


def test_an_unknown_name_suggests_a_known_one(run: "Run") -> None:
    answer = run("models", "fetch", "siglip2-b-32")
    assert answer.code == 1
    assert "siglip2-b-32-256" in answer.err


# Licences


def test_a_model_for_research_only_is_refused_unless_that_is_stated(run: "Run", monkeypatch: Any) -> None:
    known = NAMED["mobileclip2-s2"]
    for name in (known.name, known.model):
        answer = run("models", "fetch", name, "-q")
        assert answer.code == 1
        assert known.licence in answer.err
        with pytest.raises(SpaceError, match="research"):
            _ = ClipEmbedder(clip_settings(name)).space
    monkeypatch.setenv("REELWEAVE_CLIP__RESEARCH", "true")
    with pytest.raises(SpaceError) as offline:
        fetch_weights(known.name, settings(clip__research=True))
    assert "research" not in offline.value.cause


# The list and the check


def test_the_list_has_what_every_named_model_promises(run: "Run") -> None:
    rows = {row["name"]: row for row in run("models", "list", "--json").rows if row.get("name")}
    assert set(rows) == set(NAMED)
    assert rows["toy"]["ready"] is True
    for name, known in NAMED.items():
        assert (rows[name]["model"], rows[name]["licence"], rows[name]["coco"]) == (
            known.model,
            known.licence,
            known.coco,
        )
    printed = run("models", "list").out
    assert all(name in printed for name in NAMED)
    assert [row["space"] for row in list_models(settings()) if "name" not in row] == ["appearance", "clip"]


def check(name: str) -> dict[str, model_check.ModelTest]:
    return {test.name: test for test in model_check.check_model(name, settings(clip__device="cpu")).trials}


def test_a_model_that_keeps_its_promises_passes() -> None:
    promises = check("toy")["promises"]
    assert promises.ok
    assert all(str(fact) in promises.detail for fact in (128, 24, 64, "squash", "mit"))


@pytest.mark.parametrize("broken", [{"dimension": 512}, {"context": 77}, {"pixels": 224}, {"resize": "shortest"}])
def test_a_broken_promise_fails_the_check(monkeypatch: pytest.MonkeyPatch, broken: dict[str, Any]) -> None:
    rows = tuple(replace(known, **broken) if known.name == "toy" else known for known in KNOWN_MODELS)
    monkeypatch.setattr(table, "KNOWN_MODELS", rows)
    (value,) = broken.values()
    promises = check("toy")["promises"]
    assert not promises.ok
    assert f"not {value}" in promises.detail


@pytest.mark.parametrize(("stated", "ok"), [("mit", True), ("cc-by-nc-4.0", False), (None, True)])
def test_another_licence_on_the_hub_fails_the_check(
    monkeypatch: pytest.MonkeyPatch, stated: str | None, ok: bool
) -> None:
    rows = tuple(replace(known, repository="a/b") if known.name == "toy" else known for known in KNOWN_MODELS)
    monkeypatch.setattr(table, "KNOWN_MODELS", rows)
    monkeypatch.setattr(model_check, "hub_licence", lambda repository: stated)
    assert check("toy")["promises"].ok is ok


def test_a_model_without_a_name_promises_nothing(tmp_path: Path) -> None:
    folder = make_small_model(tmp_path, NAMED["datacomp-b-32-256"])
    assert known_model(f"local-dir:{folder}") is None
    assert "promises" not in check(f"local-dir:{folder}")
    assert (folder / CONFIG).is_file()

"""A working model passes every test, and each fault fails the test meant for it."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from helpers import pictures, write_clip
from runs import settings
from safetensors.numpy import load_file, save_file
from tiny_clip import CONFIG, WEIGHTS, make_tiny_clip, write_weights
from tiny_timm import make_tiny_timm

from reelweave import pipeline
from reelweave.errors import SpaceError, UsageError
from reelweave.evaluate import model_check
from reelweave.ingest.models.appearance import AppearanceEmbedder
from reelweave.ingest.models.registry import fetch_weights
from reelweave.media.types import Floats

if TYPE_CHECKING:
    from runs import Run


@pytest.fixture
def own(tmp_path: Path) -> Path:
    """A model of random numbers that the test may spoil."""
    return make_tiny_clip(tmp_path / "model")


def examined(model: str, library: Path | None = None) -> model_check.ModelReport:
    named = {"library": str(library)} if library else {}
    return model_check.check_model(model, settings(**named))


def outcome(done: model_check.ModelReport, name: str) -> model_check.ModelTest:
    return next(one for one in done.trials if one.name == name)


def test_a_model_of_random_numbers_makes_vectors_and_knows_no_words(own: Path) -> None:
    done = examined(f"local-dir:{own}")
    passed = {one.name for one in done.trials if one.ok}
    assert passed >= {"loads", "vectors", "deterministic", "batches", "quick", "library"}
    assert not outcome(done, "words").ok
    assert "chance 0.04" in outcome(done, "words").detail
    assert not done.ok
    assert done.dimension == 16
    assert done.weights
    assert "resize_mode=squash" in str(done.preprocessing)


def test_appearance_passes_every_test_and_has_no_test_of_words() -> None:
    done = examined("appearance")
    assert done.ok, done.trials
    assert [one.name for one in done.trials] == ["loads", "vectors", "deterministic", "batches", "copies", "library"]
    assert done.milliseconds is not None
    assert done.milliseconds > 0


def test_a_timm_model_has_no_test_of_words(tmp_path: Path) -> None:
    done = examined(f"timm:local-dir:{make_tiny_timm(tmp_path / 'timm')}")
    assert {one.name for one in done.trials if one.ok} >= {"loads", "vectors", "deterministic", "batches"}
    assert "words" not in {one.name for one in done.trials}


def spoil_config(folder: Path, **changes: Any) -> None:
    config = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
    for part, change in changes.items():
        config[part] |= change
    (folder / CONFIG).write_text(json.dumps(config), encoding="utf-8")


def drop_tensor(folder: Path) -> None:
    tensors = load_file(folder / WEIGHTS)
    del tensors["visual.proj"]
    save_file(tensors, folder / WEIGHTS)


@pytest.mark.parametrize(
    "spoil",
    [
        pytest.param(lambda folder: (folder / WEIGHTS).unlink(), id="no weights"),
        pytest.param(drop_tensor, id="weights that lack a tensor"),
        pytest.param(lambda folder: spoil_config(folder, model_cfg={"embed_dim": 8}), id="weights of another shape"),
        pytest.param(lambda folder: spoil_config(folder, preprocess_cfg={"contrast": 2}), id="unknown preprocessing"),
    ],
)
def test_a_model_that_does_not_load_strictly_fails_with_a_remedy(own: Path, spoil: Any) -> None:
    spoil(own)
    done = examined(f"local-dir:{own}")
    assert (done.ok, done.weights, [one.name for one in done.trials]) == (False, None, ["loads"])
    assert "." in done.trials[0].detail
    assert len(done.trials[0].detail) > 40


class Faulty(AppearanceEmbedder):
    """The appearance space with one thing wrong with it."""

    def __init__(self, fault: str) -> None:
        self._fault, self._calls = fault, 0

    def embed(self, pictures: Any) -> Floats:
        self._calls += 1
        vectors = super().embed(pictures)
        if self._fault == "not finite":
            vectors[0, 0] = np.nan
        elif self._fault == "not of length 1":
            vectors *= 1.1
        elif self._fault == "too few":
            vectors = vectors[:-1]
        elif self._fault == "another each time":
            vectors = np.roll(vectors, self._calls, axis=1)
        elif self._fault == "others in the batch":
            vectors = vectors + (vectors.mean(0) if len(vectors) > 1 else 0)
            vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        elif self._fault == "blind":
            vectors[:] = vectors.shape[1] ** -0.5
        return np.asarray(vectors, np.float32)


@pytest.mark.parametrize(
    ("fault", "named"),
    [
        ("not finite", "vectors"),
        ("not of length 1", "vectors"),
        ("too few", "vectors"),
        ("another each time", "deterministic"),
        ("others in the batch", "batches"),
        ("blind", "copies"),
    ],
)
def test_each_fault_fails_the_test_meant_for_it(fault: str, named: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(model_check, "open_embedder", lambda name, settings: Faulty(fault))
    done = examined("appearance")
    assert not outcome(done, named).ok
    assert not done.ok


def test_inaccurate_fast_vectors_are_named(own: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from reelweave.ingest.models.clip import ClipEmbedder
    from reelweave.ingest.models.embedder import EmbeddedBatch

    finish = ClipEmbedder.finish
    monkeypatch.setattr(
        ClipEmbedder,
        "finish",
        lambda self, prepared: EmbeddedBatch(np.roll(finish(self, prepared).vectors, 1, 1), "half"),
    )
    strayed = outcome(examined(f"local-dir:{own}"), "quick")
    assert not strayed.ok
    assert "clip.speed" in strayed.detail


def test_changed_weights_are_named_with_the_video_and_the_remedy(own: Path, tmp_path: Path, library: Path) -> None:
    model, clip = f"local-dir:{own}", write_clip(tmp_path / "clip.mp4", pictures(6))
    chosen = settings(**{"clip.model": model, "ingest.space": "clip", "library": str(library)})
    pipeline.ingest(clip, chosen)
    assert "1 videos have vectors by this model" in outcome(examined(model, library), "library").detail
    write_weights(own / WEIGHTS, seed=1)
    changed = outcome(examined(model, library), "library")
    assert not changed.ok
    assert "clip-" in changed.detail
    assert "videos remove" in changed.detail


def test_vectors_by_a_model_of_another_name_are_accepted(own: Path, tmp_path: Path, library: Path) -> None:
    clip = write_clip(tmp_path / "clip.mp4", pictures(6))
    model = f"local-dir:{own}"
    pipeline.ingest(clip, settings(**{"clip.model": model, "ingest.space": "clip", "library": str(library)}))
    other = f"local-dir:{make_tiny_clip(tmp_path / 'other', seed=2)}"
    found = outcome(examined(other, library), "library")
    assert found.ok
    assert "1 by another model" in found.detail


# The commands


def test_check_exits_with_1_and_names_the_failed_test(run: "Run", own: Path) -> None:
    answer = run("models", "check", f"local-dir:{own}", "-q")
    assert answer.code == 1
    assert "FAILED  words" in answer.out
    data = run("models", "check", f"local-dir:{own}", "-q", "--json").data
    assert data["ok"] is False
    assert {key: data["trials"][0][key] for key in ("name", "ok")} == {"name": "loads", "ok": True}


def test_check_exits_with_0_when_all_tests_pass(run: "Run") -> None:
    answer = run("models", "check", "appearance", "-q")
    assert answer.code == 0, answer.err
    assert "ms per picture" in answer.out


def test_check_uses_the_configured_model_by_default(run: "Run", own: Path, monkeypatch: Any) -> None:
    monkeypatch.setenv("REELWEAVE_CLIP__MODEL", f"local-dir:{own}")
    assert run("models", "check", "-q", "--json").data["model"] == f"local-dir:{own}"


def test_fetch_prints_the_location_of_a_model_that_is_present(run: "Run", own: Path) -> None:
    data = run("models", "fetch", f"local-dir:{own}", "--json").data
    assert (data["state"], data["place"]) == ("here", str(own))
    assert data["bytes"] == sum(file.stat().st_size for file in own.iterdir())


@pytest.mark.parametrize("model", ["hf-hub:somebody/tiny", "ViT-B-32/laion2b_s34b_b79k", "timm:resnet18"])
def test_fetch_offline_is_refused_with_the_remedy(run: "Run", model: str, tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    answer = run("models", "fetch", model, "-q")
    assert answer.code == 1
    assert "HF_HUB_OFFLINE" in answer.err
    assert "go online once" in answer.err


def test_fetch_downloads_what_is_missing(
    run: "Run", own: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    snapshot = tmp_path / "models--somebody--tiny" / "snapshots" / "0123456"
    snapshot.mkdir(parents=True)
    (snapshot.parents[1] / "refs").mkdir()
    (snapshot.parents[1] / "refs" / "main").write_text("0123456", encoding="utf-8")

    def download(repository: str, name: str) -> None:
        (snapshot / name).write_bytes((own / name).read_bytes())

    monkeypatch.delenv("HF_HUB_OFFLINE")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr("huggingface_hub.HfApi.model_info", lambda *_, **__: None)
    monkeypatch.setattr("huggingface_hub.hf_hub_download", download)
    first = run("models", "fetch", "hf-hub:somebody/tiny", "-q", "--json").data
    again = run("models", "fetch", "hf-hub:somebody/tiny", "-q", "--json").data
    assert (first["state"], again["state"]) == ("fetched", "here")
    assert first["place"] == again["place"] == str(snapshot)


def test_the_appearance_space_needs_no_fetching(run: "Run") -> None:
    assert run("models", "fetch", "appearance").code == 2


def test_an_unknown_model_is_refused_with_suggestions(run: "Run") -> None:
    answer = run("models", "fetch", "timm:resnet5000")
    assert answer.code == 1
    assert "Did you mean" in answer.err or "timm:resnet50" in answer.err


def test_refusals_are_errors_of_the_package() -> None:
    with pytest.raises(UsageError):
        fetch_weights("appearance", settings())
    with pytest.raises(SpaceError):
        fetch_weights("local-dir:/nowhere", settings())

"""Training the small model: what is saved is a model that the product loads, and a stopped run goes on."""

import importlib
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from tiny_clip import clip_settings

from reelweave.ingest.models.clip import ClipEmbedder


@pytest.fixture
def toy_train() -> ModuleType:
    """Imported when it is needed, because torch takes five seconds."""
    return importlib.import_module("toy_train")


@pytest.fixture
def quick(toy_train: ModuleType, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    for name, value in {"POOL": 40, "BATCH": 16, "RENEWED": 1}.items():
        monkeypatch.setattr(toy_train, name, value)
    return toy_train


def test_what_is_saved_is_loaded_strictly_and_small(quick: ModuleType, tmp_path: Path) -> None:
    run = quick.Training(tmp_path / "model", seed=0)
    quick.train(run, 2)
    clip = ClipEmbedder(clip_settings(tmp_path / "model"))
    vectors = clip.embed([np.zeros((40, 60, 3), np.uint8)])
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-4)
    assert (tmp_path / "model" / "open_clip_model.safetensors").stat().st_size < 8_000_000
    unknown = clip.embed_texts(["zebra", "giraffe", "a red circle"])
    assert np.allclose(unknown[0], unknown[1], atol=1e-5)
    assert not np.allclose(unknown[0], unknown[2], atol=1e-2)


def test_a_stopped_run_goes_on(quick: ModuleType, tmp_path: Path) -> None:
    first = quick.Training(tmp_path / "model", seed=0)
    quick.train(first, 2)
    again = quick.Training(tmp_path / "model", seed=0)
    again.resume()
    assert again.step == 2
    assert all(
        bool((one == other).all())
        for one, other in zip(first.model.parameters(), again.model.parameters(), strict=True)
    )
    quick.train(again, 3)
    assert again.step == 3


def test_the_rate_rises_and_falls(toy_train: ModuleType) -> None:
    rates = [toy_train.rate_at(step, 1000) for step in range(1000)]
    assert max(rates) == toy_train.RATE
    assert rates[0] < rates[30] < rates[100]
    assert rates[-1] < rates[700] < rates[500]

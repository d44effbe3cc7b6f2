"""A CLIP model small enough to be made by the tests: the product's own code loads it as it loads any other."""

import json
from collections.abc import Mapping
from copy import deepcopy
from pathlib import Path
from typing import Any

from reelweave.settings import NetworkSettings as ClipSettings

ARCHITECTURE: dict[str, Any] = {
    "embed_dim": 16,
    "vision_cfg": {"image_size": 32, "patch_size": 8, "layers": 1, "width": 32, "head_width": 16},
    # The size of the usual vocabulary, so that the usual tokens can be looked up.
    "text_cfg": {"context_length": 16, "vocab_size": 49408, "width": 16, "heads": 2, "layers": 1},
}
PREPROCESSING: dict[str, Any] = {"mean": [0.5, 0.4, 0.4], "std": [0.3, 0.3, 0.3], "resize_mode": "squash"}
CONFIG, WEIGHTS = "open_clip_config.json", "open_clip_model.safetensors"


def make_tiny_clip(
    folder: Path, seed: int = 0, preprocessing: Mapping[str, Any] = PREPROCESSING, **architecture: Any
) -> Path:
    """Config and random weights as open_clip keeps them in a folder; the same seed makes the same model."""
    folder.mkdir(parents=True, exist_ok=True)
    config = {"model_cfg": ARCHITECTURE | architecture, "preprocess_cfg": dict(preprocessing)}
    (folder / CONFIG).write_text(json.dumps(config), encoding="utf-8")
    write_weights(folder / WEIGHTS, seed)
    return folder


def write_weights(file: Path, seed: int = 0) -> Path:
    import torch
    from open_clip import CLIP
    from safetensors.torch import save_file

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        save_file(CLIP(**deepcopy(ARCHITECTURE)).state_dict(), file)
    return file


def clip_settings(
    model: Path | str, device: str = "cpu", batch: int = 4, speed: str = "exact", view: str = "auto"
) -> ClipSettings:
    """The settings that name a model's folder, or a model by its name."""
    named = f"local-dir:{model}" if isinstance(model, Path) else model
    return ClipSettings.model_validate(
        {"model": named, "device": device, "batch": batch, "speed": speed, "view": view, "research": False}
    )

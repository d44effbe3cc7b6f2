"""A timm model small enough to be made by the tests: the product's own code loads it as it loads any other."""

import json
from pathlib import Path
from typing import Any

NAME = "test_resnet"
"""The smallest of timm's own architectures for tests."""
CONFIG, WEIGHTS = "config.json", "model.safetensors"


def make_tiny_timm(folder: Path, seed: int = 0, architecture: str = NAME, **preprocessing: Any) -> Path:
    """Config and random weights as timm keeps them in a folder; the same seed makes the same model."""
    import timm
    import torch
    from timm.models import save_for_hf

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        save_for_hf(timm.create_model(architecture, num_classes=7), str(folder), safe_serialization=True)
    config = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
    config["pretrained_cfg"] |= {"input_size": [3, 64, 64], **preprocessing}
    (folder / CONFIG).write_text(json.dumps(config), encoding="utf-8")
    return folder


def space_name(folder: Path) -> str:
    return f"timm:local-dir:{folder}"

"""Whether a CLIP model's weights are on this machine or can be fetched, found out without loading torch."""

import os
from pathlib import Path

WEIGHT_FILES = (
    "open_clip_model.safetensors",
    "open_clip_pytorch_model.safetensors",
    "open_clip_pytorch_model.bin",
    "model.safetensors",
)
_PATIENCE = 3.0


def weights_here(model: str) -> bool:
    """Whether the model can be loaded without the network."""
    if model.startswith("local-dir:"):
        folder = Path(model.removeprefix("local-dir:"))
        has_weights = any(folder.glob("*.safetensors")) or any(folder.glob("*.bin")) or any(folder.glob("*.pt"))
        return (folder / "open_clip_config.json").is_file() and has_weights
    repository = _repository(model)
    if repository is None:
        return False
    from huggingface_hub import try_to_load_from_cache

    return any(isinstance(try_to_load_from_cache(repository, name), str) for name in WEIGHT_FILES)


def weights_fetchable(model: str) -> bool:
    """Whether the hub answers for the model now; never asked when offline mode is set."""
    repository = _repository(model)
    if repository is None or os.environ.get("HF_HUB_OFFLINE", "0") not in ("", "0"):
        return False
    from huggingface_hub import HfApi

    try:
        HfApi().model_info(repository, timeout=_PATIENCE)
    except Exception:  # the hub's client raises a different class for each way to be out of reach
        return False
    return True


def _repository(model: str) -> str | None:
    """The hub repository of a model name; open_clip's own table knows MODEL/PRETRAINED."""
    if model.startswith("local-dir:"):
        return None
    if model.startswith("hf-hub:"):
        return model.removeprefix("hf-hub:")
    from open_clip import get_pretrained_cfg

    name, _, tag = model.partition("/")
    return (get_pretrained_cfg(name, tag) or {}).get("hf_hub", "").rstrip("/") or None

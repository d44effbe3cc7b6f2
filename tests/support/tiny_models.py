"""Small models of the same parts as those that have a name: text and picture towers, tokenizers, preprocessing."""

import json
from pathlib import Path
from typing import Any

from tiny_clip import CONFIG, WEIGHTS

from reelweave.ingest.models.known import KnownModel

_WORDS = ["a", "red", "green", "blue", "circle", "square", "ball", "on", "the", "left", "right"]
SHRUNKEN: dict[str, dict[str, Any]] = {
    # timm's ViT with attention pooling.
    "siglip2-b-32-256": {"timm_model_name": "vit_tiny_patch16_224", "image_size": 224},
    # timm's EVA with rotary positions and attention pooling.
    "pe-core-s-16-384": {"timm_model_name": "vit_pe_core_tiny_patch16_384", "image_size": 384},
    "datacomp-b-32-256": {"image_size": 64, "layers": 1, "width": 64, "head_width": 32},
}
"""What is smaller in the picture tower of each kind; the rest is as open_clip has it.

SigLIP 2 and PE-Core of other sizes have the same parts. MobileCLIP2 may not be used by default, and is not tried.
"""
_TEXT = {"width": 64, "heads": 2, "layers": 1}


def architecture(known: KnownModel) -> dict[str, Any]:
    """open_clip's config of the model with narrower and fewer layers."""
    import open_clip

    config: dict[str, Any] = open_clip.get_model_config(known.model.partition("/")[0])
    config["vision_cfg"] |= SHRUNKEN[known.name]
    config["text_cfg"] |= _TEXT
    # A tower that does not project returns vectors of its own width.
    projects = config["vision_cfg"].get("timm_proj") != "none"
    config["embed_dim"] = 64 if projects else 192
    if not projects:
        config["text_cfg"] |= {"width": 192}
    if "hf_tokenizer_name" in config["text_cfg"]:
        config["text_cfg"]["vocab_size"] = len(_WORDS) + 3
    return config


def make_small_model(folder: Path, known: KnownModel) -> Path:
    """Config, random weights and, where the model has its own, a tokenizer."""
    import open_clip
    import torch
    from safetensors.torch import save_file

    folder.mkdir(parents=True, exist_ok=True)
    trained = open_clip.get_pretrained_cfg(*known.model.split("/"))
    preprocessing = {key: trained[key] for key in ("mean", "std", "interpolation", "resize_mode")}
    config = {"model_cfg": architecture(known), "preprocess_cfg": preprocessing}
    (folder / CONFIG).write_text(json.dumps(config), encoding="utf-8")
    if known.has_tokenizer:
        write_tokenizer(folder)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        made = open_clip.create_model(f"local-dir:{folder}", load_weights=False, pretrained_image=False)
    save_file({name: tensor.contiguous() for name, tensor in made.state_dict().items()}, folder / WEIGHTS)
    return folder


def write_tokenizer(folder: Path) -> None:
    """A tokenizer of whole words, in the files that one of the hub has."""
    from tokenizers import Tokenizer
    from tokenizers.models import WordLevel
    from tokenizers.pre_tokenizers import Whitespace
    from transformers import PreTrainedTokenizerFast

    vocabulary = {word: number for number, word in enumerate(["<pad>", "<eos>", "<unk>", *_WORDS])}
    made = Tokenizer(WordLevel(vocabulary, unk_token="<unk>"))
    made.pre_tokenizer = Whitespace()
    PreTrainedTokenizerFast(
        tokenizer_object=made, pad_token="<pad>", eos_token="<eos>", unk_token="<unk>"
    ).save_pretrained(folder)

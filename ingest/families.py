"""The families of models: how each is named, kept and fetched."""

import difflib
from pathlib import Path

from ..errors import SpaceError
from .weights import Family, Remote

TOY = "toy"


def _clip_listed(model: str) -> Remote | None:
    """open_clip's own table knows MODEL/PRETRAINED."""
    from open_clip import get_pretrained_cfg

    name, _, tag = model.partition("/")
    place = (get_pretrained_cfg(name, tag) or {}).get("hf_hub", "")
    repository, _, file = place.rpartition("/")
    if not place:
        return None
    return Remote(repository, ((f"{Path(file).stem}.safetensors", file) if file else CLIP.weights,))


def _clip_unlisted(model: str) -> SpaceError:
    import open_clip

    name, _, tag = model.partition("/")
    tags = open_clip.list_pretrained_tags_by_model(name)
    example = f"Set clip.model to {name}/PRETRAINED, where PRETRAINED is one of: {', '.join(tags)}."
    if not tags:
        return SpaceError(f"open_clip has no model {name!r} with weights.", "Set clip.model as settings.toml explains.")
    if not tag:
        return SpaceError(f"The model {model!r} names no weights, so it would run on random ones.", example)
    return SpaceError(f"open_clip knows no weights {tag!r} for {name}.", example)


CLIP = Family(
    noun="CLIP model",
    config="open_clip_config.json",
    weights=("open_clip_model.safetensors", "open_clip_pytorch_model.bin"),
    remedy="Give --space appearance to do without it, set clip.model to a local-dir: with weights, or go online once.",
    listed=_clip_listed,
    unlisted=_clip_unlisted,
    # Trained on drawn shapes by bench/toy_train.py: for the demo and the tests, and never taken unless it is named.
    own={TOY: Path(__file__).with_name(TOY)},
)


def _timm_listed(model: str) -> Remote | None:
    """timm's own table knows NAME and NAME.TAG."""
    import timm

    try:
        trained = timm.get_pretrained_cfg(model)
    except RuntimeError:  # the architecture is known, and no such weights for it
        return None
    if not trained or not trained.hf_hub_id:
        return None
    return Remote(trained.hf_hub_id, ((trained.hf_hub_filename,) if trained.hf_hub_filename else TIMM.weights,))


def _timm_unlisted(model: str) -> SpaceError:
    import timm

    known = timm.list_models(pretrained=True)
    near = difflib.get_close_matches(model, known, n=3, cutoff=0.5)
    remedy = f"Did you mean {' or '.join(near)}?" if near else "Name one of timm's models, for example timm:resnet50."
    return SpaceError(f"timm has no model {model!r} with weights.", remedy)


TIMM = Family(
    noun="timm model",
    config="config.json",
    weights=("model.safetensors", "pytorch_model.bin"),
    remedy="Give another --space, timm:local-dir:FOLDER with weights and config.json, or go online once.",
    listed=_timm_listed,
    unlisted=_timm_unlisted,
)


def _no_matcher(model: str) -> SpaceError:
    return SpaceError(f"There is no matching model {model!r}.", MATCHER.remedy)


MATCHER = Family(
    noun="matching model",
    config="config.json",
    weights=("model.safetensors", "pytorch_model.bin"),
    remedy=(
        "Give another --price, set solve.match_model to the hf-hub: or local-dir: of a SuperGlue or LightGlue model, "
        "or go online once."
    ),
    listed=lambda model: None,
    unlisted=_no_matcher,
)

"""Find and fetch model weights: how each model family is named, stored and downloaded."""

import difflib
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from ...errors import ModelMissing, SpaceError, command
from .known import KNOWN_MODELS, known_model, model_value

FOLDER, HUB = "local-dir:", "hf-hub:"

WEIGHTS_SUFFIXES = (".safetensors", ".pth", ".bin")
_HUB_SECONDS = 3.0
"""How long to wait for the hub before it counts as out of reach."""
_LONGEST_MESSAGE = 300
"""Characters that are kept of another library's error message."""
_TRUE = {"1", "ON", "TRUE", "YES"}
"""The values that switch on the hub client's offline variables."""


@dataclass(frozen=True)
class HubRepository:
    """A repository of the hub, and groups of file names; one file of each group is needed."""

    repository: str
    groups: tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class ModelFamily:
    """Models that are named and stored alike: in a folder, in a repository, or in a library's own list."""

    noun: str
    config: str
    weights: tuple[str, ...]
    """File names of the weights in its repositories, the preferred format first."""
    remedy: str
    listed: Callable[[str], HubRepository | None]
    """Look up the repository of a name that is neither a folder nor a repository."""
    unlisted: Callable[[str], SpaceError]
    """Explain why such a name is not a model."""
    bundled: Mapping[str, Path] = field(default_factory=dict)
    """Folders of the models that come with the package, by name."""
    value: Callable[[str], str] = str
    """Return the full name that a short one stands for."""


def local_weights(model: str, family: ModelFamily) -> Path | None:
    """Find a model's weights on this machine.

    Returns:
        A folder with config and weights, the weights file of a listed model, or None if anything is missing.
    """
    model = family.value(model)
    if folder := _folder(model, family):
        return None if _fault(folder, family) else folder
    if not (remote := _remote(model, family)):
        return None
    files = [_cached(remote.repository, names) for names in remote.groups]
    if not all(files):
        return None
    return files[0].parent if model.startswith(HUB) and files[0] else files[0]


def weights_here(model: str, family: ModelFamily) -> bool:
    """Tell whether a model can be loaded without the network."""
    return local_weights(model, family) is not None


def weights_fetchable(model: str, family: ModelFamily) -> bool:
    """Tell whether the hub has the model and can be reached; in offline mode it is not asked."""
    remote = _remote(family.value(model), family)
    if remote is None or _offline():
        return False
    from huggingface_hub import HfApi

    try:
        HfApi().model_info(remote.repository, timeout=_HUB_SECONDS)
    except Exception:  # the hub's client raises a different class for each cause
        return False
    return True


def hub_licence(repository: str) -> str | None:
    """Return the licence that the hub states for a repository; None if it cannot be asked or states none."""
    if _offline():
        return None
    from huggingface_hub import HfApi

    try:
        card = HfApi().model_info(repository, timeout=_HUB_SECONDS).card_data
    except Exception:  # the hub's client raises a different class for each cause
        return None
    return str(card.license) if card and card.license else None


def fetch_from_hub(model: str, family: ModelFamily) -> Path:
    """Download the weights that `local_weights` did not find.

    Returns:
        What `local_weights` then returns.

    Raises:
        SpaceError: If the name is not a model, or the hub is out of reach or lacks files.
    """
    model = family.value(model)
    remote = _remote(model, family)
    name = f"{family.noun} {model}"
    if folder := _folder(model, family):
        raise SpaceError(f"The {name} cannot be loaded: {_fault(folder, family)}.", family.remedy)
    if remote is None:
        raise family.unlisted(model)
    if _offline():
        raise ModelMissing(f"The {name} is not on this machine, and HF_HUB_OFFLINE is set.", family.remedy)
    if not weights_fetchable(model, family):
        raise ModelMissing(f"The {name} is not on this machine, and the hub does not answer for it.", family.remedy)
    for names in remote.groups:
        _download(remote.repository, names, family.remedy)
    if place := local_weights(model, family):
        return place
    raise SpaceError(f"The {name} was downloaded but is not in the hub's cache.", "Check HF_HOME.")


def _folder(model: str, family: ModelFamily) -> Path | None:
    """Return the folder that a name stands for, whether or not it exists."""
    if model.startswith(FOLDER):
        return Path(model.removeprefix(FOLDER)).expanduser()
    return family.bundled.get(model)


def _fault(folder: Path, family: ModelFamily) -> str:
    """Say what a model's folder lacks; empty if it is complete."""
    if not folder.is_dir():
        return f"there is no folder {folder}"
    if not (folder / family.config).is_file():
        return f"{folder} has no {family.config}"
    if not any(file.suffix in WEIGHTS_SUFFIXES for file in folder.iterdir()):
        return f"{folder} has no weights ({', '.join(f'*{suffix}' for suffix in WEIGHTS_SUFFIXES)})"
    return ""


def _remote(model: str, family: ModelFamily) -> HubRepository | None:
    """Find a model's repository on the hub."""
    if _folder(model, family):
        return None
    if model.startswith(HUB):
        return HubRepository(model.removeprefix(HUB), ((family.config,), family.weights))
    return family.listed(model)


def _cached(repository: str, names: tuple[str, ...]) -> Path | None:
    from huggingface_hub.constants import HF_HUB_CACHE

    # The rest of the hub's client takes a tenth of a second to import, and nothing of most models is here.
    if not Path(HF_HUB_CACHE, f"models--{repository.replace('/', '--')}").is_dir():
        return None
    from huggingface_hub import try_to_load_from_cache

    try:
        found = [try_to_load_from_cache(repository, name) for name in names]
    except ValueError:  # not a valid repository name
        return None
    return next((Path(path) for path in found if isinstance(path, str)), None)


def _download(repository: str, names: tuple[str, ...], remedy: str) -> None:
    """Download the first of the files that the repository has."""
    from huggingface_hub import hf_hub_download
    from huggingface_hub.errors import EntryNotFoundError, LocalEntryNotFoundError

    for name in names:
        try:
            hf_hub_download(repository, name)
        except EntryNotFoundError as missing:
            if isinstance(missing, LocalEntryNotFoundError):
                raise ModelMissing(f"{repository} cannot be fetched: the hub is out of reach.", remedy) from missing
        except Exception as failed:  # again a different class for each cause
            raise ModelMissing(f"{repository} cannot be fetched: {one_line(failed)}.", remedy) from failed
        else:
            return
    raise SpaceError(f"{repository} has no {' and no '.join(names)}.", remedy)


def _offline() -> bool:
    return any(os.environ.get(name, "").upper() in _TRUE for name in ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE"))


def one_line(failed: Exception) -> str:
    """Return the beginning of an exception's message without line breaks."""
    message = " ".join(str(failed).split()) or type(failed).__name__
    return message if len(message) <= _LONGEST_MESSAGE else f"{message[: _LONGEST_MESSAGE - 3]}..."


TOY = "toy"
_TOKENIZER = (("tokenizer.json",), ("tokenizer_config.json",))
"""Files of a tokenizer that is not CLIP's, in the repository of the weights."""


def _clip_listed(model: str) -> HubRepository | None:
    """Look up MODEL/PRETRAINED in our own table or, which takes seconds, in open_clip's."""
    if (known := known_model(model)) and known.repository:
        return HubRepository(known.repository, (CLIP.weights, *(_TOKENIZER if known.has_tokenizer else ())))
    from open_clip import get_pretrained_cfg

    name, _, tag = model.partition("/")
    place = (get_pretrained_cfg(name, tag) or {}).get("hf_hub", "")
    repository, _, file = place.rpartition("/")
    if not place:
        return None
    return HubRepository(repository, ((f"{Path(file).stem}.safetensors", file) if file else CLIP.weights,))


def _clip_unlisted(model: str) -> SpaceError:
    import open_clip

    name, _, tag = model.partition("/")
    tags = open_clip.list_pretrained_tags_by_model(name)
    example = f"Set clip.model to {name}/PRETRAINED, where PRETRAINED is one of: {', '.join(tags)}."
    if not tags:
        near = difflib.get_close_matches(model, [known.name for known in KNOWN_MODELS], 1)
        hint = f"Did you mean {near[0]}? " if near else ""
        return SpaceError(
            f"open_clip has no model {name!r} with weights.", f"{hint}{command('models', 'list')} names models to use."
        )
    if not tag:
        return SpaceError(f"The model {model!r} names no weights and would run on random ones.", example)
    return SpaceError(f"open_clip has no weights {tag!r} for {name}.", example)


CLIP = ModelFamily(
    noun="CLIP model",
    config="open_clip_config.json",
    weights=("open_clip_model.safetensors", "open_clip_pytorch_model.bin"),
    remedy="Give --space appearance to work without it, set clip.model to local-dir: and a folder, or go online once.",
    listed=_clip_listed,
    unlisted=_clip_unlisted,
    # Trained on drawn shapes by bench/toy_train.py for the demo and the tests; used only when named.
    bundled={TOY: Path(__file__).with_name(TOY)},
    value=model_value,
)


def _timm_listed(model: str) -> HubRepository | None:
    """Look up NAME or NAME.TAG in timm's own table."""
    import timm

    try:
        trained = timm.get_pretrained_cfg(model)
    except RuntimeError:  # the architecture is known, but it has no such weights
        return None
    if not trained or not trained.hf_hub_id:
        return None
    return HubRepository(trained.hf_hub_id, ((trained.hf_hub_filename,) if trained.hf_hub_filename else TIMM.weights,))


def _timm_unlisted(model: str) -> SpaceError:
    import timm

    similar = difflib.get_close_matches(model, timm.list_models(pretrained=True), n=3, cutoff=0.5)
    remedy = (
        f"Did you mean {' or '.join(similar)}?" if similar else "Name one of timm's models, for example timm:resnet50."
    )
    return SpaceError(f"timm has no model {model!r} with weights.", remedy)


TIMM = ModelFamily(
    noun="timm model",
    config="config.json",
    weights=("model.safetensors", "pytorch_model.bin"),
    remedy="Give another --space, timm:local-dir:FOLDER with weights and config.json, or go online once.",
    listed=_timm_listed,
    unlisted=_timm_unlisted,
)


def _matcher_unlisted(model: str) -> SpaceError:
    return SpaceError(f"There is no matching model {model!r}.", MATCHER.remedy)


MATCHER = ModelFamily(
    noun="matching model",
    config="config.json",
    weights=("model.safetensors", "pytorch_model.bin"),
    remedy=(
        "Give another --price, set solve.match_model to the hf-hub: or local-dir: of a SuperGlue or LightGlue model, "
        "or go online once."
    ),
    listed=lambda model: None,
    unlisted=_matcher_unlisted,
)

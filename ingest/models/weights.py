"""The families of models: how each is named, kept and fetched."""

import difflib
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from ...errors import SpaceError

FOLDER, HUB = "local-dir:", "hf-hub:"

_SUFFIXES = (".safetensors", ".bin", ".pth")
_PATIENCE = 3.0
_TRUE = {"1", "ON", "TRUE", "YES"}


@dataclass(frozen=True)
class HubRepository:
    """A repository of the hub, and of which files one is needed in each group."""

    repository: str
    groups: tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class ModelFamily:
    """Models that are named and kept in one way: in a folder, in a repository, or listed by a library."""

    noun: str
    config: str
    weights: tuple[str, ...]
    """What its repositories on the hub call their weights, the better format first."""
    remedy: str
    listed: Callable[[str], HubRepository | None]
    """Where a name lies that is neither a folder nor a repository."""
    unlisted: Callable[[str], SpaceError]
    """Why such a name is no model."""
    own: Mapping[str, Path] = field(default_factory=dict)
    """Folders of models that come with the program, by name."""


def local_weights(model: str, family: ModelFamily) -> Path | None:
    """What to load without the network: a folder with config and weights, or the weights file of a listed model."""
    if folder := _folder(model, family):
        return None if _lacking(folder, family) else folder
    if not (remote := _remote(model, family)):
        return None
    files = [_cached(remote.repository, names) for names in remote.groups]
    if not all(files):
        return None
    return files[0].parent if model.startswith(HUB) and files[0] else files[0]


def weights_here(model: str, family: ModelFamily) -> bool:
    """Whether the model can be loaded without the network."""
    return local_weights(model, family) is not None


def weights_fetchable(model: str, family: ModelFamily) -> bool:
    """Whether the hub answers for the model now; never asked when offline mode is set."""
    remote = _remote(model, family)
    if remote is None or _offline():
        return False
    from huggingface_hub import HfApi

    try:
        HfApi().model_info(remote.repository, timeout=_PATIENCE)
    except Exception:  # the hub's client raises a different class for each way to be out of reach
        return False
    return True


def fetch_from_hub(model: str, family: ModelFamily) -> Path:
    """Download what `located` did not find, and locate it; a SpaceError says why that cannot be."""
    remote = _remote(model, family)
    named = f"{family.noun} {model}"
    if folder := _folder(model, family):
        raise SpaceError(f"The {named} cannot be loaded: {_lacking(folder, family)}.", family.remedy)
    if remote is None:
        raise family.unlisted(model)
    if _offline():
        raise SpaceError(f"The {named} is not on this machine, and HF_HUB_OFFLINE is set.", family.remedy)
    if not weights_fetchable(model, family):
        raise SpaceError(f"The {named} is not on this machine, and the hub gives no answer for it.", family.remedy)
    for names in remote.groups:
        _download(remote.repository, names, family.remedy)
    if place := local_weights(model, family):
        return place
    raise SpaceError(f"The {named} was fetched, but is not in the hub's cache.", "Look at HF_HOME.")


def _folder(model: str, family: ModelFamily) -> Path | None:
    """The folder that a name means, whether or not it is there."""
    if model.startswith(FOLDER):
        return Path(model.removeprefix(FOLDER)).expanduser()
    return family.own.get(model)


def _lacking(folder: Path, family: ModelFamily) -> str:
    """What a model's folder has not got, in words; nothing when it is complete."""
    if not folder.is_dir():
        return f"there is no folder {folder}"
    if not (folder / family.config).is_file():
        return f"{folder} has no {family.config}"
    if not any(file.suffix in _SUFFIXES for file in folder.iterdir()):
        return f"{folder} has no weights ({', '.join(f'*{suffix}' for suffix in _SUFFIXES)})"
    return ""


def _remote(model: str, family: ModelFamily) -> HubRepository | None:
    """Where on the hub a model lies."""
    if _folder(model, family):
        return None
    if model.startswith(HUB):
        return HubRepository(model.removeprefix(HUB), ((family.config,), family.weights))
    return family.listed(model)


def _cached(repository: str, names: tuple[str, ...]) -> Path | None:
    from huggingface_hub import try_to_load_from_cache

    try:
        found = [try_to_load_from_cache(repository, name) for name in names]
    except ValueError:  # no repository can be called that
        return None
    return next((Path(path) for path in found if isinstance(path, str)), None)


def _download(repository: str, names: tuple[str, ...], remedy: str) -> None:
    """The first of the files that the repository has."""
    from huggingface_hub import hf_hub_download
    from huggingface_hub.errors import EntryNotFoundError, LocalEntryNotFoundError

    for name in names:
        try:
            hf_hub_download(repository, name)
        except EntryNotFoundError as missing:
            if isinstance(missing, LocalEntryNotFoundError):
                raise SpaceError(f"{repository} cannot be fetched: the hub is out of reach.", remedy) from missing
        except Exception as failed:  # again a class for each way to fail
            raise SpaceError(f"{repository} cannot be fetched: {one_line(failed)}.", remedy) from failed
        else:
            return
    raise SpaceError(f"{repository} has no {' and no '.join(names)}.", remedy)


def _offline() -> bool:
    return any(os.environ.get(name, "").upper() in _TRUE for name in ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE"))


def one_line(failed: Exception) -> str:
    """The beginning of what an exception says, without the line breaks."""
    said = " ".join(str(failed).split()) or type(failed).__name__
    return said if len(said) <= 300 else f"{said[:297]}..."


TOY = "toy"


def _clip_listed(model: str) -> HubRepository | None:
    """open_clip's own table knows MODEL/PRETRAINED."""
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
        return SpaceError(f"open_clip has no model {name!r} with weights.", "Set clip.model as settings.toml explains.")
    if not tag:
        return SpaceError(f"The model {model!r} names no weights, so it would run on random ones.", example)
    return SpaceError(f"open_clip knows no weights {tag!r} for {name}.", example)


CLIP = ModelFamily(
    noun="CLIP model",
    config="open_clip_config.json",
    weights=("open_clip_model.safetensors", "open_clip_pytorch_model.bin"),
    remedy="Give --space appearance to do without it, set clip.model to a local-dir: with weights, or go online once.",
    listed=_clip_listed,
    unlisted=_clip_unlisted,
    # Trained on drawn shapes by bench/toy_train.py: for the demo and the tests, and never taken unless it is named.
    own={TOY: Path(__file__).with_name(TOY)},
)


def _timm_listed(model: str) -> HubRepository | None:
    """timm's own table knows NAME and NAME.TAG."""
    import timm

    try:
        trained = timm.get_pretrained_cfg(model)
    except RuntimeError:  # the architecture is known, and no such weights for it
        return None
    if not trained or not trained.hf_hub_id:
        return None
    return HubRepository(trained.hf_hub_id, ((trained.hf_hub_filename,) if trained.hf_hub_filename else TIMM.weights,))


def _timm_unlisted(model: str) -> SpaceError:
    import timm

    known = timm.list_models(pretrained=True)
    near = difflib.get_close_matches(model, known, n=3, cutoff=0.5)
    remedy = f"Did you mean {' or '.join(near)}?" if near else "Name one of timm's models, for example timm:resnet50."
    return SpaceError(f"timm has no model {model!r} with weights.", remedy)


TIMM = ModelFamily(
    noun="timm model",
    config="config.json",
    weights=("model.safetensors", "pytorch_model.bin"),
    remedy="Give another --space, timm:local-dir:FOLDER with weights and config.json, or go online once.",
    listed=_timm_listed,
    unlisted=_timm_unlisted,
)


def _no_matcher(model: str) -> SpaceError:
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
    unlisted=_no_matcher,
)

"""Where a CLIP model's weights are, or how they can be had, found out without loading torch."""

import os
from dataclasses import dataclass
from pathlib import Path

from ..errors import SpaceError

CONFIG = "open_clip_config.json"
WEIGHTS = ("open_clip_model.safetensors", "open_clip_pytorch_model.bin")
"""What open_clip's repositories on the hub call their weights, the better format first."""

_FOLDER, _HUB = "local-dir:", "hf-hub:"
_SUFFIXES = (".safetensors", ".bin", ".pth")
_PATIENCE = 3.0
_TRUE = {"1", "ON", "TRUE", "YES"}
_REMEDY = "Give --space appearance to do without it, set clip.model to a local-dir: with weights, or go online once."


@dataclass(frozen=True)
class _Remote:
    """A repository of the hub, and of which files one is needed in each group."""

    repository: str
    groups: tuple[tuple[str, ...], ...]


def located(model: str) -> Path | None:
    """What to load without the network: a folder with config and weights, or the weights file of a MODEL/PRETRAINED."""
    if model.startswith(_FOLDER):
        folder = _folder(model)
        return None if _lacking(folder) else folder
    if not (remote := _remote(model)):
        return None
    files = [_cached(remote.repository, names) for names in remote.groups]
    if not all(files):
        return None
    return files[0].parent if model.startswith(_HUB) and files[0] else files[0]


def weights_here(model: str) -> bool:
    """Whether the model can be loaded without the network."""
    return located(model) is not None


def weights_fetchable(model: str) -> bool:
    """Whether the hub answers for the model now; never asked when offline mode is set."""
    remote = _remote(model)
    if remote is None or _offline():
        return False
    from huggingface_hub import HfApi

    try:
        HfApi().model_info(remote.repository, timeout=_PATIENCE)
    except Exception:  # the hub's client raises a different class for each way to be out of reach
        return False
    return True


def fetched(model: str) -> Path:
    """Download what `located` did not find, and locate it; a SpaceError says why that cannot be."""
    remote = _remote(model)
    if remote is None:
        raise _not_loadable(model)
    if _offline():
        raise SpaceError(f"The CLIP model {model} is not on this machine, and HF_HUB_OFFLINE is set.", _REMEDY)
    if not weights_fetchable(model):
        raise SpaceError(f"The CLIP model {model} is not on this machine, and the hub gives no answer for it.", _REMEDY)
    for names in remote.groups:
        _download(remote.repository, names)
    if place := located(model):
        return place
    raise SpaceError(f"The CLIP model {model} was fetched, but is not in the hub's cache.", "Look at HF_HOME.")


def _folder(model: str) -> Path:
    return Path(model.removeprefix(_FOLDER)).expanduser()


def _lacking(folder: Path) -> str:
    """What a model's folder has not got, in words; nothing when it is complete."""
    if not folder.is_dir():
        return f"there is no folder {folder}"
    if not (folder / CONFIG).is_file():
        return f"{folder} has no {CONFIG}"
    if not any(file.suffix in _SUFFIXES for file in folder.iterdir()):
        return f"{folder} has no weights ({', '.join(f'*{suffix}' for suffix in _SUFFIXES)})"
    return ""


def _remote(model: str) -> _Remote | None:
    """Where on the hub a model lies; open_clip's own table knows MODEL/PRETRAINED."""
    if model.startswith(_FOLDER):
        return None
    if model.startswith(_HUB):
        return _Remote(model.removeprefix(_HUB), ((CONFIG,), WEIGHTS))
    from open_clip import get_pretrained_cfg

    name, _, tag = model.partition("/")
    place = (get_pretrained_cfg(name, tag) or {}).get("hf_hub", "")
    repository, _, file = place.rpartition("/")
    return _Remote(repository, ((f"{Path(file).stem}.safetensors", file),) if file else (WEIGHTS,)) if place else None


def _cached(repository: str, names: tuple[str, ...]) -> Path | None:
    from huggingface_hub import try_to_load_from_cache

    try:
        found = [try_to_load_from_cache(repository, name) for name in names]
    except ValueError:  # no repository can be called that
        return None
    return next((Path(path) for path in found if isinstance(path, str)), None)


def _download(repository: str, names: tuple[str, ...]) -> None:
    """The first of the files that the repository has."""
    from huggingface_hub import hf_hub_download
    from huggingface_hub.errors import EntryNotFoundError, LocalEntryNotFoundError

    for name in names:
        try:
            hf_hub_download(repository, name)
        except EntryNotFoundError as missing:
            if isinstance(missing, LocalEntryNotFoundError):
                raise SpaceError(f"{repository} cannot be fetched: the hub is out of reach.", _REMEDY) from missing
        except Exception as failed:  # again a class for each way to fail
            raise SpaceError(f"{repository} cannot be fetched: {one_line(failed)}.", _REMEDY) from failed
        else:
            return
    raise SpaceError(f"{repository} has no {' and no '.join(names)}.", "Set clip.model to a model of open_clip's.")


def _offline() -> bool:
    return any(os.environ.get(name, "").upper() in _TRUE for name in ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE"))


def _not_loadable(model: str) -> SpaceError:
    """Why a name that the hub knows nothing of is no model."""
    if model.startswith(_FOLDER):
        return SpaceError(f"The CLIP model {model} cannot be loaded: {_lacking(_folder(model))}.", _REMEDY)
    import open_clip

    name, _, tag = model.partition("/")
    tags = open_clip.list_pretrained_tags_by_model(name)
    example = f"Set clip.model to {name}/PRETRAINED, where PRETRAINED is one of: {', '.join(tags)}."
    if not tags:
        return SpaceError(f"open_clip has no model {name!r} with weights.", "Set clip.model as settings.toml explains.")
    if not tag:
        return SpaceError(f"The model {model!r} names no weights, so it would run on random ones.", example)
    return SpaceError(f"open_clip knows no weights {tag!r} for {name}.", example)


def one_line(failed: Exception) -> str:
    """The beginning of what an exception says, without the line breaks."""
    said = " ".join(str(failed).split()) or type(failed).__name__
    return said if len(said) <= 300 else f"{said[:297]}..."

"""Where a model's weights are, or how they can be had, found out without loading torch."""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from ..errors import SpaceError

FOLDER, HUB = "local-dir:", "hf-hub:"

_SUFFIXES = (".safetensors", ".bin", ".pth")
_PATIENCE = 3.0
_TRUE = {"1", "ON", "TRUE", "YES"}


@dataclass(frozen=True)
class Remote:
    """A repository of the hub, and of which files one is needed in each group."""

    repository: str
    groups: tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class Family:
    """Models that are named and kept in one way: in a folder, in a repository, or listed by a library."""

    noun: str
    config: str
    weights: tuple[str, ...]
    """What its repositories on the hub call their weights, the better format first."""
    remedy: str
    listed: Callable[[str], Remote | None]
    """Where a name lies that is neither a folder nor a repository."""
    unlisted: Callable[[str], SpaceError]
    """Why such a name is no model."""
    own: Mapping[str, Path] = field(default_factory=dict)
    """Folders of models that come with the program, by name."""


def located(model: str, family: Family) -> Path | None:
    """What to load without the network: a folder with config and weights, or the weights file of a listed model."""
    if folder := _folder(model, family):
        return None if _lacking(folder, family) else folder
    if not (remote := _remote(model, family)):
        return None
    files = [_cached(remote.repository, names) for names in remote.groups]
    if not all(files):
        return None
    return files[0].parent if model.startswith(HUB) and files[0] else files[0]


def weights_here(model: str, family: Family) -> bool:
    """Whether the model can be loaded without the network."""
    return located(model, family) is not None


def weights_fetchable(model: str, family: Family) -> bool:
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


def fetched(model: str, family: Family) -> Path:
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
    if place := located(model, family):
        return place
    raise SpaceError(f"The {named} was fetched, but is not in the hub's cache.", "Look at HF_HOME.")


def _folder(model: str, family: Family) -> Path | None:
    """The folder that a name means, whether or not it is there."""
    if model.startswith(FOLDER):
        return Path(model.removeprefix(FOLDER)).expanduser()
    return family.own.get(model)


def _lacking(folder: Path, family: Family) -> str:
    """What a model's folder has not got, in words; nothing when it is complete."""
    if not folder.is_dir():
        return f"there is no folder {folder}"
    if not (folder / family.config).is_file():
        return f"{folder} has no {family.config}"
    if not any(file.suffix in _SUFFIXES for file in folder.iterdir()):
        return f"{folder} has no weights ({', '.join(f'*{suffix}' for suffix in _SUFFIXES)})"
    return ""


def _remote(model: str, family: Family) -> Remote | None:
    """Where on the hub a model lies."""
    if _folder(model, family):
        return None
    if model.startswith(HUB):
        return Remote(model.removeprefix(HUB), ((family.config,), family.weights))
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

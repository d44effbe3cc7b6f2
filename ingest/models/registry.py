"""Open embedders by the name of their space, and list and fetch the models behind them."""

from dataclasses import asdict, dataclass
from typing import Any

from ...errors import UsageError, command
from ...index.library import models_folder
from ...settings import TIMM_SPACE, NetworkSettings, Settings, library_folder
from .appearance import AppearanceEmbedder
from .clip import ClipEmbedder
from .embedder import Embedder
from .known import KNOWN_MODELS, KnownModel, check_licence, model_value
from .speed import speed_summary
from .timm import TimmEmbedder
from .views import TiledEmbedder
from .weights import CLIP, TIMM, fetch_from_hub, local_weights, weights_here


def open_embedder(name: str, settings: NetworkSettings) -> Embedder:
    """Open the embedder of a space; a network's weights are loaded at the first use.

    Raises:
        UsageError: If there is no such space.
    """
    if name == "appearance":
        return AppearanceEmbedder()
    if name == "clip":
        clip = ClipEmbedder(settings)
        return TiledEmbedder(clip) if settings.view == "tiles" else clip
    if name.startswith(TIMM_SPACE):
        return TimmEmbedder(name, settings)
    raise UsageError(f"There is no embedding space {name!r}.", "The spaces are appearance, clip and timm:MODEL.")


def has_network(name: str, settings: NetworkSettings) -> bool:
    """Tell whether the weights of a space are on this machine; only for spaces that need a model."""
    return weights_here(settings.model, CLIP) if name == "clip" else weights_here(name.removeprefix(TIMM_SPACE), TIMM)


def fetch_hint(name: str, settings: NetworkSettings) -> str:
    """Say how to fetch the weights of a space, with a leading space; empty if they are here or none are needed."""
    if (name != "clip" and not name.startswith(TIMM_SPACE)) or has_network(name, settings):
        return ""
    model = [] if name == "clip" else [name]
    return f" The weights of its model are not on this machine; {command('models', 'fetch', *model)} gets them."


@dataclass(frozen=True)
class FetchedModel:
    """Where a model's weights are; `state` is "here" or, if they have just been downloaded, "fetched"."""

    space: str
    model: str
    state: str
    place: str
    bytes: int


def fetch_weights(wanted: str | None, settings: Settings) -> FetchedModel:
    """Download the weights of a model of open_clip, `timm:MODEL` or `clip.model` unless they are on this machine.

    Raises:
        UsageError: If the space needs no model.
        SpaceError: If the weights cannot be fetched.
    """
    space, settings = resolve_model(wanted, settings)
    model, family = model_of(space, settings), {"clip": CLIP, "appearance": None}.get(space, TIMM)
    if family is None:
        raise UsageError("The appearance space needs no model.", "Name a model of open_clip, or timm:MODEL.")
    check_licence(model, settings.clip.research)
    here = local_weights(model, family)
    place = here or fetch_from_hub(model, family)
    files = [file for file in place.iterdir() if file.is_file()] if place.is_dir() else [place]
    size = sum(file.stat().st_size for file in files)
    return FetchedModel(space, model, "here" if here else "fetched", str(place), size)


def resolve_model(wanted: str | None, settings: Settings) -> tuple[str, Settings]:
    """Return the space of a model and settings that select it; without a name, those of CLIP."""
    if wanted == "appearance" or (wanted and wanted.startswith(TIMM_SPACE)):
        return wanted, settings
    if wanted is None or wanted == "clip":
        return "clip", settings
    return "clip", settings.model_copy(update={"clip": settings.clip.model_copy(update={"model": wanted})})


def model_of(space: str, settings: Settings) -> str:
    return model_value(settings.clip.model) if space == "clip" else space.removeprefix(TIMM_SPACE)


def list_models(settings: Settings) -> list[dict[str, Any]]:
    """List the models named in the settings, and then those that have a name, as `models list --json` prints them."""
    space = AppearanceEmbedder.space
    return [
        {"space": space.name, "model": space.model, "ready": True, "dimension": space.dimension, "needs": "nothing"},
        *(
            {
                "space": name,
                "model": model,
                "ready": has_network(name, settings.clip),
                "dimension": None,
                "needs": "weights on this machine, or the network once",
                "runs": speed_text(model, settings),
            }
            for name, model in used_networks(settings).items()
        ),
        *map(_known_row, KNOWN_MODELS),
    ]


def _known_row(known: KnownModel) -> dict[str, Any]:
    promised = asdict(known)
    del promised["repository"], promised["has_tokenizer"], promised["resize"]
    needs = "weights on this machine, or the network once" if known.repository else "nothing"
    return promised | {
        "space": "clip",
        "ready": weights_here(known.model, CLIP),
        "needs": needs,
        "view": "crop" if known.resize == "shortest" else "whole",
    }


def fetch_model(wanted: str | None, settings: Settings, *, quiet: bool = False) -> FetchedModel:
    """Fetch a model's weights as `fetch_weights` does; unless quiet, the hub's client shows its own progress bars."""
    from huggingface_hub.utils.tqdm import disable_progress_bars, enable_progress_bars

    if not quiet:
        return fetch_weights(wanted, settings)
    disable_progress_bars()
    try:
        return fetch_weights(wanted, settings)
    finally:
        enable_progress_bars()


def speed_text(model: str, settings: Settings) -> str:
    """Summarise the speed trial of a model on this machine; empty before the first ingest."""
    return speed_summary(models_folder(library_folder(settings)), model, settings.clip.speed)


def used_networks(settings: Settings) -> dict[str, str]:
    """Map the spaces in the settings that need a network to their models."""
    spaces = (settings.ingest.space, settings.solve.space, settings.solve.fused_with)
    return {"clip": model_value(settings.clip.model)} | {
        name: name.removeprefix(TIMM_SPACE) for name in spaces if name.startswith(TIMM_SPACE)
    }

"""CLIP through open_clip, loaded so that anything but the asked-for model is an error."""

from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

from ..errors import SpaceError
from ..frames import Floats
from ..settings import Clip as ClipSettings
from ..untrusted import read_object
from .families import CLIP
from .network import Loaded, Network, silence
from .strict import check_sizes, check_stated
from .weights import FOLDER, located, one_line


class Clip(Network):
    """The two towers of a CLIP model: an Embedder, and a TextEmbedder into the same space."""

    family = CLIP
    mend = "Correct it, set clip.model to another, or give --space appearance to do without."

    def __init__(self, settings: ClipSettings) -> None:
        super().__init__("clip", settings.model, settings)

    def _open(self, place: Path, device: str) -> Loaded:
        """Always from the disk, by the strict way: open_clip runs on random weights where it finds none."""
        model, preprocess, architecture = _created(self._model, place, device)
        return Loaded(model, preprocess, architecture, model.visual.preprocess_cfg)

    def encode(self, model: Any, batch: Any) -> Any:
        return model.encode_image(batch, normalize=True)

    def embed_texts(self, texts: Sequence[str]) -> Floats:
        tokens = self._tokenizer(list(texts))
        size = self._settings.batch
        parts = (tokens[at : at + size] for at in range(0, len(texts), size))
        return self._vectors(parts, lambda model, batch: model.encode_text(batch, normalize=True))

    @cached_property
    def _tokenizer(self) -> Any:
        """The tokenizer that the model names; most have one of their own within open_clip, and fetch nothing."""
        import open_clip

        _ = self._loaded
        place = located(self._model, CLIP)
        name = f"{FOLDER}{place}" if place and place.is_dir() else self._model.partition("/")[0]
        try:
            with silence():
                return open_clip.get_tokenizer(name)
        except Exception as failed:  # a tokenizer from elsewhere fails in as many ways as a model
            raise SpaceError(
                f"The words of {self._model} cannot be read: {one_line(failed)}.",
                "Where its tokenizer has to be fetched, go online once; or set clip.model to another.",
            ) from failed


def _created(name: str, place: Path, device: str) -> tuple[Any, Any, Mapping[str, Any]]:
    import open_clip

    if place.is_dir():
        _check_preprocessing(place)
        folder = f"local-dir:{place}"
        model, preprocess = open_clip.create_model_from_pretrained(folder, device=device)
        check_sizes(place, model)
        return model, preprocess, open_clip.get_model_config(folder)
    family, _, tag = name.partition("/")
    trained, architecture = open_clip.get_pretrained_cfg(family, tag), open_clip.get_model_config(family)
    _check_activation(family, tag, bool(trained.get("quick_gelu")), bool(architecture.get("quick_gelu")))
    preprocessing = {f"image_{key}": trained.get(key) for key in ("mean", "std", "interpolation", "resize_mode")}
    created = open_clip.create_model_from_pretrained(family, str(place), device=device, **preprocessing)
    return *created, architecture


def _check_preprocessing(folder: Path) -> None:
    """open_clip passes over a key that it does not know, and so over a change of every vector."""
    from open_clip.transform import PreprocessCfg

    stated = read_object(folder / CLIP.config).get("preprocess_cfg") or {}
    if unknown := sorted(set(stated) - set(vars(PreprocessCfg()))):
        raise SpaceError(
            f"{folder / CLIP.config} asks for preprocessing that open_clip does not know: {', '.join(unknown)}.",
            "Correct preprocess_cfg there, or upgrade open_clip_torch.",
        )
    check_stated(folder / CLIP.config, stated)


def _check_activation(family: str, tag: str, trained: bool, runs: bool) -> None:
    """A model run with another activation than it was trained with gives other numbers; open_clip only warns."""
    if trained != runs:
        other = f"{family}-quickgelu" if trained else family.removesuffix("-quickgelu")
        raise SpaceError(
            f"The weights {tag} of {family} were trained with another activation (QuickGELU) than {family} has.",
            f"Set clip.model to {other}/{tag}.",
        )

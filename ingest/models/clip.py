"""CLIP through open_clip, loaded so that anything but the asked-for model is an error."""

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

from ...errors import SpaceError
from ...media.types import Floats
from ...media.untrusted import read_object
from ...settings import NetworkSettings as ClipSettings
from .network import LoadedNetwork, NetworkEmbedder, silence
from .weights import CLIP, FOLDER, local_weights, one_line

_STATED = ("mean", "std")


def check_stated(config: Path, preprocessing: Mapping[str, Any]) -> None:
    """Without them open_clip takes those of other weights."""
    if missing := [key for key in _STATED if not preprocessing.get(key)]:
        raise SpaceError(
            f"{config} does not state the preprocessing's {' and '.join(missing)}.",
            "Add them to preprocess_cfg there, as the weights were trained with.",
        )


def check_sizes(folder: Path, model: Any) -> None:
    """Positions of another count are stretched to fit: another picture size or text length than was trained."""
    shapes = {name: tuple(tensor.shape) for name, tensor in model.state_dict().items()}
    for name, stored in _stored_shapes(folder):
        if stored != shapes.get(name, stored):
            raise SpaceError(
                f"{name} in the weights of {folder} is {_size(stored)}, and the config asks for {_size(shapes[name])}.",
                "Correct image_size or context_length in model_cfg there, or take the weights that belong to it.",
            )


def _stored_shapes(folder: Path) -> Iterator[tuple[str, tuple[int, ...]]]:
    """Of safetensors only, whose table of contents can be read alone."""
    from safetensors import safe_open

    for file in sorted(folder.glob("*.safetensors")):
        with safe_open(file, "np") as tensors:
            for name in tensors.keys():  # noqa: SIM118 - no mapping: it has nothing but keys()
                yield name, tuple(tensors.get_slice(name).get_shape())


def _size(shape: tuple[int, ...]) -> str:
    return " x ".join(map(str, shape)) or "one number"


class ClipEmbedder(NetworkEmbedder):
    """The two towers of a CLIP model: an Embedder, and a TextEmbedder into the same space."""

    family = CLIP
    mend = "Correct it, set clip.model to another, or give --space appearance to do without."

    def __init__(self, settings: ClipSettings) -> None:
        super().__init__("clip", settings.model, settings)

    def _open(self, place: Path, device: str) -> LoadedNetwork:
        """Always from the disk, by the strict way: open_clip runs on random weights where it finds none."""
        model, preprocess, architecture = _created(self._model, place, device)
        return LoadedNetwork(model, preprocess, architecture, model.visual.preprocess_cfg)

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
        place = local_weights(self._model, CLIP)
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

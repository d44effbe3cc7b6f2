"""The `clip` space: CLIP models of open_clip, loaded strictly, so that anything but the requested model is an error."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path
from typing import Any, cast

from ...errors import SpaceError
from ...media.types import Floats
from ...media.untrusted import read_object
from ...settings import NetworkSettings as ClipSettings
from .known import check_licence, known_model, model_value
from .network import LoadedNetwork, NetworkEmbedder, loading
from .views import resize_mode
from .weights import CLIP, FOLDER, HUB, local_weights

_NORMALIZATION = ("mean", "std")


def _check_normalization(config: Path, preprocessing: Mapping[str, Any]) -> None:
    """Require mean and standard deviation, because open_clip would substitute those of other weights."""
    if missing := [key for key in _NORMALIZATION if not preprocessing.get(key)]:
        raise SpaceError(
            f"{config} does not state {' and '.join(missing)} of the preprocessing.",
            "Add to preprocess_cfg there what the weights were trained with.",
        )


def _check_sizes(folder: Path, model: Any) -> None:
    """Compare the shapes of weights and config, because open_clip stretches position embeddings that do not fit."""
    shapes = {name: tuple(tensor.shape) for name, tensor in model.state_dict().items()}
    for name, stored in _stored_shapes(folder):
        if stored != shapes.get(name, stored):
            raise SpaceError(
                f"{name} in the weights of {folder} is {_size(stored)}, and the config asks for {_size(shapes[name])}.",
                "Correct image_size or context_length in model_cfg there, or use the weights that belong to it.",
            )


def _stored_shapes(folder: Path) -> Iterator[tuple[str, tuple[int, ...]]]:
    """Read tensor shapes from safetensors files, the only format that allows it without loading the tensors."""
    from safetensors import safe_open

    for file in sorted(folder.glob("*.safetensors")):
        with safe_open(file, "np") as tensors:
            for name in tensors.keys():  # noqa: SIM118 - not a mapping: it has only keys()
                yield name, tuple(tensors.get_slice(name).get_shape())


def _size(shape: tuple[int, ...]) -> str:
    return " x ".join(map(str, shape)) or "one number"


class ClipEmbedder(NetworkEmbedder):
    """Embed pictures and texts into one space with the two towers of a CLIP model."""

    family = CLIP
    remedy = "Correct it, set clip.model to another model, or give --space appearance to work without one."

    def __init__(self, settings: ClipSettings) -> None:
        super().__init__("clip", model_value(settings.model), settings)

    def _load(self) -> LoadedNetwork:
        check_licence(self._model, self._settings.research)
        return super()._load()

    def _open(self, place: Path, device: str) -> LoadedNetwork:
        model, preprocess, architecture = _create(self._model, place, device)
        trained = model.visual.preprocess_cfg
        seen = {**trained, "resize_mode": resize_mode(self._settings.view, trained["resize_mode"])}
        return LoadedNetwork(model, preprocess if seen == trained else _preprocess(seen), architecture, seen)

    @property
    def made_for(self) -> tuple[int, int, str]:
        """The tokens of a text, the side of a picture, and how pictures were resized in training."""
        model, preprocessing = self.model, self.model.visual.preprocess_cfg
        text = getattr(model, "text", model)
        size = preprocessing["size"]
        return int(text.context_length), size if isinstance(size, int) else max(size), preprocessing["resize_mode"]

    def encode(self, model: Any, batch: Any) -> Any:
        return model.encode_image(batch, normalize=True)

    def embed_texts(self, texts: Sequence[str]) -> Floats:
        tokens = self._tokenizer(list(texts))
        size = self._settings.batch
        parts = (tokens[at : at + size] for at in range(0, len(texts), size))
        return self._vectors(parts, lambda model, batch: model.encode_text(batch, normalize=True))

    @cached_property
    def _tokenizer(self) -> Any:
        """The tokenizer that the model names; most come with open_clip, and few have to be fetched."""
        import open_clip

        known = known_model(self._model)
        if known and known.has_tokenizer and find_spec("transformers") is None:
            raise SpaceError(
                f"The tokenizer of {known.name} needs transformers, which is not installed.",
                "Run `pip install '.[match]'`, or set clip.model to another model.",
            )
        _ = self._loaded
        name = _tokenizer_name(self._model, local_weights(self._model, CLIP))
        remedy = "If it has to be fetched, go online once; or set clip.model to another model."
        with loading(f"The tokenizer of {self._model}", remedy):
            return open_clip.get_tokenizer(name)


def _tokenizer_name(model: str, place: Path | None) -> str:
    """Return what open_clip finds the tokenizer by; one that is not CLIP's may be missing from a hub's folder."""
    if not place or not place.is_dir():
        return model.partition("/")[0]
    text = (read_object(place / CLIP.config).get("model_cfg") or {}).get("text_cfg") or {}
    has_files = (place / "tokenizer_config.json").is_file()
    return model if model.startswith(HUB) and text.get("hf_tokenizer_name") and not has_files else f"{FOLDER}{place}"


def _create(name: str, place: Path, device: str) -> tuple[Any, Any, Mapping[str, Any]]:
    """Load a model from disk only, because open_clip falls back to random weights if it finds none."""
    import open_clip

    if place.is_dir():
        _check_preprocessing(place)
        folder = f"{FOLDER}{place}"
        model, preprocess = open_clip.create_model_from_pretrained(folder, device=device)
        _check_sizes(place, model)
        return model, preprocess, open_clip.get_model_config(folder)
    family, _, tag = name.partition("/")
    trained, architecture = open_clip.get_pretrained_cfg(family, tag), open_clip.get_model_config(family)
    _check_activation(family, tag, bool(trained.get("quick_gelu")), bool(architecture.get("quick_gelu")))
    preprocessing = {f"image_{key}": trained.get(key) for key in ("mean", "std", "interpolation", "resize_mode")}
    created = open_clip.create_model_from_pretrained(family, str(place), device=device, **preprocessing)
    return *created, architecture


def _preprocess(config: Mapping[str, Any]) -> Callable[[Any], Any]:
    from open_clip.transform import PreprocessCfg, image_transform_v2

    return cast(Callable[[Any], Any], image_transform_v2(PreprocessCfg(**config), is_train=False))


def _check_preprocessing(folder: Path) -> None:
    """Reject unknown keys, because open_clip ignores a misspelt one and every vector changes."""
    from open_clip.transform import PreprocessCfg

    stated = read_object(folder / CLIP.config).get("preprocess_cfg") or {}
    if unknown := sorted(set(stated) - set(vars(PreprocessCfg()))):
        raise SpaceError(
            f"{folder / CLIP.config} asks for preprocessing that open_clip does not know: {', '.join(unknown)}.",
            "Correct preprocess_cfg there, or upgrade open_clip_torch.",
        )
    _check_normalization(folder / CLIP.config, stated)


def _check_activation(family: str, tag: str, trained: bool, runs: bool) -> None:
    """Reject an activation other than the trained one: it changes every vector, and open_clip only warns."""
    if trained != runs:
        other = f"{family}-quickgelu" if trained else family.removesuffix("-quickgelu")
        raise SpaceError(
            f"The weights {tag} of {family} were trained with another activation function than {family} runs with.",
            f"Set clip.model to {other}/{tag}.",
        )

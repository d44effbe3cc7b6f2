"""The `timm:MODEL` spaces: pooled features of timm's image classifiers, loaded strictly."""

from inspect import signature
from pathlib import Path
from sys import modules
from typing import Any

from ...errors import SpaceError
from ...media.untrusted import read_object
from ...settings import TIMM_SPACE, NetworkSettings
from .network import LoadedNetwork, NetworkEmbedder
from .weights import FOLDER, TIMM, WEIGHTS_SUFFIXES

_REQUIRED_KEYS = ("input_size", "interpolation", "crop_pct", "mean", "std")
"""Keys of the preprocessing that timm would replace by its own defaults, changing every vector."""
_RENAMERS = ("checkpoint_filter_fn", "_filter_fn", "_filter_torchvision_pretrained")
"""The names that timm's model families give to the function that translates tensor names of other projects."""
_TRAINING_ONLY = "num_batches_tracked"
"""A tensor that inference does not read and old weights files lack."""


class TimmEmbedder(NetworkEmbedder):
    """Embed pictures as a classifier's pooled features, with the preprocessing that its own config states."""

    family = TIMM
    remedy = "Correct it, or give another --space."

    def __init__(self, space: str, settings: NetworkSettings) -> None:
        super().__init__(space, space.removeprefix(TIMM_SPACE), settings)

    def _open(self, place: Path, device: str) -> LoadedNetwork:
        import timm
        from timm.data import create_transform, resolve_data_config

        if place.is_dir():
            _check_config(place / TIMM.config)
        file = _weights_file(place)
        # Override whatever the config says about where the weights are, so that the file checked is the file loaded.
        overlay = {"source": "", "file": str(file), "custom_load": False}
        name = f"{FOLDER}{place}" if place.is_dir() else self._model
        model = timm.create_model(name, pretrained=True, pretrained_cfg_overlay=overlay)
        if missing := _missing_tensors(model, file):
            raise SpaceError(f"The weights of the timm model {self._model} lack {', '.join(missing[:3])}.", self.remedy)
        preprocessing = resolve_data_config({}, pretrained_cfg=model.pretrained_cfg)
        if preprocessing["input_size"][0] != 3:
            raise SpaceError(f"The timm model {self._model} does not take colour pictures.", self.remedy)
        arguments = repr(getattr(model, "_model_args", {}))
        architecture = {"architecture": model.pretrained_cfg["architecture"], "arguments": arguments}
        return LoadedNetwork(model.to(device), create_transform(**preprocessing), architecture, preprocessing)

    def encode(self, model: Any, batch: Any) -> Any:
        return model.forward_head(model.forward_features(batch), pre_logits=True).flatten(1)


def _weights_file(place: Path) -> Path:
    if place.is_file():
        return place
    standard = [place / name for name in TIMM.weights]
    others = [file for suffix in WEIGHTS_SUFFIXES for file in sorted(place.glob(f"*{suffix}"))]
    return next(file for file in [*standard, *others] if file.is_file())


def _missing_tensors(model: Any, file: Path) -> list[str]:
    """List tensors that the weights lack, which timm ignores in some families and for other numbers of classes."""
    required = [name for name in model.state_dict() if not name.endswith(_TRAINING_ONLY)]
    stored = _stored_names(file)
    if not stored.issuperset(required):
        stored |= _translated_names(model, file)
    # timm drops the classifier's tensors if they are for another number of classes.
    dropped = _classifiers(model) if model.num_classes != model.pretrained_cfg["num_classes"] else ()
    return [name for name in required if name not in stored or name.startswith(dropped)]


def _stored_names(file: Path) -> set[str]:
    from timm.models import clean_state_dict, load_state_dict

    if file.suffix != ".safetensors":
        return set(load_state_dict(str(file)))
    from safetensors import safe_open

    with safe_open(file, "np") as tensors:
        return set(clean_state_dict(dict.fromkeys(tensors.keys())))


def _classifiers(model: Any) -> tuple[str, ...]:
    names = model.pretrained_cfg.get("classifier") or ()
    return tuple(f"{name}." for name in ([names] if isinstance(names, str) else names))


def _translated_names(model: Any, file: Path) -> set[str]:
    """List the names that timm gives to the tensors of another project's weights file."""
    from timm.models import load_state_dict

    family = vars(modules[type(model).__module__])
    rename = next((family[name] for name in _RENAMERS if name in family), None)
    if rename is None:
        return set()
    arguments = (load_state_dict(str(file)), model)[: len(signature(rename).parameters)]
    return set(rename(*arguments))


def _check_config(file: Path) -> None:
    """Require a complete and known preprocessing, because timm fills gaps with defaults and ignores unknown keys."""
    from timm.models import PretrainedCfg

    config = read_object(file)
    stated = config.get("pretrained_cfg") or config
    missing = [key for key in _REQUIRED_KEYS if not stated.get(key)]
    unknown = sorted(set(config.get("pretrained_cfg") or {}) - set(vars(PretrainedCfg())))
    if missing or unknown:
        fault = f"does not state {', '.join(missing)}" if missing else f"has a key unknown to timm: {unknown[0]}"
        raise SpaceError(f"The preprocessing in {file} {fault}.", "Correct pretrained_cfg there.")

"""Image classifiers of timm, loaded strictly; a picture's vector is what the network sees before it names it."""

from inspect import signature
from pathlib import Path
from sys import modules
from typing import Any

from ..errors import SpaceError
from ..settings import TIMM_SPACE
from ..settings import Clip as NetworkSettings
from ..untrusted import read_object
from .families import TIMM
from .network import Loaded, Network

_NEEDED = ("input_size", "interpolation", "crop_pct", "mean", "std")
_SUFFIXES = (".safetensors", ".pth", ".bin")
_RENAMERS = ("checkpoint_filter_fn", "_filter_fn", "_filter_torchvision_pretrained")
"""What timm's families call the function that turns other projects' names of tensors into their own."""
_UNUSED = "num_batches_tracked"
"""Counted in training and never read afterwards; old files have none."""


class Backbone(Network):
    """A classifier's pooled features as an Embedder, with the preprocessing that its own config states."""

    family = TIMM
    mend = "Correct it, or give another --space."

    def __init__(self, space: str, settings: NetworkSettings) -> None:
        super().__init__(space, space.removeprefix(TIMM_SPACE), settings)

    def _open(self, place: Path, device: str) -> Loaded:
        """Always from the disk, so that what is loaded is what was looked at."""
        import timm
        from timm.data import create_transform, resolve_data_config

        if place.is_dir():
            _check_config(place / TIMM.config)
        file = _weights_file(place)
        # Whatever the config says of where the weights lie and who reads them, it is this file, read by timm.
        own = {"source": "", "file": str(file), "custom_load": False}
        name = f"local-dir:{place}" if place.is_dir() else self._model
        model = timm.create_model(name, pretrained=True, pretrained_cfg_overlay=own)
        if missing := _missing(model, file):
            raise SpaceError(f"The weights of the timm model {self._model} lack {', '.join(missing[:3])}.", self.mend)
        preprocessing = resolve_data_config({}, pretrained_cfg=model.pretrained_cfg)
        if preprocessing["input_size"][0] != 3:
            raise SpaceError(f"The timm model {self._model} does not take colour pictures.", self.mend)
        arguments = repr(getattr(model, "_model_args", {}))
        architecture = {"architecture": model.pretrained_cfg["architecture"], "arguments": arguments}
        return Loaded(model.to(device), create_transform(**preprocessing), architecture, preprocessing)

    def encode(self, model: Any, batch: Any) -> Any:
        return model.forward_head(model.forward_features(batch), pre_logits=True).flatten(1)


def _weights_file(place: Path) -> Path:
    if place.is_file():
        return place
    usual = [place / name for name in TIMM.weights]
    others = [file for suffix in _SUFFIXES for file in sorted(place.glob(f"*{suffix}"))]
    return next(file for file in [*usual, *others] if file.is_file())


def _missing(model: Any, file: Path) -> list[str]:
    """Tensors that the weights do not give: timm passes over it in some families, and for another number of classes."""
    needed = [name for name in model.state_dict() if not name.endswith(_UNUSED)]
    given = _stored_names(file)
    if not given.issuperset(needed):
        given |= _renamed(model, file)
    dropped = _classifiers(model) if model.num_classes != model.pretrained_cfg["num_classes"] else ()
    return [name for name in needed if name not in given or name.startswith(dropped)]


def _stored_names(file: Path) -> set[str]:
    from timm.models import clean_state_dict, load_state_dict

    if file.suffix != ".safetensors":
        return set(load_state_dict(str(file)))
    from safetensors import safe_open

    with safe_open(file, "np") as tensors:
        return set(clean_state_dict(dict.fromkeys(tensors.keys())))


def _classifiers(model: Any) -> tuple[str, ...]:
    """timm drops them where they name other classes than the model."""
    named = model.pretrained_cfg.get("classifier") or ()
    return tuple(f"{name}." for name in ([named] if isinstance(named, str) else named))


def _renamed(model: Any, file: Path) -> set[str]:
    """The names that timm gives the tensors of a file that has another project's."""
    from timm.models import load_state_dict

    family = vars(modules[type(model).__module__])
    rename = next((family[name] for name in _RENAMERS if name in family), None)
    if rename is None:
        return set()
    arguments = (load_state_dict(str(file)), model)[: len(signature(rename).parameters)]
    return set(rename(*arguments))


def _check_config(file: Path) -> None:
    """What a config does not state timm replaces by its own defaults, and with them every vector."""
    from timm.models import PretrainedCfg

    config = read_object(file)
    stated = config.get("pretrained_cfg") or config
    missing = [key for key in _NEEDED if not stated.get(key)]
    unknown = sorted(set(config.get("pretrained_cfg") or {}) - set(vars(PretrainedCfg())))
    if missing or unknown:
        wrong = f"does not state {', '.join(missing)}" if missing else f"states what timm knows not: {unknown[0]}"
        raise SpaceError(f"The preprocessing in {file} {wrong}.", "Correct pretrained_cfg there.")

"""Image classifiers of timm, loaded strictly; a picture's vector is what the network sees before it names it."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

from ..errors import SpaceError
from ..settings import TIMM_SPACE
from ..settings import Clip as NetworkSettings
from ..untrusted import read_object
from .families import TIMM
from .network import Loaded, Network

_NEEDED = ("input_size", "interpolation", "crop_pct", "mean", "std")


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

        with _missing_tensors() as missing:
            if place.is_dir():
                _check_config(place / TIMM.config)
                model = timm.create_model(f"local-dir:{place}", pretrained=True)
            else:
                model = timm.create_model(self._model, pretrained=True, pretrained_cfg_overlay={"file": str(place)})
        if missing:
            raise SpaceError(f"The weights of the timm model {self._model} lack {', '.join(missing[:3])}.", self.mend)
        preprocessing = resolve_data_config({}, pretrained_cfg=model.pretrained_cfg)
        if preprocessing["input_size"][0] != 3:
            raise SpaceError(f"The timm model {self._model} does not take colour pictures.", self.mend)
        arguments = repr(getattr(model, "_model_args", {}))
        architecture = {"architecture": model.pretrained_cfg["architecture"], "arguments": arguments}
        return Loaded(model.to(device), create_transform(**preprocessing), architecture, preprocessing)

    def encode(self, model: Any, batch: Any) -> Any:
        return model.forward_head(model.forward_features(batch), pre_logits=True).flatten(1)


@contextmanager
def _missing_tensors() -> Iterator[list[str]]:
    """What models loaded meanwhile miss: timm passes over it in some families, and for another number of classes."""
    from torch.nn import Module

    missing: list[str] = []
    load = Module.load_state_dict

    def watched(self: Module, *arguments: Any, **options: Any) -> Any:
        done = load(self, *arguments, **options)
        missing.extend(done.missing_keys)
        return done

    with patch.object(Module, "load_state_dict", watched):
        yield missing


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

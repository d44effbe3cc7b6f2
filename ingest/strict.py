"""What open_clip makes up or bends without a word when it loads a folder, told before it changes every vector."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ..errors import SpaceError

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

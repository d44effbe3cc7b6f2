"""Quicker ways through a network than the exact one; how close each comes is for others to check."""

import copy
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from enum import StrEnum
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Protocol

import numpy as np

from ..frames import Floats
from ..index.whole import whole
from .network import Network, silence, units


class Way(Protocol):
    """Prepared pictures to unit vectors."""

    name: str

    def run(self, prepared: Sequence[Any]) -> Floats: ...


class Half:
    """Sixteen bits a number: bfloat16 on a CPU, float16 on a GPU."""

    name = "half"

    def __init__(self, network: Network) -> None:
        import torch

        self._network = network
        self._kind = torch.bfloat16 if network.device == "cpu" else torch.float16
        self._model = _in_halves(network.model, self._kind)

    def run(self, prepared: Sequence[Any]) -> Floats:
        import torch

        # Under inference_mode the same pass takes three times as long.
        with torch.no_grad():
            batches = (batch.to(self._network.device, self._kind) for batch in self._network.batches(prepared))
            parts = [self._network.encode(self._model, batch).float().cpu().numpy() for batch in batches]
        return units(np.concatenate(parts))


def _in_halves(model: Any, kind: Any) -> Any:
    """A copy whose weights are made one by one, so that there is never a second one in full."""
    from torch.nn import Parameter

    memo: dict[int, Any] = {}
    for parameter in model.parameters():
        memo[id(parameter)] = Parameter(parameter.detach().to(kind), requires_grad=False)
    for buffer in model.buffers():
        memo[id(buffer)] = buffer.to(kind) if buffer.is_floating_point() else buffer
    return copy.deepcopy(model, memo).eval()


class Int8:
    """ONNX Runtime with weights and products of 8 bits. Each picture goes alone, since the scale of its numbers would
    else depend on who else is in the batch; several go at once, one on each core."""

    name = "int8"

    def __init__(self, file: Path, threads: int) -> None:
        self._session = _session(file)
        self._input = self._session.get_inputs()[0].name
        self._threads = threads

    def run(self, prepared: Sequence[Any]) -> Floats:
        if self._threads == 1:
            return units(np.concatenate([self._one(picture) for picture in prepared]))
        with ThreadPoolExecutor(self._threads) as pool:
            return units(np.concatenate(list(pool.map(self._one, prepared))))

    def _one(self, picture: Any) -> Floats:
        return np.asarray(self._session.run(None, {self._input: picture.numpy()[None]})[0], np.float32)


class Weights(StrEnum):
    """How an int8 export stores its weights; activations are unsigned 8-bit numbers in all of them."""

    SIGNED = "s8"
    """Eight bits: exact where the processor adds products in 32 bits (VNNI and AMX on x86, ARM)."""
    NARROW = "s7"
    """Seven bits, half as exact: the sum of two products fits the 16 bits that AVX2 and plain AVX-512 add it in."""
    UNSIGNED = "u8"
    """Eight bits, multiplied by slower instructions that add in 32 bits on every processor."""


def int8_weights() -> tuple[Weights, ...]:
    """Return the formats worth a trial on this processor, the quickest first."""
    return (Weights.NARROW, Weights.UNSIGNED) if saturates(Weights.SIGNED) else (Weights.SIGNED,)


@cache
def saturates(weights: Weights) -> bool:
    """Whether ONNX Runtime's products with such weights overflow on this processor.

    It is tried on the largest numbers there are, because which instructions are used depends on the processor, the
    system and the build of ONNX Runtime. Without VNNI, x86 adds two products of signed weights in 16 bits and cuts off
    what does not fit.
    """
    size = 64
    with TemporaryDirectory() as folder:
        file = Path(folder) / "product.onnx"
        with silence():
            _quantise(_product(size), file, weights)
        found = _session(file).run(None, {"a": np.ones((size, size), np.float32)})[0]
    return not np.allclose(found, size, rtol=0.05)


def _product(size: int) -> Any:
    """A model that multiplies its input by ones."""
    from onnx import TensorProto, helper, numpy_helper

    ones = numpy_helper.from_array(np.ones((size, size), np.float32), "ones")
    shapes = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [size, size]) for name in ("a", "product")]
    node = helper.make_node("MatMul", ["a", "ones"], ["product"], "multiply")
    graph = helper.make_graph([node], "product", shapes[:1], shapes[1:], [ones])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)


def _session(file: Path) -> Any:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(str(file), options, providers=["CPUExecutionProvider"])


def export_int8(network: Network, sample: Any, file: Path, weights: Weights) -> Path:
    """The network as ONNX in 8 bits; the file is there whole or not at all."""
    with silence(), whole(file) as part:
        model = _exported(network, sample)
        # The shapes that export wrote down hold for its own example only, and quantising trusts them.
        del model.graph.value_info[:]
        _quantise(model, part, weights)
    return file


def _exported(network: Network, sample: Any) -> Any:
    import torch

    class Tower(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.model = network.model

        def forward(self, batch: Any) -> Any:
            return network.encode(self.model, batch)

    # An example of one picture would freeze the batch at one.
    example = (torch.stack([sample, sample]),)
    with torch.no_grad():
        program = torch.onnx.export(
            Tower().eval(), example, dynamo=True, dynamic_shapes=({0: torch.export.Dim("batch")},), verbose=False
        )
    assert program is not None
    return program.model_proto


def _quantise(model: Any, file: Path, weights: Weights) -> None:
    """Convolutions are left alone: in 8 bits they take four times as long."""
    from onnxruntime.quantization import QuantType, quantize_dynamic

    quantize_dynamic(
        model,
        str(file),
        op_types_to_quantize=["MatMul", "Gemm"],
        weight_type=QuantType.QUInt8 if weights is Weights.UNSIGNED else QuantType.QInt8,
        reduce_range=weights is Weights.NARROW,
        per_channel=True,
    )

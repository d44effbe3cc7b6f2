"""Faster backends for a network, and the processor that they run on.

The backends are half precision and int8. `speed` checks how close each comes to the exact vectors.
"""

import copy
import platform
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Protocol

import numpy as np

from ...media.files import atomic
from ...media.types import Floats
from .network import NetworkEmbedder, silence, unit_rows

_SATURATION_TOLERANCE = 0.05
"""Relative error allowed to rounding; a saturated sum of two products is off by far more."""
_OPSET = 18
"""The ONNX operator set of the model that tests for saturation."""
_IR_VERSION = 10
"""The ONNX file format of that model."""
_CPUINFO = Path("/proc/cpuinfo")
_ABILITIES: Mapping[str, frozenset[str]] = {
    "AVX2": frozenset({"avx2"}),
    "AVX-512": frozenset({"avx512f"}),
    "VNNI": frozenset({"avx512_vnni", "avx_vnni"}),
    "bfloat16": frozenset({"avx512_bf16", "amx_bf16", "bf16"}),
    "AMX": frozenset({"amx_int8"}),
    "dot products": frozenset({"asimddp"}),
    "I8MM": frozenset({"i8mm"}),
}
"""The names of each instruction set in /proc/cpuinfo, on x86 and on ARM."""
_FLAG_LISTS = ("flags", "Features")
"""The lines of /proc/cpuinfo that list instruction sets, on x86 and on ARM."""


@dataclass(frozen=True)
class Processor:
    architecture: str
    abilities: tuple[str, ...] = ()

    def __str__(self) -> str:
        return ", ".join((self.architecture, *self.abilities))


@cache
def this_processor() -> Processor:
    """Identify the processor; outside Linux, by its architecture only."""
    try:
        text = _CPUINFO.read_text(encoding="utf-8", errors="replace")
    except OSError:
        text = ""
    return Processor(platform.machine() or "unknown", abilities(text))


def abilities(cpuinfo: str) -> tuple[str, ...]:
    """List the instruction sets for arithmetic in the text of /proc/cpuinfo, assuming all cores are alike."""
    lines = (line.partition(":") for line in cpuinfo.splitlines())
    flags = next((set(value.split()) for name, _, value in lines if name.strip() in _FLAG_LISTS), set())
    return tuple(ability for ability, names in _ABILITIES.items() if flags & names)


class Backend(Protocol):
    """Turn prepared pictures into unit vectors."""

    name: str

    def run(self, prepared: Sequence[Any]) -> Floats: ...


class HalfPrecision:
    """Run the network with 16-bit numbers: bfloat16 on a CPU, float16 on a GPU."""

    name = "half"

    def __init__(self, network: NetworkEmbedder) -> None:
        import torch

        self._network = network
        self._dtype = torch.bfloat16 if network.device == "cpu" else torch.float16
        self._model = _half_copy(network.model, self._dtype)

    def run(self, prepared: Sequence[Any]) -> Floats:
        import torch

        # Under inference_mode the same pass takes three times as long.
        with torch.no_grad():
            batches = (batch.to(self._network.device, self._dtype) for batch in self._network.batches(prepared))
            parts = [self._network.encode(self._model, batch).float().cpu().numpy() for batch in batches]
        return unit_rows(np.concatenate(parts))


def _half_copy(model: Any, dtype: Any) -> Any:
    """Copy a model and convert its weights one by one, so that no second full-size copy is in memory."""
    from torch.nn import Parameter

    memo: dict[int, Any] = {}
    for parameter in model.parameters():
        memo[id(parameter)] = Parameter(parameter.detach().to(dtype), requires_grad=False)
    for buffer in model.buffers():
        memo[id(buffer)] = buffer.to(dtype) if buffer.is_floating_point() else buffer
    return copy.deepcopy(model, memo).eval()


class Int8:
    """Run an ONNX export with 8-bit weights and activations.

    Activations are scaled per call, so each picture is a call of its own: its vector must not depend on the rest of
    the batch. Several calls run in parallel, one per thread.
    """

    name = "int8"

    def __init__(self, file: Path, threads: int) -> None:
        self._session = _session(file)
        self._input = self._session.get_inputs()[0].name
        self._threads = threads

    def run(self, prepared: Sequence[Any]) -> Floats:
        if self._threads == 1:
            return unit_rows(np.concatenate([self._embed(picture) for picture in prepared]))
        with ThreadPoolExecutor(self._threads) as pool:
            return unit_rows(np.concatenate(list(pool.map(self._embed, prepared))))

    def _embed(self, picture: Any) -> Floats:
        return np.asarray(self._session.run(None, {self._input: picture.numpy()[None]})[0], np.float32)


class WeightFormat(StrEnum):
    """How an int8 export stores its weights; activations are unsigned 8-bit numbers in every format."""

    SIGNED = "s8"
    """Signed 8 bits: exact if the processor adds products in 32 bits (VNNI and AMX on x86, ARM)."""
    NARROW = "s7"
    """Signed 7 bits, half as exact: two products fit the 16 bits in which AVX2 and plain AVX-512 add them."""
    UNSIGNED = "u8"
    """Unsigned 8 bits: multiplied by slower instructions that add in 32 bits on every processor."""


def int8_weights() -> tuple[WeightFormat, ...]:
    """Return the formats worth a trial on this processor, the fastest first."""
    return (WeightFormat.NARROW, WeightFormat.UNSIGNED) if saturates(WeightFormat.SIGNED) else (WeightFormat.SIGNED,)


@cache
def saturates(weights: WeightFormat) -> bool:
    """Tell whether ONNX Runtime's products with such weights saturate on this processor.

    Multiplying the largest numbers shows it; the instructions used depend on the processor, the system and the build
    of ONNX Runtime. Without VNNI, x86 adds two products of signed weights in 16 bits and saturates.
    """
    size = 64  # rows and columns: any even number has pairs of products to add
    with TemporaryDirectory() as folder:
        file = Path(folder) / "product.onnx"
        with silence():
            _quantise(_ones_model(size), file, weights)
        product = _session(file).run(None, {"a": np.ones((size, size), np.float32)})[0]
    return not np.allclose(product, size, rtol=_SATURATION_TOLERANCE)


def _ones_model(size: int) -> Any:
    """Build an ONNX model that multiplies its input by ones."""
    from onnx import TensorProto, helper, numpy_helper

    ones = numpy_helper.from_array(np.ones((size, size), np.float32), "ones")
    shapes = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [size, size]) for name in ("a", "product")]
    node = helper.make_node("MatMul", ["a", "ones"], ["product"], "multiply")
    graph = helper.make_graph([node], "product", shapes[:1], shapes[1:], [ones])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", _OPSET)], ir_version=_IR_VERSION)


def _session(file: Path) -> Any:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3  # errors only
    return onnxruntime.InferenceSession(str(file), options, providers=["CPUExecutionProvider"])


def export_int8(network: NetworkEmbedder, sample: Any, file: Path, weights: WeightFormat) -> Path:
    """Export the network to ONNX with 8-bit weights; the file is written atomically."""
    with silence(), atomic(file, parents=True) as part:
        model = _export(network, sample)
        # The exported shapes hold for the example only, and quantising would trust them.
        del model.graph.value_info[:]
        _quantise(model, part, weights)
    return file


def _export(network: NetworkEmbedder, sample: Any) -> Any:
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


def _quantise(model: Any, file: Path, weights: WeightFormat) -> None:
    """Quantise matrix products only; convolutions take four times as long in 8 bits."""
    from onnxruntime.quantization import QuantType, quantize_dynamic

    quantize_dynamic(
        model,
        str(file),
        op_types_to_quantize=["MatMul", "Gemm"],
        weight_type=QuantType.QUInt8 if weights is WeightFormat.UNSIGNED else QuantType.QInt8,
        reduce_range=weights is WeightFormat.NARROW,
        per_channel=True,
    )

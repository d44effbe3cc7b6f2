"""What the processor of this machine is and can do, as far as it decides how quickly a network runs."""

import platform
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

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
"""What Linux calls each ability, on x86 and on ARM."""
_LISTS = ("flags", "Features")


@dataclass(frozen=True)
class Processor:
    architecture: str
    abilities: tuple[str, ...] = ()

    def __str__(self) -> str:
        return ", ".join((self.architecture, *self.abilities))


@cache
def this_processor() -> Processor:
    """Read the abilities from Linux; other systems tell only the architecture."""
    try:
        text = _CPUINFO.read_text(encoding="utf-8", errors="replace")
    except OSError:
        text = ""
    return Processor(platform.machine() or "unknown", abilities(text))


def abilities(cpuinfo: str) -> tuple[str, ...]:
    """Pick out of the text of /proc/cpuinfo what matters for arithmetic; every core is taken to be like the first."""
    lines = (line.partition(":") for line in cpuinfo.splitlines())
    flags = next((set(value.split()) for name, _, value in lines if name.strip() in _LISTS), set())
    return tuple(ability for ability, names in _ABILITIES.items() if flags & names)

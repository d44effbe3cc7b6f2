"""Identify this machine's processor by the instruction sets that decide how fast a network runs."""

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

"""What is compared: the product under choices of its settings, and its peers, each as a command.

A command is given the scrambled video and the name of the file in which it is to leave its answer: JSON
with `order` and `dropped`, or with `unavailable`, the reason why it cannot be had on this machine.
"""

import hashlib
import json
import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import reelweave
from reelweave.errors import ReelweaveError, UsageError
from reelweave.settings import load

Overrides = Mapping[str, Any]

BENCH = Path(__file__).resolve().parent
PEERS_FOLDER = Path(".bench/peers")

_PRICES = (
    "huber",
    "changes",
    "small-changes",
    "difference",
    "coarse-difference",
    "scroll",
    "tangent",
    "cosine",
    "histogram",
    "sift",
    "match",
    "flow",
)

METHODS: dict[str, Overrides] = {
    "reelweave": {},
    "thorough": {"solve.thorough": True},
    **{f"price={price}": {"solve.price": price} for price in _PRICES},
    **{f"rule={rule}": {"outliers.rule": rule} for rule in ("density", "dbscan", "hdbscan")},
    **{f"space={space}": {"ingest.space": "all", "solve.space": space} for space in ("clip", "fused")},
    "space=timm": dict.fromkeys(("ingest.space", "solve.space"), "timm:vit_small_patch14_dinov2.lvd142m"),
}
"""Choices of settings by name; what the settings in force do not know is reported as not run."""

GROUPS = {
    name: ["reelweave", *(method for method in METHODS if method.startswith(f"{name}="))]
    for name in ("price", "rule", "space")
} | {"all": list(METHODS)}

PEERS = ("video-descrambler", "seriate", "fast-tsp", "nearest-neighbour")

_ORDERING_CODE = ("solve", "ingest", "index", "media")
_JUDGING_CODE = ("evaluate",)
_ORDERING_SETTINGS = ("ingest", "clip", "neighbours", "outliers", "solve")


@dataclass(frozen=True)
class Method:
    """A result holds for one `version` only; `missing` says why it cannot be run here, if so."""

    name: str
    command: tuple[str, ...]
    version: str
    missing: str = ""


def chosen_methods(words: Sequence[str]) -> list[Method]:
    """Methods by name, by the name of a group, or as NAME:key=value,key=value."""
    chosen: dict[str, Overrides] = {}
    for word in words:
        for name in GROUPS.get(word, [word]):
            key, overrides = _spelled_out(name) if ":" in name else (name, METHODS.get(name))
            if overrides is None:
                raise UsageError(f"There is no method {name}.", f"There are {', '.join([*METHODS, *GROUPS])}.")
            chosen[key] = overrides
    return [ours(name, overrides) for name, overrides in chosen.items()]


def _spelled_out(word: str) -> tuple[str, Overrides]:
    name, _, pairs = word.partition(":")
    overrides = {}
    for pair in pairs.split(","):
        key, equals, value = pair.partition("=")
        if not name or not key or not equals:
            raise UsageError(f"{word} is no method.", "Write it as NAME:key=value,key=value.")
        overrides[key] = value
    return name, overrides


def ours(name: str, overrides: Overrides) -> Method:
    """The product, under its settings in force and these."""
    asked = {"ingest.space": "appearance", **overrides}
    try:
        settings = load(asked).model_dump(include=set(_ORDERING_SETTINGS))
    except ReelweaveError as refused:
        return Method(name, (), "", refused.cause)
    version = digest(_code(*_ORDERING_CODE, *_JUDGING_CODE), json.dumps(settings, sort_keys=True))
    return Method(name, _python("ours.py", "--settings", json.dumps(asked)), version)


def chosen_peers(names: Sequence[str], folder: Path) -> list[Method]:
    """Peers by name, each from its own environment in the folder that peers/setup.py made."""
    unknown = [name for name in names if name not in PEERS]
    if unknown:
        raise UsageError(f"There is no peer {unknown[0]}.", f"There are {', '.join(PEERS)}.")
    return [_peer(name, folder) for name in names]


def _peer(name: str, folder: Path) -> Method:
    code = [(BENCH / "peers" / "baselines.py").read_bytes()]
    if name == "nearest-neighbour":
        return Method(name, _python("peers/baselines.py", name), digest(_code(*_ORDERING_CODE, *_JUDGING_CODE), *code))
    python = folder.resolve() / name / "bin" / "python"
    script, pins = BENCH / "peers" / f"run-{name}.py", BENCH / "peers" / f"{name}.txt"
    code = [script.read_bytes(), pins.read_bytes()] + (code if name == "fast-tsp" else [])
    # Only what is given our own prices changes when they do.
    version = digest(_code(*_JUDGING_CODE, *(_ORDERING_CODE if name == "fast-tsp" else ())), *code)
    if not python.exists():
        return Method(name, (), version, f"it is not installed: python bench/peers/setup.py {folder}")
    if name == "fast-tsp":
        return Method(name, _python("peers/baselines.py", name, "--python", str(python)), version)
    return Method(name, (str(python), str(script)), version)


def _python(script: str, *arguments: str) -> tuple[str, ...]:
    return sys.executable, str(BENCH / script), *arguments


def _code(*names: str) -> bytes:
    """The text of modules and rooms of the product."""
    root = Path(reelweave.__file__).parent
    files = [file for name in names for file in _files(root / name)]
    return b"\0".join(str(file.relative_to(root)).encode() + b"\0" + file.read_bytes() for file in files)


def _files(place: Path) -> Iterable[Path]:
    return sorted(place.rglob("*.py")) if place.is_dir() else [place]


def digest(*parts: str | bytes) -> str:
    together = hashlib.sha256()
    for part in parts:
        together.update(hashlib.sha256(part.encode() if isinstance(part, str) else part).digest())
    return together.hexdigest()[:12]


def environment(scratch: Path, threads: int) -> dict[str, str]:
    """What every run finds: as many threads as every other, and scratch space that goes with the case."""
    names = ("OMP", "OPENBLAS", "MKL", "NUMEXPR")
    found = {**os.environ, **{f"{name}_NUM_THREADS": str(threads) for name in names}, "TMPDIR": str(scratch)}
    # Installed programs do not compile their modules in each run.
    found.pop("PYTHONDONTWRITEBYTECODE", None)
    return found

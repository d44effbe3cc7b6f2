"""Which way through a network is the quickest here and close enough: tried once, and remembered."""

import hashlib
import json
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import asdict
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np

from ..frames import Floats, Picture
from ..index.whole import whole
from .embedder import CLOSE, EXACT
from .network import Network
from .verdict import Tried, Verdict, read_verdict
from .ways import Half, Int8, Way, export_int8
from .weights import one_line

_FORMAT = 1
_FRAMES, _ROUNDS = 4, 2
_QUICK_ENOUGH = 0.01
"""Seconds a picture under which decoding is what takes the time, and nothing is worth a trial."""
_PACKAGES = ("numpy", "onnx", "onnxruntime", "onnxscript", "torch")


class Trial:
    """What is made and remembered lies in `folder`, under a name that changes with all that it depends on."""

    def __init__(self, network: Network, speed: str, folder: Path, note: Callable[[str], None]) -> None:
        self._network, self._speed, self._folder, self._note = network, speed, folder, note

    def way(self, frames: Sequence[Any]) -> Way | None:
        """The way to take, None for the exact one; frames of the video are on trial beside drawn pictures."""
        if self._speed == EXACT:
            return None
        verdict = read_verdict(self._file("json"))
        if verdict is None:
            self._note(f"{self._network.space.model}: trying once which way it runs best here; this can take a minute.")
            verdict = self._held(frames)
            self._keep(verdict)
            self._note(f"{verdict.model} runs as {verdict}.")
        if verdict.chosen == EXACT:
            return None
        try:
            return self._open(verdict.chosen, frames[0])
        except Exception:  # what was made is gone or damaged, and no library says so in one class
            self._file("json").unlink(missing_ok=True)
            self._file("onnx").unlink(missing_ok=True)
            return None

    def _held(self, frames: Sequence[Any]) -> Verdict:
        some = np.linspace(0, len(frames) - 1, min(_FRAMES, len(frames)), dtype=int)
        sample = [frames[place] for place in some] + [self._network.prepare(picture) for picture in drawn_pictures()]
        truth = self._network.exact(sample)
        exact = Tried(EXACT, 1 / _seconds(self._network.exact, sample), 1.0)
        enough = self._speed == "auto" and exact.pictures_a_second * _QUICK_ENOUGH > 1
        tried = [exact, *(self._try(name, sample, truth) for name in self._candidates() if not enough)]
        best = max((one for one in tried if not one.refused), key=lambda one: self._worth(one))
        return Verdict(self._network.space.model, self._network.device, self._speed, best.way, tuple(tried))

    def _worth(self, tried: Tried) -> float:
        """What was asked for by name is taken although another may be quicker."""
        asked = tried.way == self._speed
        return float("inf") if asked else tried.pictures_a_second

    def _candidates(self) -> list[str]:
        if self._speed != "auto":
            return [self._speed]
        return ["half", "int8"] if self._network.device == "cpu" else ["half"]

    def _try(self, name: str, sample: Sequence[Any], truth: Floats) -> Tried:
        if name == "int8" and self._network.device != "cpu":
            return Tried(name, refused="it is for the CPU")
        try:
            way = self._open(name, sample[0])
            cosine = float((way.run(sample) * truth).sum(axis=1).min())
            speed = 1 / _seconds(way.run, sample)
        except Exception as failed:  # exporters and runtimes raise many classes where they do not know a model
            return Tried(name, refused=one_line(failed))
        close = cosine >= CLOSE  # which a vector of no numbers is not
        return Tried(name, speed, cosine, "" if close else f"cosine to exact only {cosine:.4f}")

    def _open(self, name: str, sample: Any) -> Way:
        if name == "half":
            return Half(self._network)
        import torch

        file = self._file("onnx")
        if not file.exists():
            export_int8(self._network, sample, file)
        return Int8(file, torch.get_num_threads())

    def _file(self, suffix: str) -> Path:
        import torch

        space = self._network.space
        parts = [_FORMAT, space.weights, space.preprocessing, *map(_version, _PACKAGES)]
        if suffix == "json":
            parts += [self._speed, self._network.device, torch.get_num_threads()]
        return self._folder / f"{hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:24]}.{suffix}"

    def _keep(self, verdict: Verdict) -> None:
        """A library that is full goes on without: the trial is only held again."""
        with suppress(OSError):
            with whole(self._file("json")) as part:
                part.write_text(json.dumps(asdict(verdict)), encoding="utf-8")
            if verdict.chosen != "int8":
                self._file("onnx").unlink(missing_ok=True)


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""


def _seconds(run: Callable[[Sequence[Any]], Floats], sample: Sequence[Any]) -> float:
    """A picture, at its best: other work can only slow it down."""
    best = float("inf")
    for _ in range(_ROUNDS):
        begun = perf_counter()
        run(sample)
        best = min(best, perf_counter() - begun)
    return best / len(sample)


def drawn_pictures() -> list[Picture]:
    """Colours in coarse and in fine grain, and lines: the same every time."""
    import cv2

    rng, found = np.random.default_rng(0), []
    for cells in (1, 2, 4, 8, 16, 64, 240):
        grain = rng.integers(0, 256, (cells, cells, 3)).astype(np.uint8)
        found.append(np.asarray(cv2.resize(grain, (320, 240), interpolation=cv2.INTER_CUBIC), np.uint8))
    lines = np.full((240, 320, 3), 235, np.uint8)
    for place in range(10, 240, 20):
        cv2.line(lines, (0, place), (319, 240 - place), (20, place, 160), 2)
    return [*found, lines]

"""Which way through a network is the quickest here and close enough: tried once, and remembered."""

import hashlib
import json
from collections.abc import Callable, Sequence
from contextlib import nullcontext, suppress
from dataclasses import asdict, replace
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ..frames import Floats, Picture
from ..index.whole import whole
from .embedder import CLOSE, EXACT
from .network import Network
from .processor import this_processor
from .timing import Clock, clock_for, least_seconds, one_thread
from .verdict import Tried, Verdict, read_verdict
from .ways import Half, Int8, Way, Weights, export_int8, int8_weights
from .weights import one_line

_FORMAT = 2
_FRAMES = 4
_ROUNDS = 3
"""Of which each way's best counts: the first also fills caches, and one may be spoilt by other work."""
_QUICK_ENOUGH = 0.01
"""Seconds a picture under which decoding is what takes the time, and nothing is worth a trial."""
_PACKAGES = ("numpy", "onnx", "onnxruntime", "onnxscript", "torch")

Run = Callable[[Sequence[Any]], Floats]


class Contender(NamedTuple):
    """A way on trial, its speed still unknown; `run` is None where it is refused."""

    tried: Tried
    run: Run | None = None


class Trial:
    """What is made and remembered lies in `folder`, under a name that changes with all that it depends on."""

    def __init__(
        self,
        network: Network,
        speed: str,
        folder: Path,
        note: Callable[[str], None],
        clock: Clock | None = None,
    ) -> None:
        self._network, self._speed, self._folder, self._note = network, speed, folder, note
        self._clock = clock

    def way(self, frames: Sequence[Any]) -> Way | None:
        """The way to take, None for the exact one; frames of the video are on trial beside drawn pictures."""
        if self._speed == EXACT:
            return None
        verdict = read_verdict(self._verdict_file())
        if verdict is None:
            self._note(f"{self._network.space.model}: trying once which way it runs best here; this can take a minute.")
            verdict = self._held(frames)
            self._keep(verdict)
            self._note(f"{verdict.model} runs as {verdict}.")
        if verdict.chosen == EXACT:
            return None
        try:
            return self._open(verdict.chosen, verdict.weights, frames[0], _threads())
        except Exception:  # what was made is gone or damaged, and no library says so in one class
            self._verdict_file().unlink(missing_ok=True)
            for weights in int8_weights():
                self._export_file(weights).unlink(missing_ok=True)
            return None

    def _held(self, frames: Sequence[Any]) -> Verdict:
        some = np.linspace(0, len(frames) - 1, min(_FRAMES, len(frames)), dtype=int)
        sample = [frames[place] for place in some] + [self._network.prepare(picture) for picture in drawn_pictures()]
        with one_thread() if self._network.device == "cpu" else nullcontext():
            tried = self._compared(sample)
        best = max((one for one in tried if not one.refused), key=self._worth)
        return Verdict(
            self._network.space.model,
            self._network.device,
            self._speed,
            best.way,
            tuple(tried),
            str(this_processor()),
            best.weights,
        )

    def _compared(self, sample: Sequence[Any]) -> list[Tried]:
        """Every way with its speed; the exact one alone where that is quick enough."""
        truth = self._network.exact(sample)
        exact = Contender(Tried(EXACT, cosine=1.0), self._network.exact)
        (alone,) = self._timed([exact], sample, rounds=1)
        if self._speed == "auto" and alone.pictures_a_second * _QUICK_ENOUGH > 1:
            return [alone]
        return self._timed([exact, *(self._contender(name, sample, truth) for name in self._candidates())], sample)

    def _timed(self, contenders: Sequence[Contender], sample: Sequence[Any], rounds: int = _ROUNDS) -> list[Tried]:
        runs = {one.tried.way: partial(one.run, sample) for one in contenders if one.run}
        seconds = least_seconds(runs, rounds, self._clock or clock_for(self._network.device))
        return [
            replace(one.tried, pictures_a_second=len(sample) / seconds[one.tried.way]) if one.run else one.tried
            for one in contenders
        ]

    def _worth(self, tried: Tried) -> float:
        """What was asked for by name is taken although another may be quicker."""
        asked = tried.way == self._speed
        return float("inf") if asked else tried.pictures_a_second

    def _candidates(self) -> list[str]:
        if self._speed != "auto":
            return [self._speed]
        return ["half", "int8"] if self._network.device == "cpu" else ["half"]

    def _contender(self, name: str, sample: Sequence[Any], truth: Floats) -> Contender:
        if name != "int8":
            return self._checked(name, "", sample, truth)
        found = Contender(Tried(name, refused="it is for the CPU"))
        if self._network.device == "cpu":
            for weights in int8_weights():
                found = self._checked(name, weights, sample, truth)
                if found.run:
                    break
        return found

    def _checked(self, name: str, weights: str, sample: Sequence[Any], truth: Floats) -> Contender:
        """Try one way for how close it comes; a way that fails or is not close enough is refused."""
        try:
            # One thread, whose CPU time is then all that it costs.
            way = self._open(name, weights, sample[0], threads=1)
            cosine = float((way.run(sample) * truth).sum(axis=1).min())
        except Exception as failed:  # exporters and runtimes raise many classes where they do not know a model
            return Contender(Tried(name, refused=one_line(failed), weights=weights))
        if cosine >= CLOSE:  # which a vector of no numbers is not
            return Contender(Tried(name, cosine=cosine, weights=weights), way.run)
        return Contender(Tried(name, cosine=cosine, refused=f"cosine to exact only {cosine:.4f}", weights=weights))

    def _open(self, name: str, weights: str, sample: Any, threads: int) -> Way:
        if name == "half":
            return Half(self._network)
        file = self._export_file(Weights(weights))
        if not file.exists():
            export_int8(self._network, sample, file, Weights(weights))
        return Int8(file, threads)

    def _export_file(self, weights: Weights) -> Path:
        return self._file([weights], "onnx")

    def _verdict_file(self) -> Path:
        """Named after the processor too: in a library that moves, or is shared, each machine has its own."""
        on = [self._speed, self._network.device, str(this_processor()), *int8_weights()]
        return self._file(on, "json")

    def _file(self, more: Sequence[str], suffix: str) -> Path:
        space = self._network.space
        parts = [_FORMAT, space.weights, space.preprocessing, *map(_version, _PACKAGES), *more]
        return self._folder / f"{hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:24]}.{suffix}"

    def _keep(self, verdict: Verdict) -> None:
        """A library that is full goes on without: the trial is only held again."""
        with suppress(OSError):
            with whole(self._verdict_file()) as part:
                part.write_text(json.dumps(asdict(verdict)), encoding="utf-8")
            for weights in int8_weights():
                if weights != verdict.weights:
                    self._export_file(weights).unlink(missing_ok=True)


def _threads() -> int:
    import torch

    return torch.get_num_threads()


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""


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

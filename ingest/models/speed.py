"""A network that takes in frames the quickest way this machine has, as far as it stays close to the exact one."""

import hashlib
import json
from collections.abc import Callable, Sequence
from contextlib import nullcontext, suppress
from dataclasses import asdict, dataclass, replace
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ...media.files import atomic_write
from ...media.types import Floats, Picture, Space
from ...media.untrusted import checked, read_json
from ...settings import NetworkSettings
from .backends import Backend, HalfPrecision, Int8, Weights, export_int8, int8_weights
from .embedder import CLOSE, EXACT, EmbeddedBatch, Embedder
from .network import NetworkEmbedder
from .processor import this_processor
from .timing import Clock, clock_for, least_seconds, one_thread
from .weights import one_line


@dataclass(frozen=True)
class BackendTrial:
    """One way on trial; `refused` says why it is not taken, and is empty where it may be."""

    way: str
    pictures_a_second: float = 0.0
    """On one core of a CPU, by its CPU time."""
    cosine: float = 0.0
    refused: str = ""
    weights: str = ""
    """How an int8 way stores them."""


@dataclass(frozen=True)
class SpeedVerdict:
    """What came of a trial, as it is kept."""

    model: str
    device: str
    speed: str
    chosen: str
    tried: tuple[BackendTrial, ...]
    processor: str = ""
    weights: str = ""
    """Those of the chosen way, where there are several kinds."""

    def __str__(self) -> str:
        by_name = {tried.way: tried for tried in self.tried}
        exact, best = by_name[EXACT].pictures_a_second, by_name[self.chosen]
        refused = "".join(f"; {tried.way}: {tried.refused}" for tried in self.tried if tried.refused)
        pace = "pictures a second on one core" if self.device == "cpu" else "pictures a second"
        if self.chosen == EXACT:
            return f"exact, {exact:.3g} {pace}{refused}"
        told = f"{best.pictures_a_second:.3g} {pace} (exact: {exact:.3g})"
        return f"{self.chosen}, {told}, cosine to exact at least {best.cosine:.4f}{refused}"


def speed_summary(folder: Path, model: str, speed: str) -> str:
    """How a model runs on this processor, in words; empty where no trial has been held."""
    asked = (model, speed, str(this_processor()))
    files = sorted(folder.glob("*.json"), key=lambda file: file.stat().st_mtime_ns, reverse=True)
    verdicts = (verdict for file in files if (verdict := read_speed_verdict(file)))
    return next(
        (str(verdict) for verdict in verdicts if (verdict.model, verdict.speed, verdict.processor) == asked), ""
    )


def read_speed_verdict(file: Path) -> SpeedVerdict | None:
    try:
        verdict = checked(SpeedVerdict, read_json(file))
    except (OSError, ValueError):
        return None
    return verdict if {EXACT, verdict.chosen} <= {tried.way for tried in verdict.tried} else None


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

    tried: BackendTrial
    run: Run | None = None


class SpeedTrial:
    """What is made and remembered lies in `folder`, under a name that changes with all that it depends on."""

    def __init__(
        self,
        network: NetworkEmbedder,
        speed: str,
        folder: Path,
        note: Callable[[str], None],
        clock: Clock | None = None,
    ) -> None:
        self._network, self._speed, self._folder, self._note = network, speed, folder, note
        self._clock = clock

    def way(self, frames: Sequence[Any]) -> Backend | None:
        """The way to take, None for the exact one; frames of the video are on trial beside drawn pictures."""
        if self._speed == EXACT:
            return None
        verdict = read_speed_verdict(self._verdict_file())
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

    def _held(self, frames: Sequence[Any]) -> SpeedVerdict:
        some = np.linspace(0, len(frames) - 1, min(_FRAMES, len(frames)), dtype=int)
        sample = [frames[place] for place in some] + [self._network.prepare(picture) for picture in drawn_pictures()]
        with one_thread() if self._network.device == "cpu" else nullcontext():
            tried = self._compared(sample)
        best = max((one for one in tried if not one.refused), key=self._worth)
        return SpeedVerdict(
            self._network.space.model,
            self._network.device,
            self._speed,
            best.way,
            tuple(tried),
            str(this_processor()),
            best.weights,
        )

    def _compared(self, sample: Sequence[Any]) -> list[BackendTrial]:
        """Every way with its speed; the exact one alone where that is quick enough."""
        truth = self._network.exact(sample)
        exact = Contender(BackendTrial(EXACT, cosine=1.0), self._network.exact)
        (alone,) = self._timed([exact], sample, rounds=1)
        if self._speed == "auto" and alone.pictures_a_second * _QUICK_ENOUGH > 1:
            return [alone]
        return self._timed([exact, *(self._contender(name, sample, truth) for name in self._candidates())], sample)

    def _timed(
        self, contenders: Sequence[Contender], sample: Sequence[Any], rounds: int = _ROUNDS
    ) -> list[BackendTrial]:
        runs = {one.tried.way: partial(one.run, sample) for one in contenders if one.run}
        seconds = least_seconds(runs, rounds, self._clock or clock_for(self._network.device))
        return [
            replace(one.tried, pictures_a_second=len(sample) / seconds[one.tried.way]) if one.run else one.tried
            for one in contenders
        ]

    def _worth(self, tried: BackendTrial) -> float:
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
        found = Contender(BackendTrial(name, refused="it is for the CPU"))
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
            return Contender(BackendTrial(name, refused=one_line(failed), weights=weights))
        if cosine >= CLOSE:  # which a vector of no numbers is not
            return Contender(BackendTrial(name, cosine=cosine, weights=weights), way.run)
        return Contender(
            BackendTrial(name, cosine=cosine, refused=f"cosine to exact only {cosine:.4f}", weights=weights)
        )

    def _open(self, name: str, weights: str, sample: Any, threads: int) -> Backend:
        if name == "half":
            return HalfPrecision(self._network)
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

    def _keep(self, verdict: SpeedVerdict) -> None:
        """A library that is full goes on without: the trial is only held again."""
        with suppress(OSError):
            with atomic_write(self._verdict_file()) as part:
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


def fastest_embedder(
    embedder: Embedder, settings: NetworkSettings, folder: Path, note: Callable[[str], None]
) -> Embedder:
    """The embedder as ingest uses it; what is asked of a library is always embedded exactly."""
    return FastEmbedder(embedder, settings.speed, folder, note) if isinstance(embedder, NetworkEmbedder) else embedder


class FastEmbedder:
    """An Embedder in two stages. One picture of every batch is embedded exactly as well: where the two are not close,
    the whole batch is exact, which depends on nothing but the batch."""

    def __init__(self, network: NetworkEmbedder, speed: str, folder: Path, note: Callable[[str], None]) -> None:
        self._network, self._note = network, note
        self._trial = SpeedTrial(network, speed, folder, note)
        self._way: Backend | None = None
        self._chosen = self._told = False

    @property
    def space(self) -> Space:
        return self._network.space

    def embed(self, pictures: Sequence[Picture]) -> Floats:
        return self._network.embed(pictures)

    def prepare(self, picture: Picture) -> Any:
        return self._network.prepare(picture)

    def exact(self, prepared: Sequence[Any]) -> Floats:
        return self._network.exact(prepared)

    def finish(self, prepared: Sequence[Any]) -> EmbeddedBatch:
        if not prepared:
            return EmbeddedBatch(self.exact(prepared))
        if not self._chosen:
            self._way, self._chosen = self._trial.way(prepared), True
        return self._made(prepared, self._way) if self._way else EmbeddedBatch(self.exact(prepared))

    def _made(self, prepared: Sequence[Any], way: Backend) -> EmbeddedBatch:
        first = way.run(prepared[:1])
        cosine = float(self.exact(prepared[:1])[0] @ first[0])
        if not cosine >= CLOSE:
            self._tell(way, cosine)
            return EmbeddedBatch(self.exact(prepared))
        rest = [way.run(prepared[1:])] if len(prepared) > 1 else []
        return EmbeddedBatch(np.concatenate([first, *rest]), way.name, cosine)

    def _tell(self, way: Backend, cosine: float) -> None:
        if not self._told:
            self._note(
                f"{self.space.model}: {way.name} strays here (cosine {cosine:.4f}); such frames are made exactly."
            )
        self._told = True

"""Choose the fastest backend for a network on this machine, as long as its vectors stay close to the exact ones.

A trial decides once per model and machine, and its verdict is kept in the library.
"""

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

from ...media.files import atomic
from ...media.types import Floats, Picture, Space
from ...media.untrusted import read_json, validate
from ...settings import NetworkSettings
from .backends import Backend, HalfPrecision, Int8, WeightFormat, export_int8, int8_weights, this_processor
from .embedder import CLOSE, EXACT, EmbeddedBatch, Embedder
from .network import NetworkEmbedder
from .timing import Clock, clock_for, least_seconds, one_thread
from .views import TiledEmbedder
from .weights import one_line


@dataclass(frozen=True)
class BackendTrial:
    """The result of one backend; `refused` says why it must not be used, and is empty if it may."""

    way: str
    pictures_a_second: float = 0.0
    """On a CPU: per second of CPU time on one core."""
    cosine: float = 0.0
    refused: str = ""
    weights: str = ""
    """The weight format of an int8 backend."""


@dataclass(frozen=True)
class SpeedVerdict:
    """The outcome of a trial, as it is stored in the library."""

    model: str
    device: str
    speed: str
    chosen: str
    tried: tuple[BackendTrial, ...]
    processor: str = ""
    weights: str = ""
    """The weight format of the chosen backend, if it is int8."""

    def __str__(self) -> str:
        by_name = {trial.way: trial for trial in self.tried}
        exact, best = by_name[EXACT].pictures_a_second, by_name[self.chosen]
        refused = "".join(f"; {trial.way}: {trial.refused}" for trial in self.tried if trial.refused)
        unit = "pictures per second on one core" if self.device == "cpu" else "pictures per second"
        if self.chosen == EXACT:
            return f"exact, {exact:.3g} {unit}{refused}"
        speed = f"{best.pictures_a_second:.3g} {unit} (exact: {exact:.3g})"
        return f"{self.chosen}, {speed}, cosine to exact at least {best.cosine:.4f}{refused}"


def speed_summary(folder: Path, model: str, speed: str) -> str:
    """Summarise how a model runs on this processor; empty if there has been no trial."""
    wanted = (model, speed, str(this_processor()))
    files = sorted(folder.glob("[!.]*.json"), key=lambda file: file.stat().st_mtime_ns, reverse=True)
    verdicts = (verdict for file in files if (verdict := _read_verdict(file)))
    return next(
        (str(verdict) for verdict in verdicts if (verdict.model, verdict.speed, verdict.processor) == wanted), ""
    )


def _read_verdict(file: Path) -> SpeedVerdict | None:
    """Read a verdict; None if there is none, or it is damaged or contradicts itself."""
    try:
        verdict = validate(SpeedVerdict, read_json(file))
    except (OSError, ValueError):
        return None
    return verdict if {EXACT, verdict.chosen} <= {trial.way for trial in verdict.tried} else None


_FORMAT = 2
"""Version of the verdicts and exports; raising it discards those of earlier versions."""
_SAMPLE_FRAMES = 4
"""Frames of the video in the trial, beside the drawn pictures; they bound how long it takes."""
_ROUNDS = 3
"""The best of them counts: the first also fills caches, and other work may disturb one."""
_FAST_ENOUGH = 0.01
"""Seconds per picture below which decoding takes most of the time, and no trial is worth its cost."""
_PACKAGES = ("numpy", "onnx", "onnxruntime", "onnxscript", "torch")
"""Packages whose version can change a verdict or an export."""
_GRAINS = (1, 2, 4, 8, 16, 64, 240)
"""Cells per side of the drawn pictures: from one flat colour to noise in every pixel row."""

Run = Callable[[Sequence[Any]], Floats]


class Candidate(NamedTuple):
    """A backend whose speed is not known yet; `run` is None if it is refused."""

    trial: BackendTrial
    run: Run | None = None


class SpeedTrial:
    """Try the backends of a network once, and keep verdict and export in `folder`.

    File names are hashes of everything that the content depends on.
    """

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

    def choose(self, frames: Sequence[Any]) -> Backend | None:
        """Return the backend to use, None for the exact one; `frames` are prepared pictures of the video."""
        if self._speed == EXACT:
            return None
        verdict = _read_verdict(self._verdict_file())
        if verdict is None:
            model = self._network.space.model
            self._note(f"{model}: testing once which backend is fastest on this machine. This can take a minute.")
            verdict = self._run_trial(frames)
            self._save(verdict)
            self._note(f"{verdict.model} runs as {verdict}.")
        if verdict.chosen == EXACT:
            return None
        try:
            return self._open(verdict.chosen, verdict.weights, frames[0], _threads())
        except Exception:  # libraries raise many classes for an export that is gone or damaged
            self._verdict_file().unlink(missing_ok=True)
            for weights in int8_weights():
                self._export_file(weights).unlink(missing_ok=True)
            return None

    def _run_trial(self, frames: Sequence[Any]) -> SpeedVerdict:
        chosen = np.linspace(0, len(frames) - 1, min(_SAMPLE_FRAMES, len(frames)), dtype=int)
        sample = [*(frames[position] for position in chosen), *map(self._network.prepare, drawn_pictures())]
        with one_thread() if self._network.device == "cpu" else nullcontext():
            trials = self._compare(sample)
        best = max((trial for trial in trials if not trial.refused), key=self._rank)
        return SpeedVerdict(
            self._network.space.model,
            self._network.device,
            self._speed,
            best.way,
            tuple(trials),
            str(this_processor()),
            best.weights,
        )

    def _compare(self, sample: Sequence[Any]) -> list[BackendTrial]:
        """Time every backend; under `auto`, only the exact one if it is fast enough."""
        truth = self._network.exact(sample)
        exact = Candidate(BackendTrial(EXACT, cosine=1.0), self._network.exact)
        trials = self._time([exact], sample, rounds=1)
        if self._speed == "auto" and trials[0].pictures_a_second * _FAST_ENOUGH > 1:
            return trials
        return self._time([exact, *(self._candidate(name, sample, truth) for name in self._backend_names())], sample)

    def _time(
        self, candidates: Sequence[Candidate], sample: Sequence[Any], rounds: int = _ROUNDS
    ) -> list[BackendTrial]:
        runs = {one.trial.way: partial(one.run, sample) for one in candidates if one.run}
        seconds = least_seconds(runs, rounds, self._clock or clock_for(self._network.device))
        return [
            replace(one.trial, pictures_a_second=len(sample) / seconds[one.trial.way]) if one.run else one.trial
            for one in candidates
        ]

    def _rank(self, trial: BackendTrial) -> float:
        """Rank by speed, but put a backend that was requested by name first."""
        return float("inf") if trial.way == self._speed else trial.pictures_a_second

    def _backend_names(self) -> list[str]:
        if self._speed != "auto":
            return [self._speed]
        return ["half", "int8"] if self._network.device == "cpu" else ["half"]

    def _candidate(self, name: str, sample: Sequence[Any], truth: Floats) -> Candidate:
        if name != "int8":
            return self._check(name, "", sample, truth)
        candidate = Candidate(BackendTrial(name, refused="it runs on the CPU only"))
        if self._network.device == "cpu":
            for weights in int8_weights():
                candidate = self._check(name, weights, sample, truth)
                if candidate.run:
                    break
        return candidate

    def _check(self, name: str, weights: str, sample: Sequence[Any], truth: Floats) -> Candidate:
        """Compare a backend's vectors with the exact ones; refuse it if it fails or is not close enough."""
        try:
            # With one thread, its CPU time is the full cost.
            backend = self._open(name, weights, sample[0], threads=1)
            cosine = float((backend.run(sample) * truth).sum(axis=1).min())
        except Exception as failed:  # exporters and runtimes raise many classes for unsupported models
            return Candidate(BackendTrial(name, refused=one_line(failed), weights=weights))
        if cosine >= CLOSE:  # false for NaN, too
            return Candidate(BackendTrial(name, cosine=cosine, weights=weights), backend.run)
        return Candidate(
            BackendTrial(name, cosine=cosine, refused=f"cosine to exact only {cosine:.4f}", weights=weights)
        )

    def _open(self, name: str, weights: str, sample: Any, threads: int) -> Backend:
        if name == "half":
            return HalfPrecision(self._network)
        file = self._export_file(WeightFormat(weights))
        if not file.exists():
            export_int8(self._network, sample, file, WeightFormat(weights))
        return Int8(file, threads)

    def _export_file(self, weights: WeightFormat) -> Path:
        return self._file([weights], "onnx")

    def _verdict_file(self) -> Path:
        """Name the file after the processor too, because libraries move and are shared between machines."""
        machine = [self._speed, self._network.device, str(this_processor()), *int8_weights()]
        return self._file(machine, "json")

    def _file(self, more: Sequence[str], suffix: str) -> Path:
        space = self._network.space
        parts = [_FORMAT, space.weights, space.preprocessing, *map(_version, _PACKAGES), *more]
        return self._folder / f"{hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:24]}.{suffix}"

    def _save(self, verdict: SpeedVerdict) -> None:
        """Store a verdict and delete unused exports; on a full disk, the trial is just repeated next time."""
        with suppress(OSError):
            with atomic(self._verdict_file(), parents=True) as part:
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
    """Draw colours in coarse and fine grain, and lines; the same every time."""
    import cv2

    rng, drawn = np.random.default_rng(0), []
    for cells in _GRAINS:
        grain = rng.integers(0, 256, (cells, cells, 3)).astype(np.uint8)
        drawn.append(np.asarray(cv2.resize(grain, (320, 240), interpolation=cv2.INTER_CUBIC), np.uint8))
    lines = np.full((240, 320, 3), 235, np.uint8)
    for y in range(10, 240, 20):
        cv2.line(lines, (0, y), (319, 240 - y), (20, y, 160), 2)
    return [*drawn, lines]


def fastest_embedder(
    embedder: Embedder, settings: NetworkSettings, folder: Path, note: Callable[[str], None]
) -> Embedder:
    """Wrap a network for ingest, where speed matters; queries are always embedded exactly."""
    if isinstance(embedder, TiledEmbedder) and isinstance(embedder.network, NetworkEmbedder):
        return TiledEmbedder(FastEmbedder(embedder.network, settings.speed, folder, note))
    return FastEmbedder(embedder, settings.speed, folder, note) if isinstance(embedder, NetworkEmbedder) else embedder


class FastEmbedder:
    """Embed batches with the fastest backend that is close enough.

    One picture of every batch is also embedded exactly. If the two vectors are not close, the whole batch is embedded
    exactly. The decision depends on nothing but the batch.
    """

    def __init__(self, network: NetworkEmbedder, speed: str, folder: Path, note: Callable[[str], None]) -> None:
        self._network, self._note = network, note
        self._trial = SpeedTrial(network, speed, folder, note)
        self._backend: Backend | None = None
        self._chosen = self._warned = False

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
        """Embed a batch; the first one decides which backend is used."""
        if not prepared:
            return EmbeddedBatch(self.exact(prepared))
        if not self._chosen:
            self._backend, self._chosen = self._trial.choose(prepared), True
        return self._run(prepared, self._backend) if self._backend else EmbeddedBatch(self.exact(prepared))

    def _run(self, prepared: Sequence[Any], backend: Backend) -> EmbeddedBatch:
        first = backend.run(prepared[:1])
        cosine = float(self.exact(prepared[:1])[0] @ first[0])
        if not cosine >= CLOSE:
            self._warn(backend, cosine)
            return EmbeddedBatch(self.exact(prepared))
        rest = [backend.run(prepared[1:])] if len(prepared) > 1 else []
        return EmbeddedBatch(np.concatenate([first, *rest]), backend.name, cosine)

    def _warn(self, backend: Backend, cosine: float) -> None:
        if not self._warned:
            self._note(
                f"{self.space.model}: {backend.name} is inaccurate for some frames (cosine {cosine:.4f}). "
                "Their batches are embedded exactly."
            )
        self._warned = True

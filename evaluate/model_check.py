"""Models brought here and tried out: whether one does on drawn pictures what its space promises."""

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from time import process_time
from typing import TYPE_CHECKING

import numpy as np

from ..errors import ReelweaveError, SpaceError, command
from ..ingest.models.embedder import CLOSE, Embedder, TextEmbedder, TwoStageEmbedder
from ..ingest.models.registry import _model, open_embedder, resolve_model
from ..ingest.models.timing import clock_for, least_seconds, one_thread
from ..media.types import Picture, Space
from ..progress import Progress, SilentProgress
from ..settings import Settings, library_folder

if TYPE_CHECKING:
    from ..index.library import Library
    from ..media.types import Picture


_UNIT, _SAME, _ALONE = 1e-3, 1e-5, 0.9999
_FOUND_AGAIN = 0.9
_ROUNDS = 2
"""Of which the better counts: the first also fills caches."""
_LUCK = 1e-3
"""A model that knows no words finds as many pictures as are asked for this rarely."""


@dataclass(frozen=True)
class ModelTest:
    """One thing that a model must do, whether it does, and what was seen."""

    name: str
    ok: bool
    detail: str


@dataclass(frozen=True)
class ModelReport:
    """What is known of a model that was tried out; nothing of it is known where it cannot be loaded."""

    space: str
    model: str
    ok: bool
    weights: str | None
    preprocessing: str | None
    dimension: int | None
    milliseconds: float | None
    """For a picture, in batches as `ingest` makes them, the pictures decoded; on a CPU those of one core's time."""
    trials: list[ModelTest]


def examine_model(wanted: str | None, settings: Settings, progress: Progress | None = None) -> ModelReport:
    """Try a model on drawn pictures, and compare it with the one that made the library's vectors."""
    progress = progress or SilentProgress()
    space, settings = resolve_model(wanted, settings)
    model = _model(space, settings)
    try:
        with progress.stage(f"load {model}"):
            embedder = open_embedder(space, settings.clip)
            identity = embedder.space
    except SpaceError as failed:
        loads = ModelTest("loads", False, " ".join(part for part in (failed.cause, failed.remedy) if part))
        return ModelReport(space, model, False, None, None, None, None, [loads])
    pictures = _album(settings.clip.batch)
    trials: list[tuple[str, Callable[[], str]]] = [
        ("vectors", lambda: _vectors(embedder, pictures)),
        ("deterministic", lambda: _deterministic(embedder, pictures)),
        ("batches", lambda: _batches(embedder, pictures)),
        ("copies", lambda: _copies(embedder, pictures)),
        *([("words", lambda: _words(embedder))] if isinstance(embedder, TextEmbedder) else []),
        *([("quick", lambda: _quick(embedder, pictures))] if isinstance(embedder, TwoStageEmbedder) else []),
        ("library", lambda: _library(identity, settings)),
    ]
    done = [ModelTest("loads", True, "every tensor that it needs, and no other"), *_tried(trials, progress)]
    ok, pace = all(trial.ok for trial in done), _pace(embedder, pictures)
    return ModelReport(space, model, ok, identity.weights, identity.preprocessing, identity.dimension, pace, done)


def _tried(trials: Sequence[tuple[str, Callable[[], str]]], progress: Progress) -> list[ModelTest]:
    done = []
    with progress.stage("try it", len(trials)) as stage:
        for name, trial in trials:
            try:
                done.append(ModelTest(name, True, trial()))
            except ReelweaveError as failed:
                said = " ".join(part for part in (failed.cause, failed.remedy) if part)
                done.append(ModelTest(name, False, said))
            stage.advance()
            if name == "vectors" and not done[-1].ok:
                break  # There is nothing to compare.
    return done


def _album(batch: int) -> list[Picture]:
    """Different drawn pictures, enough for a batch and a part of one."""
    from .drawn.film import draw_land
    from .drawn.scenes import Style, random_scene

    rng, style = np.random.default_rng(7), Style(lands=[draw_land((320, 180), seed) for seed in range(4)])
    return [random_scene(rng, (320, 180), style).picture for _ in range(max(24, batch + 3))]


def _vectors(embedder: Embedder, pictures: Sequence[Picture]) -> str:
    vectors = embedder.embed(pictures)
    if vectors.shape != (len(pictures), embedder.space.dimension):
        raise SpaceError(f"{len(pictures)} pictures gave vectors of the shape {vectors.shape}.")
    if not np.isfinite(vectors).all():
        raise SpaceError("Some vectors hold what is no number.")
    if (off := float(np.abs(np.linalg.norm(vectors, axis=1) - 1).max())) > _UNIT:
        raise SpaceError(f"Some vectors are not of length 1 but {off:.4f} off it.")
    return f"{len(pictures)} pictures gave {vectors.shape[1]} finite numbers each, of length 1"


def _deterministic(embedder: Embedder, pictures: Sequence[Picture]) -> str:
    off = float(np.abs(embedder.embed(pictures) - embedder.embed(pictures)).max())
    if off > _SAME:
        raise SpaceError(
            f"The same pictures gave other vectors the second time, up to {off:.6f} apart.", "Try clip.device cpu."
        )
    return "the same pictures gave the same vectors twice"


def _batches(embedder: Embedder, pictures: Sequence[Picture]) -> str:
    together, alone = embedder.embed(pictures), np.concatenate([embedder.embed([one]) for one in pictures[:8]])
    least = float((together[: len(alone)] * alone).sum(1).min())
    if least < _ALONE:
        raise SpaceError(f"A picture alone and in a batch has a cosine of only {least:.5f}.", "Try clip.device cpu.")
    return f"a picture alone and in a batch: cosine {least:.6f} or more"


def _copies(embedder: Embedder, pictures: Sequence[Picture]) -> str:
    """The copies are a little brighter and strongly compressed."""
    scores = embedder.embed([_copied(picture) for picture in pictures]) @ embedder.embed(pictures).T
    found = int((scores.argmax(1) == np.arange(len(pictures))).sum())
    told = f"{found} of {len(pictures)} brighter, compressed copies lie nearest to their originals"
    if found < _FOUND_AGAIN * len(pictures):
        raise SpaceError(f"Only {told}.", "Do the weights belong to this model, and the preprocessing to them?")
    return told


def _copied(picture: Picture) -> Picture:
    import cv2

    brighter = cv2.convertScaleAbs(picture, alpha=1.06, beta=6)
    data = cv2.imencode(".jpg", brighter, [cv2.IMWRITE_JPEG_QUALITY, 40])[1]
    return np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR), np.uint8)


def _words(embedder: Embedder) -> str:
    """Text to picture among drawn shapes, judged against what a model finds that knows no words."""
    from .drawn.recall import cards, recall

    assert isinstance(embedder, TextEmbedder)
    asked = cards()
    count = len(asked.texts)
    share = recall(embedder.embed_texts(asked.texts), embedder.embed(asked.pictures))
    told = f"recall@1 {share:.2f} among {count} drawn shapes (chance {1 / count:.2f})"
    if share * count < _lucky(count):
        raise SpaceError(f"Words find no pictures: {told}.", "Are both towers, and the tokenizer, of one model?")
    return told


def _lucky(count: int) -> int:
    """The least number of right answers that guessing gives no more often than _LUCK."""
    from scipy.stats import binom

    return int(binom.isf(_LUCK, count, 1 / count)) + 1


def _quick(embedder: Embedder, pictures: Sequence[Picture]) -> str:
    """As `ingest` makes vectors, which may be quicker than exact and must stay close."""
    assert isinstance(embedder, TwoStageEmbedder)
    made = embedder.finish([embedder.prepare(picture) for picture in pictures])
    least = float((made.vectors * embedder.embed(pictures)).sum(1).min())
    if least < CLOSE:
        raise SpaceError(
            f"Vectors made the way {made.way!r} have a cosine of only {least:.5f} to exact ones.",
            "Set clip.speed to exact.",
        )
    return f"ingest makes vectors the way {made.way!r}: cosine {least:.6f} or more to exact ones"


def _library(identity: Space, settings: Settings) -> str:
    """Changed weights: the same name, and vectors that are not comparable."""
    from ..index.library import open_library

    with open_library(library_folder(settings)) as library:
        stored = _stored(library, identity.name)
    changed = {video: other for video, other in stored.items() if other.model == identity.model and other != identity}
    if changed:
        video, other = next(iter(changed.items()))
        raise SpaceError(
            f"{len(changed)} videos, {video} first, have vectors by another {identity.model}: weights {other.weights} "
            f"there, {identity.weights} here.",
            f"Put the old weights back; or {command('videos', 'remove', video)} and ingesting it again make them anew, "
            "and so on for each video.",
        )
    same = sum(other == identity for other in stored.values())
    others = f", {len(stored) - same} by another model" if len(stored) > same else ""
    return f"{same} videos have vectors by this model{others}"


def _stored(library: "Library", space: str) -> dict[str, Space]:
    """For each video that has vectors in the space, who made them."""
    found = {video.id: library.catalog.spaces(video.id) for video in library.catalog.videos()}
    return {video: states[space].space for video, states in found.items() if space in states}


def _pace(embedder: Embedder, pictures: Sequence[Picture]) -> float:
    """Milliseconds a picture: on a CPU of CPU time in one thread, which other programs add nothing to."""
    device = getattr(embedder, "device", "")  # which networks have
    clock = clock_for(device) if device not in ("", "cpu") else process_time
    with one_thread() if device == "cpu" else nullcontext():
        seconds = least_seconds({"embed": lambda: embedder.embed(pictures)}, _ROUNDS, clock)["embed"]
    return round(1000 * seconds / len(pictures), 2)


def check_model(wanted: str | None, settings: Settings, progress: Progress | None = None) -> "ModelReport":
    """A model tried on drawn pictures, and compared with the one that made the library's vectors."""
    return examine_model(wanted, settings, progress or SilentProgress())

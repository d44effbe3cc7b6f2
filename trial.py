"""Models brought here and tried out: whether one does on drawn pictures what its space promises."""

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from time import process_time
from typing import TYPE_CHECKING

import numpy as np

from .errors import ReelweaveError, SpaceError, UsageError, command
from .frames import Picture, Space
from .ingest.embedder import CLOSE, Embedder, Staged, TextEmbedder, open_embedder
from .ingest.timing import clock_for, least_seconds, one_thread
from .ingest.weights import Family, fetched, located
from .progress import Progress, Silent
from .settings import TIMM_SPACE, Settings, library_folder

if TYPE_CHECKING:
    from .index.library import Library

_UNIT, _SAME, _ALONE = 1e-3, 1e-5, 0.9999
_FOUND_AGAIN = 0.9
_ROUNDS = 2
"""Of which the better counts: the first also fills caches."""
_LUCK = 1e-3
"""A model that knows no words finds as many pictures as are asked for this rarely."""


@dataclass(frozen=True)
class Fetched:
    """Where a model's weights are; `state` says whether they were here or have just been fetched."""

    space: str
    model: str
    state: str
    place: str
    bytes: int


@dataclass(frozen=True)
class Trial:
    """One thing that a model must do, whether it does, and what was seen."""

    name: str
    ok: bool
    detail: str


@dataclass(frozen=True)
class Examined:
    """What is known of a model that was tried out; nothing of it is known where it cannot be loaded."""

    space: str
    model: str
    ok: bool
    weights: str | None
    preprocessing: str | None
    dimension: int | None
    milliseconds: float | None
    """For a picture, in batches as `ingest` makes them, the pictures decoded; on a CPU those of one core's time."""
    trials: list[Trial]


def fetch_model(wanted: str | None, settings: Settings) -> Fetched:
    """Bring a model's weights to this machine, if they are not here; a SpaceError says why that cannot be."""
    space, settings = named(wanted, settings)
    family, model = _family(space), _model(space, settings)
    if family is None:
        raise UsageError("The appearance space needs no model.", "Name a model of open_clip, or timm:MODEL.")
    here = located(model, family)
    place = here or fetched(model, family)
    files = [file for file in place.iterdir() if file.is_file()] if place.is_dir() else [place]
    size = sum(file.stat().st_size for file in files)
    return Fetched(space, model, "here" if here else "fetched", str(place), size)


def check_model(wanted: str | None, settings: Settings, progress: Progress | None = None) -> Examined:
    """Try a model on drawn pictures, and compare it with the one that made the library's vectors."""
    progress = progress or Silent()
    space, settings = named(wanted, settings)
    model = _model(space, settings)
    try:
        with progress.stage(f"load {model}"):
            embedder = open_embedder(space, settings.clip)
            identity = embedder.space
    except SpaceError as failed:
        loads = Trial("loads", False, " ".join(part for part in (failed.cause, failed.remedy) if part))
        return Examined(space, model, False, None, None, None, None, [loads])
    pictures = _album(settings.clip.batch)
    trials: list[tuple[str, Callable[[], str]]] = [
        ("vectors", lambda: _vectors(embedder, pictures)),
        ("deterministic", lambda: _deterministic(embedder, pictures)),
        ("batches", lambda: _batches(embedder, pictures)),
        ("copies", lambda: _copies(embedder, pictures)),
        *([("words", lambda: _words(embedder))] if isinstance(embedder, TextEmbedder) else []),
        *([("quick", lambda: _quick(embedder, pictures))] if isinstance(embedder, Staged) else []),
        ("library", lambda: _library(identity, settings)),
    ]
    done = [Trial("loads", True, "every tensor that it needs, and no other"), *_tried(trials, progress)]
    ok, pace = all(trial.ok for trial in done), _pace(embedder, pictures)
    return Examined(space, model, ok, identity.weights, identity.preprocessing, identity.dimension, pace, done)


def named(wanted: str | None, settings: Settings) -> tuple[str, Settings]:
    """The space of a model, and the settings under which it is the one that is used; without a name, of CLIP."""
    if wanted == "appearance" or (wanted and wanted.startswith(TIMM_SPACE)):
        return wanted, settings
    if wanted is None or wanted == "clip":
        return "clip", settings
    return "clip", settings.model_copy(update={"clip": settings.clip.model_copy(update={"model": wanted})})


def _family(space: str) -> Family | None:
    from .ingest.families import CLIP, TIMM

    return {"clip": CLIP, "appearance": None}.get(space, TIMM)


def _model(space: str, settings: Settings) -> str:
    return settings.clip.model if space == "clip" else space.removeprefix(TIMM_SPACE)


def _tried(trials: Sequence[tuple[str, Callable[[], str]]], progress: Progress) -> list[Trial]:
    done = []
    with progress.stage("try it", len(trials)) as stage:
        for name, trial in trials:
            try:
                done.append(Trial(name, True, trial()))
            except ReelweaveError as failed:
                said = " ".join(part for part in (failed.cause, failed.remedy) if part)
                done.append(Trial(name, False, said))
            stage.advance()
            if name == "vectors" and not done[-1].ok:
                break  # There is nothing to compare.
    return done


def _album(batch: int) -> list[Picture]:
    """Different drawn pictures, enough for a batch and a part of one."""
    from .evaluate.film import draw_land
    from .evaluate.scenes import Style, random_scene

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
    from .evaluate.recall import cards, recall

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
    assert isinstance(embedder, Staged)
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
    from .index.library import open_library

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

"""Test whether a model does on drawn pictures what its space requires."""

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from time import process_time

import numpy as np

from ..errors import ReelweaveError, SpaceError, command
from ..index.library import Library, open_library
from ..ingest.models.clip import ClipEmbedder
from ..ingest.models.embedder import CLOSE, Embedder, TextEmbedder, TwoStageEmbedder
from ..ingest.models.known import KnownModel, known_model
from ..ingest.models.registry import model_of, open_embedder, resolve_model
from ..ingest.models.timing import clock_for, least_seconds, one_thread
from ..ingest.models.views import TiledEmbedder, differs_in_view_only, view_of
from ..ingest.models.weights import hub_licence
from ..media.types import Picture, Space
from ..progress import SILENT, Progress
from ..settings import Settings
from .drawn.film import draw_land
from .drawn.recall import cards, recall
from .drawn.scenes import Style, random_scene

_UNIT = 1e-3
"""Deviation from length 1 that rounding explains."""
_SAME = 1e-5
"""Difference of two runs that rounding explains."""
_ALONE = 0.9999
"""The least cosine of a picture embedded alone to the same in a batch."""
_FOUND_AGAIN = 0.9
"""The share of degraded copies that must be nearest to their originals."""
_ROUNDS = 2
"""Timed rounds; the fastest counts, since the first also fills caches."""
_CHANCE = 1e-3
"""The probability at which a model that knows no words passes the test of words."""


@dataclass(frozen=True)
class ModelTest:
    """One requirement, whether the model meets it, and what was measured."""

    name: str
    ok: bool
    detail: str


@dataclass(frozen=True)
class ModelReport:
    """The identity of a tested model and its test results; the identity is None where the model cannot be loaded."""

    space: str
    model: str
    ok: bool
    weights: str | None
    preprocessing: str | None
    dimension: int | None
    milliseconds: float | None
    """Per decoded picture in batches as `ingest` makes them; on a CPU, of the time of one core."""
    trials: list[ModelTest]


def check_model(wanted: str | None, settings: Settings, progress: Progress = SILENT) -> ModelReport:
    """Test a model, by default that of the settings, on drawn pictures and against the vectors of the library."""
    space, settings = resolve_model(wanted, settings)
    model = model_of(space, settings)
    try:
        with progress.stage(f"load {model}"):
            embedder = open_embedder(space, settings.clip)
            identity = embedder.space
    except SpaceError as failed:
        loads = ModelTest("loads", False, _message(failed))
        return ModelReport(space, model, False, None, None, None, None, [loads])
    pictures = _drawn_pictures(settings.clip.batch)
    trials: list[tuple[str, Callable[[], str]]] = [
        ("vectors", lambda: _vectors(embedder, pictures)),
        ("deterministic", lambda: _deterministic(embedder, pictures)),
        ("batches", lambda: _batches(embedder, pictures)),
        ("copies", lambda: _copies(embedder, pictures)),
        *([("words", lambda: _words(embedder))] if isinstance(embedder, TextEmbedder) else []),
        *([("promises", lambda: _promises(embedder, known))] if (known := known_model(model)) else []),
        *([("quick", lambda: _quick(embedder, pictures))] if isinstance(embedder, TwoStageEmbedder) else []),
        ("library", lambda: _library(identity, settings)),
    ]
    done = [ModelTest("loads", True, "all tensors are present, and no others"), *_run_tests(trials, progress)]
    ok, pace = all(trial.ok for trial in done), _milliseconds(embedder, pictures)
    return ModelReport(space, model, ok, identity.weights, identity.preprocessing, identity.dimension, pace, done)


def _run_tests(trials: Sequence[tuple[str, Callable[[], str]]], progress: Progress) -> list[ModelTest]:
    done = []
    with progress.stage("test the model", len(trials)) as stage:
        for name, trial in trials:
            try:
                done.append(ModelTest(name, True, trial()))
            except ReelweaveError as failed:
                done.append(ModelTest(name, False, _message(failed)))
            stage.advance()
            if name == "vectors" and not done[-1].ok:
                break  # The other tests compare these vectors.
    return done


def _message(failed: ReelweaveError) -> str:
    return " ".join(part for part in (failed.cause, failed.remedy) if part)


def _drawn_pictures(batch: int) -> list[Picture]:
    """Draw different pictures, enough for a batch and part of another."""
    rng, style = np.random.default_rng(7), Style(lands=[draw_land((320, 180), seed) for seed in range(4)])
    return [random_scene(rng, (320, 180), style).picture for _ in range(max(24, batch + 3))]


def _vectors(embedder: Embedder, pictures: Sequence[Picture]) -> str:
    vectors = embedder.embed(pictures)
    if vectors.shape != (len(pictures), embedder.space.dimension):
        raise SpaceError(f"{len(pictures)} pictures gave vectors of shape {vectors.shape}.")
    if not np.isfinite(vectors).all():
        raise SpaceError("Some vectors contain values that are not finite.")
    if (off := float(np.abs(np.linalg.norm(vectors, axis=1) - 1).max())) > _UNIT:
        raise SpaceError(f"Some vectors do not have length 1; the worst is off by {off:.4f}.")
    return f"{len(pictures)} pictures gave finite vectors of dimension {vectors.shape[1]} and length 1"


def _deterministic(embedder: Embedder, pictures: Sequence[Picture]) -> str:
    off = float(np.abs(embedder.embed(pictures) - embedder.embed(pictures)).max())
    if off > _SAME:
        raise SpaceError(
            f"The same pictures gave different vectors the second time, by up to {off:.6f}.", "Try clip.device cpu."
        )
    return "the same pictures gave the same vectors twice"


def _batches(embedder: Embedder, pictures: Sequence[Picture]) -> str:
    together, alone = embedder.embed(pictures), np.concatenate([embedder.embed([one]) for one in pictures[:8]])
    least = float((together[: len(alone)] * alone).sum(1).min())
    if least < _ALONE:
        raise SpaceError(
            f"A picture embedded alone and in a batch has a cosine of only {least:.5f}.", "Try clip.device cpu."
        )
    return f"a picture embedded alone and in a batch: cosine {least:.6f} or more"


def _copies(embedder: Embedder, pictures: Sequence[Picture]) -> str:
    """Search slightly brighter, strongly compressed copies among the originals."""
    scores = embedder.embed([_copied(picture) for picture in pictures]) @ embedder.embed(pictures).T
    found = int((scores.argmax(1) == np.arange(len(pictures))).sum())
    measured = f"{found} of {len(pictures)} brighter, compressed copies are nearest to their originals"
    if found < _FOUND_AGAIN * len(pictures):
        raise SpaceError(f"Only {measured}.", "Check that the weights and the preprocessing belong to this model.")
    return measured


def _copied(picture: Picture) -> Picture:
    import cv2

    brighter = cv2.convertScaleAbs(picture, alpha=1.06, beta=6)
    data = cv2.imencode(".jpg", brighter, [cv2.IMWRITE_JPEG_QUALITY, 40])[1]
    return np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR), np.uint8)


def _words(embedder: Embedder) -> str:
    """Compare text-to-picture recall among drawn shapes with that of guessing."""
    assert isinstance(embedder, TextEmbedder)
    drawn = cards()
    count = len(drawn.texts)
    share = recall(embedder.embed_texts(drawn.texts), embedder.embed(drawn.pictures))
    measured = f"recall@1 {share:.2f} among {count} drawn shapes (chance {1 / count:.2f})"
    if share * count < _chance_limit(count):
        raise SpaceError(
            f"Words find no pictures: {measured}.", "Check that both towers and the tokenizer belong to one model."
        )
    return measured


def _promises(embedder: Embedder, known: KnownModel) -> str:
    """Compare the model with its row in the table of `models list`, and the licence with that on the hub."""
    network = embedder.network if isinstance(embedder, TiledEmbedder) else embedder
    assert isinstance(network, ClipEmbedder)
    found = network.space.dimension, *network.made_for
    promised = known.dimension, known.context, known.pixels, known.resize
    facts = zip(("dimension", "tokens", "pixels", "resize mode"), found, promised, strict=True)
    wrong = [f"{name} {has}, not {wanted}" for name, has, wanted in facts if has != wanted]
    licence = hub_licence(known.repository) if known.repository else known.licence
    if licence and licence != known.licence:
        wrong.append(f"licence {licence}, not {known.licence}")
    if wrong:
        raise SpaceError(
            f"{known.name} is not what the table says: {'; '.join(wrong)}.",
            "It may have changed on the hub; check what it is before you use it.",
        )
    stated = "as the hub states" if licence else "by the table; the hub did not answer"
    told = f"dimension {found[0]}, {found[1]} tokens, {found[2]} pixels, resize mode {found[3]}"
    return f"{told}, licence {known.licence}" + (f" ({stated})" if known.repository else "")


def _chance_limit(count: int) -> int:
    """Return the fewest right answers that guessing reaches no more often than `_CHANCE`."""
    from scipy.stats import binom

    return int(binom.isf(_CHANCE, count, 1 / count)) + 1


def _quick(embedder: Embedder, pictures: Sequence[Picture]) -> str:
    """Compare vectors as `ingest` makes them, which may be faster to make, with exact ones."""
    assert isinstance(embedder, TwoStageEmbedder)
    made = embedder.finish([embedder.prepare(picture) for picture in pictures])
    least = float((made.vectors * embedder.embed(pictures)).sum(1).min())
    if least < CLOSE:
        raise SpaceError(
            f"Vectors made by {made.way!r} have a cosine of only {least:.5f} to exact ones.", "Set clip.speed to exact."
        )
    return f"ingest makes vectors by {made.way!r}: cosine {least:.6f} or more to exact ones"


def _library(identity: Space, settings: Settings) -> str:
    """Detect changed weights: the same name with vectors that are not comparable."""
    with open_library(settings) as library:
        stored = _stored(library, identity.name)
    viewed = [other for other in stored.values() if differs_in_view_only(other, identity)]
    ours = {video: other for video, other in stored.items() if other.model == identity.model}
    changed = {video: other for video, other in ours.items() if other != identity and other not in viewed}
    if changed:
        video, other = next(iter(changed.items()))
        raise SpaceError(
            f"{len(changed)} videos, first {video}, have vectors by other weights of {identity.model}: {other.weights} "
            f"there, {identity.weights} here.",
            f"Restore the old weights; or {command('videos', 'remove', video)} and ingesting it again "
            "replace the vectors, and so on for each video.",
        )
    others = f", {len(stored) - len(ours)} by another model" if len(stored) > len(ours) else ""
    if viewed:
        others = f", {len(viewed)} of them with the view {view_of(viewed[0])}, which `ingest --view` changes{others}"
    return f"{len(ours)} videos have vectors by this model{others}"


def _stored(library: Library, space: str) -> dict[str, Space]:
    """Return for each video with vectors in the space the identity of the model that made them."""
    found = {video.id: library.catalog.spaces(video.id) for video in library.catalog.videos()}
    return {video: states[space].space for video, states in found.items() if space in states}


def _milliseconds(embedder: Embedder, pictures: Sequence[Picture]) -> float:
    """Return milliseconds per picture: on a CPU, CPU time of one thread, which other programs do not affect."""
    device = getattr(embedder, "device", "")  # which networks have
    clock = clock_for(device) if device not in ("", "cpu") else process_time
    with one_thread() if device == "cpu" else nullcontext():
        seconds = least_seconds({"embed": lambda: embedder.embed(pictures)}, _ROUNDS, clock)["embed"]
    return round(1000 * seconds / len(pictures), 2)

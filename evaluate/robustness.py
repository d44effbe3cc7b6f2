"""How searching and ordering hold where the pictures are spoilt: each frame against its clean self."""

from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import numpy.typing as npt

from ..errors import SourceError, UsageError
from ..frames import Floats, FrameRows, Picture
from ..index.neighbours import nearest
from ..ingest.embedder import Embedder
from ..ingest.proxy import ProxySize, chroma, luma, make_proxy
from ..ingest.source import open_source, shrunk
from ..progress import Progress, Silent
from ..settings import Settings
from ..solve.arrange import Film, arrange
from ..solve.measured import Matcher
from ..untrusted import shown
from .cuts import Cuts
from .metrics import Scores, score_order
from .scramble import MOST_SEED, stretch
from .spoil import Spoiling
from .ties import Ties, shrunk_luma
from .truth import Truth

_FEWEST = 3
_MOST_FRAMES, _MOST_SECONDS = 100_000_000, 10_000_000
_MOST_SPOILINGS = 100
_AT_ONCE = 256


@dataclass(frozen=True)
class RobustnessOptions:
    """`frames` is the length of a random stretch (0: the whole film), `within` how far off in seconds is near."""

    spoilings: Sequence[Spoiling]
    frames: int = 200
    within: float = 0.5
    seed: int = 0


@dataclass(frozen=True)
class Retrieval:
    """What a search of the clean frames answers where a spoilt frame is asked for.

    `found` and `near` are shares of the frames: the best hit is the frame itself, or one that looks the same; it
    lies within the time asked for. `cosine` is that of a frame and its clean self on average, `lowest` the least.
    """

    found: float
    near: float
    cosine: float
    lowest: float


@dataclass(frozen=True)
class Held:
    """How one kind of damage at one strength was borne; without a kind, how clean frames do."""

    spoiling: Spoiling | None
    retrieval: Retrieval
    order: Scores


@dataclass(frozen=True)
class Robustness:
    """The clean frames come first, then every damage in the order in which it was asked for."""

    video: str
    space: str
    first: int
    frames: int
    within: float
    rows: list[Held]


@dataclass
class _Seen:
    """What is known of the frames, clean (0) and by every damage: their vectors and proxies lie in scratch files."""

    times: npt.NDArray[np.float64]
    vectors: npt.NDArray[np.float32]
    proxies: npt.NDArray[np.uint8]
    ties: Ties = field(default_factory=Ties)
    cuts: Cuts = field(default_factory=Cuts)


def robustness(
    source: Path,
    options: RobustnessOptions,
    embedder: Embedder,
    settings: Settings,
    progress: Progress,
    matcher: Matcher | None = None,
) -> Robustness:
    """Every frame of a stretch, clean and spoilt, looked for among the clean ones, and put in order from chaos.

    The source is decoded once, and nothing is kept; orders are found without a codec between, as of pictures.
    """
    _check(options)
    open_source(source)
    first, count = stretch(source, options.frames, options.seed, progress)
    if count < _FEWEST:
        raise SourceError(f"{source} has {count} frames, and {_FEWEST} are the least that have an order.")
    with TemporaryDirectory(prefix="reelweave-") as folder:
        seen = _look(source, first, count, options, embedder, settings, Path(folder), progress)
        rows = []
        with progress.stage("search and order", len(options.spoilings) + 1) as stage:
            for way, spoiling in enumerate([None, *options.spoilings]):
                order = _order(seen, way, embedder.space.name, options.seed, settings, matcher)
                rows.append(Held(spoiling, _retrieval(seen, way, options.within), order))
                stage.advance()
        # Mapped files must be let go of before their folder can be removed everywhere.
        del seen
    return Robustness(source.name, embedder.space.name, first, count, options.within, rows)


def _check(options: RobustnessOptions) -> None:
    for name, value, most in (
        ("frames", options.frames, _MOST_FRAMES),
        ("seed", options.seed, MOST_SEED),
        ("within", options.within, _MOST_SECONDS),
    ):
        if not 0 <= value <= most:
            raise UsageError(f"{name} cannot be {shown(value)}.", f"It is from 0 to {most:,}.")
    if len(options.spoilings) > _MOST_SPOILINGS:
        raise UsageError(f"More than {_MOST_SPOILINGS} kinds and strengths of noise are asked for.", "Try fewer.")


def _look(
    source: Path,
    first: int,
    count: int,
    options: RobustnessOptions,
    embedder: Embedder,
    settings: Settings,
    folder: Path,
    progress: Progress,
) -> _Seen:
    opened, ways = open_source(source, settings.ingest.pictures_fps), len(options.spoilings) + 1
    info = opened.info()
    size = ProxySize.of(info.width, info.height, settings.ingest.proxy_pixels)
    seen = _Seen(
        np.zeros(count),
        _scratch(folder / "vectors", np.float32, (ways, count, embedder.space.dimension)),
        _scratch(folder / "proxies", np.uint8, (ways, count, size.height * 3 // 2, size.width)),
    )
    slot = 0
    with closing(opened.frames(first)) as frames, progress.stage("spoil and embed", count) as stage:
        for slot, frame in enumerate(frames, 1):
            _note(seen, slot - 1, frame.picture)
            seen.times[slot - 1] = frame.time
            variants = list(_variants(frame.picture, options, slot - 1))
            small = [_as_ingested(picture, settings.ingest.size) for picture in variants]
            seen.vectors[:, slot - 1] = embedder.embed(small)
            seen.proxies[:, slot - 1] = [make_proxy(picture, size) for picture in small]
            stage.advance()
            if slot == count:
                break
    if slot < count:
        raise SourceError(f"{source} decoded to fewer frames than before.", "Is it still being written?")
    return seen


def _scratch(file: Path, kind: Any, shape: tuple[int, ...]) -> Any:
    return np.memmap(file, kind, "w+", shape=shape)


def _note(seen: _Seen, slot: int, picture: Picture) -> None:
    import cv2

    small = shrunk_luma(np.asarray(cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY), np.uint8))
    seen.ties.see(slot, picture.tobytes(), small)
    seen.cuts.see(slot, small)


def _variants(picture: Picture, options: RobustnessOptions, slot: int) -> Iterator[Picture]:
    yield picture
    for spoiling in options.spoilings:
        yield spoiling.of(picture, np.random.default_rng([options.seed, 2, slot]))


def _as_ingested(picture: Picture, short_side: int) -> Picture:
    import cv2

    size = shrunk(picture.shape[1], picture.shape[0], short_side)
    if size == (picture.shape[1], picture.shape[0]):
        return picture
    return np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), np.uint8)


def _retrieval(seen: _Seen, way: int, within: float) -> Retrieval:
    clean, spoilt = seen.vectors[0], seen.vectors[way]
    best = np.concatenate([_best(clean, spoilt[start : start + _AT_ONCE]) for start in range(0, len(clean), _AT_ONCE)])
    shown = np.array(seen.ties.pictures)
    own = np.einsum("ij,ij->i", clean, spoilt)
    return Retrieval(
        found=float(np.mean(shown[best] == shown)),
        near=float(np.mean(np.abs(seen.times[best] - seen.times) <= within)),
        cosine=float(own.mean()),
        lowest=float(own.min()),
    )


def _best(clean: Floats, asked: Floats) -> npt.NDArray[np.intp]:
    return np.asarray(np.argmax(asked @ clean.T, axis=1))


def _order(seen: _Seen, way: int, space: str, seed: int, settings: Settings, matcher: Matcher | None) -> Scores:
    """The frames in the disorder that `scramble` would give them, put in order by their spoilt pictures."""
    shown = np.random.default_rng([seed, 1]).permutation(len(seen.times))
    count, facts = len(shown), np.zeros(len(shown), np.float32)
    rows = FrameRows(
        np.arange(count), np.arange(count, dtype=float), facts, facts, np.full(count, -1), seen.vectors[way][shown]
    )
    proxies = seen.proxies[way][shown]
    colours = chroma(proxies) if settings.solve.price == "histogram" else None
    near = partial(nearest, exact_limit=settings.neighbours.exact_limit)
    found = arrange(Film(rows, luma(proxies), near, space, "pictures", colours, matcher), settings, Silent())
    truth = Truth(source="", fps=1, frames=shown.tolist(), ties=seen.ties.pictures, shots=seen.cuts.shots())
    return score_order(found.order, [dropped.frame for dropped in found.dropped], truth)

"""Measure how retrieval and ordering hold when the pictures are degraded, frame by frame."""

from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from ..engine.local import LocalEngine
from ..engine.task import Engine, FunctionTask
from ..errors import SourceError, UsageError
from ..index.neighbours import nearest
from ..index.overwrite import Outputs, Overwrite, content_origin
from ..ingest.models.embedder import Embedder
from ..ingest.models.matcher import matcher_for
from ..ingest.models.registry import open_embedder
from ..ingest.workers import open_engine
from ..media.proxy import ProxySize, chroma, luma, make_proxy
from ..media.source import open_source, shrunk
from ..media.types import FrameRows, Picture
from ..media.untrusted import quote
from ..progress import SILENT, Progress, SilentProgress
from ..render.report.charts import bar_chart
from ..render.report.contact_sheet import check_picture, save_picture
from ..settings import Settings, library_folder
from ..solve.arrange import arrange
from ..solve.measured_prices import Matcher
from ..solve.solve_input import SolveInput
from .annotations import CutDetector, IdenticalFrames, shrunk_luma
from .degradations import Degradation
from .scores import Scores, score_order
from .scramble import MOST_SEED, stretch
from .truth import Truth

_FEWEST = 3
"""Fewer frames have no order."""
_MOST_FRAMES = 100_000_000
"""Bounds the option `frames`."""
_MOST_SECONDS = 10_000_000
"""Bounds the option `within`."""
_MOST_DEGRADATIONS = 100
"""Bounds the copies of every frame."""
_AT_ONCE = 256
"""Queries per matrix product, which bounds its memory."""


@dataclass(frozen=True)
class RobustnessOptions:
    """`frames` is the length of a random stretch (0: all), `within` the distance in seconds that counts as near."""

    degradations: Sequence[Degradation]
    frames: int = 200
    within: float = 0.5
    seed: int = 0


@dataclass(frozen=True)
class Retrieval:
    """How a search of the clean frames answers degraded ones.

    `found` and `near` are shares of the frames: the best hit is the frame itself, or one that looks the same; it lies
    within the requested time. `cosine` is the mean similarity of a frame to its clean self, `lowest` the least.
    """

    found: float
    near: float
    cosine: float
    lowest: float


@dataclass(frozen=True)
class RobustnessRow:
    """The results under one degradation; None stands for the clean frames."""

    degradation: Degradation | None
    retrieval: Retrieval
    order: Scores


@dataclass(frozen=True)
class Robustness:
    """The results: first for the clean frames, then for each degradation in the given order."""

    video: str
    space: str
    first: int
    frames: int
    within: float
    rows: list[RobustnessRow]


@dataclass
class _Measured:
    """The vectors and proxies of the frames, clean (row 0) and under each degradation, in scratch files."""

    times: npt.NDArray[np.float64]
    vectors: npt.NDArray[np.float32]
    proxies: npt.NDArray[np.uint8]
    ties: IdenticalFrames = field(default_factory=IdenticalFrames)
    cuts: CutDetector = field(default_factory=CutDetector)


def measure_robustness(
    source: Path,
    options: RobustnessOptions,
    embedder: Embedder,
    settings: Settings,
    progress: Progress,
    matcher: Matcher | None = None,
    engine: Engine | None = None,
) -> Robustness:
    """Search and order each frame of a stretch, clean and degraded, among the clean ones.

    The source is decoded once and nothing is kept. Orders are found as for pictures, without coding in between.
    """
    _check(options)
    open_source(source)
    first, count = stretch(source, options.frames, options.seed, progress)
    if count < _FEWEST:
        raise SourceError(f"{source} has {count} frames, but an order needs at least {_FEWEST}.")
    with TemporaryDirectory(prefix="reelweave-") as folder:
        measured = _measure(source, first, count, options, embedder, settings, Path(folder), progress)
        degradations = [None, *options.degradations]
        orders = dict[int, Scores]()
        task = FunctionTask(partial(_order, embedder.space.name, options.seed, settings, matcher))
        jobs = (_OrderJob.of(measured, row) for row in range(len(degradations)))
        with (
            progress.stage("search and order", len(degradations)) as stage,
            closing((engine or LocalEngine()).run(task, jobs)) as work,
        ):
            for job, scores in work:
                if isinstance(scores, Exception):
                    raise scores
                orders[job.row] = scores
                stage.advance()
        rows = [
            RobustnessRow(degradation, _retrieval(measured, row, options.within), orders[row])
            for row, degradation in enumerate(degradations)
        ]
        # Windows cannot remove a folder while files in it are mapped.
        del measured
    return Robustness(source.name, embedder.space.name, first, count, options.within, rows)


def _check(options: RobustnessOptions) -> None:
    for name, value, most in (
        ("frames", options.frames, _MOST_FRAMES),
        ("seed", options.seed, MOST_SEED),
        ("within", options.within, _MOST_SECONDS),
    ):
        if not 0 <= value <= most:
            raise UsageError(f"{name} cannot be {quote(value)}.", f"It ranges from 0 to {most:,}.")
    if len(options.degradations) > _MOST_DEGRADATIONS:
        raise UsageError(
            f"More than {_MOST_DEGRADATIONS} kinds and strengths of noise are requested.", "Request fewer."
        )


def _measure(
    source: Path,
    first: int,
    count: int,
    options: RobustnessOptions,
    embedder: Embedder,
    settings: Settings,
    folder: Path,
    progress: Progress,
) -> _Measured:
    opened, variants = open_source(source, settings.ingest.pictures_fps), len(options.degradations) + 1
    info = opened.info()
    size = ProxySize.of(info.width, info.height, settings.ingest.proxy_pixels)
    measured = _Measured(
        np.zeros(count),
        _scratch(folder / "vectors", np.float32, (variants, count, embedder.space.dimension)),
        _scratch(folder / "proxies", np.uint8, (variants, count, size.height * 3 // 2, size.width)),
    )
    slot = 0
    with closing(opened.frames(first)) as frames, progress.stage("degrade and embed", count) as stage:
        for slot, frame in enumerate(frames, 1):
            _annotate(measured, slot - 1, frame.picture)
            measured.times[slot - 1] = frame.time
            pictures = _variants(frame.picture, options, slot - 1)
            small = [shrunk(picture, settings.ingest.size) for picture in pictures]
            measured.vectors[:, slot - 1] = embedder.embed(small)
            measured.proxies[:, slot - 1] = [make_proxy(picture, size) for picture in small]
            stage.advance()
            if slot == count:
                break
    if slot < count:
        raise SourceError(f"{source} decoded to fewer frames than before.", "Check whether it is still being written.")
    return measured


def _scratch(file: Path, kind: Any, shape: tuple[int, ...]) -> Any:
    return np.memmap(file, kind, "w+", shape=shape)


def _annotate(measured: _Measured, slot: int, picture: Picture) -> None:
    import cv2

    small = shrunk_luma(np.asarray(cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY), np.uint8))
    measured.ties.see(slot, picture.tobytes(), small)
    measured.cuts.see(slot, small)


def _variants(picture: Picture, options: RobustnessOptions, slot: int) -> Iterator[Picture]:
    yield picture
    for degradation in options.degradations:
        yield degradation.of(picture, np.random.default_rng([options.seed, 2, slot]))


def _retrieval(measured: _Measured, row: int, within: float) -> Retrieval:
    clean, degraded = measured.vectors[0], measured.vectors[row]
    best = np.concatenate(
        [(degraded[start : start + _AT_ONCE] @ clean.T).argmax(1) for start in range(0, len(clean), _AT_ONCE)]
    )
    pictures = np.array(measured.ties.pictures)
    own = np.einsum("ij,ij->i", clean, degraded)
    return Retrieval(
        found=float(np.mean(pictures[best] == pictures)),
        near=float(np.mean(np.abs(measured.times[best] - measured.times) <= within)),
        cosine=float(own.mean()),
        lowest=float(own.min()),
    )


@dataclass(frozen=True)
class _OrderJob:
    """The frames under one degradation, for a worker to order, and the truth about them."""

    row: int
    vectors: npt.NDArray[np.float32]
    proxies: npt.NDArray[np.uint8]
    ties: list[int]
    shots: list[int]

    @classmethod
    def of(cls, measured: _Measured, row: int) -> Self:
        return cls(row, measured.vectors[row], measured.proxies[row], measured.ties.pictures, measured.cuts.shots())


def _order(space: str, seed: int, settings: Settings, matcher: Matcher | None, job: _OrderJob) -> Scores:
    """Shuffle the frames as `scramble` would, and order them by their degraded pictures."""
    order = np.random.default_rng([seed, 1]).permutation(len(job.vectors))
    count, facts = len(order), np.zeros(len(order), np.float32)
    rows = FrameRows(
        np.arange(count), np.arange(count, dtype=float), facts, facts, np.full(count, -1), job.vectors[order]
    )
    proxies = job.proxies[order]
    colours = chroma(proxies) if settings.solve.price == "histogram" else None
    near = partial(nearest, exact_limit=settings.neighbours.exact_limit)
    found = arrange(
        SolveInput(rows, luma(proxies), near, space, "pictures", colours, matcher), settings, SilentProgress()
    )
    truth = Truth(source="", fps=1, frames=order.tolist(), ties=job.ties, shots=job.shots)
    return score_order(found.order, [dropped.frame for dropped in found.dropped], truth)


def evaluate_robustness(
    path: Path,
    options: RobustnessOptions,
    settings: Settings,
    progress: Progress = SILENT,
    *,
    plot: Path | None = None,
    overwrite: Overwrite = False,
) -> Robustness:
    """Measure how well frames are found and ordered once they are degraded.

    Args:
        path: A video or a folder of pictures.
        options: The degradations, and the stretch to test.
        settings: The space, and how to order.
        progress: Receives stages and notes.
        plot: A file for a bar chart of the results.
        overwrite: Whether files of other origin may be replaced.

    Raises:
        UsageError: An option is out of range.
        SourceError: There are fewer than three frames.
    """
    if plot:
        check_picture(plot, "a plot")
    outputs = Outputs(content_origin(path), overwrite, inputs=[path], library=library_folder(settings))
    outputs.claim(plot)
    embedder = open_embedder(settings.solve.space, settings.clip)
    with open_engine(settings, progress) as engine:
        done = measure_robustness(path, options, embedder, settings, progress, matcher_for(settings), engine)
    if plot:
        with outputs.writing(plot):
            draw_robustness(done, plot)
    return done


def draw_robustness(done: Robustness, path: Path) -> Path:
    """Draw the results as a bar chart."""
    rows = done.rows
    series = {
        "found": [row.retrieval.found for row in rows],
        f"found within {done.within:g} s": [row.retrieval.near for row in rows],
        "adjacency": [row.order.adjacency for row in rows],
        "tau in shots": [row.order.shot_tau for row in rows],
    }
    title = f"{done.video}: {done.frames} frames in the {done.space} space"
    return save_picture(bar_chart([str(row.degradation or "none") for row in rows], series, title), path)

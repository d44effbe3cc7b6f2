"""Measure the cost of solving by the length of the film: python bench/scale.py [--sizes N ...] [--json FILE]

The frames of a long walk through a small space of looks, with noise and with loops that pass by places seen
before, are put shuffled into a library, and a process of its own solves them, so that its peak memory is its own.
Motion is left out: it is looked at in films of up to `solve.flow_limit` frames only, and costs the same for each.
"""

import argparse
import json
import os
import platform
import resource
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import date
from itertools import pairwise
from pathlib import Path
from time import process_time

import cv2
import numpy as np
import numpy.typing as npt

from reelweave import pipeline
from reelweave.index.library import Library, open_library
from reelweave.ingest.models.appearance import AppearanceEmbedder
from reelweave.media.proxy import ProxySize, ProxyWriter, luma, make_proxy, read_proxies
from reelweave.media.types import FrameRows, Picture, SpaceState, VideoRecord
from reelweave.progress import SilentProgress, Stage
from reelweave.settings import load
from reelweave.solve.cost.prices import HuberPrice, price_features

SIZES = (1000, 2000, 5000, 10_000, 20_000, 50_000)
SIZE = ProxySize(160, 90)
PLACES, PATTERNS = 3, 24
NOISE = 2.0
BATCH = 1000


@dataclass(frozen=True)
class Result:
    frames: int
    neighbours_s: float
    solve_s: float
    ms_a_frame: float
    peak_mb: float
    proved_gap: float | None
    over_walk: float
    """The cost of the order found over that of the walk's own, less 1; by the same price."""
    adjacency: float
    solver: str


def walk(count: int) -> Iterator[Picture]:
    """Pictures of a smooth way through a box that is small enough to come by the same place again."""
    chance = np.random.default_rng(0)
    steps = np.apply_along_axis(
        lambda axis: np.convolve(axis, np.ones(25) / 25, "valid"), 0, chance.normal(size=(count + 24, PLACES))
    )
    way = 0.5 * np.cumsum(steps, axis=0)
    weights, phases = chance.normal(size=(PLACES, PATTERNS)), chance.uniform(0, 6.3, PATTERNS)
    coarse = chance.normal(size=(PATTERNS, 18, 32)).astype(np.float32)
    patterns = np.stack([cv2.resize(one, (SIZE.width, SIZE.height), interpolation=cv2.INTER_CUBIC) for one in coarse])
    for place in way:
        picture = 128 + 12 * np.tensordot(np.sin(place @ weights + phases).astype(np.float32), patterns, 1)
        picture += NOISE * chance.standard_normal(picture.shape, np.float32)
        yield np.repeat(np.clip(picture, 0, 255).astype(np.uint8)[..., None], 3, axis=2)


def shuffled(count: int) -> npt.NDArray[np.int64]:
    """For each frame of the file its place on the walk."""
    return np.random.default_rng(1).permutation(count)


def fill(folder: Path, count: int) -> None:
    """Put the walk into a library as ingest would have, in the order of the file."""
    video = VideoRecord(
        *("walk", "walk", "walk", "0", "", "video", 25.0, SIZE.width, SIZE.height, 0.0, SIZE.height),
        **{"proxy_width": SIZE.width, "proxy_height": SIZE.height, "frames": count, "complete": True},
    )
    state = SpaceState(AppearanceEmbedder.space, count, True, count - 1)
    vectors = np.empty((count, AppearanceEmbedder.space.dimension), np.float32)
    proxies = np.empty((count, SIZE.bytes), np.uint8)
    file = np.argsort(shuffled(count))
    for at, picture in zip(file, walk(count), strict=True):
        vectors[at] = AppearanceEmbedder().embed([picture])[0]
        proxies[at] = make_proxy(picture, SIZE).ravel()
    library = Library(folder)
    with library.writing("bench"):
        writer = ProxyWriter(library.proxies_file(video.id), SIZE, 0)
        writer.append(proxies)  # type: ignore[arg-type]
        writer.close()
        for start in range(0, count, BATCH):
            library.write(video, [state], {"appearance": _rows(vectors, start)})
    library.close()


def _rows(vectors: npt.NDArray[np.float32], start: int) -> FrameRows:
    part = vectors[start : start + BATCH]
    indices = np.arange(start, start + len(part))
    none = np.zeros(len(part), np.float32)
    return FrameRows(indices, indices / 25.0, none, none, np.full(len(part), -1), part)


class Clock(SilentProgress):
    """CPU seconds of every stage, by name."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    @contextmanager
    def stage(self, name: str, total: int | None = None) -> Iterator[Stage]:
        started = process_time()
        yield self
        self.seconds[name] = self.seconds.get(name, 0.0) + process_time() - started


def solve(folder: Path, count: int) -> Result:
    """Solve what lies in the library; what that took is taken before the order is compared with the walk's."""
    clock, started = Clock(), process_time()
    plan = pipeline.solve("walk", load({"library": str(folder), "solve.flow_limit": 0}), clock)
    seconds = process_time() - started
    unit = 1 if sys.platform == "darwin" else 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
    place = shuffled(count)[plan.order]
    return Result(
        frames=count,
        neighbours_s=round(clock.seconds["neighbours"], 2),
        solve_s=round(seconds, 2),
        ms_a_frame=round(1000 * seconds / count, 3),
        peak_mb=round(peak / 1e6),
        proved_gap=plan.path.gap,
        over_walk=_over_walk(folder, plan.order, count),
        adjacency=round(float((np.abs(np.diff(place)) == 1).mean()), 4),
        solver=plan.path.solver,
    )


def _over_walk(folder: Path, order: list[int], count: int) -> float:
    with open_library(folder) as library:
        proxies = read_proxies(library.proxies_file("walk"), SIZE, count)
        price = HuberPrice(price_features(luma(proxies), np.arange(count)))
    kept = set(order)
    own = [frame for frame in np.argsort(shuffled(count)).tolist() if frame in kept]
    found, walked = (
        float(price.pairs(*np.array(list(pairwise(line)), np.int64).T).sum(dtype=np.float64)) for line in (order, own)
    )
    return found / walked - 1


def measure(count: int) -> Result:
    with tempfile.TemporaryDirectory() as folder:
        for step in ("--fill", "--solve"):
            command = [sys.executable, __file__, step, folder, "--sizes", str(count)]
            done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    return Result(**json.loads(done.stdout))


def table(results: list[Result]) -> str:
    most = max(result.ms_a_frame for result in results)
    rows = [
        "| frames | neighbours CPU s | solve CPU s | ms a frame | | peak MB | proved gap | over the walk | adjacency |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for r in results:
        gap = "" if r.proved_gap is None else f"{r.proved_gap:.2%}"
        curve = "█" * round(20 * r.ms_a_frame / most)
        rows.append(
            f"| {r.frames:,} | {r.neighbours_s:.1f} | {r.solve_s:.1f} | {r.ms_a_frame:.2f} | {curve} "
            f"| {r.peak_mb:.0f} | {gap} | {r.over_walk:+.2%} | {r.adjacency:.3f} |"
        )
    return "\n".join(rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--fill", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--solve", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.fill:
        fill(given.fill, given.sizes[0])
        return
    if given.solve:
        print(json.dumps(asdict(solve(given.solve, given.sizes[0]))))
        return
    results = []
    for count in given.sizes:
        results.append(measure(count))
        print(f"{count}: {results[-1].solve_s} s", file=sys.stderr, flush=True)
    facts = {"date": date.today().isoformat(), "machine": platform.platform(), "cores": os.cpu_count()}
    print(table(results))
    if given.json:
        given.json.write_text(json.dumps({**facts, "results": [asdict(r) for r in results]}, indent=1) + "\n")


if __name__ == "__main__":
    main()

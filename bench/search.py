"""How quick and how right searches are: python bench/search.py [--vectors FOLDER] [--rows N N ...] [--large]

Libraries of 100 videos are drawn as vectors: shots of some seconds, in which a frame is like the one before. With
--vectors (see bench/thresholds.py) shots lie as real CLIP vectors do, and half of the queries are real texts; without,
they are drawn at random. The other queries are frames with something added. The catalog and the copies that searches
read are written; Chroma is not, and every search would fail that opened it.

Latencies are of whole questions: the query's file read, candidates found, compared, folded, told. "New process" is from
its first import to its first answer, and the memory is its own. Recall is of the ten best. It needs Linux.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from time import perf_counter, process_time

import numpy as np

from reelweave.index.library import open_library
from reelweave.index.matrix import keep
from reelweave.media.types import Floats, FrameRows, Space, SpaceState, VideoRecord
from reelweave.progress import SilentProgress
from reelweave.search.finder import Finder, open_finder
from reelweave.search.question import Question
from reelweave.search.results import all_scores, ranked
from reelweave.settings import Settings, load

VIDEOS = 100
WIDTH = 512
SHOT = 100
QUERIES = 50
TOP = 10
CLIP = Space("clip", "drawn", "none", "none", WIDTH)

_FIRST = """
from time import perf_counter
begun = perf_counter()
import json, sys
from pathlib import Path
from reelweave.search.question import Question
from reelweave.progress import SILENT
from reelweave.search.finder import open_finder
from reelweave.settings import load
settings = load({"library": sys.argv[1], "search.memory_gb": float(sys.argv[3])})
with open_finder(settings, SILENT) as finder:
    found = finder.ask(Question(vector=Path(sys.argv[2])))
assert found.hits and "chromadb" not in sys.modules and "torch" not in sys.modules
seconds = perf_counter() - begun
# getrusage would tell the parent's peak where that is higher.
status = Path("/proc/self/status").read_text(encoding="ascii")
print(json.dumps([seconds, int(status.partition("VmHWM:")[2].split()[0]) / 1024]))
"""


@dataclass(frozen=True)
class Result:
    rows: int
    way: str
    recall: float
    p50_ms: float
    p95_ms: float
    cpu_p95_ms: float
    """The same in CPU time, which other work on the machine does not stretch."""
    first_s: float
    """A new process, to its first answer."""
    made_s: float
    """The first two questions, for which a copy or an index is made."""
    peak_mb: float
    """Of the new process, with what it has mapped and looked at."""


class Drawn:
    """Vectors like those of films, and queries for them."""

    def __init__(self, folder: Path | None, seed: int = 0) -> None:
        self._rng = np.random.default_rng(seed)
        self._real = self._texts = None
        if folder:
            self._real = np.load(next(folder.glob("image_embeddings_*.npz")))["E"].astype(np.float32)
            texts = np.load(next(folder.glob("text_embeddings_*.npy"))).astype(np.float32)
            self._texts = texts / np.linalg.norm(texts, axis=1, keepdims=True)

    def video(self, count: int) -> Floats:
        """Shots around points that lie between real pictures; neighbours have cosines of .95 to 1."""
        shots = [self._shot(min(SHOT, count - start)) for start in range(0, count, SHOT)]
        return np.concatenate(shots)

    def _shot(self, count: int) -> Floats:
        steps = self._rng.standard_normal((count, WIDTH)).astype(np.float32)
        walk = np.cumsum(steps, axis=0) / np.sqrt(np.arange(1, count + 1))[:, None]
        return _units(self._place() + 0.2 * _units(walk) + 0.1 * _units(steps))

    def _place(self) -> Floats:
        if self._real is None:
            return _units(self._rng.standard_normal((1, WIDTH)).astype(np.float32))
        some = self._real[self._rng.choice(len(self._real), 3, replace=False)]
        return _units(self._rng.dirichlet([1, 1, 1]).astype(np.float32)[None] @ some)

    def queries(self, frames: Floats) -> Floats:
        chosen = frames[self._rng.choice(len(frames), QUERIES)]
        noise = _units(self._rng.standard_normal((QUERIES, WIDTH)).astype(np.float32))
        found = _units(chosen + 0.3 * noise)
        if self._texts is not None:
            words = self._texts[self._rng.choice(len(self._texts), QUERIES // 2, replace=False)]
            found[::2] = words
        return found


def _units(vectors: Floats) -> Floats:
    return np.asarray(vectors / np.linalg.norm(vectors, axis=-1, keepdims=True), np.float32)


def stock(folder: Path, rows: int, drawn: Drawn) -> list[Path]:
    """A library of that many frames, and queries as files."""
    each, queries = rows // VIDEOS, []
    with open_library(folder / "library") as library, library.writing("bench"):
        for number in range(VIDEOS):
            vectors = drawn.video(each)
            video, state = _record(number, each), SpaceState(CLIP, each, True, each - 1)
            library.catalog.save(video, [state])
            keep(library, video, state, _rows(vectors))
            if number == VIDEOS // 2:
                for place, query in enumerate(
                    drawn.queries(vectors) if each >= QUERIES else drawn.queries(drawn.video(QUERIES))
                ):
                    queries.append(folder / f"query{place}.npy")
                    np.save(queries[-1], query)
    return queries


def _record(number: int, frames: int) -> VideoRecord:
    name = f"video{number:03}"
    made = VideoRecord(name, f"{name}.mp4", f"/{name}.mp4", name, "", "video", 25.0, 640, 360, 0.0, 360, 160, 90)
    return replace(made, frames=frames, seconds=frames / 25, complete=True)


def _rows(vectors: Floats) -> FrameRows:
    count = len(vectors)
    zeros = np.zeros(count, np.float32)
    return FrameRows(np.arange(count), np.arange(count) / 25, zeros, zeros, np.full(count, -1, np.int64), vectors)


def measure(folder: Path, queries: Sequence[Path], way: str, rounds: int) -> Result:
    """One way in this process, after two questions that load and make what it needs."""
    settings = load({"library": str(folder / "library"), "search.memory_gb": 1e-6 if way == "index" else 1e3})
    begun = perf_counter()
    with open_finder(settings, SilentProgress()) as finder:
        # From the second question on the frames' vectors are compared in a smaller copy.
        found = [finder.ask(_question(queries[0])) for _ in range(2)][-1]
        made = perf_counter() - begun
        first, peak = _first(settings, queries[0])
        timed = [_timed(finder, query) for _ in range(rounds) for query in queries]
        recall = float(np.mean([_recall(finder, query) for query in queries]))
        rows = len(found.matrix)
    (p50, _), (p95, cpu) = 1e3 * np.percentile(timed, [50, 95], axis=0)
    return Result(rows, way, recall, float(p50), float(p95), float(cpu), first, made, peak)


def _question(query: Path) -> Question:
    return Question(vector=query, count=TOP, repeats=True)


def _timed(finder: Finder, query: Path) -> tuple[float, float]:
    """Seconds that passed, and seconds of the CPU."""
    begun, used = perf_counter(), process_time()
    # Folded, as searches are unless told otherwise.
    finder.ask(replace(_question(query), repeats=False))
    return perf_counter() - begun, process_time() - used


def _recall(finder: Finder, query: Path) -> float:
    found = finder.ask(_question(query))
    best = ranked(all_scores(found.matrix, np.load(query)[None]), None, TOP)
    least = float(best.scores[-1]) - 1e-5
    return sum(hit.score >= least for hit in found.hits) / TOP


def _first(settings: Settings, query: Path) -> tuple[float, float]:
    """Of three new processes the median; what one of them leaves behind, the next finds."""
    memory = str(settings.search.memory_gb)
    command = [sys.executable, "-c", _FIRST, settings.library, str(query), memory]
    runs = [json.loads(subprocess.run(command, capture_output=True, check=True, text=True).stdout) for _ in range(4)]
    seconds, megabytes = sorted(runs[1:])[1]
    return seconds, megabytes


def in_own_process(folder: Path, queries: Sequence[Path], way: str, rounds: int) -> Result:
    """So that one way's memory is not counted with another's."""
    job = json.dumps([str(folder), [str(query) for query in queries], way, rounds])
    done = subprocess.run([sys.executable, __file__, "--job", job], stdout=subprocess.PIPE, check=True, text=True)
    return Result(**json.loads(done.stdout))


def show(results: Sequence[Result]) -> None:
    print("| frames | way | recall@10 | p50 ms | p95 ms | CPU p95 ms | new process s | index made s | peak MB |")
    print("|---|---|---|---|---|---|---|---|---|")
    for r in results:
        times = f"{r.p50_ms:.1f} | {r.p95_ms:.1f} | {r.cpu_p95_ms:.1f} | {r.first_s:.2f} | {r.made_s:.1f}"
        print(f"| {r.rows:,} | {r.way} | {r.recall:.3f} | {times} | {r.peak_mb:.0f} |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--vectors", type=Path, help="a folder with real CLIP vectors")
    parser.add_argument("--rows", type=int, nargs="+", default=[10_000, 100_000])
    parser.add_argument("--large", action="store_true", help="a million frames as well: 4 GB of disk and of memory")
    parser.add_argument("--rounds", type=int, default=4)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--job", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.job:
        folder, queries, way, rounds = json.loads(given.job)
        print(json.dumps(asdict(measure(Path(folder), [Path(query) for query in queries], way, rounds))))
        return
    results = []
    for rows in [*given.rows, *([1_000_000] if given.large else [])]:
        with tempfile.TemporaryDirectory(dir=os.environ.get("TMPDIR")) as name:
            queries = stock(Path(name), rows, Drawn(given.vectors))
            for way in ("every frame", "index"):
                results.append(in_own_process(Path(name), queries, way, given.rounds))
    show(results)
    if given.json:
        given.json.write_text(json.dumps([asdict(result) for result in results], indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()

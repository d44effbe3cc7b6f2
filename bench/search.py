"""How quick and how right searches are: python bench/search.py [--vectors FOLDER] [--rows N N ...] [--large] [--huge]

Libraries of 100 videos are drawn as vectors: shots of some seconds, in which a frame is like the one before. With
--vectors (see bench/thresholds.py) shots lie as real CLIP vectors do, and half of the queries are real texts; without,
they are drawn at random. The other queries are frames with something added. The catalog and the copies that searches
read are written; Chroma is not, and every search would fail that opened it.

--far makes queries as SigLIP 2 embeds texts: their best cosines are near .13, and most of each is across all frames.
--large adds a million frames (4 GB of disk and of memory), --huge ten million (22 GB of disk), by the index alone.

Latencies are of whole questions: reading the query, finding candidates, comparing, folding and reporting them. CPU
times are the least of the rounds, since other work on the machine stretches them too. "New process" is from its first
import to its first answer, and the memory is its own, with what it has mapped and looked at. Recall is of the ten best.
It needs Linux.
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
from table import put_between_marks

from reelweave.index.library import open_library
from reelweave.index.matrix import Matrix, keep
from reelweave.media.types import Floats, FrameRows, Space, SpaceState, VideoRecord
from reelweave.progress import SilentProgress
from reelweave.search.finder import Finder, open_finder
from reelweave.search.question import Question
from reelweave.settings import Settings, load

VIDEOS = 100
WIDTH = 512
SHOT = 100
QUERIES = 50
CHUNK = 8192
TOP = 10
FAR = 0.13
"""Share of a frame in a far query; its best cosine among a million is near .13, where SigLIP 2 has about .16."""
HUGE = 10_000_000
CLIP = Space("clip", "drawn", "none", "none", WIDTH)

_FIRST = """
from time import perf_counter, process_time
begun, used = perf_counter(), process_time()
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
seconds = [perf_counter() - begun, process_time() - used]
# getrusage would tell the parent's peak where that is higher.
status = Path("/proc/self/status").read_text(encoding="ascii")
print(json.dumps([*seconds, int(status.partition("VmHWM:")[2].split()[0]) / 1024]))
"""


@dataclass(frozen=True)
class Result:
    rows: int
    way: str
    recall: float
    p50_ms: float
    p95_ms: float
    cpu_p95_ms: float
    """The same in CPU time, of each query the least of the rounds."""
    first_s: float
    """A new process, to its first answer."""
    first_cpu_s: float
    made_cpu_s: float
    """The first two questions, for which a copy or an index is made."""
    peak_mb: float
    """Of the new process, with what it has mapped and looked at."""
    best: float
    """The median of the best cosines."""
    read_mb: float
    """What was read from the disk for a question, on average."""


class Drawn:
    """Vectors like those of films, and queries for them."""

    def __init__(self, folder: Path | None, far: bool = False, seed: int = 0) -> None:
        self._rng = np.random.default_rng(seed)
        self._far = far
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
        if self._far:
            # What all frames share tells them apart as little as it does in SigLIP 2.
            return _units(FAR * _units(chosen - frames.mean(axis=0)) + noise)
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
    begun = process_time()
    with open_finder(settings, SilentProgress()) as finder:
        # From the second question on the frames' vectors are compared in a smaller copy.
        found = [finder.ask(_question(queries[0])) for _ in range(2)][-1]
        made = process_time() - begun
        first, first_cpu, peak = _first(settings, queries[0])
        before = _bytes_read()
        timed = np.array([[_timed(finder, query) for query in queries] for _ in range(rounds)])
        read = (_bytes_read() - before) / (rounds * len(queries)) / 1e6
        best = _best_scores(found.matrix, queries)
        recall = float(np.mean([_recall(finder, *each) for each in zip(queries, best[:, -1], strict=True)]))
        rows = len(found.matrix)
    p50, p95 = 1e3 * np.percentile(timed[..., 0], [50, 95])
    cpu = 1e3 * np.percentile(timed[..., 1].min(axis=0), 95)
    highest = float(np.median(best[:, 0]))
    return Result(rows, way, recall, float(p50), float(p95), float(cpu), first, first_cpu, made, peak, highest, read)


def _bytes_read() -> int:
    """Return how much this process has read from the disk, rather than found in memory."""
    fields = Path("/proc/self/io").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) for line in fields if line.startswith("read_bytes"))


def _best_scores(matrix: Matrix, queries: Sequence[Path]) -> Floats:
    """The scores of the best rows for each query, best first, in one pass over all vectors."""
    asked = np.stack([np.load(query) for query in queries])
    best = np.full((len(asked), TOP), -np.inf, np.float32)
    for segment in matrix.segments:
        for start in range(0, len(segment.rows), CHUNK):
            scores = np.concatenate([best, asked @ segment.rows.vectors[start : start + CHUNK].T], axis=1)
            best = np.partition(scores, scores.shape[1] - TOP, axis=1)[:, -TOP:]
    return np.asarray(-np.sort(-best, axis=1), np.float32)


def _question(query: Path) -> Question:
    return Question(vector=query, count=TOP, repeats=True)


def _timed(finder: Finder, query: Path) -> tuple[float, float]:
    """Seconds that passed, and seconds of the CPU."""
    begun, used = perf_counter(), process_time()
    # Folded, as searches are by default.
    finder.ask(replace(_question(query), repeats=False))
    return perf_counter() - begun, process_time() - used


def _recall(finder: Finder, query: Path, least: float) -> float:
    return sum(hit.score >= least - 1e-5 for hit in finder.ask(_question(query)).hits) / TOP


def _first(settings: Settings, query: Path) -> tuple[float, float, float]:
    """Of three new processes the median; what one of them leaves behind, the next finds."""
    memory = str(settings.search.memory_gb)
    command = [sys.executable, "-c", _FIRST, settings.library, str(query), memory]
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    with tempfile.TemporaryDirectory() as compiled:
        # Modules are compiled when a package is installed, though perhaps not those of a checkout.
        environment["PYTHONPYCACHEPREFIX"] = compiled
        runs = [
            json.loads(subprocess.run(command, capture_output=True, check=True, text=True, env=environment).stdout)
            for _ in range(4)
        ]
    seconds, used, megabytes = (sorted(column)[1] for column in zip(*runs[1:], strict=True))
    return seconds, used, megabytes


def in_own_process(folder: Path, queries: Sequence[Path], way: str, rounds: int) -> Result:
    """So that one way's memory is not counted with another's."""
    job = json.dumps([str(folder), [str(query) for query in queries], way, rounds])
    done = subprocess.run([sys.executable, __file__, "--job", job], stdout=subprocess.PIPE, check=True, text=True)
    return Result(**json.loads(done.stdout))


def results_table(results: Sequence[Result]) -> str:
    columns = (
        "| frames | way | best | recall@10 | p50 ms | p95 ms | CPU p95 ms | new process s | CPU s | made CPU s | MB "
        "| MB read |"
    )
    lines = [columns, f"|{'---|' * 12}"]
    for r in results:
        found, first = f"{r.best:.2f} | {r.recall:.3f}", f"{r.first_s:.2f} | {r.first_cpu_s:.2f}"
        times = f"{r.p50_ms:.1f} | {r.p95_ms:.1f} | {r.cpu_p95_ms:.1f} | {first} | {r.made_cpu_s:.1f}"
        lines.append(f"| {r.rows:,} | {r.way} | {found} | {times} | {r.peak_mb:.0f} | {r.read_mb:.1f} |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--vectors", type=Path, help="a folder with real CLIP vectors")
    parser.add_argument("--rows", type=int, nargs="+", default=[10_000, 100_000])
    parser.add_argument("--large", action="store_true", help="a million frames as well: 4 GB of disk and of memory")
    parser.add_argument("--huge", action="store_true", help="ten million frames as well: 22 GB of disk")
    parser.add_argument("--far", action="store_true", help="queries far from all frames, as texts are in SigLIP 2")
    parser.add_argument("--rounds", type=int, default=4)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--into", type=Path, help="a page that gets the table, between its marks")
    parser.add_argument("--job", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.job:
        folder, queries, way, rounds = json.loads(given.job)
        print(json.dumps(asdict(measure(Path(folder), [Path(query) for query in queries], way, rounds))))
        return
    results = []
    for rows in [*given.rows, *([1_000_000] if given.large else []), *([HUGE] if given.huge else [])]:
        with tempfile.TemporaryDirectory(dir=os.environ.get("TMPDIR")) as name:
            queries = stock(Path(name), rows, Drawn(given.vectors, given.far))
            for way in ("every frame", "index") if rows < HUGE else ("index",):
                results.append(in_own_process(Path(name), queries, way, given.rounds))
    print(block := results_table(results))
    if given.into:
        marks = (f"<!-- bench/search{'-far' * given.far}: {end} -->" for end in ("begin", "end"))
        given.into.write_text(put_between_marks(given.into.read_text("utf-8"), block, *marks), "utf-8")
    if given.json:
        given.json.write_text(json.dumps([asdict(result) for result in results], indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()

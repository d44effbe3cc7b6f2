"""Measure what a cluster gains and costs: python bench/cluster.py [--films N] [--frames N] [--json FILE] [--into PAGE]

Drawn films are ingested in the clip space, by a ViT-B-32 of random weights in 32 bits, with one thread: by the plain
command, and by Ray clusters of one and of two nodes of one core each, on this machine. Each run is a process of its own
that embeds one short film beforehand, so that the models are loaded. Runs take turns for some rounds and medians count.

CPU seconds are those of the driver, the workers and their decoders; Ray's own processes are counted apart, as "ray".
They mean something on a busy machine too; frames per second do not.

--import measures instead how many vectors a second one driver imports from what workers sent, into an embedded store
or, with --store URL, into a Chroma server. It needs Linux.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any, cast

import numpy as np
from table import put_between_marks

from ingest import random_model
from reelweave import pipeline
from reelweave.engine.task import FolderWriter
from reelweave.evaluate.drawn.film import draw_film
from reelweave.index.library import open_library
from reelweave.index.transfer import import_embedded
from reelweave.index.transfer_files import ExportPieces
from reelweave.ingest.models.backends import this_processor
from reelweave.media.types import Floats, FrameRows, Space, SpaceState, VideoRecord
from reelweave.settings import Settings, load

BEGIN, END = "<!-- bench/cluster: begin -->", "<!-- bench/cluster: end -->"
WAYS = {"plain": 0, "1 node": 1, "2 nodes": 2}
_SIZE = (320, 180)
_BATCH = 64
_PROXY = (135, 160)
"""Shape of a proxy of a 16:9 video."""
_STORE_BYTES = 200 << 20
_SHOT = 100
"""Frames of a shot in imported vectors; neighbours in one have a cosine of .99, as frames of a film."""
_DRIFT, _NOISE = 0.15, 0.1
"""Standard deviations, in units of that of a shot, of a step from frame to frame and of what is new in each frame."""
_STARTS = 10


@dataclass(frozen=True)
class Run:
    way: str
    films: int
    frames: int
    seconds: float
    cpu_s: float
    ray_s: float


def films_in(folder: Path, films: int, frames: int) -> Path:
    for number in range(films):
        draw_film(folder / f"film{number}.mp4", frames=frames, size=_SIZE, seed=number)
    return folder


def settings_for(way: str, model: str, library: Path) -> Settings:
    flags = {"clip.model": model, "clip.speed": "exact", "clip.device": "cpu", "ingest.space": "clip"}
    engine = "ray" if WAYS[way] else "local"
    return load({**flags, "library": str(library), "engine.name": engine})


@contextmanager
def cluster_of(nodes: int) -> Iterator[None]:
    import ray
    from ray.cluster_utils import Cluster

    one = {"num_cpus": 1, "object_store_memory": _STORE_BYTES, "include_dashboard": False}
    cluster = _patiently(lambda: Cluster(initialize_head=True, head_node_args=one))
    for _ in range(nodes - 1):
        _patiently(lambda: cluster.add_node(**one))
    ray.init(address=cluster.address, log_to_driver=False, logging_level="ERROR")
    yield
    ray.shutdown()
    cluster.shutdown()


def _patiently(start: Callable[[], Any]) -> Any:
    """Start something of Ray's, which gives up after 30 seconds: a busy machine needs longer."""
    for _ in range(_STARTS):
        with suppress(Exception):
            return start()
    return start()


def measure(way: str, films: Path, warm: Path, model: str) -> Run:
    """One way through all films, in this process."""
    nodes = WAYS[way]
    with tempfile.TemporaryDirectory() as folder, cluster_of(nodes) if nodes else nullcontext():
        warm_up = settings_for(way, model, Path(folder) / "warm")
        for _ in pipeline.ingest_all([warm], warm_up):
            pass
        settings = settings_for(way, model, Path(folder) / "library")
        begun, work, ray = perf_counter(), _work_seconds(), _ray_seconds()
        videos = [result.video for result in pipeline.ingest_all([films], settings)]
        seconds, work, ray = perf_counter() - begun, _work_seconds() - work, _ray_seconds() - ray
        frames = sum(video.frames for video in videos if video)
    return Run(way, len(videos), frames, seconds, work, ray)


def _work_seconds() -> float:
    """CPU seconds of this process and of Ray's workers, with the decoders that have ended."""
    return sum(_cpu(title) for title in _titles(lambda title, own: own or title.startswith("ray::")))


def _ray_seconds() -> float:
    """CPU seconds of what Ray runs beside the workers."""
    names = ("gcs_server", "raylet", "plasma", "dashboard", "agent.py", "monitor.py", "log_monitor")
    return sum(_cpu(title) for title in _titles(lambda title, own: not own and any(name in title for name in names)))


def _titles(wanted: Callable[[str, bool], bool]) -> Iterator[Path]:
    """The processes of this user that belong to the run: this one and those that Ray started from it."""
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            title = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode("utf-8", "replace")
            own = int(folder.name) == os.getpid()
            if wanted(title, own) and (own or _is_below(folder)):
                yield folder


def _is_below(folder: Path) -> bool:
    """Whether this process started that one, or one that started it."""
    pid = int(folder.name)
    while pid > 1:
        if pid == os.getpid():
            return True
        pid = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    return False


def _cpu(folder: Path) -> float:
    fields = (folder / "stat").read_text().rpartition(")")[2].split()
    return sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK")


def in_own_process(way: str, films: Path, warm: Path, model: str) -> Run:
    job = json.dumps([way, str(films), str(warm), model])
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    environment.pop("RAY_ADDRESS", None)
    done = subprocess.run(
        [sys.executable, __file__, "--job", job], stdout=subprocess.PIPE, text=True, env=environment, check=True
    )
    return Run(**json.loads(done.stdout.splitlines()[-1]))


def table(runs: Sequence[Run]) -> str:
    lines = [
        "| way | frames/s | times plain | CPU ms a frame | CPU s a video beyond plain | share | CPU s of Ray itself |",
        "|---|---|---|---|---|---|---|",
    ]
    by_way = {way: [run for run in runs if run.way == way] for way in WAYS}
    plain = by_way["plain"]
    for way, found in by_way.items():
        if not found or not plain:
            continue
        rate, base = (median(run.frames / run.seconds for run in group) for group in (found, plain))
        spent, floor = (median(run.cpu_s / run.films for run in group) for group in (found, plain))
        ray = median(run.ray_s for run in found)
        each = 1000 * spent * found[0].films / found[0].frames
        lines.append(
            f"| {way} | {rate:.1f} | {rate / base:.2f} | {each:.1f} | {spent - floor:.2f} | "
            f"{100 * (spent / floor - 1):.1f} % | {ray:.1f} |"
        )
    return "\n".join(lines)


def measure_imports(videos: int, frames: int, dimension: int, url: str) -> str:
    """Import what workers would send, of random unit vectors and empty proxies."""
    with tempfile.TemporaryDirectory() as name:
        flags: dict[str, Any] = {"library": str(Path(name) / "library")} | ({"store.url": url} if url else {})
        # The first import also loads Chroma.
        first, *sent = [_sent(Path(name) / str(number), number, frames, dimension) for number in range(videos + 1)]
        with open_library(load(flags)) as library, library.writing("bench"):
            import_embedded(library, *first)
            begun, spent = perf_counter(), os.times()
            for folder, video, state in sent:
                import_embedded(library, folder, video, state)
            seconds, after = perf_counter() - begun, os.times()
    cpu = after.user + after.system - spent.user - spent.system
    count, store = videos * frames, "server" if url else "embedded"
    return (
        f"| {store} | {videos} x {frames} | {dimension} | {count / seconds:.0f} | {count / cpu:.0f} | "
        f"{os.getloadavg()[0]:.0f} |"
    )


def _sent(folder: Path, number: int, frames: int, dimension: int) -> tuple[Path, VideoRecord, SpaceState]:
    space = Space("own:bench", "bench", "none", "none", dimension)
    video = VideoRecord(
        *(f"bench-{number:08x}", f"bench{number}.mp4", f"/bench{number}.mp4", f"{number:064x}", "0:0", "video"),
        *(25.0, 1280, 720, 0.0, 360, _PROXY[1], _PROXY[0] * 2 // 3, frames, frames / 25, True),
    )
    export, files = ExportPieces(space, _PROXY, "."), FolderWriter(folder)
    vectors = _film_vectors(frames, dimension, number)
    for piece in export.begin():
        files.write(piece)
    for start in range(0, frames, _BATCH):
        rows = _rows(vectors[start : start + _BATCH], start)
        for piece in export.batch(rows, [np.zeros(_PROXY, np.uint8)] * len(rows)):
            files.write(piece)
    for piece in export.end(video):
        files.write(piece)
    return folder, video, SpaceState(space, frames, complete=True, last_frame=frames - 1)


def _film_vectors(frames: int, dimension: int, seed: int) -> Floats:
    """Make unit vectors of shots; within a shot the picture drifts from frame to frame."""
    random = np.random.default_rng(seed)
    shots = random.standard_normal((-(-frames // _SHOT), dimension)).astype(np.float32)
    steps = random.standard_normal((len(shots), _SHOT, dimension)).astype(np.float32)
    vectors = shots[:, None] + _DRIFT * np.cumsum(steps, axis=1) + _NOISE * random.permuted(steps, axis=1)
    vectors = vectors.reshape(-1, dimension)[:frames]
    return cast(Floats, vectors / np.linalg.norm(vectors, axis=1, keepdims=True))


def _rows(vectors: Floats, start: int) -> FrameRows:
    count = len(vectors)
    indices = np.arange(start, start + count)
    level = np.full(count, 0.5, np.float32)
    return FrameRows(indices, indices / 25, level, level, np.full(count, -1), vectors)


def heading(films: int, frames: int, rounds: int) -> str:
    return (
        f"{date.today()}: {this_processor()}, {os.cpu_count()} cores, no GPU; {films} films of {frames} frames; "
        f"medians of {rounds} rounds; load {os.getloadavg()[0]:.0f} at the end."
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--films", type=int, default=8)
    parser.add_argument("--frames", type=int, default=200, help="of each film")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--ways", nargs="+", choices=WAYS, default=list(WAYS))
    parser.add_argument("--import", dest="imports", action="store_true", help="measure imports instead")
    parser.add_argument("--dimension", type=int, default=512, help="of imported vectors")
    parser.add_argument("--store", default="", help="URL of a Chroma server to import into")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--into", type=Path)
    parser.add_argument("--job", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.job:
        way, films, warm, model = json.loads(given.job)
        print(json.dumps(asdict(measure(way, Path(films), Path(warm), model))))
        return
    if given.imports:
        print(measure_imports(given.films, given.frames, given.dimension, given.store))
        return
    runs = []
    with tempfile.TemporaryDirectory() as name:
        model = random_model(Path(name) / "vit-b-32")
        films, warm = (Path(name) / part for part in ("films", "warm"))
        films.mkdir()
        warm.mkdir()
        films_in(films, given.films, given.frames)
        # One for each worker, so that each loads its model.
        films_in(warm, 4, 8)
        for _ in range(given.rounds):
            for way in given.ways:
                runs.append(in_own_process(way, films, warm, model))
                print(json.dumps(asdict(runs[-1])), flush=True)
                if given.json:
                    with given.json.open("a", encoding="utf-8") as file:
                        file.write(json.dumps(asdict(runs[-1])) + "\n")
    block = f"{heading(given.films, given.frames, given.rounds)}\n\n{table(runs)}"
    print(block)
    if given.into:
        given.into.write_text(put_between_marks(given.into.read_text("utf-8"), block, BEGIN, END), "utf-8")


if __name__ == "__main__":
    main()

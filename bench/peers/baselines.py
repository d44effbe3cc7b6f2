"""Baselines on the product's own numbers: python bench/peers/baselines.py fast-tsp|nearest-neighbour VIDEO ANSWER

Neither drops a frame. fast-tsp gets the prices of all joins that the product begins with; the nearest
neighbour walks over the distances of its vectors.
"""

import argparse
import json
import subprocess
import tempfile
from pathlib import Path

import numpy as np
import numpy.typing as npt

from reelweave import pipeline
from reelweave.index.library import open_library
from reelweave.index.neighbours import nearest
from reelweave.media.proxy import ProxySize, luma, read_proxies
from reelweave.media.types import Floats
from reelweave.settings import load
from reelweave.solve.cost.echo import echo_corrected
from reelweave.solve.cost.prices import HuberPrice, all_pairs

_TOP = 2**16 - 1
_ECHO_NEIGHBOURS = 24


def looks(video: Path) -> tuple[Floats, npt.NDArray[np.uint8]]:
    """The appearance vectors of a video and the brightness of its proxies."""
    with tempfile.TemporaryDirectory() as folder:
        settings = load({"library": folder, "ingest.space": "appearance"})
        record = pipeline.ingest(video, settings)
        with open_library(Path(folder)) as library:
            vectors = library.rows(record, "appearance").vectors
            size = ProxySize(record.proxy_width, record.proxy_height)
            return vectors, np.array(luma(read_proxies(library.proxies_file(record.id), size, len(vectors))))


def join_prices(vectors: Floats, brightness: npt.NDArray[np.uint8]) -> npt.NDArray[np.float64]:
    """The price of every join, less the encoder's echo."""
    rows = np.arange(len(vectors))
    near = nearest(vectors, _ECHO_NEIGHBOURS).indices
    joins = np.stack([np.repeat(rows, near.shape[1]), near.ravel()], axis=1)
    return all_pairs(echo_corrected(HuberPrice(brightness), rows, joins), rows)


def with_nowhere(prices: npt.NDArray[np.float64]) -> npt.NDArray[np.int64]:
    """The integers that fast-tsp takes, and a last row that costs nothing: a tour through it is an open path."""
    scaled = np.rint(prices * (_TOP / max(float(prices.max()), 1e-9))).astype(np.int64)
    return np.pad(scaled, (0, 1))


def best_walk(distances: npt.NDArray[np.float64]) -> list[int]:
    """Always on to the nearest frame not yet visited; of the walks from every frame the shortest."""
    walks = [_walk(distances, start) for start in range(len(distances))]
    return min(walks, key=lambda walk: float(distances[walk[:-1], walk[1:]].sum()), default=[])


def _walk(distances: npt.NDArray[np.float64], start: int) -> list[int]:
    blocked = np.zeros(len(distances))
    walk = [start]
    for _ in range(len(distances) - 1):
        blocked[walk[-1]] = np.inf
        walk.append(int(np.argmin(distances[walk[-1]] + blocked)))
    return walk


def fast_tsp(prices: npt.NDArray[np.float64], python: str) -> list[int]:
    """The tour that fast-tsp finds in its own environment, cut open at nowhere."""
    with tempfile.TemporaryDirectory() as folder:
        given, found = Path(folder, "prices.npy"), Path(folder, "tour.json")
        np.save(given, with_nowhere(prices))
        subprocess.run([python, str(Path(__file__).with_name("run-fast-tsp.py")), str(given), str(found)], check=True)
        tour: list[int] = json.loads(found.read_text())
    nowhere = tour.index(len(prices))
    return tour[nowhere + 1 :] + tour[:nowhere]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("name", choices=("fast-tsp", "nearest-neighbour"))
    parser.add_argument("--python", default="")
    parser.add_argument("video", type=Path)
    parser.add_argument("answer", type=Path)
    chosen = parser.parse_args()
    vectors, brightness = looks(chosen.video)
    if chosen.name == "fast-tsp":
        order = fast_tsp(join_prices(vectors, brightness), chosen.python)
    else:
        exact = vectors.astype(np.float64)
        order = best_walk(np.sqrt(np.maximum(2 - 2 * exact @ exact.T, 0)))
    chosen.answer.write_text(json.dumps({"order": order, "dropped": []}))


if __name__ == "__main__":
    main()

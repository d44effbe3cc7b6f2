"""How well words find things by their distance from the centre, by what a CLIP model sees of a frame.

python bench/views.py [--model toy] [--seed 0] [--json FILE] [--into PAGE.md [--marks NAME]]

A film of each shape is drawn, encoded, and ingested once for each view. Each of its frames shows one coloured shape on
a landscape, a pattern or a plain ground, at one of five distances from the centre along the longer side. Each colour
and shape is then searched for in the film. Figures of a distance are for the frames that show the thing there; those
that show it elsewhere do not count as wrong. `pad` is not a view: it is `whole` for models trained on padded frames,
for which the model's config is changed, as it is to compare squashing with it.
"""

import argparse
import json
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from fractions import Fraction
from pathlib import Path
from statistics import mean
from typing import Any

import numpy as np
from table import put_between_marks

from reelweave import pipeline
from reelweave.evaluate.drawn.film import draw_land, encode_pictures
from reelweave.evaluate.drawn.painting import COLOURS, DrawnShape
from reelweave.evaluate.drawn.recall import plain_text
from reelweave.evaluate.drawn.scenes import SHAPES, draw_scene
from reelweave.ingest.models.registry import open_embedder
from reelweave.ingest.models.timing import clock_for, least_seconds, one_thread
from reelweave.ingest.models.weights import CLIP, local_weights
from reelweave.media.types import Picture
from reelweave.progress import SILENT
from reelweave.search.finder import open_finder
from reelweave.search.question import Question
from reelweave.settings import Settings, load

FILMS = {"4:3": (480, 360), "16:9": (640, 360), "21:9": (840, 360), "9:16": (360, 640)}
WAYS = {
    "crop": ("crop", "shortest"),
    "squash": ("whole", "squash"),
    "pad": ("whole", "longest"),
    "tiles": ("tiles", ""),
}
"""The view, and the way of resizing that the model's config states."""
DISTANCES = (0.0, 0.25, 0.5, 0.75, 1.0)
"""From the centre, in half lengths of the longer side less the radius, so that the things are always complete."""
EACH = 2
"""Frames of each thing at each distance: ten in all, so that recall@10 can be 1."""
RADIUS = 0.12
"""In short sides: things that fill a twentieth of a square."""
GROUNDS = ("plain", "landscape", "landscape", "pattern")
# Training of the small model draws with seeds under 10,000.
SEED = 40_000
TOP = 10
COST_PICTURES = 32
ROUNDS = 3


@dataclass(frozen=True)
class Scores:
    """Of one film in one view: recall among the first ten and average precision, by distance and over all frames."""

    model: str
    film: str
    way: str
    recall: list[float]
    precision: list[float]
    recall_all: float
    precision_all: float


def things() -> list[tuple[str, str]]:
    return [(colour, shape) for colour in COLOURS for shape in SHAPES]


def shown(seed: int) -> list[tuple[int, int]]:
    """Which thing each frame shows, and at which distance, in random order."""
    frames = [(t, d) for t in range(len(things())) for d in range(len(DISTANCES)) for _ in range(EACH)]
    return [frames[at] for at in np.random.default_rng([SEED, seed]).permutation(len(frames))]


def pictures(size: tuple[int, int], seed: int) -> Iterator[Picture]:
    rng = np.random.default_rng([SEED, seed, *size])
    lands = [draw_land(size, SEED + number) for number in range(12)]
    short, longest = min(size), max(size)
    for thing, distance in shown(seed):
        colour, shape = things()[thing]
        margin = RADIUS * short / longest
        along = 0.5 + float(rng.choice((-1, 1))) * DISTANCES[distance] * (0.5 - margin)
        across = float(rng.uniform(RADIUS, 1 - RADIUS))
        at = (along, across) if size[0] > size[1] else (across, along)
        drawn = DrawnShape(colour, shape, radius=RADIUS * short / size[1], at=at)
        yield draw_scene([drawn], str(rng.choice(GROUNDS)), size, rng, lands).picture


def model_folder(model: str, mode: str, folder: Path) -> Path:
    """A copy of the model whose config states another way of resizing; without one, its own."""
    place = local_weights(model, CLIP)
    assert place is not None, f"{model} is not on this machine"
    copied = shutil.copytree(place, folder, dirs_exist_ok=True)
    if mode:
        file = copied / CLIP.config
        config = json.loads(file.read_text("utf-8"))
        config["preprocess_cfg"]["resize_mode"] = mode
        file.write_text(json.dumps(config), "utf-8")
    return copied


def settings_for(model: str, way: str, folder: Path) -> Settings:
    view, mode = WAYS[way]
    copied = model_folder(model, mode, folder / f"model-{way}")
    return load(
        {
            "library": str(folder / f"library-{way}"),
            "clip.model": f"local-dir:{copied}",
            "clip.view": view,
            "clip.speed": "exact",
            "clip.device": "cpu",
            "ingest.space": "clip",
        }
    )


def scored(film: Path, settings: Settings, seed: int) -> dict[str, Any]:
    """Ingest a film, and ask for each thing."""
    video = pipeline.ingest(film, settings, SILENT)
    truth = shown(seed)
    found: list[list[tuple[float, float]]] = []
    with open_finder(settings, SILENT) as finder:
        for number, (colour, shape) in enumerate(things()):
            question = Question(
                plain_text(colour, shape), space="clip", videos=(video.id,), count=video.frames, repeats=True
            )
            order = [truth[hit.frame] for hit in finder.ask(question).hits]
            found.append([rank(order, number, {d}) for d in range(len(DISTANCES))])
            found[-1].append(rank(order, number, set(range(len(DISTANCES)))))
    means = np.asarray(found).mean(axis=0).round(4).tolist()
    return {
        "recall": [pair[0] for pair in means[:-1]],
        "precision": [pair[1] for pair in means[:-1]],
        "recall_all": means[-1][0],
        "precision_all": means[-1][1],
    }


def rank(order: Sequence[tuple[int, int]], thing: int, distances: set[int]) -> tuple[float, float]:
    """Recall@10 and average precision of the frames of a thing at some distances; at others it is left out."""
    right = np.array([shows == thing for shows, at in order if shows != thing or at in distances])
    places = np.flatnonzero(right)
    precision = (np.arange(len(places)) + 1) / (places + 1)
    return float((places < TOP).mean()), float(precision.mean())


def cost(settings: Settings) -> float:
    """Milliseconds of one core for a decoded frame of 16:9."""
    embedder = open_embedder("clip", settings.clip)
    frames = [picture for picture, _ in zip(pictures(FILMS["16:9"], 0), range(COST_PICTURES), strict=False)]
    with one_thread():
        seconds = least_seconds({"embed": lambda: embedder.embed(frames)}, ROUNDS, clock_for("cpu"))["embed"]
    return round(1000 * seconds / len(frames), 3)


def measured(model: str, seed: int, folder: Path) -> tuple[list[Scores], dict[str, float]]:
    found, costs = [], {}
    settings = {way: settings_for(model, way, folder) for way in WAYS}
    for name, size in FILMS.items():
        frames = len(shown(seed))
        film = encode_pictures(pictures(size, seed), frames, folder / f"{size[0]}.mp4", Fraction(25), size)
        for way, chosen in settings.items():
            found.append(Scores(Path(model).name, name, way, **scored(film, chosen, seed)))
            print(found[-1], flush=True)
    for way, chosen in settings.items():
        costs[way] = cost(chosen)
    return found, costs


def table(found: Sequence[Scores], costs: Mapping[str, float]) -> str:
    """Recall@10 / average precision."""
    head = ["film", "view", *(f"{distance:g}" for distance in DISTANCES), "all frames"]
    lines = [head, ["---"] * len(head)]
    for one in found:
        pairs = [*zip(one.recall, one.precision, strict=True), (one.recall_all, one.precision_all)]
        lines.append([one.film, one.way, *(f"{recall:.2f} / {precision:.2f}" for recall, precision in pairs)])
    for way in WAYS:
        own = [one for one in found if one.way == way]
        every = [*zip(*(one.recall for one in own), strict=True)], [*zip(*(one.precision for one in own), strict=True)]
        cells = [f"{mean(r):.2f} / {mean(p):.2f}" for r, p in zip(*every, strict=True)]
        overall = f"{mean(one.recall_all for one in own):.2f} / {mean(one.precision_all for one in own):.2f}"
        lines.append(["mean", way, *cells, overall])
    summary = ", ".join(f"{way} {costs[way]:.1f}" for way in WAYS)
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + f"\n\nMilliseconds of one core a frame: {summary}."


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="toy", help="a value of clip.model that stands for a folder")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--into", type=Path)
    parser.add_argument("--marks", default="bench/views", help="the name in the marks of the page")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        found, costs = measured(given.model, given.seed, Path(folder))
    block = table(found, costs)
    if given.json:
        summary = {"scores": [asdict(one) for one in found], "milliseconds": costs}
        given.json.write_text(json.dumps(summary, indent=1) + "\n", "utf-8")
    if given.into:
        marks = (f"<!-- {given.marks}: {end} -->" for end in ("begin", "end"))
        given.into.write_text(put_between_marks(given.into.read_text("utf-8"), block, *marks), "utf-8")
    print(block)


if __name__ == "__main__":
    main()

"""Where hits should end: python bench/thresholds.py VECTORS [--clips FOLDER [--leave-out NAME...]] [--json FILE]

VECTORS is a folder with real CLIP vectors: pictures (image_embeddings_*.npz: names, E), class texts
(text_embeddings_*.npy, *_names.txt) and which classes are in which pictures (instances_*.json). Each class is asked
for in a library of the labelled pictures, and again with those left out that show it: then every hit is one too many.
With --clips, pictures of each video are asked for in a library of all videos, and of all others. And 'a red circle',
as every other colour and shape, is asked of the small model in a library of drawn pictures, with and without them.

What has to be chosen (the fixed cosine, the factor) is the smallest at which at most a share of the absent classes of
one half still has a hit; precision and recall are reported for both halves.
"""

import argparse
import json
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from captions import captions_hold, coded, plain_caption

from reelweave import pipeline
from reelweave.errors import ReelweaveError
from reelweave.evaluate.drawn.film import draw_land
from reelweave.evaluate.drawn.painting import COLOURS
from reelweave.evaluate.drawn.scenes import SHAPES, Style, random_scene
from reelweave.index.library import open_library
from reelweave.index.matrix import Matrix, Segment, open_matrix
from reelweave.ingest.discover import discover_sources
from reelweave.ingest.models.clip import ClipEmbedder
from reelweave.media.types import Floats, FrameRows, Space, VideoRecord
from reelweave.progress import SilentProgress
from reelweave.search.neutral import SENTENCES
from reelweave.search.results import all_scores
from reelweave.search.thresholds import auto_cut, calibrated_cut, typical_spread
from reelweave.settings import load

COCO = (
    *range(1, 12),
    *range(13, 26),
    *(27, 28, *range(31, 45), *range(46, 66), 67, 70),
    *range(72, 83),
    *range(84, 91),
)
"""The numbers that COCO gives its 80 classes, which leave gaps."""
# Training of the small model draws with seeds under 10,000.
SEED = 30_000


@dataclass(frozen=True)
class Query:
    """Scores of a query where the thing is there, which of them are of it, and scores where it is not."""

    present: Floats
    true: npt.NDArray[np.bool_]
    absent: Floats
    matrices: tuple[Matrix, Matrix]
    typical: tuple[float, float] | None = None
    """The spread of neutral sentences over each library."""

    @classmethod
    def of(
        cls, matrices: tuple[Matrix, Matrix], text: Floats, true: npt.NDArray[np.bool_], sentences: Floats
    ) -> "Query":
        """Ask for a text in a library that shows it and in one that does not."""
        scores = [all_scores(one, text[None]) for one in matrices]
        same = load().search.same
        present, absent = (typical_spread(one, sentences, same) for one in matrices)
        return cls(scores[0], true, scores[1], matrices, (present, absent))


@dataclass(frozen=True)
class Result:
    cut: str
    value: float | None
    half: str
    queries: int
    precision: float
    recall: float
    found: float
    """Queries whose thing is there and is among the hits."""
    absent: float
    """Queries whose thing is not there, and that have hits all the same."""


Cut = Callable[[Matrix, Floats, float | None], float]
"""A threshold for a library, the scores in it, and the spread of neutral sentences if it is known."""


def segment(vectors: Floats, name: str) -> Segment:
    count = len(vectors)
    record = VideoRecord(name, name, name, name, "", "pictures", 25.0, 1, 1, 0.0, 0, 16, 16)
    zeros = np.zeros(count, np.float32)
    rows = FrameRows(
        np.arange(count), np.arange(count, dtype=np.float64), zeros, zeros, np.full(count, -1, np.int64), vectors
    )
    return Segment(record, rows)


def matrix(segments: Sequence[Segment]) -> Matrix:
    return Matrix(Space("bench", "", "", "", segments[0].rows.vectors.shape[1]), segments, "")


def classes(folder: Path) -> Iterator[Query]:
    """A query for each class that is in any of the labelled pictures."""
    pictures = np.load(next(folder.glob("image_embeddings_*.npz")))
    texts = np.load(next(folder.glob("text_embeddings_*.npy"))).astype(np.float32)
    texts /= np.linalg.norm(texts, axis=1, keepdims=True)
    labels = json.loads(next(folder.glob("instances_*.json")).read_text(encoding="utf-8"))
    number = {int(str(name).rpartition("_")[2].partition(".")[0]): row for row, name in enumerate(pictures["names"])}
    labelled = sorted({number[label["image_id"]] for label in labels})
    shown = np.zeros((len(pictures["names"]), len(texts)), bool)
    for label in labels:
        shown[number[label["image_id"]], COCO.index(label["category_id"])] = True
    vectors, shown = pictures["E"][labelled].astype(np.float32), shown[labelled]
    everything, asked = matrix([segment(vectors, "all")]), np.flatnonzero(shown.any(axis=0))
    for number, one in enumerate(asked.tolist()):
        true = shown[:, one]
        # No other texts are here: the classes of the other half stand for neutral sentences.
        others = texts[[other for other in range(len(texts)) if other not in asked[number % 2 :: 2]]]
        matrices = everything, matrix([segment(vectors[~true], "others")])
        yield Query.of(matrices, texts[one], true, others)


def drawn(count: int) -> Iterator[Query]:
    """A query for each colour and shape; pictures in which it may or may not be seen are left out of its library."""
    rng, style = np.random.default_rng(SEED), Style(lands=[draw_land((320, 180), SEED + n) for n in range(20)])
    scenes = [random_scene(rng, (320, 180), style) for _ in range(count)]
    all_codes = [coded(scene) for scene in scenes]
    codes, sure = np.stack([one.codes for one in all_codes]), np.stack([one.sure for one in all_codes])
    clip = ClipEmbedder(load({"clip.model": "toy"}).clip)
    vectors = clip.embed([scene.picture for scene in scenes])
    sentences = clip.embed_texts(SENTENCES)
    for caption in (plain_caption(colour, shape) for colour in COLOURS for shape in SHAPES):
        told = caption.codes[None]
        true, maybe = captions_hold(told, codes, sure)[0], captions_hold(told, codes, sure, lenient=True)[0]
        plain = true | ~maybe
        matrices = matrix([segment(vectors[plain], "all")]), matrix([segment(vectors[~maybe], "others")])
        yield Query.of(matrices, clip.embed_texts([caption.text])[0], true[plain], sentences)


def clips(folder: Path, fps: float, each: int, left_out: Sequence[str]) -> Iterator[list[Query]]:
    """For each video some of its frames as queries, each in a library without that very frame."""
    with tempfile.TemporaryDirectory() as name:
        settings = load({"library": name, "ingest.space": "appearance", "ingest.fps": fps})
        for file in discover_sources([folder]).sources:
            if file.name in left_out:
                continue
            try:
                pipeline.ingest(file, settings)
            except ReelweaveError as unreadable:
                print(f"left out: {unreadable}")
        with open_library(Path(name)) as library:
            videos = [video for video in library.catalog.videos() if video.frames > each]
            space = library.catalog.spaces(videos[0].id)["appearance"].space
            segments = open_matrix(library, videos, space, SilentProgress()).segments
            rng = np.random.default_rng(0)
            for own in segments:
                chosen = rng.choice(len(own.rows), each, replace=False)
                yield [_frame(segments, own, int(row)) for row in chosen]


def _frame(segments: Sequence[Segment], own: Segment, row: int) -> Query:
    rest = segment(np.delete(own.rows.vectors, row, axis=0), own.video.id)
    others = [one for one in segments if one is not own]
    everything, without = matrix([rest, *others]), matrix(others)
    query = own.rows.vectors[row][None]
    true = np.arange(len(everything)) < len(rest.rows)
    return Query(all_scores(everything, query), true, all_scores(without, query), (everything, without))


def smallest(queries: Sequence[Query], cuts: Sequence[tuple[float, Cut]], share: float) -> tuple[float, Cut]:
    """The first cut, from the lowest up, that lets few enough absent things through."""
    for value, cut in cuts:
        if np.mean([_passes(cut, query, 1).any() for query in queries]) <= share:
            return value, cut
    return cuts[-1]


def _passes(cut: Cut, query: Query, absent: int) -> npt.NDArray[np.bool_]:
    """Return the hits in the library that shows the thing, or in the one that does not."""
    scores = query.absent if absent else query.present
    return np.asarray(scores >= cut(query.matrices[absent], scores, query.typical[absent] if query.typical else None))


def measured(queries: Sequence[Query], cut: Cut, name: str, value: float | None, half: str) -> Result:
    hits = [_passes(cut, query, 0) for query in queries]
    right = [hit & query.true for hit, query in zip(hits, queries, strict=True)]
    total = sum(int(hit.sum()) for hit in hits)
    true = sum(int(query.true.sum()) for query in queries)
    return Result(
        cut=name,
        value=value,
        half=half,
        queries=len(queries),
        precision=sum(int(one.sum()) for one in right) / total if total else 1.0,
        recall=sum(int(one.sum()) for one in right) / true,
        found=float(np.mean([one.any() for one in right])),
        absent=float(np.mean([_passes(cut, query, 1).any() for query in queries])),
    )


def compared(tuned: Sequence[Query], others: Sequence[Query], share: float) -> list[Result]:
    """Every cut on both halves; what it needs is chosen on the first."""
    search = load().search
    fixed = smallest(tuned, [(x, _fixed(x)) for x in np.arange(0.0, 1.0, 0.005).round(3).tolist()], share)
    chosen = smallest(tuned, [(x, _factor(x, search.same)) for x in np.arange(1.0, 5.0, 0.05).round(3).tolist()], share)
    shipped = search.stand_out
    cuts: list[tuple[str, float | None, Cut]] = [
        ("fixed, chosen", fixed[0], fixed[1]),
        ("auto", search.auto, lambda _, scores, __: auto_cut(float(scores.max()), search.auto)),
        ("calibrated, chosen", chosen[0], chosen[1]),
        ("calibrated, as set", shipped, _factor(shipped, search.same)),
        ("calibrated, without sentences", shipped, lambda w, s, _: calibrated_cut(w, s, shipped, search.same)),
    ]
    if tuned[0].typical is None:
        cuts.pop()
    return [
        measured(queries, cut, name, value, half)
        for name, value, cut in cuts
        for half, queries in (("chosen on", tuned), ("other", others))
    ]


def _fixed(value: float) -> Cut:
    return lambda *_: value


def _factor(value: float, same: float) -> Cut:
    return lambda where, scores, typical: calibrated_cut(where, scores, value, same, typical)


def show(title: str, results: Sequence[Result]) -> None:
    print(f"\n{title}\n\n| cut | value | half | queries | precision | recall | found | absent, yet hits |")
    print("|---|---|---|---|---|---|---|---|")
    for r in results:
        value = "" if r.value is None else f"{r.value:g}"
        numbers = " | ".join(f"{n:.2f}" for n in (r.precision, r.recall, r.found, r.absent))
        print(f"| {r.cut} | {value} | {r.half} | {r.queries} | {numbers} |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("vectors", type=Path)
    parser.add_argument("--clips", type=Path)
    parser.add_argument("--leave-out", nargs="*", default=[], help="clips that show what another one shows")
    parser.add_argument("--fps", type=float, default=4.0)
    parser.add_argument("--each", type=int, default=6, help="queries of each clip")
    parser.add_argument("--drawn", type=int, default=400, help="drawn pictures")
    parser.add_argument("--share", type=float, default=0.1)
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    asked = list(classes(given.vectors))
    results = {"texts": compared(asked[::2], asked[1::2], given.share)}
    show("Texts for pictures, in CLIP's space", results["texts"])
    named = list(drawn(given.drawn))
    results["drawn"] = compared(named[::2], named[1::2], given.share)
    show("Texts for drawn pictures, by the small model", results["drawn"])
    if given.clips:
        films = list(clips(given.clips, given.fps, given.each, given.leave_out))
        halves = [[query for film in films[start::2] for query in film] for start in (0, 1)]
        results["pictures"] = compared(halves[0], halves[1], given.share)
        show("Pictures for frames of videos, in the appearance space", results["pictures"])
    if given.json:
        rows = {kind: [asdict(result) for result in found] for kind, found in results.items()}
        given.json.write_text(json.dumps(rows, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()

"""Text-to-video retrieval on public sets: python bench/retrieval.py FOLDER --set msrvtt|didemo --work FOLDER

msrvtt: the 1k-A test, MSRVTT_JSFUSION_test.csv (columns key, vid_key, video_id, sentence) and the videos, each to be
found by its sentence. didemo: test_data.json (a list of moments with video and description); each video is to be
found by all of its descriptions, joined into one text, as papers do. docs/guide/public-sets.md says where to get
them. A video is scored by the mean of its vectors, by its best frame and by its best frames.
"""

import csv
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from public_sets import (
    Frames,
    add_lines,
    annotation_file,
    available,
    files_by_stem,
    ingested,
    mean_vector,
    parser,
    settings_of,
)
from table import table

from reelweave.media.types import Floats
from reelweave.search.moments import BEST

PUBLISHED = {
    "msrvtt": (
        ("CLIP ViT-B/32, zero-shot, mean of frames", (31.2, 53.7, 64.2, 4.0), "arXiv:2102.12443"),
        ("CLIP4Clip meanP ViT-B/32, trained on the set", (43.1, 70.4, 80.8, 2.0), "arXiv:2104.08860"),
    ),
    "didemo": (("CLIP4Clip meanP ViT-B/32, trained on the set", (43.4, 70.2, 80.6, 2.0), "arXiv:2104.08860"),),
}
"""R@1, R@5, R@10 and median rank, as published."""
COMPLETE = {"msrvtt": 1000, "didemo": 1004}
"""Videos of the complete test: among fewer, figures are higher and cannot be compared."""


@dataclass(frozen=True)
class Result:
    """R@1, R@5, R@10 in per cent, and the median and mean rank of the right video."""

    way: str
    queries: int
    videos: int
    r1: float
    r5: float
    r10: float
    median_rank: float
    mean_rank: float


def msrvtt(folder: Path) -> dict[str, str]:
    """Read the sentence of each test video."""
    file = annotation_file(folder, "MSRVTT_JSFUSION_test.csv")
    with file.open(encoding="utf-8", newline="") as opened:
        return {row["video_id"]: row["sentence"] for row in csv.DictReader(opened)}


def didemo(folder: Path) -> dict[str, str]:
    """Join the descriptions of each test video in the order of the file."""
    texts: dict[str, list[str]] = {}
    for row in json.loads(annotation_file(folder, "test_data.json").read_text(encoding="utf-8")):
        texts.setdefault(Path(row["video"]).stem, []).append(row["description"])
    return {video: " ".join(said) for video, said in texts.items()}


SETS: Mapping[str, Callable[[Path], dict[str, str]]] = {"msrvtt": msrvtt, "didemo": didemo}


def best_frames(scores: Floats, count: int) -> Floats:
    """Return for each text the mean of its best frames in one video."""
    return np.asarray(np.sort(scores, axis=0)[-count:].mean(axis=0))


def similarities(frames: Frames, texts: Sequence[str]) -> dict[str, Floats]:
    """Score every text (rows) with every video (columns) in each way."""
    words = frames.clip.embed_texts(texts)
    segments = [frames.segments[name] for name in frames.segments]
    by_frame = [np.asarray(segment.rows.vectors) @ words.T for segment in segments]
    return {
        "mean of the vectors": words @ np.stack([mean_vector(segment) for segment in segments]).T,
        "best frame": np.stack([best_frames(scores, 1) for scores in by_frame], axis=1),
        f"best {BEST} frames": np.stack([best_frames(scores, BEST) for scores in by_frame], axis=1),
    }


def measured(way: str, scores: Floats) -> Result:
    """Rank the videos for each text; the right one is on the diagonal, and others with its score come first."""
    ranks = (scores >= np.diag(scores)[:, None]).sum(axis=1)
    r1, r5, r10 = (100 * float((ranks <= most).mean()) for most in (1, 5, 10))
    return Result(way, *scores.shape, r1, r5, r10, float(np.median(ranks)), float(ranks.mean()))


def report(name: str, model: str, results: Sequence[Result]) -> str:
    """Return the table, with the published figures below."""
    heads = ("", "R@1", "R@5", "R@10", "median rank", "mean rank", "source")
    rows: list[Sequence[object]] = [
        (
            f"{model}, {r.way}",
            f"{r.r1:.1f}",
            f"{r.r5:.1f}",
            f"{r.r10:.1f}",
            f"{r.median_rank:g}",
            f"{r.mean_rank:.1f}",
            "this run",
        )
        for r in results
    ]
    rows += [(f"published: {title}", *figures, "", source) for title, figures, source in PUBLISHED[name]]
    summary = f"{results[0].queries} texts, {results[0].videos} videos"
    if results[0].videos < COMPLETE[name]:
        summary += f" of {COMPLETE[name]}: higher than for all, and not comparable with what is published"
    return f"{summary}\n\n{table(heads, rows)}"


def main() -> None:
    made = parser(__doc__)
    made.add_argument("--set", choices=sorted(SETS), required=True, dest="name")
    given = made.parse_args()
    texts, settings = SETS[given.name](given.folder), settings_of(given)
    files = available(texts, files_by_stem(given.folder), given.limit)
    with ingested(files, settings) as frames:
        found = similarities(frames, [texts[name] for name in frames.segments])
    results = [measured(way, scores) for way, scores in found.items()]
    print(report(given.name, settings.clip.model, results))
    add_lines(given.json, ({"set": given.name, "model": settings.clip.model, **asdict(one)} for one in results))


if __name__ == "__main__":
    main()

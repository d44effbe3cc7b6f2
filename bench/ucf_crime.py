"""Search in surveillance videos: python bench/ucf_crime.py FOLDER --work FOLDER [--fps 1 --size 224] [--noise SHARE...]

FOLDER is a copy of UCF-Crime with Temporal_Anomaly_Annotation*.txt (video, class, first and last frame of up to two
events, -1 for none) and, if the sentences are to be asked too, UCFCrime_Test.json of UCA (for each video `duration`,
`timestamps`, `sentences`). docs/guide/public-sets.md says where to get them. It measures

- how well frames of events are separated from others, by a frame's best score for a class less its score for a normal
  scene;
- how well the events of a class are found by its name, over a fixed cosine and over the calibrated threshold;
- how well the moment of a sentence is found in its video;
- with --noise, the same for frames a share of whose pixels is black or white (salt and pepper).
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import mean

import numpy as np
import numpy.typing as npt
from moment_scores import Window, recall_at_first
from moments import default, found, queries
from public_sets import (
    Frames,
    add_lines,
    annotation_file,
    available,
    files_by_stem,
    ingested,
    parser,
    settings_of,
)
from table import table

from reelweave.errors import UsageError
from reelweave.evaluate.degradations import Degradation
from reelweave.index.matrix import Matrix
from reelweave.ingest.batches import sample_frames
from reelweave.ingest.models.clip import ClipEmbedder
from reelweave.media.source import open_source, shrunk
from reelweave.media.types import Floats, Ints
from reelweave.search.neutral import SENTENCES
from reelweave.search.results import all_scores
from reelweave.search.thresholds import calibrated_cut, typical_spread
from reelweave.settings import Settings

NORMAL = "Normal"
"""The class of videos without events."""
PROMPT = "a surveillance video of {}"
NORMAL_TEXT = "a surveillance video of a normal scene"
WORDS = {
    "Abuse": "someone being abused",
    "Arrest": "police arresting someone",
    "Arson": "someone setting fire",
    "Assault": "someone being attacked",
    "Burglary": "a burglar breaking in",
    "Explosion": "an explosion",
    "Fighting": "people fighting",
    "RoadAccidents": "a road accident",
    "Robbery": "an armed robbery",
    "Shooting": "a person shooting with a gun",
    "Shoplifting": "someone stealing from a shop",
    "Stealing": "someone stealing",
    "Vandalism": "someone damaging property",
}
"""What is asked for each class; any other is asked by its name."""
PUBLISHED = (
    ("LAVAD, captions and a language model, no training", 80.28, "arXiv:2404.01014"),
    ("Sultani et al., trained on the set", 75.41, "arXiv:1801.04264"),
)
"""Frame-level AUC in per cent, as published, over all frames of the 290 test videos."""
TEST_VIDEOS = 290
_BATCH = 32
"""Frames that are embedded at once."""
OVERLAPS = (0.3, 0.5, 0.7)
"""The overlaps at which the first moment of a sentence counts as right."""


@dataclass(frozen=True)
class Video:
    """The class of a video and its events as first and last frame."""

    kind: str
    events: list[tuple[int, int]]

    def shows(self, frames: Ints) -> npt.NDArray[np.bool_]:
        """Tell which frames belong to an event."""
        found = np.zeros(len(frames), bool)
        for first, last in self.events:
            found |= (frames >= first) & (frames <= last)
        return found


@dataclass(frozen=True)
class ClassResult:
    """How well the events of all classes are found over one threshold, in per cent of frames and of videos."""

    threshold: str
    precision: float
    recall: float
    found: float
    """Share of the videos with an event of the class in which a frame is found."""
    absent: float
    """Share of the videos without any event in which a frame is found, over all classes."""


def annotations(file: Path) -> dict[str, Video]:
    """Read the classes and events of the test videos."""
    videos = {}
    for line in file.read_text(encoding="utf-8").splitlines():
        if not line.strip():
            continue
        name, kind, *numbers = line.split()
        bounds = [int(number) for number in numbers[:4]]
        events = [(a, b) for a, b in zip(bounds[::2], bounds[1::2], strict=True) if a >= 0]
        videos[Path(name).stem] = Video(kind, events)
    return videos


def sentences(folder: Path) -> dict[str, list[tuple[str, Window]]]:
    """Read the sentences of UCA and their times; none where the file is missing."""
    try:
        file = annotation_file(folder, "UCFCrime_Test.json")
    except UsageError:
        return {}
    return {
        name: list(zip(one["sentences"], [(float(a), float(b)) for a, b in one["timestamps"]], strict=True))
        for name, one in json.loads(file.read_text(encoding="utf-8")).items()
    }


def text_of(kind: str) -> str:
    """Return what is asked for a class."""
    plain = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", kind).lower()
    return PROMPT.format(WORDS.get(kind, plain))


def auc(scores: Floats, shows: npt.NDArray[np.bool_]) -> float:
    """Return the area under the ROC curve in per cent; NaN where one kind of frame is missing."""
    from sklearn.metrics import roc_auc_score

    return 100 * float(roc_auc_score(shows, scores)) if 0 < shows.sum() < len(shows) else float("nan")


def anomaly_scores(vectors: Floats, clip: ClipEmbedder, kinds: Sequence[str]) -> Floats:
    """Score frames by their best class, less the score of a normal scene."""
    words = clip.embed_texts([*map(text_of, kinds), NORMAL_TEXT])
    cosines = vectors @ words.T
    return np.asarray(cosines[:, :-1].max(axis=1) - cosines[:, -1])


@dataclass(frozen=True)
class Library:
    """The frames of all videos, and which belong to an event."""

    videos: Mapping[str, Video]
    names: Sequence[str]
    matrix: Matrix
    clip: ClipEmbedder

    @classmethod
    def of(cls, frames: Frames, videos: Mapping[str, Video]) -> "Library":
        names = list(frames.segments)
        return cls(videos, names, Matrix(frames.matrix.space, list(frames.segments.values()), ""), frames.clip)

    @property
    def kinds(self) -> list[str]:
        """The classes with an event, in alphabetical order."""
        return sorted({self.videos[name].kind for name in self.names} - {NORMAL})

    def shown(self, kind: str | None = None) -> npt.NDArray[np.bool_]:
        """Tell which frames belong to an event, of one class if it is given."""
        videos = [self.videos[name] for name in self.names]
        return np.concatenate(
            [
                video.shows(segment.rows.indices) & (kind in (None, video.kind))
                for video, segment in zip(videos, self.matrix.segments, strict=True)
            ]
        )


@dataclass(frozen=True)
class Asked:
    """A class, the scores of all frames for it, and which frames are of its events."""

    scores: Floats
    shows: npt.NDArray[np.bool_]


def asked_for(library: Library) -> list[Asked]:
    """Ask for each class."""
    words = library.clip.embed_texts([text_of(kind) for kind in library.kinds])
    return [
        Asked(all_scores(library.matrix, word[None]), library.shown(kind))
        for kind, word in zip(library.kinds, words, strict=True)
    ]


def by_class(library: Library, cosine: float, settings: Settings) -> list[ClassResult]:
    """Measure the hits over a fixed cosine and over the calibrated threshold."""
    asked, search = asked_for(library), settings.search
    typical = typical_spread(library.matrix, library.clip.embed_texts(SENTENCES), search.same)
    calibrated = [calibrated_cut(library.matrix, one.scores, search.stand_out, search.same, typical) for one in asked]
    return [
        class_result(f"fixed, {cosine:g}", library, asked, [cosine] * len(asked)),
        class_result("calibrated", library, asked, calibrated),
    ]


def class_result(name: str, library: Library, asked: Sequence[Asked], cuts: Sequence[float]) -> ClassResult:
    """Count the frames over a threshold, and the videos that have one."""
    owners = library.matrix.owners(np.arange(len(library.matrix)))
    hits = [one.scores >= cut for one, cut in zip(asked, cuts, strict=True)]
    right = [hit & one.shows for hit, one in zip(hits, asked, strict=True)]
    with_event = [set(owners[one.shows].tolist()) for one in asked]
    found_right = [
        video in set(owners[one].tolist()) for one, own in zip(right, with_event, strict=True) for video in own
    ]
    others = [set(range(len(library.names))) - own for own in with_event]
    found_wrong = [video in set(owners[hit].tolist()) for hit, rest in zip(hits, others, strict=True) for video in rest]
    return ClassResult(
        name,
        share(sum(int(one.sum()) for one in right), sum(int(hit.sum()) for hit in hits)),
        share(sum(int(one.sum()) for one in right), sum(int(one.shows.sum()) for one in asked)),
        share(sum(found_right), len(found_right)),
        share(sum(found_wrong), len(found_wrong)),
    )


def share(part: int, whole: int) -> float:
    """Return a share in per cent; NaN of nothing."""
    return 100 * part / whole if whole else float("nan")


def by_sentence(frames: Frames, said: Mapping[str, Sequence[tuple[str, Window]]], settings: Settings) -> list[float]:
    """Return the share of sentences whose first moment overlaps the true one enough, for each overlap."""
    rule, answers = default(settings), []
    for name in said.keys() & frames.segments.keys():
        for text, window in said[name]:
            [query] = queries(frames, name, {text: [window]})
            answers.append((found(settings, lambda _: rule, query, -1.0), [window]))
    return [100 * mean(recall_at_first(*one, least) for one in answers) for least in OVERLAPS] if answers else []


def noisy_vectors(library: Library, files: Mapping[str, Path], strength: float, settings: Settings) -> Floats:
    """Embed the stored frames of all videos again, with black and white pixels."""
    noise = Degradation("salt-pepper", strength)
    return np.concatenate(
        [
            np.concatenate(list(_noisy(files[name], noise, library.clip, settings)))[: len(segment.rows)]
            for name, segment in zip(library.names, library.matrix.segments, strict=True)
        ]
    )


def _noisy(file: Path, noise: Degradation, clip: ClipEmbedder, settings: Settings) -> Iterator[Floats]:
    chosen, pictures = settings.ingest, []
    with closing(open_source(file).frames()) as frames:
        for frame in sample_frames(frames, chosen.fps):
            pictures.append(shrunk(noise.of(frame.picture, np.random.default_rng([2, frame.index])), chosen.size))
            if len(pictures) == _BATCH:
                yield clip.embed(pictures)
                pictures = []
    if pictures:
        yield clip.embed(pictures)


def robustness(library: Library, files: Mapping[str, Path], strengths: Sequence[float], settings: Settings) -> str:
    """Return a table of how far noise changes the vectors and what is found."""
    clean = np.concatenate([np.asarray(segment.rows.vectors) for segment in library.matrix.segments])
    shows, rows = library.shown(), []
    for strength in (0.0, *strengths):
        vectors = noisy_vectors(library, files, strength, settings) if strength else clean
        cosine = float(np.einsum("ij,ij->i", clean, vectors).mean())
        figure = auc(anomaly_scores(vectors, library.clip, library.kinds), shows)
        rows.append((f"{strength:g}", f"{cosine:.3f}", f"{figure:.1f}"))
    return table(("salt and pepper, share of pixels", "mean cosine with the clean frame", "AUC"), rows)


def report(library: Library, classes: Sequence[ClassResult], recalls: Sequence[float], model: str) -> str:
    """Return the tables, with the published figures."""
    vectors = np.concatenate([np.asarray(segment.rows.vectors) for segment in library.matrix.segments])
    figure = auc(anomaly_scores(vectors, library.clip, library.kinds), library.shown())
    summary = f"{len(library.names)} videos, {len(vectors)} frames"
    if len(library.names) < TEST_VIDEOS:
        summary += f"; the test has {TEST_VIDEOS} videos: figures of fewer are not comparable with what is published"
    rows = [
        (f"{model}, this run", f"{figure:.1f}", ""),
        *((title, value, source) for title, value, source in PUBLISHED),
    ]
    parts = [summary, table(("anomalous frames", "AUC", "source"), rows)]
    heads = ("threshold", "precision", "recall", "videos found", "other videos found")
    parts.append(table(heads, [(name, *(f"{x:.1f}" for x in figures)) for name, *figures in map(_values, classes)]))
    if recalls:
        heads = tuple(f"R@1, overlap {least:g}" for least in OVERLAPS)
        parts.append(table(heads, [[f"{recall:.1f}" for recall in recalls]]))
    return "\n\n".join(parts)


def _values(one: ClassResult) -> list[float]:
    return list(asdict(one).values())


def main() -> None:
    made = parser(__doc__)
    made.add_argument("--cosine", type=float, default=0.25, help="the fixed threshold")
    made.add_argument("--noise", type=float, nargs="*", default=[], help="shares of pixels that are black or white")
    given = made.parse_args()
    videos = annotations(annotation_file(given.folder, "Temporal_Anomaly_Annotation*.txt"))
    settings, said = settings_of(given), sentences(given.folder)
    files = available(videos, files_by_stem(given.folder), given.limit)
    with ingested(files, settings) as frames:
        library = Library.of(frames, videos)
        classes, recalls = by_class(library, given.cosine, settings), by_sentence(frames, said, settings)
        print(report(library, classes, recalls, settings.clip.model))
        if given.noise:
            print(f"\n{robustness(library, files, given.noise, settings)}")
    class_rows = [asdict(one) for one in classes]
    add_lines(given.json, [{"model": settings.clip.model, "classes": class_rows, "sentences": recalls}])


if __name__ == "__main__":
    main()

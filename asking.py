"""What is asked: words, pictures or a ready vector become unit vectors of the space that can answer."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from .errors import SourceError, SpaceError, UsageError, command
from .frames import Floats, Picture, Space, SpaceState, VideoRecord
from .index.query import Term, combined, parse
from .ingest.embedder import Embedder, TextEmbedder, fetching, network_here, open_embedder
from .ingest.identity import check_kind
from .ingest.pictures import read_picture
from .ingest.source import fitted, shrunk
from .progress import Progress
from .ranges import shortened
from .settings import OWN_SPACE, TIMM_SPACE, Settings
from .untrusted import MEGABYTE, UntrustedError, read_array

APPEARANCE, CLIP = "appearance", "clip"

States = Mapping[str, Mapping[str, SpaceState]]
"""For each video, what it has in which space."""

_MOST_SHAPES = 8
_MOST_NAMED = 4
_MOST_VECTOR = MEGABYTE
"""Bytes of a file that holds one vector."""
_PICTURES = "a .jpg, .png or .webp"


@dataclass(frozen=True)
class Question:
    """One search: a text, an image, both together or a vector says what for, the rest where and how much."""

    text: str = ""
    image: Path | None = None
    vector: Path | None = None
    space: str | None = None
    videos: tuple[str, ...] = ()
    after: float | None = None
    before: float | None = None
    count: int | None = None
    threshold: float | Literal["auto", "calibrated"] | None = None
    moments: bool = False
    repeats: bool = False
    """Frames that look the same come each for itself."""

    @property
    def terms(self) -> list[Term]:
        """What is to be embedded; nothing where the vector is ready."""
        seen = bool(self.text.strip()) or self.image is not None
        if seen == (self.vector is not None):
            raise UsageError(
                "A search is for a text, a picture (--image), both together, or a vector (--vector).",
                "A text may name pictures as well, as in 'beach - @door.jpg'.",
            )
        said = parse(self.text) if self.text.strip() else []
        return [*said, Term(1.0, picture=self.image)] if self.image else said

    @property
    def only_pictures(self) -> bool:
        return self.vector is None and not any(term.text for term in self.terms)


def read_threshold(said: str | None) -> float | Literal["auto", "calibrated"] | None:
    """The threshold that a user writes: a cosine, or the name of a way to find one."""
    if said is None:
        return None
    if said == "auto" or said == "calibrated":
        return "auto" if said == "auto" else "calibrated"
    try:
        cut = float(said)
    except ValueError:
        cut = float("nan")
    if not -1 <= cut <= 1:
        raise UsageError(f"{shortened(said)!r} is not a threshold.", "Give a cosine from -1 to 1, auto or calibrated.")
    return cut


def has(states: States, video: VideoRecord, space: str) -> bool:
    return space in states[video.id] and states[video.id][space].complete


def choose_space(
    question: Question, videos: Sequence[VideoRecord], states: States, settings: Settings
) -> tuple[str, str]:
    """The space to search in, and what the user should know of the choice; that is nothing where it was his own."""
    if question.space:
        if question.space.startswith(OWN_SPACE) and not question.vector:
            raise UsageError(
                f"Vectors of the {question.space} space are made elsewhere, those of words and pictures too.",
                "Ask with one of them: --vector q.npy.",
            )
        return question.space, ""
    if question.vector:
        return _of_dimension(len(read_vector(question.vector)), videos, states), ""
    if not question.only_pictures:
        return CLIP, ""
    with_clip = sum(has(states, video, CLIP) for video in videos)
    if with_clip == len(videos) and network_here(CLIP, settings.clip):
        return CLIP, ""
    why = "the weights of CLIP are not here" if with_clip == len(videos) else "not every video has CLIP's vectors"
    return APPEARANCE, f"Pictures are compared by their looks, in the appearance space: {why}."


def _of_dimension(dimension: int, videos: Sequence[VideoRecord], states: States) -> str:
    stored = {name: state.space.dimension for video in videos for name, state in states[video.id].items()}
    fitting = sorted(name for name, size in stored.items() if size == dimension)
    if len(fitting) == 1:
        return fitting[0]
    there = ", ".join(f"{name} has {size}" for name, size in sorted(stored.items()))
    raise UsageError(
        f"A vector of {dimension} numbers fits {'several spaces' if fitting else 'no space'} here ({there}).",
        "Name the space with --space." if fitting else "Make it with the model of one of these spaces.",
    )


def check_vectors(videos: Sequence[VideoRecord], states: States, space: str, settings: Settings) -> str:
    """What the user should know of videos without such vectors, which are nothing to search where all lack them."""
    lacking = [video for video in videos if not has(states, video, space)]
    if not lacking or not (space in (APPEARANCE, CLIP) or space.startswith((TIMM_SPACE, OWN_SPACE))):
        # What is no space at all, opening it tells.
        return ""
    remedy = _making(lacking, space, settings)
    if len(lacking) == len(videos):
        raise SpaceError(
            f"No video that would be searched has vectors in the {space} space: {_named(lacking)}.", remedy
        )
    told = f"{len(lacking)} of {len(videos)} videos have no vectors in the {space} space and are left out"
    return f"{told}: {_named(lacking)}. {remedy}"


def _named(videos: Sequence[VideoRecord]) -> str:
    more = len(videos) - _MOST_NAMED
    return ", ".join(video.id for video in videos[:_MOST_NAMED]) + (f" and {more} more" if more > 0 else "")


def _making(videos: Sequence[VideoRecord], space: str, settings: Settings) -> str:
    """How vectors are added to what is stored; at other rates and sizes they would be made anew."""
    sources = [video for video in videos if video.source]
    if space.startswith(OWN_SPACE) or not sources:
        return f"Import them from files: see {command('videos', 'import', '--help')}."
    first = sources[0]
    alike = [v for v in sources if (v.sampled_fps, v.short_side) == (first.sampled_fps, first.short_side)]
    named = list(dict.fromkeys(Path(video.source) for video in alike[:_MOST_NAMED]))
    fps = ["--fps", f"{first.sampled_fps:g}"] if first.sampled_fps != settings.ingest.fps else []
    size = ["--size", str(first.short_side)] if first.short_side != settings.ingest.size else []
    whole = len(videos) == min(len(alike), _MOST_NAMED)
    those = "them" if whole else f"those of the first {len(named)}" if len(named) > 1 else "those of the first"
    told = f"{command('ingest', *named, *fps, *size, '--space', space)} makes {those}."
    return told + fetching(space, settings.clip)


def agreed(videos: Sequence[VideoRecord], states: States, space: str, made_by: Space | None) -> list[VideoRecord]:
    """The videos whose vectors are by that model; without one, by the model that made most of them."""
    having = [video for video in videos if has(states, video, space)]
    identities = Counter(states[video.id][space].space for video in having)
    wanted = made_by or identities.most_common(1)[0][0]
    if wanted not in identities:
        other = next(iter(identities))
        raise SpaceError(
            f"The vectors of the {space} space were made by another model: {other.model} ({other.weights}), "
            f"not {wanted.model} ({wanted.weights}).",
            f"Restore the setting; or {command('videos', 'remove', having[0].id)} and ingesting it again make them "
            "anew, and so on for each video.",
        )
    return [video for video in having if states[video.id][space].space == wanted]


def vectors_of(
    question: Question, embedder: Embedder | None, videos: Sequence[VideoRecord], settings: Settings
) -> Floats:
    """The question as unit vectors, which are variants of one another: a row for each shape a picture may have."""
    if question.vector:
        return read_vector(question.vector)[None]
    assert embedder is not None
    terms = question.terms
    texts = _of_texts([term.text for term in terms if term.text], embedder, settings)
    pictures = {term.picture: query_picture(term.picture) for term in terms if term.picture}
    rows = []
    for shape in _shapes(videos, settings) if pictures else [None]:
        seen = iter(embedder.embed([_as_ingested(picture, shape) for picture in pictures.values()]) if shape else ())
        at = dict(zip(pictures, seen, strict=True))
        words = iter(texts)
        rows.append(
            combined([t.weight for t in terms], np.stack([at[t.picture] if t.picture else next(words) for t in terms]))
        )
    return np.unique(np.stack(rows), axis=0)


def query_picture(path: Path) -> Picture:
    try:
        check_kind(path)
        return read_picture(path)
    except SourceError as wrong:
        raise SourceError(wrong.cause, f"Ask with a file that holds one picture, such as {_PICTURES}.") from wrong


def _of_texts(texts: Sequence[str], embedder: Embedder, settings: Settings) -> Floats:
    if not texts:
        return np.zeros((0, embedder.space.dimension), np.float32)
    if not isinstance(embedder, TextEmbedder):
        raise UsageError(
            f"The {embedder.space.name} space knows no words.",
            f"Ask with a picture (--image), or in the space clip (--space clip).{fetching(CLIP, settings.clip)}",
        )
    return embedder.embed_texts(texts)


@dataclass(frozen=True)
class _Shape:
    """How frames were brought to size: their short side, and for pictures the canvas of their folder."""

    short_side: int
    canvas: tuple[int, int] | None


def _shapes(videos: Sequence[VideoRecord], settings: Settings) -> list[_Shape]:
    """The shapes of most videos: a frame's own vector is met again only by a picture that was shrunk as it was.

    A folder of pictures gives all of them the size of its first, so that one that is shaped otherwise has bars.
    """
    found = Counter(
        _Shape(video.short_side, (video.width, video.height) if video.kind == "pictures" else None) for video in videos
    )
    return [shape for shape, _ in found.most_common(_MOST_SHAPES)] or [_Shape(settings.ingest.size, None)]


def _as_ingested(picture: Picture, shape: _Shape) -> Picture:
    import cv2

    across, down = shape.canvas or (picture.shape[1], picture.shape[0])
    width, height = shrunk(across, down, shape.short_side)
    if shape.canvas:
        return fitted(picture, width, height)
    if (width, height) == (picture.shape[1], picture.shape[0]):
        return picture
    return np.asarray(cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA), np.uint8)


def read_vector(path: Path) -> Floats:
    """A unit vector out of a file that numpy wrote."""
    try:
        vector = np.atleast_1d(np.squeeze(read_array(path, _MOST_VECTOR, mapped=False)))
    except OSError as failed:
        raise UsageError(f"{path} cannot be read: {failed.strerror or failed}.") from failed
    except UntrustedError as wrong:
        raise UsageError(f"{path} holds no vector: it {wrong}.", "Write one with numpy.save.") from wrong
    if vector.ndim != 1 or vector.dtype.kind not in "iuf" or not np.isfinite(vector).all():
        raise UsageError(f"{path} holds no single vector of finite numbers.", "Write it with numpy.save.")
    # To 1 first, so that no number is too large or too small for its square.
    largest = float(np.abs(vector.astype(np.float64)).max(initial=0))
    if not 0 < largest < np.inf:
        raise UsageError(f"{path} holds no vector of numbers that are not all 0.", "Write it with numpy.save.")
    scaled = vector.astype(np.float64) / largest
    return np.asarray(scaled / np.linalg.norm(scaled), np.float32)


@dataclass(frozen=True)
class Similarity:
    """How alike two pictures are, as `similar --json` prints it."""

    score: float
    space: str


def similarity(left: Path, right: Path, settings: Settings, progress: Progress, space: str | None) -> Similarity:
    """The cosine of two pictures; without a space in CLIP's, or where its weights are not here by their looks."""
    if space is None:
        space = CLIP if network_here(CLIP, settings.clip) else APPEARANCE
        if space == APPEARANCE:
            progress.note("The pictures are compared by their looks: the weights of CLIP are not here.")
    shape = _Shape(settings.ingest.size, None)
    pictures = [_as_ingested(query_picture(path), shape) for path in (left, right)]
    one, other = open_embedder(space, settings.clip).embed(pictures)
    return Similarity(round(float(one @ other), 6), space)

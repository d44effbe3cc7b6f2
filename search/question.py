"""Questions to the library: texts, pictures or a vector, embedded as unit vectors of a suitable space."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Literal

import numpy as np

from ..errors import SourceError, SpaceError, UsageError, command
from ..ingest.models.embedder import Embedder, TextEmbedder
from ..ingest.models.registry import fetch_hint, has_network, open_embedder
from ..ingest.models.views import differs_in_view_only, view_of
from ..media.identity import check_kind
from ..media.pictures import read_picture
from ..media.ranges import listed, shortened
from ..media.source import letterboxed, scaled_size, shrunk
from ..media.timecode import clock, read_clock
from ..media.types import Floats, Picture, Space, SpaceState, VideoRecord
from ..media.untrusted import MEGABYTE, UntrustedError, read_array
from ..progress import SILENT, Progress
from ..settings import OWN_SPACE, TIMM_SPACE, Settings
from .query import Term, combined, parse

APPEARANCE, CLIP = "appearance", "clip"

States = Mapping[str, Mapping[str, SpaceState]]
"""The state of each space by video id and space name."""

_MOST_SHAPES = 8
"""Shapes in which a query picture is embedded, each of which costs one more embedding."""
_MOST_NAMED = 4
"""Videos that a message names."""
_MOST_VECTOR_BYTES = MEGABYTE
"""Largest file that is read as a single vector."""


@dataclass(frozen=True)
class FrameTime:
    """A frame of the library, by its video and a time in seconds."""

    video: str
    time: float


@dataclass(frozen=True)
class Question:
    """A search for a text, a picture, both together, a vector or a frame, with where to search and what to return."""

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
    """List frames that look the same separately."""
    near: FrameTime | None = None
    """Search for frames like this one, whose vector is stored."""
    since: date | None = None
    """Search only videos that were made on this day or later."""
    until: date | None = None
    """Search only videos that were made on this day or earlier."""
    min_length: float | None = None
    """Search only videos that last so many seconds or more."""
    max_length: float | None = None

    @property
    def embeds(self) -> bool:
        """Whether a model turns the question into a vector."""
        return self.vector is None and self.near is None

    @property
    def terms(self) -> list[Term]:
        """The texts and pictures to embed; none for a vector or a frame.

        Raises:
            UsageError: Nothing is asked, or a vector or a frame together with something else.
        """
        has_terms = bool(self.text.strip()) or self.image is not None
        if has_terms + (self.vector is not None) + (self.near is not None) != 1:
            raise UsageError(
                "Search for a text, a picture (--image), both together, a frame (--near), or a vector (--vector).",
                "A text may also name pictures, as in 'beach - @door.jpg'.",
            )
        terms = parse(self.text) if self.text.strip() else []
        return [*terms, Term(1.0, picture=self.image)] if self.image else terms

    @property
    def title(self) -> str:
        """What is searched for, in a few words."""
        frame = f"{self.near.video} at {clock(self.near.time)}" if self.near else ""
        files = [file.name for file in (self.image, self.vector) if file]
        return " + ".join(filter(None, [self.text.strip(), frame, *files]))

    @property
    def only_pictures(self) -> bool:
        """Whether all terms are pictures."""
        return self.embeds and not any(term.text for term in self.terms)


def read_threshold(text: str | None) -> float | Literal["auto", "calibrated"] | None:
    """Parse a threshold: a cosine, `auto` or `calibrated`.

    Raises:
        UsageError: It is neither.
    """
    if text is None:
        return None
    if text == "auto" or text == "calibrated":
        return "auto" if text == "auto" else "calibrated"
    try:
        cut = float(text)
    except ValueError:
        cut = float("nan")
    if not -1 <= cut <= 1:
        raise UsageError(f"{shortened(text)!r} is not a threshold.", "Give a cosine from -1 to 1, auto or calibrated.")
    return cut


def read_near(text: str) -> FrameTime:
    """Parse VIDEO@TIME, such as holiday.mp4@1:05.

    Raises:
        UsageError: It has no time.
    """
    video, separator, time = text.rpartition("@")
    if not (separator and video):
        raise UsageError(f"{shortened(text)!r} is not a frame.", "Give a video and a time: holiday.mp4@1:05.")
    return FrameTime(video, read_clock(time))


def has_vectors(states: States, video: VideoRecord, space: str) -> bool:
    """Check whether a video has all its vectors in a space."""
    return space in states[video.id] and states[video.id][space].complete


def choose_space(
    question: Question,
    videos: Sequence[VideoRecord],
    states: States,
    settings: Settings,
    near: VideoRecord | None = None,
) -> tuple[str, str]:
    """Return the space to search in, and a note on the choice, which is empty if the user made it.

    `near` is the video of the frame to search for.

    Raises:
        UsageError: The question cannot be asked in the space that it names, or its vector fits no single space.
    """
    if question.space:
        if question.space.startswith(OWN_SPACE) and question.embeds:
            raise UsageError(
                f"The {question.space} space has imported vectors only; texts and pictures cannot be embedded in it.",
                "Search with a vector of that space: --vector q.npy.",
            )
        return question.space, ""
    if question.vector:
        return _of_dimension(len(read_vector(question.vector)), videos, states), ""
    if near:
        return _of_frame(near, videos, states)
    if not question.only_pictures:
        return CLIP, ""
    with_clip = sum(has_vectors(states, video, CLIP) for video in videos)
    if with_clip == len(videos) and has_network(CLIP, settings.clip):
        return CLIP, ""
    why = "CLIP's weights are not available" if with_clip == len(videos) else "not every video has CLIP vectors"
    return APPEARANCE, f"Pictures are compared by appearance, since {why}."


def _of_frame(near: VideoRecord, videos: Sequence[VideoRecord], states: States) -> tuple[str, str]:
    """Choose the space for a stored frame, which needs no weights."""
    by_appearance = "Frames are compared by appearance, since not every video has CLIP vectors."
    for space, note in ((CLIP, ""), (APPEARANCE, by_appearance)):
        if all(has_vectors(states, video, space) for video in (near, *videos)):
            return space, note
    counts = {
        name: sum(has_vectors(states, video, name) for video in videos)
        for name in states[near.id]
        if has_vectors(states, near, name)
    }
    return max(counts, key=lambda name: counts[name], default=APPEARANCE), ""


def _of_dimension(dimension: int, videos: Sequence[VideoRecord], states: States) -> str:
    stored = {name: state.space.dimension for video in videos for name, state in states[video.id].items()}
    fitting = sorted(name for name, size in stored.items() if size == dimension)
    if len(fitting) == 1:
        return fitting[0]
    sizes = ", ".join(f"{name} has {size}" for name, size in sorted(stored.items()))
    raise UsageError(
        f"A vector of {dimension} numbers fits {'several spaces' if fitting else 'no space'} of the library ({sizes}).",
        "Name the space with --space." if fitting else "Make it with the model of one of these spaces.",
    )


def check_vectors(videos: Sequence[VideoRecord], states: States, space: str, settings: Settings) -> str:
    """Return a note on videos without vectors in a space, which are left out.

    Raises:
        SpaceError: No video has such vectors.
    """
    lacking = [video for video in videos if not has_vectors(states, video, space)]
    if not lacking or not (space in (APPEARANCE, CLIP) or space.startswith((TIMM_SPACE, OWN_SPACE))):
        # An unknown space is reported when it is opened.
        return ""
    named, remedy = listed([video.id for video in lacking], _MOST_NAMED), _ingest_remedy(lacking, space, settings)
    if len(lacking) == len(videos):
        raise SpaceError(f"None of the videos to search has vectors in the {space} space: {named}.", remedy)
    note = f"{len(lacking)} of {len(videos)} videos have no vectors in the {space} space and are left out"
    return f"{note}: {named}. {remedy}"


def _ingest_remedy(videos: Sequence[VideoRecord], space: str, settings: Settings) -> str:
    """Say how to add the vectors, at the stored rate and size: with others, all frames would be ingested again."""
    sources = [video for video in videos if video.source]
    if space.startswith(OWN_SPACE) or not sources:
        return f"Import them from files; see {command('videos', 'import', '--help')}."
    first = sources[0]
    alike = [v for v in sources if (v.sampled_fps, v.short_side) == (first.sampled_fps, first.short_side)]
    named = list(dict.fromkeys(Path(video.source) for video in alike[:_MOST_NAMED]))
    fps = ["--fps", f"{first.sampled_fps:g}"] if first.sampled_fps != settings.ingest.fps else []
    size = ["--size", str(first.short_side)] if first.short_side != settings.ingest.size else []
    all_named = len(videos) == min(len(alike), _MOST_NAMED)
    those = "them" if all_named else f"those of the first {len(named)}" if len(named) > 1 else "those of the first"
    ingest = command("ingest", *named, *fps, *size, "--space", space)
    return f"{ingest} makes {those}." + fetch_hint(space, settings.clip)


def videos_by_model(
    videos: Sequence[VideoRecord], states: States, space: str, made_by: Space | None
) -> list[VideoRecord]:
    """Return the videos whose vectors a model made; by default the model that made most of them.

    Raises:
        SpaceError: The model made none.
    """
    having = [video for video in videos if has_vectors(states, video, space)]
    identities = Counter(states[video.id][space].space for video in having)
    wanted = made_by or identities.most_common(1)[0][0]
    if wanted not in identities:
        other = next(iter(identities))
        if differs_in_view_only(other, wanted):
            raise SpaceError(
                f"The {space} vectors have the view {view_of(other)}, not {view_of(wanted)}.",
                f"Set clip.view to auto; or make them again with `ingest --view {view_of(wanted)}` and the videos.",
            )
        raise SpaceError(
            f"The vectors of the {space} space were made by another model: {other.model} ({other.weights}), "
            f"not {wanted.model} ({wanted.weights}).",
            f"Restore the setting; or make them again, for each video: {command('videos', 'remove', having[0].id)}, "
            "then ingest it.",
        )
    return [video for video in having if states[video.id][space].space == wanted]


def vectors_of(
    question: Question, embedder: Embedder | None, videos: Sequence[VideoRecord], settings: Settings
) -> Floats:
    """Embed a question as unit vectors, one for each shape in which the videos were ingested."""
    if question.vector:
        return read_vector(question.vector)[None]
    assert embedder is not None
    terms = question.terms
    texts = _embed_texts([term.text for term in terms if term.text], embedder, settings)
    pictures = {term.picture: query_picture(term.picture) for term in terms if term.picture}
    rows = []
    for shape in _shapes(videos, settings) if pictures else [None]:
        embedded = iter(
            embedder.embed([_as_ingested(picture, shape) for picture in pictures.values()]) if shape else ()
        )
        vectors = dict(zip(pictures, embedded, strict=True))
        remaining = iter(texts)
        rows.append(
            combined(
                [t.weight for t in terms],
                np.stack([vectors[t.picture] if t.picture else next(remaining) for t in terms]),
            )
        )
    return np.unique(np.stack(rows), axis=0)


def query_picture(path: Path) -> Picture:
    """Read a query picture.

    Raises:
        SourceError: The file is not a picture.
    """
    try:
        check_kind(path)
        return read_picture(path)
    except SourceError as wrong:
        raise SourceError(wrong.cause, "Use a file that holds one picture, such as a .jpg, .png or .webp.") from wrong


def _embed_texts(texts: Sequence[str], embedder: Embedder, settings: Settings) -> Floats:
    if not texts:
        return np.zeros((0, embedder.space.dimension), np.float32)
    if not isinstance(embedder, TextEmbedder):
        raise UsageError(
            f"Texts cannot be embedded in the {embedder.space.name} space.",
            f"Search with a picture (--image), or in the clip space (--space clip).{fetch_hint(CLIP, settings.clip)}",
        )
    return embedder.embed_texts(texts)


@dataclass(frozen=True)
class _Shape:
    """How frames were scaled: their short side, and the canvas for a folder of pictures."""

    short_side: int
    canvas: tuple[int, int] | None


def _shapes(videos: Sequence[VideoRecord], settings: Settings) -> list[_Shape]:
    """Return the most frequent shapes: a picture matches its own vector only if it is scaled in the same way.

    Pictures of a folder are letterboxed to the size of the first.
    """
    shapes = Counter(
        _Shape(video.short_side, (video.width, video.height) if video.kind == "pictures" else None) for video in videos
    )
    return [shape for shape, _ in shapes.most_common(_MOST_SHAPES)] or [_Shape(settings.ingest.size, None)]


def _as_ingested(picture: Picture, shape: _Shape) -> Picture:
    if shape.canvas:
        return letterboxed(picture, *scaled_size(*shape.canvas, shape.short_side))
    return shrunk(picture, shape.short_side)


def read_vector(path: Path) -> Floats:
    """Read a vector from a .npy file and normalise it.

    Raises:
        UsageError: The file cannot be read, or does not hold one finite vector other than 0.
    """
    try:
        vector = np.atleast_1d(np.squeeze(read_array(path, _MOST_VECTOR_BYTES, mapped=False)))
    except OSError as failed:
        raise UsageError(f"{path} cannot be read: {failed.strerror or failed}.") from failed
    except UntrustedError as wrong:
        raise UsageError(f"{path} holds no vector: it {wrong}.", "Write one with numpy.save.") from wrong
    if vector.ndim != 1 or vector.dtype.kind not in "iuf" or not np.isfinite(vector).all():
        raise UsageError(f"{path} does not hold a single vector of finite numbers.", "Write it with numpy.save.")
    # Scale to 1 first, so that no square overflows or underflows.
    largest = float(np.abs(vector.astype(np.float64)).max(initial=0))
    if not 0 < largest < np.inf:
        raise UsageError(f"{path} holds a vector whose numbers are all 0 or infinite.", "Write another.")
    scaled = vector.astype(np.float64) / largest
    return np.asarray(scaled / np.linalg.norm(scaled), np.float32)


@dataclass(frozen=True)
class Similarity:
    """The similarity of two pictures as `similar --json` prints it."""

    score: float
    space: str


def compare_images(
    left: Path, right: Path, settings: Settings, progress: Progress = SILENT, *, space: str | None = None
) -> Similarity:
    """Return the cosine of two pictures, by default in CLIP's space or, without its weights, by appearance."""
    if space is None:
        space = CLIP if has_network(CLIP, settings.clip) else APPEARANCE
        if space == APPEARANCE:
            progress.note("The pictures are compared by appearance, since CLIP's weights are not available.")
    shape = _Shape(settings.ingest.size, None)
    pictures = [_as_ingested(query_picture(path), shape) for path in (left, right)]
    one, other = open_embedder(space, settings.clip).embed(pictures)
    return Similarity(round(float(one @ other), 6), space)

"""The shapes of answers and files that no other model describes, for the JSON Schemas."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from ..evaluate.drawn.demo_search import DemoSearch
from ..evaluate.scores import Scores
from ..ingest.ingester import State
from ..render.results import Reconstruction
from ..repair.trained_detector import CrossValidation, TrainingVideo
from ..settings import BreakupSettings
from ..solve.plan.model import Rate, Side

Name = Annotated[str, Field(min_length=1, max_length=1000)]


class VideoSpace(BaseModel):
    """A space that a video has vectors in, and how they were made."""

    name: str
    model: str
    vectors: int
    way: str
    cosine: float


class ListedVideo(BaseModel):
    """A video of the library."""

    id: str
    name: str
    source: str
    ingested: str | None
    """When its pictures were stored; null for a video that was imported without any."""
    frames: int
    fps: float
    width: int
    height: int
    seconds: float
    spaces: list[VideoSpace]
    state: Literal["complete", "partial"]
    bytes: int


class ShownVideo(ListedVideo):
    """A video of the library in more detail."""

    sha256: str
    kind: Literal["video", "pictures"]
    sampled_fps: float
    problems: list[str]
    source_present: bool
    solved: bool


class IngestedSource(BaseModel):
    """What happened to a source: with `error` and `remedy`, or with the facts of its video."""

    path: str
    state: State
    notes: list[str]
    error: str = ""
    remedy: str = ""
    id: str = ""
    name: str = ""
    source: str = ""
    sha256: str = ""
    frames: int = 0
    fps: float = 0
    width: int = 0
    height: int = 0
    seconds: float = 0


class RenderedFilms(BaseModel):
    """The films that were written."""

    outputs: list[str]
    notes: list[str]


class RepairedFrame(BaseModel):
    """A broken frame, and what it was replaced by."""

    frame: int
    kind: str = Field(alias="class")
    score: float
    evidence: str
    method: Literal["auto", "motion", "blend", "hold", "left", "none"]
    sources: list[int]
    moved: float
    why: str
    region: float


class Repair(BaseModel):
    """The broken frames of a video, the scores of all its frames, and the film."""

    video: str
    output: str | None
    report: str | None
    total: int
    frames: list[RepairedFrame]
    scores: list[float]
    notes: list[str]


class ExportedEdits(BaseModel):
    """The edit lists that were written."""

    files: list[str]
    edits: int
    notes: list[str]


class ListedModel(BaseModel):
    """A space, its model, and whether that is on this machine; for a CLIP model with a name, what it promises."""

    space: str
    model: str
    ready: bool
    dimension: int | None
    needs: str
    runs: str = ""
    name: str | None = None
    licence: str | None = None
    research_only: bool = False
    megabytes: int | None = None
    context: int | None = None
    pixels: int | None = None
    view: str | None = None
    cost: float | None = None
    imagenet: float | None = None
    coco: float | None = None
    source: str = ""
    note: str = ""


class Measure(BaseModel):
    """The precision and recall on the frames of one video."""

    precision: float
    recall: float


class TrainedDetector(BaseModel):
    """A detector without its forest, and its scores by video."""

    output: str
    format: str
    program: str
    made: str
    rules: BreakupSettings
    trust: float
    videos: list[TrainingVideo]
    checked: CrossValidation
    chosen: str
    threshold: float
    by_video: dict[str, Measure]


class RobustnessLine(BaseModel):
    """How well degraded frames are found and put in order; scores that do not apply are left out."""

    video: str
    space: str
    first: int
    frames: int
    noise: str
    strength: float | None
    within: float
    found: float
    near: float
    cosine: float
    lowest: float
    adjacency: float
    tau: float
    abs_tau: float
    shot_tau: float


class Demonstration(BaseModel):
    """The files and scores of a demo."""

    scores: Scores
    reconstruction: Reconstruction
    search: DemoSearch
    scrambled: str
    original: str


class ExportedVideo(BaseModel):
    """The video of exported vectors: `sha256` or `id`, and all keys if the library does not have it."""

    model_config = ConfigDict(extra="forbid")

    id: Name = ""
    name: Name = ""
    sha256: Annotated[str, Field(pattern="^[0-9a-f]{64}$")] = ""
    kind: Literal["video", "pictures"] = "video"
    fps: Rate = 25
    width: Side = 1
    height: Side = 1
    seconds: Annotated[float, Field(ge=0, le=1e9)] = 0
    sampled_fps: Annotated[float, Field(ge=0, le=1e6)] = 0
    short_side: Annotated[int, Field(ge=0, le=1_000_000)] = 0


class ExportedSpaceName(BaseModel):
    """The identity of an embedding space."""

    model_config = ConfigDict(extra="forbid")

    name: Name
    model: Name
    weights: Name
    preprocessing: Name
    dimension: Annotated[int, Field(ge=1)]


class ExportedSpace(BaseModel):
    """The file space.json of exported vectors."""

    model_config = ConfigDict(extra="forbid")

    format: Literal["reelweave.vectors/1"]
    space: ExportedSpaceName
    video: ExportedVideo


class ExportedFrame(BaseModel):
    """A line of the file frames.jsonl of exported vectors."""

    model_config = ConfigDict(extra="forbid")

    frame: Annotated[int, Field(ge=0, lt=2**31)]
    time: float = 0
    sharpness: float = 0
    luma: float = 0
    duplicate_of: Annotated[int, Field(ge=-1, lt=2**31)] = -1

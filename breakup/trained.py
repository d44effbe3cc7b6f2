"""A detector that was trained: its file, which holds numbers and nothing that is ever run, and how it judges."""

from pathlib import Path
from typing import Annotated, Literal

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ..errors import SourceError
from ..index.whole import whole
from .detect import CLEAN
from .evidence import EVIDENCE, Evidence
from .features import MEASURED_AS, evidence_of, in_context, names
from .forest import Forest, Share
from .verdict import Verdict

FORMAT: Literal["reelweave.detector/1"] = "reelweave.detector/1"
BROKEN = "broken"

Count = Annotated[int, Field(ge=0)]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Learnt(_Part):
    """A video that was learnt from."""

    id: str
    name: str
    sha256: str
    broken: Count
    clean: Count


class Checked(_Part):
    """How well frames were judged by models that had seen no other of the same group."""

    by: Literal["video", "time"]
    groups: Count
    precision: Share
    recall: Share


class Model(_Part):
    """A forest on frames in context, and its identity."""

    format: Literal["reelweave.detector/1"] = FORMAT
    program: str
    made: str
    measured_as: int
    evidence: list[str]
    features: list[str]
    videos: list[Learnt]
    checked: Checked
    chosen: str
    threshold: Annotated[float, Field(gt=0, lt=1)]
    forest: Forest


class Trained:
    """Judges by a model."""

    def __init__(self, model: Model) -> None:
        self.model = model

    def judge(self, evidence: Evidence) -> list[Verdict]:
        values = in_context(evidence)
        scores = self._halved(self.model.forest.judge(values))
        return [
            Verdict(int(frame), BROKEN, float(score), evidence_of(self.model.features[self.model.forest.because(row)]))
            if score >= 0.5
            else Verdict(int(frame), CLEAN, float(score), "")
            for frame, score, row in zip(evidence.frames, scores, values, strict=True)
        ]

    def _halved(self, sure: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """Stretched so that the threshold lies at one half, as for whoever else judges."""
        cut = self.model.threshold
        return np.where(sure < cut, 0.5 * sure / cut, 0.5 + 0.5 * (sure - cut) / (1 - cut))


def write_model(model: Model, file: Path) -> Path:
    try:
        with whole(file) as part:
            part.write_text(model.model_dump_json() + "\n", encoding="utf-8")
    except OSError as failed:
        raise SourceError(f"{file} cannot be written: {failed.strerror}.", "Write it elsewhere.") from failed
    return file


def read_model(file: Path) -> Model:
    """The model in a file, if it judges by what this program measures."""
    try:
        model = Model.model_validate_json(file.read_bytes())
    except OSError as failed:
        raise SourceError(
            f"The detector {file} cannot be read: {failed.strerror}.", "`reelweave breakup train DIR` makes one."
        ) from failed
    except ValidationError as wrong:
        first = wrong.errors()[0]
        place = ".".join(map(str, first["loc"]))
        raise SourceError(
            f"{file} is not a detector that this program can use ({f'{place}: ' * bool(place)}{first['msg']}).",
            "`reelweave breakup train DIR` makes one.",
        ) from wrong
    if (model.measured_as, tuple(model.evidence), tuple(model.features)) != (MEASURED_AS, EVIDENCE, names()):
        raise SourceError(
            f"{file} judges by other evidence than this program measures; version {model.program} made it.",
            "`reelweave breakup label VIDEO... --out DIR -n 0` measures the videos anew, and `breakup train DIR` "
            "learns again from the pictures that were sorted.",
        )
    if max(model.forest.feature) >= len(model.features):
        raise SourceError(f"{file} asks for evidence that it does not name.", "`breakup train DIR` makes it anew.")
    return model

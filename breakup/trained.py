"""A detector that was trained: its file, which holds numbers and nothing that is ever run, and how it judges."""

from pathlib import Path
from typing import Annotated, Literal

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ..errors import SourceError, command
from ..files import atomic
from ..frames import Floats
from ..settings import Breakup
from ..untrusted import MEGABYTE, UntrustedError, read_json
from .evidence import EVIDENCE, Evidence
from .features import MEASURED_AS, SIGNS, Shares, evidence_of, in_context, names, suspected_by_rules
from .forest import Forest, Share
from .verdict import CLEAN, Verdict

FORMAT: Literal["reelweave.detector/1"] = "reelweave.detector/1"
BROKEN = "broken"
_MOST_BYTES = 64 * MEGABYTE
"""Of a detector: one of 200 trees that learnt from 1,000 pictures has 2 MB."""
TRUST = 0.4
"""What the rules count for beside the forest, which knows little while few pictures are sorted."""

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
    """A forest on frames in context beside the rules, as they were when it was trained; and its identity."""

    format: Literal["reelweave.detector/1"] = FORMAT
    program: str
    made: str
    measured_as: int
    evidence: list[str]
    features: list[str]
    rules: Breakup
    trust: Share
    videos: list[Learnt]
    checked: Checked
    chosen: str
    threshold: Annotated[float, Field(ge=1e-6, lt=1)]
    forest: Forest


class Trained:
    """Judges by a model."""

    def __init__(self, model: Model) -> None:
        self.model = model

    @property
    def learnt_from(self) -> set[str]:
        """The ids of videos whose frames it has seen."""
        return {video.id for video in self.model.videos}

    def judge(self, evidence: Evidence) -> list[Verdict]:
        model = self.model
        values = in_context(evidence, model.rules)
        scores = self._halved(suspected(model.forest, values, model.trust))
        verdicts = [
            Verdict(int(frame), CLEAN, float(score), "") for frame, score in zip(evidence.frames, scores, strict=True)
        ]
        broken = np.flatnonzero(scores >= 0.5)
        for row, name in zip(broken, self._because(values[broken]), strict=True):
            verdicts[row] = Verdict(verdicts[row].frame, BROKEN, verdicts[row].score, name)
        return verdicts

    def _because(self, values: Floats) -> list[str]:
        """What made most of the suspicion of each row: a number that the forest asked for, or a sign of the rules."""
        forest, trust = self.model.forest, self.model.trust
        asked = [evidence_of(self.model.features[place]) for place in forest.because(values)]
        signs = [SIGNS[place] for place in values[:, -len(SIGNS) :].argmax(1)]
        by_rules = trust * suspected_by_rules(values) > (1 - trust) * forest.judge(values)
        return [sign if ruled else name for sign, name, ruled in zip(signs, asked, by_rules, strict=True)]

    def _halved(self, sure: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """Stretched so that the threshold lies at one half, as for whoever else judges."""
        cut = self.model.threshold
        return np.where(sure < cut, 0.5 * sure / cut, 0.5 + 0.5 * (sure - cut) / (1 - cut))


def suspected(forest: Forest, values: Floats, trust: float = TRUST) -> Shares:
    """How sure the forest and the rules are together that each row is broken."""
    return np.asarray((1 - trust) * forest.judge(values) + trust * suspected_by_rules(values), np.float64)


def write_model(model: Model, file: Path) -> Path:
    try:
        with atomic(file) as part:
            part.write_text(model.model_dump_json() + "\n", encoding="utf-8")
    except OSError as failed:
        raise SourceError(f"{file} cannot be written: {failed.strerror}.", "Write it elsewhere.") from failed
    return file


def _making() -> str:
    return f"breakup train makes one from pictures that were sorted: see {command('breakup', 'train', '--help')}."


def read_model(file: Path) -> Model:
    """The model in a file, if it judges by what this program measures."""
    try:
        model = Model.model_validate(read_json(file, _MOST_BYTES))
    except UntrustedError as wrong:
        raise SourceError(
            f"{file} is not a detector that this program can use: it {wrong}.",
            _making(),
        ) from wrong
    except OSError as failed:
        raise SourceError(f"The detector {file} cannot be read: {failed.strerror}.", _making()) from failed
    except ValidationError as wrong:
        first = wrong.errors()[0]
        place = ".".join(map(str, first["loc"]))
        raise SourceError(
            f"{file} is not a detector that this program can use ({f'{place}: ' * bool(place)}{first['msg']}).",
            _making(),
        ) from wrong
    if (model.measured_as, tuple(model.evidence), tuple(model.features)) != (MEASURED_AS, EVIDENCE, names()):
        raise SourceError(
            f"{file} judges by other evidence than this program measures; version {model.program} made it.",
            "breakup label with -n 0 measures the videos anew, and breakup train learns again from the pictures that "
            "were sorted.",
        )
    if max(model.forest.feature) >= len(model.features):
        raise SourceError(f"{file} asks for evidence that it does not name.", _making())
    return model

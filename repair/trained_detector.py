"""A trained detector: its file format, without any executable content, and its judgement."""

from pathlib import Path
from typing import Annotated, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ..errors import SourceError, command
from ..media.files import atomic
from ..media.types import Floats
from ..media.untrusted import MEGABYTE, UntrustedError, read_json
from ..settings import BreakupSettings
from .detection_scores import Shares
from .evidence import EVIDENCE, FrameEvidence
from .features import MEASURED_AS, SIGNS, column_names, evidence_of, in_context, rule_scores
from .forest import Forest, Share
from .verdict import CLEAN, Verdict

FORMAT: Literal["reelweave.detector/1"] = "reelweave.detector/1"
BROKEN = "broken"
_MOST_BYTES = 64 * MEGABYTE
"""Bounds the file; a detector of 200 trees trained on 1,000 pictures has 2 MB."""
TRUST = 0.4
"""The weight of the rules against the forest, which is weak while few pictures are labelled."""

Count = Annotated[int, Field(ge=0)]


class _FrozenModel(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class TrainingVideo(_FrozenModel):
    """A video that the detector was trained on."""

    id: str
    name: str
    sha256: str
    broken: Count
    clean: Count


class CrossValidation(_FrozenModel):
    """The scores on frames judged by models trained without their group."""

    by: Literal["video", "time"]
    groups: Count
    precision: Share
    recall: Share


class DetectorModel(_FrozenModel):
    """The identity of a detector, its forest, and the rules that its forest is combined with."""

    format: Literal["reelweave.detector/1"] = FORMAT
    program: str
    made: str
    measured_as: int
    evidence: list[str]
    features: list[str]
    rules: BreakupSettings
    trust: Share
    videos: list[TrainingVideo]
    checked: CrossValidation
    chosen: str
    threshold: Annotated[float, Field(ge=1e-6, lt=1)]
    forest: Forest


class TrainedDetector:
    """Judge frames by a model."""

    def __init__(self, model: DetectorModel) -> None:
        self.model = model

    @property
    def training_videos(self) -> set[str]:
        """The ids of the videos it was trained on."""
        return {video.id for video in self.model.videos}

    def judge(self, evidence: FrameEvidence) -> list[Verdict]:
        model = self.model
        values = in_context(evidence, model.rules)
        scores = self._rescaled(predict(model.forest, values, model.trust))
        verdicts = [
            Verdict(int(frame), CLEAN, float(score), "") for frame, score in zip(evidence.frames, scores, strict=True)
        ]
        broken = np.flatnonzero(scores >= 0.5)
        for row, name in zip(broken, self._reasons(values[broken]), strict=True):
            verdicts[row] = Verdict(verdicts[row].frame, BROKEN, verdicts[row].score, name)
        return verdicts

    def _reasons(self, values: Floats) -> list[str]:
        """Name what raised the score of each row most: a feature of the forest, or a sign of the rules."""
        forest, trust = self.model.forest, self.model.trust
        names = [evidence_of(self.model.features[place]) for place in forest.top_features(values)]
        signs = [SIGNS[place] for place in values[:, -len(SIGNS) :].argmax(1)]
        is_ruled = trust * rule_scores(values) > (1 - trust) * forest.predict(values)
        return [sign if ruled else name for sign, name, ruled in zip(signs, names, is_ruled, strict=True)]

    def _rescaled(self, scores: Shares) -> Shares:
        """Rescale scores so that the threshold becomes one half, as for every detector."""
        threshold = self.model.threshold
        return np.where(
            scores < threshold, 0.5 * scores / threshold, 0.5 + 0.5 * (scores - threshold) / (1 - threshold)
        )


def predict(forest: Forest, values: Floats, trust: float = TRUST) -> Shares:
    """Return the probability that each row is broken: the weighted mean of the forest and the rules."""
    return np.asarray((1 - trust) * forest.predict(values) + trust * rule_scores(values), np.float64)


def write_model(model: DetectorModel, file: Path) -> Path:
    """Write a detector atomically.

    Raises:
        SourceError: The file cannot be written.
    """
    try:
        with atomic(file) as part:
            part.write_text(model.model_dump_json() + "\n", encoding="utf-8")
    except OSError as failed:
        raise SourceError(f"{file} cannot be written: {failed.strerror}.", "Choose another file.") from failed
    return file


def _training_advice() -> str:
    return f"Train one on labelled pictures with breakup train: see {command('breakup', 'train', '--help')}."


def read_model(file: Path) -> DetectorModel:
    """Read a detector that uses the evidence of this program.

    Raises:
        SourceError: It cannot be read, is malformed, or uses other evidence.
    """
    try:
        model = DetectorModel.model_validate(read_json(file, _MOST_BYTES))
    except UntrustedError as wrong:
        raise SourceError(
            f"{file} is not a usable detector: it {wrong}.",
            _training_advice(),
        ) from wrong
    except OSError as failed:
        raise SourceError(f"The detector {file} cannot be read: {failed.strerror}.", _training_advice()) from failed
    except ValidationError as wrong:
        first = wrong.errors()[0]
        place = ".".join(map(str, first["loc"]))
        raise SourceError(
            f"{file} is not a usable detector ({f'{place}: ' * bool(place)}{first['msg']}).",
            _training_advice(),
        ) from wrong
    if (model.measured_as, tuple(model.evidence), tuple(model.features)) != (MEASURED_AS, EVIDENCE, column_names()):
        raise SourceError(
            f"{file} uses other evidence than this program; version {model.program} wrote it.",
            "Measure the videos again with breakup label -n 0, then run breakup train on the labelled pictures.",
        )
    if max(model.forest.feature) >= len(model.features):
        raise SourceError(f"{file} refers to a feature that it does not name.", _training_advice())
    return model

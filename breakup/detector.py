"""Who finds broken frames: the rules, which need no training, or a model that was trained."""

from pathlib import Path
from typing import Protocol

from ..settings import Breakup
from . import detect
from .evidence import Evidence
from .trained import Trained, read_model
from .verdict import Verdict


class Detector(Protocol):
    def judge(self, evidence: Evidence) -> list[Verdict]:
        """A verdict on each frame, in the order of the evidence; broken ones have a score of at least one half."""
        ...


class Rules:
    """Judges without training."""

    def __init__(self, settings: Breakup) -> None:
        self._settings = settings

    def judge(self, evidence: Evidence) -> list[Verdict]:
        return detect.judge(evidence, self._settings)


def detector_of(file: Path | None, settings: Breakup) -> Detector:
    """The trained detector of a file; without one, the rules."""
    return Trained(read_model(file)) if file else Rules(settings)

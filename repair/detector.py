"""Which frames are broken, told without training."""

from pathlib import Path
from typing import Protocol

import numpy as np

from ..media.source import FrameSource
from ..progress import SILENT, Progress
from ..settings import BreakupSettings
from .evidence import FrameEvidence, measure_evidence
from .rules import DARK, rule_signs, run_sign
from .trained_detector import TrainedDetector, read_model
from .verdict import CLEAN, Verdict

_KINDS = {
    "guessed": "flagged",
    "stripes": "smeared",
    "blocks": "blocky",
    "torn": "torn",
    "grain": "noisy",
    "frozen": "frozen",
    "blank": "blank",
    "healed": "misfit",
    "misfit": "misfit",
    "run": "misfit",
}
"""What each sign says is wrong; the last three only that something is."""

_VAGUE = ("healed", "misfit", "run")


def detect(source: FrameSource, settings: BreakupSettings, progress: Progress = SILENT) -> list[Verdict]:
    """A verdict on each frame, in one pass; give a steady source, which tells where the decoder guessed."""
    return judge(measure_evidence(source, progress), settings)


def judge(evidence: FrameEvidence, settings: BreakupSettings) -> list[Verdict]:
    """A verdict on each frame: the strongest sign convicts at a score of one half."""
    found = rule_signs(evidence, settings)
    found["run"] = run_sign(evidence, found, settings)
    names = list(found)
    table = np.stack([found[name] for name in names])
    strongest = table.max(axis=0)
    # What is wrong is said by the strongest sign that knows.
    telling = np.where(np.isin(names, _VAGUE)[:, None], np.minimum(table, 1), table).argmax(axis=0)
    level = evidence.of("level")
    verdicts: list[Verdict] = []
    for row, frame in enumerate(evidence.frames):
        sign, strength = names[int(telling[row])], float(strongest[row])
        kind = _KINDS[sign] if strength >= 1 else CLEAN
        if kind == "blank" and level[row] < DARK:
            kind = "black"
        verdicts.append(Verdict(int(frame), kind, strength / (1 + strength), sign))
    return verdicts


class Detector(Protocol):
    def judge(self, evidence: FrameEvidence) -> list[Verdict]:
        """A verdict on each frame, in the order of the evidence; broken ones have a score of at least one half."""
        ...


class RuleDetector:
    """Judges without training."""

    def __init__(self, settings: BreakupSettings) -> None:
        self._settings = settings

    def judge(self, evidence: FrameEvidence) -> list[Verdict]:
        return judge(evidence, self._settings)


def detector_of(file: Path | None, settings: BreakupSettings) -> Detector:
    """The trained detector of a file; without one, the rules."""
    return TrainedDetector(read_model(file)) if file else RuleDetector(settings)

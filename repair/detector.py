"""Decide which frames are broken, by fixed rules or by a trained model."""

from pathlib import Path
from typing import Protocol

import numpy as np

from ..media.source import FrameSource
from ..progress import SILENT, Progress
from ..settings import BreakupSettings
from .evidence import FrameEvidence, measure_evidence
from .rules import DARK
from .support import supported_signs
from .trained_detector import TrainedDetector, read_model
from .verdict import CLEAN, Verdict

_KINDS = {
    "guessed": "flagged",
    "stripes": "smeared",
    "blocks": "blocky",
    "edges": "blocky",
    "torn": "torn",
    "grain": "noisy",
    "frozen": "frozen",
    "blank": "blank",
    "healed": "misfit",
    "drift": "misfit",
    "misfit": "misfit",
    "run": "misfit",
}
"""The kind of damage that each sign stands for. `misfit` says only that something is wrong."""

_UNSPECIFIC = ("healed", "drift", "misfit", "run")


def detect(source: FrameSource, settings: BreakupSettings, progress: Progress = SILENT) -> list[Verdict]:
    """Judge each frame in one pass by the rules.

    Open the source with `steady=True`: only then does it report the frames that the decoder concealed.
    """
    return judge(measure_evidence(source, progress), settings)


def judge(evidence: FrameEvidence, settings: BreakupSettings) -> list[Verdict]:
    """Judge each frame by its strongest sign; a sign of 1 gives a score of one half, which means broken."""
    signs = supported_signs(evidence, settings)
    names = list(signs)
    strengths = np.stack(list(signs.values()))
    strongest = strengths.max(axis=0)
    # A specific sign names the damage, even where an unspecific one is stronger.
    named = np.where(np.isin(names, _UNSPECIFIC)[:, None], np.minimum(strengths, 1), strengths).argmax(axis=0)
    level = evidence.of("level")
    verdicts: list[Verdict] = []
    for row, frame in enumerate(evidence.frames):
        sign, strength = names[int(named[row])], float(strongest[row])
        kind = _KINDS[sign] if strength >= 1 else CLEAN
        if kind == "blank" and level[row] < DARK:
            kind = "black"
        verdicts.append(Verdict(int(frame), kind, strength / (1 + strength), sign))
    return verdicts


class Detector(Protocol):
    """Something that tells broken frames from clean ones."""

    def judge(self, evidence: FrameEvidence) -> list[Verdict]:
        """Return a verdict on each frame, in the order of the evidence. Broken frames score at least one half."""
        ...


class RuleDetector:
    """Judge frames by the rules, without training."""

    def __init__(self, settings: BreakupSettings) -> None:
        self._settings = settings

    def judge(self, evidence: FrameEvidence) -> list[Verdict]:
        return judge(evidence, self._settings)


def load_detector(file: Path | None, settings: BreakupSettings) -> Detector:
    """Load the trained detector in `file`; without a file, use the rules."""
    return TrainedDetector(read_model(file)) if file else RuleDetector(settings)

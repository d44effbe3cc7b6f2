"""Which frames are broken, told without training."""

import numpy as np

from ..ingest.source import FrameSource
from ..progress import Progress, Silent
from ..settings import Breakup
from .evidence import Evidence, read_evidence
from .signs import DARK, run_sign, signs
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
_SILENT = Silent()


def detect(source: FrameSource, settings: Breakup, progress: Progress = _SILENT) -> list[Verdict]:
    """A verdict on each frame, in one pass; give a steady source, which tells where the decoder guessed."""
    return judge(read_evidence(source, progress), settings)


def judge(evidence: Evidence, settings: Breakup) -> list[Verdict]:
    """A verdict on each frame: the strongest sign convicts at a score of one half."""
    found = signs(evidence, settings)
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

"""What a detector is trained on: evidence that is kept on disk, and each frame's numbers set against its film's."""

import json
import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ..errors import SourceError
from ..frames import Floats
from ..index.whole import whole
from ..settings import Breakup
from .evidence import EVIDENCE, Evidence
from .signs import run_sign, signs

MEASURED_AS = 3
"""To be raised when a number of the same name comes to mean another, or is set against its film in another way."""

SIGNS = ("guessed", "misfit", "torn", "grain", "stripes", "blocks", "blank", "frozen", "healed", "run")
"""What the rules go by: each convicts at 1."""

_AROUND = 12
"""Frames on either side whose median is what is usual there."""
_MOST = 20.0

Shares = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Measured:
    """A video's evidence and whose it is."""

    video: str
    name: str
    source: str
    sha256: str
    evidence: Evidence
    columns: tuple[str, ...] = EVIDENCE
    measured_as: int = MEASURED_AS

    @property
    def usable(self) -> bool:
        """Whether the numbers are those that this program measures."""
        return self.columns == EVIDENCE and self.measured_as == MEASURED_AS


def keep(measured: Measured, folder: Path) -> Path:
    """Write it whole; nothing in the file is ever run when it is read."""
    facts = {name: getattr(measured, name) for name in ("video", "name", "source", "sha256", "columns", "measured_as")}
    evidence, file = measured.evidence, file_of(measured.video, folder)
    with whole(file) as part, part.open("wb") as stream:
        np.savez(stream, facts=json.dumps(facts), frames=evidence.frames, times=evidence.times, values=evidence.values)
    return file


def file_of(video: str, folder: Path) -> Path:
    return folder / f"{video}.npz"


def read(file: Path) -> Measured:
    try:
        with np.load(file, allow_pickle=False) as stored:
            facts = json.loads(str(stored["facts"]))
            evidence = Evidence(stored["frames"], stored["times"], stored["values"])
        facts["columns"] = tuple(facts["columns"])
        measured = Measured(evidence=evidence, **facts)
        if evidence.values.shape != (len(evidence.frames), len(measured.columns)):
            raise ValueError("rows and columns do not match")
    except (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile) as broken:
        raise SourceError(
            f"{file} is not what breakup label writes.", "Remove it, and call breakup label on its video again."
        ) from broken
    return measured


def names() -> tuple[str, ...]:
    """The columns of `in_context`, each beginning with the evidence or the sign it comes from."""
    plain = (f"{name}{part}" for part in ("", "|film", "|spike") for name in EVIDENCE)
    return *plain, *(f"{name}|sign" for name in SIGNS)


def evidence_of(feature: str) -> str:
    return feature.partition("|")[0]


def in_context(evidence: Evidence, rules: Breakup) -> Floats:
    """Each frame's numbers, also against what is usual in its film and nearby, and what the rules make of them.

    Films differ in texture and motion more than broken frames do from whole ones.
    """
    from scipy.ndimage import median_filter

    plain = np.sign(evidence.values) * np.log1p(np.abs(evidence.values))
    low, usual, high = np.percentile(plain, (25, 50, 75), axis=0)
    unit = high - low + 0.2 * np.abs(plain - usual).mean(0) + 0.02
    film = np.clip((plain - usual) / unit, -_MOST, _MOST)
    spike = film - median_filter(film, (2 * _AROUND + 1, 1), mode="nearest")
    return np.hstack([plain, film, spike, _signs(evidence, rules)]).astype(np.float32)


def suspected_by_rules(values: Floats) -> Shares:
    """The score that the rules give to rows of `in_context`."""
    strongest = values[:, -len(SIGNS) :].max(1).astype(np.float64)
    return np.asarray(strongest / (1 + strongest), np.float64)


def _signs(evidence: Evidence, rules: Breakup) -> Floats:
    found = signs(evidence, rules)
    found["run"] = run_sign(evidence, found, rules)
    return np.minimum(np.column_stack([found[name] for name in SIGNS]), _MOST)

"""What a detector is trained on: evidence that is kept on disk, and each frame's numbers set against its film's."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ..errors import SourceError
from ..frames import Floats
from ..index.whole import whole
from ..settings import Breakup
from ..untrusted import MEGABYTE, UntrustedError, parse_json, read_arrays
from .evidence import EVIDENCE, Evidence
from .signs import run_sign, signs

MEASURED_AS = 3
"""To be raised when a number of the same name comes to mean another, or is set against its film in another way."""

SIGNS = ("guessed", "misfit", "torn", "grain", "stripes", "blocks", "blank", "frozen", "healed", "run")
"""What the rules go by: each convicts at 1."""

_AROUND = 12
"""Frames on either side whose median is what is usual there."""
_MOST = 20.0
_MOST_BYTES = 512 * MEGABYTE
"""Of a video's evidence: that of a million frames has about 100 MB."""

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
        stored = read_arrays(file, _MOST_BYTES)
        facts = parse_json(str(stored["facts"]))
        evidence = Evidence(stored["frames"], stored["times"], stored["values"])
        _check(facts, evidence)
    except (OSError, UntrustedError, KeyError) as broken:
        raise SourceError(
            f"{file} is not what breakup label writes.", "Remove it, and call breakup label on its video again."
        ) from broken
    return Measured(evidence=evidence, **facts | {"columns": tuple(facts["columns"])})


def _check(facts: Any, evidence: Evidence) -> None:
    """Refuse facts of other names or kinds, and columns of other lengths or kinds of numbers."""
    texts = ("video", "name", "source", "sha256")
    if not isinstance(facts, dict) or set(facts) != {*texts, "columns", "measured_as"}:
        raise UntrustedError("holds other facts than those of a video")
    columns, rows = facts["columns"], evidence.frames.shape
    named = isinstance(columns, list) and all(isinstance(name, str) for name in columns)
    if not named or type(facts["measured_as"]) is not int or not all(isinstance(facts[one], str) for one in texts):
        raise UntrustedError("holds facts of another kind")
    kinds = (evidence.frames.dtype.kind, evidence.times.dtype.kind, evidence.values.dtype.kind)
    if kinds != ("i", "f", "f") or len(rows) != 1 or not rows[0]:
        raise UntrustedError("holds numbers of another kind")
    if evidence.times.shape != rows or evidence.values.shape != (*rows, len(columns)):
        raise UntrustedError("holds rows and columns that do not match")
    if not (np.isfinite(evidence.values).all() and np.isfinite(evidence.times).all() and (evidence.frames >= 0).all()):
        raise UntrustedError("holds numbers that are not finite")


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

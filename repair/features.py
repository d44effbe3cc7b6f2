"""Store the evidence of videos on disk, and turn it into the features that a detector is trained on."""

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import SourceError
from ..media.files import atomic
from ..media.identity import content_hash, video_id
from ..media.source import open_source
from ..media.types import Floats
from ..media.untrusted import MEGABYTE, UntrustedError, parse_json, read_arrays
from ..progress import SILENT, Progress
from ..settings import BreakupSettings
from .detection_scores import Shares
from .evidence import EVIDENCE, FrameEvidence, measure_evidence
from .support import supported_signs
from .surroundings import Pictures

MEASURED_AS = 5
"""The version of the measurements. Raise it when a column changes its meaning or its normalisation."""

SIGNS = (
    "guessed",
    "misfit",
    "torn",
    "grain",
    "stripes",
    "blocks",
    "edges",
    "blank",
    "frozen",
    "healed",
    "drift",
    "run",
)
"""The signs of the rules; each means broken at 1. Feature names in files contain them."""

_AROUND = 12
"""Frames on either side whose median is the local baseline."""
_MOST = 20.0
"""Bounds a normalised feature."""
_MOST_BYTES = 1024 * MEGABYTE
"""Bounds an evidence file; that of a million frames has about 550 MB."""


@dataclass(frozen=True)
class VideoEvidence:
    """The evidence of a video, and the identity of the video."""

    video: str
    name: str
    source: str
    sha256: str
    evidence: FrameEvidence
    columns: tuple[str, ...] = EVIDENCE
    measured_as: int = MEASURED_AS

    @property
    def usable(self) -> bool:
        """Whether this program measures the same columns."""
        return self.columns == EVIDENCE and self.measured_as == MEASURED_AS


def write_evidence_file(measured: VideoEvidence, folder: Path) -> Path:
    """Write the evidence of a video atomically, as arrays and JSON without any code."""
    facts = {name: getattr(measured, name) for name in ("video", "name", "source", "sha256", "columns", "measured_as")}
    evidence, file = measured.evidence, evidence_file(measured.video, folder)
    arrays: dict[str, Any] = {"frames": evidence.frames, "times": evidence.times, "values": evidence.values}
    if evidence.pictures is not None:
        arrays["pictures"] = evidence.pictures
    with atomic(file, parents=True) as part, part.open("wb") as stream:
        np.savez(stream, facts=json.dumps(facts), **arrays)
    return file


def evidence_file(video: str, folder: Path) -> Path:
    """Return the path of the evidence of a video in the folder."""
    return folder / f"{video}.npz"


def read_evidence_file(file: Path) -> VideoEvidence:
    """Read an evidence file.

    Raises:
        SourceError: The file is missing, damaged or of another kind.
    """
    try:
        stored = read_arrays(file, _MOST_BYTES)
        facts = parse_json(str(stored["facts"]))
        # Files of earlier versions hold no pictures.
        evidence = FrameEvidence(stored["frames"], stored["times"], stored["values"], stored.get("pictures"))
        _check(facts, evidence)
    except (OSError, UntrustedError, KeyError) as broken:
        raise SourceError(
            f"{file} is not an evidence file of breakup label.", "Remove it, and run breakup label on its video again."
        ) from broken
    return VideoEvidence(evidence=evidence, **facts | {"columns": tuple(facts["columns"])})


def _check(facts: Any, evidence: FrameEvidence) -> None:
    """Reject facts of unexpected names or types, and arrays of unexpected shapes or types."""
    texts = ("video", "name", "source", "sha256")
    if not isinstance(facts, dict) or set(facts) != {*texts, "columns", "measured_as"}:
        raise UntrustedError("holds unexpected facts")
    columns, rows = facts["columns"], evidence.frames.shape
    named = isinstance(columns, list) and all(isinstance(name, str) for name in columns)
    if not named or type(facts["measured_as"]) is not int or not all(isinstance(facts[one], str) for one in texts):
        raise UntrustedError("holds facts of an unexpected type")
    kinds = (evidence.frames.dtype.kind, evidence.times.dtype.kind, evidence.values.dtype.kind)
    pictures = evidence.pictures
    if kinds != ("i", "f", "f") or len(rows) != 1 or not rows[0] or not _are_pictures(pictures):
        raise UntrustedError("holds arrays of an unexpected type")
    if (
        evidence.times.shape != rows
        or evidence.values.shape != (*rows, len(columns))
        or (pictures is not None and len(pictures) != len(evidence))
    ):
        raise UntrustedError("holds arrays whose shapes do not match")
    if not (np.isfinite(evidence.values).all() and np.isfinite(evidence.times).all() and (evidence.frames >= 0).all()):
        raise UntrustedError("holds numbers that are not finite")


def _are_pictures(pictures: Pictures | None) -> bool:
    return pictures is None or (pictures.dtype == np.uint8 and pictures.ndim == 3 and pictures.size > 0)


def column_names() -> tuple[str, ...]:
    """Return the names of the columns of `in_context`; each begins with its evidence or sign."""
    plain = (f"{name}{part}" for part in ("", "|film", "|spike") for name in EVIDENCE)
    return *plain, *(f"{name}|sign" for name in SIGNS)


def evidence_of(feature: str) -> str:
    """Return the evidence or sign that a feature comes from."""
    return feature.partition("|")[0]


def in_context(evidence: FrameEvidence, rules: BreakupSettings) -> Floats:
    """Return the features of each frame: its evidence, the same against its film and its surroundings, and the signs.

    Films differ in texture and motion more than broken frames differ from clean ones.
    """
    from scipy.ndimage import median_filter

    plain = np.sign(evidence.values) * np.log1p(np.abs(evidence.values))
    low, usual, high = np.percentile(plain, (25, 50, 75), axis=0)
    unit = high - low + 0.2 * np.abs(plain - usual).mean(0) + 0.02
    film = np.clip((plain - usual) / unit, -_MOST, _MOST)
    spike = film - median_filter(film, (2 * _AROUND + 1, 1), mode="nearest")
    found = supported_signs(evidence, rules)
    signs = np.minimum(np.column_stack([found[name] for name in SIGNS]), _MOST)
    return np.hstack([plain, film, spike, signs]).astype(np.float32)


def rule_scores(values: Floats) -> Shares:
    """Return the score of the rules for rows of `in_context`."""
    strongest = values[:, -len(SIGNS) :].max(1).astype(np.float64)
    return np.asarray(strongest / (1 + strongest), np.float64)


def evidence_for(video: Path, folder: Path, progress: Progress = SILENT) -> VideoEvidence:
    """Return the evidence of a video: from the folder if this program wrote it, else measured and written there."""
    source = open_source(video, steady=True)
    digest = content_hash(video)
    name = video_id(video, digest)
    kept = evidence_file(name, folder)
    found = read_evidence_file(kept) if kept.exists() else None
    if found and found.usable and found.sha256 == digest and found.evidence.pictures is not None:
        # The video may have been moved since.
        return replace(found, source=str(video.resolve()))
    evidence = measure_evidence(source, progress)
    measured = VideoEvidence(name, video.name, str(video.resolve()), digest, evidence)
    write_evidence_file(measured, folder)
    return measured

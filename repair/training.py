"""Train a detector on labelled pictures in seconds, and cross-validate it on videos it has not seen."""

import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

import numpy as np

from .. import __version__
from ..errors import SourceError, UsageError, command
from ..media.types import Floats, Ints
from ..settings import BreakupSettings
from . import features
from .detection_scores import DetectionCounts, Marks, Shares, count_detections, threshold_for
from .evidence import EVIDENCE
from .forest import train_forest
from .labels import BROKEN, CLEAN, FEATURES, UNSORTED, LabelledFrame, Labels, read_labels
from .trained_detector import TRUST, CrossValidation, DetectorModel, TrainingVideo, predict

LEAST = 5
"""The fewest pictures of each label that can be trained on and cross-validated."""
_MOST_GROUPS = 10
"""Bounds the models that cross-validation trains."""
_BLOCKS = 5
"""Parts that a single video is cut into for cross-validation."""
_FEW = 40
"""Pictures of a label below which the scores are rough."""


@dataclass(frozen=True)
class TrainingTable:
    """The labels and the features, one row per frame."""

    samples: list[LabelledFrame]
    values: Floats
    broken: Marks
    videos: dict[str, features.VideoEvidence]

    def groups(self) -> tuple[Ints, Literal["video", "time"]]:
        """Return the group of each row: its video, or its part of the film where videos cannot be separated."""
        order = {video: number for number, video in enumerate(self.videos)}
        groups = np.array([order[sample.video] for sample in self.samples], np.int64) % _MOST_GROUPS
        if _can_leave_out(groups, self.broken):
            return groups, "video"
        groups = np.zeros(len(self.samples), np.int64)
        for kind in (True, False):
            rows = np.flatnonzero(self.broken == kind)
            groups[rows] = np.arange(len(rows)) * _BLOCKS // len(rows)
        return groups, "time"


@dataclass(frozen=True)
class TrainingResult:
    """A model, its cross-validated scores, and what limits them."""

    model: DetectorModel
    scores: DetectionCounts
    by_video: dict[str, DetectionCounts]
    notes: list[str]


def fit_detector(folder: Path, rules: BreakupSettings, precision: float | None = None) -> TrainingResult:
    """Train on the labels of a folder.

    Args:
        folder: The folder of labels.
        rules: The rules to combine the forest with.
        precision: The precision that the threshold must reach. None maximises F1.

    Raises:
        UsageError: There are too few labels, or no threshold reaches the precision.
        SourceError: Pictures or evidence cannot be used.
    """
    if precision is not None and not 0 <= precision <= 1:
        raise UsageError(f"A precision of {precision:g} is impossible.", "Give a share from 0 to 1.")
    labels = read_labels(folder)
    _check_counts(labels)
    table = training_table(labels, folder, rules)
    groups, by = table.groups()
    scores = _cross_validate(table, groups)
    threshold = threshold_for(scores, table.broken, precision)
    counts = count_detections(scores >= threshold, table.broken)
    model = DetectorModel(
        program=__version__,
        made=datetime.now(UTC).isoformat(timespec="seconds"),
        measured_as=features.MEASURED_AS,
        evidence=list(EVIDENCE),
        videos=[_training_video(video, table) for video in table.videos.values()],
        checked=CrossValidation(by=by, groups=len(set(groups)), precision=counts.precision, recall=counts.recall),
        chosen="best F1" if precision is None else f"precision of at least {precision:g}",
        threshold=threshold,
        features=list(features.column_names()),
        rules=rules,
        trust=TRUST,
        forest=train_forest(table.values, table.broken),
    )
    return TrainingResult(model, counts, _by_video(table, scores >= threshold), _notes(table, by))


def training_table(labels: Labels, folder: Path, rules: BreakupSettings) -> TrainingTable:
    """Join the labels with the features of their frames.

    Raises:
        SourceError: Evidence is missing or unusable.
    """
    samples, videos = list(labels.broken), evidence_by_video(labels, folder)
    rows = []
    for video, measured in videos.items():
        values = features.in_context(measured.evidence, rules)
        rows += [values[_row(sample, measured)] for sample in samples if sample.video == video]
    return TrainingTable(samples, np.array(rows, np.float32), np.array(list(labels.broken.values())), videos)


def evidence_by_video(labels: Labels, folder: Path) -> dict[str, features.VideoEvidence]:
    """Return the evidence of each video that has labels, by video id."""
    return {video: _measured(video, folder) for video in sorted({sample.video for sample in labels.broken})}


def _cross_validate(table: TrainingTable, groups: Ints) -> Shares:
    """Return for each row the score of a model trained without its group."""
    scores = np.zeros(len(table.broken))
    for inside in _splits(groups):
        scores[inside] = predict(train_forest(table.values[~inside], table.broken[~inside]), table.values[inside])
    return scores


def _by_video(table: TrainingTable, called: Marks) -> dict[str, DetectionCounts]:
    videos = np.array([sample.video for sample in table.samples])
    return {video: count_detections(called[videos == video], table.broken[videos == video]) for video in table.videos}


def _notes(table: TrainingTable, by: str) -> list[str]:
    notes = []
    if by == "time":
        why = "of one video only" if len(table.videos) == 1 else "of videos that cannot be left out one by one"
        notes.append(
            f"The pictures are {why}, so the scores are for other parts of the same film: "
            "how well the detector does on another video is unknown. Label pictures of several videos."
        )
    if (fewest := int(min(table.broken.sum(), (~table.broken).sum()))) < _FEW:
        notes.append(
            f"{fewest} pictures of one label are few: the scores are rough, and the rules may do better. "
            "Label 50 of each."
        )
    return notes


def _splits(groups: Ints) -> Iterator[Marks]:
    return (groups == group for group in np.unique(groups))


def _can_leave_out(groups: Ints, broken: Marks) -> bool:
    """Return whether both labels remain whichever group is left out."""
    return len(np.unique(groups)) > 1 and all(0 < broken[~inside].sum() < (~inside).sum() for inside in _splits(groups))


def _check_counts(labels: Labels) -> None:
    broken, clean = labels.counts
    if min(broken, clean) >= LEAST:
        return
    unlabelled = f"Label the {labels.unsorted} pictures in {UNSORTED}/" if labels.unsorted else ""
    raise UsageError(
        f"{broken} pictures in {BROKEN}/ and {clean} in {CLEAN}/ are too few to train on.",
        f"{unlabelled or 'Add pictures with breakup label'}; at least {LEAST} of each are needed, 50 do better.",
    )


def _measured(video: str, folder: Path) -> features.VideoEvidence:
    file = features.evidence_file(video, folder / FEATURES)
    if not file.exists():
        raise SourceError(
            f"{file}, the evidence of pictures of {video}, is missing.",
            f"Restore it, or run breakup label on its video again with --out {shlex.quote(str(folder))} -n 0, "
            "or remove its pictures from the folders.",
        )
    measured = features.read_evidence_file(file)
    if not measured.usable:
        raise SourceError(
            f"{file} was written by another version.",
            f"Write it again: {command('breakup', 'label', Path(measured.source), '--out', folder, '-n', '0')}.",
        )
    return measured


def _row(sample: LabelledFrame, measured: features.VideoEvidence) -> int:
    frames = measured.evidence.frames
    row = int(np.searchsorted(frames, sample.frame))
    if row >= len(frames) or frames[row] != sample.frame:
        raise SourceError(
            f"{sample.picture} is named after frame {sample.frame}, which {measured.name} does not have.",
            "Restore its name, or remove it from the folder.",
        )
    return row


def _training_video(video: features.VideoEvidence, table: TrainingTable) -> TrainingVideo:
    marks = [mark for sample, mark in zip(table.samples, table.broken, strict=True) if sample.video == video.video]
    broken = int(sum(marks))
    return TrainingVideo(id=video.video, name=video.name, sha256=video.sha256, broken=broken, clean=len(marks) - broken)

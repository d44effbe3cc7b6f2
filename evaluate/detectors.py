"""Detectors of broken frames: pictures are put before a person, learnt from, and what was learnt is tested."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ..errors import SourceError, UsageError, command
from ..progress import SILENT, Progress

if TYPE_CHECKING:
    from ..repair.detection_scores import DetectionCounts
    from ..repair.detector import Detector
    from ..repair.evidence import FrameEvidence
    from ..settings import Settings


@dataclass(frozen=True)
class DetectorScores:
    """How well a detector judged frames that somebody else has judged."""

    precision: float
    recall: float
    found: int
    missed: int
    false_alarms: int
    passed: int
    false_alarms_a_minute: float | None
    """Of film that is whole; None for single frames."""
    recall_by_kind: dict[str, float]


def score_detector(
    detector: Path | None, target: Path, truth: Path | None, settings: "Settings", progress: Progress = SILENT
) -> DetectorScores:
    """How well a detector, or without one the rules, judges a sorted folder or a video of which the truth is known."""
    from ..repair.detector import detector_of

    judge = detector_of(detector, settings.breakup)
    if truth:
        return _score_on_video(judge, target, truth, progress)
    if not target.is_dir():
        raise UsageError(f"What is broken in {target} is not known.", "Give --truth, or a folder of sorted pictures.")
    return _score_on_sorted(judge, target, settings, progress)


def _score_on_sorted(judge: "Detector", folder: Path, settings: "Settings", progress: Progress) -> DetectorScores:
    from ..repair.detection_scores import count_detections
    from ..repair.labels import read_labels
    from ..repair.trained_detector import TrainedDetector
    from ..repair.training import training_table

    labels = read_labels(folder)
    if not labels.broken:
        raise UsageError(f"Nothing in {folder} is sorted yet.", "Move pictures from unsorted/ to breakup/ and clean/.")
    table = training_table(labels, folder, settings.breakup)
    if isinstance(judge, TrainedDetector) and (same := judge.learnt_from & set(table.videos)):
        progress.note(
            f"The detector trained on {len(same)} of these {len(table.videos)} videos, so the scores are too good."
        )
    called = {video: dict(_called(judge, one.evidence)) for video, one in table.videos.items()}
    marks = [called[sample.video][sample.frame] for sample in table.samples]
    return _scores(count_detections(np.array(marks), table.broken))


def _score_on_video(judge: "Detector", video: Path, truth_file: Path, progress: Progress) -> DetectorScores:
    from ..media.source import open_source
    from ..repair.detection_scores import count_detections
    from ..repair.evidence import measure_evidence
    from .truth import read_truth

    truth = read_truth(truth_file)
    films = truth.films or [0] * len(truth.frames)
    shown = [(film, frame) for film, frame in zip(films, truth.frames, strict=True) if frame >= 0]
    if shown != sorted(shown):
        raise UsageError(
            f"The frames of {video} are shuffled: what is broken shows beside its own neighbours only.",
            f"Make it with scramble --in-order: see {command('scramble', '--help')}.",
        )
    evidence = measure_evidence(open_source(video, steady=True), progress)
    if len(evidence) != len(truth.frames):
        raise SourceError(
            f"{video} has {len(evidence)} frames, and the truth is about {len(truth.frames)}.",
            "Give the video that scramble wrote together with the truth.",
        )
    called = dict(_called(judge, evidence))
    kinds = {kind: [called[place] for place in places] for kind, places in truth.damage.items() if places}
    broken = {place for places in truth.damage.values() for place in places}
    marks = np.array([called[int(frame)] for frame in evidence.frames])
    found = count_detections(marks, np.isin(evidence.frames, list(broken)))
    minutes = (found.passed + found.false_alarms) / truth.fps / 60
    return _scores(found, minutes, {kind: float(np.mean(marks)) for kind, marks in kinds.items()})


def _called(judge: "Detector", evidence: "FrameEvidence") -> Iterator[tuple[int, bool]]:
    """Of each frame whether it is called broken."""
    from ..repair.verdict import CLEAN

    return ((verdict.frame, verdict.kind != CLEAN) for verdict in judge.judge(evidence))


def _scores(found: "DetectionCounts", minutes: float = 0.0, kinds: dict[str, float] | None = None) -> DetectorScores:
    return DetectorScores(
        precision=round(found.precision, 4),
        recall=round(found.recall, 4),
        **asdict(found),
        false_alarms_a_minute=round(found.false_alarms / minutes, 3) if minutes else None,
        recall_by_kind=kinds or {},
    )

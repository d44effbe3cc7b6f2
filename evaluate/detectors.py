"""Score a detector of broken frames against labels or against the truth of a damaged video."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from ..errors import SourceError, UsageError, command
from ..media.source import open_source
from ..progress import SILENT, Progress
from ..repair.detection_scores import DetectionCounts, count_detections
from ..repair.detector import Detector, load_detector
from ..repair.evidence import FrameEvidence, measure_evidence
from ..repair.labels import read_labels
from ..repair.trained_detector import TrainedDetector
from ..repair.training import training_table
from ..repair.verdict import CLEAN
from ..settings import Settings
from .truth import read_truth


@dataclass(frozen=True)
class DetectorScores:
    """How well a detector judged frames whose labels are known."""

    precision: float
    recall: float
    found: int
    missed: int
    false_alarms: int
    passed: int
    false_alarms_a_minute: float | None
    """Per minute of clean film; None for single frames."""
    recall_by_kind: dict[str, float]


def score_detector(
    detector: Path | None, target: Path, truth: Path | None, settings: Settings, progress: Progress = SILENT
) -> DetectorScores:
    """Score a detector, or without one the rules.

    Args:
        detector: The file of a trained detector.
        target: A folder of labels, or a video.
        truth: The truth of the video.
        settings: How the rules judge.
        progress: Receives stages and notes.

    Raises:
        UsageError: The target is a video without a truth, has no labels, or is shuffled.
    """
    judge = load_detector(detector, settings.breakup)
    if truth:
        return _score_on_video(judge, target, truth, progress)
    if not target.is_dir():
        raise UsageError(f"The broken frames of {target} are unknown.", "Give --truth, or a folder of labels.")
    return _score_on_labels(judge, target, settings, progress)


def _score_on_labels(judge: Detector, folder: Path, settings: Settings, progress: Progress) -> DetectorScores:
    labels = read_labels(folder)
    if not labels.broken:
        raise UsageError(f"No picture in {folder} is labelled.", "Move pictures from unsorted/ to breakup/ and clean/.")
    table = training_table(labels, folder, settings.breakup)
    if isinstance(judge, TrainedDetector) and (same := judge.training_videos & set(table.videos)):
        progress.note(
            f"The detector trained on {len(same)} of these {len(table.videos)} videos, so the scores are too good."
        )
    called = {video: dict(_called(judge, one.evidence)) for video, one in table.videos.items()}
    marks = [called[sample.video][sample.frame] for sample in table.samples]
    return _scores(count_detections(np.array(marks), table.broken))


def _score_on_video(judge: Detector, video: Path, truth_file: Path, progress: Progress) -> DetectorScores:
    truth = read_truth(truth_file)
    films = truth.films or [0] * len(truth.frames)
    true_frames = [(film, frame) for film, frame in zip(films, truth.frames, strict=True) if frame >= 0]
    if true_frames != sorted(true_frames):
        raise UsageError(
            f"The frames of {video} are shuffled: damage shows only next to the true neighbours of a frame.",
            f"Write the video with scramble --in-order: see {command('scramble', '--help')}.",
        )
    evidence = measure_evidence(open_source(video, steady=True), progress)
    if len(evidence) != len(truth.frames):
        raise SourceError(
            f"{video} has {len(evidence)} frames, but its truth describes {len(truth.frames)}.",
            "Give the video that scramble wrote with this truth.",
        )
    called = dict(_called(judge, evidence))
    kinds = {kind: [called[place] for place in places] for kind, places in truth.damage.items() if places}
    broken = {place for places in truth.damage.values() for place in places}
    marks = np.array([called[int(frame)] for frame in evidence.frames])
    found = count_detections(marks, np.isin(evidence.frames, list(broken)))
    minutes = (found.passed + found.false_alarms) / truth.fps / 60
    return _scores(found, minutes, {kind: float(np.mean(marks)) for kind, marks in kinds.items()})


def _called(judge: Detector, evidence: FrameEvidence) -> Iterator[tuple[int, bool]]:
    """Return for each frame whether it is called broken."""
    return ((verdict.frame, verdict.kind != CLEAN) for verdict in judge.judge(evidence))


def _scores(found: DetectionCounts, minutes: float = 0.0, kinds: dict[str, float] | None = None) -> DetectorScores:
    return DetectorScores(
        precision=round(found.precision, 4),
        recall=round(found.recall, 4),
        **asdict(found),
        false_alarms_a_minute=round(found.false_alarms / minutes, 3) if minutes else None,
        recall_by_kind=kinds or {},
    )

"""Build a detector of broken frames: choose frames to label, list those that wait, and train on the labels."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ..errors import SourceError, UsageError, command
from ..index.overwrite import Outputs, Overwrite, library_of, origin_of
from ..ingest.discover import discover_sources
from ..media.source import open_source
from ..progress import SILENT, Progress, TitledProgress
from ..render.report.contact_sheet import save_picture
from ..render.report.frame_card import read_card_frames
from ..settings import Settings
from .detector import load_detector
from .features import VideoEvidence, evidence_file, evidence_for, read_evidence_file
from .labels import (
    FEATURES,
    UNSORTED,
    LabelledFrame,
    create_label_folders,
    offered_frames,
    read_name,
    record_offered,
    unlabelled_pictures,
)
from .sampling import choose_frames, suspicion
from .trained_detector import write_model
from .training import TrainingResult, fit_detector


@dataclass(frozen=True)
class Labelled:
    """The pictures that `breakup label` added to the folder: in all, and by video id."""

    folder: str
    pictures: int
    videos: dict[str, int]


def label_frames(
    paths: Sequence[Path],
    folder: Path,
    settings: Settings,
    progress: Progress = SILENT,
    *,
    count: int = 100,
    detector: Path | None = None,
) -> Labelled:
    """Add pictures of up to `count` more frames to label, the most uncertain first.

    Args:
        paths: Videos, or folders of videos.
        folder: The folder of labels; it is created where it is missing.
        settings: How the rules judge.
        progress: Receives stages and notes.
        count: The most pictures to add.
        detector: The file of a trained detector whose uncertainty counts, instead of the rules.
    """
    judge = load_detector(detector, settings.breakup)
    videos = _sources(paths, progress)
    create_label_folders(folder, paths)
    measured = _measured(videos, folder, progress)
    judged = [(one, suspicion(judge, one.evidence)) for one in measured]
    chosen = choose_frames(judged, offered_frames(folder), count)
    for one in measured:
        _write_pictures([sample for sample in chosen if sample.video == one.video], one, folder, progress)
    record_offered(folder, chosen)
    if len(chosen) < count:
        progress.note(f"Only {len(chosen)} of {count} pictures were added: the other frames look like those.")
    of_each = {one.video: sum(sample.video == one.video for sample in chosen) for one in measured}
    return Labelled(str(folder), len(chosen), of_each)


def frames_to_label(folder: Path, settings: Settings, detector: Path | None = None) -> list[Path]:
    """List the pictures that are not labelled yet, the most uncertain first."""
    judge = load_detector(detector, settings.breakup)
    samples = {file: sample for file in unlabelled_pictures(folder) if (sample := read_name(file.name))}
    doubt: dict[LabelledFrame, float] = {}
    for video in sorted({sample.video for sample in samples.values()}):
        stored = evidence_file(video, folder / FEATURES)
        if stored.exists() and (measured := read_evidence_file(stored)).usable:
            sure = suspicion(judge, measured.evidence)
            frames = [int(frame) for frame in measured.evidence.frames]
            doubt |= {
                LabelledFrame(video, frame): 0.5 - abs(one - 0.5) for frame, one in zip(frames, sure, strict=True)
            }
    return sorted(samples, key=lambda file: -doubt.get(samples[file], -1.0))


def train_detector(
    folder: Path,
    settings: Settings,
    output: Path | None = None,
    *,
    precision: float | None = None,
    overwrite: Overwrite = False,
) -> TrainingResult:
    """Train a detector on the labels, and write it to `output` or into the folder.

    Args:
        folder: The folder of labels.
        settings: The rules to combine the forest with.
        output: The file of the detector.
        precision: The precision that the threshold must reach. None maximises F1.
        overwrite: Whether a file of other origin may be replaced.
    """
    if not folder.is_dir():
        raise UsageError(f"There is no folder {folder}.", f"See {command('breakup', 'label', '--help')}.")
    file = output or default_detector(folder)
    # Labels are added from one training to the next, so the origin is the folder and not its content.
    origin = origin_of("detector", "" if file.resolve().parent == folder.resolve() else folder.resolve())
    outputs = Outputs(origin, overwrite, library=library_of(settings))
    outputs.claim(file)
    trained = fit_detector(folder, settings.breakup, precision)
    with outputs.writing(file):
        write_model(trained.model, file)
    return trained


def default_detector(folder: Path) -> Path:
    """Return the file that `train_detector` writes by default."""
    return folder / "detector.json"


def _sources(paths: Sequence[Path], progress: Progress) -> list[Path]:
    gathered = discover_sources(paths)
    for note in gathered.notes:
        progress.note(note)
    for _, error in gathered.failures:
        raise error
    return gathered.sources


def _measured(videos: Sequence[Path], folder: Path, progress: Progress) -> list[VideoEvidence]:
    """Return the evidence of each distinct video. One that cannot be read is reported and skipped."""
    found, failed = {}, []
    for video in videos:
        try:
            one = evidence_for(video, folder / FEATURES, TitledProgress(progress, video.name))
            found[one.video] = one
        except SourceError as error:
            failed.append(error)
    if failed and not found:
        raise failed[0]
    for broken in failed:
        progress.note(f"Skipped: {broken.cause}")
    return list(found.values())


def _write_pictures(
    samples: Sequence[LabelledFrame], measured: VideoEvidence, folder: Path, progress: Progress
) -> None:
    if not samples:
        return
    names = {sample.frame: sample.picture for sample in samples}
    with progress.stage(f"{measured.name}: pictures to label", len(names)) as stage:
        source = open_source(Path(measured.source), steady=True)
        for frame, picture in read_card_frames(source, list(names), measured.name):
            save_picture(picture, folder / UNSORTED / names[frame])
            stage.advance()

"""Detectors of broken frames: pictures are put before a person, learnt from, and what was learnt is tested."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import SourceError
from ..progress import SILENT, Progress, TitledProgress

if TYPE_CHECKING:
    from ..index.overwrite import Overwrite
    from ..settings import Settings
    from .features import VideoEvidence
    from .labels import LabelledFrame
    from .training import TrainingResult


@dataclass(frozen=True)
class Labelled:
    """What `breakup label` put into the folder: how many pictures, and how many of each video by its id."""

    folder: str
    pictures: int
    videos: dict[str, int]


def label_frames(
    paths: Sequence[Path],
    folder: Path,
    settings: "Settings",
    progress: Progress = SILENT,
    *,
    count: int = 100,
    detector: Path | None = None,
) -> Labelled:
    """Pictures of up to `count` further frames to sort, those first that are in doubt."""
    from .detector import detector_of
    from .labels import create_label_folders, offered_frames, record_offered
    from .sampling import choose_frames, suspicion

    judge = detector_of(detector, settings.breakup)
    videos = _sources(paths, progress)
    create_label_folders(folder, paths)
    measured = _measured(videos, folder, progress)
    judged = [(one, suspicion(judge, one.evidence)) for one in measured]
    chosen = choose_frames(judged, offered_frames(folder), count)
    for one in measured:
        _write_pictures([sample for sample in chosen if sample.video == one.video], one, folder, progress)
    record_offered(folder, chosen)
    if len(chosen) < count:
        progress.note(f"{len(chosen)} of {count} pictures: what is left of these videos looks like those there are.")
    of_each = {one.video: sum(sample.video == one.video for sample in chosen) for one in measured}
    return Labelled(str(folder), len(chosen), of_each)


def frames_to_label(folder: Path, settings: "Settings", detector: Path | None = None) -> list[Path]:
    """The pictures that nobody has sorted, those first that are in doubt."""
    from . import features, labels
    from .detector import detector_of
    from .sampling import suspicion

    judge = detector_of(detector, settings.breakup)
    samples = {file: sample for file in labels.unlabelled_pictures(folder) if (sample := labels.read_name(file.name))}
    doubt: dict[LabelledFrame, float] = {}
    for video in sorted({sample.video for sample in samples.values()}):
        kept = features.evidence_file(video, folder / labels.FEATURES)
        if kept.exists() and (measured := features.read_evidence_file(kept)).usable:
            sure = suspicion(judge, measured.evidence)
            frames = [int(frame) for frame in measured.evidence.frames]
            doubt |= {
                labels.LabelledFrame(video, frame): 0.5 - abs(one - 0.5)
                for frame, one in zip(frames, sure, strict=True)
            }
    return sorted(samples, key=lambda file: -doubt.get(samples[file], -1.0))


def train_detector(
    folder: Path,
    settings: "Settings",
    output: Path | None = None,
    *,
    precision: float | None = None,
    overwrite: "Overwrite" = False,
) -> "TrainingResult":
    """A detector of what was sorted, written to `output` or into the folder."""
    from ..index.overwrite import Outputs, library_of, origin_of
    from .trained_detector import write_model
    from .training import fit_detector as learn

    file = output or default_detector(folder)
    # More pictures are sorted from one training to the next, so what is in the folder is not the origin.
    origin = origin_of("detector", "" if file.resolve().parent == folder.resolve() else folder.resolve())
    outputs = Outputs(origin, overwrite, library=library_of(settings))
    outputs.claim(file)
    taught = learn(folder, settings.breakup, precision)
    with outputs.writing(file):
        write_model(taught.model, file)
    return taught


def default_detector(folder: Path) -> Path:
    return folder / "detector.json"


def _sources(paths: Sequence[Path], progress: Progress) -> list[Path]:
    from ..ingest.discover import discover_sources

    gathered = discover_sources(paths)
    for note in gathered.notes:
        progress.note(note)
    for _, error in gathered.failures:
        raise error
    return gathered.sources


def _measured(videos: Sequence[Path], folder: Path, progress: Progress) -> "list[VideoEvidence]":
    """The evidence of each video once; one that cannot be read keeps no other out."""
    from .features import evidence_for
    from .labels import FEATURES

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
        progress.note(f"Left out: {broken.cause}")
    return list(found.values())


def _write_pictures(
    samples: "Sequence[LabelledFrame]", measured: "VideoEvidence", folder: Path, progress: Progress
) -> None:
    from ..media.source import open_source
    from ..render.report.contact_sheet import save_picture
    from ..render.report.frame_card import read_card_frames
    from .labels import UNSORTED

    if not samples:
        return
    names = {sample.frame: sample.picture for sample in samples}
    with progress.stage(f"{measured.name}: pictures to sort", len(names)) as stage:
        source = open_source(Path(measured.source), steady=True)
        for frame, picture in read_card_frames(source, list(names), measured.name):
            save_picture(picture, folder / UNSORTED / names[frame])
            stage.advance()

"""Detectors of broken frames: pictures are put before a person, learnt from, and what was learnt is tested."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from .errors import SourceError, UsageError, command
from .progress import Progress, Silent, Titled

if TYPE_CHECKING:
    from .breakup.detector import Detector
    from .breakup.evidence import Evidence
    from .breakup.features import Measured
    from .breakup.scores import Found
    from .breakup.sorting import Sample
    from .breakup.train import Taught
    from .outputs import Overwrite
    from .settings import Settings

_SILENT = Silent()


@dataclass(frozen=True)
class Labelled:
    """What `breakup label` put into the folder: how many pictures, and how many of each video by its id."""

    folder: str
    pictures: int
    videos: dict[str, int]


@dataclass(frozen=True)
class Tested:
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


def label(
    paths: Sequence[Path],
    folder: Path,
    settings: "Settings",
    progress: Progress = _SILENT,
    *,
    count: int = 100,
    detector: Path | None = None,
) -> Labelled:
    """Pictures of up to `count` further frames to sort, those first that are in doubt."""
    from .breakup.choose import choose, suspicion
    from .breakup.detector import detector_of
    from .breakup.sorting import lay_out, remember, shown

    judge = detector_of(detector, settings.breakup)
    videos = _sources(paths, progress)
    lay_out(folder, paths)
    measured = _measured(videos, folder, progress)
    judged = [(one, suspicion(judge, one.evidence)) for one in measured]
    chosen = choose(judged, shown(folder), count)
    for one in measured:
        _write_pictures([sample for sample in chosen if sample.video == one.video], one, folder, progress)
    remember(folder, chosen)
    if len(chosen) < count:
        progress.note(f"{len(chosen)} of {count} pictures: what is left of these videos looks like those there are.")
    of_each = {one.video: sum(sample.video == one.video for sample in chosen) for one in measured}
    return Labelled(str(folder), len(chosen), of_each)


def waiting(folder: Path, settings: "Settings", detector: Path | None = None) -> list[Path]:
    """The pictures that nobody has sorted, those first that are in doubt."""
    from .breakup import features, sorting
    from .breakup.choose import suspicion
    from .breakup.detector import detector_of

    judge = detector_of(detector, settings.breakup)
    samples = {file: sample for file in sorting.waiting(folder) if (sample := sorting.read_name(file.name))}
    doubt: dict[Sample, float] = {}
    for video in sorted({sample.video for sample in samples.values()}):
        kept = features.file_of(video, folder / sorting.FEATURES)
        if kept.exists() and (measured := features.read(kept)).usable:
            sure = suspicion(judge, measured.evidence)
            frames = [int(frame) for frame in measured.evidence.frames]
            doubt |= {
                sorting.Sample(video, frame): 0.5 - abs(one - 0.5) for frame, one in zip(frames, sure, strict=True)
            }
    return sorted(samples, key=lambda file: -doubt.get(samples[file], -1.0))


def train(
    folder: Path,
    settings: "Settings",
    output: Path | None = None,
    *,
    precision: float | None = None,
    overwrite: "Overwrite" = False,
) -> "Taught":
    """A detector of what was sorted, written to `output` or into the folder."""
    from .breakup.train import train as learn
    from .breakup.trained import write_model
    from .outputs import Outputs, library_of, origin_of

    file = output or default_detector(folder)
    # More pictures are sorted from one training to the next, so what is in the folder is not the origin.
    origin = origin_of("detector", "" if file.resolve().parent == folder.resolve() else folder.resolve())
    outputs = Outputs(origin, overwrite, library=library_of(settings))
    outputs.claim(file)
    taught = learn(folder, settings.breakup, precision)
    with outputs.writing(file):
        write_model(taught.model, file)
    return taught


def score(
    detector: Path | None, target: Path, truth: Path | None, settings: "Settings", progress: Progress = _SILENT
) -> Tested:
    """How well a detector, or without one the rules, judges a sorted folder or a video of which the truth is known."""
    from .breakup.detector import detector_of

    judge = detector_of(detector, settings.breakup)
    if truth:
        return _score_on_video(judge, target, truth, progress)
    if not target.is_dir():
        raise UsageError(f"What is broken in {target} is not known.", "Give --truth, or a folder of sorted pictures.")
    return _score_on_sorted(judge, target, settings, progress)


def default_detector(folder: Path) -> Path:
    return folder / "detector.json"


def _sources(paths: Sequence[Path], progress: Progress) -> list[Path]:
    from .ingest.gather import gather

    gathered = gather(paths)
    for note in gathered.notes:
        progress.note(note)
    for _, error in gathered.failures:
        raise error
    return gathered.sources


def _measured(videos: Sequence[Path], folder: Path, progress: Progress) -> "list[Measured]":
    """The evidence of each video once; one that cannot be read keeps no other out."""
    from .breakup.label import measure
    from .breakup.sorting import FEATURES

    found, failed = {}, []
    for video in videos:
        try:
            one = measure(video, folder / FEATURES, Titled(progress, video.name))
            found[one.video] = one
        except SourceError as error:
            failed.append(error)
    if failed and not found:
        raise failed[0]
    for broken in failed:
        progress.note(f"Left out: {broken.cause}")
    return list(found.values())


def _write_pictures(samples: "Sequence[Sample]", measured: "Measured", folder: Path, progress: Progress) -> None:
    from .breakup.sorting import UNSORTED
    from .ingest.source import open_source
    from .render.compared import shown_frames
    from .render.sheet import save_picture

    if not samples:
        return
    names = {sample.frame: sample.picture for sample in samples}
    with progress.stage(f"{measured.name}: pictures to sort", len(names)) as stage:
        source = open_source(Path(measured.source), steady=True)
        for frame, picture in shown_frames(source, list(names), measured.name):
            save_picture(picture, folder / UNSORTED / names[frame])
            stage.advance()


def _score_on_sorted(judge: "Detector", folder: Path, settings: "Settings", progress: Progress) -> Tested:
    from .breakup.scores import compared
    from .breakup.sorting import read_sorted
    from .breakup.train import joined
    from .breakup.trained import Trained

    labels = read_sorted(folder)
    if not labels.broken:
        raise UsageError(f"Nothing in {folder} is sorted yet.", "Move pictures from unsorted/ to breakup/ and clean/.")
    table = joined(labels, folder, settings.breakup)
    if isinstance(judge, Trained) and (same := judge.learnt_from & set(table.videos)):
        progress.note(
            f"The detector learnt from {len(same)} of these {len(table.videos)} videos: it knows them already."
        )
    called = {video: dict(_called(judge, one.evidence)) for video, one in table.videos.items()}
    marks = [called[sample.video][sample.frame] for sample in table.samples]
    return _scores(compared(np.array(marks), table.broken))


def _score_on_video(judge: "Detector", video: Path, truth_file: Path, progress: Progress) -> Tested:
    from .breakup.evidence import read_evidence
    from .breakup.scores import compared
    from .evaluate.truth import read_truth
    from .ingest.source import open_source

    truth = read_truth(truth_file)
    films = truth.films or [0] * len(truth.frames)
    shown = [(film, frame) for film, frame in zip(films, truth.frames, strict=True) if frame >= 0]
    if shown != sorted(shown):
        raise UsageError(
            f"The frames of {video} are shuffled: what is broken shows beside its own neighbours only.",
            f"Make it with scramble --in-order: see {command('scramble', '--help')}.",
        )
    evidence = read_evidence(open_source(video, steady=True), progress)
    if len(evidence) != len(truth.frames):
        raise SourceError(
            f"{video} has {len(evidence)} frames, and the truth is about {len(truth.frames)}.",
            "Give the video that scramble wrote together with the truth.",
        )
    called = dict(_called(judge, evidence))
    kinds = {kind: [called[place] for place in places] for kind, places in truth.damage.items() if places}
    broken = {place for places in truth.damage.values() for place in places}
    marks = np.array([called[int(frame)] for frame in evidence.frames])
    found = compared(marks, np.isin(evidence.frames, list(broken)))
    minutes = (found.passed + found.false_alarms) / truth.fps / 60
    return _scores(found, minutes, {kind: float(np.mean(marks)) for kind, marks in kinds.items()})


def _called(judge: "Detector", evidence: "Evidence") -> Iterator[tuple[int, bool]]:
    """Of each frame whether it is called broken."""
    from .breakup.verdict import CLEAN

    return ((verdict.frame, verdict.kind != CLEAN) for verdict in judge.judge(evidence))


def _scores(found: "Found", minutes: float = 0.0, kinds: dict[str, float] | None = None) -> Tested:
    return Tested(
        precision=round(found.precision, 4),
        recall=round(found.recall, 4),
        **asdict(found),
        false_alarms_a_minute=round(found.false_alarms / minutes, 3) if minutes else None,
        recall_by_kind=kinds or {},
    )

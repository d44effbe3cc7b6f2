"""What training gains: python bench/train.py CLIPS [--real FILE:A-B] [--counts N N ...] [--frames N]

A stretch of each clip is damaged in all ways, with the truth about it. Of the tuning half of clips.toml, pictures are
labelled as `breakup label` does, sorted by the truth as a person would, and learnt from; the check half and the real
file are then judged by the rules alone and by each detector. Last, frames a second are compared with decoding alone.
"""

import argparse
import os
import platform
import tempfile
import time
import tomllib
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import date
from itertools import islice
from pathlib import Path

import numpy as np

from reelweave.evaluate.damage import Damage
from reelweave.evaluate.scramble import ScrambleOptions, scramble
from reelweave.media.identity import content_hash, video_id
from reelweave.media.source import VIDEO_SUFFIXES, open_source
from reelweave.repair import labelling
from reelweave.repair.detection_scores import DetectionCounts, count_detections
from reelweave.repair.detector import Detector, load_detector
from reelweave.repair.evidence import FrameEvidence, measure_evidence
from reelweave.repair.labels import BROKEN, UNSORTED, offered_frames, read_name
from reelweave.repair.labels import CLEAN as CLEAN_FOLDER
from reelweave.repair.verdict import CLEAN
from reelweave.settings import load

TUNING = frozenset(tomllib.loads(Path(__file__).with_name("clips.toml").read_text(encoding="utf-8"))["tuning"])
_FEWEST = 60


@dataclass(frozen=True)
class Case:
    """A video with the frames that are broken in it."""

    video: Path
    broken: frozenset[int]
    half: str


def clips_of(chosen: argparse.Namespace) -> list[Path]:
    """Every video of the folder in which enough happens to be broken."""
    found = [file for file in chosen.clips.iterdir() if file.suffix.lower() in VIDEO_SUFFIXES]
    return [clip for clip in sorted(found) if clip.stem not in chosen.leave_out and long_enough(clip)]


def long_enough(clip: Path) -> bool:
    with closing(open_source(clip).frames(short_side=16)) as frames:
        return next(islice(frames, _FEWEST, None), None) is not None


def cases(chosen: argparse.Namespace, folder: Path) -> Iterator[Case]:
    damage = Damage.parse(f"all:{chosen.share}")
    for seed, clip in enumerate(clips_of(chosen)):
        video = folder / f"{clip.stem}.mp4"
        options = ScrambleOptions(frames=chosen.frames, seed=seed, crf=20, shuffle=False, damage=damage)
        truth = scramble(clip, video, options)
        yield Case(video, frozenset(truth.broken), "tuning" if clip.stem in TUNING else "check")


def sort_as_known(folder: Path, taught: Sequence[Case]) -> None:
    """What a person who is never wrong would do with the pictures."""
    known = {video_id(case.video, content_hash(case.video)): case.broken for case in taught}
    for picture in sorted((folder / UNSORTED).iterdir()):
        sample = read_name(picture.name)
        assert sample
        picture.rename(folder / (BROKEN if sample.frame in known[sample.video] else CLEAN_FOLDER) / picture.name)


def added(found: Sequence[DetectionCounts]) -> DetectionCounts:
    return DetectionCounts(
        *(sum(getattr(one, name) for one in found) for name in ("found", "missed", "false_alarms", "passed"))
    )


def judged(judge: Detector, evidence: FrameEvidence, broken: frozenset[int]) -> DetectionCounts:
    called = np.array([verdict.kind != CLEAN for verdict in judge.judge(evidence)])
    return count_detections(called, np.isin(evidence.frames, list(broken)))


def row(name: str, judge: Detector, measured: Sequence[tuple[Case, FrameEvidence]]) -> str:
    cells = [name]
    for half in ("check", "real"):
        own = [(case, evidence) for case, evidence in measured if case.half == half]
        if not own:
            cells.append("- | - | -")
            continue
        total = added([judged(judge, evidence, case.broken) for case, evidence in own])
        cells.append(f"{total.precision:.3f} | {total.recall:.3f} | {total.false_alarms}")
    return f"| {' | '.join(cells)} |"


def speed(judge: Detector, video: Path) -> tuple[int, float, float, float]:
    """Frames, and seconds for decoding alone, for decoding with measuring, and for judging."""
    begun = time.perf_counter()
    with closing(open_source(video, steady=True).frames()) as frames:
        count = sum(1 for _ in frames)
    decoded = time.perf_counter()
    evidence = measure_evidence(open_source(video, steady=True))
    measured = time.perf_counter()
    judge.judge(evidence)
    return count, decoded - begun, measured - decoded, time.perf_counter() - measured


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("clips", type=Path)
    parser.add_argument("--real", default="", help="FILE:A-B, where frames A to B are broken")
    parser.add_argument("--leave-out", nargs="*", default=[], help="clips, by name without ending")
    parser.add_argument("--counts", type=int, nargs="+", default=[100, 300], help="pictures that are sorted")
    parser.add_argument("--frames", type=int, default=200, help="of each damaged stretch")
    parser.add_argument("--share", type=float, default=0.12)
    chosen = parser.parse_args()
    print(f"{date.today()}, {os.cpu_count()} cores, {platform.machine()}, {vars(chosen)}\n")
    with tempfile.TemporaryDirectory() as name:
        compare(chosen, Path(name))


def compare(chosen: argparse.Namespace, folder: Path) -> None:
    known = list(cases(chosen, folder))
    taught = [one for one in known if one.half == "tuning"]
    if chosen.real:
        name, _, frames = chosen.real.rpartition(":")
        first, last = map(int, frames.split("-"))
        known.append(Case(Path(name), frozenset(range(first, last + 1)), "real"))
    judged_on = [(one, evidence_of(one)) for one in known if one.half != "tuning"]
    check = [(len(one.broken), len(evidence)) for one, evidence in judged_on if one.half == "check"]
    damaged, frames = (sum(column) for column in zip(*check, strict=True))
    print(f"learnt from {len(taught)} clips, checked on {len(check)}: {damaged} of {frames} frames are broken\n")
    print("| judge | precision, check | recall | false alarms | precision, real | recall | false alarms |")
    print("|---|---|---|---|---|---|---|")
    print(row("rules, untrained", load_detector(None, load().breakup), judged_on), flush=True)
    examples, told = folder / "examples", []
    for count in chosen.counts:
        told.append(teach(examples, taught, count))
        detector = load_detector(examples / "detector.json", load().breakup)
        print(row(f"{told[-1].pictures} pictures sorted", detector, judged_on), flush=True)
    print()
    for one in told:
        print(one)
    print(f"\n{speeds(detector, chosen)}")


@dataclass(frozen=True)
class Round:
    """Pictures sorted in all, how many of them are broken, what the check by video said, and CPU seconds."""

    pictures: int
    broken: int
    precision: float
    recall: float
    seconds: float

    def __str__(self) -> str:
        checked = f"checked by video: precision {self.precision:.3f}, recall {self.recall:.3f}"
        return f"{self.pictures} pictures, {self.broken} broken: {checked}; {self.seconds:.1f} CPU s to train"


def teach(examples: Path, taught: Sequence[Case], count: int) -> Round:
    """Sort until there are `count` pictures, those that the last detector doubts most, and train."""
    detector = labelling.default_detector(examples)
    before = len(offered_frames(examples)) if examples.exists() else 0
    videos = [one.video for one in taught]
    settings, last = load(), detector if detector.exists() else None
    labelling.label_frames(videos, examples, settings, count=count - before, detector=last)
    sort_as_known(examples, taught)
    begun = time.process_time()
    model = labelling.train_detector(examples, settings).model
    took = time.process_time() - begun
    broken, clean = sum(video.broken for video in model.videos), sum(video.clean for video in model.videos)
    return Round(broken + clean, broken, model.checked.precision, model.checked.recall, took)


def evidence_of(case: Case) -> FrameEvidence:
    return measure_evidence(open_source(case.video, steady=True))


def speeds(judge: Detector, chosen: argparse.Namespace) -> str:
    taken = [speed(judge, clip) for clip in clips_of(chosen)]
    shares = sorted(decoding / (measuring + judging) for _, decoding, measuring, judging in taken)
    frames, decoding, measuring, judging = (sum(column) for column in zip(*taken, strict=True))
    return (
        f"frames a second: {frames / decoding:.0f} decoded alone, {frames / (measuring + judging):.0f} found in "
        f"({frames / judging:.0f} by the classifier alone)\n"
        f"of decoding's speed {decoding / (measuring + judging):.2f}, by clip {shares[0]:.2f} to {shares[-1]:.2f}"
    )


if __name__ == "__main__":
    main()

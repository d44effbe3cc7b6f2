"""From sorted pictures to a detector: fitted in seconds, and checked on videos that it has not seen."""

import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt

from .. import __version__
from ..errors import SourceError, UsageError, command
from ..frames import Floats, Ints
from ..settings import Breakup
from . import features
from .evidence import EVIDENCE
from .forest import grown
from .scores import Found, compared, cut_for, found_at
from .sorting import BROKEN, CLEAN, FEATURES, UNSORTED, Sample, Sorted, read_sorted
from .trained import TRUST, Checked, Learnt, Model, suspected

LEAST = 5
"""Pictures of each kind without which nothing can be learnt and checked."""
_MOST_GROUPS, _BLOCKS = 10, 5
_FEW = 40

Marks = npt.NDArray[np.bool_]
Shares = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Table:
    """What was sorted beside what was measured: one row a frame."""

    samples: list[Sample]
    values: Floats
    broken: Marks
    videos: dict[str, features.Measured]

    def groups(self) -> tuple[Ints, Literal["video", "time"]]:
        """To which video each row belongs; or, where these cannot be told apart for a check, to which stretch."""
        order = {video: number for number, video in enumerate(self.videos)}
        groups = np.array([order[sample.video] for sample in self.samples], np.int64) % _MOST_GROUPS
        if _checkable(groups, self.broken):
            return groups, "video"
        groups = np.zeros(len(self.samples), np.int64)
        for kind in (True, False):
            rows = np.flatnonzero(self.broken == kind)
            groups[rows] = np.arange(len(rows)) * _BLOCKS // len(rows)
        return groups, "time"


@dataclass(frozen=True)
class Taught:
    """A model, how well rows were judged by one that had not seen their group, and what to beware of."""

    model: Model
    scores: Found
    by_video: dict[str, Found]
    notes: list[str]


def train(folder: Path, rules: Breakup, precision: float | None = None) -> Taught:
    """Learn from what was sorted; with `precision`, the threshold keeps it and finds what it can."""
    if precision is not None and not 0 <= precision <= 1:
        raise UsageError(f"A precision of {precision:g} cannot be had.", "Give a share from 0 to 1.")
    labels = read_sorted(folder)
    _check_counts(labels)
    table = joined(labels, folder, rules)
    groups, by = table.groups()
    sure = _unseen(table, groups)
    threshold = cut_for(sure, table.broken, precision)
    scores = found_at(sure, table.broken, threshold)
    model = Model(
        program=__version__,
        made=datetime.now(UTC).isoformat(timespec="seconds"),
        measured_as=features.MEASURED_AS,
        evidence=list(EVIDENCE),
        videos=[_learnt(video, table) for video in table.videos.values()],
        checked=Checked(by=by, groups=len(set(groups)), precision=scores.precision, recall=scores.recall),
        chosen="best F1" if precision is None else f"precision of at least {precision:g}",
        threshold=threshold,
        features=list(features.names()),
        rules=rules,
        trust=TRUST,
        forest=grown(table.values, table.broken),
    )
    return Taught(model, scores, _by_video(table, sure >= threshold), _notes(table, by))


def joined(labels: Sorted, folder: Path, rules: Breakup) -> Table:
    """The numbers of every sorted frame, or which are missing and what measures them."""
    samples, videos = list(labels.broken), measured_of(labels, folder)
    rows = []
    for video, measured in videos.items():
        values = features.in_context(measured.evidence, rules)
        rows += [values[_row(sample, measured)] for sample in samples if sample.video == video]
    return Table(samples, np.array(rows, np.float32), np.array(list(labels.broken.values())), videos)


def measured_of(labels: Sorted, folder: Path) -> dict[str, features.Measured]:
    """The evidence of the videos of which frames were sorted, by their ids."""
    return {video: _measured(video, folder) for video in sorted({sample.video for sample in labels.broken})}


def _unseen(table: Table, groups: Ints) -> Shares:
    """How sure a model that has not seen a row's group is of it."""
    sure = np.zeros(len(table.broken))
    for inside in _splits(groups):
        sure[inside] = suspected(grown(table.values[~inside], table.broken[~inside]), table.values[inside])
    return sure


def _by_video(table: Table, called: Marks) -> dict[str, Found]:
    videos = np.array([sample.video for sample in table.samples])
    return {video: compared(called[videos == video], table.broken[videos == video]) for video in table.videos}


def _notes(table: Table, by: str) -> list[str]:
    notes = []
    if by == "time":
        why = "of one video only" if len(table.videos) == 1 else "of videos that cannot be left out one by one"
        notes.append(
            f"The pictures are {why}, so that other stretches of the same were judged: "
            "how well the detector does on another video is not known. Sort pictures of several."
        )
    if (fewest := int(min(table.broken.sum(), (~table.broken).sum()))) < _FEW:
        notes.append(
            f"{fewest} pictures of one kind are few: the scores are rough, and the rules may do better. "
            "Sort 50 of each."
        )
    return notes


def _splits(groups: Ints) -> Iterator[Marks]:
    return (groups == group for group in np.unique(groups))


def _checkable(groups: Ints, broken: Marks) -> bool:
    """Whether both kinds are left wherever one group is taken away."""
    return len(np.unique(groups)) > 1 and all(0 < broken[~inside].sum() < (~inside).sum() for inside in _splits(groups))


def _check_counts(labels: Sorted) -> None:
    broken, clean = labels.counts
    if min(broken, clean) >= LEAST:
        return
    waiting = f"{labels.unsorted} pictures in {UNSORTED}/ wait to be sorted" if labels.unsorted else ""
    raise UsageError(
        f"{broken} pictures in {BROKEN}/ and {clean} in {CLEAN}/ are too few to learn from.",
        f"{waiting or 'Pick more to sort with breakup label'}; {LEAST} of each are the least, 50 do better.",
    )


def _measured(video: str, folder: Path) -> features.Measured:
    file = features.file_of(video, folder / FEATURES)
    if not file.exists():
        raise SourceError(
            f"There are pictures of {video}, but {file} is missing.",
            f"Put it back, or have its video measured again: breakup label with --out {shlex.quote(str(folder))} -n 0. "
            "Or take its pictures out of the folders.",
        )
    measured = features.read(file)
    if not measured.usable:
        raise SourceError(
            f"{file} was measured by another version.",
            f"{command('breakup', 'label', Path(measured.source), '--out', folder, '-n', '0')} measures it anew.",
        )
    return measured


def _row(sample: Sample, measured: features.Measured) -> int:
    frames = measured.evidence.frames
    row = int(np.searchsorted(frames, sample.frame))
    if row >= len(frames) or frames[row] != sample.frame:
        raise SourceError(
            f"{sample.picture} is called after frame {sample.frame}, which {measured.name} does not have.",
            "Give the picture its old name back, or take it out of the folder.",
        )
    return row


def _learnt(video: features.Measured, table: Table) -> Learnt:
    marks = [mark for sample, mark in zip(table.samples, table.broken, strict=True) if sample.video == video.video]
    broken = int(sum(marks))
    return Learnt(id=video.video, name=video.name, sha256=video.sha256, broken=broken, clean=len(marks) - broken)

"""Make the cases of a bench: a stretch of a clip, encoded again, in or out of order, with its truth."""

import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from reelweave.errors import ReelweaveError, UsageError
from reelweave.evaluate.foreign import count_frames
from reelweave.evaluate.scramble import ScrambleOptions, scramble
from reelweave.evaluate.truth import Truth
from reelweave.media.identity import content_hash
from reelweave.media.source import open_source

Kind = Literal["clean", "foreign", "bursts", "ordered"]
KINDS: tuple[Kind, ...] = get_args(Kind)
SPLIT = Path(__file__).with_name("clips.toml")

FOREIGN_SHARE = 0.05
"""Foreign frames per true one: single ones (`foreign`), or five together (`bursts`)."""


@dataclass(frozen=True)
class Clip:
    """A clean clip, the frames that really decode from it, and what it holds."""

    path: Path
    frames: int
    sha256: str


@dataclass(frozen=True)
class Case:
    """`frames` is what the clip can give of what was asked, so that a short clip is not run once for each size."""

    clip: Clip
    frames: int
    crf: int
    seed: int
    kind: Kind

    @property
    def name(self) -> str:
        return f"{self.clip.path.name}, {self.frames} frames, crf {self.crf}, seed {self.seed}, {self.kind}"


def clips_in(folder: Path, names: Iterable[str] = ()) -> list[Clip]:
    """The folder's videos of two frames or more; all of them, since those not run lend foreign frames."""
    if not folder.is_dir():
        raise UsageError(f"There is no folder {folder}.", "Give the folder that the clips are in.")
    found = [clip for path in sorted(folder.iterdir()) if path.is_file() and (clip := _clip(path))]
    unknown = set(names) - {clip.path.stem for clip in found} - {clip.path.name for clip in found}
    if unknown:
        raise UsageError(f"There is no clip {min(unknown)} of two frames or more in {folder}.")
    return found


def _clip(path: Path) -> Clip | None:
    try:
        open_source(path).info()
    except ReelweaveError:
        return None
    frames = count_frames(path)
    return Clip(path, frames, content_hash(path)) if frames > 1 else None


def cases(
    clips: Sequence[Clip], frames: Sequence[int], crfs: Sequence[int], seeds: Sequence[int], kinds: Sequence[Kind]
) -> Iterator[Case]:
    """Every case once; what was not shuffled is tried with the first seed only, since the others shuffle no more."""
    for clip in clips:
        for length in sorted({length_of(clip.frames, asked) for asked in frames}):
            for crf in crfs:
                for seed in seeds:
                    for kind in kinds:
                        if kind != "ordered" or seed == seeds[0]:
                            yield Case(clip, length, crf, seed, kind)


def length_of(total: int, asked: int) -> int:
    """How many frames a clip gives where so many are asked for; 0 asks for all."""
    return min(total, asked or total)


def make(case: Case, video: Path, lenders: Sequence[Path]) -> Truth:
    """Write the case's video."""
    foreign: Sequence[Path] | int = list(lenders) if case.kind in ("foreign", "bursts") else 0
    options = ScrambleOptions(
        frames=case.frames,
        seed=case.seed,
        crf=case.crf,
        foreign=foreign,
        foreign_share=FOREIGN_SHARE,
        foreign_mode="bursts" if case.kind == "bursts" else "scattered",
        shuffle=case.kind != "ordered",
    )
    return scramble(case.clip.path, video, options)


@dataclass(frozen=True)
class Split:
    """The halves and the kinds that a folder of clips is reported in, and the clips that are shown by name."""

    tuning: frozenset[str]
    hard: tuple[str, ...]
    kinds: Mapping[str, str]

    def half(self, clip: str) -> Literal["tuning", "check"]:
        return "tuning" if Path(clip).stem in self.tuning else "check"

    def kind(self, clip: str) -> str:
        """What a clip shows; "other" where the list does not name it."""
        return self.kinds.get(Path(clip).stem, "other")


def read_split(file: Path = SPLIT) -> Split:
    listed = tomllib.loads(file.read_text(encoding="utf-8"))
    kinds = listed["kinds"]
    return Split(
        tuning=frozenset(clip for halves in kinds.values() for clip in halves["tuning"]),
        hard=tuple(listed["report"]["hard"]),
        kinds={clip: kind for kind, halves in kinds.items() for half in ("tuning", "check") for clip in halves[half]},
    )

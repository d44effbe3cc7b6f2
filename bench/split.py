"""Measure how well mixed films are separated: python bench/split.py CLIP... [--mixes N] [--json FILE]

Mixes of two and of three clips, 60 to 150 frames of each, are shuffled into one file, re-encoded and separated, once
without and once with the number of films. Each clip alone should come out as one film.
"""

import argparse
import json
import os
import platform
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path
from statistics import mean

import numpy as np

from reelweave import pipeline
from reelweave.evaluate.foreign import count_frames
from reelweave.evaluate.scramble import ScrambleOptions, scramble_video
from reelweave.evaluate.split_scores import SplitScores, evaluate_split
from reelweave.settings import load

_FRAMES = (60, 150)
_QUICK = {"solve.flow_limit": 0, "solve.ortools_limit": 0}
"""Leave out what only orders each film a little better, since the separation is measured."""


@dataclass(frozen=True)
class Result:
    clips: list[str]
    blind: SplitScores
    """Separated without the number of films."""
    known: SplitScores


def mixes(clips: Sequence[Path], count: int, seed: int) -> Iterator[tuple[list[Path], int]]:
    """Clips to mix, two and three by turns, and the frames to take of each."""
    for number in range(count):
        rng = np.random.default_rng([seed, number])
        yield (
            [clips[n] for n in rng.permutation(len(clips))[: 2 + number % 2]],
            int(rng.integers(*_FRAMES, endpoint=True)),
        )


def measure(clips: Sequence[Path], frames: int, crf: int, seed: int) -> Result:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        settings = load({"library": str(folder / "library"), "ingest.space": "appearance", **_QUICK})
        options = ScrambleOptions(frames=frames, seed=seed, crf=crf, mix=clips[1:])
        truth = scramble_video(clips[0], folder / "mix.mp4", folder / "truth.json", options)
        video = pipeline.ingest(folder / "mix.mp4", settings).id
        blind = evaluate_split(pipeline.solve_split(video, settings), truth)
        known = blind
        if len(blind.plans) != len(clips):
            known = evaluate_split(pipeline.solve_split(video, settings, films=len(clips)), truth)
    return Result([clip.stem for clip in clips], blind, known)


def row(name: str, scores: Sequence[SplitScores]) -> str:
    """One line of the table: means over some mixes."""
    groups = [one.grouping for one in scores]
    right = sum(group.rand == 1 for group in groups)
    return (
        f"| {name} | {len(groups)} | {mean(g.films for g in groups):.1f} | {mean(g.plans for g in groups):.1f} | "
        f"{mean(g.rand for g in groups):.3f} | {mean(g.purity for g in groups):.3f} | "
        f"{mean(g.completeness for g in groups):.3f} | {right} |"
    )


def table(results: Sequence[Result]) -> str:
    mixed, alone = ([r for r in results if (len(r.clips) > 1) == several] for several in (True, False))
    rows = [
        "| | files | films | found | rand | purity | completeness | all right |",
        "|---|---|---|---|---|---|---|---|",
    ]
    if mixed:
        rows.append(row("mixed", [r.blind for r in mixed]))
        rows.append(row("mixed, number known", [r.known for r in mixed]))
    if alone:
        rows.append(row("one film alone", [r.blind for r in alone]))
    return "\n".join(rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("clips", type=Path, nargs="+")
    parser.add_argument("--mixes", type=int, default=30)
    parser.add_argument("--alone", type=int, default=100, help="frames of each clip by itself; 0 leaves these out")
    parser.add_argument("--crf", type=int, default=18)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", type=Path)
    chosen = parser.parse_args()
    print(f"{date.today()}, {os.cpu_count()} cores, {platform.machine()}, crf {chosen.crf}, seed {chosen.seed}\n")
    clips = [clip for clip in chosen.clips if count_frames(clip) > 1]
    wanted = list(mixes(clips, chosen.mixes, chosen.seed)) + [([clip], chosen.alone) for clip in clips if chosen.alone]
    results = []
    for number, (some, frames) in enumerate(wanted):
        results.append(measure(some, frames, chosen.crf, chosen.seed + number))
        found = results[-1].blind.grouping
        print(f"{' + '.join(results[-1].clips)}: {found.plans} found, rand {found.rand:.3f}", flush=True)
    print(f"\n{table(results)}")
    if chosen.json:
        chosen.json.write_text(json.dumps([asdict(result) for result in results], indent=1))


if __name__ == "__main__":
    main()

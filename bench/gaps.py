"""Shuffled clips with broken frames, put in order with and without --repair: python bench/gaps.py CLIPS --json FILE

A stretch of every clip is damaged and shuffled, for each of --damage. Order is scored on whole frames alone, so that
both ways are judged on the same ones. The frames that were made are compared with the clean clip, as are the broken
ones they stand for, and the whole frame before each gap, which is what one sees where broken frames are just left out.
--table FILE prints the tables of such a run.
"""

import argparse
import json
import platform
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path
from statistics import mean

import cv2
import numpy as np
from cases import read_split
from table import table

from reelweave.errors import ReelweaveError
from reelweave.evaluate.damage import Damage
from reelweave.evaluate.scores import Luma, Scores, evaluate_plan, psnr_of, score_order, wanted_frames
from reelweave.evaluate.scramble import ScrambleOptions, scramble_video
from reelweave.evaluate.truth import FOREIGN, Truth
from reelweave.media.source import VIDEO_SUFFIXES, open_source
from reelweave.media.types import Picture
from reelweave.pipeline import ingest, reconstruct, solve
from reelweave.settings import load
from reelweave.solve.plan.files import read_plan
from reelweave.solve.plan.model import Plan


@dataclass(frozen=True)
class Result:
    clip: str
    damage: str
    damaged: int
    adjacency: tuple[float, float]
    """Of whole frames, without and with repair; so is the next."""
    tau: tuple[float, float]
    precision: float | None
    recall: float | None
    made: int
    made_psnr: float | None
    made_ssim: float | None
    broken_psnr: float | None
    left_out_psnr: float | None


def measured(clip: Path, damage: str, frames: int, seed: int, folder: Path) -> Result:
    video = folder / "shuffled.mp4"
    asked = ScrambleOptions(frames=frames, seed=seed, damage=Damage.parse(damage))
    truth = scramble_video(clip, video, folder / "truth.json", asked)
    settings = load({"library": str(folder / "library"), "ingest.space": "appearance"})
    ingest(video, settings)
    plain = solve(str(video), settings)
    film = folder / "film.mp4"
    plan = read_plan(Path(reconstruct(video, settings, output=film, repair=True).plan))
    scores = evaluate_plan(plan, truth, rendered=film)
    whole = [among_whole(one, truth) for one in (plain, plan)]
    standing, before = others(plan, truth, folder)
    return Result(
        *(clip.stem, damage, len(truth.broken)),
        (whole[0].adjacency, whole[1].adjacency),
        (whole[0].abs_tau, whole[1].abs_tau),
        *(scores.broken_precision, scores.broken_recall, scores.made, scores.made_psnr, scores.made_ssim),
        *(standing, before),
    )


def among_whole(plan: Plan, truth: Truth) -> Scores:
    damaged = set(truth.broken)
    return score_order([f for f in plan.order if f not in damaged], sorted(damaged), truth, sorted(damaged))


def others(plan: Plan, truth: Truth, folder: Path) -> tuple[float | None, float | None]:
    """PSNR of what could stand where frames were made: the broken ones, or the frame before the gap."""
    meant, made = wanted_frames(plan, truth), set(plan.made)
    places = [place for place in plan.made if meant[place] != FOREIGN]
    broken = [plan.played[place] for place in places]
    held = [place for place in places if set(range(place)) - made]
    kept = [plan.played[max(set(range(place)) - made)] for place in held]
    return (
        _psnr(broken, [truth.frames[f] for f in broken], truth, folder),
        _psnr(kept, [meant[place] for place in held], truth, folder),
    )


def _psnr(shown: Sequence[int], meant: Sequence[int], truth: Truth, folder: Path) -> float | None:
    """The mean of frames of the shuffled video against frames of the clean clip, pair by pair."""
    files = folder / "shuffled.mp4", Path(truth.source)
    pictures = [
        {one.index: _grey(one.picture) for one in open_source(file).frames() if one.index in set(frames)}
        for file, frames in zip(files, (shown, meant), strict=True)
    ]
    pairs = [(pictures[0][f], pictures[1][t]) for f, t in zip(shown, meant, strict=True)]
    # A clip of an odd size gets one more row or column when it is encoded.
    found = [psnr_of(one[: other.shape[0], : other.shape[1]], other) for one, other in pairs]
    return mean(found) if found else None


def _grey(picture: Picture) -> Luma:
    return np.asarray(cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY), np.uint8)


def report(results: Sequence[Result]) -> str:
    rows = [[*_row(one)] for one in results]
    for damage in dict.fromkeys(one.damage for one in results):
        rows.append([*_mean([one for one in results if one.damage == damage])])
    names = ["clip", "damage", "broken", "adjacency", "with repair", "precision", "recall", "made"]
    return table([*names, "PSNR made", "broken", "left out"], rows)


def _row(one: Result) -> list[str]:
    numbers = [*one.adjacency, one.precision, one.recall]
    shown = [f"{value:.3f}" if value is not None else "" for value in numbers]
    psnr = [f"{v:.1f}" if v is not None else "" for v in (one.made_psnr, one.broken_psnr, one.left_out_psnr)]
    return [one.clip, one.damage, str(one.damaged), *shown, str(one.made), *psnr]


def _mean(results: Sequence[Result]) -> list[str]:
    def over(values: Sequence[float | None], digits: int) -> str:
        known = [value for value in values if value is not None]
        return f"**{mean(known):.{digits}f}**" if known else ""

    shares = [[r.adjacency[0] for r in results], [r.adjacency[1] for r in results]]
    found: list[list[float | None]] = [[r.precision for r in results], [r.recall for r in results]]
    psnr = [[r.made_psnr for r in results], [r.broken_psnr for r in results], [r.left_out_psnr for r in results]]
    total = str(sum(r.damaged for r in results)), str(sum(r.made for r in results))
    cells = [*(over(values, 3) for values in (*shares, *found)), total[1], *(over(values, 1) for values in psnr)]
    return ["**mean**", results[0].damage, total[0], *cells]


def chosen_clips(asked: argparse.Namespace) -> list[Path]:
    files, split = sorted(asked.clips.iterdir()), read_split()
    return [
        file
        for file in files
        if file.suffix.lower() in VIDEO_SUFFIXES
        and asked.half in (None, split.half(file.name))
        and (not asked.only or file.stem in asked.only)
        and file.stem not in asked.leave_out
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clips", type=Path, nargs="?")
    parser.add_argument("--only", nargs="*", default=[], help="names of clips, without what ends them")
    parser.add_argument("--half", choices=("tuning", "check"), help="only this half of the clips (bench/clips.toml)")
    parser.add_argument("--leave-out", nargs="+", default=[], metavar="NAME", help="clips that are damaged themselves")
    parser.add_argument("--damage", nargs="*", default=["basic:0.1", "noise,freeze,grey:0.2"])
    parser.add_argument("--frames", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--table", type=Path)
    asked = parser.parse_args()
    if asked.table:
        print(report([Result(**row) for row in json.loads(asked.table.read_text("utf-8"))["results"]]))
        return
    results: list[Result] = []
    for clip in chosen_clips(asked):
        for damage in asked.damage:
            with tempfile.TemporaryDirectory() as folder:
                try:
                    results.append(measured(clip, damage, asked.frames, asked.seed, Path(folder)))
                except ReelweaveError as failed:
                    print(f"{clip.name}, {damage}: {failed}", file=sys.stderr)
                    continue
            print(" ".join(_row(results[-1])), file=sys.stderr, flush=True)
            if asked.json:
                facts = {"date": str(date.today()), "machine": platform.machine(), "frames": asked.frames}
                facts |= {"seed": asked.seed, "results": [asdict(one) for one in results]}
                asked.json.write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")
    print(report(results))


if __name__ == "__main__":
    main()

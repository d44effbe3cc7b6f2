"""How well the main job is done on a folder of clean clips: python bench/quality.py CLIPS [--json FILE]

Every clip is cut to 100 and to 300 consecutive frames, shuffled, re-encoded, reconstructed and scored,
once as it is and once with 5 % foreign frames borrowed from the other clips.
"""

import argparse
import json
import os
import platform
import tempfile
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from datetime import date
from itertools import pairwise, repeat
from pathlib import Path
from statistics import mean

from reelweave import pipeline
from reelweave.errors import ReelweaveError
from reelweave.evaluate.metrics import Scores, right_joins
from reelweave.evaluate.scramble import ScrambleOptions
from reelweave.evaluate.truth import Truth
from reelweave.ingest.source import open_source
from reelweave.settings import load
from reelweave.solve.plan import Plan, read_plan


@dataclass(frozen=True)
class Result:
    clip: str
    frames: int
    shots: int
    adjacency: float
    abs_tau: float
    shot_tau: float
    jumps: int
    lost_share: float
    psnr: float
    ssim: float
    band: float
    price: str
    joins: list[tuple[float, bool]]
    """What was said of each join, and whether it is right."""
    precision: float
    recall: float
    lost_share_foreign: float
    seconds: float


def measure(clip: Path, frames: int, crf: int, seed: int) -> Result:
    """One clip, clean and polluted, in a library of its own."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        clean = ScrambleOptions(frames=frames, seed=seed, crf=crf)
        lenders = [other for other in clips_in(clip.parent) if other != clip]
        foreign = ScrambleOptions(frames=frames, seed=seed, crf=crf, foreign=lenders, foreign_share=0.05)
        scores, plan, truth, seconds = _scored(clip, folder, "clean", clean, lossless=True)
        polluted, *_ = _scored(clip, folder, "foreign", foreign, lossless=False)
    return Result(
        clip=clip.name,
        frames=plan.video.frames,
        shots=max(1, len(truth.shots)),
        adjacency=scores.adjacency,
        abs_tau=scores.abs_tau,
        shot_tau=scores.shot_tau,
        jumps=scores.jumps,
        lost_share=scores.lost_share,
        psnr=scores.psnr or 0.0,
        ssim=scores.ssim or 0.0,
        band=plan.path.band or 0.0,
        price=plan.path.price,
        joins=list(zip(plan.confidence, right_joins(plan.order, truth), strict=True)),
        precision=polluted.precision,
        recall=polluted.recall,
        lost_share_foreign=polluted.lost_share,
        seconds=seconds,
    )


def _scored(
    clip: Path, folder: Path, name: str, options: ScrambleOptions, lossless: bool
) -> tuple[Scores, Plan, Truth, float]:
    settings = load({"library": str(folder / "library"), "ingest.space": "appearance"})
    scrambled, output = folder / f"{name}.mp4", folder / f"{name}.out.mp4"
    truth = pipeline.scramble(clip, scrambled, folder / f"{name}.json", options)
    made = pipeline.reconstruct(scrambled, settings, output=output, lossless=lossless)
    plan = read_plan(Path(made.plan))
    scores = pipeline.evaluate(plan, truth, rendered=output if lossless else None)
    return scores, plan, truth, round(sum(made.seconds.values()), 2)


def clips_in(folder: Path) -> list[Path]:
    """The folder's videos of two frames or more."""
    return [path for path in sorted(folder.iterdir()) if path.is_file() and _is_clip(path)]


def _is_clip(path: Path) -> bool:
    try:
        return (open_source(path).info().frames_hint or 2) > 1
    except ReelweaveError:
        return False


def table(results: Sequence[Result]) -> str:
    """The results as the README shows them."""
    head = (
        "| clip | frames | shots | adjacency | abs tau | tau in shots | jumps | lost % | PSNR dB | precision | recall |"
    )
    rows = [head, "|---|---|---|---|---|---|---|---|---|---|---|"]
    rows += [_row(r.clip, f"{r.frames} | {r.shots}", [r], str(r.jumps)) for r in results]
    rows.append(_row("**mean**", " | ", results, ""))
    whole = [result for result in results if result.shots == 1]
    if whole:
        rows.append(_row("**mean of clips in one shot**", " | ", whole, ""))
    return "\n".join(rows)


def _row(clip: str, frames: str, results: Sequence[Result], jumps: str) -> str:
    def average(key: str) -> float:
        return float(mean(getattr(result, key) for result in results))

    return (
        f"| {clip} | {frames} | {average('adjacency'):.3f} | {average('abs_tau'):.3f} | "
        f"{average('shot_tau'):.3f} | {jumps} | "
        f"{100 * average('lost_share'):.2f} | {average('psnr'):.1f} | "
        f"{average('precision'):.3f} | {average('recall'):.3f} |"
    )


def reliability(results: Sequence[Result]) -> str:
    """Joins by how sure they were said to be, and how many of them are right."""
    rows = ["| said to be right | joins | said | are right |", "|---|---|---|---|"]
    joins = [join for result in results for join in result.joins]
    for low, high in pairwise((0.0, 0.5, 0.7, 0.85, 0.95, 0.99, 1.01)):
        chosen = [(said, right) for said, right in joins if low <= said < high]
        if chosen:
            said, right = (100 * mean(column) for column in zip(*chosen, strict=True))
            rows.append(
                f"| {100 * low:.0f} to {min(100, 100 * high):.0f} % | {len(chosen)} | {said:.1f} % | {right:.1f} % |"
            )
    return "\n".join(rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("clips", type=Path)
    parser.add_argument("--frames", type=int, nargs="+", default=[100, 300])
    parser.add_argument("--crf", type=int, default=18)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", type=Path)
    chosen = parser.parse_args()
    print(f"{date.today()}, {os.cpu_count()} cores, {platform.machine()}, crf {chosen.crf}, seed {chosen.seed}\n")
    found: list[Result] = []
    for frames in chosen.frames:
        clips = clips_in(chosen.clips)
        with ProcessPoolExecutor(max_workers=os.cpu_count()) as pool:
            results = list(pool.map(measure, clips, repeat(frames), repeat(chosen.crf), repeat(chosen.seed)))
        print(f"### {frames} frames\n\n{table(results)}\n", flush=True)
        found += results
    print(f"### Confidence\n\n{reliability(found)}\n")
    if chosen.json:
        chosen.json.write_text(json.dumps([asdict(result) for result in found], indent=1))


if __name__ == "__main__":
    main()

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
from itertools import repeat
from pathlib import Path
from statistics import mean

from reelweave import pipeline
from reelweave.errors import ReelweaveError
from reelweave.evaluate.scramble import ScrambleOptions
from reelweave.ingest.source import open_source
from reelweave.settings import load
from reelweave.solve.plan import read_plan


@dataclass(frozen=True)
class Result:
    clip: str
    frames: int
    adjacency: float
    abs_tau: float
    jumps: int
    lost_share: float
    psnr: float
    ssim: float
    confidence: float
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
        scores, made = _scored(clip, folder, "clean", clean, lossless=True)
        polluted, _ = _scored(clip, folder, "foreign", foreign, lossless=False)
    return Result(
        clip=clip.name,
        frames=made.frames,
        adjacency=scores.adjacency,
        abs_tau=scores.abs_tau,
        jumps=scores.jumps,
        lost_share=scores.lost_share,
        psnr=scores.psnr or 0.0,
        ssim=scores.ssim or 0.0,
        confidence=made.mean_confidence,
        precision=polluted.precision,
        recall=polluted.recall,
        lost_share_foreign=polluted.lost_share,
        seconds=round(sum(made.seconds.values()), 2),
    )


def _scored(clip: Path, folder: Path, name: str, options: ScrambleOptions, lossless: bool):  # type: ignore[no-untyped-def]
    settings = load({"library": str(folder / "library"), "ingest.space": "appearance"})
    scrambled, output = folder / f"{name}.mp4", folder / f"{name}.out.mp4"
    truth = pipeline.scramble(clip, scrambled, folder / f"{name}.json", options)
    made = pipeline.reconstruct(scrambled, settings, output=output, lossless=lossless)
    rendered = output if lossless else None
    return pipeline.evaluate(read_plan(Path(made.plan)), truth, rendered=rendered), made


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
    head = "| clip | frames | adjacency | abs tau | jumps | lost % | PSNR dB | precision | recall |"
    rows = [head, "|---|---|---|---|---|---|---|---|---|"]
    rows += [_row(r.clip, str(r.frames), [r], str(r.jumps)) for r in results]
    return "\n".join([*rows, _row("**mean**", "", results, "")])


def _row(clip: str, frames: str, results: Sequence[Result], jumps: str) -> str:
    def average(key: str) -> float:
        return float(mean(getattr(result, key) for result in results))

    return (
        f"| {clip} | {frames} | {average('adjacency'):.3f} | {average('abs_tau'):.3f} | {jumps} | "
        f"{100 * average('lost_share'):.2f} | {average('psnr'):.1f} | "
        f"{average('precision'):.3f} | {average('recall'):.3f} |"
    )


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
    if chosen.json:
        chosen.json.write_text(json.dumps([asdict(result) for result in found], indent=1))


if __name__ == "__main__":
    main()

"""How well broken frames are found without training: python bench/breakup.py CLIPS [--real FILE:A-B] [--json FILE]

Each clip of the folder is judged as it is, then with each kind of damage put into a stretch of it (re-encoded), and
once as a file of H.264 some bytes of which are flipped, where the decoder's own word is heard. Settings were chosen on
the tuning half of clips.toml; both halves are reported. --real is a file whose broken frames are known.
--table FILE prints the tables of such a run.
"""

import argparse
import json
import os
import platform
import resource
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path

import cv2
import numpy as np
from cases import read_split

from reelweave.evaluate.artefacts import differs
from reelweave.evaluate.damage import BASIC, Damage
from reelweave.evaluate.scramble import ScrambleOptions, scramble
from reelweave.media import ffmpeg
from reelweave.media.source import VIDEO_SUFFIXES, open_source
from reelweave.repair.detector import judge
from reelweave.repair.evidence import measure_evidence
from reelweave.repair.verdict import CLEAN
from reelweave.settings import load

TUNING = read_split().tuning
FILE, WHOLE, REAL = "flips in the file", "whole clip", "real"
_FEWEST = 60
_FLIP_EVERY = 60
_TRIES = 20


@dataclass(frozen=True)
class Result:
    clip: str
    case: str
    half: str
    frames: int
    seconds: float
    """How long the frames play."""
    damaged: int
    found: int
    false: int
    took: float
    """Seconds on the clock that decoding and judging took side by side."""
    decoder: float = 0.0
    """Seconds of CPU time that its decoder took, and"""
    judge: float = 0.0
    """that all else took: taking the frames in, and judging them."""
    decoding: float = 0.0
    """Seconds of CPU time of ffmpeg that decodes the clip at full size and does nothing else, where it was measured."""
    missed: tuple[int, ...] = ()
    wrong: tuple[int, ...] = ()


def judged(video: Path, damaged: set[int], clip: str, case: str, decoding: float = 0.0) -> Result:
    source = open_source(video, steady=True)
    source.info()
    begun, decoder, own = time.perf_counter(), of_children(), time.process_time()
    evidence = measure_evidence(source)
    told = {verdict.frame for verdict in judge(evidence, load().breakup) if verdict.kind != CLEAN}
    took = time.perf_counter() - begun, of_children() - decoder, time.process_time() - own
    half = REAL if case == REAL else "tuning" if clip in TUNING else "check"
    seconds = float(evidence.times[-1] - evidence.times[0]) if len(evidence) > 1 else 0.0
    wrong = told - damaged
    return Result(
        *(clip, case, half, len(evidence), seconds, len(damaged), len(told & damaged), len(wrong)),
        *(*took, decoding),
        missed=tuple(sorted(damaged - told)),
        wrong=tuple(sorted(wrong)),
    )


def decoding_alone(video: Path) -> float:
    begun = of_children()
    ffmpeg.run([*ffmpeg.decode_arguments(video), "-f", "null", "-"])
    return of_children() - begun


def of_children() -> float:
    """CPU seconds of all programs that were run and have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def measured(clip: Path, frames: int, share: float, seed: int, pixels: int) -> Iterator[Result]:
    whole = judged(clip, set(), clip.stem, WHOLE, decoding_alone(clip))
    yield whole
    info = open_source(clip).info()
    if whole.frames < _FEWEST or info.width * info.height > pixels:
        return
    with tempfile.TemporaryDirectory() as name:
        video = Path(name) / "broken.mp4"
        for kind in BASIC:
            options = ScrambleOptions(
                frames=min(frames, whole.frames), seed=seed, crf=20, shuffle=False, damage=Damage((kind,), share)
            )
            truth = scramble(clip, video, options)
            yield judged(video, set(truth.broken), clip.stem, kind)
        if (broken := flipped_file(clip, video, frames, seed)) is not None:
            yield judged(video, broken, clip.stem, FILE)


def flipped_file(clip: Path, video: Path, frames: int, seed: int) -> set[int] | None:
    """Flip bytes of the clip as an H.264 file; the frames that visibly differ, or None where none keeps its place."""
    clean = video.with_name("clean.mp4")
    coding = ["-frames:v", str(frames), "-an", "-c:v", "libx264", "-crf", "20", "-g", "48", "-pix_fmt", "yuv420p"]
    even = ["-vf", "scale=trunc(iw/2)*2:trunc(ih/2)*2"]
    ffmpeg.run([*ffmpeg.decode_arguments(clip), *even, *coding, "-y", str(clean)])
    data = clean.read_bytes()
    for trial in range(_TRIES):
        rng = np.random.default_rng([seed, trial])
        broken = bytearray(data)
        # The index lies at the end, the headers at the start; without them no decoder opens the file.
        for place in rng.integers(round(len(data) * 0.1), round(len(data) * 0.9), max(1, frames // _FLIP_EVERY)):
            broken[place] ^= int(rng.integers(1, 256))
        video.write_bytes(broken)
        hit = differing(clean, video)
        if hit:
            return hit
    return None


def differing(clean: Path, video: Path) -> set[int] | None:
    hit: set[int] = set()
    with closing(open_source(clean).frames()) as whole, closing(open_source(video, steady=True).frames()) as shown:
        for one in whole:
            other = next(shown, None)
            if other is None:
                return None
            if differs(*(cv2.cvtColor(frame.picture, cv2.COLOR_BGR2GRAY) for frame in (one, other))):
                hit.add(one.index)
        return hit if next(shown, None) is None else None


def cell(results: Sequence[Result]) -> str:
    found, damaged, false = (sum(getattr(r, name) for r in results) for name in ("found", "damaged", "false"))
    return f"{found / damaged:.3f} | {found / (found + false) if found else 0:.3f}" if damaged else "- | -"


def tables(results: Sequence[Result]) -> str:
    rows = [
        "| damage | frames hit | recall, tuning | precision | recall, check | precision |",
        "|---|---|---|---|---|---|",
    ]
    for case in (*BASIC, FILE):
        own = [r for r in results if r.case == case]
        halves = [cell([r for r in own if r.half == half]) for half in ("tuning", "check")]
        rows.append(f"| {case} | {sum(r.damaged for r in own)} | {' | '.join(halves)} |")
    rows.append("")
    for name, halves in (("tuning", ["tuning"]), ("check", ["check"]), ("both", ["tuning", "check"])):
        own = [r for r in results if r.case == WHOLE and r.half in halves and r.frames > 1]
        minutes, false = sum(r.seconds for r in own) / 60, sum(r.false for r in own)
        kinds = [[r for r in results if r.case == kind and r.half in halves] for kind in (*BASIC, FILE)]
        recalls = [sum(r.found for r in k) / max(1, sum(r.damaged for r in k)) for k in kinds if k]
        rows.append(
            f"{name}: mean recall {np.mean(recalls or [0]):.3f}; {len(own)} clean clips, {minutes:.1f} minutes: "
            f"{false} false alarms, {false / max(minutes, 1e-9):.2f} a minute"
        )
    for r in results:
        if r.case == REAL:
            rows.append(f"{r.clip}: {r.found} of {r.damaged} found, {r.false} false alarms in {r.frames - r.damaged}")
    whole = [r for r in results if r.case == WHOLE and r.frames > 1]
    return "\n".join([*rows, *speeds(whole)])


def speeds(whole: Sequence[Result]) -> Iterator[str]:
    """By CPU time, which other work leaves alone: decoder and judge run side by side, so the slower counts."""
    for name in ("judge", "decoder", "decoding"):
        each = [1000 * getattr(r, name) / r.frames for r in whole]
        yield f"{name}: {min(each):.2f} to {max(each):.2f} ms of CPU time a frame, in the middle {np.median(each):.2f}"
    for name, alone in (("the same decoder", "decoder"), ("ffmpeg decoding at full size", "decoding")):
        kept = [getattr(r, alone) / max(r.decoder, r.judge) for r in whole]
        yield f"of the speed of {name} {min(kept):.2f} to {max(kept):.2f} is kept, in the middle {np.median(kept):.2f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("clips", type=Path, nargs="?")
    parser.add_argument("--real", default="", help="FILE:A-B, where frames A to B are broken")
    parser.add_argument("--leave-out", nargs="*", default=[], help="clips, by name without ending")
    parser.add_argument("--frames", type=int, default=250, help="of each damaged stretch")
    parser.add_argument("--pixels", type=int, default=1 << 24, help="larger clips are judged as they are only")
    parser.add_argument("--share", type=float, default=0.1)
    parser.add_argument("--seed", type=int, default=2)
    parser.add_argument("--json", type=Path, help="a line for each clip and case")
    parser.add_argument("--table", type=Path)
    chosen = parser.parse_args()
    if chosen.table:
        lines = chosen.table.read_text(encoding="utf-8").splitlines()
        print(tables([Result(**json.loads(line)) for line in lines]))
        return
    print(f"{date.today()}, {os.cpu_count()} cores, {platform.machine()}, {vars(chosen)}\n")
    results: list[Result] = []
    for result in _all(chosen):
        results.append(result)
        print(f"{result.clip}, {result.case}: {result.found}/{result.damaged}, {result.false} false", flush=True)
        if chosen.json:
            with chosen.json.open("a", encoding="utf-8") as file:
                file.write(json.dumps(asdict(result)) + "\n")
    print(f"\n{tables(results)}")


def _all(chosen: argparse.Namespace) -> Iterator[Result]:
    if chosen.real:
        name, _, frames = chosen.real.rpartition(":")
        first, last = map(int, frames.split("-"))
        yield judged(Path(name), set(range(first, last + 1)), Path(name).stem, REAL)
    for clip in sorted(f for f in chosen.clips.iterdir() if f.suffix.lower() in VIDEO_SUFFIXES):
        if clip.stem not in chosen.leave_out:
            yield from measured(clip, chosen.frames, chosen.share, chosen.seed, chosen.pixels)


if __name__ == "__main__":
    main()

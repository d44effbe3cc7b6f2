"""How well broken frames are found without training: python bench/breakup.py CLIPS [--real FILE:A-B] [--json FILE]

Each clip of the folder is judged as it is, then with each kind of damage put into a stretch of it (re-encoded), and
once as a file of H.264 some bytes of which are flipped, where the decoder's own word is heard. Settings were chosen on
the tuning half of clips.toml; both halves are reported. --real is a file whose broken frames are known; the clip of
that name counts nowhere else. --clean judges the clips as they are and nothing else. --few takes one clip of each kind.
--work keeps the damaged clips in a folder and takes them from there the next time. --table FILE prints the tables of
such a run, and --into PAGE writes them there.

A frame counts as damaged if some macroblock differs by a dozen grey levels on average. That may be hard to see, so
that recall is also reported by the share of the picture that visibly differs.
"""

import argparse
import json
import os
import platform
import resource
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass, field
from datetime import date
from pathlib import Path

import cv2
import numpy as np
from cases import Split, read_split
from table import put_between_marks

from reelweave.evaluate.artefacts import differs
from reelweave.evaluate.damage import BASIC, Damage
from reelweave.evaluate.masks import read_masks, visible_mask
from reelweave.evaluate.scramble import ScrambleOptions, scramble
from reelweave.media import ffmpeg
from reelweave.media.source import VIDEO_SUFFIXES, open_source
from reelweave.repair.detector import judge
from reelweave.repair.evidence import measure_evidence
from reelweave.repair.verdict import CLEAN
from reelweave.settings import load

FILE, WHOLE, REAL = "flips in the file", "whole clip", "real"
HALVES = ("tuning", "check")
BEGIN, END = "<!-- bench/breakup: begin -->", "<!-- bench/breakup: end -->"
SHARES = {"under 1 %": 0.01, "1 to 5 %": 0.05, "5 to 20 %": 0.2, "20 % or more": 2.0}
"""Groups of damaged frames, by the share of the picture that visibly differs, which is less than this. One percent of
480 x 270 is a spot of 36 x 36 pixels."""
GROUPS = {**{name: {name} for name in SHARES}, "1 % or more": {*SHARES} - {"under 1 %"}}
_FEWEST = 60
_FLIP_EVERY = 60
_TRIES = 20


Damaged = dict[int, float]
"""The damaged frames, and of each the share of the picture that visibly differs; 1 where it is not known."""


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
    kind: str = "other"
    """What the clip shows."""
    by_share: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    """For each group of `SHARES` how many damaged frames were found, and how many there are."""


@dataclass(frozen=True)
class Bench:
    """How clips are damaged, and where the damaged ones are kept."""

    split: Split
    frames: int
    share: float
    seed: int
    pixels: int
    width: int
    work: Path
    cases: tuple[str, ...] = (*BASIC, FILE)

    def judged(self, video: Path, shares: Damaged, clip: str, case: str, decoding: float = 0.0) -> Result:
        damaged = set(shares)
        source = open_source(video, steady=True)
        source.info()
        begun, decoder, own = time.perf_counter(), of_children(), time.process_time()
        evidence = measure_evidence(source)
        called = {verdict.frame for verdict in judge(evidence, load().breakup) if verdict.kind != CLEAN}
        took = time.perf_counter() - begun, of_children() - decoder, time.process_time() - own
        half = REAL if case == REAL else self.split.half(clip)
        seconds = float(evidence.times[-1] - evidence.times[0]) if len(evidence) > 1 else 0.0
        wrong = called - damaged
        return Result(
            *(clip, case, half, len(evidence), seconds, len(damaged), len(called & damaged), len(wrong)),
            *(*took, decoding),
            missed=tuple(sorted(damaged - called)),
            wrong=tuple(sorted(wrong)),
            kind=self.split.kind(clip),
            by_share=_by_share(shares, called),
        )

    def whole(self, clip: Path) -> Result:
        return self.judged(clip, {}, clip.stem, WHOLE, decoding_alone(clip))

    def videos(self, clip: Path, frames: int) -> Iterator[tuple[str, Path, Damaged]]:
        """Damage a clip in each way, and return the kind, the video and its damaged frames."""
        info = open_source(clip).info()
        if frames < _FEWEST or info.width * info.height > self.pixels:
            return
        for case in self.cases:
            video = self.work / f"{clip.stem}.{case.replace(' ', '-')}.mp4"
            truth = video.with_suffix(".json")
            if not truth.exists():
                small = self.small(clip, info.width)
                broken = self._damage(small, video, case, min(frames, self.frames))
                truth.write_text(json.dumps(broken), encoding="utf-8")
            if kept := json.loads(truth.read_text(encoding="utf-8")):
                yield case, video, {int(frame): share for frame, share in kept.items()}

    def small(self, clip: Path, width: int) -> Path:
        """Shrink a clip of that width before it is damaged, unless it is small or was shrunk before."""
        small, part = (self.work / f"{clip.stem}.{name}.mp4" for name in ("small", "part"))
        if width <= self.width or small.exists():
            return clip if width <= self.width else small
        scale = ["-vf", f"scale={self.width}:-2:flags=area", "-an", "-c:v", "libx264", "-preset", "ultrafast"]
        ffmpeg.run([*ffmpeg.decode_arguments(clip), *scale, "-crf", "6", "-pix_fmt", "yuv420p", "-y", str(part)])
        return part.replace(small)

    def _damage(self, clip: Path, video: Path, case: str, frames: int) -> Damaged:
        if case == FILE:
            return flipped_file(clip, video, frames, self.seed) or {}
        damage = Damage.parse(f"{case}:{self.share}")
        options = ScrambleOptions(frames=frames, seed=self.seed, crf=20, shuffle=False, damage=damage)
        masks = video.with_suffix(".masks.npz")
        broken = scramble(clip, video, options, masks=masks).broken
        shares = {place: float(mask.mean()) for place, mask in read_masks(masks)}
        return {frame: round(shares[frame], 4) for frame in sorted(broken)}


def _by_share(shares: Damaged, called: set[int]) -> dict[str, tuple[int, int]]:
    groups: dict[str, list[int]] = {name: [] for name in SHARES}
    for frame, share in shares.items():
        groups[next(name for name, most in SHARES.items() if share < most)].append(frame)
    return {name: (len(called.intersection(frames)), len(frames)) for name, frames in groups.items() if frames}


def decoding_alone(video: Path) -> float:
    begun = of_children()
    ffmpeg.run([*ffmpeg.decode_arguments(video), "-f", "null", "-"])
    return of_children() - begun


def of_children() -> float:
    """CPU seconds of all programs that were run and have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def flipped_file(clip: Path, video: Path, frames: int, seed: int) -> Damaged | None:
    """Flip bytes of the clip as an H.264 file; the frames that visibly differ, or None where none keeps its place."""
    clean = video.with_suffix(".clean.mp4")
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


def differing(clean: Path, video: Path) -> Damaged | None:
    hit: Damaged = {}
    with closing(open_source(clean).frames()) as whole, closing(open_source(video, steady=True).frames()) as shown:
        for one in whole:
            other = next(shown, None)
            if other is None:
                return None
            pair = [np.asarray(cv2.cvtColor(frame.picture, cv2.COLOR_BGR2GRAY), np.uint8) for frame in (one, other)]
            if differs(*pair):
                hit[one.index] = round(float(visible_mask(pair[:1], pair[1:]).mean()), 4)
        return hit if next(shown, None) is None else None


def cell(results: Sequence[Result]) -> str:
    found, damaged, false = (sum(getattr(r, name) for r in results) for name in ("found", "damaged", "false"))
    return f"{found / damaged:.3f} | {found / (found + false) if found else 0:.3f}" if damaged else "- | -"


def tables(results: Sequence[Result]) -> str:
    rows: list[str] = []
    if any(r.case not in (WHOLE, REAL) for r in results):
        rows += [*damage_table(results), ""]
    if any(r.by_share for r in results):
        rows += [*share_table(results), ""]
    rows += [*clean_table(results), ""]
    for r in results:
        if r.case == REAL:
            rows.append(f"{r.clip}: {r.found} of {r.damaged} found, {r.false} false alarms in {r.frames - r.damaged}")
    return "\n".join([*rows, *speeds([r for r in results if r.case == WHOLE and r.frames > 1])])


def damage_table(results: Sequence[Result]) -> Iterator[str]:
    yield "| damage | frames hit | recall, tuning | precision | recall, check | precision |"
    yield "|---|---|---|---|---|---|"
    damaged = [r for r in results if r.case not in (WHOLE, REAL)]
    cases = list(dict.fromkeys(r.case for r in damaged))
    for case in cases:
        own = [r for r in damaged if r.case == case]
        halves = [cell([r for r in own if r.half == half]) for half in HALVES]
        yield f"| {case} | {sum(r.damaged for r in own)} | {' | '.join(halves)} |"
    means = []
    for half in HALVES:
        kinds = [[r for r in damaged if (r.case, r.half) == (case, half)] for case in cases]
        recalls = [sum(r.found for r in k) / max(1, sum(r.damaged for r in k)) for k in kinds if k]
        precision = cell([r for r in damaged if r.half == half]).split("| ")[-1]
        means.append(f"{np.mean(recalls):.3f} | {precision}" if recalls else "- | -")
    yield f"| mean, all | {sum(r.damaged for r in damaged)} | {' | '.join(means)} |"


def share_table(results: Sequence[Result]) -> Iterator[str]:
    """Recall by how much of the picture visibly differs: over all kinds of damage, and the mean over kinds."""
    yield "| visibly differs | frames, tuning | recall | mean of kinds | frames, check | recall | mean of kinds |"
    yield "|---|---|---|---|---|---|---|"
    damaged = [r for r in results if r.case not in (WHOLE, REAL)]
    for name, groups in GROUPS.items():
        cells = [_share_cell([r for r in damaged if r.half == half], groups) for half in HALVES]
        yield f"| {name} | {' | '.join(cells)} |"


def _share_cell(results: Sequence[Result], groups: set[str]) -> str:
    counts: dict[str, list[tuple[int, int]]] = {}
    for r in results:
        counts.setdefault(r.case, []).extend(pair for name, pair in r.by_share.items() if name in groups)
    sums = [np.sum(pairs, axis=0) for pairs in counts.values() if pairs]
    if not sums:
        return "- | - | -"
    found, frames = np.sum(sums, axis=0)
    return f"{frames} | {found / frames:.3f} | {np.mean([hit / every for hit, every in sums]):.3f}"


def clean_table(results: Sequence[Result]) -> Iterator[str]:
    """False alarms on undamaged clips, by what they show."""
    yield "| clips | minutes, tuning | false alarms | a minute | minutes, check | false alarms | a minute |"
    yield "|---|---|---|---|---|---|---|"
    whole = [r for r in results if r.case == WHOLE and r.frames > 1]
    for kind in (*sorted({r.kind for r in whole}), "all"):
        own = [r for r in whole if kind in (r.kind, "all")]
        yield f"| {kind} | {' | '.join(alarms([r for r in own if r.half == half]) for half in HALVES)} |"


def alarms(results: Sequence[Result]) -> str:
    minutes, false = sum(r.seconds for r in results) / 60, sum(r.false for r in results)
    return f"{minutes:.2f} | {false} | {false / minutes:.2f}" if minutes else "- | - | -"


def speeds(whole: Sequence[Result]) -> Iterator[str]:
    """By CPU time, which other work leaves alone: decoder and judge run side by side, so the slower counts."""
    for name in ("judge", "decoder", "decoding"):
        each = [1000 * getattr(r, name) / r.frames for r in whole]
        yield f"{name}: {min(each):.2f} to {max(each):.2f} ms of CPU time a frame, median {np.median(each):.2f}"
    for name, alone in (("the same decoder", "decoder"), ("ffmpeg decoding at full size", "decoding")):
        kept = [getattr(r, alone) / max(r.decoder, r.judge) for r in whole]
        yield f"of the speed of {name} {min(kept):.2f} to {max(kept):.2f} is kept, median {np.median(kept):.2f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("clips", type=Path, nargs="?")
    add("--real", default="", help="FILE:A-B, where frames A to B are broken")
    add("--leave-out", nargs="*", default=[], help="clips, by name without ending")
    add("--half", choices=HALVES, help="only this half of the clips")
    add("--clean", action="store_true", help="only judge the clips as they are")
    add("--frames", type=int, default=250, help="of each damaged stretch")
    add("--pixels", type=int, default=1 << 24, help="larger clips are judged as they are only")
    add("--width", type=int, default=1 << 14, help="wider clips are shrunk to it before they are damaged")
    add("--share", type=float, default=0.1)
    add("--seed", type=int, default=2)
    add("--kinds", nargs="*", default=[*BASIC, FILE], help="kinds of damage, each with =SEVERITY if wanted")
    add("--work", type=Path, help="a folder that keeps the damaged clips")
    add("--json", type=Path, help="a line for each clip and case; what it has is not measured again")
    add("--few", action="store_true", help="only the first clip of each kind and half (clips.toml)")
    add("--table", type=Path)
    add("--into", type=Path, help="a page to write the tables of --table into")
    chosen = parser.parse_args()
    if chosen.table:
        block = tables(read_results(chosen.table))
        print(block)
        if chosen.into:
            page = put_between_marks(chosen.into.read_text("utf-8"), block, BEGIN, END)
            chosen.into.write_text(page, "utf-8")
        return
    print(f"{date.today()}, {os.cpu_count()} cores, {platform.machine()}, {vars(chosen)}\n")
    results: list[Result] = []
    done = {(result.clip, result.case): result for result in read_results(chosen.json)}
    with tempfile.TemporaryDirectory() as name:
        for result in judged_clips(chosen, chosen.work or Path(name), done):
            results.append(result)
            print(f"{result.clip}, {result.case}: {result.found}/{result.damaged}, {result.false} false", flush=True)
            if chosen.json and (result.clip, result.case) not in done:
                with chosen.json.open("a", encoding="utf-8") as file:
                    file.write(json.dumps(asdict(result)) + "\n")
    print(f"\n{tables(results)}")


def read_results(file: Path | None) -> list[Result]:
    lines = file.read_text(encoding="utf-8").splitlines() if file and file.exists() else []
    return [Result(**json.loads(line)) for line in lines]


def judged_clips(chosen: argparse.Namespace, work: Path, done: Mapping[tuple[str, str], Result]) -> Iterator[Result]:
    work.mkdir(parents=True, exist_ok=True)
    bench = Bench(
        read_split(), chosen.frames, chosen.share, chosen.seed, chosen.pixels, chosen.width, work, tuple(chosen.kinds)
    )
    left_out = set(chosen.leave_out)
    if chosen.real:
        name, _, frames = chosen.real.rpartition(":")
        first, last = map(int, frames.split("-"))
        left_out.add(Path(name).stem)
        known = dict.fromkeys(range(first, last + 1), 1.0)
        yield done.get((Path(name).stem, REAL)) or bench.judged(Path(name), known, Path(name).stem, REAL)
    seen: set[tuple[str, str]] = set()
    for clip in sorted(f for f in chosen.clips.iterdir() if f.suffix.lower() in VIDEO_SUFFIXES):
        half, kind = bench.split.half(clip.name), bench.split.kind(clip.name)
        if clip.stem in left_out or chosen.half not in (None, half) or (chosen.few and (half, kind) in seen):
            continue
        seen.add((half, kind))
        yield (whole := done.get((clip.stem, WHOLE)) or bench.whole(clip))
        for case, video, broken in () if chosen.clean else bench.videos(clip, whole.frames):
            yield done.get((clip.stem, case)) or bench.judged(video, broken, clip.stem, case)


if __name__ == "__main__":
    main()

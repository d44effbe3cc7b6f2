"""How well films are ordered, and how sure of it plans are, where the same pictures recur: python bench/recurring.py

The bench draws things that swing, turn, dance and walk, shuffles each film and orders it twice: by the cheapest path
alone, and as the product does. For comparison it draws films whose pictures do tell their order. Clips can be played
forth and back, or twice: --clips FOLDER.
"""

import argparse
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from statistics import mean
from time import process_time
from unittest.mock import patch

import cv2
import numpy as np
from cases import clips_in, read_split
from ours import said
from table import table

from reelweave import pipeline
from reelweave.evaluate.drawn.film import encode_pictures
from reelweave.evaluate.scores import Scores, right_joins, score_order
from reelweave.evaluate.scramble import ScrambleOptions, scramble
from reelweave.evaluate.truth import Truth
from reelweave.media import ffmpeg
from reelweave.media.types import Floats, Picture
from reelweave.settings import load
from reelweave.solve.plan.model import Plan

SIZE = (480, 270)
HEADS = ("film", "frames", "films", "cheapest path", "as solved", "undetermined", "the others: said", "right", "CPU s")
PERIODS = (31.0, 47.0)
"""Range of the frames per full swing: 100 frames have four to six passes, and no two show exactly the same picture."""


@dataclass
class Scene:
    """What a film is drawn from: the soft wall behind it, and numbers that differ from film to film."""

    rng: np.random.Generator
    frames: int
    wall: Floats = field(init=False)
    period: float = field(init=False)
    smoke: Floats = field(init=False)

    def __post_init__(self) -> None:
        shades = cv2.resize(self.rng.normal(0, 8, (9, 16, 3)).astype(np.float32), SIZE, interpolation=cv2.INTER_CUBIC)
        self.wall = shades + self.rng.uniform(90, 200)
        self.period = self.rng.uniform(*PERIODS)


def disc(canvas: Picture, x: float, y: float, radius: int = 16) -> None:
    cv2.circle(canvas, (round(16 * x), round(16 * y)), radius * 16, (40, 40, 200), -1, cv2.LINE_AA, 4)


def limb(canvas: Picture, x: float, y: float, length: float, angle: float) -> tuple[float, float]:
    """Draw a limb that hangs from a joint, and return its end."""
    end = x + length * np.sin(angle), y + length * np.cos(angle)
    cv2.line(canvas, *[(round(16 * a), round(16 * b)) for a, b in ((x, y), end)], (40, 60, 120), 9, cv2.LINE_AA, 4)
    return end


def pendulum(canvas: Picture, t: int, scene: Scene, reach: float = 0.6) -> Picture:
    angle = reach * np.cos(2 * np.pi * t / scene.period + 0.3)
    x, y = 240 + 200 * np.sin(angle), 20 + 210 * np.cos(angle)
    cv2.line(canvas, (240, 20), (round(x), round(y)), (20, 20, 20), 2, cv2.LINE_AA)
    disc(canvas, x, y)
    return canvas


def damped(canvas: Picture, t: int, scene: Scene) -> Picture:
    return pendulum(canvas, t, scene, 0.6 * float(np.exp(-t / 80)))


def face(canvas: Picture, t: int, scene: Scene) -> Picture:
    x = 240 + 150 * np.sin(2 * np.pi * t / scene.period)
    cv2.ellipse(canvas, (round(16 * x), 135 * 16), (40 * 16, 55 * 16), 0, 0, 360, (150, 180, 220), -1, cv2.LINE_AA, 4)
    return canvas


def eased(canvas: Picture, t: int, scene: Scene) -> Picture:
    """Draw a disc that rests at either end of its way."""
    phase = abs((t / scene.period) % 1 * 2 - 1)
    disc(canvas, 60 + 360 * eased_share(phase), 135, 24)
    return canvas


def dancer(canvas: Picture, t: float, scene: Scene) -> Picture:
    """Draw four limbs that swing at rates which fit no common period."""
    turns = 2 * np.pi * t / scene.period * np.array([1, 1.37, 0.71, 1.83])
    for side, arm, leg in zip((-1, 1), turns[:2], turns[2:], strict=True):
        x, y = limb(canvas, 240, 110, 55, side * (1.2 + 0.8 * np.sin(arm)))
        limb(canvas, x, y, 45, side * (1.8 + 0.9 * np.sin(arm + 1)))
        limb(canvas, 240, 170, 75, side * (0.35 + 0.3 * np.sin(leg)))
    cv2.line(canvas, (240, 100), (240, 170), (40, 60, 120), 18, cv2.LINE_AA)
    disc(canvas, 240, 80, 20)
    return canvas


def quick_dancer(canvas: Picture, t: int, scene: Scene) -> Picture:
    """Draw a dancer whose every swing takes 10 to 26 frames."""
    return dancer(canvas, 2.5 * t, scene)


def walker(canvas: Picture, t: int, scene: Scene) -> Picture:
    """Draw legs and arms that walk in place."""
    phase = 2 * np.pi * t / scene.period
    for half in (0, np.pi):
        knee = limb(canvas, 240, 150, 50, 0.5 * np.sin(phase + half))
        limb(canvas, *knee, 50, 0.5 * np.sin(phase + half) - 0.4 - 0.4 * np.cos(phase + half))
        limb(canvas, 240, 95, 55, -0.5 * np.sin(phase + half))
    cv2.line(canvas, (240, 90), (240, 150), (40, 60, 120), 18, cv2.LINE_AA)
    return canvas


def wheel(canvas: Picture, t: int, scene: Scene) -> Picture:
    for spoke in range(5):
        angle = 2 * np.pi * (t / scene.period + (spoke**1.5) / 13)
        limb(canvas, 240, 135, 60 + 10 * spoke, angle)
    return canvas


def machine(canvas: Picture, t: int, scene: Scene) -> Picture:
    """Draw a crank, a rod and a piston."""
    x, y = limb(canvas, 150, 150, 50, 2 * np.pi * t / scene.period)
    end = x + np.sqrt(160**2 - (y - 150) ** 2)
    cv2.line(canvas, (round(x), round(y)), (round(end), 150), (30, 30, 30), 6, cv2.LINE_AA)
    cv2.rectangle(canvas, (round(end), 125), (round(end) + 50, 175), (90, 90, 90), -1, cv2.LINE_AA)
    return canvas


def waves(canvas: Picture, t: int, scene: Scene) -> Picture:
    x, y = np.meshgrid(np.arange(SIZE[0]), np.arange(SIZE[1]))
    turn = 2 * np.pi * t / scene.period
    height = np.sin(x / 40 - turn) + 0.7 * np.sin(x / 23 + y / 50 - 1.61 * turn) + 0.5 * np.sin(y / 17 - 0.77 * turn)
    canvas += 12 * height[..., None]
    return canvas


def walk_past(canvas: Picture, t: int, scene: Scene) -> Picture:
    """Draw the walker under a camera that follows: what is behind passes by."""
    return walker(np.ascontiguousarray(np.roll(canvas, -round(1.5 * t), axis=1)), t, scene)


def passing(canvas: Picture, t: int, scene: Scene) -> Picture:
    """Draw a thing that crosses the picture once, slowly at first and at the end."""
    disc(canvas, 40 + 400 * eased_share(t / (scene.frames - 1)), 135, 24)
    return canvas


def pulled_down(canvas: Picture, t: int, scene: Scene) -> Picture:
    """Draw the same after conversion from 24 to 30 frames per second."""
    return passing(canvas, t - t // 5, scene)


def growing(canvas: Picture, t: int, scene: Scene) -> Picture:
    """Draw a plant that grows and a wall that darkens, both slowly."""
    share = t / max(scene.frames - 1, 1)
    x, y = 240.0, 250.0
    for joint in range(6):
        x, y = limb(canvas, x, y, 10 + 24 * share, np.pi + 0.5 * np.sin(2.1 * joint + share))
    return canvas - 12 * share


def smoke(canvas: Picture, t: int, scene: Scene) -> Picture:
    """Draw smoke; only a tenth of it carries over from frame to frame."""
    new = cv2.GaussianBlur(scene.rng.normal(0, 1, (SIZE[1], SIZE[0])).astype(np.float32), (0, 0), 4.5)
    new /= new.std()
    scene.smoke = new if t == 0 else 0.1 * scene.smoke + 0.99**0.5 * new
    canvas += 25 * scene.smoke[..., None]
    return canvas


def eased_share(share: float) -> float:
    return share * share * (3 - 2 * share)


def steady(t: int) -> float:
    return 1.0


def fading(t: int) -> float:
    return 1 + 0.0006 * t


def blinking(t: int) -> float:
    return 1 + 0.1 * float(np.sin(t / 4))


@dataclass(frozen=True)
class Kind:
    """How a film is drawn, lit and disturbed by the noise of a camera, in grey levels."""

    draw: Callable[[Picture, int, Scene], Picture]
    light: Callable[[int], float] = steady
    noise: float = 1.0


RECURRING = {
    "pendulum": Kind(pendulum),
    "pendulum in changing light": Kind(pendulum, fading),
    "pendulum that comes to rest": Kind(damped),
    "face that moves back and forth": Kind(face),
    "the same in blinking light": Kind(face, blinking),
    "pendulum in noise": Kind(pendulum, noise=8.0),
    "eased swing": Kind(eased),
    "dancer": Kind(dancer),
    "dancer in noise": Kind(dancer, noise=8.0),
    "walk in place": Kind(walker),
    "wheel": Kind(wheel),
    "crank and piston": Kind(machine),
    "waves": Kind(waves),
}
ONE_WAY = {
    "walk past the camera": Kind(walk_past),
    "eased motion": Kind(passing),
    "eased motion in noise": Kind(passing, noise=8.0),
    "eased motion, each fifth frame repeated": Kind(pulled_down),
    "growth": Kind(growing),
    "growth in noise": Kind(growing, noise=12.0),
    "growth in blinking light": Kind(growing, blinking, noise=4.0),
    "smoke": Kind(smoke),
}
QUICK = {
    "quick dancer": Kind(quick_dancer),
    "quick dancer in noise": Kind(quick_dancer, noise=8.0),
}
KINDS = RECURRING | ONE_WAY | QUICK

PLAYED = {
    "forth and back": "trim=end_frame={half},split[a][b];[b]reverse[c];[a][c]concat",
    "twice, once darker": "trim=end_frame={half},split[a][b];[b]eq=brightness=-0.03[c];[a][c]concat",
}
"""What is done to clips, as filters of ffmpeg."""


def pictures(kind: str, seed: int, frames: int) -> Iterator[Picture]:
    """Draw a film before a soft wall, in noise."""
    chosen = KINDS[kind]
    rng = np.random.default_rng([seed, list(KINDS).index(kind)])
    scene = Scene(rng, frames)
    for t in range(frames):
        canvas = chosen.draw(scene.wall.copy(), t, scene)
        noisy = canvas * chosen.light(t) + rng.normal(0, chosen.noise, (SIZE[1], SIZE[0], 1))
        yield np.clip(noisy, 0, 255).astype(np.uint8)


def play_clip(clip: Path, name: str, frames: int, output: Path) -> None:
    filters = PLAYED[name].format(half=frames // 2)
    ffmpeg.run(["-i", str(clip), "-filter_complex", filters, "-an", "-c:v", "libx264", "-crf", "0", str(output)])


@dataclass(frozen=True)
class Measured:
    """The scores of an order, what its plan says of its determined joins, and what solving took."""

    scores: Scores
    said: Sequence[float]
    right: Sequence[bool]
    undetermined: int
    joins: int
    cpu_seconds: float


def measured(plan: Plan, truth: Truth, seconds: float) -> Measured:
    right, undetermined = right_joins(plan.order, truth), set(plan.undetermined)
    joins = [(sure, ok) for at, (sure, ok) in enumerate(zip(said(plan), right, strict=True)) if at not in undetermined]
    scores = score_order(plan.order, [one.frame for one in plan.dropped], truth)
    known = [(sure, ok) for sure, ok in joins if sure is not None]
    counts = len(undetermined), len(right)
    return Measured(scores, [a for a, _ in known], [b for _, b in known], *counts, seconds)


def solved(video: Path, truth: Truth, library: Path) -> Measured:
    settings = load({"library": str(library), "ingest.space": "appearance"})
    name = pipeline.ingest(video, settings).id
    started = process_time()
    plan = pipeline.solve(name, settings)
    return measured(plan, truth, process_time() - started)


def both(make: Callable[[Path], None], seed: int, crf: int) -> tuple[Measured, Measured]:
    """Shuffle a film, and order it by the cheapest path and as the product does."""
    cheapest = patch.multiple(
        "reelweave.solve.order", steady_order=lambda _luma, path, *_: list(path), smooth_order=lambda *_: None
    )
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        make(work / "film.mkv")
        truth = scramble(work / "film.mkv", work / "film.mp4", ScrambleOptions(frames=0, seed=seed, crf=crf))
        with cheapest:
            without = solved(work / "film.mp4", truth, work / "cheapest")
        # A library of its own, since orders are cached.
        return without, solved(work / "film.mp4", truth, work / "library")


def adjacency_and_tau(runs: Sequence[Measured]) -> str:
    return f"{mean(one.scores.adjacency for one in runs):.2f} / {mean(one.scores.abs_tau for one in runs):.2f}"


def line(name: str, frames: int, runs: Sequence[tuple[Measured, Measured]]) -> str:
    without, found = zip(*runs, strict=True)
    sure, right = [
        [value for one in found for value in values(one)] for values in (lambda m: m.said, lambda m: m.right)
    ]
    share = sum(one.undetermined for one in found) / sum(one.joins for one in found)
    others = [f"{mean(values):.2f}" if values else "-" for values in (sure, right)]
    seconds = f"{mean(one.cpu_seconds for one in found):.1f}"
    paths = [adjacency_and_tau(part) for part in (without, found)]
    return "| " + " | ".join((name, str(frames), str(len(runs)), *paths, f"{share:.0%}", *others, seconds)) + " |"


def makers(chosen: argparse.Namespace, frames: int) -> Iterator[tuple[str, list[Callable[[Path], None]]]]:
    for kind in chosen.kinds:
        yield kind, [drawn(kind, seed, frames) for seed in range(chosen.films)]
    if chosen.clips:
        split = read_split()
        clips = [clip for clip in clips_in(chosen.clips) if split.half(clip.path.name) == "tuning"]
        for name in PLAYED:
            yield f"clips {name}", [played(clip.path, name, frames) for clip in clips if clip.frames >= frames // 2]


def drawn(kind: str, seed: int, frames: int) -> Callable[[Path], None]:
    return lambda path: encode_pictures(pictures(kind, seed, frames), frames, path, Fraction(25), SIZE, crf=0)


def played(clip: Path, name: str, frames: int) -> Callable[[Path], None]:
    return lambda path: play_clip(clip, name, frames, path)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--films", type=int, default=2, help="films of each kind")
    parser.add_argument("--frames", type=int, nargs="+", default=[100])
    parser.add_argument("--kinds", nargs="*", choices=KINDS, default=list(KINDS), metavar="KIND")
    parser.add_argument("--clips", type=Path, help="a folder of clips; those of the tuning half are played twice")
    parser.add_argument("--crf", type=int, default=18)
    chosen = parser.parse_args()
    print(table(HEADS, []))
    for frames in chosen.frames:
        for name, films in makers(chosen, frames):
            runs = [both(make, seed, chosen.crf) for seed, make in enumerate(films)]
            print(line(name, frames, runs), flush=True)


if __name__ == "__main__":
    main()

"""How well films are ordered in which the same pictures recur: python bench/recurring.py [--films N] [--crf N]

The bench draws things that swing, shuffles each film and orders it twice: by the cheapest path alone, and as the
product does.
"""

import argparse
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from fractions import Fraction
from pathlib import Path
from statistics import mean
from time import process_time
from unittest.mock import patch

import cv2
import numpy as np
from table import table

from reelweave import pipeline
from reelweave.evaluate.drawn.film import encode_pictures
from reelweave.evaluate.scores import Scores, score_order
from reelweave.evaluate.scramble import ScrambleOptions, scramble
from reelweave.media.types import Picture
from reelweave.settings import load

FRAMES, SIZE = 100, (480, 270)
HEADS = ("film", "films", "cheapest path", "as solved", "undetermined", "CPU s of the cheapest path", "CPU s")
PERIODS = (31.0, 47.0)
"""Range of the frames per full swing: a film has four to six passes, and no two show exactly the same pictures."""


def pendulum(canvas: Picture, t: int, period: float, reach: float = 0.6) -> None:
    angle = reach * np.cos(2 * np.pi * t / period + 0.3)
    x, y = 240 + 200 * np.sin(angle), 20 + 210 * np.cos(angle)
    cv2.line(canvas, (240, 20), (round(x), round(y)), (20, 20, 20), 2, cv2.LINE_AA)
    cv2.circle(canvas, (round(16 * x), round(16 * y)), 16 * 16, (40, 40, 200), -1, cv2.LINE_AA, 4)


def damped(canvas: Picture, t: int, period: float) -> None:
    pendulum(canvas, t, period, 0.6 * float(np.exp(-t / 80)))


def face(canvas: Picture, t: int, period: float) -> None:
    x = 240 + 150 * np.sin(2 * np.pi * t / period)
    cv2.ellipse(canvas, (round(16 * x), 135 * 16), (40 * 16, 55 * 16), 0, 0, 360, (150, 180, 220), -1, cv2.LINE_AA, 4)


def steady(t: int) -> float:
    return 1.0


def fading(t: int) -> float:
    return 1 + 0.06 * t / FRAMES


def blinking(t: int) -> float:
    return 1 + 0.1 * float(np.sin(t / 4))


KINDS: dict[str, tuple[Callable[[Picture, int, float], None], Callable[[int], float]]] = {
    "pendulum": (pendulum, steady),
    "pendulum in changing light": (pendulum, fading),
    "pendulum that comes to rest": (damped, steady),
    "face that moves back and forth": (face, steady),
    "the same in blinking light": (face, blinking),
}


def pictures(kind: str, seed: int) -> Iterator[Picture]:
    """Draw a film before a soft wall, in weak noise."""
    draw, light = KINDS[kind]
    rng = np.random.default_rng([seed, list(KINDS).index(kind)])
    shades = cv2.resize(rng.normal(0, 8, (9, 16, 3)).astype(np.float32), SIZE, interpolation=cv2.INTER_CUBIC)
    wall, period = shades + rng.uniform(90, 200), rng.uniform(*PERIODS)
    for t in range(FRAMES):
        canvas = wall.copy()
        draw(canvas, t, period)
        noisy = canvas * light(t) + rng.normal(0, 1, (SIZE[1], SIZE[0], 1))
        yield np.clip(noisy, 0, 255).astype(np.uint8)


def ordered(video: Path, work: Path, by_motion: bool) -> tuple[list[int], list[int], int, float]:
    """Return the order, the dropped frames, the undetermined joins and the CPU seconds of solving."""
    settings = load({"library": str(work / f"library-{by_motion}"), "ingest.space": "appearance"})
    name = pipeline.ingest(video, settings).id
    cheapest = patch("reelweave.solve.order.steady_order", lambda _luma, path, *_: list(path))
    started = process_time()
    with nullcontext() if by_motion else cheapest:
        plan = pipeline.solve(name, settings)
    return plan.order, [one.frame for one in plan.dropped], len(plan.undetermined), process_time() - started


def measured(kind: str, seed: int, crf: int) -> list[tuple[Scores, int, float]]:
    with tempfile.TemporaryDirectory() as name:
        work = Path(name)
        encode_pictures(pictures(kind, seed), FRAMES, work / "drawn.mkv", Fraction(25), SIZE, crf=0)
        truth = scramble(work / "drawn.mkv", work / "film.mp4", ScrambleOptions(frames=0, seed=seed, crf=crf))
        found = [ordered(work / "film.mp4", work, by_motion) for by_motion in (False, True)]
    return [(score_order(order, dropped, truth), open_joins, cpu) for order, dropped, open_joins, cpu in found]


def adjacency_and_tau(scores: Sequence[Scores]) -> str:
    return f"{mean(one.adjacency for one in scores):.2f} / {mean(one.abs_tau for one in scores):.2f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--films", type=int, default=2, help="films of each kind")
    parser.add_argument("--crf", type=int, default=18)
    chosen = parser.parse_args()
    print(table(HEADS, []))
    for kind in KINDS:
        runs = [measured(kind, seed, chosen.crf) for seed in range(chosen.films)]
        without, with_motion = zip(*runs, strict=True)
        scores = [adjacency_and_tau([one for one, *_ in part]) for part in (without, with_motion)]
        share = mean(count for _, count, _ in with_motion) / (FRAMES - 1)
        seconds = [f"{mean(cpu for *_, cpu in part):.1f}" for part in (without, with_motion)]
        print("|", " | ".join((kind, str(chosen.films), *scores, f"{share:.0%}", *seconds)), "|", flush=True)


if __name__ == "__main__":
    main()

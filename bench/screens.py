"""How well recordings of screens are ordered: python bench/screens.py [--films N] [--crf N] [--family check]

The bench draws recordings, encodes each as a recorder does, shuffles it and orders it twice: without the prices for
screens, and as the product does. Scores count frames that encoding made alike as ties.
"""

import argparse
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from fractions import Fraction
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from statistics import mean
from time import process_time
from unittest.mock import patch

from screen_films import FRAMES, KINDS, RATES, SIZE, Family, screen_film
from table import table

from reelweave import pipeline
from reelweave.errors import ReelweaveError
from reelweave.evaluate.drawn.film import encode_pictures
from reelweave.evaluate.scores import score_order
from reelweave.evaluate.scramble import ScrambleOptions, scramble
from reelweave.evaluate.truth import Truth
from reelweave.evaluate.undecided import alike_adjacency, alike_truth
from reelweave.settings import load

HEADS = ("film", "films", "without", "as solved", "lost frames", "CPU s without", "CPU s", "prices")
RECORDER_CRF = 20


@dataclass(frozen=True)
class Outcome:
    """How one film was ordered."""

    adjacency: float
    tau: float
    lost: int
    seconds: float
    price: str


def solved(video: Path, work: Path, alike: Truth, as_screen: bool) -> Outcome:
    settings = load({"library": str(work / f"library-{as_screen}"), "ingest.space": "appearance"})
    name = pipeline.ingest(video, settings).id
    started = process_time()
    with nullcontext() if as_screen else patch("reelweave.solve.choose_price.flat_and_faint", lambda _luma: (0, 0)):
        plan = pipeline.solve(name, settings)
    seconds, dropped = process_time() - started, [one.frame for one in plan.dropped]
    tau = score_order(plan.order, dropped, alike).shot_tau
    return Outcome(alike_adjacency(plan.order, alike), tau, len(dropped), seconds, plan.path.price)


def measured(kind: str, seed: int, family: Family, crf: int) -> tuple[Outcome, Outcome]:
    with tempfile.TemporaryDirectory() as name:
        work, rate = Path(name), Fraction(RATES[seed % len(RATES)])
        encode_pictures(screen_film(kind, seed, family), FRAMES, work / "recorded.mp4", rate, SIZE, crf=RECORDER_CRF)
        options = ScrambleOptions(frames=0, seed=seed, crf=crf)
        truth = scramble(work / "recorded.mp4", work / "film.mp4", options)
        alike = alike_truth(truth, work / "film.mp4")
        return solved(work / "film.mp4", work, alike, False), solved(work / "film.mp4", work, alike, True)


def measurable(
    kinds: Sequence[str], films: int, family: Family, crf: int
) -> Iterator[tuple[str, tuple[Outcome, Outcome]]]:
    """Yield outcomes by kind; a film that cannot be stored is reported and left out."""
    for kind in kinds:
        for seed in range(films):
            try:
                yield kind, measured(kind, seed, family, crf)
            except ReelweaveError as failed:
                print(f"{kind}, film {seed}: {failed.cause}", file=sys.stderr)


def row(kind: str, found: Sequence[tuple[Outcome, Outcome]]) -> tuple[str, ...]:
    parts = list(zip(*found, strict=True))
    scores = [f"{mean(one.adjacency for one in part):.2f} / {mean(one.tau for one in part):.2f}" for part in parts]
    seconds = [f"{mean(one.seconds for one in part):.1f}" for part in parts]
    prices = ", ".join(sorted({one.price for one in parts[1]}))
    return kind, str(len(found)), *scores, str(sum(one.lost for one in parts[1])), *seconds, prices


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--films", type=int, default=3, help="films of each kind")
    parser.add_argument("--crf", type=int, default=18)
    parser.add_argument("--family", choices=("tuning", "check"), default="tuning", help="looks of the screens")
    chosen = parser.parse_args()
    print(table(HEADS, []), flush=True)
    every: list[tuple[Outcome, Outcome]] = []
    outcomes = measurable(list(KINDS), chosen.films, chosen.family, chosen.crf)
    for kind, group in groupby(outcomes, key=itemgetter(0)):
        found = [pair for _, pair in group]
        every += found
        print("|", " | ".join(row(kind, found)), "|", flush=True)
    print("|", " | ".join(row("all", every)), "|")


if __name__ == "__main__":
    main()

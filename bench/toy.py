"""Measure how well words find pictures with a model: recall@1 among 50 captions, and on the demo's film.

python bench/toy.py [--model toy] [--sets 10] [--json FILE]
"""

import argparse
import json
import tempfile
from dataclasses import asdict
from pathlib import Path

import numpy as np
from captions import mixed_set, plain_set

from reelweave.evaluate.drawn.film import draw_film, draw_land, film_shown
from reelweave.evaluate.drawn.recall import CaptionSet, Ranking, cards, rank_frames, recall
from reelweave.evaluate.drawn.scenes import Style
from reelweave.ingest.models.clip import ClipEmbedder
from reelweave.media.source import open_source
from reelweave.settings import load

COUNT = 50
# Training draws with seeds under 10,000.
FIRST_SEED = 10_000
KINDS = {"plain": 1, "alone": 1, "mixed": 4}
"""Colour and shape of one thing; all that can be said of one thing; the same among up to four."""


def sets(kind: str, count: int) -> list[CaptionSet]:
    lands = [draw_land((320, 180), FIRST_SEED + number) for number in range(20)]
    make, style = plain_set if kind == "plain" else mixed_set, Style(KINDS[kind], lands=lands)
    return [make(COUNT, FIRST_SEED + number, style) for number in range(count)]


def share(clip: ClipEmbedder, asked: CaptionSet) -> float:
    return recall(clip.embed_texts(asked.texts), clip.embed(asked.pictures))


def film(clip: ClipEmbedder, seed: int, folder: Path) -> dict[str, Ranking]:
    """How well each actor of a compressed film is found among its frames."""
    size, frames = (640, 360), 120
    path = draw_film(folder / f"{seed}.mp4", frames, size, seed=seed)
    vectors = clip.embed([frame.picture for frame in open_source(path).frames()])
    shown = film_shown(frames, size, seed)
    names = list(shown[0])
    scores = clip.embed_texts([f"a {name}" for name in names]) @ vectors.T
    return {name: rank_frames(scores[row].tolist(), [frame[name] for frame in shown]) for row, name in enumerate(names)}


def measured(model: str, count: int) -> dict[str, object]:
    settings = load({"clip.model": model})
    clip = ClipEmbedder(settings.clip)
    result: dict[str, object] = {"model": model, "weights": clip.space.weights, "cards": share(clip, cards())}
    for kind in KINDS:
        result[kind] = [round(share(clip, asked), 3) for asked in sets(kind, count)]
    with tempfile.TemporaryDirectory() as folder:
        result["films"] = [film(clip, seed, Path(folder)) for seed in range(3)]
    return result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="toy")
    parser.add_argument("--sets", type=int, default=10)
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    result = measured(given.model, given.sets)
    print(f"{result['model']} ({result['weights']})\ncards  recall@1 {result['cards']:.2f} among 24 (chance .04)")
    for kind in KINDS:
        values = np.asarray(result[kind])
        print(
            f"{kind}  recall@1 {values.mean():.3f} mean, {values.min():.2f} least, {given.sets} sets of 50 (chance .02)"
        )
    for seed, actors in enumerate(result["films"]):  # type: ignore[arg-type,var-annotated]
        for name, found in actors.items():
            told = f"precision {found.precision:.3f} (chance {found.chance:.2f})  above {found.above:.3f} (chance .5)"
            print(f"film {seed}  {name:16} {told}  {found.right} of the best {found.best}")
    every = [found for actors in result["films"] for found in actors.values()]  # type: ignore[attr-defined]
    precision, chance = (np.mean([getattr(found, name) for found in every]) for name in ("precision", "chance"))
    print(f"films  mean precision {precision:.3f} (chance {chance:.2f})")
    if given.json:
        given.json.write_text(json.dumps(result, indent=1, default=asdict) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
